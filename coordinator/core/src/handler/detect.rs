//! The detect policy: what is looked for, what is estimated, which detections count.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

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
    /// Not supported by the default pack.
    pub estimate_emotions: Flag,
    /// Not supported by the default pack.
    pub estimate_mask: Flag,
    /// Put picture quality into answers.
    pub estimate_quality: Flag,
    /// Not supported by the default pack.
    pub estimate_gaze: Flag,
    /// Not supported by the default pack.
    pub estimate_glasses: Flag,
    /// Not supported by the default pack.
    pub estimate_eyes_attributes: Flag,
    /// Not supported by the default pack.
    pub estimate_mouth_attributes: Flag,
    /// Not supported by the default pack.
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
    /// Mask states that count. Not supported by the default pack.
    #[schema(min_items = 1)]
    pub mask_states: Option<Vec<MaskCode>>,
    /// Liveness of single pictures.
    pub estimate_liveness: EstimateLiveness,
    /// Liveness states that count.
    #[schema(min_items = 1)]
    pub liveness_states: Option<Vec<LivenessCode>>,
    /// Not supported by the default pack; kept as given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub estimate_deepfake: Option<Value>,
    /// Not supported by the default pack.
    #[schema(min_items = 1)]
    pub deepfake_states: Option<Vec<DeepfakeCode>>,
    /// Not supported by the default pack; kept as given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub estimate_face_occlusion: Option<Value>,
    /// Not supported by the default pack; kept as given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub face_occlusion_states: Option<Vec<String>>,
    /// Not supported by the default pack; kept as given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub face_quality: Option<Value>,
    /// Not supported by the default pack; kept as given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub estimate_people_count: Option<Value>,
    /// Not supported by the default pack; kept as given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub body_attributes: Option<Value>,
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
            estimate_deepfake: None,
            deepfake_states: None,
            estimate_face_occlusion: None,
            face_occlusion_states: None,
            face_quality: None,
            estimate_people_count: None,
            body_attributes: None,
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
    /// Paths of what is switched on and cannot be estimated.
    pub fn unsupported(&self) -> Vec<String> {
        let flags = [
            ("detect_body", self.detect_body),
            ("estimate_emotions", self.estimate_emotions),
            ("estimate_mask", self.estimate_mask),
            ("estimate_gaze", self.estimate_gaze),
            ("estimate_glasses", self.estimate_glasses),
            ("estimate_eyes_attributes", self.estimate_eyes_attributes),
            ("estimate_mouth_attributes", self.estimate_mouth_attributes),
            ("detect_landmarks68", self.detect_landmarks68),
        ];
        let sections = [
            ("estimate_deepfake", &self.estimate_deepfake),
            ("estimate_face_occlusion", &self.estimate_face_occlusion),
            ("face_quality", &self.face_quality),
            ("estimate_people_count", &self.estimate_people_count),
            ("body_attributes", &self.body_attributes),
        ];
        let mut out: Vec<&str> = flags
            .iter()
            .filter(|(_, on)| on.0)
            .map(|(name, _)| *name)
            .collect();
        out.extend(
            sections
                .iter()
                .filter(|(_, s)| switched_on(s.as_ref()))
                .map(|(name, _)| *name),
        );
        if self.mask_states.is_some() {
            out.push("mask_states");
        }
        if self.deepfake_states.is_some() {
            out.push("deepfake_states");
        }
        if self.face_occlusion_states.is_some() {
            out.push("face_occlusion_states");
        }
        out.into_iter()
            .map(|name| format!("detect_policy.{name}"))
            .collect()
    }
}

/// Whether a section's `estimate` (or any `estimate_…`) is 1.
fn switched_on(section: Option<&Value>) -> bool {
    let Some(Value::Object(fields)) = section else {
        return false;
    };
    fields
        .iter()
        .any(|(name, value)| name.starts_with("estimate") && *value == 1)
}
