//! The log of streams.

use goshawk_coordinator_core::stream::log::LogEntry;
use goshawk_proto::{id::AccountId, time::Timestamp};

use super::Stored;

/// What became of streams. Entries are written by [`super::StreamStore`] in the same step as the
/// change they tell of; of each stream the newest
/// [`goshawk_coordinator_core::stream::log::MAX_LOG_ENTRIES`] are kept.
pub trait StreamLogs {
    /// Entries of an account, or of all, newest first.
    fn stream_logs(&self, account: Option<AccountId>) -> Stored<Vec<LogEntry>>;
    /// Removes entries from before a moment but for the last of each stream; says how many.
    fn sweep_stream_logs(&self, before: Timestamp) -> Stored<u64>;
}
