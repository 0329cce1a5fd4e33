//! Detections in answers.

use goshawk_coordinator_core::{code::Flag, formats::Items, words};
use goshawk_proto::{
    detection::{HeadPose, Landmarks5},
    geometry::Rect,
    id::SampleId,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    api::{openapi::ErrorBody, reply::Shaped},
    errors::{self, ApiError},
    process::PictureFace,
};

/// A box in a picture.
#[derive(Debug, Serialize, ToSchema)]
pub struct Rectangle {
    /// Left edge in pixels.
    pub x: u32,
    /// Upper edge in pixels.
    pub y: u32,
    /// Pixels from left to right.
    pub width: u32,
    /// Pixels from top to bottom.
    pub height: u32,
}

impl From<Rect> for Rectangle {
    fn from(rect: Rect) -> Self {
        Self {
            x: rect.x,
            y: rect.y,
            width: rect.width,
            height: rect.height,
        }
    }
}

/// Where a head looks, in degrees.
#[derive(Debug, Serialize, ToSchema)]
pub struct HeadAngles {
    /// To the side.
    pub yaw: f32,
    /// Up or down.
    pub pitch: f32,
    /// Towards a shoulder.
    pub roll: f32,
}

impl From<HeadPose> for HeadAngles {
    fn from(pose: HeadPose) -> Self {
        Self {
            yaw: pose.yaw,
            pitch: pose.pitch,
            roll: pose.roll,
        }
    }
}

/// How fit a picture of a face is for recognition; 1 is best.
#[derive(Debug, Serialize, ToSchema)]
pub struct Quality {
    /// How sharp it is.
    #[schema(minimum = 0, maximum = 1)]
    pub blurriness: f32,
    /// How little of it is too light.
    #[schema(minimum = 0, maximum = 1)]
    pub light: f32,
    /// How little of it is too dark.
    #[schema(minimum = 0, maximum = 1)]
    pub dark: f32,
    /// How evenly it is lit.
    #[schema(minimum = 0, maximum = 1)]
    pub illumination: f32,
    /// How little it shines.
    #[schema(minimum = 0, maximum = 1)]
    pub specularity: f32,
}

/// What was estimated besides.
#[derive(Debug, Serialize, ToSchema)]
pub struct DetectionAttributes {
    /// Where the head looks, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub head_pose: Option<HeadAngles>,
}

/// Whole pixels from the corner of a box: x and y.
pub type Offset = Items<i64, 2, 2>;

/// One face in a picture.
#[derive(Debug, Serialize, ToSchema)]
pub struct Detection {
    /// What was estimated besides.
    pub attributes: DetectionAttributes,
    /// Where it is; absent in samples.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub rect: Option<Rectangle>,
    /// Eyes, nose and corners of the mouth, from the corner of the box; absent in samples.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub landmarks5: Option<Items<Offset, 5, 5>>,
    /// How fit it is for recognition, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub quality: Option<Quality>,
}

impl Detection {
    /// What was asked for of a face.
    pub fn of(face: &PictureFace, head_pose: bool, quality: bool) -> Self {
        let offsets = |points: &Landmarks5, rect: Rect| {
            let points = points.iter().map(|point| {
                let from =
                    |value: f32, corner: u32| (f64::from(value) - f64::from(corner)).round() as i64;
                Offset::new(vec![from(point.x, rect.x), from(point.y, rect.y)])
            });
            Items::new(points.collect::<Result<_, _>>().ok()?).ok()
        };
        let fitness = &face.quality;
        Self {
            attributes: DetectionAttributes {
                head_pose: face.head_pose.filter(|_| head_pose).map(Into::into),
            },
            rect: face.rect.map(Into::into),
            landmarks5: face
                .rect
                .and_then(|rect| offsets(face.landmarks.as_ref()?, rect)),
            quality: quality.then(|| Quality {
                blurriness: fitness.sharpness.get(),
                light: fitness.light.get(),
                dark: fitness.dark.get(),
                illumination: fitness.illumination.get(),
                specularity: fitness.specularity.get(),
            }),
        }
    }
}

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
    /// What is known of how it was taken, where that was asked for: nothing so far.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object, nullable = false, required = false)]
    pub exif: Option<serde_json::Map<String, serde_json::Value>>,
    /// Its faces.
    pub detections: Detections,
}

impl DetectedImage {
    /// A picture and its faces.
    pub fn found(filename: String, detections: Detections, exif: bool) -> Self {
        Self {
            filename,
            status: Flag::ON,
            error: Shaped::new(errors::success()),
            exif: exif.then(Default::default),
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
