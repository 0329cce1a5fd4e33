//! What happened at the agents' port, in numbers.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Totals since the start.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct IngestStats {
            $($(#[$doc])* pub $name: u64,)*
        }

        /// The same, being counted.
        #[derive(Debug, Default)]
        pub(super) struct Counters {
            $(pub $name: Counter,)*
        }

        impl Counters {
            pub fn snapshot(&self) -> IngestStats {
                IngestStats { $($name: self.$name.0.load(Ordering::Relaxed),)* }
            }
        }
    };
}

counters! {
    /// Connections that came in.
    incoming,
    /// Of these, refused because there were too many connections or handshakes.
    refused_full,
    /// Of these, asked to prove their address first.
    retried,
    /// Handshakes that failed or took too long: no, foreign or revoked certificates among them.
    failed_handshakes,
    /// Links that were welcomed.
    links,
    /// Links that ended because the same agent came again.
    superseded,
    /// Links that were cut because the agent was revoked.
    revoked,
    /// Links that ended because the agent broke the protocol.
    protocol_errors,
    /// Agents enrolled.
    enrolled,
    /// Enrolments refused or broken off.
    enrolments_refused,
    /// Certificates of agents renewed.
    renewed,
    /// Renewals refused or failed.
    renewals_refused,
    /// Pushes whose head was read.
    pushes,
    /// Bytes of events read.
    event_bytes,
    /// Events committed.
    committed,
    /// Events that had been committed before.
    duplicates,
    /// Acks given.
    acked,
    /// Pushes answered with a wait.
    retries,
    /// Of these, because a window or the memory was full.
    overruns,
    /// Pushes refused for good.
    rejected,
    /// Of these, because the bytes were no event.
    malformed_events,
    /// Pushes cut off for slowness.
    timeouts,
    /// Pushes that broke off.
    gone,
    /// Commits that panicked.
    panics,
    /// Messages of kinds that this version does not know.
    unknown_messages,
    /// Documents that could not be sent because they are too large.
    oversize_documents,
}

/// One number.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    pub fn one(&self) {
        self.add(1);
    }
}
