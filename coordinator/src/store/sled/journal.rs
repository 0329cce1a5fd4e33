//! The journal of stored events: place -> account, event, ordinal.

use goshawk_coordinator_core::{event::StoredEvent, plugin::cursor::Place};
use goshawk_proto::id::{AccountId, EventId};
use serde::{Deserialize, Serialize};

use super::{
    Change, SledStore, codec,
    keys::{self, Table, place},
};
use crate::store::{
    EventStore, StoreError, Stored,
    journal::{EventJournal, JOURNAL_MAX, JournalEntry},
};

const WHAT: &str = "journal entry";

#[derive(Serialize, Deserialize)]
struct Row {
    account: AccountId,
    event: EventId,
    ordinal: u64,
}

type Entry = Stored<(Place, Row)>;

impl SledStore {
    /// Names an event in the journal and drops the oldest entries over the limit. Called under the
    /// writer's lock.
    pub(super) fn journal_event(&self, change: &mut Change, event: &StoredEvent) -> Stored<()> {
        self.journal_bounded(change, event, JOURNAL_MAX)
    }

    fn journal_bounded(&self, change: &mut Change, event: &StoredEvent, most: u64) -> Stored<()> {
        let ordinal = self.newest()?.ordinal.saturating_add(1);
        let row = Row {
            account: event.account_id,
            event: event.event_id,
            ordinal,
        };
        change.put(
            place(Table::Journal, self.next_seq()?),
            codec::packed(WHAT, &row)?,
        );
        // One is added, so two are enough to shrink a journal that was allowed more.
        for entry in self.entries(0).take(2) {
            let (oldest, row) = entry?;
            if ordinal.saturating_sub(row.ordinal) < most {
                break;
            }
            change.remove(place(Table::Journal, oldest.seq));
        }
        Ok(())
    }

    fn entries(&self, after: u64) -> impl DoubleEndedIterator<Item = Entry> + use<'_> {
        let low = place(Table::Journal, after.saturating_add(1));
        let high = keys::after(&keys::key(Table::Journal, &[]));
        self.range(low, high).map(|row| {
            let (key, value) = row?;
            let seq = keys::place_of(&key).ok_or_else(|| StoreError::not_found(WHAT, "place"))?;
            let row: Row = codec::read(WHAT, &value)?;
            let place = Place {
                seq,
                ordinal: row.ordinal,
            };
            Ok((place, row))
        })
    }

    fn newest(&self) -> Stored<Place> {
        let last = self.entries(0).next_back().transpose()?;
        Ok(last.map(|(place, _)| place).unwrap_or_default())
    }
}

impl EventJournal for SledStore {
    fn journal(&self, after: u64, most: usize) -> Stored<Vec<JournalEntry>> {
        let entries = self.entries(after).take(most);
        entries
            .map(|entry| {
                let (place, row) = entry?;
                let event = match self.event(row.account, row.event) {
                    Ok(event) => Some(event),
                    Err(StoreError::NotFound { .. }) => None,
                    Err(error) => return Err(error),
                };
                Ok(JournalEntry { place, event })
            })
            .collect()
    }

    fn journal_head(&self) -> Stored<Place> {
        self.newest()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{
        Finish, IncomingStore,
        conformance::{at, sample_event},
        sled::SledOptions,
    };

    fn finish(store: &SledStore, n: u128) {
        let finish = Finish {
            incoming: None,
            event: sample_event(n),
            face: None,
            attribute: None,
            notify: false,
            now: at(1),
        };
        store.finish(&finish).unwrap();
    }

    #[test]
    fn the_oldest_entries_go_and_ordinals_tell_how_many() {
        let dir = tempfile::tempdir().unwrap();
        let store = SledStore::open(dir.path(), SledOptions::default()).unwrap();
        for n in 1..=5 {
            finish(&store, n);
        }
        let trim = |n: u128, most| {
            store
                .write(|change| store.journal_bounded(change, &sample_event(n), most))
                .unwrap();
        };
        trim(6, 4);
        trim(7, 4);
        let ordinals = || -> Vec<u64> {
            let entries = store.journal(0, 100).unwrap();
            entries.iter().map(|entry| entry.place.ordinal).collect()
        };
        assert_eq!(ordinals(), [4, 5, 6, 7]);
        trim(8, 4);
        assert_eq!(ordinals(), [5, 6, 7, 8]);
        assert_eq!(store.journal_head().unwrap().ordinal, 8);
    }
}
