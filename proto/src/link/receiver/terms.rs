//! What goes into a receiver and what comes out of it.

use std::time::Duration;

use crate::{
    id::EventId,
    link::{control::Window, push::PushReply},
};

/// Limits and waits of a [`Receiver`](super::Receiver).
#[derive(Debug, Clone, Copy)]
pub struct ReceiverConfig {
    /// What the agent is granted at first.
    pub window: Window,
    /// Longest wait for a push's head, and for its body beyond the time that the bytes of all
    /// pushes under way need at `slowest_rate`.
    pub read_timeout: Duration,
    /// Bytes a second that the slowest usable uplink carries.
    pub slowest_rate: u64,
    /// How long an agent that overruns its window is asked to wait.
    pub overrun_wait: Duration,
}

impl Default for ReceiverConfig {
    /// 32 events or 64 MiB; 20 s at 16 KiB a second; half a second for an overrun.
    fn default() -> Self {
        Self {
            window: Window {
                events: 32,
                bytes: 64 << 20,
            },
            read_timeout: Duration::from_secs(20),
            slowest_rate: 16 << 10,
            overrun_wait: Duration::from_millis(500),
        }
    }
}

/// One stream of the connection, named by the driver; never reused within a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PushKey(pub u64);

/// What the driver shall do.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Read exactly so many bytes and then the end of the stream; answer with
    /// [`Receiver::handle_body`](super::Receiver::handle_body),
    /// [`Receiver::handle_gone`](super::Receiver::handle_gone) or
    /// [`Receiver::handle_no_room`](super::Receiver::handle_no_room).
    ReadBody {
        /// The stream.
        push: PushKey,
        /// Bytes.
        bytes: u32,
    },
    /// Decode and commit the body that was read on `push`; answer with
    /// [`Receiver::handle_committed`](super::Receiver::handle_committed) or [`Receiver::handle_refused`](super::Receiver::handle_refused).
    Commit {
        /// The stream.
        push: PushKey,
        /// The event.
        event_id: EventId,
    },
    /// Write this answer and end the stream; read no more from it. The driver forgets the push.
    Reply {
        /// The stream.
        push: PushKey,
        /// The answer.
        reply: PushReply,
    },
    /// Reset the stream both ways without an answer. The driver forgets the push.
    Abort(PushKey),
    /// Tell the agent of a new window.
    Grant(Window),
}

/// Why an event was not committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// Not now.
    Retry {
        /// The agent shall wait so long.
        after: Duration,
        /// For people.
        reason: String,
    },
    /// Never.
    Permanent {
        /// For people.
        reason: String,
    },
}

/// Totals since the machine was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReceiverStats {
    /// Heads taken.
    pub pushes: u64,
    /// Acks given.
    pub acked: u64,
    /// Of these, for events committed before.
    pub duplicates: u64,
    /// Pushes that waited for the commit of the same event on another stream.
    pub joined: u64,
    /// Answers that ask for a later attempt.
    pub retried: u64,
    /// Answers that refuse for good.
    pub rejected: u64,
    /// Pushes over the window.
    pub overruns: u64,
    /// Pushes cut off for slowness.
    pub timeouts: u64,
    /// Pushes that broke off.
    pub gone: u64,
}
