//! The coordinator's own certificate authority: who may be an agent.
//!
//! * [`Authority`] makes the CA at first start, signs its own server certificate (a new one in
//!   memory well before the old one ends), hands out join tokens, signs agents' requests against
//!   them and knows which agents are revoked.
//! * The CA and its key are files; tokens and agents are rows of the store
//!   ([`crate::store::agents`]). [`take_over`] brings in what earlier releases kept in files.
//! * `tls` turns all that into TLS settings: an agent without a certificate of ours, with one of
//!   a foreign CA, or with a revoked one does not get past the handshake.
//!
//! Everything here blocks on the disk; async callers use the blocking pool.

mod authority;
mod certificates;
mod import;
mod records;
#[cfg(test)]
mod tests;
pub(crate) mod tls;

pub use authority::{Authority, MAX_JOIN_TOKENS, PkiError, Registry, RenewError};
pub(crate) use import::PUT_ASIDE;
pub use import::take_over;
pub use records::{
    AgentInfo, AgentRecord, JoinTokenInfo, JoinTokenRecord, JoinTokenState, Redeemed, TokenProblem,
    TokenUse,
};
