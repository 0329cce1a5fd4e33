//! Tags given to events under conditions.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::filters::EventConditions;
use crate::bounds::{self, Check, Invalid};

/// Longest tag in characters.
pub const MAX_TAG: usize = 36;

/// A tag given to events that meet the conditions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ConditionalTag {
    /// The tag, at most 36 characters.
    #[schema(max_length = 36)]
    pub tag: String,
    /// When it is given.
    #[serde(default)]
    pub filters: EventConditions,
}

impl Check for ConditionalTag {
    fn check(&self) -> Result<(), Invalid> {
        bounds::text("tag", &self.tag, MAX_TAG)?;
        bounds::part("filters", &self.filters)
    }
}
