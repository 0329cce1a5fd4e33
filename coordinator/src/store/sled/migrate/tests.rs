//! Databases of earlier layouts.

use std::path::Path;

use super::*;
use crate::store::{
    AccountStore, FaceStore, IncomingStore, ListStore,
    conformance::{self, ACCOUNT, AGENT, at, event_id, face, face_id, list, list_id, page},
    sled::{SledOptions, SledStore, open_database},
};

/// A database of layout 1, as the first release wrote it: the same rows without checksums.
fn old_database(dir: &Path, faces: u128) {
    {
        let store = SledStore::open(dir, SledOptions::default()).unwrap();
        store
            .create_account(&conformance::sample_account(1, "ada@example.org"))
            .unwrap();
        store.create_list(&list(1)).unwrap();
        for n in 0..faces {
            let mut face = face(n, &[list_id(1)]);
            // Some are cut into pieces.
            face.user_data = "x".repeat(if n.is_multiple_of(40) { 20_000 } else { 10 });
            store
                .write_relaxed(|change| store.put_face(change, None, face))
                .unwrap();
        }
        store
            .receive(ACCOUNT, AGENT, event_id(1), &[7; 50_000], at(1))
            .unwrap();
        for row in store.rows.iter() {
            let (key, value) = row.unwrap();
            if key[0] != keys::META {
                let content = value.subslice(0, value.len() - seal::SUM_BYTES);
                store.rows.insert(key, content).unwrap();
            }
        }
        store
            .rows
            .insert(keys::SCHEMA, &1u32.to_be_bytes())
            .unwrap();
        store.close().unwrap();
    }
    // And one account written by hand, byte for byte.
    let db = ::sled::open(dir).unwrap();
    let rows = db.open_tree("rows").unwrap();
    let id = [&b"a"[..], &[2; 16]].concat();
    let bob = br#"j{"account_id":"02020202-0202-0202-0202-020202020202","login":"bob@example.org","password_hash":"$argon2id$","account_type":"user","description":"","create_time":"1970-01-01T00:00:01Z","last_update_time":"1970-01-01T00:00:01Z"}"#;
    rows.insert(id, &bob[..]).unwrap();
    rows.insert(b"lbob@example.org", &[2; 16]).unwrap();
    db.flush().unwrap();
}

fn expect_everything(dir: &Path, faces: u128) {
    let store = SledStore::open(dir, SledOptions::default()).unwrap();
    assert_eq!(layout(&store.rows), Ok(Some(SCHEMA)));
    assert_eq!(store.rows.get(keys::CURSOR).unwrap(), None);
    assert_eq!(store.accounts(page(1, 10)).unwrap().len(), 2);
    assert_eq!(
        store
            .account_by_login("bob@example.org")
            .unwrap()
            .description,
        ""
    );
    assert_eq!(store.list(ACCOUNT, list_id(1)).unwrap(), list(1));
    for n in 0..faces {
        let read = store.face(ACCOUNT, face_id(n)).unwrap();
        let length = if n.is_multiple_of(40) { 20_000 } else { 10 };
        assert_eq!(read.user_data.len(), length);
    }
    assert_eq!(store.incoming(None, 5).unwrap()[0].raw[..], [7; 50_000]);
    for row in store.rows.iter() {
        let (key, value) = row.unwrap();
        assert_eq!(
            seal::content_len(&key, &value).is_some(),
            key[0] != keys::META,
            "{}",
            keys::shown(&key)
        );
    }
}

#[test]
fn a_database_of_the_first_layout_gets_checksums() {
    let dir = tempfile::tempdir().unwrap();
    old_database(dir.path(), 300);
    expect_everything(dir.path(), 300);
    expect_everything(dir.path(), 300);
}

/// A crash after any batch: what was done is on disk, the rest is not.
#[test]
fn a_migration_goes_on_where_it_was_cut_off() {
    let dir = tempfile::tempdir().unwrap();
    old_database(dir.path(), 700);
    let mut lives = 0;
    loop {
        let db = open_database(dir.path(), SledOptions::default()).unwrap();
        let rows = db.open_tree("rows").unwrap();
        let flusher = Flusher::start(db, dir.path()).unwrap();
        if !batch(&rows, &flusher, &STEPS[0]).unwrap() {
            break;
        }
        lives += 1;
        let error = SledStore::open(&dir.path().join("none"), SledOptions::default());
        assert!(error.is_ok(), "another database does not mind");
    }
    assert!(lives > 3, "{lives} batches");
    expect_everything(dir.path(), 700);
}

/// A layout row that was damaged into an older number must not seal values twice.
#[test]
fn a_step_that_was_done_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    old_database(dir.path(), 50);
    {
        let store = SledStore::open(dir.path(), SledOptions::default()).unwrap();
        store
            .rows
            .insert(keys::SCHEMA, &1u32.to_be_bytes())
            .unwrap();
        store.close().unwrap();
    }
    expect_everything(dir.path(), 50);
}

#[test]
fn a_newer_layout_and_a_missing_one_are_refused() {
    for (layout, words) in [
        (Some(&99u32.to_be_bytes()[..]), "knows layouts up to"),
        (Some(&b"x"[..]), "cannot be read"),
        (None, "no layout"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        {
            let store = SledStore::open(dir.path(), SledOptions::default()).unwrap();
            store.create_list(&list(1)).unwrap();
            match layout {
                Some(bytes) => store.rows.insert(keys::SCHEMA, bytes).unwrap(),
                None => store.rows.remove(keys::SCHEMA).unwrap(),
            };
            store.close().unwrap();
        }
        match SledStore::open(dir.path(), SledOptions::default()).err() {
            Some(StoreError::Corrupt {
                what: "schema version",
                message,
            }) => assert!(message.contains(words), "{message}"),
            other => panic!("{other:?}"),
        }
    }
}
