//! A coordinator's inside over a folder, with models that read a face's identity from its bytes.

use std::{
    collections::HashMap,
    path::Path,
    sync::{
        LazyLock,
        atomic::{AtomicU32, Ordering},
    },
};

use goshawk_coordinator_core::{
    event::StoredEvent,
    event_filter::EventQuery,
    face::{Attributes, FaceRecord},
    handler::{Handler, NewHandler},
    query::Page,
    stream::{NewStream, StreamRecord, lifecycle::Input},
};
use goshawk_models::estimate::{Capabilities, FaceReport};
use goshawk_proto::{
    descriptor::{Descriptor, DescriptorVersion, SimilarityCurve},
    detection::{BasicAttributes, FaceQuality, Gender, HeadPose, Liveness},
    event::{ENVELOPE_VERSION, Event, FaceShot, Jpeg, SendReason, ShotReason},
    geometry::{BBox, Point, Rect, Size},
    id::{HandlerId, StreamId, TrackId},
    score::Score,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::{extract::SampleTraits, *};
use crate::{
    bus::{Delivery, Subscription},
    matcher::{Matcher, MatcherOptions},
    store::{
        EventStore, FaceStore, HandlerStore, IncomingStore, ListStore, StreamStore,
        conformance::{ACCOUNT, AGENT, at, list, list_id},
        sled::{SledOptions, SledStore},
    },
};

pub const STREAM: StreamId = StreamId(Uuid::from_u128(0x57));
pub const HANDLER: HandlerId = HandlerId(Uuid::from_u128(0x4a));
pub const VERSION: DescriptorVersion = DescriptorVersion(1);

/// Bytes that pass for a JPEG of person `n`.
pub fn picture_of(person: u8) -> Vec<u8> {
    vec![0xff, 0xd8, 0xff, person]
}

pub fn descriptor_of(person: u8) -> Descriptor {
    let mut values = [0.02f32; 8];
    values[usize::from(person) % 8] = 1.0;
    Descriptor::from_values(VERSION, &values).unwrap()
}

/// Models that know whom a picture shows. Person 200 breaks them six times, person 201 finds
/// them busy twice, 202 makes them panic, 203 is no good picture.
#[derive(Default)]
pub struct Models {
    refusals: AtomicU32,
    failures: AtomicU32,
}

impl Extractor for Models {
    fn look(&self, picture: &[u8], ask: &Ask) -> Result<Seen, ExtractError> {
        if !picture.starts_with(&[0xff, 0xd8, 0xff]) {
            let message = "no picture".into();
            return Err(ExtractError::Picture {
                fault: PictureFault::UnknownFormat,
                message,
            });
        }
        let most = if ask.best_only { 1 } else { usize::MAX };
        let people = picture[3..].iter().take(most).map(|person| SeenPerson {
            face: Some(FaceReport {
                bbox: Some(BBox::new(10.0, 10.0, 50.0, 60.0)),
                score: Score::ONE,
                landmarks5: Some([Point::new(20.0, 25.0); 5]),
                head_pose: Some(HeadPose {
                    yaw: f32::from(*person),
                    pitch: 0.0,
                    roll: 0.0,
                }),
                quality: Some(good()),
                ..FaceReport::default()
            }),
            face_warp: Some(warp(*person)),
            ..SeenPerson::default()
        });
        Ok(Seen {
            size: Size::new(100, 100),
            people: people.collect(),
            ..Seen::default()
        })
    }

    fn can(&self) -> &Capabilities {
        static NOTHING: LazyLock<Capabilities> = LazyLock::new(Capabilities::none);
        &NOTHING
    }

    fn describe(&self, warps: &[Jpeg]) -> Result<Vec<SampleTraits>, ExtractError> {
        let one = |jpeg: &Jpeg| match jpeg.bytes[3] {
            200 if self.failures.fetch_add(1, Ordering::SeqCst) < 6 => {
                Err(ExtractError::Model("the network broke".into()))
            }
            203 => Err(ExtractError::Picture {
                fault: PictureFault::Broken,
                message: "cut off".into(),
            }),
            202 => panic!("on purpose"),
            201 if self.refusals.fetch_add(1, Ordering::SeqCst) < 1 => Err(ExtractError::Busy),
            person => Ok(SampleTraits {
                descriptor: descriptor_of(person),
                attributes: Some(BasicAttributes {
                    age: 33.4,
                    gender: Gender::Female,
                    gender_score: Score::ONE,
                }),
            }),
        };
        warps.iter().map(one).collect()
    }

    fn version(&self) -> DescriptorVersion {
        VERSION
    }

    fn length(&self) -> usize {
        8
    }

    fn curve(&self) -> SimilarityCurve {
        SimilarityCurve::default()
    }
}

pub fn good() -> FaceQuality {
    let one = Score::ONE;
    FaceQuality {
        sharpness: one,
        light: one,
        dark: one,
        illumination: one,
        specularity: one,
    }
}

pub fn warp(person: u8) -> Jpeg {
    Jpeg {
        size: Size::new(250, 250),
        bytes: picture_of(person),
    }
}

/// The `n`-th event, of one person.
pub fn agent_event(n: u128, person: u8) -> Event {
    Event {
        envelope: ENVELOPE_VERSION,
        event_id: EventId(Uuid::from_u128(0xe000 + n)),
        stream_id: STREAM,
        stream_version: 1,
        analysis: 0,
        track_id: TrackId(Uuid::from_u128(n)),
        track_start: at(100 + n as i64),
        track_end: at(101 + n as i64),
        decided_at: at(102 + n as i64),
        reason: SendReason::TrackEnd,
        source_size: Size::new(1280, 720),
        faces: vec![FaceShot {
            detect_time: at(100 + n as i64),
            frame_number: 7,
            rect: Rect {
                x: 10,
                y: 20,
                width: 100,
                height: 120,
            },
            landmarks: [Point::new(30.0, 40.0); 5],
            score: Score::ONE,
            head_pose: HeadPose {
                yaw: 20.0,
                pitch: 0.0,
                roll: 0.0,
            },
            quality: good(),
            shot_score: Score::ONE,
            reason: ShotReason::First,
            warp: Some(warp(person)),
            source_time: None,
            descriptor: None,
            attributes: None,
        }],
        bodies: Vec::new(),
        liveness: Liveness::default(),
        full_frame: Some(Jpeg {
            size: Size::new(1280, 720),
            bytes: picture_of(0),
        }),
        body_frame: None,
        source: String::new(),
        location: None,
        tags: vec!["camera".into()],
        user_data: None,
    }
}

pub fn handler(policies: Value) -> Handler {
    let new: NewHandler = serde_json::from_value(json!({"policies": policies})).unwrap();
    Handler::new(HANDLER, ACCOUNT, new, at(1))
}

/// Policies that use every kind of storage.
pub fn everything() -> Value {
    json!({
        "extract_policy": {"extract_basic_attributes": 1},
        "match_policy": [{"label": "staff", "threshold": 0.5,
                          "candidates": {"origin": "faces", "list_id": list_id(1)}}],
        "storage_policy": {
            "image_origin_policy": {"store_image": 1},
            "attribute_policy": {"store_attribute": 1},
            "face_policy": {"store_face": 1, "link_to_lists_policy": [{"list_id": list_id(2)}]},
        },
        "conditional_tags_policy": [{"tag": "known", "filters": {"match": [{"label": "staff"}]}}],
    })
}

/// One life of a coordinator over a folder.
pub struct World {
    pub store: Arc<SledStore>,
    pub blobs: Blobs,
    pub bus: Bus,
    pub processor: Arc<Processor>,
    pub cancel: CancellationToken,
    pub task: Option<JoinHandle<()>>,
}

impl World {
    pub fn open(dir: &Path, checkpoint: Option<Arc<dyn Checkpoint>>) -> Self {
        Self::open_with(dir, |options| options.checkpoint = checkpoint)
    }

    pub fn open_with(dir: &Path, adjust: impl FnOnce(&mut ProcessOptions)) -> Self {
        let options = SledOptions {
            cache_bytes: 8 << 20,
            ..SledOptions::default()
        };
        let store = SledStore::open(&dir.join("db"), options).unwrap();
        let matcher = Matcher::start(MatcherOptions {
            threads: 1,
            ..MatcherOptions::default()
        });
        store.set_observer(matcher.clone());
        matcher.rebuild(store.as_ref()).unwrap();
        let handle = StoreHandle::new(store.clone(), 8);
        let blobs = Blobs::open(&dir.join("blobs")).unwrap();
        let bus = Bus::new(1024);
        let parts = ProcessParts {
            store: handle.clone(),
            blobs: blobs.clone(),
            matching: Arc::new(Matching::new(matcher, handle)),
            bus: bus.clone(),
            analyzer: Some(Analyzer::new(Arc::new(Models::default()), 1, 64)),
        };
        let mut options = ProcessOptions {
            first_pause: Duration::from_millis(1),
            longest_pause: Duration::from_millis(300),
            min_age: Duration::ZERO,
            ..ProcessOptions::default()
        };
        adjust(&mut options);
        let processor = Processor::new(parts, options);
        Self {
            store,
            blobs,
            bus,
            processor,
            cancel: CancellationToken::new(),
            task: None,
        }
    }

    /// The rows that events need: two lists, an enrolled person 1, a stream and its handler.
    pub fn furnish(&self, policies: Value) {
        self.store.create_list(&list(1)).unwrap();
        self.store.create_list(&list(2)).unwrap();
        let attributes = Attributes {
            descriptor: Some(descriptor_of(1)),
            ..Attributes::default()
        };
        let enrolled = crate::store::conformance::face(1, &[list_id(1)]);
        self.store
            .create_face(&FaceRecord {
                attributes,
                ..enrolled
            })
            .unwrap();
        self.store.create_handler(&handler(policies)).unwrap();
        let new: NewStream = serde_json::from_value(json!({
            "account_id": ACCOUNT,
            "name": "gate",
            "data": {"type": "tcp", "reference": "rtsp://cam/1",
                     "analytics": [{"event_handler": {"handler_id": HANDLER}}]},
        }))
        .unwrap();
        let mut stream = StreamRecord::new(STREAM, new, at(1));
        let held = Input::Assigned(Some(AGENT));
        assert!(stream.apply(at(1), held));
        self.store.create_stream(&stream).unwrap();
    }

    pub async fn commit(&self, event: Event) -> Result<Committed, Refusal> {
        let raw = event.encode().unwrap().into();
        let incoming = IncomingEvent {
            agent_id: AGENT,
            event_id: event.event_id,
            raw,
            event,
        };
        self.processor.commit(incoming).await
    }

    pub fn start(&mut self) {
        self.task = Some(self.processor.start(self.cancel.clone()));
    }

    /// Waits until nothing is left to process.
    pub async fn settle(&self) {
        for _ in 0..2000 {
            let left = self.store.incoming_len().unwrap();
            // Rows go before counters are touched.
            let counted = self.processor.stats().pending == 0;
            if left == 0 && counted && self.store.outgoing(None, 1).unwrap().is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("the queue does not empty: {:?}", self.processor.stats());
    }

    pub fn events(&self) -> Vec<StoredEvent> {
        let query = EventQuery {
            page: Page {
                number: 1,
                size: 1000,
            },
            ..Default::default()
        };
        self.store.events(ACCOUNT, &query).unwrap()
    }

    pub async fn stop(mut self) {
        self.cancel.cancel();
        if let Some(task) = self.task.take() {
            task.await.unwrap();
        }
    }
}

/// Ids received so far, without waiting.
pub fn received(subscription: &mut Subscription) -> HashMap<EventId, usize> {
    use futures_util::FutureExt;
    let mut out = HashMap::new();
    while let Some(Some(delivery)) = subscription.next().now_or_never() {
        match delivery {
            Delivery::Event(event) => *out.entry(event.event_id).or_default() += 1,
            Delivery::Lagged(lost) => panic!("lost {lost}"),
        }
    }
    out
}
