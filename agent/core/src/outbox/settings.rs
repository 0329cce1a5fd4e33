//! The ledger's words: records, limits, outputs and counters.

use std::time::Duration;

use goshawk_proto::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Position of a record in the outbox; rises with every append, never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RecordId(pub u64);

/// How urgent a record is: what is sent first and dropped last.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Goes first when space runs out.
    Low,
    /// Events.
    #[default]
    Normal,
    /// Sent before all others.
    High,
}

/// What the ledger knows of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordInfo {
    /// Its position.
    pub id: RecordId,
    /// Bytes on disk.
    pub size: u64,
    /// When it was appended.
    pub appended_at: Timestamp,
    /// How urgent it is.
    pub priority: Priority,
}

/// Limits of the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerSettings {
    /// Most bytes on disk.
    pub max_bytes: u64,
    /// Most records; each takes about 200 bytes of memory.
    pub max_records: usize,
    /// Older records are dropped.
    pub max_age: Duration,
    /// Most records on their way at once; 0 counts as 1.
    pub window_records: usize,
    /// Most bytes on their way at once.
    pub window_bytes: u64,
    /// How long an answer is waited for.
    pub ack_timeout: Duration,
    /// First pause after a refusal.
    pub retry_first: Duration,
    /// Longest pause after a refusal.
    pub retry_max: Duration,
}

impl Default for LedgerSettings {
    fn default() -> Self {
        Self {
            max_bytes: 2 << 30,
            max_records: 1_000_000,
            max_age: Duration::from_secs(7 * 24 * 3600),
            window_records: 64,
            window_bytes: 16 << 20,
            ack_timeout: Duration::from_secs(30),
            retry_first: Duration::from_millis(500),
            retry_max: Duration::from_secs(60),
        }
    }
}

impl LedgerSettings {
    /// The pause after so many refusals: doubling, shortened by up to half by `jitter` of 0 to 1.
    pub(super) fn pause(&self, attempts: u32, jitter: f32) -> Duration {
        let doublings = attempts.saturating_sub(1).min(20);
        let full = self
            .retry_first
            .saturating_mul(1 << doublings)
            .min(self.retry_max);
        let jitter = if jitter.is_nan() {
            0.0
        } else {
            jitter.clamp(0.0, 1.0)
        };
        full.mul_f32(1.0 - jitter / 2.0)
    }

    pub(super) fn longest_timer(&self) -> Duration {
        self.retry_max.max(self.retry_first).max(self.ack_timeout)
    }
}

/// Why a record leaves the outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Removal {
    /// The coordinator has it.
    Acked,
    /// Dropped for space.
    OverBudget,
    /// Dropped for age.
    TooOld,
    /// The coordinator will never take it.
    Rejected,
    /// Its bytes cannot be read back.
    Unreadable,
}

impl Removal {
    /// A short name for a metric's label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Acked => "acked",
            Self::OverBudget => "over_budget",
            Self::TooOld => "too_old",
            Self::Rejected => "rejected",
            Self::Unreadable => "unreadable",
        }
    }

    /// Whether the record was lost, which an operator must hear of.
    pub fn is_loss(self) -> bool {
        self != Self::Acked
    }
}

/// What the driver is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Delete a record from disk.
    Delete {
        /// The record.
        id: RecordId,
        /// Why.
        cause: Removal,
    },
}

/// Why a record cannot be appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// It alone is over the outbox's budget.
    #[error("a record of {size} bytes does not fit into an outbox of {max_bytes}")]
    TooLarge {
        /// The record's bytes.
        size: u64,
        /// The budget.
        max_bytes: u64,
    },
}

/// What happened since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LedgerCounters {
    /// Records appended.
    pub appended: u64,
    /// Times that a record was handed out to be sent.
    pub sent: u64,
    /// Records acknowledged.
    pub acked: u64,
    /// Temporary refusals.
    pub nacked: u64,
    /// Answers that did not come in time.
    pub unanswered: u64,
    /// Records dropped for space.
    pub over_budget: u64,
    /// Records dropped for age.
    pub too_old: u64,
    /// Records refused for good.
    pub rejected: u64,
    /// Records that could not be read back.
    pub unreadable: u64,
    /// Bytes of all records lost.
    pub lost_bytes: u64,
    /// Records that were too large to append.
    pub too_large: u64,
    /// Timers that a clock set back would have stalled.
    pub clock_steps: u64,
}

impl LedgerCounters {
    pub(super) fn count_removal(&mut self, cause: Removal, size: u64) {
        *match cause {
            Removal::Acked => &mut self.acked,
            Removal::OverBudget => &mut self.over_budget,
            Removal::TooOld => &mut self.too_old,
            Removal::Rejected => &mut self.rejected,
            Removal::Unreadable => &mut self.unreadable,
        } += 1;
        if cause.is_loss() {
            self.lost_bytes += size;
        }
    }
}
