//! A coordinator's port with a store in memory, on a free port of loopback.

use std::{
    collections::{BTreeMap, HashMap},
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::future::BoxFuture;
use goshawk_proto::{
    detection::Liveness,
    event::{ENVELOPE_VERSION, Event, SendReason},
    geometry::Size,
    id::{AgentId, EventId, StreamId, TrackId},
    link::{Assignments, Feedback, Hello, JoinToken, ReceiverConfig},
    time::Timestamp,
};
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use super::super::*;
use crate::{
    pki::Authority,
    store::sled::{SledOptions, SledStore},
};

/// What the store does with the next events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    Commit,
    Retry,
    Permanent,
    Panic,
    /// Waits for a permit of [`Store::gate`], then commits.
    Wait,
}

/// Survives "restarts" of the port.
pub struct Store {
    pub mood: Mutex<Mood>,
    pub gate: Semaphore,
    pub committed: Mutex<BTreeMap<EventId, (AgentId, u32)>>,
    pub said: Mutex<Vec<String>>,
    pub assignments: Mutex<HashMap<AgentId, watch::Sender<Arc<Assignments>>>>,
}

impl Store {
    fn say(&self, what: String) -> BoxFuture<'_, ()> {
        self.said.lock().unwrap().push(what);
        Box::pin(async {})
    }

    pub fn set_mood(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    pub fn times(&self, event: EventId) -> u32 {
        self.committed
            .lock()
            .unwrap()
            .get(&event)
            .map_or(0, |(_, times)| *times)
    }

    pub fn assign(&self, agent: AgentId, revision: u64) {
        let document = Arc::new(Assignments {
            revision,
            streams: vec![],
        });
        let mut all = self.assignments.lock().unwrap();
        all.entry(agent)
            .or_insert_with(|| watch::Sender::new(document.clone()))
            .send_replace(document);
    }

    /// Waits until the observer has heard something that ends so.
    pub async fn heard(&self, end: &str) {
        for _ in 0..500 {
            if self
                .said
                .lock()
                .unwrap()
                .iter()
                .any(|said| said.ends_with(end))
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!(
            "`{end}` was not heard, only {:?}",
            self.said.lock().unwrap()
        );
    }
}

impl IngestSink for Store {
    fn commit(&self, event: IncomingEvent) -> BoxFuture<'_, Result<Committed, Refusal>> {
        Box::pin(async move {
            let mood = *self.mood.lock().unwrap();
            let reason = "the store says so".to_owned();
            match mood {
                Mood::Commit => {}
                Mood::Retry => {
                    return Err(Refusal::Retry {
                        after: Duration::from_millis(1_234),
                        reason,
                    });
                }
                Mood::Permanent => return Err(Refusal::Permanent { reason }),
                Mood::Panic => panic!("the store falls over, as the test wants"),
                Mood::Wait => self.gate.acquire().await.unwrap().forget(),
            }
            assert_eq!(
                event.raw,
                event.event.encode().unwrap(),
                "the record as it was sent"
            );
            let mut committed = self.committed.lock().unwrap();
            let entry = committed
                .entry(event.event_id)
                .or_insert((event.agent_id, 0));
            if entry.1 > 0 {
                return Ok(Committed::Duplicate);
            }
            entry.1 += 1;
            Ok(Committed::New)
        })
    }
}

impl AssignmentSource for Store {
    fn watch(&self, agent: AgentId) -> watch::Receiver<Arc<Assignments>> {
        let mut all = self.assignments.lock().unwrap();
        all.entry(agent)
            .or_insert_with(|| watch::Sender::new(Arc::default()))
            .subscribe()
    }
}

impl AgentObserver for Store {
    fn connected(&self, agent: AgentId, hello: Hello) -> BoxFuture<'_, ()> {
        self.say(format!("{agent} connected {}", hello.name))
    }

    fn feedback(&self, agent: AgentId, feedback: Feedback) -> BoxFuture<'_, ()> {
        self.say(format!(
            "{agent} feedback {}",
            feedback.assignments_revision
        ))
    }

    fn lost(&self, agent: AgentId) -> BoxFuture<'_, ()> {
        self.say(format!("{agent} lost"))
    }
}

pub struct Rig {
    pub dir: Arc<tempfile::TempDir>,
    /// Agents and join tokens.
    rows: Arc<SledStore>,
    pub authority: Arc<Authority>,
    pub store: Arc<Store>,
    pub ingest: Ingest,
    pub cancel: CancellationToken,
}

pub async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(10), work)
        .await
        .expect("within ten seconds")
}

/// Waits until something that cannot be watched is so.
pub async fn eventually(what: impl Fn() -> bool) {
    within(async {
        while !what() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

/// Short times, so that tests of time-outs are short.
pub fn config() -> IngestConfig {
    let receiver = ReceiverConfig {
        read_timeout: Duration::from_millis(600),
        ..ReceiverConfig::default()
    };
    IngestConfig {
        handshake_timeout: Duration::from_millis(1_500),
        receiver,
        ..IngestConfig::new(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
    }
}

impl Rig {
    pub fn new() -> Self {
        Self::with(config())
    }

    pub fn with(config: IngestConfig) -> Self {
        let store = Arc::new(Store {
            mood: Mutex::new(Mood::Commit),
            gate: Semaphore::new(0),
            committed: Mutex::default(),
            said: Mutex::default(),
            assignments: Mutex::default(),
        });
        let dir = Arc::new(tempfile::tempdir().unwrap());
        let rows = SledStore::open(&dir.path().join("store"), SledOptions::default()).unwrap();
        Self::open(dir, rows, store, config)
    }

    fn open(
        dir: Arc<tempfile::TempDir>,
        rows: Arc<SledStore>,
        store: Arc<Store>,
        config: IngestConfig,
    ) -> Self {
        let authority = Authority::open(dir.path(), rows.clone()).unwrap();
        let cancel = CancellationToken::new();
        let services = IngestServices {
            sink: store.clone(),
            assignments: store.clone(),
            observer: store.clone(),
        };
        let ingest = start(config, authority.clone(), services, cancel.clone()).unwrap();
        Self {
            dir,
            rows,
            authority,
            store,
            ingest,
            cancel,
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.ingest.local_addr()
    }

    /// Ends, and starts anew with the same disk on the same port.
    pub async fn restart(self) -> Self {
        let (dir, rows) = (self.dir.clone(), self.rows.clone());
        let (store, listen) = (self.store.clone(), self.address());
        self.stop().await;
        let mut fresh = config();
        fresh.listen = listen;
        // QUIC keeps the port a moment for late packets of closed connections.
        within(async {
            while tokio::net::UdpSocket::bind(listen).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
        Self::open(dir, rows, store, fresh)
    }

    pub async fn stop(self) {
        self.cancel.cancel();
        tokio::time::timeout(Duration::from_secs(10), self.ingest.closed())
            .await
            .expect("ends");
    }

    pub fn token(&self) -> JoinToken {
        self.authority
            .create_join_token(Duration::from_secs(60), "test")
            .unwrap()
            .0
    }
}

pub fn event() -> Event {
    let now = Timestamp::from_unix_micros(1_700_000_000_000_000);
    Event {
        envelope: ENVELOPE_VERSION,
        event_id: EventId::random(),
        stream_id: StreamId::random(),
        stream_version: 1,
        analysis: 0,
        track_id: TrackId::from_session(1, 1),
        track_start: now,
        track_end: now,
        decided_at: now,
        reason: SendReason::TrackEnd,
        source_size: Size::new(640, 480),
        faces: vec![],
        bodies: vec![],
        liveness: Liveness::default(),
        full_frame: None,
        body_frame: None,
        source: "gate".to_owned(),
        location: None,
        tags: vec![],
        user_data: None,
    }
}
