//! Whether a picture shows a live person, and whether a machine made the face.

use goshawk_coordinator_core::{
    code::{DeepfakeCode, LivenessCode},
    words,
};
use goshawk_models::estimate::StillLiveness;
use goshawk_proto::score::Score;
use serde::Serialize;
use utoipa::ToSchema;

/// Least probability of a live person that counts as one, and of a genuine face that counts as
/// one: half, as the contracts say.
pub const EVEN: f32 = 0.5;

words! {
    /// What a picture shows of liveness.
    pub enum LivenessWord: "states" {
        /// A photograph, screen or mask.
        Spoof = "spoof",
        /// A live person.
        Real = "real",
        /// Not enough evidence, or no model.
        Unknown = "unknown",
    }
}

impl From<LivenessCode> for LivenessWord {
    fn from(code: LivenessCode) -> Self {
        match code {
            LivenessCode::Spoof => Self::Spoof,
            LivenessCode::Real => Self::Real,
            LivenessCode::Unknown => Self::Unknown,
        }
    }
}

/// The verdict of a probability that the person is live, and that probability where there is one.
pub fn liveness(found: Option<StillLiveness>) -> (LivenessCode, Option<Score>) {
    liveness_at(found, EVEN)
}

/// As [`liveness`], where `least` is the least probability that counts as live.
pub fn liveness_at(found: Option<StillLiveness>, least: f32) -> (LivenessCode, Option<Score>) {
    match found {
        Some(StillLiveness::Probability(live)) if live.get() >= least => {
            (LivenessCode::Real, Some(live))
        }
        Some(StillLiveness::Probability(live)) => (LivenessCode::Spoof, Some(live)),
        Some(StillLiveness::TooSmall) | None => (LivenessCode::Unknown, None),
    }
}

/// What the verdict rests on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct LivenessScores {
    /// Always 1; null where nothing was estimated.
    #[schema(minimum = 0, maximum = 1, required)]
    pub quality: Option<f32>,
    /// How surely the person is live; null where nothing was estimated.
    #[schema(minimum = 0, maximum = 1, required)]
    pub score: Option<f32>,
}

/// Whether a picture was taken of a live person.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct LivenessView {
    /// The verdict; unknown where no model for it is installed or the face is too small.
    #[schema(inline)]
    pub prediction: LivenessWord,
    /// What it rests on.
    pub estimations: LivenessScores,
}

impl LivenessView {
    /// What was found, if anything.
    pub fn of(found: Option<StillLiveness>) -> Self {
        Self::at(found, EVEN)
    }

    /// What was found, where `least` is the least probability that counts as live.
    pub fn at(found: Option<StillLiveness>, least: f32) -> Self {
        let (code, score) = liveness_at(found, least);
        Self {
            prediction: code.into(),
            estimations: LivenessScores {
                quality: score.map(|_| 1.0),
                score: score.map(Score::get),
            },
        }
    }
}

words! {
    /// Whether a face was made by a machine.
    pub enum DeepfakeWord: "states" {
        /// It was.
        Fake = "fake",
        /// It was not.
        Real = "real",
    }
}

/// Whether a face was made by a machine.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct DeepfakeView {
    /// The verdict.
    #[schema(inline)]
    pub prediction: DeepfakeWord,
    /// How surely the face is genuine.
    #[schema(minimum = 0, maximum = 1)]
    pub score: f32,
}

impl DeepfakeView {
    /// From how surely the face is genuine.
    pub fn of(genuine: Score) -> Self {
        Self::at(genuine, EVEN.into())
    }

    /// From how surely the face is genuine, which it is from `least` on.
    pub fn at(genuine: Score, least: f64) -> Self {
        let prediction = match deepfake_at(genuine, least) {
            DeepfakeCode::Real => DeepfakeWord::Real,
            DeepfakeCode::Fake => DeepfakeWord::Fake,
        };
        Self {
            prediction,
            score: genuine.get(),
        }
    }
}

/// The number that filters give to a face that is genuine with this probability.
pub fn deepfake(genuine: Score) -> DeepfakeCode {
    deepfake_at(genuine, EVEN.into())
}

/// As [`deepfake`], where `least` is the least probability that counts as genuine.
pub fn deepfake_at(genuine: Score, least: f64) -> DeepfakeCode {
    match genuine.get() >= least as f32 {
        true => DeepfakeCode::Real,
        false => DeepfakeCode::Fake,
    }
}
