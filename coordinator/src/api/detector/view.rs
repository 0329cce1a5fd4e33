//! Detections in answers.

use goshawk_coordinator_core::{code::Flag, words};
use goshawk_models::ExifTags;
use goshawk_proto::id::SampleId;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    api::{openapi::ErrorBody, reply::Shaped},
    errors::{self, ApiError},
    estimations::{exif::ExifView, face::Detection},
};

/// A face that was kept as a sample.
#[derive(Debug, Serialize, ToSchema)]
pub struct DetectedFace {
    /// The sample.
    pub sample_id: SampleId,
    /// Where it is.
    #[schema(format = "uri-reference")]
    pub url: String,
    /// What is known of it.
    pub detection: Detection,
}

/// What was kept of a picture.
#[derive(Debug, Serialize, ToSchema)]
pub struct DetectedSample {
    /// A face.
    pub face: DetectedFace,
}

words! {
    /// Filters of faces by where they look.
    pub enum AngleFilter: "filters" {
        /// Turned too far to the side.
        Yaw = "yaw_threshold",
        /// Turned too far up or down.
        Pitch = "pitch_threshold",
        /// Leaning too far to a shoulder.
        Roll = "roll_threshold",
    }
}

/// Why a face was left out.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub struct AngleReason {
    /// The filter.
    #[schema(inline)]
    pub filter_name: AngleFilter,
    /// What the face has.
    pub object_value: f32,
    /// What was asked for.
    pub threshold_value: i64,
}

/// A face that was left out.
#[derive(Debug, Serialize, ToSchema)]
pub struct FilteredFace {
    /// Why.
    pub filter_reasons: Vec<AngleReason>,
    /// What is known of it.
    pub detection: Detection,
}

/// Faces that were left out.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct FilteredFaces {
    /// The faces.
    pub face_detections: Vec<FilteredFace>,
}

/// The faces of one picture.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct Detections {
    /// Those that were kept.
    pub samples: Vec<DetectedSample>,
    /// Those that were left out.
    pub filtered_detections: FilteredFaces,
}

/// What was found in one picture.
#[derive(Debug, Serialize, ToSchema)]
pub struct DetectedImage {
    /// Name of its file.
    pub filename: String,
    /// Whether it was processed.
    pub status: Flag,
    /// What went wrong; number 0 where nothing did.
    #[schema(value_type = ErrorBody)]
    pub error: Shaped<ErrorBody>,
    /// What the camera noted, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub exif: Option<ExifView>,
    /// Its faces.
    pub detections: Detections,
}

impl DetectedImage {
    /// A picture and its faces.
    pub fn found(filename: String, detections: Detections, exif: Option<ExifTags>) -> Self {
        Self {
            filename,
            status: Flag::ON,
            error: Shaped::new(errors::success()),
            exif: exif.map(Into::into),
            detections,
        }
    }

    /// A picture that could not be processed.
    pub fn failed(filename: String, error: &ApiError) -> Self {
        Self {
            filename,
            status: Flag::OFF,
            error: Shaped::new(error.body()),
            exif: None,
            detections: Detections::default(),
        }
    }
}

/// What was found in several pictures.
#[derive(Debug, Serialize, ToSchema)]
pub struct DetectedImages {
    /// Picture by picture.
    pub images: Vec<DetectedImage>,
}
