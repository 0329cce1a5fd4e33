//! The coordinator's own certificate authority: who may be an agent.
//!
//! * [`Authority`] makes the CA at first start, signs its own server certificate (a new one in
//!   memory well before the old one ends), hands out join tokens, signs agents' requests against
//!   them and knows which agents are revoked.
//! * What must last is behind two small traits, [`JoinTokenStore`] and [`AgentRegistry`];
//!   [`FileRegistry`] is the simple durable implementation of both.
//! * `tls` turns all that into TLS settings: an agent without a certificate of ours, with one of
//!   a foreign CA, or with a revoked one does not get past the handshake.
//!
//! Everything here blocks on small files; async callers use the blocking pool.

mod authority;
mod certificates;
mod file_registry;
pub(crate) mod files;
mod records;
#[cfg(test)]
mod tests;
pub(crate) mod tls;

pub use authority::{Authority, MAX_JOIN_TOKENS, PkiError};
pub use file_registry::FileRegistry;
pub use records::{
    AgentInfo, AgentRecord, AgentRegistry, JoinTokenInfo, JoinTokenRecord, JoinTokenState,
    JoinTokenStore, Redeemed, RegistryError, TokenProblem,
};
