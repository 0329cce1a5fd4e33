//! What can be said of a picture, as plain values: no model, no pixels to compute with.
//!
//! [`Estimation`] lists everything that a caller may ask for, [`Wanted`] is such a question,
//! [`Capabilities`] tells for each estimation where its answer comes from ([`Source`]) or that no
//! installed model gives it, and the reports are the answers. A value that is not there was not
//! asked for, or could not be told: it is never made up.
//!
//! Points and boxes are in pixels of the picture, `x` to the right and `y` down, unless a field
//! says otherwise; "left" is the left side of the image.

mod body;
mod face;
mod source;
mod wanted;

pub use body::{BodyReport, Clothing, ClothingColour, LowerBody, Presence, Sleeve, UpperBody};
pub use face::{
    Emotions, Ethnicity, Eye, EyeState, FaceReport, Failure, Gaze, Glasses, Headwear, Mask, Mouth,
    OcclusionScores, SmileKind, StillLiveness,
};
pub use source::{Capabilities, Source};
pub use wanted::Wanted;

use goshawk_proto::geometry::{Point, Size};

/// Everything that a caller may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Estimation {
    /// Faces: box, certainty and five points.
    FaceDetection,
    /// 68 points of a face.
    Landmarks68,
    /// Yaw, pitch and roll of a head.
    HeadPose,
    /// Where the eyes look.
    Gaze,
    /// Open or closed eyes, and the rims of the irises.
    Eyes,
    /// Open, smiling or covered mouth.
    Mouth,
    /// Seven expressions.
    Emotions,
    /// Medical mask.
    Mask,
    /// Glasses and sunglasses.
    Glasses,
    /// Which parts of a face are covered.
    FaceOcclusion,
    /// Age and gender of a face.
    Basic,
    /// Ethnicity.
    Ethnicity,
    /// Sharpness, light and shine of a face sample.
    Quality,
    /// The measures behind the checks of portraits (ISO/IEC 19794-5 and 29794-5).
    FaceChecks,
    /// Whether a still picture shows a live person.
    Liveness,
    /// Whether a face was made by a machine.
    Deepfake,
    /// What faces are compared by.
    FaceDescriptor,
    /// People: box and certainty.
    BodyDetection,
    /// What bodies are compared by.
    BodyDescriptor,
    /// Colours of upper clothing, sleeves, headwear.
    UpperBody,
    /// Colours of lower clothing, its kind, shoes.
    LowerBody,
    /// Backpack.
    Accessories,
    /// Apparent age and gender of a body.
    BodyBasic,
    /// How many people there are, and where.
    PeopleCount,
}

impl Estimation {
    /// All of them, faces before bodies.
    pub const ALL: [Self; 24] = [
        Self::FaceDetection,
        Self::Landmarks68,
        Self::HeadPose,
        Self::Gaze,
        Self::Eyes,
        Self::Mouth,
        Self::Emotions,
        Self::Mask,
        Self::Glasses,
        Self::FaceOcclusion,
        Self::Basic,
        Self::Ethnicity,
        Self::Quality,
        Self::FaceChecks,
        Self::Liveness,
        Self::Deepfake,
        Self::FaceDescriptor,
        Self::BodyDetection,
        Self::BodyDescriptor,
        Self::UpperBody,
        Self::LowerBody,
        Self::Accessories,
        Self::BodyBasic,
        Self::PeopleCount,
    ];

    /// A short name for people and logs, as in `people-count`.
    pub fn name(self) -> &'static str {
        match self {
            Self::FaceDetection => "face-detection",
            Self::Landmarks68 => "landmarks68",
            Self::HeadPose => "head-pose",
            Self::Gaze => "gaze",
            Self::Eyes => "eyes",
            Self::Mouth => "mouth",
            Self::Emotions => "emotions",
            Self::Mask => "mask",
            Self::Glasses => "glasses",
            Self::FaceOcclusion => "face-occlusion",
            Self::Basic => "basic",
            Self::Ethnicity => "ethnicity",
            Self::Quality => "quality",
            Self::FaceChecks => "face-checks",
            Self::Liveness => "liveness",
            Self::Deepfake => "deepfake",
            Self::FaceDescriptor => "face-descriptor",
            Self::BodyDetection => "body-detection",
            Self::BodyDescriptor => "body-descriptor",
            Self::UpperBody => "upper-body",
            Self::LowerBody => "lower-body",
            Self::Accessories => "accessories",
            Self::BodyBasic => "body-basic",
            Self::PeopleCount => "people-count",
        }
    }

    /// Whether it is said of a face.
    pub fn of_face(self) -> bool {
        self < Self::BodyDetection
    }

    /// Whether it is said of a body.
    pub fn of_body(self) -> bool {
        !self.of_face() && self != Self::PeopleCount
    }

    fn index(self) -> usize {
        self as usize
    }
}

/// One person of a picture: a face, a body, or both where they belong together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Person {
    /// The face.
    pub face: Option<FaceReport>,
    /// The body.
    pub body: Option<BodyReport>,
}

/// All that was asked of a picture.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// The picture.
    pub size: Size,
    /// People with a face first, the best face first, then bodies without a face, the best first.
    pub people: Vec<Person>,
    /// Where people are, if that was asked for: one point each, the middle of the head where the
    /// face is known, of the top eighth of the body otherwise. Their number is the count.
    pub count: Option<Vec<Point>>,
    /// Given boxes beyond the limits, which were not looked at.
    pub left_out: usize,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn all_are_listed_once_and_in_order() {
        let names: BTreeSet<&str> = Estimation::ALL.iter().map(|e| e.name()).collect();
        assert_eq!(names.len(), Estimation::ALL.len());
        for (place, estimation) in Estimation::ALL.iter().enumerate() {
            assert_eq!(estimation.index(), place, "{}", estimation.name());
        }
    }

    #[test]
    fn each_is_of_a_face_or_a_body_or_of_the_picture() {
        for estimation in Estimation::ALL {
            let kinds = usize::from(estimation.of_face()) + usize::from(estimation.of_body());
            assert_eq!(kinds, usize::from(estimation != Estimation::PeopleCount));
        }
    }
}
