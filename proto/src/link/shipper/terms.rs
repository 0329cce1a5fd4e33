//! What goes into a shipper and what comes out of it.

use std::time::Duration;

use crate::{
    id::EventId,
    link::{
        backoff::Backoff,
        control::Window,
        push::{RecordHead, RecordSeq},
    },
};

/// Limits and waits of a [`Shipper`](super::Shipper).
#[derive(Debug, Clone, Copy)]
pub struct ShipperConfig {
    /// Our own window; the coordinator's may be smaller.
    pub window: Window,
    /// Longest wait for a connection to be dialled and welcomed.
    pub connect_timeout: Duration,
    /// Longest wait for an answer to a push, beyond the time its bytes need at `slowest_rate`.
    pub push_timeout: Duration,
    /// Bytes a second that the slowest usable uplink carries.
    pub slowest_rate: u64,
    /// Bytes of events a second that go up at most, in bursts of two seconds; 0: no limit.
    pub max_rate: u64,
    /// Waits between connections. A connection that lasted longer than its longest wait, or that
    /// delivered something, starts the count anew.
    pub reconnect: Backoff,
    /// Waits before the same record is pushed again.
    pub retry: Backoff,
}

impl Default for ShipperConfig {
    /// 32 events or 64 MiB; 10 s to connect; 30 s for an answer at 16 KiB a second; no limit to the rate; reconnect
    /// after 0.25 to 30 s; push again after 0.5 to 60 s.
    fn default() -> Self {
        Self {
            window: Window {
                events: 32,
                bytes: 64 << 20,
            },
            connect_timeout: Duration::from_secs(10),
            push_timeout: Duration::from_secs(30),
            slowest_rate: 16 << 10,
            max_rate: 0,
            reconnect: Backoff::clamped(Duration::from_millis(250), Duration::from_secs(30)),
            retry: Backoff::clamped(Duration::from_millis(500), Duration::from_secs(60)),
        }
    }
}

/// One attempt to push one record; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PushId(pub u64);

/// One request for record heads; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FetchId(pub u64);

/// What the driver shall do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transmit {
    /// Dial and say hello; answer with [`Shipper::handle_connected`](super::Shipper::handle_connected) or
    /// [`Shipper::handle_disconnected`](super::Shipper::handle_disconnected).
    Connect,
    /// Close the connection, or stop dialling. No answer is expected.
    Disconnect,
    /// Read record heads from the outbox; answer with [`Shipper::handle_fetched`](super::Shipper::handle_fetched).
    Fetch {
        /// Name of the request, for the answer.
        fetch: FetchId,
        /// Only later ones; `None`: from the oldest.
        after: Option<RecordSeq>,
        /// At most so many.
        max: usize,
    },
    /// Open a stream and send this record.
    Push {
        /// Name of the attempt, for the answer.
        push: PushId,
        /// The record.
        record: RecordHead,
    },
    /// Give up this attempt: reset its stream.
    Cancel(PushId),
}

/// What became of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShipperEvent {
    /// Committed centrally; delete it from the outbox.
    Delivered {
        /// Its place in the outbox.
        seq: RecordSeq,
        /// The event.
        event_id: EventId,
        /// Whether the coordinator had it before.
        duplicate: bool,
    },
    /// The coordinator will never take it; move it out of the way and tell someone.
    Rejected {
        /// Its place in the outbox.
        seq: RecordSeq,
        /// The event.
        event_id: EventId,
        /// Why.
        reason: String,
    },
}

/// How a connection ended, or failed to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disconnect {
    /// The network's fault, or a restart: try again soon.
    Lost,
    /// We were turned away (certificate, version): trying often is useless, never trying is worse.
    Refused,
}

/// Totals since the machine was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ShipperStats {
    /// Connections that were welcomed.
    pub connects: u64,
    /// Pushes begun.
    pub pushes: u64,
    /// Records acknowledged.
    pub acked: u64,
    /// Of these, known to the coordinator before.
    pub duplicates: u64,
    /// Answers that asked for a later attempt.
    pub retries: u64,
    /// Records refused for good.
    pub rejected: u64,
    /// Pushes without an answer in time.
    pub timeouts: u64,
    /// Pushes cut off by a lost connection or stream.
    pub interrupted: u64,
}
