//! The journal: which events were stored, in the order of their commits.
//!
//! The order of creation does not serve those who must miss nothing: an agent that was offline
//! delivers old events late. The journal names every event when its row is written, in the same
//! transaction. It is bounded: over [`JOURNAL_MAX`] entries the oldest go, whoever has not read
//! them yet; the ordinals tell a reader how many it missed.

use goshawk_coordinator_core::{event::StoredEvent, plugin::cursor::Place};

use super::Stored;

/// Entries kept. Each is some tens of bytes; the event itself is in its own row.
pub const JOURNAL_MAX: u64 = 200_000;

/// One entry.
#[derive(Clone, Debug, PartialEq)]
pub struct JournalEntry {
    /// Where it is.
    pub place: Place,
    /// The event as it is now; `None` when it has been removed since.
    pub event: Option<StoredEvent>,
}

/// Reading the journal. Its entries are written by [`super::IncomingStore::finish`] only.
pub trait EventJournal {
    /// Entries after a place, at most `most`, in order. Every account's: the caller chooses.
    fn journal(&self, after: u64, most: usize) -> Stored<Vec<JournalEntry>>;
    /// The newest entry's place; the zero place while there is none.
    fn journal_head(&self) -> Stored<Place>;
}
