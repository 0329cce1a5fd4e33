//! Events as API documents describe them. The values themselves are put together in
//! `goshawk_coordinator_core::event::view`, where a client may choose the fields.

use goshawk_coordinator_core::{
    code::{DeepfakeCode, EthnicityCode, GenderCode, LivenessCode, MaskCode},
    formats::{ExternalId, Fraction, Items, Slug, Tags, UriReference, UserData, Whole},
    stream::LocationView,
};
use goshawk_proto::{
    geometry::Rect,
    id::{AccountId, AttributeId, EventId, FaceId, HandlerId, ListId, SampleId, StreamId},
    time::Timestamp,
};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    api::{openapi::ErrorBody, reply::Shaped, sdk::view::WholeEstimations},
    errors,
    estimations::exif::ExifView,
};

/// A page of events.
#[derive(Debug, Serialize, ToSchema)]
pub struct Events {
    /// The events.
    #[schema(max_items = 1000)]
    pub events: Vec<Shaped<EventRow>>,
}

/// A stored event; only the wanted fields are there.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StoredEvent)]
pub struct EventRow {
    /// Its id.
    #[schema(required = false)]
    pub event_id: EventId,
    /// Who it belongs to.
    #[schema(required = false)]
    pub account_id: AccountId,
    /// The handler that made it.
    #[schema(required = false)]
    pub handler_id: HandlerId,
    /// When it was made.
    #[schema(required = false)]
    pub create_time: Timestamp,
    /// When it ended.
    #[schema(required = false)]
    pub end_time: Timestamp,
    /// Its name in a foreign system.
    #[schema(required = false, default = "")]
    pub external_id: ExternalId,
    /// What users write.
    #[schema(required = false, default = "")]
    pub user_data: UserData,
    /// Where it comes from.
    pub source: Option<String>,
    /// The stream it was seen in.
    pub stream_id: Option<StreamId>,
    /// The track it ends.
    pub track_id: Option<Slug<36>>,
    /// The best match of all.
    pub top_match: Option<TopMatch>,
    /// All matches.
    pub match_result: Option<Vec<LabelledMatches>>,
    /// Faces that were seen.
    pub face_detections: Option<Vec<DetectionRow>>,
    /// Bodies that were seen.
    pub body_detections: Option<Vec<DetectionRow>>,
    /// The face that was stored.
    pub face_id: Option<FaceId>,
    /// The lists that the face was attached to.
    #[schema(required = false)]
    pub attach_result: Items<ListId, 0, { usize::MAX }>,
    /// Apparent gender.
    pub gender: Option<GenderCode>,
    /// Apparent age in years.
    pub age: Option<Whole<0, 100>>,
    /// Predominant emotion.
    pub emotion: Option<Whole<1, 7>>,
    /// Mask.
    pub mask: Option<MaskCode>,
    /// Apparent ethnicity.
    pub ethnic_group: Option<EthnicityCode>,
    /// Whether a live person was seen.
    pub liveness: Option<LivenessCode>,
    /// Whether the picture was made by a model.
    pub deepfake: Option<DeepfakeCode>,
    /// Labels.
    pub tags: Option<Tags>,
    /// What users keep with it.
    #[schema(value_type = Option<Object>)]
    pub meta: Option<Value>,
    /// Where it was seen.
    #[schema(required = false)]
    pub location: LocationView,
    /// Age and gender by the body.
    #[schema(value_type = Option<Object>)]
    pub body_basic_attributes: Option<Value>,
    /// What is worn above.
    #[schema(value_type = Option<Object>)]
    pub upper_body: Option<Value>,
    /// What is worn below.
    #[schema(value_type = Option<Object>)]
    pub lower_body: Option<Value>,
    /// What is carried.
    #[schema(value_type = Option<Object>)]
    pub accessories: Option<Value>,
}

/// The best match of an event.
#[derive(Debug, Serialize, ToSchema)]
pub struct TopMatch {
    /// The face.
    pub face_id: FaceId,
    /// How alike it is.
    pub similarity: Fraction,
    /// The label of the match policy.
    pub label: String,
    /// The face's name in a foreign system.
    pub external_id: ExternalId,
}

/// What one match policy found.
#[derive(Debug, Serialize, ToSchema)]
pub struct LabelledMatches {
    /// The policy's label.
    pub label: String,
    /// The most alike first.
    pub candidates: Vec<Candidate>,
}

/// A face that is alike.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EventCandidate)]
pub struct Candidate {
    /// The face, with the wanted fields.
    #[schema(value_type = Object)]
    pub face: Value,
    /// How alike it is.
    pub similarity: Fraction,
}

/// A detection of a stored event.
#[derive(Debug, Serialize, ToSchema)]
pub struct DetectionRow {
    /// Its sample, where it was kept.
    #[schema(required)]
    pub sample_id: Option<SampleId>,
    /// When it was seen.
    #[schema(required)]
    pub detect_time: Option<Timestamp>,
    /// Where in its video, in seconds.
    #[schema(required)]
    pub detect_ts: Option<f64>,
    /// The whole picture.
    #[schema(required)]
    pub image_origin: Option<String>,
    /// Where in the picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub detection: Option<Place>,
}

/// Where in a picture.
#[derive(Debug, Serialize, ToSchema)]
pub struct Place {
    /// In pixels.
    #[schema(value_type = Object)]
    pub rect: Rect,
}

/// An event as it was just made.
#[derive(Debug, Serialize, ToSchema)]
pub struct EmittedEvent {
    /// Its id.
    pub event_id: EventId,
    /// Its path, where it was stored.
    #[schema(required, value_type = Option<UriReference<{ usize::MAX }>>)]
    pub url: Option<String>,
    /// Where it comes from.
    #[schema(required)]
    pub source: Option<String>,
    /// The stream it was seen in.
    #[schema(required)]
    pub stream_id: Option<StreamId>,
    /// The track it ends.
    #[schema(required)]
    pub track_id: Option<Slug<36>>,
    /// Labels.
    #[schema(required)]
    pub tags: Option<Tags>,
    /// Its name in a foreign system.
    #[schema(default = "")]
    pub external_id: ExternalId,
    /// What users write.
    #[schema(default = "")]
    pub user_data: UserData,
    /// Where it was seen.
    pub location: LocationView,
    /// What users keep with it.
    #[schema(required, value_type = Option<Object>)]
    pub meta: Option<Value>,
    /// What each match policy found.
    #[schema(required)]
    pub matches: Option<Vec<LabelledMatches>>,
    /// The face that was stored.
    #[schema(required)]
    pub face: Option<EmittedFace>,
    /// What was extracted from the face.
    #[schema(required)]
    pub face_attributes: Option<EmittedAttributes>,
    /// What was extracted from the body.
    #[schema(required, value_type = Option<Object>)]
    pub body_attributes: Option<Value>,
    /// What all pictures together say.
    #[schema(value_type = Object)]
    pub aggregate_estimations: Value,
    /// What was seen.
    #[schema(value_type = Vec<Object>)]
    pub detections: Vec<Value>,
}

/// A face that an event stored.
#[derive(Debug, Serialize, ToSchema)]
pub struct EmittedFace {
    /// Its id.
    pub face_id: FaceId,
    /// The event.
    #[schema(required)]
    pub event_id: Option<EventId>,
    /// What users write.
    #[schema(default = "")]
    pub user_data: UserData,
    /// Its name in a foreign system.
    #[schema(default = "")]
    pub external_id: ExternalId,
    /// A picture of it.
    #[schema(default = "")]
    pub avatar: UriReference<256>,
    /// The lists it is in.
    pub lists: Items<ListId, 0, { usize::MAX }>,
    /// Its path.
    #[schema(format = "uri-reference")]
    pub url: String,
}

/// What was extracted from a face.
#[derive(Debug, Serialize, ToSchema)]
pub struct EmittedAttributes {
    /// The temporary attributes, where they were kept.
    #[schema(required)]
    pub attribute_id: Option<AttributeId>,
    /// Their path.
    #[schema(required, value_type = Option<UriReference<{ usize::MAX }>>)]
    pub url: Option<String>,
    /// The samples they were extracted from.
    pub samples: Items<SampleId, 0, { usize::MAX }>,
    /// How fit the face is for recognition.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub score: Option<Fraction>,
    /// Age and gender.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<Object>)]
    pub basic_attributes: Option<Value>,
}

/// What became of some pictures.
#[derive(Debug, Serialize, ToSchema)]
pub struct GeneratedEvents {
    /// The events.
    pub events: Vec<Shaped<EmittedEvent>>,
    /// The pictures, in the order given.
    pub images: Vec<ImageOutcome>,
    /// What was seen and left aside.
    pub filtered_detections: FilteredDetections,
}

/// What became of a picture.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImageOutcome {
    /// Its name.
    pub filename: String,
    /// 1: it was processed.
    pub status: u8,
    /// Why not.
    pub error: Shaped<ErrorBody>,
    /// What the camera noted, where the handler asks for that.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub exif: Option<ExifView>,
    /// What is told of it as a whole, where the handler asks for that.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub image_estimations: Option<WholeEstimations>,
}

impl ImageOutcome {
    /// Nothing was wrong with it.
    pub fn fine(filename: &str) -> Self {
        Self {
            filename: filename.to_owned(),
            status: 1,
            error: Shaped::new(errors::success()),
            exif: None,
            image_estimations: None,
        }
    }
}

/// What was seen and left aside.
#[derive(Debug, Serialize, ToSchema)]
pub struct FilteredDetections {
    /// Faces.
    pub face_detections: Vec<FilteredDetection>,
}

/// A face that was left aside.
#[derive(Debug, Serialize, ToSchema)]
pub struct FilteredDetection {
    /// Why.
    pub filter_reasons: Vec<FilterReason>,
    /// What.
    #[schema(value_type = Object)]
    pub detection: Value,
}

/// Why a face was left aside.
#[derive(Debug, Serialize, ToSchema)]
pub struct FilterReason {
    /// The rule.
    pub filter_name: String,
    /// What the face has.
    #[schema(value_type = Value)]
    pub object_value: Value,
    /// What it should have.
    #[schema(value_type = Value)]
    pub threshold_value: Value,
}
