//! A store with plugins on it, in a folder of its own, and events that happen there.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use goshawk_coordinator::{
    blobs::Blobs,
    bus::Bus,
    config::{Config, PREFIX},
    metrics::Metrics,
    plugins::{PluginParts, PluginStatus, Plugins},
    store::{
        Finish, IncomingStore, Store, StoreHandle,
        sled::{SledOptions, SledStore},
    },
};
use goshawk_coordinator_core::{
    event::{
        DetectedFace, EventDetection, EventEstimations, FaceEstimations, LabelMatches, MatchedFace,
        StoredEvent,
    },
    face::{Attributes, FaceRecord},
};
use goshawk_proto::{
    id::{AccountId, EventId, FaceId, HandlerId, SampleId, StreamId},
    stream::Location,
    time::Timestamp,
};
use uuid::Uuid;

pub const ACCOUNT: AccountId = AccountId(Uuid::from_u128(0xacc));
pub const STRANGER: AccountId = AccountId(Uuid::from_u128(0xbad));
pub const STREAM: StreamId = StreamId(Uuid::from_u128(0x57));
/// How long anything may take that must happen.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub struct House {
    pub store: Arc<SledStore>,
    pub plugins: Plugins,
    pub metrics: Metrics,
    bus: Bus,
}

pub fn now() -> Timestamp {
    Timestamp::from_system(SystemTime::now())
}

fn face() -> FaceRecord {
    FaceRecord {
        face_id: FaceId(Uuid::from_u128(0xada)),
        account_id: ACCOUNT,
        event_id: None,
        user_data: "Ada Lovelace".into(),
        external_id: "ada".into(),
        avatar: String::new(),
        lists: Vec::new(),
        create_time: now(),
        attributes: Attributes::default(),
    }
}

/// Ada is seen in the stream, just now.
pub fn sighting() -> StoredEvent {
    let matches = vec![LabelMatches {
        label: "residents".into(),
        candidates: vec![MatchedFace {
            face: face(),
            similarity: 0.97,
        }],
        targets: Vec::new(),
    }];
    let seen = EventDetection {
        filename: "Raw image".into(),
        detect_time: now(),
        detect_ts: None,
        image_id: None,
        image_reference: None,
        face: Some(DetectedFace {
            sample_id: SampleId(Uuid::from_u128(0x5a)),
            stored: true,
            rect: None,
            landmarks5: None,
            head_pose: None,
            quality: None,
            estimated: FaceEstimations::default(),
        }),
        body: None,
    };
    StoredEvent {
        event_id: EventId(Uuid::now_v7()),
        account_id: ACCOUNT,
        handler_id: HandlerId(Uuid::from_u128(2)),
        create_time: now(),
        end_time: now(),
        external_id: String::new(),
        user_data: String::new(),
        source: Some("front door".into()),
        stream_id: Some(STREAM),
        track_id: None,
        location: Location::default(),
        tags: Vec::new(),
        meta: None,
        detections: vec![seen],
        attributes: None,
        liveness: None,
        estimated: EventEstimations::default(),
        top_match: StoredEvent::best_of(&matches),
        matches: Some(matches),
        face: None,
        stored: true,
        request_id: None,
    }
}

pub fn data_dir(dir: &Path) -> PathBuf {
    dir.join("data")
}

impl House {
    pub fn open(dir: &Path, settings: &[(&str, &str)]) -> Self {
        let data = data_dir(dir);
        std::fs::create_dir_all(&data).unwrap();
        let flags = settings
            .iter()
            .copied()
            .chain([("data_dir", data.to_str().unwrap())])
            .map(|(key, value)| (key.to_owned(), value.to_owned()));
        let config = Config::load(PREFIX, None, [], flags)
            .and_then(Config::check)
            .unwrap();
        let store = SledStore::open(&data.join("store"), SledOptions::default()).unwrap();
        let handle = StoreHandle::new(Arc::clone(&store) as Arc<dyn Store>, 8);
        let (bus, metrics) = (Bus::new(16), Metrics::default());
        let plugins = Plugins::start(PluginParts {
            config: &config,
            store: handle,
            blobs: Blobs::open(&data.join("blobs")).unwrap(),
            bus: bus.clone(),
            metrics: &metrics,
        })
        .unwrap();
        Self {
            store,
            plugins,
            metrics,
            bus,
        }
    }

    /// An event is stored, and told, as processing does.
    pub async fn happens(&self, event: StoredEvent) -> String {
        let store = Arc::clone(&self.store);
        let finish = Finish {
            incoming: None,
            event: event.clone(),
            face: None,
            attribute: None,
            notify: false,
            now: now(),
        };
        tokio::task::spawn_blocking(move || store.finish(&finish).unwrap())
            .await
            .unwrap();
        let id = event.event_id.to_string();
        self.bus.publish(Arc::new(event));
        id
    }

    pub fn status(&self, name: &str) -> PluginStatus {
        let all = self.plugins.list();
        all.into_iter().find(|one| one.name == name).unwrap()
    }

    /// Waits until a plugin's status is as wanted.
    pub async fn until(&self, name: &str, what: &str, wanted: impl Fn(&PluginStatus) -> bool) {
        let begun = std::time::Instant::now();
        while !wanted(&self.status(name)) {
            let status = self.status(name);
            assert!(begun.elapsed() < PATIENCE, "not {what}: {status:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub async fn stop(self) {
        self.plugins.stop(Duration::from_secs(5)).await;
        self.store.close().unwrap();
    }
}
