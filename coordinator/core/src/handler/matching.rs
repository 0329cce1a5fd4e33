//! Match policies: whom the descriptor is compared with.

use serde::{Deserialize, Deserializer, Serialize, de::Error};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::filters::{ExtractConditions, MAX_LABEL};
use crate::{
    bounds::{self, Check, Invalid},
    candidates::FaceFilters,
    face::FaceTarget,
    formats::Tagged,
};

/// Candidates a match policy returns by default.
pub const DEFAULT_LIMIT: u32 = 3;
/// Most candidates of one match request.
pub const MAX_LIMIT: u32 = 100;

/// One comparison with a set of candidates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MatchPolicy {
    /// Names the results, at most 36 characters.
    #[serde(default)]
    #[schema(max_length = 36, default = "")]
    pub label: String,
    /// When it is made at all.
    #[serde(default)]
    pub filters: ExtractConditions,
    /// Whom to compare with.
    pub candidates: Candidates,
    /// Which descriptor is compared.
    #[serde(default)]
    pub descriptor: MatchDescriptor,
    /// Most candidates to return, 1 to 100.
    #[serde(default = "default_limit")]
    #[schema(minimum = 1, maximum = 100, default = 3)]
    pub limit: u32,
    /// Fields of candidates to return; all when empty or absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub targets: Option<Vec<Value>>,
    /// Least similarity, 0 to 1.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 1, default = 0)]
    pub threshold: f32,
}

fn default_limit() -> u32 {
    DEFAULT_LIMIT
}

impl MatchPolicy {
    /// Wanted fields of face candidates; empty is all.
    pub fn face_targets(&self) -> Vec<FaceTarget> {
        let names = self.targets.iter().flatten().filter_map(Value::as_str);
        names.filter_map(FaceTarget::from_name).collect()
    }
}

/// Whom a descriptor is compared with.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(tag = "origin", rename_all = "lowercase")]
pub enum Candidates {
    /// Stored faces.
    Faces(FaceFilters),
    /// Stored events; kept as given, not supported yet.
    Events(Map<String, Value>),
}

impl<'de> Deserialize<'de> for Candidates {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let tagged = Tagged::read(deserializer, "origin")?;
        match tagged.kind.as_str() {
            "faces" => tagged.rest().map(Self::Faces),
            "events" => tagged.rest().map(Self::Events),
            other => Err(D::Error::unknown_variant(other, &["faces", "events"])),
        }
    }
}

/// Which descriptor is compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(default)]
pub struct MatchDescriptor {
    /// Of the face or of the body.
    pub descriptor_type: DescriptorKind,
}

/// What a descriptor describes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DescriptorKind {
    /// A face.
    #[default]
    Face,
    /// A body.
    Body,
}

impl Check for MatchPolicy {
    fn check(&self) -> Result<(), Invalid> {
        bounds::text("label", &self.label, MAX_LABEL)?;
        bounds::part("filters", &self.filters)?;
        bounds::number("limit", self.limit, 1, MAX_LIMIT)?;
        bounds::number("threshold", self.threshold, 0.0, 1.0)?;
        let Candidates::Faces(filters) = &self.candidates else {
            return Ok(());
        };
        for target in self.targets.iter().flatten() {
            if target.as_str().and_then(FaceTarget::from_name).is_none() {
                return Err(Invalid::new(
                    "targets",
                    format!("{target} is no field of a face"),
                ));
            }
        }
        bounds::part("candidates", filters)
    }
}
