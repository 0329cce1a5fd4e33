//! What is said of a face.

use goshawk_proto::{
    descriptor::Descriptor,
    detection::{BasicAttributes, FaceQuality, HeadPose, Landmarks5},
    geometry::{BBox, Point},
    picture::Rgb,
    score::Score,
};

use super::Estimation;
use crate::measures::FaceMeasures;

/// Where the eyes look, in degrees, by the signs of [`HeadPose`]: positive yaw to the image's
/// right, positive pitch up.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Gaze {
    /// About the vertical axis, within ±90.
    pub yaw: f32,
    /// About the axis from ear to ear, within ±90.
    pub pitch: f32,
}

/// Whether an eye is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EyeState {
    /// The iris is seen.
    Open,
    /// The lids touch, or nearly so.
    Closed,
}

/// One eye.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Eye {
    /// Open or closed.
    pub state: EyeState,
    /// Distance of the lids over the distance of the eye's corners: about 0.3 when open.
    pub openness: f32,
    /// The iris' rim, clockwise from its rightmost point, in pixels of the 250 × 250 sample
    /// whether or not the sample was asked for.
    pub rim: [Point; 32],
}

impl Eye {
    /// Whether it is open.
    pub fn is_open(&self) -> bool {
        self.state == EyeState::Open
    }
}

/// The mouth.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Mouth {
    /// How surely it is open.
    pub opened: Score,
    /// How surely it smiles.
    pub smile: Score,
    /// How surely it is covered; `None` because nothing installed can tell.
    pub occluded: Option<Score>,
}

/// Kinds of smile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmileKind {
    /// No smile.
    None,
    /// Lips closed.
    Lips,
    /// Teeth seen.
    Teeth,
}

/// Probabilities of the seven expressions, together 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Emotions {
    /// Anger.
    pub anger: Score,
    /// Disgust.
    pub disgust: Score,
    /// Fear.
    pub fear: Score,
    /// Happiness.
    pub happiness: Score,
    /// None of the others.
    pub neutral: Score,
    /// Sadness.
    pub sadness: Score,
    /// Surprise.
    pub surprise: Score,
}

/// Probabilities of a medical mask, together 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Mask {
    /// Worn.
    pub medical_mask: Score,
    /// Not there.
    pub missing: Score,
    /// The face is covered by something else.
    pub occluded: Score,
}

/// Probabilities of glasses, together 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Glasses {
    /// None.
    pub no_glasses: Score,
    /// Clear ones.
    pub eyeglasses: Score,
    /// Dark ones.
    pub sunglasses: Score,
}

/// How much of each part of a face is covered, 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct OcclusionScores {
    /// The whole face.
    pub overall: Score,
    /// By hair.
    pub hair: Score,
    /// Below the nose.
    pub lower_face: Score,
    /// The nose.
    pub nose: Score,
    /// The mouth.
    pub mouth: Score,
    /// The forehead.
    pub forehead: Score,
    /// The left eye of the image.
    pub left_eye: Score,
    /// The right eye of the image.
    pub right_eye: Score,
}

/// Probabilities of the groups that the contracts name, together 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Ethnicity {
    /// African American.
    pub african_american: Score,
    /// Asian.
    pub asian: Score,
    /// Caucasian.
    pub caucasian: Score,
    /// Indian.
    pub indian: Score,
}

/// What is worn on the head: the likeliest of the contracts' words, and how likely it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Headwear {
    /// `none`, `baseball_cap`, `beanie`, `peaked_cap`, `shawl`, `hat_with_earflaps`, `helmet`,
    /// `hood`, `hat` or `other`.
    pub word: String,
    /// How likely.
    pub score: Score,
}

/// What a still picture says of liveness.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum StillLiveness {
    /// How surely the picture was taken of a live person; the mean of the models installed.
    Probability(Score),
    /// The face is too small for the models to say anything.
    TooSmall,
}

/// Something that was asked of one face or body and could not be answered, while the rest was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What was asked.
    pub estimation: Estimation,
    /// Why it was not answered.
    pub reason: String,
}

/// What was asked of a face. Everything optional is `None` when it was not asked for, is not
/// installed, or could not be told; the last has an entry in `failures`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FaceReport {
    /// Hairline to chin from the mesh, or the box that was given; `None` for a sample.
    pub bbox: Option<BBox>,
    /// The detector's certainty; 1 for boxes and samples that were given.
    pub score: Score,
    /// Eyes, nose, mouth corners.
    pub landmarks5: Option<Landmarks5>,
    /// In the order of iBUG.
    pub landmarks68: Option<Box<[Point; 68]>>,
    /// Where the head looks.
    pub head_pose: Option<HeadPose>,
    /// Where the eyes look.
    pub gaze: Option<Gaze>,
    /// Left and right eye of the image.
    pub eyes: Option<Box<[Eye; 2]>>,
    /// The mouth.
    pub mouth: Option<Mouth>,
    /// Expression.
    pub emotions: Option<Emotions>,
    /// Medical mask.
    pub mask: Option<Mask>,
    /// Glasses.
    pub glasses: Option<Glasses>,
    /// What is covered.
    pub occlusion: Option<OcclusionScores>,
    /// Age and gender.
    pub basic: Option<BasicAttributes>,
    /// Ethnicity.
    pub ethnicity: Option<Ethnicity>,
    /// What is worn on the head; told with the measures and with upper bodies, where a model for
    /// it is installed.
    pub headwear: Option<Headwear>,
    /// Fitness of the sample.
    pub quality: Option<FaceQuality>,
    /// The measures behind the checks of portraits.
    pub measures: Option<Box<FaceMeasures>>,
    /// Live or not.
    pub liveness: Option<StillLiveness>,
    /// How surely the face is genuine, not machine-made.
    pub genuine: Option<Score>,
    /// What it is compared by, and how fit the sample was for that.
    pub descriptor: Option<(Descriptor, Score)>,
    /// The aligned sample, 250 × 250.
    pub warp: Option<Rgb>,
    /// What was asked and could not be answered.
    pub failures: Vec<Failure>,
}
