//! Parts of the detect policy that have switches and thresholds of their own.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    bounds::{self, Check, Invalid},
    code::Flag,
    formats::Whole,
};

/// Counting the people of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(default)]
pub struct EstimatePeopleCount {
    /// Whether they are counted.
    pub estimate: Flag,
    /// Whether it is told where they are.
    pub people_coordinates: Flag,
}

impl Default for EstimatePeopleCount {
    fn default() -> Self {
        Self {
            estimate: Flag::OFF,
            people_coordinates: Flag::ON,
        }
    }
}

/// Telling faces that a machine made. Needs a model for it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(default)]
pub struct EstimateDeepfake {
    /// Whether it is estimated.
    pub estimate: Flag,
    /// Probability from which on a face is genuine, 0 to 1.
    #[schema(minimum = 0, maximum = 1)]
    pub real_threshold: f64,
    /// Which way of estimating is meant; there is one here, whichever is named.
    pub mode: Whole<1, 2>,
}

impl Default for EstimateDeepfake {
    fn default() -> Self {
        Self {
            estimate: Flag::OFF,
            real_threshold: 0.5,
            mode: Whole::<1, 2>::of::<2>(),
        }
    }
}

impl Check for EstimateDeepfake {
    fn check(&self) -> Result<(), Invalid> {
        bounds::number("real_threshold", self.real_threshold, 0.0, 1.0)
    }
}

/// Telling which parts of a face are covered. Needs a model for it. A part is covered where its
/// share is above the threshold.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(default)]
pub struct EstimateFaceOcclusion {
    /// Whether it is estimated.
    pub estimate: Flag,
    /// Of the whole face.
    #[schema(minimum = 0, maximum = 1)]
    pub occlusion_threshold: f64,
    /// Of the face by hair; the models decide by themselves what of it counts.
    #[schema(minimum = 0, maximum = 1)]
    pub hair_occlusion_threshold: f64,
    /// Of the forehead.
    #[schema(minimum = 0, maximum = 1)]
    pub forehead_threshold: f64,
    /// Of either eye.
    #[schema(minimum = 0, maximum = 1)]
    pub eye_threshold: f64,
    /// Of the nose.
    #[schema(minimum = 0, maximum = 1)]
    pub nose_threshold: f64,
    /// Of the mouth.
    #[schema(minimum = 0, maximum = 1)]
    pub mouth_threshold: f64,
    /// Of the lower face.
    #[schema(minimum = 0, maximum = 1)]
    pub lower_face_threshold: f64,
}

impl Default for EstimateFaceOcclusion {
    fn default() -> Self {
        Self {
            estimate: Flag::OFF,
            occlusion_threshold: 0.07,
            hair_occlusion_threshold: 0.15,
            forehead_threshold: 0.2,
            eye_threshold: 0.15,
            nose_threshold: 0.2,
            mouth_threshold: 0.15,
            lower_face_threshold: 0.2,
        }
    }
}

impl Check for EstimateFaceOcclusion {
    fn check(&self) -> Result<(), Invalid> {
        let thresholds = [
            ("occlusion_threshold", self.occlusion_threshold),
            ("hair_occlusion_threshold", self.hair_occlusion_threshold),
            ("forehead_threshold", self.forehead_threshold),
            ("eye_threshold", self.eye_threshold),
            ("nose_threshold", self.nose_threshold),
            ("mouth_threshold", self.mouth_threshold),
            ("lower_face_threshold", self.lower_face_threshold),
        ];
        thresholds
            .into_iter()
            .try_for_each(|(name, value)| bounds::number(name, value, 0.0, 1.0))
    }
}

crate::words! {
    /// Parts of a face that may be covered.
    pub enum FaceArea: "areas" {
        /// All of it.
        Face = "face",
        /// The forehead.
        Forehead = "forehead",
        /// Either eye.
        Eye = "eye",
        /// The nose.
        Nose = "nose",
        /// The mouth.
        Mouth = "mouth",
        /// All below the eyes.
        LowerFace = "lower_face",
    }
}

/// One check of face quality.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct CheckPolicy {
    /// Whether it is made.
    pub estimate: Flag,
    /// What passes, in place of the default: a range, words, or a number, as the check is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    pub threshold: Option<Value>,
}

impl Default for CheckPolicy {
    fn default() -> Self {
        Self {
            estimate: Flag::ON,
            threshold: None,
        }
    }
}

/// The checks of portraits.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct FaceQualityPolicy {
    /// Whether they are made.
    pub estimate: Flag,
    /// Whether a face that fails one is filtered out.
    pub filter: Flag,
    /// What differs from the defaults, by the names of the checks.
    pub checks: BTreeMap<String, CheckPolicy>,
}

/// What to tell of bodies that are found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(default)]
pub struct BodyAttributesPolicy {
    /// Apparent age and gender.
    pub estimate_basic_attributes: Flag,
    /// Headwear, sleeves, colours of what is worn above.
    pub estimate_upper_body: Flag,
    /// Colours of what is worn below, shoes.
    pub estimate_lower_body: Flag,
    /// Backpack.
    pub estimate_accessories: Flag,
}
