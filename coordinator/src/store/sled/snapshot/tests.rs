//! Snapshots against a copy taken at the same moment.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::store::sled::SledOptions;

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

fn all(store: &SledStore) -> Rows {
    let rows = store.rows.iter().map(Result::unwrap);
    rows.map(|(key, value)| (key.to_vec(), value.to_vec()))
        .collect()
}

fn put(store: &SledStore, n: u16, length: usize) {
    let key = [&b"f"[..], &n.to_be_bytes()].concat();
    let put = store.write_relaxed(|change| {
        change.put(key, vec![n as u8; length]);
        Ok(())
    });
    put.unwrap();
}

fn remove(store: &SledStore, n: u16) {
    let key = [&b"f"[..], &n.to_be_bytes()].concat();
    let removed = store.write_relaxed(|change| {
        change.remove(key);
        Ok(())
    });
    removed.unwrap();
}

fn store() -> (tempfile::TempDir, std::sync::Arc<SledStore>) {
    let dir = tempfile::tempdir().unwrap();
    let options = SledOptions {
        cache_bytes: 8 << 20,
        reserve_bytes: 0,
    };
    let store = SledStore::open(dir.path(), options).unwrap();
    (dir, store)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn it_shows_one_moment_whatever_is_written_meanwhile(
        before in prop::collection::vec((0u16..2000, 0usize..9000), 1..900),
        meanwhile in prop::collection::vec((0u16..2000, prop::option::of(0usize..9000)), 0..300),
        pace in 1usize..80,
    ) {
        let (_dir, store) = store();
        for (n, length) in before {
            put(&store, n, length);
        }
        let expected = all(&store);
        let mut snapshot = store.snapshot().unwrap();
        prop_assert!(store.snapshot().is_err(), "one at a time");
        let mut seen = Rows::new();
        let mut changes = meanwhile.into_iter();
        while let Some(rows) = snapshot.read_on().unwrap() {
            let last = seen.keys().next_back().cloned();
            prop_assert!(rows.iter().all(|row| last.as_ref().is_none_or(|last| row.key > *last)));
            seen.extend(rows.into_iter().map(|row| (row.key, row.value)));
            for (n, length) in changes.by_ref().take(pace) {
                match length {
                    Some(length) => put(&store, n, length),
                    None => remove(&store, n),
                }
            }
        }
        prop_assert_eq!(seen, expected);
        drop(snapshot);
        prop_assert!(store.snapshot().is_ok());
    }
}

#[test]
fn what_changes_too_fast_fails_the_snapshot_and_not_the_writer() {
    let (_dir, store) = store();
    for n in 0..600 {
        put(&store, n, 100);
    }
    let mut snapshot = store.snapshot_within(1000).unwrap();
    assert!(snapshot.read_on().unwrap().is_some());
    for n in 300..600 {
        put(&store, n, 200);
    }
    assert!(matches!(
        snapshot.read_on(),
        Err(StoreError::Unavailable { .. })
    ));
    assert_eq!(all(&store).len(), 601);
}
