//! The conformance suite on this store, and what only an embedded store can get wrong.

use std::sync::Arc;

use super::*;
use crate::store::{IncomingStore, Received, conformance, conformance::Fixture};

fn open(dir: &Path) -> Arc<SledStore> {
    SledStore::open(
        dir,
        SledOptions {
            cache_bytes: 8 << 20,
        },
    )
    .unwrap()
}

struct Reopening {
    dir: tempfile::TempDir,
}

impl Fixture for Reopening {
    type Store = SledStore;

    fn open(&self) -> Arc<SledStore> {
        open(self.dir.path())
    }
}

#[test]
fn it_conforms() {
    conformance::all(&|| Reopening {
        dir: tempfile::tempdir().unwrap(),
    });
}

#[test]
fn another_layout_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    {
        let store = open(dir.path());
        store
            .rows
            .insert(keys::SCHEMA, &99u32.to_be_bytes())
            .unwrap();
        store.close().unwrap();
    }
    let error = SledStore::open(dir.path(), SledOptions::default()).err();
    assert!(
        matches!(
            error,
            Some(StoreError::Corrupt {
                what: "schema version",
                ..
            })
        ),
        "{error:?}"
    );
}

/// What was acknowledged must be in the files at that moment, whatever happens to the process.
#[test]
fn what_was_acknowledged_survives_a_crash() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    for n in 0..20u128 {
        let raw = vec![n as u8; 40_000];
        let received = store
            .receive(
                conformance::ACCOUNT,
                conformance::AGENT,
                conformance::event_id(n),
                &raw,
                conformance::at(1),
            )
            .unwrap();
        assert_eq!(received, Received::New);
    }
    let copy = tempfile::tempdir().unwrap();
    conformance::copy_dir(dir.path(), copy.path());
    let recovered = open(copy.path());
    let rows = recovered.incoming(None, 100).unwrap();
    assert_eq!(rows.len(), 20);
    assert!(
        rows.iter()
            .enumerate()
            .all(|(n, row)| row.raw.iter().all(|b| *b == n as u8))
    );
    drop(store);
}

/// How fast events are taken in, for people who change the store: `cargo test -- --ignored`.
#[test]
#[ignore = "a measurement, not a check"]
fn rate_of_durable_events() {
    const WRITERS: u128 = 32;
    const EACH: u128 = 60;
    for size in [4_000, 40_000, 150_000] {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        let start = std::time::Instant::now();
        std::thread::scope(|scope| {
            for writer in 0..WRITERS {
                let store = &store;
                scope.spawn(move || {
                    let raw = vec![7; size];
                    for n in 0..EACH {
                        let id = conformance::event_id(writer * EACH + n);
                        let (account, agent) = (conformance::ACCOUNT, conformance::AGENT);
                        store
                            .receive(account, agent, id, &raw, conformance::at(1))
                            .unwrap();
                    }
                });
            }
        });
        let rate = (WRITERS * EACH) as f64 / start.elapsed().as_secs_f64();
        println!(
            "{size} bytes: {rate:.0} events/s, {} MB on disk",
            store.disk_bytes().unwrap() >> 20
        );
    }
}
