//! What a measurement gives; as JSON it is the document that scripts read.

use serde::Serialize;

use super::metrics::Scores;

/// Everything that was measured. Parts that the folder does not have are `None`.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Finding faces.
    pub detection: Option<Detection>,
    /// Telling people apart.
    pub verification: Option<Verification>,
    /// Telling live people from attacks.
    pub liveness: Option<Liveness>,
    /// Pictures that could not be used.
    pub problems: Problems,
}

/// Pictures that could not be used, or not fully.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Problems {
    /// How many there are.
    pub count: usize,
    /// The first thousand.
    pub first: Vec<Problem>,
}

/// A picture that could not be used, or not fully.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Its path below the folder.
    pub file: String,
    /// Why.
    pub reason: String,
}

impl Problems {
    /// The most that are listed.
    pub const LISTED: usize = 1000;

    pub(super) fn add(&mut self, file: String, reason: String) {
        self.count += 1;
        if self.first.len() < Self::LISTED {
            self.first.push(Problem { file, reason });
        }
    }
}

/// How faces are found.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Detection {
    /// Pictures looked at.
    pub pictures: u64,
    /// Pictures that could not be used: unreadable, or without a label.
    pub unused: u64,
    /// Labelled faces.
    pub faces: u64,
    /// Labelled faces that were found.
    pub found: u64,
    /// Boxes that are no labelled face.
    pub extra: u64,
    /// Found among the labelled, 0 to 1.
    pub recall: Option<f64>,
    /// Labelled among what was found, 0 to 1.
    pub precision: Option<f64>,
    /// Mean overlap (intersection over union) of found faces with their labels. Well below 0.8,
    /// labels and detector draw their boxes by different rules.
    pub mean_overlap: Option<f64>,
    /// Labelled faces narrower than what is looked for; they count as not found when they are not.
    pub narrow: u64,
}

/// How people are told apart.
#[derive(Clone, Debug, Serialize)]
pub struct Verification {
    /// Version of the descriptors.
    pub descriptor_version: u32,
    /// People with at least one usable picture.
    pub people: usize,
    /// Pictures with a face that was compared.
    pub pictures: usize,
    /// Pictures that cannot be read.
    pub unreadable: u64,
    /// Pictures without a face, or with one that has no descriptor.
    pub no_face: u64,
    /// Pictures with several faces, of which the largest was taken.
    pub several_faces: u64,
    /// Pictures beyond the bound, which were not looked at.
    pub left_out: usize,
    /// Pairs of one person.
    pub genuine_pairs: u64,
    /// Pairs of two people.
    pub impostor_pairs: u64,
    /// At the threshold that was asked about.
    pub configured: Option<Operating>,
    /// At the threshold that tells most of these pairs right. Chosen on these very pairs, so it
    /// flatters.
    pub best: Option<Operating>,
    /// The equal error rate, 0 to 1.
    pub eer: Option<f64>,
    /// The threshold there.
    pub eer_at: Option<Operating>,
    /// Accepted pairs of one person at given shares of accepted strangers.
    pub at_far: Vec<AtFar>,
    /// Every hundredth of the cosine.
    pub curve: Vec<Operating>,
    /// Pairs of two people that are most alike: the same person under two names, often.
    pub most_alike_strangers: Vec<PairSeen>,
    /// Pairs of one person that are least alike: a picture in the wrong folder, often.
    pub least_alike_same: Vec<PairSeen>,
    /// The counts behind it all.
    #[serde(skip)]
    pub scores: Scores,
}

/// A threshold and what it does.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Operating {
    /// The threshold as a cosine.
    pub cosine: f32,
    /// The same as the similarity that the API speaks.
    pub similarity: f32,
    /// Accepted among pairs of two people.
    pub far: f64,
    /// Accepted among pairs of one person.
    pub tar: f64,
    /// Share of all pairs told right.
    pub accuracy: f64,
    /// Mean of the shares told right of each kind.
    pub balanced_accuracy: f64,
}

/// What a share of accepted strangers costs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum AtFar {
    /// There were enough pairs.
    Measured {
        /// The share that is allowed.
        far: f64,
        /// The lowest threshold that keeps to it.
        at: Operating,
        /// How many pairs of two people are accepted there.
        false_accepts: u64,
    },
    /// There were not; a number would be luck.
    NotEnoughPairs {
        /// The share that is allowed.
        far: f64,
        /// Pairs of two people that there are.
        pairs: u64,
        /// Pairs that there must be: ten false accepts are expected then.
        needed: u64,
    },
}

/// A pair of pictures.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PairSeen {
    /// How alike they are.
    pub cosine: f32,
    /// The first one.
    pub one: String,
    /// The other one.
    pub other: String,
}

/// How live people are told from attacks.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Liveness {
    /// Whether a model for it is installed; without one nothing was looked at and every verdict
    /// is unknown.
    pub installed: bool,
    /// The probability from which a face counts as live.
    pub threshold: f32,
    /// Live people.
    pub genuine: Presented,
    /// Live people taken for attacks among those with a verdict, 0 to 1.
    pub bpcer: Option<f64>,
    /// By kind of attack.
    pub attacks: Vec<Attack>,
    /// The largest APCER of all kinds: what an attacker who knows the weakest spot gets.
    pub worst_apcer: Option<f64>,
}

/// Pictures of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Presented {
    /// Called live.
    pub live: u64,
    /// Called an attack.
    pub attack: u64,
    /// Without a verdict: no face, too small a face, or no model. ISO/IEC 30107-3 counts these as
    /// non-responses, apart from the errors.
    pub unknown: u64,
    /// Pictures that cannot be read.
    pub unreadable: u64,
}

/// Attacks of one kind.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Attack {
    /// The folder's name without `attack-`.
    pub kind: String,
    /// What they were called.
    pub verdicts: Presented,
    /// Taken for live people among those with a verdict, 0 to 1.
    pub apcer: Option<f64>,
}
