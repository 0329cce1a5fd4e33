//! Handlers: the policies that an event goes through, in the contract's names and defaults.

pub mod detect;
pub mod extract;
pub mod filters;
pub mod matching;
pub mod sections;
pub mod storage;
pub mod tags;

use goshawk_proto::{
    id::{AccountId, HandlerId},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    bounds::{self, Check, Invalid},
    code::HandlerType,
};

pub use detect::DetectPolicy;
pub use extract::ExtractPolicy;
pub use filters::EventConditions;
pub use matching::{Candidates, MatchPolicy};
pub use storage::StoragePolicy;
pub use tags::ConditionalTag;

/// The rules of a handler. Every part may be left out and takes the contract's defaults.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(default)]
pub struct Policies {
    /// What is looked for and which detections count.
    pub detect_policy: DetectPolicy,
    /// What is extracted from a detection.
    pub extract_policy: ExtractPolicy,
    /// Whom the descriptor is compared with.
    pub match_policy: Vec<MatchPolicy>,
    /// What is kept and who is told.
    pub storage_policy: StoragePolicy,
    /// Tags given under conditions.
    pub conditional_tags_policy: Vec<ConditionalTag>,
}

impl Policies {
    /// Paths of what is switched on here and cannot be done: what of the detect policy is not
    /// among the things that `can` be done, and what nothing here does. Empty when everything asked
    /// for will be done.
    pub fn unsupported(&self, can: impl Fn(&str) -> bool) -> Vec<String> {
        let asked = self.detect_policy.asked().into_iter();
        let mut out: Vec<String> = asked
            .filter(|path| !can(path))
            .map(|path| format!("detect_policy.{path}"))
            .collect();
        if self.extract_policy.extract_body_descriptor.0 {
            out.push("extract_policy.extract_body_descriptor".into());
        }
        for (index, policy) in self.match_policy.iter().enumerate() {
            if matches!(policy.candidates, Candidates::Events(_)) {
                out.push(format!("match_policy.{index}.candidates.origin"));
            }
        }
        for (index, callback) in self.storage_policy.callbacks.iter().enumerate() {
            if matches!(callback, storage::Callback::Http(http) if http.enable.0) {
                out.push(format!("storage_policy.callbacks.{index}"));
            }
        }
        out
    }
}

impl Check for Policies {
    fn check(&self) -> Result<(), Invalid> {
        bounds::part("detect_policy", &self.detect_policy)?;
        bounds::part("extract_policy", &self.extract_policy)?;
        bounds::part("match_policy", &self.match_policy)?;
        bounds::part("storage_policy", &self.storage_policy)?;
        bounds::part("conditional_tags_policy", &self.conditional_tags_policy)
    }
}

/// A new handler, or what shall replace one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NewHandler {
    /// Free text, at most 128 characters.
    #[serde(default)]
    #[schema(max_length = 128)]
    pub description: String,
    /// The rules; a dynamic handler has none of its own.
    #[serde(default)]
    pub policies: Option<Policies>,
    /// Where policies come from.
    #[serde(default = "static_type")]
    #[schema(default = 0)]
    pub handler_type: HandlerType,
    /// Old name of `handler_type: 1`.
    #[serde(default)]
    #[schema(default = false)]
    pub is_dynamic: bool,
    /// The lambda of `handler_type: 2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<HandlerId>)]
    pub lambda_id: Option<Uuid>,
}

fn static_type() -> HandlerType {
    HandlerType::Static
}

impl Check for NewHandler {
    fn check(&self) -> Result<(), Invalid> {
        bounds::text("description", &self.description, 128)?;
        bounds::part("policies", &self.policies)
    }
}

/// A handler.
//
// It serialises to exactly the contract's object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Handler {
    /// Its id.
    pub handler_id: HandlerId,
    /// Owner.
    pub account_id: AccountId,
    /// Free text.
    #[schema(max_length = 128)]
    pub description: String,
    /// The rules.
    pub policies: Policies,
    /// When it was made.
    pub create_time: Timestamp,
    /// When it was last replaced.
    pub last_update_time: Timestamp,
    /// Where policies come from.
    pub handler_type: HandlerType,
    /// Old name of `handler_type: 1`.
    pub is_dynamic: bool,
    /// The lambda of `handler_type: 2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<HandlerId>)]
    pub lambda_id: Option<Uuid>,
}

impl Handler {
    /// A handler out of what a caller gave.
    pub fn new(id: HandlerId, account: AccountId, new: NewHandler, now: Timestamp) -> Self {
        let dynamic = new.is_dynamic || new.handler_type == HandlerType::Dynamic;
        Self {
            handler_id: id,
            account_id: account,
            description: new.description,
            policies: new.policies.unwrap_or_default(),
            create_time: now,
            last_update_time: now,
            handler_type: if dynamic {
                HandlerType::Dynamic
            } else {
                new.handler_type
            },
            is_dynamic: dynamic,
            lambda_id: new.lambda_id,
        }
    }
}

#[cfg(test)]
mod tests;
