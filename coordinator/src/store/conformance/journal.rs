//! The journal of stored events.

use goshawk_coordinator_core::plugin::cursor::Place;

use super::{Fixture, at, event_id, sample_event};
use crate::store::{Finish, Store};

fn finish(store: &dyn Store, n: u128, stored: bool) {
    let mut event = sample_event(n);
    event.stored = stored;
    let finish = Finish {
        incoming: None,
        event,
        face: None,
        attribute: None,
        notify: false,
        now: at(90),
    };
    store.finish(&finish).unwrap();
}

fn read(store: &dyn Store, after: u64) -> Vec<(u64, Place)> {
    let entries = store.journal(after, 100).unwrap();
    let number = |e: crate::store::JournalEntry| {
        let id = e.event.unwrap().event_id;
        ((id.0.as_u128() - event_id(0).0.as_u128()) as u64, e.place)
    };
    entries.into_iter().map(number).collect()
}

/// Entries come in the order of commits, not of creation; places only rise, over a restart as well;
/// events that are not kept are not named.
pub(super) fn follows_commits<F: Fixture>(fixture: &F) {
    let store = fixture.open();
    assert_eq!(store.journal_head().unwrap(), Place::default());
    for n in [5, 3, 4] {
        finish(store.as_ref(), n, true);
    }
    finish(store.as_ref(), 6, false);
    let first = read(store.as_ref(), 0);
    assert_eq!(first.iter().map(|(n, _)| *n).collect::<Vec<_>>(), [5, 3, 4]);
    let head = store.journal_head().unwrap();
    assert_eq!(head, first[2].1);
    assert_eq!(head.ordinal, 3);
    drop(store);
    let store = fixture.open();
    finish(store.as_ref(), 1, true);
    let later = read(store.as_ref(), head.seq);
    assert_eq!(later.len(), 1);
    assert_eq!(later[0].0, 1);
    assert_eq!(later[0].1.ordinal, 4);
    assert_eq!(store.journal(0, 2).unwrap().len(), 2);
}
