//! What a model says about one face or body in one picture.

use serde::{Deserialize, Serialize};

use crate::{
    geometry::{BBox, Point},
    score::Score,
};

/// Eye, eye, nose tip, mouth corner, mouth corner, in picture pixels. "Left" is the left side of
/// the image: `[left eye, right eye, nose, left mouth corner, right mouth corner]`.
pub type Landmarks5 = [Point; 5];

/// Where a head looks, in degrees. All zero faces the camera.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HeadPose {
    /// Turned to the side, -180 to 180; positive: the nose points to the image's right.
    pub yaw: f32,
    /// Nodding, -180 to 180; positive: the nose points up.
    pub pitch: f32,
    /// Tilted in the image plane, -180 to 180; positive: clockwise as seen.
    pub roll: f32,
}

/// How fit a face picture is for recognition; each part 0 (unfit) to 1 (perfect).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FaceQuality {
    /// Sharp rather than blurred.
    pub sharpness: Score,
    /// Not over-exposed.
    pub light: Score,
    /// Not too dark.
    pub dark: Score,
    /// Evenly lit from both sides.
    pub illumination: Score,
    /// Free of glare.
    pub specularity: Score,
}

/// A face found in a picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FaceDetection {
    /// Box in picture pixels.
    pub bbox: BBox,
    /// The detector's certainty.
    pub score: Score,
    /// Five points in picture pixels.
    pub landmarks: Landmarks5,
}

/// A body found in a picture.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BodyDetection {
    /// Box in picture pixels.
    pub bbox: BBox,
    /// The detector's certainty.
    pub score: Score,
}

/// Apparent sex as the descriptor network estimates it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gender {
    /// Looks female to the model.
    Female,
    /// Looks male to the model.
    Male,
}

/// Age and gender as estimated from a face.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BasicAttributes {
    /// Apparent age in years, 0 to 100.
    pub age: f32,
    /// Apparent gender.
    pub gender: Gender,
    /// Certainty of `gender`, 0.5 to 1.
    pub gender_score: Score,
}

/// Whether a live person was before the camera.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LivenessVerdict {
    /// A live person.
    Real,
    /// A photograph, screen or mask.
    Spoof,
    /// Not enough evidence for either.
    #[default]
    Unknown,
}

/// One line of evidence in a liveness vote.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LivenessWitness {
    /// Which test: `blink`, `parallax`, …
    pub name: String,
    /// What it says alone.
    pub verdict: LivenessVerdict,
    /// How strongly, 0 to 1.
    pub strength: Score,
}

/// A liveness vote over a track.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Liveness {
    /// The vote's outcome.
    pub verdict: LivenessVerdict,
    /// Certainty that the person is live, 0 to 1; `None` when undecided.
    pub score: Option<Score>,
    /// The evidence, for people.
    #[serde(default)]
    pub witnesses: Vec<LivenessWitness>,
}
