//! An event in the making: everything known of it before it is stored.

use bytes::Bytes;
use goshawk_coordinator_core::{
    code::GenderCode,
    event::{EventEstimations, EventLiveness, FaceEstimations, LabelMatches},
    face::whole_years,
    handler::Handler,
    policy::{FaceFacts, Fact, Facts},
};
use goshawk_proto::{
    descriptor::{Descriptor, DescriptorVersion},
    detection::{BasicAttributes, FaceQuality, Gender, HeadPose, Landmarks5},
    event::Jpeg,
    geometry::Rect,
    id::{AccountId, EventId},
    score::Score,
    time::Timestamp,
};
use serde_json::{Map, Value};

use super::generate::EventDetails;

/// One picture of the face.
#[derive(Clone, Debug)]
pub(super) struct Shot {
    pub filename: String,
    pub detect_time: Timestamp,
    pub detect_ts: Option<f64>,
    pub rect: Option<Rect>,
    pub landmarks: Option<Landmarks5>,
    pub head_pose: Option<HeadPose>,
    pub quality: FaceQuality,
    /// Fitness for recognition, 0 to 1.
    pub fitness: f32,
    /// The aligned face; `None` where the edge keeps pictures to itself.
    pub warp: Option<Jpeg>,
    pub descriptor: Option<Descriptor>,
    pub basic: Option<BasicAttributes>,
    /// Which of the draft's images it was taken from.
    pub image: Option<usize>,
    /// Where the caller said the whole picture is.
    pub reference: Option<String>,
    /// What else is told of the face.
    pub estimated: FaceEstimations,
    /// What filters look at besides angles and fitness.
    pub states: FaceFacts,
    /// The body of the same person in the same picture.
    pub body: Option<BodyView>,
}

/// One picture of the body.
#[derive(Clone, Debug)]
pub(super) struct BodyView {
    pub filename: String,
    pub detect_time: Timestamp,
    pub detect_ts: Option<f64>,
    /// `None` for a picture that was given as a sample.
    pub rect: Option<Rect>,
    /// The body's picture; `None` where the edge keeps pictures to itself.
    pub warp: Option<Jpeg>,
    /// What is told of it.
    pub attributes: Map<String, Value>,
    /// Which of the draft's images it was taken from.
    pub image: Option<usize>,
    /// Where the caller said the whole picture is.
    pub reference: Option<String>,
}

/// An event in the making.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub event_id: EventId,
    pub account_id: AccountId,
    pub handler: Handler,
    pub details: EventDetails,
    pub create_time: Timestamp,
    pub end_time: Timestamp,
    /// Best first.
    pub shots: Vec<Shot>,
    /// The descriptor, where that is all that was given of the face.
    pub given: Option<Descriptor>,
    /// Bodies without a face.
    pub bodies: Vec<BodyView>,
    pub images: Vec<Bytes>,
    pub liveness: Option<EventLiveness>,
    /// What all pictures tell together.
    pub estimated: EventEstimations,
    /// The version of descriptors that counts; `None`: whichever the shots have.
    pub version: Option<DescriptorVersion>,
    /// Whether the models have been asked.
    pub extracted: bool,
}

/// How fit a face is for recognition: as its worst property among sharpness, light and dark.
pub(super) fn fitness(quality: &FaceQuality) -> f32 {
    quality
        .sharpness
        .get()
        .min(quality.light.get())
        .min(quality.dark.get())
}

impl Shot {
    pub fn facts(&self) -> FaceFacts {
        FaceFacts {
            head_pose: self.head_pose,
            fitness: Some(self.fitness),
            ..self.states.clone()
        }
    }
}

impl Draft {
    /// All bodies, those with a face first. Samples are named by the place in this order.
    pub fn all_bodies(&self) -> impl Iterator<Item = &BodyView> {
        let with_face = self.shots.iter().filter_map(|shot| shot.body.as_ref());
        with_face.chain(&self.bodies)
    }

    /// Whether it is about a face, and not a body alone.
    pub fn has_face(&self) -> bool {
        !self.shots.is_empty() || self.given.is_some()
    }

    /// The descriptor of the person: the one given, or the mean of its shots' unit vectors, of one version.
    pub fn descriptor(&self) -> Option<Descriptor> {
        let all = self
            .shots
            .iter()
            .filter_map(|shot| shot.descriptor.as_ref());
        let mut all = self
            .given
            .iter()
            .chain(all)
            .filter(|d| self.version.is_none_or(|version| d.version() == version));
        let first = all.next()?;
        let mut sum: Vec<f32> = first.values().collect();
        for other in all.filter(|d| d.version() == first.version() && d.length() == first.length())
        {
            sum.iter_mut()
                .zip(other.values())
                .for_each(|(sum, value)| *sum += value);
        }
        // Opposite vectors may cancel out; then the best shot stands alone.
        Descriptor::from_values(first.version(), &sum)
            .ok()
            .or_else(|| Some(first.clone()))
    }

    /// Age and gender of the person: the mean age, and the gender with more certainty behind it.
    pub fn basic(&self) -> Option<BasicAttributes> {
        let all: Vec<BasicAttributes> = self.shots.iter().filter_map(|shot| shot.basic).collect();
        let count = all.len() as f32;
        if all.is_empty() {
            return None;
        }
        let age = all.iter().map(|basic| basic.age).sum::<f32>() / count;
        let signed = |basic: &BasicAttributes| match basic.gender {
            Gender::Male => basic.gender_score.get(),
            Gender::Female => -basic.gender_score.get(),
        };
        let balance = all.iter().map(signed).sum::<f32>() / count;
        let gender = if balance >= 0.0 {
            Gender::Male
        } else {
            Gender::Female
        };
        let agreeing = all.iter().filter(|basic| basic.gender == gender);
        let gender_score = agreeing.map(|b| b.gender_score.get()).fold(0.0, f32::max);
        Some(BasicAttributes {
            age,
            gender,
            gender_score: Score::saturating(gender_score),
        })
    }

    /// What the policies may know of it.
    pub fn facts<'a>(&self, matches: Option<&'a [LabelMatches]>) -> Facts<'a> {
        let asked = self.extracted;
        let basic = self
            .basic()
            .map(|b| (whole_years(b.age), GenderCode::from(b.gender)));
        Facts {
            descriptor: fact(self.descriptor().map(|_| ()), asked),
            basic: fact(basic, asked),
            liveness: self.liveness.map(|liveness| liveness.prediction),
            deepfake: self.estimated.deepfake,
            has_image: !self.images.is_empty(),
            has_reference: self.shots.iter().any(|shot| shot.reference.is_some()),
            matches,
        }
    }
}

fn fact<T>(value: Option<T>, asked: bool) -> Fact<T> {
    match value {
        Some(value) => Fact::Is(value),
        None if asked => Fact::Absent,
        None => Fact::Unknown,
    }
}
