//! The outbox over the real store and over one that fails on command.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use goshawk_proto::{
    detection::Liveness,
    event::{ENVELOPE_VERSION, Jpeg, SendReason},
    geometry::Size,
    id::{StreamId, TrackId},
};

use super::*;

fn event(bytes: usize) -> Event {
    let at = now();
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
            bytes: (0..bytes).map(|n| n as u8).collect(),
        }),
        source: String::new(),
        location: None,
        tags: Vec::new(),
        user_data: None,
    }
}

fn settings(dir: &std::path::Path) -> OutboxSettings {
    OutboxSettings {
        max_bytes: 64 << 20,
        max_age: Duration::from_secs(3600),
        max_deferred_bytes: 1 << 20,
        rejects: dir.join("rejected"),
    }
}

fn open(dir: &std::path::Path, settings: OutboxSettings) -> (Outbox, Metrics) {
    let metrics = Metrics::new().0;
    let store = SledStore::open(&dir.join("outbox"), 0).unwrap();
    (
        Outbox::open(Box::new(store), settings, metrics.clone()).unwrap(),
        metrics,
    )
}

fn ids(outbox: &Outbox) -> Vec<EventId> {
    outbox
        .heads(None, usize::MAX)
        .iter()
        .map(|head| head.event_id)
        .collect()
}

#[test]
fn events_survive_a_restart_and_go_when_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let events: Vec<Event> = [10, 5_000, 6_144, 700_000].map(event).to_vec();
    {
        let (outbox, _) = open(dir.path(), settings(dir.path()));
        for event in &events {
            assert!(matches!(outbox.append(event), Appended::OnDisk(_)));
        }
        outbox.close();
    }
    let (outbox, metrics) = open(dir.path(), settings(dir.path()));
    assert_eq!(
        ids(&outbox),
        events
            .iter()
            .map(|event| event.event_id)
            .collect::<Vec<_>>()
    );
    let heads = outbox.heads(None, 10);
    assert_eq!(
        outbox.feedback().bytes,
        heads.iter().map(|head| u64::from(head.bytes)).sum::<u64>()
    );
    for (head, event) in heads.iter().zip(&events) {
        let bytes = outbox.event(head.seq).unwrap().unwrap();
        assert_eq!(&Event::decode(&bytes).unwrap(), event);
    }
    outbox.acknowledge(&[heads[0].seq, heads[2].seq, heads[2].seq]);
    assert_eq!(outbox.event(heads[0].seq).unwrap(), None);
    assert_eq!(metrics.link.acknowledged.get(), 2);
    assert_eq!(outbox.flush(Duration::from_secs(5)), 0);
    outbox.close();
    drop(outbox);
    let (outbox, _) = open(dir.path(), settings(dir.path()));
    assert_eq!(ids(&outbox), [events[1].event_id, events[3].event_id]);
    outbox.close();
}

#[test]
fn a_sequence_is_never_given_twice() {
    let dir = tempfile::tempdir().unwrap();
    let mut last = None;
    for _ in 0..3 {
        let (outbox, _) = open(dir.path(), settings(dir.path()));
        let Appended::OnDisk(seq) = outbox.append(&event(100)) else {
            panic!("not on disk")
        };
        assert!(last < Some(seq), "{last:?} {seq:?}");
        last = Some(seq);
        outbox.acknowledge(&[seq]);
        outbox.close();
    }
}

#[test]
fn many_appenders_share_syncs() {
    let dir = tempfile::tempdir().unwrap();
    let (outbox, _) = open(dir.path(), settings(dir.path()));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            let outbox = &outbox;
            scope.spawn(move || {
                (0..20).for_each(|_| {
                    assert!(matches!(outbox.append(&event(3_000)), Appended::OnDisk(_)))
                })
            });
        }
    });
    let heads = outbox.heads(None, usize::MAX);
    assert_eq!(heads.len(), 160);
    assert!(
        heads
            .windows(2)
            .all(|pair| pair[0].seq.0 + 1 == pair[1].seq.0)
    );
    outbox.close();
}

#[test]
fn over_the_budget_the_oldest_go_and_are_counted() {
    let dir = tempfile::tempdir().unwrap();
    let limits = OutboxSettings {
        max_bytes: 11_000,
        ..settings(dir.path())
    };
    let (outbox, metrics) = open(dir.path(), limits);
    let events: Vec<Event> = (0..6).map(|_| event(3_000)).collect();
    events.iter().for_each(|event| _ = outbox.append(event));
    assert_eq!(
        ids(&outbox),
        events[4 - 1..]
            .iter()
            .map(|event| event.event_id)
            .collect::<Vec<_>>()
    );
    assert_eq!(metrics.losses(EventLoss::Bytes), 3);
    assert_eq!(outbox.feedback().dropped, 3);
    assert_eq!(outbox.append(&event(20_000)), Appended::Lost);
    assert_eq!(outbox.records(), 3);
    outbox.close();
}

#[test]
fn too_old_events_go_by_themselves() {
    let dir = tempfile::tempdir().unwrap();
    let limits = OutboxSettings {
        max_age: Duration::from_millis(300),
        ..settings(dir.path())
    };
    let (outbox, metrics) = open(dir.path(), limits);
    outbox.append(&event(100));
    let until = Instant::now() + Duration::from_secs(10);
    while outbox.records() > 0 && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(outbox.records(), 0);
    assert_eq!(metrics.losses(EventLoss::Age), 1);
    outbox.close();
}

#[test]
fn a_refused_event_is_put_aside() {
    let dir = tempfile::tempdir().unwrap();
    let (outbox, metrics) = open(dir.path(), settings(dir.path()));
    let refused = event(100);
    let Appended::OnDisk(seq) = outbox.append(&refused) else {
        panic!("not on disk")
    };
    outbox.refuse(seq, "unknown stream").unwrap();
    assert_eq!(outbox.records(), 0);
    assert_eq!(metrics.losses(EventLoss::Refused), 1);
    let kept = std::fs::read(
        dir.path()
            .join(format!("rejected/{}.msgpack", refused.event_id)),
    )
    .unwrap();
    assert_eq!(Event::decode(&kept).unwrap(), refused);
    outbox.close();
}

type Records = BTreeMap<u64, (Head, Vec<u8>)>;

/// A store in memory whose disk can be full.
#[derive(Clone, Default)]
struct Quota {
    full: Arc<AtomicBool>,
    unreadable: Arc<AtomicBool>,
    recovered: Arc<AtomicU64>,
    records: Arc<Mutex<Records>>,
}

impl RecordStore for Quota {
    fn load(&self) -> Result<(Vec<Head>, u64), StoreError> {
        Ok((Vec::new(), 0))
    }

    fn append(&self, records: &[(Head, &[u8])]) -> Result<(), StoreError> {
        if self.full.load(Ordering::SeqCst) {
            return Err(StoreError::Io(std::io::ErrorKind::StorageFull.into()));
        }
        let mut stored = self.records.lock().unwrap();
        records
            .iter()
            .for_each(|(head, bytes)| _ = stored.insert(head.sequence, (*head, bytes.to_vec())));
        Ok(())
    }

    fn read(&self, sequence: u64) -> Result<Option<Vec<u8>>, StoreError> {
        if self.unreadable.load(Ordering::SeqCst) {
            return Err(StoreError::Io(std::io::ErrorKind::TimedOut.into()));
        }
        Ok(self
            .records
            .lock()
            .unwrap()
            .get(&sequence)
            .map(|(_, bytes)| bytes.clone()))
    }

    fn remove(&self, sequences: &[u64]) -> Result<(), StoreError> {
        let mut stored = self.records.lock().unwrap();
        sequences
            .iter()
            .for_each(|sequence| _ = stored.remove(sequence));
        Ok(())
    }

    fn recover(&self) -> Result<(), StoreError> {
        self.recovered.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

#[test]
fn a_full_disk_delays_events_and_loses_only_what_memory_cannot_hold() {
    let dir = tempfile::tempdir().unwrap();
    let metrics = Metrics::new().0;
    let quota = Quota::default();
    let limits = OutboxSettings {
        max_deferred_bytes: 11_000,
        ..settings(dir.path())
    };
    let outbox = Outbox::open(Box::new(quota.clone()), limits, metrics.clone()).unwrap();
    assert!(matches!(outbox.append(&event(100)), Appended::OnDisk(_)));

    quota.full.store(true, Ordering::SeqCst);
    let events: Vec<Event> = (0..5).map(|_| event(3_000)).collect();
    for event in &events {
        assert_eq!(outbox.append(event), Appended::Deferred);
    }
    assert_eq!(outbox.records(), 1);
    assert_eq!(metrics.losses(EventLoss::Memory), 2);
    assert!(metrics.outbox.failures.get() >= 1);
    assert!(quota.recovered.load(Ordering::SeqCst) >= 1);

    quota.full.store(false, Ordering::SeqCst);
    assert_eq!(outbox.flush(Duration::from_secs(10)), 0);
    assert_eq!(
        ids(&outbox)[1..],
        events[2..]
            .iter()
            .map(|event| event.event_id)
            .collect::<Vec<_>>()
    );
    assert!(matches!(outbox.append(&event(100)), Appended::OnDisk(_)));
    outbox.close();
}

#[test]
fn a_refused_event_that_cannot_be_read_now_stays() {
    let dir = tempfile::tempdir().unwrap();
    let (quota, metrics) = (Quota::default(), Metrics::new().0);
    let outbox = Outbox::open(
        Box::new(quota.clone()),
        settings(dir.path()),
        metrics.clone(),
    )
    .unwrap();
    let Appended::OnDisk(seq) = outbox.append(&event(100)) else {
        panic!("not on disk")
    };
    quota.unreadable.store(true, Ordering::SeqCst);
    assert!(outbox.refuse(seq, "unknown stream").is_err());
    assert_eq!(outbox.records(), 1);
    assert_eq!(metrics.losses(EventLoss::Refused), 0);
    quota.unreadable.store(false, Ordering::SeqCst);
    outbox.refuse(seq, "unknown stream").unwrap();
    assert_eq!(outbox.records(), 0);
    assert_eq!(metrics.losses(EventLoss::Refused), 1);
    outbox.close();
}

#[test]
fn a_disk_without_the_space_to_keep_free_is_full() {
    let dir = tempfile::tempdir().unwrap();
    let store = SledStore::open(&dir.path().join("outbox"), u64::MAX / 2).unwrap();
    let head = Head {
        sequence: 0,
        event_id: EventId::random(),
        bytes: 3,
        appended_at: now(),
        stream: None,
    };
    assert!(matches!(
        store.append(&[(head, b"abc")]),
        Err(StoreError::NoSpace { .. })
    ));
    assert_eq!(store.load().unwrap(), (Vec::new(), 0));
}

#[test]
fn a_store_is_usable_after_recovery() {
    let dir = tempfile::tempdir().unwrap();
    let store = SledStore::open(&dir.path().join("outbox"), 0).unwrap();
    let head = Head {
        sequence: 4,
        event_id: EventId::random(),
        bytes: 3,
        appended_at: now(),
        stream: Some(StreamId::random()),
    };
    // Older versions wrote no stream.
    let older = Head {
        sequence: 3,
        stream: None,
        ..head
    };
    store.append(&[(older, b"abc"), (head, b"abc")]).unwrap();
    store.recover().unwrap();
    assert_eq!(store.load().unwrap(), (vec![older, head], 5));
    assert_eq!(store.read(4).unwrap().unwrap(), b"abc");
    store.remove(&[4, 17]).unwrap();
    assert_eq!(store.read(4).unwrap(), None);
}

#[test]
fn space_of_acknowledged_events_is_used_again() {
    let dir = tempfile::tempdir().unwrap();
    let (outbox, _) = open(dir.path(), settings(dir.path()));
    for _ in 0..400 {
        let Appended::OnDisk(seq) = outbox.append(&event(150_000)) else {
            panic!("not on disk")
        };
        outbox.acknowledge(&[seq]);
    }
    outbox.flush(Duration::from_secs(5));
    let size = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().metadata().unwrap().len();
    let on_disk: u64 = std::fs::read_dir(dir.path().join("outbox"))
        .unwrap()
        .map(size)
        .sum();
    // 60 MB went through.
    assert!(on_disk < 20 << 20, "{on_disk}");
    outbox.close();
}

#[test]
fn a_snapshot_cut_short_is_no_damage() {
    let dir = tempfile::tempdir().unwrap();
    let events: Vec<Event> = (0..5).map(|_| event(20_000)).collect();
    let (outbox, _) = open(dir.path(), settings(dir.path()));
    events.iter().for_each(|event| _ = outbox.append(event));
    outbox.close();
    drop(outbox);
    // Snapshots are written at the next opening.
    open(dir.path(), settings(dir.path())).0.close();
    let mut cut = 0;
    for entry in std::fs::read_dir(dir.path().join("outbox")).unwrap() {
        let path = entry.unwrap().path();
        if path
            .file_name()
            .unwrap()
            .to_string_lossy()
            .starts_with("snap.")
        {
            std::fs::write(path, b"").unwrap();
            cut += 1;
        }
    }
    assert!(cut > 0, "this version of sled writes no snapshots");
    let (outbox, _) = open(dir.path(), settings(dir.path()));
    assert_eq!(
        ids(&outbox),
        events
            .iter()
            .map(|event| event.event_id)
            .collect::<Vec<_>>()
    );
    outbox.close();
}
