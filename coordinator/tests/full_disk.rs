//! A full disk: writing is refused while there is still a reserve, reading goes on, nothing
//! acknowledged is lost, and writing resumes with the room. And where writing fails all the same,
//! the store says so once and for all until it is opened again.
//!
//! A limit on the size of files (`RLIMIT_FSIZE`) in a process of its own stands for the disk, so
//! that this runs without privileges; one test mounts a small disk where it may.
#![allow(
    clippy::unwrap_used,
    reason = "tests may stop at the first thing that is not as it should be"
)]

use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use goshawk_coordinator::store::{
    FaceStore, StoreError,
    sled::{Checker, SledOptions, SledStore},
};
use goshawk_coordinator_core::face::{Attributes, FaceRecord};
use goshawk_proto::{
    id::{AccountId, FaceId},
    time::Timestamp,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use uuid::Uuid;

const CHILD: &str = "GOSHAWK_FULL_DISK_CHILD";
const ACCOUNT: AccountId = AccountId(Uuid::from_u128(1));
const MIB: u64 = 1 << 20;

fn open(dir: &Path, reserve: u64) -> Arc<SledStore> {
    let options = SledOptions {
        cache_bytes: 16 * MIB,
        reserve_bytes: reserve,
    };
    released(&dir.join("db"));
    SledStore::open(dir, options).unwrap()
}

/// Waits until sled's threads have let go of a database that was closed: after a failed write they
/// hold its lock for some milliseconds more. A coordinator never meets that, as each start is a
/// process of its own.
fn released(database: &Path) {
    let Ok(file) = File::open(database) else {
        return;
    };
    let deadline = Instant::now() + Duration::from_secs(10);
    while file.try_lock().is_err() {
        assert!(Instant::now() < deadline, "the database stays locked");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn face(n: u128) -> FaceRecord {
    FaceRecord {
        face_id: FaceId(Uuid::from_u128(n)),
        account_id: ACCOUNT,
        event_id: None,
        // Long enough to be cut into pieces.
        user_data: (0..2_000)
            .map(|i| format!("{:08x}", (n as u64 * 31 + i) * 2_654_435_761))
            .collect(),
        external_id: String::new(),
        avatar: String::new(),
        lists: Vec::new(),
        create_time: Timestamp::from_unix_micros(1),
        attributes: Attributes::default(),
    }
}

/// Files of this process may grow to this size.
fn limit(bytes: u64) {
    let maximum = getrlimit(Resource::Fsize).maximum;
    let current = Some(bytes);
    setrlimit(Resource::Fsize, Rlimit { current, maximum }).unwrap();
}

/// Writes until it is refused; what was acknowledged, and the refusal.
fn fill(store: &SledStore, from: u128) -> (Vec<u128>, StoreError) {
    let mut acknowledged = Vec::new();
    for n in from..from + 100_000 {
        match store.create_face(&face(n)) {
            Ok(()) => acknowledged.push(n),
            Err(error) => return (acknowledged, error),
        }
    }
    panic!("the disk never filled up");
}

#[track_caller]
fn expect_all(store: &SledStore, numbers: &[u128]) {
    for n in numbers {
        assert_eq!(store.face(ACCOUNT, face(*n).face_id).unwrap(), face(*n));
    }
}

/// Rows are themselves or cannot be read now: looking for one may have to finish what the write
/// that failed left half done among the pages, which is a write of its own.
#[track_caller]
fn expect_none_missing(store: &SledStore, numbers: &[u128]) {
    for n in numbers {
        match store.face(ACCOUNT, face(*n).face_id) {
            Ok(found) => assert_eq!(found, face(*n)),
            Err(error) => assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}"),
        }
    }
}

fn expect_sound(store: &SledStore) {
    let mut checker = Checker::default();
    let mut snapshot = store.snapshot().unwrap();
    while let Some(rows) = snapshot.read_on().unwrap() {
        rows.iter()
            .for_each(|row| checker.row(&row.key, &row.value));
    }
    assert_eq!(checker.finish().0.findings, []);
}

/// Runs one of the tests below in a process of its own.
fn child(test: &str, dir: &Path) {
    let program = std::env::current_exe().unwrap();
    // Over its limit a process is sent SIGXFSZ, which ends it unless it is ignored.
    let done = Command::new("sh")
        .args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"])
        .arg(program)
        .args(["--exact", test, "--nocapture"])
        .env(CHILD, dir)
        .output()
        .unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&done.stdout).into_owned(),
        String::from_utf8_lossy(&done.stderr).into_owned(),
    );
    assert!(done.status.success(), "{out}\n{err}");
}

fn child_dir() -> Option<PathBuf> {
    std::env::var_os(CHILD).map(PathBuf::from)
}

#[test]
fn writing_stops_before_the_disk_is_full_and_resumes() {
    let dir = tempfile::tempdir().unwrap();
    child("within_its_reserve", dir.path());
}

#[test]
fn within_its_reserve() {
    let Some(dir) = child_dir() else { return };
    limit(20 * MIB);
    let store = open(&dir, 8 * MIB);
    let (mut numbers, refusal) = fill(&store, 0);
    assert!(
        matches!(&refusal, StoreError::Unavailable { after, message } if after.as_secs() == 10 && message.contains("full")),
        "{refusal:?}"
    );
    assert!(numbers.len() > 50, "only {} were kept", numbers.len());
    expect_all(&store, &numbers);
    let stats = store.stats();
    assert_eq!((stats.refused_full, stats.broken), (1, false));
    // Who wants to make room may.
    store
        .delete_face(ACCOUNT, face(numbers.remove(0)).face_id)
        .unwrap();
    assert!(store.create_face(&face(77_777)).is_err());

    limit(64 * MIB);
    let more: Vec<u128> = (500_000..500_100).collect();
    more.iter()
        .for_each(|n| store.create_face(&face(*n)).unwrap());
    numbers.extend(more);
    expect_all(&store, &numbers);
    store.close().unwrap();
    drop(store);
    let store = open(&dir, 8 * MIB);
    expect_all(&store, &numbers);
    assert!(store.face(ACCOUNT, face(0).face_id).is_err());
    assert!(store.face(ACCOUNT, face(77_777).face_id).is_err());
    expect_sound(&store);
}

#[test]
fn a_write_that_fails_ends_writing_and_loses_nothing_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    child("without_a_reserve", dir.path());
}

#[test]
fn without_a_reserve() {
    let Some(dir) = child_dir() else { return };
    limit(12 * MIB);
    let store = open(&dir, 0);
    let acknowledged = Mutex::new(Vec::new());
    let began = Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..4u128 {
            let (store, acknowledged) = (&store, &acknowledged);
            scope.spawn(move || {
                let (numbers, refusal) = fill(store, thread * 1_000_000);
                assert!(
                    matches!(refusal, StoreError::Unavailable { .. }),
                    "{refusal:?}"
                );
                acknowledged.lock().unwrap().extend(numbers);
            });
        }
    });
    println!(
        "all four were told after {:.1} s",
        began.elapsed().as_secs_f64()
    );
    let mut acknowledged = acknowledged.into_inner().unwrap();
    assert!(acknowledged.len() > 50, "only {}", acknowledged.len());
    assert!(store.fault().is_some() && store.stats().broken);
    expect_none_missing(&store, &acknowledged);
    // More room does not mend it: what is on the disk is known again after a new start only.
    limit(64 * MIB);
    assert!(store.create_face(&face(88_888)).is_err());
    assert!(
        store
            .delete_face(ACCOUNT, face(acknowledged[0]).face_id)
            .is_err()
    );
    drop(store);
    let store = open(&dir, 0);
    expect_all(&store, &acknowledged);
    expect_sound(&store);
    store.create_face(&face(99_999)).unwrap();
    acknowledged.push(99_999);
    drop(store);
    expect_all(&open(&dir, 0), &acknowledged);
}

/// A small file system in memory, unmounted when dropped.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=48m", "tmpfs"]);
        let mounted = mount.arg(dir.path()).output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self(dir));
        }
        let line = b"SKIPPED: no right to mount a small disk\n";
        std::io::stderr().write_all(line).unwrap();
        None
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // What stays mounted stays until the machine restarts; nothing else can be done about it.
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

/// Another program takes the disk down to the last byte, and gives it back.
#[test]
fn a_disk_that_another_program_fills() {
    let Some(disk) = SmallDisk::mount() else {
        return;
    };
    let dir = disk.0.path().join("store");
    let store = open(&dir, 12 * MIB);
    let mut numbers: Vec<u128> = (0..100).collect();
    numbers
        .iter()
        .for_each(|n| store.create_face(&face(*n)).unwrap());
    let other = disk.0.path().join("other");
    let mut file = File::create(&other).unwrap();
    while file.write_all(&[1; 4096]).is_ok() {}
    drop(file);
    let (none, refusal) = fill(&store, 1_000);
    assert!(none.is_empty() && matches!(refusal, StoreError::Unavailable { .. }));
    assert_eq!(store.fault(), None, "sled was never asked");
    expect_all(&store, &numbers);
    std::fs::remove_file(other).unwrap();
    store.create_face(&face(5_000)).unwrap();
    numbers.push(5_000);
    drop(store);
    let store = open(&dir, 12 * MIB);
    expect_all(&store, &numbers);
    expect_sound(&store);
}
