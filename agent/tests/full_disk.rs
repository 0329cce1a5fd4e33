//! The outbox on a disk that another program fills to the last byte. Needs the right to mount a
//! file system of its own.
#![allow(
    clippy::unwrap_used,
    reason = "tests may stop at the first thing that is not as it should be"
)]

use std::{
    fs::File,
    io::Write,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use goshawk_agent::{
    metrics::Metrics,
    outbox::{Appended, Outbox, OutboxSettings, SledStore},
};
use goshawk_proto::{
    detection::Liveness,
    event::{ENVELOPE_VERSION, Event, Jpeg, SendReason},
    geometry::Size,
    id::{EventId, StreamId, TrackId},
    link::RecordSeq,
    time::Timestamp,
};

const MIB: u64 = 1 << 20;

/// Past the capture of output, so that it is seen.
fn skipped(why: &str) {
    let line = format!("SKIPPED: {why}\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}

/// A small file system in memory, unmounted when dropped.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=40m", "tmpfs"]);
        let mounted = mount.arg(dir.path()).output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self(dir));
        }
        skipped("no right to mount a small disk");
        None
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Another program writes until nothing more fits.
    fn fill(&self) {
        let mut file = File::create(self.path().join("other")).unwrap();
        while file.write_all(&[1; 4096]).is_ok() {}
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // What stays mounted stays until the machine restarts; nothing else can be done about it.
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

fn event() -> Event {
    let at = Timestamp::from_system(std::time::SystemTime::now());
    Event {
        envelope: ENVELOPE_VERSION,
        event_id: EventId::random(),
        stream_id: StreamId::random(),
        stream_version: 1,
        analysis: 0,
        track_id: TrackId::random(),
        track_start: at,
        track_end: at,
        decided_at: at,
        reason: SendReason::TrackEnd,
        source_size: Size::new(1, 1),
        faces: Vec::new(),
        bodies: Vec::new(),
        liveness: Liveness::default(),
        body_frame: None,
        full_frame: Some(Jpeg {
            size: Size::new(1, 1),
            bytes: vec![7; 100_000],
        }),
        source: String::new(),
        location: None,
        tags: Vec::new(),
        user_data: None,
    }
}

fn open(dir: &Path) -> Outbox {
    let store = SledStore::open(&dir.join("outbox"), MIB).unwrap();
    let settings = OutboxSettings {
        max_bytes: 1 << 30,
        max_age: Duration::from_secs(3600),
        max_deferred_bytes: 2 << 20,
        rejects: dir.join("rejected"),
    };
    Outbox::open(Box::new(store), settings, Metrics::new().0).unwrap()
}

fn until(what: &str, right: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !right() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_full_disk_is_drained_and_nothing_on_it_is_lost() {
    let Some(disk) = SmallDisk::mount() else {
        return;
    };
    let outbox = open(disk.path());
    let append = |_| match outbox.append(&event()) {
        Appended::OnDisk(seq) => seq,
        other => panic!("{other:?}"),
    };
    let stored: Vec<RecordSeq> = (0..30).map(append).collect();
    let (taken, left) = stored.split_at(15);
    let readable = |outbox: &Outbox, seqs: &[RecordSeq]| {
        let is_there = |seq: &&RecordSeq| match outbox.event(**seq) {
            Ok(found) => found.is_some(),
            Err(error) => {
                eprintln!("{seq:?}: {error}");
                false
            }
        };
        seqs.iter().filter(is_there).count()
    };
    disk.fill();
    for _ in 0..5 {
        assert_eq!(outbox.append(&event()), Appended::Deferred);
    }
    // A read that meets the failed database fails too, until the database is opened again.
    until("everything can be read", || {
        readable(&outbox, &stored) == 30
    });
    // The coordinator takes a half, which makes the database write on the full disk.
    outbox.acknowledge(taken);
    until("what is left can be read", || readable(&outbox, left) == 15);
    assert_eq!(readable(&outbox, taken), 0);
    outbox.close();
    drop(outbox);

    // A restart on the full disk. Deletions may be undone by it, events may not.
    let outbox = open(disk.path());
    until("what is left can be read", || readable(&outbox, left) == 15);
    outbox.acknowledge(&stored);
    std::fs::remove_file(disk.path().join("other")).unwrap();
    until("events are accepted again", || {
        matches!(outbox.append(&event()), Appended::OnDisk(_))
    });
    outbox.close();
}
