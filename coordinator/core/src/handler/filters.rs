//! Conditions on what was extracted and matched, which decide whether a policy applies.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    bounds::{self, Check, Invalid},
    code::{DeepfakeCode, EthnicityCode, GenderCode, LivenessCode},
};

/// Longest label in characters.
pub const MAX_LABEL: usize = 36;

/// Conditions on what was extracted: all must hold, an absent one holds. A condition on something
/// that was not estimated does not hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct ExtractConditions {
    /// Apparent gender.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gender: Option<GenderCode>,
    /// One of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_items = 1)]
    pub ethnicities: Option<Vec<EthnicityCode>>,
    /// Younger than this, in years.
    #[serde(rename = "age__lt", skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 100)]
    pub age_lt: Option<u8>,
    /// At least this old, in years.
    #[serde(rename = "age__gte", skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 100)]
    pub age_gte: Option<u8>,
    /// One of these; an empty list lets nothing through.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub liveness: Option<Vec<LivenessCode>>,
    /// One of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deepfake: Option<Vec<DeepfakeCode>>,
}

/// A condition on the best match under a label.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MatchCondition {
    /// The label of a match policy of the same handler.
    #[schema(max_length = 36)]
    pub label: String,
    /// Not above this, 0 to 1.
    #[serde(
        rename = "similarity__lte",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(minimum = 0, maximum = 1)]
    pub similarity_lte: Option<f32>,
    /// Not below this, 0 to 1.
    #[serde(
        rename = "similarity__gte",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(minimum = 0, maximum = 1)]
    pub similarity_gte: Option<f32>,
}

/// [`ExtractConditions`] and conditions on matches. With conditions on matches, every label named
/// must have at least one candidate and its best one must lie within the bounds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct EventConditions {
    /// Apparent gender.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gender: Option<GenderCode>,
    /// One of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_items = 1)]
    pub ethnicities: Option<Vec<EthnicityCode>>,
    /// Younger than this, in years.
    #[serde(rename = "age__lt", skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 100)]
    pub age_lt: Option<u8>,
    /// At least this old, in years.
    #[serde(rename = "age__gte", skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 100)]
    pub age_gte: Option<u8>,
    /// One of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub liveness: Option<Vec<LivenessCode>>,
    /// One of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deepfake: Option<Vec<DeepfakeCode>>,
    /// Conditions on matches.
    #[serde(rename = "match", skip_serializing_if = "Option::is_none")]
    pub matches: Option<Vec<MatchCondition>>,
}

/// What conditions look at.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Seen {
    /// Apparent gender, when estimated.
    pub gender: Option<GenderCode>,
    /// Apparent age in whole years, when estimated.
    pub age: Option<u8>,
    /// Liveness, when estimated.
    pub liveness: Option<LivenessCode>,
    /// Whether a machine made the face, when estimated.
    pub deepfake: Option<DeepfakeCode>,
}

impl ExtractConditions {
    /// Whether they hold.
    pub fn hold(&self, seen: Seen) -> bool {
        self.gender.is_none_or(|wanted| seen.gender == Some(wanted))
            && self
                .age_gte
                .is_none_or(|least| seen.age.is_some_and(|age| age >= least))
            && self
                .age_lt
                .is_none_or(|end| seen.age.is_some_and(|age| age < end))
            && self
                .liveness
                .as_ref()
                .is_none_or(|states| seen.liveness.is_some_and(|state| states.contains(&state)))
            && self.ethnicities.is_none()
            && self
                .deepfake
                .as_ref()
                .is_none_or(|states| seen.deepfake.is_some_and(|state| states.contains(&state)))
    }
}

impl EventConditions {
    fn extract(&self) -> ExtractConditions {
        ExtractConditions {
            gender: self.gender,
            ethnicities: self.ethnicities.clone(),
            age_lt: self.age_lt,
            age_gte: self.age_gte,
            liveness: self.liveness.clone(),
            deepfake: self.deepfake.clone(),
        }
    }

    /// Whether they hold, given the best similarity of each label that has candidates.
    pub fn hold(&self, seen: Seen, best: &dyn Fn(&str) -> Option<f32>) -> bool {
        self.extract().hold(seen)
            && self.matches.iter().flatten().all(|wanted| {
                best(&wanted.label).is_some_and(|similarity| {
                    wanted
                        .similarity_gte
                        .is_none_or(|least| similarity >= least)
                        && wanted.similarity_lte.is_none_or(|most| similarity <= most)
                })
            })
    }
}

fn check_ages(age_lt: Option<u8>, age_gte: Option<u8>) -> Result<(), Invalid> {
    bounds::maybe_number("age__lt", age_lt, 0, 100)?;
    bounds::maybe_number("age__gte", age_gte, 0, 100)
}

impl Check for ExtractConditions {
    fn check(&self) -> Result<(), Invalid> {
        check_ages(self.age_lt, self.age_gte)?;
        bounds::maybe_items("ethnicities", self.ethnicities.as_ref(), 1, usize::MAX)
    }
}

impl Check for EventConditions {
    fn check(&self) -> Result<(), Invalid> {
        self.extract().check()?;
        bounds::part("match", &self.matches)
    }
}

impl Check for MatchCondition {
    fn check(&self) -> Result<(), Invalid> {
        bounds::text("label", &self.label, MAX_LABEL)?;
        bounds::maybe_number("similarity__lte", self.similarity_lte, 0.0, 1.0)?;
        bounds::maybe_number("similarity__gte", self.similarity_gte, 0.0, 1.0)
    }
}
