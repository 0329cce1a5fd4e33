//! Keys on a real disk, across rotations and restarts.

use std::os::unix::fs::PermissionsExt;

use goshawk_coordinator_core::token::VisibilityArea;
use goshawk_proto::id::{AccountId, TokenId};

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_micros(seconds * 1_000_000)
}

fn claims() -> Claims {
    Claims {
        token_id: TokenId::random(),
        account_id: AccountId::random(),
        expiration_time: None,
        visibility_area: VisibilityArea::Account,
        jti: String::new(),
    }
}

fn open(dir: &Path, needed: &[&str]) -> KeyRing {
    let needed = needed.iter().map(|id| (*id).to_owned()).collect();
    KeyRing::open(dir, &needed, at(1)).unwrap()
}

fn soon(ring: &KeyRing) -> Arc<Keys> {
    ring.keys_at(Instant::now() + RECHECK)
}

#[test]
fn the_first_start_makes_a_key_that_only_the_owner_reads() {
    let dir = tempfile::tempdir().unwrap();
    let (id, text) = open(dir.path(), &[]).keys().sign(&claims()).unwrap();
    let mode = fs::metadata(dir.path().join(FILE)).unwrap().permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
    let again = open(dir.path(), &[]);
    assert!(again.keys().read(&text).is_ok());
    assert_eq!(again.keys().sign(&claims()).unwrap().0, id);
    let other = tempfile::tempdir().unwrap();
    assert!(open(other.path(), &[]).keys().read(&text).is_err());
}

#[test]
fn a_rotation_keeps_old_texts_good_until_they_are_not_needed() {
    let dir = tempfile::tempdir().unwrap();
    let ring = open(dir.path(), &[]);
    let (old, text) = ring.keys().sign(&claims()).unwrap();
    let done = rotate(dir.path(), false, at(2)).unwrap();
    assert_eq!((done.kept, done.dropped), (1, 0));

    // The running coordinator notices.
    assert_eq!(ring.keys().sign(&claims()).unwrap().0, old);
    let keys = soon(&ring);
    assert_eq!(keys.sign(&claims()).unwrap().0, done.id);
    assert!(keys.read(&text).is_ok());

    // A restart keeps the key while a token needs it, and no longer.
    assert!(open(dir.path(), &[&old]).keys().read(&text).is_ok());
    let after = open(dir.path(), &[]);
    assert!(after.keys().read(&text).is_err());
    assert_eq!(after.keys().sign(&claims()).unwrap().0, done.id);
}

#[test]
fn dropped_keys_take_their_texts_along_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let ring = open(dir.path(), &[]);
    let (_, text) = ring.keys().sign(&claims()).unwrap();
    let before = ring.keys().generation;
    let done = rotate(dir.path(), true, at(2)).unwrap();
    assert_eq!((done.kept, done.dropped), (0, 1));
    let keys = soon(&ring);
    assert!(keys.read(&text).is_err());
    assert_ne!(keys.generation, before);
}

#[test]
fn keys_stay_bounded() {
    let dir = tempfile::tempdir().unwrap();
    for _ in 0..MAX_KEYS {
        rotate(dir.path(), false, at(1)).unwrap();
    }
    assert!(matches!(
        rotate(dir.path(), false, at(1)),
        Err(KeyError::TooMany)
    ));
    assert_eq!(rotate(dir.path(), true, at(1)).unwrap().dropped, MAX_KEYS);
}

#[test]
fn a_broken_file_is_told_and_leaves_running_keys_alone() {
    let dir = tempfile::tempdir().unwrap();
    let ring = open(dir.path(), &[]);
    let (id, text) = ring.keys().sign(&claims()).unwrap();
    for broken in ["", "{}", r#"{"keys": []}"#, r#"{"keys": [{"id": "x"}]}"#] {
        fs::write(dir.path().join(FILE), broken).unwrap();
        let keys = soon(&ring);
        assert!(keys.read(&text).is_ok());
        assert_eq!(keys.sign(&claims()).unwrap().0, id);
    }
    fs::write(dir.path().join(FILE), r#"{"keys": [{"secret": "x"}]}"#).unwrap();
    let refused = KeyRing::open(dir.path(), &HashSet::new(), at(1));
    let Err(error @ KeyError::Content { .. }) = refused else {
        panic!("opened");
    };
    assert!(!error.to_string().contains("secret"));
    fs::remove_file(dir.path().join(FILE)).unwrap();
    assert!(soon(&ring).read(&text).is_ok());
}
