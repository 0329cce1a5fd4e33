//! The detect policy: what is looked for, what is estimated, which detections count.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::sections::{
    BodyAttributesPolicy, EstimateDeepfake, EstimateFaceOcclusion, EstimatePeopleCount, FaceArea,
    FaceQualityPolicy,
};
use crate::{
    bounds::{self, Check, Invalid},
    code::{DeepfakeCode, Flag, LivenessCode, MaskCode, Multiface},
};

/// Looking for faces and bodies. Angles are in degrees, 0 to 180; a detection at a threshold or
/// below it counts, and an absent threshold lets everything through.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(default)]
pub struct DetectPolicy {
    /// Look for faces.
    pub detect_face: Flag,
    /// Look for bodies.
    pub detect_body: Flag,
    /// What to do with several faces.
    pub multiface_policy: Multiface,
    /// Put the head's angles into answers.
    pub estimate_head_pose: Flag,
    /// Tell expressions; needs a model for them.
    pub estimate_emotions: Flag,
    /// Tell medical masks; needs a model for them.
    pub estimate_mask: Flag,
    /// Put picture quality into answers.
    pub estimate_quality: Flag,
    /// Tell where eyes look.
    pub estimate_gaze: Flag,
    /// Tell glasses; needs a model for them.
    pub estimate_glasses: Flag,
    /// Tell of eyes whether they are open, and where the irises are.
    pub estimate_eyes_attributes: Flag,
    /// Tell of mouths whether they smile or are open.
    pub estimate_mouth_attributes: Flag,
    /// Tell 68 points of each face.
    pub detect_landmarks68: Flag,
    /// Put the picture's EXIF tags into answers.
    pub extract_exif: Flag,
    /// Largest yaw either way.
    #[schema(maximum = 180)]
    pub yaw_threshold: Option<u16>,
    /// Largest roll either way.
    #[schema(maximum = 180)]
    pub roll_threshold: Option<u16>,
    /// Largest pitch either way.
    #[schema(maximum = 180)]
    pub pitch_threshold: Option<u16>,
    /// Mask states that count; needs a model for masks.
    #[schema(min_items = 1)]
    pub mask_states: Option<Vec<MaskCode>>,
    /// Liveness of single pictures.
    pub estimate_liveness: EstimateLiveness,
    /// Liveness states that count.
    #[schema(min_items = 1)]
    pub liveness_states: Option<Vec<LivenessCode>>,
    /// Telling faces that a machine made.
    pub estimate_deepfake: EstimateDeepfake,
    /// Deepfake states that count.
    #[schema(min_items = 1)]
    pub deepfake_states: Option<Vec<DeepfakeCode>>,
    /// Telling which parts of faces are covered.
    pub estimate_face_occlusion: EstimateFaceOcclusion,
    /// Parts that must not be covered.
    #[schema(min_items = 1)]
    pub face_occlusion_states: Option<Vec<FaceArea>>,
    /// The checks of portraits.
    pub face_quality: FaceQualityPolicy,
    /// Counting people.
    pub estimate_people_count: EstimatePeopleCount,
    /// What to tell of bodies.
    pub body_attributes: BodyAttributesPolicy,
}

impl Default for DetectPolicy {
    fn default() -> Self {
        Self {
            detect_face: Flag::ON,
            detect_body: Flag::OFF,
            multiface_policy: Multiface::All,
            estimate_head_pose: Flag::OFF,
            estimate_emotions: Flag::OFF,
            estimate_mask: Flag::OFF,
            estimate_quality: Flag::OFF,
            estimate_gaze: Flag::OFF,
            estimate_glasses: Flag::OFF,
            estimate_eyes_attributes: Flag::OFF,
            estimate_mouth_attributes: Flag::OFF,
            detect_landmarks68: Flag::OFF,
            extract_exif: Flag::OFF,
            yaw_threshold: None,
            roll_threshold: None,
            pitch_threshold: None,
            mask_states: None,
            estimate_liveness: EstimateLiveness::default(),
            liveness_states: None,
            estimate_deepfake: EstimateDeepfake::default(),
            deepfake_states: None,
            estimate_face_occlusion: EstimateFaceOcclusion::default(),
            face_occlusion_states: None,
            face_quality: FaceQualityPolicy::default(),
            estimate_people_count: EstimatePeopleCount::default(),
            body_attributes: BodyAttributesPolicy::default(),
        }
    }
}

/// Liveness of single pictures.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(default)]
pub struct EstimateLiveness {
    /// Whether it is estimated.
    pub estimate: Flag,
    /// Score from which on a face is real, 0 to 1.
    #[schema(minimum = 0, maximum = 1)]
    pub liveness_threshold: f32,
    /// Kept for old clients, without effect.
    #[schema(minimum = 0, maximum = 1)]
    pub quality_threshold: f32,
}

impl Default for EstimateLiveness {
    fn default() -> Self {
        Self {
            estimate: Flag::OFF,
            liveness_threshold: 0.5,
            quality_threshold: 0.5,
        }
    }
}

impl Check for DetectPolicy {
    fn check(&self) -> Result<(), Invalid> {
        bounds::maybe_number("yaw_threshold", self.yaw_threshold, 0, 180)?;
        bounds::maybe_number("roll_threshold", self.roll_threshold, 0, 180)?;
        bounds::maybe_number("pitch_threshold", self.pitch_threshold, 0, 180)?;
        let most = usize::MAX;
        bounds::maybe_items("mask_states", self.mask_states.as_ref(), 1, most)?;
        bounds::maybe_items("liveness_states", self.liveness_states.as_ref(), 1, most)?;
        bounds::maybe_items("deepfake_states", self.deepfake_states.as_ref(), 1, most)?;
        let areas = self.face_occlusion_states.as_ref();
        bounds::maybe_items("face_occlusion_states", areas, 1, most)?;
        bounds::part("estimate_deepfake", &self.estimate_deepfake)?;
        bounds::part("estimate_face_occlusion", &self.estimate_face_occlusion)?;
        let liveness = &self.estimate_liveness;
        bounds::number(
            "estimate_liveness.liveness_threshold",
            liveness.liveness_threshold,
            0.0,
            1.0,
        )?;
        bounds::number(
            "estimate_liveness.quality_threshold",
            liveness.quality_threshold,
            0.0,
            1.0,
        )
    }
}

impl DetectPolicy {
    /// What is switched on here and needs something that may not be installed, by its path within
    /// the policy. Liveness is not among it: there is a word for what is not known of it.
    pub fn asked(&self) -> Vec<&'static str> {
        let body = &self.body_attributes;
        [
            ("detect_body", self.detect_body.0),
            ("estimate_emotions", self.estimate_emotions.0),
            ("estimate_mask", self.estimate_mask.0),
            ("estimate_gaze", self.estimate_gaze.0),
            ("estimate_glasses", self.estimate_glasses.0),
            ("estimate_eyes_attributes", self.estimate_eyes_attributes.0),
            (
                "estimate_mouth_attributes",
                self.estimate_mouth_attributes.0,
            ),
            ("detect_landmarks68", self.detect_landmarks68.0),
            ("estimate_deepfake", self.estimate_deepfake.estimate.0),
            (
                "estimate_face_occlusion",
                self.estimate_face_occlusion.estimate.0,
            ),
            ("face_quality", self.face_quality.estimate.0),
            (
                "estimate_people_count",
                self.estimate_people_count.estimate.0,
            ),
            (
                "body_attributes.estimate_basic_attributes",
                body.estimate_basic_attributes.0,
            ),
            (
                "body_attributes.estimate_upper_body",
                body.estimate_upper_body.0,
            ),
            (
                "body_attributes.estimate_lower_body",
                body.estimate_lower_body.0,
            ),
            (
                "body_attributes.estimate_accessories",
                body.estimate_accessories.0,
            ),
            ("mask_states", self.mask_states.is_some()),
            ("deepfake_states", self.deepfake_states.is_some()),
            (
                "face_occlusion_states",
                self.face_occlusion_states.is_some(),
            ),
        ]
        .into_iter()
        .filter(|(_, on)| *on)
        .map(|(path, _)| path)
        .collect()
    }
}
