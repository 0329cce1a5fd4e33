//! Every kind of damage is told, and a whole database has none.

use std::sync::Arc;

use super::*;
use crate::store::{
    AccountStore, AgentRegistry, AttributeStore, FaceStore, Finish, IncomingStore, JoinTokenStore,
    ListStore, StreamStore,
    conformance::{self, ACCOUNT, AGENT, at, event_id, face, face_id, list, list_id},
    sled::{SledOptions, SledStore},
};

fn filled() -> (tempfile::TempDir, Arc<SledStore>) {
    let dir = tempfile::tempdir().unwrap();
    let store = SledStore::open(dir.path(), SledOptions::default()).unwrap();
    store
        .create_account(&conformance::sample_account(0xacc, "ada@example.org"))
        .unwrap();
    store.create_stream(&conformance::sample_stream(1)).unwrap();
    store.create_list(&list(1)).unwrap();
    // One that is cut into pieces.
    let mut long = list(2);
    long.user_data = "x".repeat(20_000);
    store.create_list(&long).unwrap();
    store.create_face(&face(9, &[list_id(2)])).unwrap();
    for n in 1..=5 {
        let mut face = face(n, &[list_id(1)]);
        face.user_data = "x".repeat(4_000 * n as usize);
        store.create_face(&face).unwrap();
        let raw = vec![3; 30_000];
        store
            .receive(ACCOUNT, AGENT, event_id(n), &raw, at(1))
            .unwrap();
    }
    store
        .put_attribute(&conformance::sample_attribute(1, 50))
        .unwrap();
    store
        .create_join_token(&conformance::sample_join_token(1), 10)
        .unwrap();
    store.put_agent(&conformance::sample_agent(1)).unwrap();
    let seqs: Vec<u64> = store
        .incoming(None, 9)
        .unwrap()
        .iter()
        .map(|r| r.seq)
        .collect();
    store.bury(seqs[0], "bad", at(2)).unwrap();
    let finish = Finish {
        incoming: Some(seqs[1]),
        event: conformance::sample_event(2),
        face: None,
        attribute: None,
        notify: true,
        now: at(3),
    };
    store.finish(&finish).unwrap().unwrap();
    (dir, store)
}

fn check(store: &SledStore) -> CheckReport {
    let mut checker = Checker::default();
    let mut snapshot = store.snapshot().unwrap();
    while let Some(rows) = snapshot.read_on().unwrap() {
        rows.iter()
            .for_each(|row| checker.row(&row.key, &row.value));
    }
    checker.finish().0
}

#[test]
fn a_whole_database_has_no_faults() {
    let (_dir, store) = filled();
    let report = check(&store);
    assert_eq!(report.findings, []);
    assert_eq!((report.faults, report.unread), (0, 0));
    for (what, count) in [
        ("face", 6),
        ("list index", 6),
        ("event", 1),
        ("envelope", 3),
        ("dead letter", 1),
        ("join token", 1),
        ("agent", 1),
    ] {
        assert_eq!(report.rows.get(what), Some(&count), "{what}");
    }
}

/// The only row of a table, or its first.
fn first(store: &SledStore, table: Table) -> Vec<u8> {
    let row = store.rows.scan_prefix(keys::key(table, &[])).next();
    row.unwrap().unwrap().0.to_vec()
}

#[test]
fn a_missing_row_of_any_kind_is_told() {
    for (table, words) in [
        (Table::Login, "1 are missing"),
        (Table::StreamOwner, "1 are missing"),
        (Table::FaceTime, "1 are missing"),
        (Table::ListFace, "1 are missing"),
        (Table::ExternalId, "1 are missing"),
        (Table::Expiry, "1 are missing"),
        (Table::EventTime, "1 are missing"),
        (Table::Envelope, "are missing"),
        (Table::Incoming, "belong to no row"),
        (Table::Account, "belong to no row"),
        (Table::Stream, "belong to no row"),
        (Table::Face, "belong to no row"),
        (Table::Attribute, "belong to no row"),
        (Table::Event, "belong to no row"),
        (Table::List, "does not exist"),
        (Table::Piece, "missing"),
        (Table::Seen, "not among"),
    ] {
        let (_dir, store) = filled();
        if table == Table::Seen {
            for row in store.rows.scan_prefix([b'd']) {
                store.rows.remove(row.unwrap().0).unwrap();
            }
        } else {
            store.rows.remove(first(&store, table)).unwrap();
        }
        let report = check(&store);
        let told = report.findings.iter().any(|f| f.message.contains(words));
        assert!(
            report.faults > 0 && told,
            "{}: {:?}",
            table.what(),
            report.findings
        );
    }
}

#[test]
fn a_changed_bit_anywhere_is_told() {
    let (_dir, store) = filled();
    let rows: Vec<_> = store.rows.iter().map(Result::unwrap).collect();
    for (key, value) in rows.iter().filter(|(key, _)| key[0] != keys::META) {
        let mut changed = value.to_vec();
        changed[0] ^= 0x10;
        store.rows.insert(key, changed).unwrap();
        let report = check(&store);
        let told = report
            .findings
            .iter()
            .any(|f| f.message.contains("checksum"));
        assert!(told, "{}", keys::shown(key));
        store.rows.insert(key, value).unwrap();
    }
    assert_eq!(check(&store).faults, 0);
}

#[test]
fn what_is_of_no_kind_and_what_lies_in_a_wrong_place_are_told() {
    let (_dir, store) = filled();
    let face = store.face(ACCOUNT, face_id(1)).unwrap();
    let content = crate::store::sled::codec::packed("face", &face).unwrap();
    let wrong = keys::owned(Table::Face, conformance::STRANGER, face_id(1).as_bytes());
    store
        .rows
        .insert(&wrong, seal::seal(&wrong, content))
        .unwrap();
    store.rows.insert(b"?what", &b"ever"[..]).unwrap();
    let report = check(&store);
    for words in ["wrong place", "no known kind"] {
        let told = report.findings.iter().any(|f| f.message.contains(words));
        assert!(told, "{words}: {:?}", report.findings);
    }
}
