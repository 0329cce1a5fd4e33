//! Faces in answers.

use goshawk_coordinator_core::formats::Items;
use goshawk_models::estimate::{Estimation, FaceReport, Wanted};
use goshawk_proto::geometry::Size;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    ExtractedDescriptor, Offset, Rectangle,
    checks::FaceChecks,
    genuine::{DeepfakeView, LivenessView},
    offsets,
    traits::{
        EmotionsView, EstimatedAttributes, EyesAttributes, GazeAngles, HeadAngles, MouthAttributes,
        Quality,
    },
    worn::{GlassesView, MaskView, WornMask},
};
use crate::api::attributes::bytes::Base64;

/// A face and what of it a client wants to be told: what is only estimated to filter by is not.
#[derive(Clone, Copy)]
pub struct Shown<'a> {
    /// What was found out.
    pub face: &'a FaceReport,
    /// The picture.
    pub size: Size,
    /// What the client asked for.
    pub wanted: &'a Wanted,
}

impl Shown<'_> {
    /// A value, if it was asked for.
    pub fn when<T>(&self, estimation: Estimation, value: Option<T>) -> Option<T> {
        value.filter(|_| self.wanted.has(estimation))
    }

    fn rect(&self) -> Option<Rectangle> {
        let bbox = self.face.bbox.as_ref()?;
        Some(Rectangle::within(bbox, self.size))
    }

    fn landmarks5(&self) -> Option<Items<Offset, 5, 5>> {
        let rect = self.rect()?;
        let points = self.face.landmarks5.filter(|_| self.wanted.landmarks5)?;
        offsets(&points, (rect.x, rect.y))
    }

    /// The 68 points, if they were asked for.
    pub fn landmarks68(&self) -> Option<Items<Offset, 68, 68>> {
        let rect = self.rect()?;
        let points = self.when(Estimation::Landmarks68, self.face.landmarks68.as_deref())?;
        offsets(points, (rect.x, rect.y))
    }

    fn quality(&self) -> Option<Quality> {
        self.when(Estimation::Quality, self.face.quality)
            .map(Into::into)
    }

    fn head_pose(&self) -> Option<HeadAngles> {
        self.when(Estimation::HeadPose, self.face.head_pose)
            .map(Into::into)
    }

    fn gaze(&self) -> Option<GazeAngles> {
        self.when(Estimation::Gaze, self.face.gaze).map(Into::into)
    }

    fn eyes(&self) -> Option<EyesAttributes> {
        EyesAttributes::of(self.when(Estimation::Eyes, self.face.eyes.as_deref())?)
    }

    fn mouth(&self) -> Option<MouthAttributes> {
        self.when(Estimation::Mouth, self.face.mouth)
            .map(Into::into)
    }

    fn emotions(&self) -> Option<EmotionsView> {
        self.when(Estimation::Emotions, self.face.emotions)
            .map(Into::into)
    }

    fn glasses(&self) -> Option<GlassesView> {
        let glasses = self.when(Estimation::Glasses, self.face.glasses)?;
        Some(GlassesView {
            glasses: glasses.into(),
        })
    }
}

/// What was estimated besides.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct DetectionAttributes {
    /// Where the head looks, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub head_pose: Option<HeadAngles>,
    /// Where the eyes look, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub gaze: Option<GazeAngles>,
    /// The eyes, where they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub eyes_attributes: Option<EyesAttributes>,
    /// The mouth, where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub mouth_attributes: Option<MouthAttributes>,
    /// The expression, where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub emotions: Option<EmotionsView>,
    /// A medical mask, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub mask: Option<MaskView>,
}

/// One face in a picture.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct Detection {
    /// What was estimated besides.
    #[schema(required = false)]
    pub attributes: DetectionAttributes,
    /// Where it is; absent in samples.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub rect: Option<Rectangle>,
    /// Eyes, nose and corners of the mouth, from the corner of the box; absent in samples.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub landmarks5: Option<Items<Offset, 5, 5>>,
    /// 68 points from the corner of the box, in the order of iBUG, where they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub landmarks68: Option<Items<Offset, 68, 68>>,
    /// How fit it is for recognition, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub quality: Option<Quality>,
    /// Whether it would do for a passport, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub face_quality: Option<FaceChecks>,
}

impl Detection {
    /// What is told of a face.
    pub fn of(shown: Shown<'_>, face_quality: Option<FaceChecks>) -> Self {
        let mask = shown.when(Estimation::Mask, shown.face.mask);
        Self {
            attributes: DetectionAttributes {
                head_pose: shown.head_pose(),
                gaze: shown.gaze(),
                eyes_attributes: shown.eyes(),
                mouth_attributes: shown.mouth(),
                emotions: shown.emotions(),
                mask: mask.map(Into::into),
            },
            rect: shown.rect(),
            landmarks5: shown.landmarks5(),
            landmarks68: shown.landmarks68(),
            quality: shown.quality(),
            face_quality,
        }
    }
}

/// What was estimated of a face besides where it is.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct FaceTraits {
    /// Where the head looks, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline, nullable = false)]
    pub head_pose: Option<HeadAngles>,
    /// Where the eyes look, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline, nullable = false)]
    pub gaze: Option<GazeAngles>,
    /// The eyes, where they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline, nullable = false)]
    pub eyes_attributes: Option<EyesAttributes>,
    /// The mouth, where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline, nullable = false)]
    pub mouth_attributes: Option<MouthAttributes>,
    /// The expression, where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline, nullable = false)]
    pub emotions: Option<EmotionsView>,
    /// A medical mask, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline, nullable = false)]
    pub mask: Option<WornMask>,
    /// Glasses, where they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline, nullable = false)]
    pub glasses: Option<GlassesView>,
    /// Whether the person is live, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline, nullable = false)]
    pub liveness: Option<LivenessView>,
    /// Whether a machine made the face, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline, nullable = false)]
    pub deepfake: Option<DeepfakeView>,
    /// What the face is compared by, where that was asked for and fit enough.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline, nullable = false)]
    pub descriptor: Option<ExtractedDescriptor>,
    /// Age and gender, where they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline, nullable = false)]
    pub basic_attributes: Option<EstimatedAttributes>,
}

impl FaceTraits {
    /// What is told of a face; descriptors of less fitness than `least_score` are left out, and
    /// liveness where it does not apply to the picture.
    pub fn of(shown: Shown<'_>, least_score: f64, liveness: bool) -> Self {
        let face = shown.face;
        let descriptor = shown
            .when(Estimation::FaceDescriptor, face.descriptor.as_ref())
            .filter(|(_, score)| f64::from(score.get()) >= least_score);
        Self {
            head_pose: shown.head_pose(),
            gaze: shown.gaze(),
            eyes_attributes: shown.eyes(),
            mouth_attributes: shown.mouth(),
            emotions: shown.emotions(),
            mask: shown.when(Estimation::Mask, face.mask).map(Into::into),
            glasses: shown.glasses(),
            liveness: liveness.then(|| LivenessView::of(face.liveness)),
            deepfake: shown
                .when(Estimation::Deepfake, face.genuine)
                .map(DeepfakeView::of),
            descriptor: descriptor.map(|(one, score)| ExtractedDescriptor::of(one, *score)),
            basic_attributes: shown
                .when(Estimation::Basic, face.basic)
                .map(|basic| EstimatedAttributes::of(basic, face.ethnicity)),
        }
    }
}

/// A face as it was found.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct FoundFace {
    /// What was estimated besides.
    #[schema(inline, required = false)]
    pub attributes: FaceTraits,
    /// Where it is; absent in samples.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline, nullable = false)]
    pub rect: Option<Rectangle>,
    /// Eyes, nose and corners of the mouth from the corner of the box, where they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub landmarks5: Option<Items<Offset, 5, 5>>,
    /// 68 points from the corner of the box, in the order of iBUG, where they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub landmarks68: Option<Items<Offset, 68, 68>>,
    /// How fit it is for recognition, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline, nullable = false)]
    pub quality: Option<Quality>,
    /// The sample as a JPEG, where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub warp: Option<Base64>,
}

impl FoundFace {
    /// A face, its attributes and its sample.
    pub fn of(shown: Shown<'_>, attributes: FaceTraits, warp: Option<Vec<u8>>) -> Self {
        Self {
            attributes,
            rect: shown.rect(),
            landmarks5: shown.landmarks5(),
            landmarks68: shown.landmarks68(),
            quality: shown.quality(),
            warp: warp.map(Base64),
        }
    }
}

/// A face of a person.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct FaceEstimations {
    /// As it was found.
    #[schema(inline)]
    pub detection: FoundFace,
}
