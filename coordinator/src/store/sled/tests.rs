//! The conformance suite on this store, and what only an embedded store can get wrong.

use std::sync::Arc;

use goshawk_coordinator_core::face::FaceRecord;
use proptest::prelude::*;

use super::*;
use crate::store::{
    FaceStore, IncomingStore, Received, conformance,
    conformance::{ACCOUNT, Fixture},
};

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

fn user_data(length: usize) -> FaceRecord {
    let user_data = "x".repeat(length);
    FaceRecord {
        user_data,
        ..conformance::face(1, &[])
    }
}

fn pieces(store: &SledStore) -> usize {
    store.rows.scan_prefix([b'P']).count()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn values_of_any_size_come_back_whole_and_leave_nothing(
        lengths in prop::collection::vec(prop_oneof![0usize..100, 5_900usize..6_400, 12_000usize..40_000], 1..12),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        for length in lengths {
            let face = user_data(length);
            store.write(|change| store.put_face(change, None, face.clone())).unwrap();
            prop_assert_eq!(store.face(ACCOUNT, face.face_id).unwrap(), face.clone());
            let mut listed = Vec::new();
            store.each_face(&mut |face| listed.push(face)).unwrap();
            prop_assert_eq!(listed, vec![face]);
        }
        store.delete_face(ACCOUNT, conformance::face_id(1)).unwrap();
        prop_assert_eq!(pieces(&store), 0);
    }
}

#[test]
fn a_reader_never_sees_half_of_a_value_that_is_being_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.create_face(&user_data(30_000)).unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0..300 {
                let face = user_data(20_000 + n * 50);
                store
                    .write_relaxed(|change| store.put_face(change, None, face))
                    .unwrap();
            }
            done.store(true, std::sync::atomic::Ordering::SeqCst);
        });
        while !done.load(std::sync::atomic::Ordering::SeqCst) {
            let face = store.face(ACCOUNT, conformance::face_id(1)).unwrap();
            assert!((20_000..35_000).contains(&face.user_data.len()));
        }
    });
}

/// A full disk leaves such a snapshot.
#[test]
fn a_snapshot_cut_short_costs_nothing() {
    let dir = tempfile::tempdir().unwrap();
    {
        let store = open(dir.path());
        store.create_face(&user_data(10)).unwrap();
    }
    drop(open(dir.path()));
    let is_snapshot =
        |entry: &std::fs::DirEntry| entry.file_name().to_string_lossy().starts_with("snap.");
    let entries = std::fs::read_dir(dir.path()).unwrap().map(Result::unwrap);
    let snapshots: Vec<_> = entries.filter(is_snapshot).collect();
    assert!(!snapshots.is_empty(), "there is something to cut short");
    for snapshot in snapshots {
        let file = std::fs::OpenOptions::new()
            .write(true)
            .open(snapshot.path())
            .unwrap();
        file.set_len(snapshot.metadata().unwrap().len() / 2)
            .unwrap();
    }
    let store = open(dir.path());
    assert_eq!(
        store.face(ACCOUNT, conformance::face_id(1)).unwrap(),
        user_data(10)
    );
}

/// sled never syncs what it puts into files of its own, so nothing may get there.
#[test]
fn no_value_becomes_a_file_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    for n in 0..60u128 {
        let raw = vec![n as u8; 150_000];
        let id = conformance::event_id(n);
        store
            .receive(ACCOUNT, conformance::AGENT, id, &raw, conformance::at(1))
            .unwrap();
    }
    let blobs = std::fs::read_dir(dir.path().join("blobs")).unwrap();
    assert_eq!(blobs.count(), 0);
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

#[test]
fn the_oldest_dead_letters_make_room() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    for n in 0..4u128 {
        let id = conformance::sample_event(n).event_id;
        let raw = vec![n as u8; 20_000];
        let at = conformance::at(1);
        store
            .receive(ACCOUNT, conformance::AGENT, id, &raw, at)
            .unwrap();
        let seq = store.incoming(None, 1).unwrap()[0].seq;
        assert_eq!(store.bury(seq, "bad", at).unwrap(), 0);
    }
    let dropped = store.write(|change| store.drop_oldest_dead(change, 1));
    assert_eq!(dropped, Ok(3));
    assert_eq!(store.dead_len(), Ok(1));
    assert_eq!(store.dead_letters(10).unwrap()[0].raw[0], 3);
    let pieces = store.scan(&keys::key(keys::Table::Piece, &[])).count();
    assert!((1..=5).contains(&pieces), "theirs are gone: {pieces}");
}
