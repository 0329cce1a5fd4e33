//! Events as stored, and their two published faces: the row of `/6/events` and the message that
//! `/6/handlers/{id}/events` answers and subscribers receive.

pub mod view;

use goshawk_proto::{
    detection::{BasicAttributes, FaceQuality, HeadPose},
    geometry::Rect,
    id::{AccountId, AttributeId, EventId, FaceId, HandlerId, ImageId, ListId, SampleId, StreamId},
    stream::Location,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    code::{DeepfakeCode, EmotionCode, GenderCode, LivenessCode, MaskCode},
    face::{FaceRecord, FaceTarget, whole_years},
};

/// Longest source name in characters.
pub const MAX_SOURCE: usize = 128;
/// Most tags of an event.
pub const MAX_TAGS: usize = 1000;
/// Longest track id in characters.
pub const MAX_TRACK_ID: usize = 36;
/// Longest part of a location in characters.
pub const MAX_LOCATION: usize = 36;

/// An event as stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredEvent {
    /// Made at the edge, or by us for pictures.
    pub event_id: EventId,
    /// Owner.
    pub account_id: AccountId,
    /// The handler that raised it.
    pub handler_id: HandlerId,
    /// When it began: the track's first frame, or what the caller said.
    pub create_time: Timestamp,
    /// When it ended: the track's last frame so far, or what the caller said.
    pub end_time: Timestamp,
    /// Given by the caller.
    #[serde(default)]
    pub external_id: String,
    /// Given by the caller or the stream.
    #[serde(default)]
    pub user_data: String,
    /// Name of the stream, or what the caller said.
    #[serde(default)]
    pub source: Option<String>,
    /// The stream.
    #[serde(default)]
    pub stream_id: Option<StreamId>,
    /// The track, `[a-zA-Z0-9_-]{1,36}`.
    #[serde(default)]
    pub track_id: Option<String>,
    /// Where it happened.
    #[serde(default)]
    pub location: Location,
    /// Tags of the stream or the caller, then conditional ones; no repeats.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Free JSON given by the caller.
    #[serde(default)]
    pub meta: Option<Value>,
    /// What was seen, best first.
    pub detections: Vec<EventDetection>,
    /// What was extracted, aggregated over the detections.
    #[serde(default)]
    pub attributes: Option<EventAttributes>,
    /// Liveness, when estimated.
    #[serde(default)]
    pub liveness: Option<EventLiveness>,
    /// What else was estimated, over all detections.
    #[serde(default)]
    pub estimated: EventEstimations,
    /// Results of each match policy that ran, in the handler's order; `None` when none ran.
    #[serde(default)]
    pub matches: Option<Vec<LabelMatches>>,
    /// The best candidate over all labels.
    #[serde(default)]
    pub top_match: Option<TopMatch>,
    /// The face made from it.
    #[serde(default)]
    pub face: Option<EventFace>,
    /// Whether its row is kept (an event may be sent without being kept).
    pub stored: bool,
    /// The request that raised it, in the contract's form.
    #[serde(default)]
    pub request_id: Option<String>,
}

/// One picture of the person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventDetection {
    /// Name of the picture's file, or `Raw image`.
    pub filename: String,
    /// When it was taken.
    pub detect_time: Timestamp,
    /// Seconds from the start of the video, when known.
    #[serde(default)]
    pub detect_ts: Option<f64>,
    /// The stored whole picture.
    #[serde(default)]
    pub image_id: Option<ImageId>,
    /// Where the caller said the whole picture is.
    #[serde(default)]
    pub image_reference: Option<String>,
    /// The face in it.
    #[serde(default)]
    pub face: Option<DetectedFace>,
    /// The body in it.
    #[serde(default)]
    pub body: Option<DetectedBody>,
}

/// A face in a picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DetectedFace {
    /// Id of its sample.
    pub sample_id: SampleId,
    /// Whether the sample is kept.
    pub stored: bool,
    /// Box in source pixels; `None` for a picture that was given as a sample.
    #[serde(default)]
    pub rect: Option<Rect>,
    /// Five points, pixels from the box's corner.
    #[serde(default)]
    pub landmarks5: Option<[[i32; 2]; 5]>,
    /// Angles of the head, when the handler asks for them.
    #[serde(default)]
    pub head_pose: Option<HeadPose>,
    /// Quality, when the handler asks for it.
    #[serde(default)]
    pub quality: Option<FaceQuality>,
    /// What else the handler asks for, in the contract's words and forms.
    #[serde(default)]
    pub estimated: FaceEstimations,
}

/// What was estimated of a face besides its place, in the contract's words and forms.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FaceEstimations {
    /// By the names of attributes: `gaze`, `mouth_attributes`, …
    #[serde(default)]
    pub attributes: Map<String, Value>,
    /// 68 points, pixels from the box's corner.
    #[serde(default)]
    pub landmarks68: Option<Value>,
    /// The checks of portraits.
    #[serde(default)]
    pub face_quality: Option<Value>,
}

/// What was estimated of an event's person over all detections.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EventEstimations {
    /// The expression by its number.
    #[serde(default)]
    pub emotion: Option<EmotionCode>,
    /// The mask.
    #[serde(default)]
    pub mask: Option<MaskCode>,
    /// Whether a machine made the face.
    #[serde(default)]
    pub deepfake: Option<DeepfakeCode>,
    /// Of the face, by the names of attributes, in the contract's words and forms.
    #[serde(default)]
    pub face: Map<String, Value>,
    /// Of the body, likewise.
    #[serde(default)]
    pub body: Map<String, Value>,
}

/// A body in a picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DetectedBody {
    /// Id of its sample.
    pub sample_id: SampleId,
    /// Whether the sample is kept.
    pub stored: bool,
    /// Box in source pixels.
    #[serde(default)]
    pub rect: Option<Rect>,
    /// What the handler asks for, by the names of attributes, in the contract's words and forms.
    #[serde(default)]
    pub attributes: Map<String, Value>,
}

/// What was extracted of an event's person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventAttributes {
    /// The temporary attribute, when one was kept.
    #[serde(default)]
    pub attribute_id: Option<AttributeId>,
    /// Age and gender, when estimated.
    #[serde(default)]
    pub basic: Option<BasicAttributes>,
    /// Fitness for recognition, 0 to 1.
    #[serde(default)]
    pub score: Option<f32>,
    /// The samples they were extracted from.
    #[serde(default)]
    pub samples: Vec<SampleId>,
}

/// Liveness of an event's person.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventLiveness {
    /// The outcome.
    pub prediction: LivenessCode,
    /// Certainty that the person is live, 0 to 1, when decided.
    #[serde(default)]
    pub score: Option<f32>,
}

/// The candidates found under one label, most similar first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LabelMatches {
    /// The match policy's label.
    pub label: String,
    /// What was found.
    pub candidates: Vec<MatchedFace>,
    /// Fields to publish; empty is all.
    #[serde(default)]
    pub targets: Vec<FaceTarget>,
}

/// A face found by matching, as it was then.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MatchedFace {
    /// The face, without its attributes.
    pub face: FaceRecord,
    /// How alike, 0 to 1.
    pub similarity: f32,
}

/// The best candidate over all labels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TopMatch {
    /// The face.
    pub face_id: FaceId,
    /// How alike, 0 to 1.
    pub similarity: f32,
    /// The label under which it was found.
    pub label: String,
    /// The face's external id.
    pub external_id: String,
}

/// The face made from an event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventFace {
    /// Its id.
    pub face_id: FaceId,
    /// Its external id.
    pub external_id: String,
    /// Its user data.
    pub user_data: String,
    /// Its avatar.
    pub avatar: String,
    /// Lists it was linked to.
    pub lists: Vec<ListId>,
}

impl StoredEvent {
    /// Age in whole years, when estimated.
    pub fn age(&self) -> Option<u8> {
        self.basic().map(|basic| whole_years(basic.age))
    }

    /// Gender, when estimated.
    pub fn gender(&self) -> Option<GenderCode> {
        self.basic().map(|basic| basic.gender.into())
    }

    fn basic(&self) -> Option<BasicAttributes> {
        self.attributes
            .as_ref()
            .and_then(|attributes| attributes.basic)
    }

    /// Liveness, when estimated.
    pub fn liveness_code(&self) -> Option<LivenessCode> {
        self.liveness.map(|liveness| liveness.prediction)
    }

    /// The best candidate over all labels: highest similarity, then first label, then rank.
    pub fn best_of(matches: &[LabelMatches]) -> Option<TopMatch> {
        let mut best: Option<TopMatch> = None;
        for label in matches {
            let Some(first) = label.candidates.first() else {
                continue;
            };
            if best
                .as_ref()
                .is_none_or(|b| first.similarity > b.similarity)
            {
                best = Some(TopMatch {
                    face_id: first.face.face_id,
                    similarity: first.similarity,
                    label: label.label.clone(),
                    external_id: first.face.external_id.clone(),
                });
            }
        }
        best
    }
}
