//! What waits in the pool's queue, and what may be answered together.

use crossbeam_channel::Sender;
use goshawk_models::{DetectOptions, Face, FaceTraits};
use goshawk_proto::{
    descriptor::Descriptor,
    detection::{BodyDetection, Landmarks5},
    geometry::BBox,
    picture::{Pixels, Rgb},
};

use super::AskError;

/// What a question is answered with.
pub(super) type Answer<T> = Result<T, AskError>;

/// What is asked, and where the answer goes.
pub(super) struct Job<Q, A> {
    pub ask: Q,
    pub reply: Sender<Answer<A>>,
}

impl<Q, A> Job<Q, A> {
    /// A stream that has gone needs no answer.
    pub fn answer(self, answer: Answer<A>) {
        let _ = self.reply.send(answer);
    }
}

/// A picture that is asked about.
pub(super) type Shown = Box<dyn Pixels>;

/// One face of a picture.
pub(super) struct ShownFace {
    pub picture: Shown,
    pub bbox: BBox,
    pub points: Landmarks5,
}

/// What a classifier tells of a face, as a share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// How much of its mouth is covered.
    CoveredMouth,
    /// How much its texture is a real face's.
    Texture,
}

/// What the pool can be asked.
pub(super) enum Question {
    /// Which faces are there?
    Faces(DetectOptions, Job<Shown, Vec<Face>>),
    /// Which bodies are there, of at least this score?
    Bodies(f32, Job<Shown, Vec<BodyDetection>>),
    /// Who are these faces?
    Describe(Job<Vec<Rgb>, Vec<FaceTraits>>),
    /// Who are these bodies?
    DescribeBodies(Job<Vec<Rgb>, Vec<Option<Descriptor>>>),
    /// What of this face?
    Tell(What, Job<ShownFace, Option<f32>>),
}

impl Question {
    /// Whether one call of a model can answer both.
    pub fn fits(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Faces(one, _), Self::Faces(other, _)) => one == other,
            (Self::Bodies(one, _), Self::Bodies(other, _)) => one == other,
            (Self::Describe(_), Self::Describe(_))
            | (Self::DescribeBodies(_), Self::DescribeBodies(_)) => true,
            (Self::Tell(one, _), Self::Tell(other, _)) => one == other,
            _ => false,
        }
    }
}

/// Questions that are answered together.
pub(super) enum Batch {
    Faces(DetectOptions, Vec<Job<Shown, Vec<Face>>>),
    Bodies(f32, Vec<Job<Shown, Vec<BodyDetection>>>),
    Describe(Vec<Job<Vec<Rgb>, Vec<FaceTraits>>>),
    DescribeBodies(Vec<Job<Vec<Rgb>, Vec<Option<Descriptor>>>>),
    Tell(What, Vec<Job<ShownFace, Option<f32>>>),
}

impl Batch {
    /// A batch of `first` and of `more`, which all fit it.
    pub fn of(first: Question, more: Vec<Question>) -> Self {
        macro_rules! jobs {
            ($first:expr, $pattern:pat => $job:expr) => {{
                let more = more.into_iter().filter_map(|question| match question {
                    $pattern => Some($job),
                    _ => None,
                });
                std::iter::once($first).chain(more).collect()
            }};
        }
        match first {
            Question::Faces(options, first) => {
                Self::Faces(options, jobs!(first, Question::Faces(_, job) => job))
            }
            Question::Bodies(score, first) => {
                Self::Bodies(score, jobs!(first, Question::Bodies(_, job) => job))
            }
            Question::Describe(first) => {
                Self::Describe(jobs!(first, Question::Describe(job) => job))
            }
            Question::DescribeBodies(first) => {
                Self::DescribeBodies(jobs!(first, Question::DescribeBodies(job) => job))
            }
            Question::Tell(what, first) => {
                Self::Tell(what, jobs!(first, Question::Tell(_, job) => job))
            }
        }
    }
}
