//! How a picture was taken, as answers write it.

use goshawk_models::{ExifTags, GpsTags};
use serde::Serialize;
use utoipa::ToSchema;

/// Where a picture was taken: degrees, minutes and seconds, with `S` or `W` before them there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct GpsView {
    /// North or south of the equator.
    pub latitude: String,
    /// East or west of Greenwich.
    pub longitude: String,
}

impl From<GpsTags> for GpsView {
    fn from(gps: GpsTags) -> Self {
        Self {
            latitude: gps.latitude,
            longitude: gps.longitude,
        }
    }
}

/// What the camera noted in a JPEG file; what it did not is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct ExifView {
    /// Who made the camera.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub make: Option<String>,
    /// The camera.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub model: Option<String>,
    /// Where the picture was taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub gps: Option<GpsView>,
    /// Who took it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub artist: Option<String>,
    /// What wrote the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub software: Option<String>,
    /// What the flash did.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub flash: Option<String>,
    /// How the camera was held, 1 to 8.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<i64>)]
    pub orientation: Option<u8>,
}

impl From<ExifTags> for ExifView {
    fn from(tags: ExifTags) -> Self {
        Self {
            make: tags.make,
            model: tags.model,
            gps: tags.gps.map(Into::into),
            artist: tags.artist,
            software: tags.software,
            flash: tags.flash,
            orientation: tags.orientation,
        }
    }
}
