//! The conformance suite on this store, and what only an embedded store can get wrong.

use std::sync::Arc;

use goshawk_coordinator_core::face::FaceRecord;
use proptest::prelude::*;

use super::*;
use crate::store::{
    FaceQuery, FaceStore, IncomingStore, ListStore, Received, Store, conformance,
    conformance::{ACCOUNT, Fixture},
};

fn open(dir: &Path) -> Arc<SledStore> {
    SledStore::open(
        dir,
        SledOptions {
            cache_bytes: 8 << 20,
            reserve_bytes: 0,
        },
    )
    .unwrap()
}

struct Reopening {
    dir: tempfile::TempDir,
}

impl Fixture for Reopening {
    fn open(&self) -> Arc<dyn Store> {
        open(self.dir.path())
    }
}

#[test]
fn it_conforms() {
    conformance::all(&|| Reopening {
        dir: tempfile::tempdir().unwrap(),
    });
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
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for n in 0..300 {
                let face = user_data(20_000 + n * 50);
                store
                    .write_relaxed(|change| store.put_face(change, None, face))
                    .unwrap();
            }
        });
        while !writer.is_finished() {
            let face = store.face(ACCOUNT, conformance::face_id(1)).unwrap();
            assert!((20_000..35_000).contains(&face.user_data.len()));
        }
    });
}

/// Changes that nobody waits for, in a file that shrinks all the while: sled alone stands still
/// within seconds, see `flusher`.
#[test]
fn bursts_of_changes_go_on_while_the_file_shrinks() {
    let (told, done) = std::sync::mpsc::channel();
    for writer in 0..2u64 {
        let told = told.clone();
        std::thread::spawn(move || {
            for round in 0..12 {
                let dir = tempfile::tempdir().unwrap();
                let store = open(dir.path());
                for n in 0..700u64 {
                    // A walk over the keys that repeats none for long, and lengths up to 9000.
                    let mixed = (n + 701 * (round + writer)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                    let key = [&b"f"[..], &(mixed % 600).to_be_bytes()].concat();
                    let change = |change: &mut Change| {
                        match mixed >> 63 {
                            0 => change.put(key, vec![7; (mixed >> 32) as usize % 9000]),
                            _ => change.remove(key),
                        }
                        Ok(())
                    };
                    store.write_relaxed(change).unwrap();
                }
            }
            told.send(()).unwrap();
        });
    }
    for _ in 0..2 {
        let done = done.recv_timeout(std::time::Duration::from_secs(180));
        assert!(done.is_ok(), "a writer stands still or has failed");
    }
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
    assert_eq!(store.dead_after(None, 1).unwrap()[0].1.raw[0], 3);
    let pieces = store.scan(&keys::key(keys::Table::Piece, &[])).count();
    assert!((1..=5).contains(&pieces), "theirs are gone: {pieces}");
}

/// Changes a bit of the stored value of a key.
fn damage(store: &SledStore, key: &[u8]) {
    let mut value = store.rows.get(key).unwrap().unwrap().to_vec();
    value[0] ^= 1;
    store.rows.insert(key, value).unwrap();
}

fn damaged<T: std::fmt::Debug>(result: Stored<T>, kind: &str) -> bool {
    matches!(result, Err(StoreError::Corrupt { what, .. }) if what == kind)
}

#[test]
fn a_damaged_value_is_never_served() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.create_list(&conformance::list(1)).unwrap();
    for n in 1..=3 {
        store.create_face(&conformance::face(n, &[])).unwrap();
    }
    let id = conformance::face_id(2);
    damage(&store, &faces::row_key(ACCOUNT, id));
    let before = store.stats().damaged;
    assert!(damaged(store.face(ACCOUNT, id), "face"));
    assert!(store.stats().damaged > before);
    let all = store.faces(ACCOUNT, &FaceQuery::default(), conformance::at(9));
    assert!(damaged(all, "face"), "not left out of a listing");
    assert!(damaged(
        store.create_face(&conformance::face(2, &[])),
        "face"
    ));
    assert!(store.face(ACCOUNT, conformance::face_id(1)).is_ok());
    let mut matched = Vec::new();
    store
        .each_face(&mut |face| matched.push(face.face_id))
        .unwrap();
    assert_eq!(matched, [conformance::face_id(1), conformance::face_id(3)]);

    let list = keys::owned(
        keys::Table::List,
        ACCOUNT,
        conformance::list_id(1).as_bytes(),
    );
    damage(&store, &list);
    assert!(damaged(
        store.list(ACCOUNT, conformance::list_id(1)),
        "list"
    ));
}

#[test]
fn a_damaged_piece_and_a_damaged_index_row_are_found() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let face = user_data(20_000);
    store.create_face(&face).unwrap();
    let piece = store.rows.scan_prefix([b'P']).next().unwrap().unwrap().0;
    damage(&store, &piece);
    assert!(damaged(
        store.face(ACCOUNT, face.face_id),
        "piece of a value"
    ));
    damage(
        &store,
        &keys::face_time(ACCOUNT, face.create_time, face.face_id),
    );
    let all = store.faces(ACCOUNT, &FaceQuery::default(), conformance::at(9));
    assert!(damaged(all, "face time index"));
}

#[test]
fn a_damaged_row_of_a_queue_holds_up_nobody_and_stays() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    for n in 1..=4u128 {
        let id = conformance::event_id(n);
        let at = conformance::at(1);
        store
            .receive(ACCOUNT, conformance::AGENT, id, &[1; 10], at)
            .unwrap();
    }
    let seqs: Vec<u64> = store
        .incoming(None, 9)
        .unwrap()
        .iter()
        .map(|row| row.seq)
        .collect();
    damage(&store, &keys::place(keys::Table::Incoming, seqs[0]));
    damage(&store, &keys::place(keys::Table::Envelope, seqs[1]));
    let rows = store.incoming(None, 1).unwrap();
    assert_eq!(
        (rows.len(), rows[0].seq),
        (1, seqs[2]),
        "as many as there are"
    );
    assert_eq!(store.incoming(None, 9).unwrap().len(), 2);
    assert_eq!(
        store.rows.scan_prefix([b'q']).count(),
        4,
        "nothing was thrown away"
    );
    assert_eq!(store.stats().waits, 4);
}

#[test]
fn queues_are_counted_over_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    {
        let store = open(dir.path());
        for n in 1..=3u128 {
            let id = conformance::event_id(n);
            let at = conformance::at(1);
            store
                .receive(ACCOUNT, conformance::AGENT, id, &[1; 10], at)
                .unwrap();
        }
        let seq = store.incoming(None, 1).unwrap()[0].seq;
        store.bury(seq, "bad", conformance::at(2)).unwrap();
        let stats = store.stats();
        assert_eq!((stats.waits, stats.dead), (2, 1));
    }
    let stats = open(dir.path()).stats();
    assert_eq!((stats.waits, stats.dead, stats.broken), (2, 1, false));
}

#[test]
fn without_room_only_removing_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    {
        let store = open(dir.path());
        store.create_face(&conformance::face(1, &[])).unwrap();
    }
    let free = Room::new(dir.path(), None, 0).free().unwrap();
    let options = SledOptions {
        reserve_bytes: free / 2 * 3,
        ..SledOptions::default()
    };
    let store = SledStore::open(dir.path(), options).unwrap();
    match store.create_face(&conformance::face(2, &[])) {
        Err(StoreError::Unavailable { after, message }) => {
            assert_eq!(after, RETRY_WHEN_FULL);
            assert!(message.contains("full"), "{message}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(store.stats().refused_full, 1);
    assert_eq!(store.fault(), None);
    assert!(store.face(ACCOUNT, conformance::face_id(1)).is_ok());
    store.delete_face(ACCOUNT, conformance::face_id(1)).unwrap();
}
