//! What models and formulas say of a picture, in the words of the contracts: the types of the
//! answers of `/6/detector`, `/6/sdk`, `/6/iso` and `/6/liveness`, and what events tell.
//!
//! A field that is absent was not asked for, does not apply to the picture, or could not be told
//! of it; nothing is made up. Null stands where the contract demands a field that nothing here
//! estimates.

pub mod aggregate;
pub mod body;
pub mod checks;
pub mod event;
pub mod exif;
pub mod face;
pub mod genuine;
pub mod occlusion;
pub mod traits;
pub mod worn;

use goshawk_coordinator_core::formats::Items;
use goshawk_models::estimate::Estimation;
use goshawk_proto::{
    descriptor::Descriptor,
    geometry::{BBox, Point, Rect, Size},
    score::Score,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::attributes::{bytes::Base64, sdk};

/// A box in a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Rectangle {
    /// Left edge in pixels.
    pub x: i64,
    /// Upper edge in pixels.
    pub y: i64,
    /// Pixels from left to right.
    pub width: i64,
    /// Pixels from top to bottom.
    pub height: i64,
}

impl From<Rect> for Rectangle {
    fn from(rect: Rect) -> Self {
        Self {
            x: rect.x.into(),
            y: rect.y.into(),
            width: rect.width.into(),
            height: rect.height.into(),
        }
    }
}

impl Rectangle {
    /// The part of a box that lies in a picture.
    pub fn within(bbox: &BBox, size: Size) -> Self {
        bbox.to_rect(size).into()
    }

    /// A box that may reach over the picture's edge.
    pub fn whole(bbox: &BBox) -> Self {
        let (x, y) = (pixels(bbox.x), pixels(bbox.y));
        Self {
            x,
            y,
            width: pixels(bbox.right()) - x,
            height: pixels(bbox.bottom()) - y,
        }
    }
}

/// Whole pixels.
fn pixels(value: f32) -> i64 {
    f64::from(value).round() as i64
}

/// Whole pixels from the corner of a box: x and y.
pub type Offset = Items<i64, 2, 2>;

/// Points in whole pixels from `corner`; `None` if they are not `N`.
fn offsets<const N: usize>(points: &[Point], corner: (i64, i64)) -> Option<Items<Offset, N, N>> {
    let one = |point: &Point| {
        let (x, y) = (pixels(point.x), pixels(point.y));
        Offset::new(vec![x - corner.0, y - corner.1]).ok()
    };
    Items::new(points.iter().map(one).collect::<Option<_>>()?).ok()
}

/// What a face or body is compared by.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ExtractedDescriptor {
    /// The descriptor with its version in it.
    #[schema(required = false)]
    pub sdk_descriptor: Base64,
    /// How fit the picture was for it; always 1 for bodies.
    #[schema(minimum = 0, maximum = 1, required = false)]
    pub score: f32,
}

impl ExtractedDescriptor {
    /// A descriptor and how far it may be trusted.
    pub fn of(descriptor: &Descriptor, score: Score) -> Self {
        Self {
            sdk_descriptor: Base64(sdk::pack(descriptor)),
            score: score.get(),
        }
    }
}

/// What the contracts' error calls an estimation that no installed model gives.
pub fn feature(estimation: Estimation) -> &'static str {
    match estimation {
        Estimation::FaceDetection => "Face detection",
        Estimation::Landmarks68 => "Landmarks68",
        Estimation::HeadPose => "Head pose",
        Estimation::Gaze => "Gaze",
        Estimation::Eyes => "Eyes attributes",
        Estimation::Mouth => "Mouth attributes",
        Estimation::Emotions => "Emotions",
        Estimation::Mask => "Mask",
        Estimation::Glasses => "Glasses",
        Estimation::FaceOcclusion => "Face occlusion",
        Estimation::Basic => "Basic attributes",
        Estimation::Ethnicity => "Ethnicity",
        Estimation::Quality => "Quality",
        Estimation::FaceChecks => "ISO license",
        Estimation::Liveness => "Liveness",
        Estimation::Deepfake => "Deepfake",
        Estimation::FaceDescriptor => "Face descriptor",
        Estimation::BodyDetection => "Body detection",
        Estimation::BodyDescriptor => "Body descriptor",
        Estimation::UpperBody => "Upper body",
        Estimation::LowerBody => "Lower body",
        Estimation::Accessories => "Accessories",
        Estimation::BodyBasic => "Body basic attributes",
        Estimation::PeopleCount => "People counter",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_told_from_the_corner_of_their_box() {
        let points = [Point::new(12.4, 7.6), Point::new(-3.0, 0.0)];
        let told = offsets::<2>(&points, (10, 10)).unwrap();
        assert_eq!(
            serde_json::to_value(told).unwrap(),
            serde_json::json!([[2, -2], [-13, -10]])
        );
        assert!(offsets::<3>(&points, (0, 0)).is_none());
    }

    #[test]
    fn boxes_of_bodies_may_leave_the_picture() {
        let bbox = BBox::new(-4.6, 2.0, 20.0, 10.0);
        assert_eq!(
            Rectangle::whole(&bbox),
            Rectangle {
                x: -5,
                y: 2,
                width: 20,
                height: 10
            }
        );
        let inside = Rectangle::within(&bbox, Size::new(12, 100));
        assert_eq!(
            inside,
            Rectangle {
                x: 0,
                y: 2,
                width: 12,
                height: 10
            }
        );
    }
}
