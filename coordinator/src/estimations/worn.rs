//! What is worn on a face: masks and glasses.

use goshawk_coordinator_core::{code::MaskCode, words};
use goshawk_models::estimate::{Glasses, Mask};
use serde::Serialize;
use utoipa::ToSchema;

use super::traits::most;

words! {
    /// States of medical masks.
    pub enum MaskWord: "masks" {
        /// Worn.
        MedicalMask = "medical_mask",
        /// Not there.
        Missing = "missing",
        /// The face is covered by something else.
        Occluded = "occluded",
    }
}

/// How probable each state of a mask is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct MaskScores {
    /// Worn.
    #[schema(minimum = 0, maximum = 1)]
    pub medical_mask: f32,
    /// Not there.
    #[schema(minimum = 0, maximum = 1)]
    pub missing: f32,
    /// The face is covered by something else.
    #[schema(minimum = 0, maximum = 1)]
    pub occluded: f32,
}

/// Whether a face wears a medical mask.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct MaskView {
    /// How probable each state is.
    pub estimations: MaskScores,
    /// The most probable one.
    #[schema(inline)]
    pub predominant_mask: MaskWord,
}

impl From<Mask> for MaskView {
    fn from(mask: Mask) -> Self {
        let words = [
            (MaskWord::MedicalMask, mask.medical_mask),
            (MaskWord::Missing, mask.missing),
            (MaskWord::Occluded, mask.occluded),
        ];
        Self {
            estimations: MaskScores {
                medical_mask: mask.medical_mask.get(),
                missing: mask.missing.get(),
                occluded: mask.occluded.get(),
            },
            predominant_mask: most(&words, MaskWord::Missing),
        }
    }
}

impl MaskWord {
    /// The number that filters give it.
    pub fn code(self) -> MaskCode {
        match self {
            Self::Missing => MaskCode::Missing,
            Self::MedicalMask => MaskCode::MedicalMask,
            Self::Occluded => MaskCode::Occluded,
        }
    }
}

/// As [`MaskView`], with how the mask is worn.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct WornMask {
    /// How probable each state is.
    pub estimations: MaskScores,
    /// The most probable one.
    #[schema(inline)]
    pub predominant_mask: MaskWord,
    /// Null: nothing here tells how masks are worn.
    #[schema(value_type = Option<Object>, required)]
    pub face_occlusion: Option<()>,
}

impl From<Mask> for WornMask {
    fn from(mask: Mask) -> Self {
        let view = MaskView::from(mask);
        Self {
            estimations: view.estimations,
            predominant_mask: view.predominant_mask,
            face_occlusion: None,
        }
    }
}

words! {
    /// Kinds of glasses.
    pub enum GlassesWord: "glasses" {
        /// None.
        None = "no_glasses",
        /// Clear ones.
        Eyeglasses = "eyeglasses",
        /// Dark ones.
        Sunglasses = "sunglasses",
    }
}

impl From<Glasses> for GlassesWord {
    fn from(glasses: Glasses) -> Self {
        let words = [
            (Self::None, glasses.no_glasses),
            (Self::Eyeglasses, glasses.eyeglasses),
            (Self::Sunglasses, glasses.sunglasses),
        ];
        most(&words, Self::None)
    }
}

/// Glasses of a face.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct GlassesView {
    /// Which.
    #[schema(inline)]
    pub glasses: GlassesWord,
}
