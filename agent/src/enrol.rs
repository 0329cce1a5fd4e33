//! Enrolment: how this agent becomes somebody.
//!
//! With a join token an agent without a certificate asks the coordinator for one. It makes its own
//! key, which never leaves it; it says the token's secret only to a coordinator whose CA has the
//! fingerprint in the token; and it keeps three files in its identity folder: `agent.key.pem`
//! (readable by its owner alone), `ca.crt.pem`, and, written last, `agent.crt.pem`, whose presence
//! says that the agent is enrolled (`agent.next.key.pem` is there for a moment when the key is renewed). A lost answer is no harm: the same key with the same token
//! gets the same identity again.

mod exchange;
mod identity;
mod pin;
pub(crate) mod renewal;
#[cfg(test)]
mod tests;

pub(crate) use exchange::probe;
pub use exchange::{EnrolError, EnrolRequest, enrol};
pub use identity::{Identity, IdentityError};
