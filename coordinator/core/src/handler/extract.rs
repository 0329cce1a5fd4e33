//! The extract policy: what is extracted from a detection.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    bounds::{self, Check, Invalid},
    code::Flag,
};

/// Descriptors, age and gender.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(default)]
pub struct ExtractPolicy {
    /// Estimate age and gender.
    pub extract_basic_attributes: Flag,
    /// Extract the face's descriptor.
    pub extract_face_descriptor: Flag,
    /// Least fitness of a face for recognition, 0 to 1; a face below is filtered out.
    #[schema(minimum = 0, maximum = 1)]
    pub fd_score_threshold: f32,
    /// Not supported by the default pack.
    pub extract_body_descriptor: Flag,
}

impl Default for ExtractPolicy {
    fn default() -> Self {
        Self {
            extract_basic_attributes: Flag::OFF,
            extract_face_descriptor: Flag::ON,
            fd_score_threshold: 0.0,
            extract_body_descriptor: Flag::OFF,
        }
    }
}

impl Check for ExtractPolicy {
    fn check(&self) -> Result<(), Invalid> {
        bounds::number("fd_score_threshold", self.fd_score_threshold, 0.0, 1.0)
    }
}
