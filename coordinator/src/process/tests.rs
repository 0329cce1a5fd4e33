//! Tests of processing over the real store, image store and matcher, with models that read a
//! face's identity from its bytes.

mod crash;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use goshawk_coordinator_core::{
    face::{Attributes, FaceRecord},
    handler::{Handler, NewHandler},
    stream::{NewStream, StreamRecord},
};
use goshawk_proto::{
    descriptor::{Descriptor, DescriptorVersion, SimilarityCurve},
    detection::{BasicAttributes, FaceQuality, Gender, HeadPose, Liveness},
    event::{ENVELOPE_VERSION, Event, FaceShot, Jpeg, SendReason, ShotReason},
    geometry::{Point, Rect, Size},
    id::{AgentId, HandlerId, StreamId, TrackId},
    score::Score,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::{
    blobs::{BlobKey, BlobKind},
    bus::{Delivery, Subscription},
    matcher::{Matcher, MatcherOptions},
    store::{
        conformance::{ACCOUNT, AGENT, at, face_id, list, list_id},
        sled::{SledOptions, SledStore},
    },
};
use extract::SampleTraits;

const STREAM: StreamId = StreamId(Uuid::from_u128(0x57));
const HANDLER: HandlerId = HandlerId(Uuid::from_u128(0x4a));
const VERSION: DescriptorVersion = DescriptorVersion(1);

/// Bytes that pass for a JPEG of person `n`.
fn picture_of(person: u8) -> Vec<u8> {
    vec![0xff, 0xd8, 0xff, person]
}

fn descriptor_of(person: u8) -> Descriptor {
    let mut values = [0.02f32; 8];
    values[usize::from(person) % 8] = 1.0;
    Descriptor::from_values(VERSION, &values).unwrap()
}

/// Models that know whom a picture shows. Person 200 breaks them, person 201 is busy twice.
#[derive(Default)]
struct Models {
    calls: AtomicU32,
}

impl Extractor for Models {
    fn detect(&self, picture: &[u8], _: PictureOptions) -> Result<DetectedPicture, ExtractError> {
        if !picture.starts_with(&[0xff, 0xd8, 0xff]) {
            let message = "no picture".into();
            return Err(ExtractError::Picture {
                fault: PictureFault::UnknownFormat,
                message,
            });
        }
        let faces = picture[3..].iter().map(|person| PictureFace {
            rect: Some(Rect {
                x: 10,
                y: 10,
                width: 50,
                height: 60,
            }),
            landmarks: Some([Point::new(20.0, 25.0); 5]),
            score: Score::ONE,
            head_pose: Some(HeadPose {
                yaw: f32::from(*person),
                pitch: 0.0,
                roll: 0.0,
            }),
            quality: good(),
            warp: warp(*person),
        });
        Ok(DetectedPicture {
            size: Size::new(100, 100),
            faces: faces.collect(),
        })
    }

    fn describe(&self, warps: &[Jpeg]) -> Result<Vec<SampleTraits>, ExtractError> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        let one = |jpeg: &Jpeg| match jpeg.bytes[3] {
            200 => Err(ExtractError::Model("the network broke".into())),
            202 => panic!("on purpose"),
            201 if call < 2 => Err(ExtractError::Busy),
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

    fn curve(&self) -> SimilarityCurve {
        SimilarityCurve::default()
    }
}

fn good() -> FaceQuality {
    let one = Score::ONE;
    FaceQuality {
        sharpness: one,
        light: one,
        dark: one,
        illumination: one,
        specularity: one,
    }
}

fn warp(person: u8) -> Jpeg {
    Jpeg {
        size: Size::new(250, 250),
        bytes: picture_of(person),
    }
}

/// The `n`-th event, of one person.
fn agent_event(n: u128, person: u8) -> Event {
    Event {
        envelope: ENVELOPE_VERSION,
        event_id: EventId(Uuid::from_u128(0xe000 + n)),
        stream_id: STREAM,
        stream_version: 1,
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
            warp: warp(person),
            descriptor: None,
            attributes: None,
        }],
        bodies: Vec::new(),
        liveness: Liveness::default(),
        full_frame: Some(Jpeg {
            size: Size::new(1280, 720),
            bytes: picture_of(0),
        }),
        source: String::new(),
        location: None,
        tags: vec!["camera".into()],
        user_data: None,
    }
}

fn handler(policies: Value) -> Handler {
    let new: NewHandler = serde_json::from_value(json!({"policies": policies})).unwrap();
    Handler::new(HANDLER, ACCOUNT, new, at(1))
}

/// Policies that use every kind of storage.
fn everything() -> Value {
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
struct World {
    store: Arc<SledStore>,
    blobs: Blobs,
    bus: Bus,
    processor: Arc<Processor>,
    cancel: CancellationToken,
    task: Option<JoinHandle<()>>,
}

impl World {
    fn open(dir: &Path, checkpoint: Option<Arc<dyn Checkpoint>>) -> Self {
        let options = SledOptions {
            cache_bytes: 8 << 20,
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
        let options = ProcessOptions {
            first_pause: Duration::from_millis(1),
            longest_pause: Duration::from_millis(300),
            checkpoint,
            ..ProcessOptions::default()
        };
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
    fn furnish(&self, policies: Value) {
        use crate::store::{FaceStore, HandlerStore, ListStore, StreamStore};
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
        let held = goshawk_coordinator_core::stream::lifecycle::Input::Assigned(Some(AGENT));
        assert!(stream.apply(at(1), held));
        self.store.create_stream(&stream).unwrap();
    }

    async fn commit(&self, event: Event) -> Result<Committed, Refusal> {
        let raw = event.encode().unwrap().into();
        let incoming = IncomingEvent {
            agent_id: AGENT,
            event_id: event.event_id,
            raw,
            event,
        };
        self.processor.commit(incoming).await
    }

    fn start(&mut self) {
        self.task = Some(self.processor.start(self.cancel.clone()));
    }

    /// Waits until nothing is left to process.
    async fn settle(&self) {
        use crate::store::IncomingStore;
        for _ in 0..2000 {
            let left = self.store.incoming_len().unwrap();
            if left == 0 && self.store.outgoing(None, 1).unwrap().is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("the queue does not empty: {:?}", self.processor.stats());
    }

    fn events(&self) -> Vec<goshawk_coordinator_core::event::StoredEvent> {
        use crate::store::EventStore;
        let query = goshawk_coordinator_core::event_filter::EventQuery {
            page: goshawk_coordinator_core::query::Page {
                number: 1,
                size: 1000,
            },
            ..Default::default()
        };
        self.store.events(ACCOUNT, &query).unwrap()
    }

    async fn stop(mut self) {
        self.cancel.cancel();
        if let Some(task) = self.task.take() {
            task.await.unwrap();
        }
    }
}

/// Ids received so far, without waiting.
fn received(subscription: &mut Subscription) -> HashMap<EventId, usize> {
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_enrolled_person_is_recognised_and_a_stranger_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = World::open(dir.path(), None);
    world.furnish(everything());
    let mut subscription = world.bus.subscribe();
    assert_eq!(world.commit(agent_event(1, 1)).await, Ok(Committed::New));
    assert_eq!(
        world.commit(agent_event(1, 1)).await,
        Ok(Committed::Duplicate)
    );
    assert_eq!(world.commit(agent_event(2, 5)).await, Ok(Committed::New));
    world.start();
    world.settle().await;
    let events = world.events();
    assert_eq!(events.len(), 2);
    let (stranger, known) = (&events[0], &events[1]);
    assert_eq!(
        known.top_match.as_ref().map(|t| t.face_id),
        Some(face_id(1))
    );
    assert!(known.top_match.as_ref().unwrap().similarity > 0.99);
    assert_eq!(known.tags, ["camera", "known"]);
    assert_eq!(known.source.as_deref(), Some("gate"), "the stream's name");
    assert_eq!((known.create_time, known.end_time), (at(101), at(102)));
    assert_eq!(
        (stranger.top_match.clone(), stranger.tags.as_slice()),
        (None, &["camera".into()][..])
    );
    assert_eq!(
        (
            known.age(),
            known.attributes.as_ref().unwrap().samples.len()
        ),
        (Some(33), 1)
    );

    let detection = &known.detections[0];
    let face = detection.face.as_ref().unwrap();
    assert_eq!(face.landmarks5, Some([[20, 20]; 5]));
    let sample = BlobKey {
        account: ACCOUNT,
        kind: BlobKind::FaceSample,
        id: face.sample_id.0,
    };
    assert_eq!(world.blobs.get(&sample).await.unwrap(), picture_of(1));
    let image = BlobKey {
        account: ACCOUNT,
        kind: BlobKind::Image,
        id: detection.image_id.unwrap().0,
    };
    assert_eq!(world.blobs.get(&image).await.unwrap(), picture_of(0));
    {
        use crate::store::FaceStore;
        let made = world
            .store
            .face(ACCOUNT, known.face.as_ref().unwrap().face_id)
            .unwrap();
        assert_eq!(made.lists, [list_id(2)]);
        assert_eq!(made.attributes.descriptor, Some(descriptor_of(1)));
        assert_eq!(made.avatar, format!("/6/samples/faces/{}", face.sample_id));
    }
    assert_eq!(received(&mut subscription).len(), 2);
    world.stop().await;
}

#[tokio::test]
async fn an_event_of_an_unknown_stream_is_refused_for_good() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::open(dir.path(), None);
    assert!(matches!(
        world.commit(agent_event(1, 1)).await,
        Err(Refusal::Permanent { .. })
    ));
}

#[tokio::test]
async fn an_event_of_a_stream_that_the_agent_never_held_is_refused_for_good() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::open(dir.path(), None);
    world.furnish(json!({}));
    let event = agent_event(1, 1);
    let agent_id = AgentId(Uuid::from_u128(0xbad));
    let raw = event.encode().unwrap().into();
    let incoming = IncomingEvent {
        agent_id,
        event_id: event.event_id,
        raw,
        event,
    };
    assert!(matches!(
        world.processor.commit(incoming).await,
        Err(Refusal::Permanent { .. })
    ));
}

#[tokio::test]
async fn over_the_limit_agents_are_told_to_wait() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::open(dir.path(), None);
    world.furnish(json!({}));
    let limit = world.processor.options.max_pending;
    world
        .processor
        .counters
        .pending
        .store(limit, Ordering::SeqCst);
    assert!(matches!(
        world.commit(agent_event(1, 1)).await,
        Err(Refusal::Retry { .. })
    ));
    assert_eq!(world.processor.stats().refused, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn poison_is_set_aside_and_blocks_nobody() {
    use crate::store::IncomingStore;
    let dir = tempfile::tempdir().unwrap();
    let mut world = World::open(dir.path(), None);
    world.furnish(json!({}));
    let garbage = EventId(Uuid::from_u128(0xbad));
    world
        .store
        .receive(ACCOUNT, AGENT, garbage, b"garbage", at(1))
        .unwrap();
    for (n, person) in [(1, 200), (2, 201), (3, 202), (4, 1)] {
        world.commit(agent_event(n, person)).await.unwrap();
    }
    world.start();
    world.settle().await;
    let stored: Vec<u128> = world
        .events()
        .iter()
        .map(|e| e.event_id.0.as_u128() - 0xe000)
        .collect();
    assert_eq!(
        stored,
        [4, 2],
        "the busy one was tried again without counting against it"
    );
    let letters = world.store.dead_letters(10).unwrap();
    let reasons: Vec<&str> = letters
        .iter()
        .map(|letter| letter.reason.as_str())
        .collect();
    assert_eq!(letters.len(), 3, "{reasons:?}");
    assert!(
        letters
            .iter()
            .any(|l| l.event_id == garbage && l.raw == b"garbage")
    );
    assert!(
        reasons
            .iter()
            .any(|reason| reason.contains("the network broke"))
    );
    assert_eq!(world.processor.stats().buried, 3);
    assert_eq!(world.processor.stats().pending, 0);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_filter_lets_through_is_not_kept() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = World::open(dir.path(), None);
    world.furnish(json!({"detect_policy": {"yaw_threshold": 10}}));
    let mut subscription = world.bus.subscribe();
    world.commit(agent_event(1, 1)).await.unwrap();
    world.start();
    world.settle().await;
    assert!(world.events().is_empty());
    assert!(received(&mut subscription).is_empty());
    assert_eq!(world.processor.stats().filtered, 1);
    assert_eq!(
        world.commit(agent_event(1, 1)).await,
        Ok(Committed::Duplicate)
    );
    world.stop().await;
}

fn request(policies: Value, pictures: &[&[u8]], aggregate: bool) -> GenerateRequest {
    GenerateRequest {
        account_id: ACCOUNT,
        handler: handler(policies),
        pictures: pictures
            .iter()
            .map(|persons| SourcePicture {
                filename: "a.jpg".into(),
                bytes: [&[0xff, 0xd8, 0xff], *persons].concat().into(),
                options: PictureOptions::default(),
                detect_time: None,
                detect_ts: None,
                reference: None,
            })
            .collect(),
        details: EventDetails {
            external_id: "ext".into(),
            ..EventDetails::default()
        },
        aggregate,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pictures_become_events_by_the_same_way() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::open(dir.path(), None);
    world.furnish(everything());
    let mut subscription = world.bus.subscribe();
    let made = world
        .processor
        .generate(request(everything(), &[&[1, 5]], false))
        .await
        .unwrap();
    assert_eq!(made.events.len(), 2, "each face its own event");
    assert_eq!(
        made.events[0].top_match.as_ref().map(|t| t.face_id),
        Some(face_id(1))
    );
    assert_eq!(made.events[1].top_match, None);
    assert_eq!(made.pictures[0].result, Ok(2));
    assert_eq!(world.events().len(), 2);
    assert_eq!(received(&mut subscription).len(), 2);

    let together = request(everything(), &[&[1], &[1]], true);
    let made = world.processor.generate(together).await.unwrap();
    assert_eq!((made.events.len(), made.events[0].detections.len()), (1, 2));
    let images: Vec<_> = made.events[0]
        .detections
        .iter()
        .map(|d| d.image_id)
        .collect();
    assert!(images[0].is_some() && images[0] != images[1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pictures_that_do_not_count_say_why() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::open(dir.path(), None);
    world.furnish(json!({}));
    let strict = json!({"detect_policy": {"yaw_threshold": 3}});
    let made = world
        .processor
        .generate(request(strict, &[&[1, 5]], false))
        .await
        .unwrap();
    assert_eq!((made.events.len(), made.filtered.len()), (1, 1));
    assert_eq!(made.filtered[0].reasons[0].name, "yaw_threshold");

    let single = json!({"detect_policy": {"multiface_policy": 0}});
    let made = world
        .processor
        .generate(request(single, &[&[1, 5], &[1]], false))
        .await
        .unwrap();
    assert_eq!(made.pictures[0].result, Err(PictureError::ManyFaces(2)));
    assert_eq!(
        (made.pictures[1].result.clone(), made.events.len()),
        (Ok(1), 1)
    );

    let best = json!({"detect_policy": {"multiface_policy": 2}});
    let made = world
        .processor
        .generate(request(best, &[&[1, 5]], false))
        .await
        .unwrap();
    assert_eq!(made.events.len(), 1);

    let mut bad = request(json!({}), &[&[]], false);
    bad.pictures[0].bytes = bytes::Bytes::from_static(b"text");
    let made = world.processor.generate(bad).await.unwrap();
    assert!(matches!(
        made.pictures[0].result,
        Err(PictureError::Extract(_))
    ));
}
