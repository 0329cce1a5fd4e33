//! The way of an incoming event through the store.
//!
//! ```text
//! receive: seen + incoming row          one transaction, durable before the agent is told
//! finish:  event row, index, face, lists, attribute, outgoing row, incoming row removed
//!                                       one transaction, durable before anybody is told
//! sent:    outgoing row removed         after the bus has it
//! ```
//!
//! A crash before `finish` leaves the incoming row: the event is processed again and writes the
//! same ids. A crash after it leaves the outgoing row: the message is sent again. So every event
//! is stored exactly once and sent at least once.

use bytes::Bytes;
use goshawk_coordinator_core::{
    event::StoredEvent,
    face::{FaceRecord, TemporaryAttribute},
};
use goshawk_proto::{
    id::{AccountId, AgentId, EventId},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

use super::Stored;

/// Events that stay set aside; each holds its envelope.
pub const MAX_DEAD: u64 = 10_000;

/// What became of an event that was handed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// It is new and will be processed.
    New,
    /// It was here before; nothing changed.
    Duplicate,
}

/// An event waiting to be processed.
#[derive(Clone, Debug, PartialEq)]
pub struct IncomingRow {
    /// Place in the queue; rises.
    pub seq: u64,
    /// Who owns the stream.
    pub account_id: AccountId,
    /// Who sent it.
    pub agent_id: AgentId,
    /// The event.
    pub event_id: EventId,
    /// When it was handed in.
    pub received_at: Timestamp,
    /// The encoded envelope.
    pub raw: Bytes,
    /// How often processing it has failed.
    pub tries: u32,
}

/// Everything that processing an event writes, in one transaction.
#[derive(Clone, Debug, PartialEq)]
pub struct Finish {
    /// The incoming row that this answers; `None` for events made of pictures.
    pub incoming: Option<u64>,
    /// The event. Its row is written when `event.stored`.
    pub event: StoredEvent,
    /// A face to keep; a list of it that does not exist any more is left out.
    pub face: Option<FaceRecord>,
    /// A temporary attribute to keep.
    pub attribute: Option<TemporaryAttribute>,
    /// Whether subscribers are told.
    pub notify: bool,
    /// When.
    pub now: Timestamp,
}

/// A message that subscribers may not have got yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Outgoing {
    /// Place in the queue; rises.
    pub seq: u64,
    /// The event.
    pub event: StoredEvent,
}

/// An event that could not be processed and was set aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// The event.
    pub event_id: EventId,
    /// Who owns the stream.
    pub account_id: AccountId,
    /// Who sent it.
    pub agent_id: AgentId,
    /// When it was handed in; `None` where an earlier release set it aside.
    #[serde(default)]
    pub received_at: Option<Timestamp>,
    /// When it was set aside.
    pub at: Timestamp,
    /// How often processing it had failed; 0 where an earlier release set it aside.
    #[serde(default)]
    pub tries: u32,
    /// Why.
    pub reason: String,
    /// The encoded envelope.
    #[serde(with = "serde_bytes")]
    pub raw: Vec<u8>,
}

/// Queues of events on their way.
pub trait IncomingStore {
    /// Keeps an event to be processed, once: an event id that this account had before, processed
    /// or not, is a duplicate.
    fn receive(
        &self,
        account: AccountId,
        agent: AgentId,
        event: EventId,
        raw: &[u8],
        now: Timestamp,
    ) -> Stored<Received>;
    /// Whether any account had this event; durable when this returns. Slower than
    /// [`Self::receive`]: for events whose stream, and so whose account, is not known any more.
    fn was_received(&self, event: EventId) -> Stored<bool>;
    /// Events to be processed with a place after `after`, in order. Damaged ones stay where they
    /// are, logged, counted and left out, and so with the other queues.
    fn incoming(&self, after: Option<u64>, most: usize) -> Stored<Vec<IncomingRow>>;
    /// How many events wait.
    fn incoming_len(&self) -> Stored<u64>;
    /// Notes a failed try; returns how many there were.
    fn note_failure(&self, seq: u64) -> Stored<u32>;
    /// Sets an event aside for good. Over [`MAX_DEAD`], the oldest ones are forgotten; returns how
    /// many those are.
    fn bury(&self, seq: u64, reason: &str, now: Timestamp) -> Stored<u64>;
    /// How many events are set aside.
    fn dead_len(&self) -> Stored<u64>;
    /// Events set aside with a place after `after`, oldest first, with their places.
    fn dead_after(&self, after: Option<u64>, most: usize) -> Stored<Vec<(u64, DeadLetter)>>;
    /// The event set aside at a place.
    fn dead_letter(&self, seq: u64) -> Stored<DeadLetter>;
    /// Puts events that were set aside at the end of the queue, the oldest first and in one step,
    /// their tries forgotten. Places where there is none are passed over; says how many were put
    /// back. Their envelopes are in memory together meanwhile: name few at once.
    fn requeue(&self, seqs: &[u64], now: Timestamp) -> Stored<u64>;
    /// Forgets an event that was set aside. `false`: there is none at that place.
    fn forget_dead(&self, seq: u64) -> Stored<bool>;
    /// Writes the outcome of processing. `None`: the incoming row is gone, so somebody did it
    /// before and nothing was written. Else what was written, and its place among the outgoing
    /// ones where subscribers are to be told.
    fn finish(&self, finish: &Finish) -> Stored<Option<Finished>>;
    /// A place in the queues that is higher than all given so far.
    fn mark(&self) -> Stored<u64>;
    /// Messages that may not have been sent, in order.
    fn outgoing(&self, after: Option<u64>, most: usize) -> Stored<Vec<Outgoing>>;
    /// Notes that a message was handed to the bus. Need not be durable at once: a message may be
    /// sent twice.
    fn sent(&self, seq: u64) -> Stored<()>;
}

/// What [`IncomingStore::finish`] wrote.
#[derive(Clone, Debug, PartialEq)]
pub struct Finished {
    /// The event as written.
    pub event: StoredEvent,
    /// Its place among the outgoing ones.
    pub outgoing: Option<u64>,
}
