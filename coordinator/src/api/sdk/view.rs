//! Answers of `/6/sdk`.

use goshawk_proto::geometry::Point;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    api::{openapi::ErrorBody, reply::Shaped},
    errors::ApiError,
    estimations::{
        Offset, aggregate::Aggregated, body::BodyEstimations, exif::ExifView, face::FaceEstimations,
    },
    process::Seen,
};

/// A person: a face, a body, or both.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PersonEstimation {
    /// The face; null where none was looked for, found or left by the filters.
    #[schema(inline, required)]
    pub face: Option<FaceEstimations>,
    /// The body; null where none was looked for or found.
    #[schema(inline, required)]
    pub body: Option<BodyEstimations>,
}

/// People in a picture.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PeopleView {
    /// How many there are.
    #[schema(required = false)]
    pub count: i64,
    /// Where they are: the middle of each head in pixels; null where that was not asked for.
    pub coordinates: Option<Vec<Offset>>,
}

/// What is told of a picture as a whole.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct WholeEstimations {
    /// People, where they were to be counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline, nullable = false)]
    pub people: Option<PeopleView>,
}

/// What is told of one picture.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PictureEstimation {
    /// Name of its file.
    pub filename: String,
    /// What the camera noted, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub exif: Option<ExifView>,
    /// Its people.
    #[schema(inline)]
    pub estimations: Vec<PersonEstimation>,
    /// What is told of it as a whole.
    #[schema(inline)]
    pub image_estimations: WholeEstimations,
}

/// A picture that could not be processed.
#[derive(Debug, Serialize, ToSchema)]
pub struct PictureFailure {
    /// What is wrong with it.
    #[schema(value_type = ErrorBody)]
    pub error: Shaped<ErrorBody>,
    /// Name of its file.
    pub filename: String,
}

/// What became of one picture.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum ImageEstimation {
    /// It was processed.
    Found(#[schema(inline)] PictureEstimation),
    /// It was not.
    Failed(#[schema(inline)] PictureFailure),
}

fn place(point: &Point) -> Option<Offset> {
    let whole = |value: f32| f64::from(value).round() as i64;
    Offset::new(vec![whole(point.x), whole(point.y)]).ok()
}

impl PeopleView {
    /// People at these places.
    pub fn of(places: &[Point], with_coordinates: bool) -> Self {
        Self {
            count: i64::try_from(places.len()).unwrap_or(i64::MAX),
            coordinates: with_coordinates.then(|| places.iter().filter_map(place).collect()),
        }
    }
}

impl ImageEstimation {
    /// A picture and its people.
    pub fn found(
        filename: String,
        seen: Seen,
        estimations: Vec<PersonEstimation>,
        with_coordinates: bool,
    ) -> Self {
        let count = seen.count.as_deref();
        let people = count.map(|places| PeopleView::of(places, with_coordinates));
        Self::Found(PictureEstimation {
            filename,
            exif: seen.exif.map(Into::into),
            estimations,
            image_estimations: WholeEstimations { people },
        })
    }

    /// A picture that could not be processed.
    pub fn failed(filename: String, error: &ApiError) -> Self {
        Self::Failed(PictureFailure {
            error: Shaped::new(error.body()),
            filename,
        })
    }
}

/// What is told of several pictures.
#[derive(Debug, Serialize, ToSchema)]
pub struct SdkReply {
    /// Picture by picture, in the order of the request.
    #[schema(inline)]
    pub images_estimations: Vec<ImageEstimation>,
    /// What they say together, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline, nullable = false)]
    pub aggregate_estimations: Option<Aggregated>,
}
