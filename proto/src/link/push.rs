//! One event's stream: the agent opens it, writes a [`PushHead`] frame and exactly
//! [`PushHead::bytes`] bytes of the encoded event, and ends its side. The coordinator writes one
//! [`PushReply`] frame and ends its side; an [`Ack`] only after the event is committed.

use serde::{Deserialize, Serialize};

use super::codec::{MAX_HEAD_BYTES, messages};
use crate::id::EventId;

/// Place of a record in an agent's outbox. Rises with every append and is never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RecordSeq(pub u64);

/// What the link must know about a record before it reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordHead {
    /// Its place.
    pub seq: RecordSeq,
    /// The event in it.
    pub event_id: EventId,
    /// Bytes of the encoded event.
    pub bytes: u32,
}

/// The first frame of a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushHead {
    /// The event that follows; must be the same as inside it.
    pub event_id: EventId,
    /// Bytes that follow, at most [`crate::event::MAX_EVENT_BYTES`].
    pub bytes: u32,
}

/// The event is committed and stays committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    /// The event.
    pub event_id: EventId,
    /// Whether it had been committed before.
    #[serde(default)]
    pub duplicate: bool,
}

/// Not now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retry {
    /// The event.
    pub event_id: EventId,
    /// Wait at least this long before the next attempt, in milliseconds.
    #[serde(default)]
    pub after_ms: u64,
    /// Why, for people.
    #[serde(default)]
    pub reason: String,
}

/// Never: sending the same bytes again cannot help.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reject {
    /// The event.
    pub event_id: EventId,
    /// Why, for people.
    #[serde(default)]
    pub reason: String,
}

messages! {
    /// What an agent writes first on a push.
    pub enum PushMessage (limit MAX_HEAD_BYTES) {
        /// An event follows.
        Push(PushHead) = "push",
    }
}

messages! {
    /// The answer to a push.
    pub enum PushReply (limit MAX_HEAD_BYTES) {
        /// Committed.
        Ack(Ack) = "ack",
        /// Not now.
        Retry(Retry) = "retry",
        /// Never.
        Reject(Reject) = "reject",
    }
}
