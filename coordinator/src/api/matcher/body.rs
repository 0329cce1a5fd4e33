//! What a client asks of the matcher, and what it gets.

use goshawk_coordinator_core::{
    bounds::{Check, Invalid},
    face::{FaceTarget, FaceView},
    formats::{AtMost, ExternalId, Fraction, Items, Slug, Whole},
    handler::Candidates,
    matching::Order,
};
use goshawk_proto::id::{AttributeId, EventId, FaceId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::{openapi::ErrorBody, payload::Body, reply::Shaped};

/// Whom to compare with whom.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub struct MatchBody {
    /// Sets of faces to look among.
    pub candidates: Items<CandidateSet, 0, 30>,
    /// Whom to look for.
    pub references: Items<Reference, 1, 30>,
}

/// Faces to look among.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub struct CandidateSet {
    /// Which ones.
    pub filters: Candidates,
    /// How the result is sorted.
    #[serde(default)]
    #[schema(default = "similarity")]
    pub order: Order,
    /// Most faces in the result.
    #[serde(default = "three")]
    #[schema(default = 3)]
    pub limit: Whole<1, 100>,
    /// Fields of the faces in the result; all of them when none are named.
    #[serde(default)]
    #[schema(default = json!([]))]
    pub targets: AtMost<FaceTarget, 20>,
    /// Least similarity.
    #[serde(default = "nothing")]
    #[schema(default = 0)]
    pub threshold: Fraction,
}

fn three() -> Whole<1, 100> {
    Whole::<1, 100>::of::<3>()
}

fn nothing() -> Fraction {
    Fraction::clamped(0.0)
}

/// Whom to look for.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
#[schema(as = MatchReference)]
pub enum Reference {
    /// A stored face.
    Face {
        /// The face.
        id: FaceId,
    },
    /// Temporary attributes.
    Attribute {
        /// The attributes.
        id: AttributeId,
    },
    /// An event whose temporary attributes are still there.
    Event {
        /// The event.
        id: EventId,
    },
    /// Every face with this external id.
    FaceExternalId {
        /// The external id.
        id: ExternalId,
    },
    /// Events with this external id.
    EventExternalId {
        /// The external id.
        id: ExternalId,
    },
    /// Events of this track.
    EventTrackId {
        /// The track.
        id: Slug<36>,
    },
    /// A descriptor by itself.
    RawDescriptor {
        /// A name for the answer.
        #[serde(default)]
        #[schema(default = "")]
        id: ExternalId,
        /// The descriptor.
        data: RawDescriptor,
    },
    /// A packed descriptor.
    SdkDescriptor {
        /// A name for the answer.
        #[serde(default)]
        #[schema(default = "")]
        id: ExternalId,
        /// The descriptor as base64.
        #[schema(format = "byte", max_length = 65536)]
        data: String,
    },
    /// A file of descriptors; files of that format cannot be read here.
    #[allow(dead_code, reason = "its form is checked, its contents cannot be read")]
    XpkFile {
        /// A name for the answer.
        #[serde(default)]
        #[schema(default = "")]
        id: ExternalId,
        /// The file as base64.
        #[schema(format = "byte")]
        data: String,
    },
}

impl Reference {
    /// How an answer names it.
    pub fn view(&self) -> ReferenceView {
        let (id, kind) = match self {
            Self::Face { id } => (id.to_string(), "face"),
            Self::Attribute { id } => (id.to_string(), "attribute"),
            Self::Event { id } => (id.to_string(), "event"),
            Self::FaceExternalId { id } => (id.to_string(), "face_external_id"),
            Self::EventExternalId { id } => (id.to_string(), "event_external_id"),
            Self::EventTrackId { id } => (id.to_string(), "event_track_id"),
            Self::RawDescriptor { id, .. } => (id.to_string(), "descriptor"),
            Self::SdkDescriptor { id, .. } => (id.to_string(), "sdk_descriptor"),
            Self::XpkFile { id, .. } => (id.to_string(), "xpk_file"),
        };
        ReferenceView {
            id,
            kind,
            face_id: None,
            event_id: None,
        }
    }
}

/// A descriptor.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = MatchRawDescriptor)]
pub struct RawDescriptor {
    /// Its values as base64.
    #[schema(format = "byte", max_length = 65536)]
    pub descriptor: String,
    /// Its version.
    pub version: Whole<0, { u32::MAX as i64 }>,
}

impl Body for MatchBody {
    fn check(&self) -> Result<(), Invalid> {
        for (at, set) in self.candidates.iter().enumerate() {
            let path = format!("candidates.{at}.filters");
            let Candidates::Faces(filters) = &set.filters else {
                let message = "only candidates of origin 'faces' are matched here";
                return Err(Invalid::new(path, message));
            };
            if filters.event_id.is_some() {
                return Err(Invalid::new(
                    path + ".event_id",
                    "extra fields not permitted",
                ));
            }
            filters.check().map_err(|wrong| wrong.under(&path))?;
        }
        Ok(())
    }
}

/// What was found for one reference.
#[derive(Debug, Serialize, ToSchema)]
pub struct FoundFor {
    /// Whom was looked for.
    pub reference: ReferenceView,
    /// What was found among each set, in their order.
    pub matches: Vec<Outcome>,
}

/// What became of looking among one set.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = MatchOutcome)]
pub enum Outcome {
    /// Some were found, or nobody.
    Found(MatchResult),
    /// The reference is not there.
    Failed(MatchFailure),
}

/// Why nobody was looked for.
#[derive(Debug, Serialize, ToSchema)]
pub struct MatchFailure {
    /// Among whom should have been looked.
    pub filters: Candidates,
    /// What is wrong with the reference.
    pub error: Shaped<ErrorBody>,
}

/// Whom was looked for.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ReferenceView {
    /// What the client named it by.
    pub id: String,
    /// By what kind of name.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The face that was found by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub face_id: Option<FaceId>,
    /// The event that was found by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub event_id: Option<EventId>,
}

/// What was found among one set.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MatchResult {
    /// The faces.
    pub result: Vec<MatchedFace>,
    /// Among whom was looked.
    pub filters: Candidates,
}

/// A face that is alike.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = MatcherCandidate)]
pub struct MatchedFace {
    /// The face, with the wanted fields.
    pub face: FaceView,
    /// How alike it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Fraction>, nullable = false)]
    pub similarity: Option<f32>,
}
