//! Single estimations of a face, as answers write them.

use goshawk_coordinator_core::{
    code::GenderCode,
    face::whole_years,
    formats::{Items, Probability},
    words,
};
use goshawk_models::estimate::{Emotions, Ethnicity, Eye, EyeState, Gaze, Mouth};
use goshawk_proto::{
    detection::{BasicAttributes, FaceQuality, HeadPose},
    score::Score,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Offset, offsets};

/// Where a head looks, in degrees.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct HeadAngles {
    /// To the side.
    pub yaw: f32,
    /// Up or down.
    pub pitch: f32,
    /// Towards a shoulder.
    pub roll: f32,
}

impl From<HeadPose> for HeadAngles {
    fn from(pose: HeadPose) -> Self {
        Self {
            yaw: pose.yaw,
            pitch: pose.pitch,
            roll: pose.roll,
        }
    }
}

/// Where both eyes look, in degrees.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct GazeAngles {
    /// To the side.
    pub yaw: f32,
    /// Up or down.
    pub pitch: f32,
}

impl From<Gaze> for GazeAngles {
    fn from(gaze: Gaze) -> Self {
        Self {
            yaw: gaze.yaw,
            pitch: gaze.pitch,
        }
    }
}

/// How fit a picture of a face is for recognition; 1 is best.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct Quality {
    /// How sharp it is.
    #[schema(minimum = 0, maximum = 1)]
    pub blurriness: f32,
    /// How little of it is too light.
    #[schema(minimum = 0, maximum = 1)]
    pub light: f32,
    /// How little of it is too dark.
    #[schema(minimum = 0, maximum = 1)]
    pub dark: f32,
    /// How evenly it is lit.
    #[schema(minimum = 0, maximum = 1)]
    pub illumination: f32,
    /// How little it shines.
    #[schema(minimum = 0, maximum = 1)]
    pub specularity: f32,
}

impl From<FaceQuality> for Quality {
    fn from(quality: FaceQuality) -> Self {
        Self {
            blurriness: quality.sharpness.get(),
            light: quality.light.get(),
            dark: quality.dark.get(),
            illumination: quality.illumination.get(),
            specularity: quality.specularity.get(),
        }
    }
}

words! {
    /// Whether an eye is open.
    pub enum EyeWord: "states" {
        /// The iris is seen.
        Open = "open",
        /// The lids touch.
        Closed = "closed",
        /// Something is before it; nothing here can tell that.
        Occluded = "occluded",
    }
}

impl From<EyeState> for EyeWord {
    fn from(state: EyeState) -> Self {
        match state {
            EyeState::Open => Self::Open,
            EyeState::Closed => Self::Closed,
        }
    }
}

/// One eye.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct EyeAttributes {
    /// Whether it is open.
    #[schema(inline)]
    pub state: EyeWord,
    /// The rim of the iris in pixels of the face's sample.
    pub iris_landmarks: Items<Offset, 32, 32>,
}

/// Both eyes, as they lie in the picture.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct EyesAttributes {
    /// The one on the left.
    pub left_eye: EyeAttributes,
    /// The one on the right.
    pub right_eye: EyeAttributes,
}

impl EyesAttributes {
    /// Left and right eye.
    pub fn of([left, right]: &[Eye; 2]) -> Option<Self> {
        let one = |eye: &Eye| {
            Some(EyeAttributes {
                state: eye.state.into(),
                iris_landmarks: offsets(&eye.rim, (0, 0))?,
            })
        };
        Some(Self {
            left_eye: one(left)?,
            right_eye: one(right)?,
        })
    }
}

/// A mouth.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct MouthAttributes {
    /// Always 1.
    #[schema(minimum = 0, maximum = 1)]
    pub score: f32,
    /// How surely it smiles.
    #[schema(minimum = 0, maximum = 1)]
    pub smile: f32,
    /// How surely it is open.
    #[schema(minimum = 0, maximum = 1)]
    pub opened: f32,
    /// How surely it is covered; null where nothing here can tell.
    #[schema(minimum = 0, maximum = 1, required)]
    pub occluded: Option<f32>,
}

impl From<Mouth> for MouthAttributes {
    fn from(mouth: Mouth) -> Self {
        Self {
            score: 1.0,
            smile: mouth.smile.get(),
            opened: mouth.opened.get(),
            occluded: mouth.occluded.map(Score::get),
        }
    }
}

words! {
    /// Expressions.
    pub enum EmotionWord: "emotions" {
        /// Anger.
        Anger = "anger",
        /// Disgust.
        Disgust = "disgust",
        /// Fear.
        Fear = "fear",
        /// Happiness.
        Happiness = "happiness",
        /// None of the others.
        Neutral = "neutral",
        /// Sadness.
        Sadness = "sadness",
        /// Surprise.
        Surprise = "surprise",
    }
}

/// How probable each expression is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct EmotionScores {
    /// Anger.
    pub anger: Probability,
    /// Disgust.
    pub disgust: Probability,
    /// Fear.
    pub fear: Probability,
    /// Happiness.
    pub happiness: Probability,
    /// None of the others.
    pub neutral: Probability,
    /// Sadness.
    pub sadness: Probability,
    /// Surprise.
    pub surprise: Probability,
}

/// The expression of a face.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct EmotionsView {
    /// How probable each is.
    pub estimations: EmotionScores,
    /// The most probable one.
    #[schema(inline)]
    pub predominant_emotion: EmotionWord,
}

fn probability(score: Score) -> Probability {
    Probability::clamped(score.get().into())
}

/// The word with the highest score.
pub(super) fn most<T: Copy>(all: &[(T, Score)], otherwise: T) -> T {
    let best = all.iter().max_by(|a, b| a.1.get().total_cmp(&b.1.get()));
    best.map_or(otherwise, |(word, _)| *word)
}

impl From<Emotions> for EmotionsView {
    fn from(all: Emotions) -> Self {
        let words = [
            (EmotionWord::Anger, all.anger),
            (EmotionWord::Disgust, all.disgust),
            (EmotionWord::Fear, all.fear),
            (EmotionWord::Happiness, all.happiness),
            (EmotionWord::Neutral, all.neutral),
            (EmotionWord::Sadness, all.sadness),
            (EmotionWord::Surprise, all.surprise),
        ];
        Self {
            estimations: EmotionScores {
                anger: probability(all.anger),
                disgust: probability(all.disgust),
                fear: probability(all.fear),
                happiness: probability(all.happiness),
                neutral: probability(all.neutral),
                sadness: probability(all.sadness),
                surprise: probability(all.surprise),
            },
            predominant_emotion: most(&words, EmotionWord::Neutral),
        }
    }
}

words! {
    /// Ethnicities that the contracts name.
    pub enum EthnicityWord: "ethnicities" {
        /// African American.
        AfricanAmerican = "african_american",
        /// Asian.
        Asian = "asian",
        /// Caucasian.
        Caucasian = "caucasian",
        /// Indian.
        Indian = "indian",
    }
}

/// How probable each is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct EthnicityScores {
    /// Asian.
    pub asian: Probability,
    /// Indian.
    pub indian: Probability,
    /// Caucasian.
    pub caucasian: Probability,
    /// African American.
    pub african_american: Probability,
}

/// Apparent ethnicity.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct EthnicitiesView {
    /// The most probable one.
    #[schema(inline)]
    pub predominant_ethnicity: EthnicityWord,
    /// How probable each is.
    pub estimations: EthnicityScores,
}

impl From<Ethnicity> for EthnicitiesView {
    fn from(all: Ethnicity) -> Self {
        let words = [
            (EthnicityWord::AfricanAmerican, all.african_american),
            (EthnicityWord::Asian, all.asian),
            (EthnicityWord::Caucasian, all.caucasian),
            (EthnicityWord::Indian, all.indian),
        ];
        Self {
            predominant_ethnicity: most(&words, EthnicityWord::Caucasian),
            estimations: EthnicityScores {
                asian: probability(all.asian),
                indian: probability(all.indian),
                caucasian: probability(all.caucasian),
                african_american: probability(all.african_american),
            },
        }
    }
}

/// Age and gender as estimated.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct EstimatedAttributes {
    /// Age in years.
    #[schema(minimum = 0, maximum = 100)]
    pub age: u8,
    /// 0 female, 1 male.
    pub gender: GenderCode,
    /// Null where no model that is installed estimates it.
    #[schema(required)]
    pub ethnicities: Option<EthnicitiesView>,
}

impl EstimatedAttributes {
    /// Age, gender and, where it was estimated, ethnicity.
    pub fn of(basic: BasicAttributes, ethnicity: Option<Ethnicity>) -> Self {
        Self {
            age: whole_years(basic.age),
            gender: basic.gender.into(),
            ethnicities: ethnicity.map(Into::into),
        }
    }
}

impl From<BasicAttributes> for EstimatedAttributes {
    fn from(basic: BasicAttributes) -> Self {
        Self::of(basic, None)
    }
}
