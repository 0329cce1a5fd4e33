//! Sample values for tests.
#![allow(missing_docs, reason = "test fixtures")]

use goshawk_proto::{
    descriptor::Descriptor,
    detection::{BasicAttributes, Gender},
    geometry::Rect,
    id::{AccountId, EventId, FaceId, HandlerId, SampleId, StreamId},
    score::Score,
    stream::{AutoRestart, GeoPosition, Location, StreamData},
    time::Timestamp,
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{
    code::{EmotionCode, LivenessCode, MaskCode},
    event::{
        DetectedFace, EventAttributes, EventDetection, EventEstimations, EventLiveness,
        FaceEstimations, LabelMatches, MatchedFace, StoredEvent,
    },
    face::{Attributes, FaceRecord},
    stream::{NewStream, StreamRecord},
};

pub const ACCOUNT: AccountId = AccountId(Uuid::from_u128(0xacc));

pub fn seconds(n: i64) -> Timestamp {
    Timestamp::from_unix_micros(n * 1_000_000)
}

pub fn face(n: u128, descriptor: Option<Descriptor>) -> FaceRecord {
    FaceRecord {
        face_id: FaceId(Uuid::from_u128(n)),
        account_id: ACCOUNT,
        event_id: None,
        user_data: "first floor".into(),
        external_id: "ada".into(),
        avatar: String::new(),
        lists: Vec::new(),
        create_time: seconds(n as i64),
        attributes: Attributes {
            descriptor,
            ..Attributes::default()
        },
    }
}

/// An event of second `n` with one face, a match under `staff` and a place.
pub fn event(n: i64) -> StoredEvent {
    let matches = vec![LabelMatches {
        label: "staff".into(),
        candidates: vec![MatchedFace {
            face: face(7, None),
            similarity: 0.95,
        }],
        targets: Vec::new(),
    }];
    let attributes = EventAttributes {
        attribute_id: None,
        basic: Some(BasicAttributes {
            age: 30.2,
            gender: Gender::Male,
            gender_score: Score::ONE,
        }),
        score: Some(0.8),
        samples: Vec::new(),
    };
    let place = GeoPosition {
        longitude: 24.1,
        latitude: 56.9,
    };
    StoredEvent {
        event_id: EventId(Uuid::from_u128(n as u128)),
        account_id: ACCOUNT,
        handler_id: HandlerId(Uuid::from_u128(2)),
        create_time: seconds(n),
        end_time: seconds(n + 1),
        external_id: String::new(),
        user_data: "ground floor".into(),
        source: Some("gate".into()),
        stream_id: Some(StreamId(Uuid::from_u128(3))),
        track_id: Some("track-1".into()),
        location: Location {
            city: Some("Riga".into()),
            geo_position: Some(place),
            ..Location::default()
        },
        tags: vec!["staff".into()],
        meta: None,
        detections: vec![EventDetection {
            filename: "Raw image".into(),
            detect_time: seconds(n),
            detect_ts: None,
            image_id: None,
            image_reference: None,
            face: Some(DetectedFace {
                sample_id: SampleId(Uuid::from_u128(4)),
                stored: true,
                rect: Some(Rect {
                    x: 1,
                    y: 2,
                    width: 30,
                    height: 40,
                }),
                landmarks5: None,
                head_pose: None,
                quality: None,
                estimated: FaceEstimations::default(),
            }),
            body: None,
        }],
        attributes: Some(attributes),
        liveness: Some(EventLiveness {
            prediction: LivenessCode::Real,
            score: Some(0.9),
        }),
        estimated: EventEstimations {
            emotion: Some(EmotionCode::Happiness),
            mask: Some(MaskCode::MedicalMask),
            deepfake: None,
            face: Map::new(),
            body: body(),
        },
        top_match: StoredEvent::best_of(&matches),
        matches: Some(matches),
        face: None,
        stored: true,
        request_id: None,
    }
}

pub fn stream_data(reference: &str) -> StreamData {
    serde_json::from_value(json!({
        "type": "tcp",
        "reference": reference,
        "analytics": [{"event_handler": {"handler_id": Uuid::from_u128(2)}}],
    }))
    .unwrap()
}

pub fn new_stream(reference: &str) -> NewStream {
    NewStream {
        account_id: ACCOUNT,
        name: "gate".into(),
        description: String::new(),
        data: stream_data(reference),
        location: None,
        autorestart: AutoRestart::default(),
        status: crate::stream::StartStatus::Pending,
        group_name: None,
        group_id: None,
        first_version: None,
    }
}

pub fn stream(n: u128, reference: &str) -> StreamRecord {
    let new = new_stream(reference);
    StreamRecord::new(StreamId(Uuid::from_u128(n)), new, seconds(n as i64))
}

/// What was estimated of the body of [`event`].
fn body() -> Map<String, Value> {
    let body = json!({
        "basic_attributes": {"apparent_age": 30, "apparent_gender": 1},
        "upper_body": {
            "headwear": {"state": 0, "apparent_color": "undefined"},
            "sleeve": {"length": "long"},
            "upper_clothing": {"colors": ["black", "red"]},
        },
        "accessories": {"backpack": {"state": 2}},
    });
    body.as_object().cloned().unwrap_or_default()
}
