//! Enrolment: a connection of its own (ALPN [`super::ALPN_ENROL`], no client certificate) with one
//! stream, one [`EnrolMessage`] up and one [`EnrolReply`] down.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::{
    codec::{MAX_HEAD_BYTES, messages},
    token::JoinSecret,
};
use crate::id::{AgentId, JoinTokenId};

/// Longest agent name in characters.
pub const MAX_NAME_CHARS: usize = 128;

/// A new agent asks for a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrol {
    /// Which token it holds.
    pub token_id: JoinTokenId,
    /// The proof.
    pub secret: JoinSecret,
    /// PKCS#10 request in DER, signed with the key that the agent made and keeps.
    pub csr: ByteBuf,
    /// Name for people, 1 to [`MAX_NAME_CHARS`] characters.
    pub name: String,
    /// The agent's software version, for people.
    #[serde(default)]
    pub agent_version: String,
}

/// The agent is enrolled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolled {
    /// Its id, also in the certificate.
    pub agent_id: AgentId,
    /// Its certificate in DER.
    pub certificate: ByteBuf,
    /// The coordinator's CA certificate in DER; the token's fingerprint is of this.
    pub ca: ByteBuf,
}

/// Why an agent is not enrolled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EnrolRefusal {
    /// No such token, or the secret is wrong; which of the two is not told.
    UnknownToken,
    /// Another agent has used it.
    UsedToken,
    /// Its time is over.
    ExpiredToken,
    /// An operator took it back.
    RevokedToken,
    /// The request itself is wrong: name, signing request.
    BadRequest,
    /// Too many enrolments at once; try again.
    Busy,
    /// The coordinator failed; its log says why.
    #[serde(other)]
    Internal,
}

/// The agent is not enrolled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrolRefused {
    /// Which error.
    pub code: EnrolRefusal,
    /// For people, without secrets.
    #[serde(default)]
    pub reason: String,
}

messages! {
    /// What an agent says when it enrols.
    pub enum EnrolMessage (limit MAX_HEAD_BYTES) {
        /// Please.
        Enrol(Enrol) = "enrol",
    }
}

messages! {
    /// What the coordinator answers.
    pub enum EnrolReply (limit MAX_HEAD_BYTES) {
        /// Done.
        Enrolled(Enrolled) = "enrolled",
        /// No.
        Refused(EnrolRefused) = "refused",
    }
}
