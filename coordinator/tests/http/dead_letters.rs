//! Events that could not be processed: an agent's event fails, its cause is mended, and it goes
//! through.

use std::time::{Duration, Instant, SystemTime};

use goshawk_e2e::{
    api::{Api, Endpoints},
    load::{Identity, Link, Parcel},
};
use goshawk_proto::{
    detection::{FaceQuality, HeadPose, Liveness},
    event::{ENVELOPE_VERSION, Event, FaceShot, Jpeg, SendReason, ShotReason},
    geometry::{Point, Rect, Size},
    id::{EventId, StreamId, TrackId},
    link::PushReply,
    score::Score,
    time::Timestamp,
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Coordinator, LOGIN, PASSWORD};

const PATIENCE: Duration = Duration::from_secs(20);
/// Where no camera is.
const CAMERA: &str = "rtsp://127.0.0.1:9/none";
const ALL: &str = "/goshawk/1/dead-letters";

/// An agent of a coordinator, and a stream that it holds.
struct Yard {
    c: Coordinator,
    api: Api,
    link: Link,
    account: String,
    stream: StreamId,
}

impl Yard {
    async fn new() -> Self {
        let c = Coordinator::start().await;
        let ends = c.app.endpoints().clone();
        let ends = Endpoints {
            api: ends.api,
            streams: ends.streams,
            handlers: ends.handlers,
            sender: ends.sender,
            agents: ends.agents,
        };
        let api = Api::new(ends, LOGIN, PASSWORD).unwrap();
        let account = c.account_id().await;
        let identity = Identity::enrol(&api, "edge").await.unwrap();
        let mut link = Link::connect(&identity, "edge").await.unwrap();
        let handler = handler(&c).await;
        let stream = api
            .stream(&account, "tcp", CAMERA, &handler, json!({}))
            .await;
        let stream = stream.unwrap().parse().unwrap();
        link.assigned(stream, PATIENCE).await.unwrap();
        c.delete("removeHandler", &format!("/6/handlers/{handler}"))
            .await
            .expect(204);
        Self {
            c,
            api,
            link,
            account,
            stream,
        }
    }

    /// An event of the stream, taken in.
    async fn push(&self) -> EventId {
        let event = event(self.stream);
        let parcel = Parcel {
            event_id: event.event_id,
            bytes: event.encode().unwrap().into(),
        };
        match self.link.push(&parcel).await.unwrap() {
            PushReply::Ack(ack) => assert!(!ack.duplicate),
            other => panic!("not acknowledged: {other:?}"),
        }
        parcel.event_id
    }

    /// Waits until so many events are set aside, and gives the listing.
    async fn dead(&self, count: usize) -> Value {
        let began = Instant::now();
        loop {
            let page = self.c.get("", ALL).await.expect(200).body;
            if page["total"] == count {
                return page;
            }
            assert!(began.elapsed() < PATIENCE, "{page}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Gives the stream a handler again.
    async fn mend(&self) {
        let handler = handler(&self.c).await;
        let path = format!("/2/streams/{}", self.stream);
        let body = json!({
            "account_id": self.account,
            "name": "e2e",
            "data": {
                "type": "tcp",
                "reference": CAMERA,
                "analytics": [{"event_handler": {
                    "type": "luna_handler",
                    "handler_id": handler,
                    "frame_store": null,
                    "authorization": {"account_id": self.account},
                }}],
            },
        });
        let put = self
            .api
            .streams(Method::PUT, &path, &self.account, Some(&body));
        put.await.unwrap();
    }

    async fn is_stored(&self, event: EventId) {
        let (began, path) = (Instant::now(), format!("/6/events/{event}"));
        while self.c.get("", &path).await.status != 200 {
            assert!(began.elapsed() < PATIENCE, "{event} is not stored");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// A handler that needs no models.
async fn handler(c: &Coordinator) -> String {
    let policies = json!({
        "extract_policy": {"extract_face_descriptor": 0},
        "storage_policy": {"event_policy": {"store_event": 1}},
    });
    let made = c.post(
        "createHandler",
        "/6/handlers",
        json!({"policies": policies}),
    );
    made.await.expect(201).id("handler_id")
}

fn event(stream_id: StreamId) -> Event {
    let now = Timestamp::from_system(SystemTime::now());
    let one = Score::ONE;
    let shot = FaceShot {
        detect_time: now,
        frame_number: 7,
        rect: Rect {
            x: 10,
            y: 20,
            width: 100,
            height: 120,
        },
        landmarks: [Point::new(30.0, 40.0); 5],
        score: one,
        head_pose: HeadPose::default(),
        quality: FaceQuality {
            sharpness: one,
            light: one,
            dark: one,
            illumination: one,
            specularity: one,
        },
        shot_score: one,
        reason: ShotReason::First,
        warp: Some(Jpeg {
            size: Size::new(250, 250),
            bytes: [&[0xff, 0xd8, 0xff][..], b"whose face this is"].concat(),
        }),
        source_time: None,
        descriptor: None,
        attributes: None,
    };
    Event {
        envelope: ENVELOPE_VERSION,
        event_id: EventId(uuid::Uuid::now_v7()),
        stream_id,
        stream_version: 1,
        analysis: 0,
        track_id: TrackId::random(),
        track_start: now,
        track_end: now,
        decided_at: now,
        reason: SendReason::TrackEnd,
        source_size: Size::new(1280, 720),
        faces: vec![shot],
        bodies: Vec::new(),
        liveness: Liveness::default(),
        full_frame: None,
        body_frame: None,
        source: "yard".to_owned(),
        location: None,
        tags: Vec::new(),
        user_data: None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_whose_cause_is_mended_goes_through() {
    let yard = Yard::new().await;
    let c = &yard.c;
    let event = yard.push().await;
    let page = yard.dead(1).await;
    let letter = &page["dead_letters"][0];
    assert_eq!(letter["event_id"], event.to_string());
    assert_eq!(letter["account_id"], yard.account);
    assert_eq!(letter["attempts"], 1);
    assert!(letter["reason"].as_str().unwrap().contains("handler"));
    assert_eq!(letter["event"]["stream_id"], yard.stream.to_string());
    assert_eq!(letter["event"]["source"], "yard");
    assert_eq!(letter["event"]["faces"], 1);
    assert_eq!(page["next"], Value::Null);
    assert!(!page.to_string().contains("whose face"));
    let number = letter["number"].as_u64().unwrap();
    let one = format!("{ALL}/{number}");
    assert_eq!(c.get("", &one).await.expect(200).body, *letter);

    // As long as nothing is mended it comes back, under another number.
    let retried = c.send("", c.request(Method::POST, &format!("{one}/retry")));
    assert_eq!(retried.await.expect(200).body, json!({"retried": 1}));
    let page = yard.dead(1).await;
    let again = page["dead_letters"][0]["number"].as_u64().unwrap();
    assert!(again > number, "{again} {number}");
    c.get("", &one).await.expect(404);

    yard.mend().await;
    let path = format!("{ALL}/{again}/retry");
    let retried = c.send("", c.request(Method::POST, &path)).await;
    retried.expect(200);
    yard.is_stored(event).await;
    yard.dead(0).await;
    let page = c.bare(Method::GET, "/metrics").send().await.unwrap();
    let page = page.text().await.unwrap();
    assert!(page.contains("goshawk_coordinator_store_dead 0"), "{page}");

    let log = c.data_dir().join("audit/audit.jsonl");
    let c = yard.c.restart().await;
    let log = std::fs::read_to_string(log).unwrap();
    assert_eq!(log.matches("\"retryDeadLetter\"").count(), 2, "{log}");
    c.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn they_come_in_pages_and_are_tried_again_or_dropped() {
    let yard = Yard::new().await;
    let c = &yard.c;
    let mut events = Vec::new();
    for _ in 0..6 {
        events.push(yard.push().await);
    }
    let page = yard.dead(6).await;
    let all = page["dead_letters"].as_array().unwrap().clone();
    let (mut found, mut next) = (Vec::new(), Some(0));
    while let Some(after) = next {
        let path = format!("{ALL}?after={after}&page_size=4");
        let mut page = c.get("", &path).await.expect(200).body;
        next = page["next"].as_u64();
        found.append(page["dead_letters"].as_array_mut().unwrap());
    }
    assert_eq!(found, all);

    let first = format!("{ALL}/{}", all[0]["number"]);
    c.delete("", &first).await.expect(204);
    c.delete("", &first).await.expect(404);
    c.delete("", &format!("{ALL}/yard")).await.expect(404);
    let retry = c.request(Method::POST, &format!("{first}/retry"));
    c.send("", retry).await.expect(404);
    c.get("", &format!("{ALL}?page_size=0"))
        .await
        .refused(400, 12012);
    yard.mend().await;
    let retried = c.send("", c.request(Method::POST, &format!("{ALL}/retry")));
    assert_eq!(retried.await.expect(200).body, json!({"retried": 5}));
    let dropped = all[0]["event_id"].as_str().unwrap();
    for event in events.iter().filter(|event| event.to_string() != dropped) {
        yard.is_stored(*event).await;
    }
    c.get("", &format!("/6/events/{dropped}")).await.expect(404);
    let none = c.send("", c.request(Method::POST, &format!("{ALL}/retry")));
    assert_eq!(none.await.expect(200).body, json!({"retried": 0}));
    yard.c.stop().await;
}
