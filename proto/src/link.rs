//! The agent-coordinator link as a codec and two state machines; no sockets here.
//!
//! A link is one QUIC connection (TLS 1.3, both sides with certificates of the coordinator's own
//! CA, ALPN [`ALPN_LINK`], no 0-RTT). In it:
//!
//! * the **control stream** ([`control`]), the first one, opened by the agent: hello and welcome,
//!   then assignments, configuration and windows downwards and feedback upwards;
//! * one short **push stream** per event ([`push`]), opened by the agent, answered once: with an
//!   ack only after the event is committed, or with a wait, or with a refusal for good;
//! * **preview streams** ([`preview`]), opened by the coordinator when somebody looks through a
//!   camera.
//!
//! [`Shipper`] is the agent's machine, [`Receiver`] the coordinator's. At-least-once between them
//! and an idempotent commit behind [`Receiver`] make exactly-once in the store.
//!
//! A new agent gets its certificate over a connection of its own ([`enrol`], ALPN [`ALPN_ENROL`])
//! against a join token ([`JoinToken`]).

pub mod backoff;
pub mod codec;
pub mod control;
pub mod enrol;
mod pace;
pub mod preview;
pub mod push;
pub mod receiver;
pub mod shipper;
#[cfg(test)]
mod tests;
mod token;

pub use codec::{CodecError, FrameReader, MAX_CONTROL_BYTES, MAX_HEAD_BYTES};
pub use control::{
    AgentMessage, Assignments, Configuration, CoordinatorMessage, Feedback, Hello, OutboxFeedback,
    StreamCounters, StreamFeedback, VERSIONS, VersionRange, Welcome, Window,
};
pub use push::{Ack, PushHead, PushMessage, PushReply, RecordHead, RecordSeq, Reject, Retry};
pub use receiver::{Receiver, ReceiverConfig};
pub use shipper::{Shipper, ShipperConfig};
pub use token::{Fingerprint, JoinSecret, JoinToken, ParseTokenError};

use crate::id::AgentId;

/// ALPN of the link.
pub const ALPN_LINK: &[u8] = b"goshawk/1";
/// ALPN of enrolment.
pub const ALPN_ENROL: &[u8] = b"goshawk-enrol/1";
/// Name in every coordinator's certificate. Agents trust one CA of their own, so the address that
/// they dial needs no name.
pub const SERVER_NAME: &str = "coordinator.goshawk.internal";
/// Default UDP port of the coordinator.
pub const DEFAULT_PORT: u16 = 5443;

/// Why a side closes the connection; the numbers are QUIC application error codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Close {
    /// Shutting down; come back later.
    Shutdown = 0,
    /// The other side broke the protocol.
    Protocol = 1,
    /// No version in common.
    Version = 2,
    /// The agent's certificate is not, or no longer, accepted.
    Revoked = 3,
    /// A newer connection of the same agent took over.
    Superseded = 4,
    /// Too many connections.
    Busy = 5,
    /// The other side was silent too long.
    Idle = 6,
    /// Enrolment is over.
    Done = 7,
}

impl Close {
    /// The number on the wire.
    pub fn code(self) -> u32 {
        self as u32
    }

    /// Whether the coordinator turned the agent away, so that trying again soon is useless.
    pub fn turns_away(code: u64) -> bool {
        [Self::Protocol, Self::Version, Self::Revoked]
            .iter()
            .any(|c| u64::from(c.code()) == code)
    }
}

/// Start of the URI that names an agent in its certificate.
const AGENT_URI: &str = "urn:goshawk:agent:";

/// The URI (subject alternative name) that names an agent in its certificate.
pub fn agent_uri(agent: AgentId) -> String {
    format!("{AGENT_URI}{agent}")
}

/// The agent that such a URI names.
pub fn agent_of_uri(uri: &str) -> Option<AgentId> {
    uri.strip_prefix(AGENT_URI)?.parse().ok()
}
