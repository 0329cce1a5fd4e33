//! One answer about one person from several pictures.
//!
//! Probabilities and ages are means; a gender is that of the surest estimate; a descriptor is the
//! mean of the descriptors, of unit length again; of words the most frequent is taken, those for
//! "not known" aside, and a tie is not known. Colours of clothes are those with the largest mean
//! share. What was estimated in no picture is absent.

use std::collections::BTreeMap;

use goshawk_models::estimate::{
    BodyReport, Clothing, ClothingColour, Emotions, Estimation, Ethnicity, FaceReport, LowerBody,
    Mask, Presence, Sleeve, StillLiveness, UpperBody, Wanted,
};
use goshawk_proto::{descriptor::Descriptor, detection::BasicAttributes, score::Score};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    ExtractedDescriptor,
    body::BodyAttributes,
    genuine::{DeepfakeView, LivenessView},
    traits::{EmotionsView, EstimatedAttributes},
    worn::WornMask,
};

/// Most colours of one garment.
const MOST_COLOURS: usize = 3;

/// What several pictures say of one face.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct AggregatedFaceAttributes {
    /// What it is compared by.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline, nullable = false)]
    pub descriptor: Option<ExtractedDescriptor>,
    /// Age and gender.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline, nullable = false)]
    pub basic_attributes: Option<EstimatedAttributes>,
    /// A medical mask.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline, nullable = false)]
    pub mask: Option<WornMask>,
    /// The expression.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline, nullable = false)]
    pub emotions: Option<EmotionsView>,
    /// Whether the person is live.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline, nullable = false)]
    pub liveness: Option<LivenessView>,
    /// Whether a machine made the face.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline, nullable = false)]
    pub deepfake: Option<DeepfakeView>,
}

/// The face of all pictures.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct AggregatedFace {
    /// What they say of it together.
    #[schema(inline)]
    pub attributes: AggregatedFaceAttributes,
}

/// The body of all pictures.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct AggregatedBody {
    /// What they say of it together.
    #[schema(inline)]
    pub attributes: BodyAttributes,
}

/// One person of all pictures.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct Aggregated {
    /// The face; null where none was seen.
    #[schema(inline, required)]
    pub face: Option<AggregatedFace>,
    /// The body; null where none was seen.
    #[schema(inline, required)]
    pub body: Option<AggregatedBody>,
}

/// The mean of scores; `None` of none.
pub fn mean(scores: impl IntoIterator<Item = Score>) -> Option<Score> {
    let (mut sum, mut count) = (0.0, 0.0);
    for score in scores {
        sum += score.get();
        count += 1.0;
    }
    (count > 0.0).then(|| Score::saturating(sum / count))
}

/// The mean of descriptors with their scores.
fn together<'a>(all: impl Iterator<Item = (&'a Descriptor, Score)>) -> Option<(Descriptor, Score)> {
    let (mut sum, mut version, mut scores) = (Vec::new(), None, Vec::new());
    for (descriptor, score) in all {
        version.get_or_insert(descriptor.version());
        sum.resize(descriptor.length().max(sum.len()), 0.0f32);
        sum.iter_mut()
            .zip(descriptor.values())
            .for_each(|(sum, value)| *sum += value);
        scores.push(score);
    }
    // Opposite descriptors may add up to nothing: that is no descriptor.
    let mean_of = Descriptor::from_values(version?, &sum).ok()?;
    Some((mean_of, mean(scores)?))
}

fn basic(all: impl Iterator<Item = BasicAttributes> + Clone) -> Option<BasicAttributes> {
    let certainty = |one: &BasicAttributes| one.gender_score.get();
    let surest = all
        .clone()
        .max_by(|a, b| certainty(a).total_cmp(&certainty(b)))?;
    let ages: Vec<f32> = all.map(|one| one.age).collect();
    Some(BasicAttributes {
        age: ages.iter().sum::<f32>() / ages.len() as f32,
        ..surest
    })
}

fn mask(all: &[Mask]) -> Option<Mask> {
    let of = |part: fn(&Mask) -> Score| mean(all.iter().map(part));
    Some(Mask {
        medical_mask: of(|one| one.medical_mask)?,
        missing: of(|one| one.missing)?,
        occluded: of(|one| one.occluded)?,
    })
}

fn emotions(all: &[Emotions]) -> Option<Emotions> {
    let of = |part: fn(&Emotions) -> Score| mean(all.iter().map(part));
    Some(Emotions {
        anger: of(|one| one.anger)?,
        disgust: of(|one| one.disgust)?,
        fear: of(|one| one.fear)?,
        happiness: of(|one| one.happiness)?,
        neutral: of(|one| one.neutral)?,
        sadness: of(|one| one.sadness)?,
        surprise: of(|one| one.surprise)?,
    })
}

fn ethnicity(all: &[Ethnicity]) -> Option<Ethnicity> {
    let of = |part: fn(&Ethnicity) -> Score| mean(all.iter().map(part));
    Some(Ethnicity {
        african_american: of(|one| one.african_american)?,
        asian: of(|one| one.asian)?,
        caucasian: of(|one| one.caucasian)?,
        indian: of(|one| one.indian)?,
    })
}

/// The mean probability of those that have one; `None` if none has.
pub fn liveness(all: impl Iterator<Item = StillLiveness>) -> Option<StillLiveness> {
    mean(all.filter_map(|one| match one {
        StillLiveness::Probability(live) => Some(live),
        StillLiveness::TooSmall => None,
    }))
    .map(StillLiveness::Probability)
}

/// The attributes of faces of one person; descriptors below `least_score` do not count.
pub fn face(
    faces: &[&FaceReport],
    wanted: &Wanted,
    least_score: f64,
    with_liveness: bool,
) -> Option<AggregatedFace> {
    if faces.is_empty() {
        return None;
    }
    let has = |estimation| wanted.has(estimation);
    let fit = faces
        .iter()
        .filter_map(|face| face.descriptor.as_ref())
        .filter(|(_, score)| f64::from(score.get()) >= least_score);
    let descriptor = together(fit.map(|(descriptor, score)| (descriptor, *score)));
    let masks: Vec<Mask> = faces.iter().filter_map(|face| face.mask).collect();
    let moods: Vec<Emotions> = faces.iter().filter_map(|face| face.emotions).collect();
    let groups: Vec<Ethnicity> = faces.iter().filter_map(|face| face.ethnicity).collect();
    let genuine = mean(faces.iter().filter_map(|face| face.genuine));
    let live = liveness(faces.iter().filter_map(|face| face.liveness));
    Some(AggregatedFace {
        attributes: AggregatedFaceAttributes {
            descriptor: descriptor
                .filter(|_| has(Estimation::FaceDescriptor))
                .map(|(descriptor, score)| ExtractedDescriptor::of(&descriptor, score)),
            basic_attributes: basic(faces.iter().filter_map(|face| face.basic))
                .filter(|_| has(Estimation::Basic))
                .map(|basic| EstimatedAttributes::of(basic, ethnicity(&groups))),
            mask: mask(&masks)
                .filter(|_| has(Estimation::Mask))
                .map(Into::into),
            emotions: emotions(&moods)
                .filter(|_| has(Estimation::Emotions))
                .map(Into::into),
            liveness: with_liveness.then(|| LivenessView::of(live)),
            deepfake: genuine
                .filter(|_| has(Estimation::Deepfake))
                .map(DeepfakeView::of),
        },
    })
}

/// The most frequent of `all`; `None` of none or of a tie.
fn most_frequent<T: PartialEq + Copy>(all: impl Iterator<Item = T>) -> Option<T> {
    let mut counts: Vec<(T, usize)> = Vec::new();
    for one in all {
        match counts.iter_mut().find(|(known, _)| *known == one) {
            Some((_, count)) => *count += 1,
            None => counts.push((one, 1)),
        }
    }
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    match counts[..] {
        [(_, first), (_, second), ..] if first == second => None,
        [(one, _), ..] => Some(one),
        [] => None,
    }
}

fn presence(all: impl Iterator<Item = Presence>) -> Presence {
    most_frequent(all.filter(|one| *one != Presence::Undefined)).unwrap_or_default()
}

/// The colours with the largest mean share.
fn clothing<'a>(all: impl Iterator<Item = &'a Clothing>) -> Clothing {
    let (mut shares, mut count) = (BTreeMap::<ClothingColour, f32>::new(), 0.0f32);
    for one in all {
        count += 1.0;
        for (colour, share) in &one.colours {
            *shares.entry(*colour).or_default() += share.get();
        }
    }
    let mut colours: Vec<(ClothingColour, Score)> = shares
        .into_iter()
        .map(|(colour, share)| (colour, Score::saturating(share / count.max(1.0))))
        .collect();
    colours.sort_by(|a, b| b.1.get().total_cmp(&a.1.get()));
    colours.truncate(MOST_COLOURS);
    Clothing { colours }
}

/// The attributes of bodies of one person.
pub fn body(bodies: &[&BodyReport], wanted: &Wanted) -> Option<AggregatedBody> {
    if bodies.is_empty() {
        return None;
    }
    let uppers: Vec<&UpperBody> = bodies.iter().filter_map(|b| b.upper.as_ref()).collect();
    let lowers: Vec<&LowerBody> = bodies.iter().filter_map(|b| b.lower.as_ref()).collect();
    let packs: Vec<Presence> = bodies.iter().filter_map(|b| b.backpack).collect();
    let sleeves = uppers.iter().map(|upper| upper.sleeve);
    let upper = UpperBody {
        clothing: clothing(uppers.iter().map(|upper| &upper.clothing)),
        sleeve: most_frequent(sleeves.filter(|sleeve| *sleeve != Sleeve::Undefined))
            .unwrap_or_default(),
        headwear: presence(uppers.iter().map(|upper| upper.headwear)),
    };
    let lower = LowerBody {
        clothing: clothing(lowers.iter().map(|lower| &lower.clothing)),
    };
    let descriptors = bodies.iter().filter_map(|b| b.descriptor.as_ref());
    let whole = BodyReport {
        descriptor: together(descriptors.map(|one| (one, Score::ONE))).map(|(one, _)| one),
        basic: basic(bodies.iter().filter_map(|body| body.basic)),
        upper: (!uppers.is_empty()).then_some(upper),
        lower: (!lowers.is_empty()).then_some(lower),
        backpack: (!packs.is_empty()).then(|| presence(packs.iter().copied())),
        ..BodyReport::default()
    };
    Some(AggregatedBody {
        attributes: BodyAttributes::of(&whole, wanted),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use goshawk_proto::{descriptor::DescriptorVersion, detection::Gender};

    fn score(value: f32) -> Score {
        Score::saturating(value)
    }

    fn face_of(values: [f32; 2], fitness: f32, live: StillLiveness) -> FaceReport {
        let descriptor = Descriptor::from_values(DescriptorVersion(46), &values).unwrap();
        FaceReport {
            descriptor: Some((descriptor, score(fitness))),
            liveness: Some(live),
            basic: Some(BasicAttributes {
                age: 20.0 + 20.0 * fitness,
                gender: if fitness > 0.5 {
                    Gender::Male
                } else {
                    Gender::Female
                },
                gender_score: score(fitness),
            }),
            ..FaceReport::default()
        }
    }

    #[test]
    fn faces_of_a_person_are_told_as_one() {
        let live = StillLiveness::Probability(score(0.9));
        let faces = [
            face_of([1.0, 0.0], 1.0, live),
            face_of([0.0, 1.0], 0.5, StillLiveness::TooSmall),
        ];
        let faces: Vec<&FaceReport> = faces.iter().collect();
        let wanted = Wanted::these(&[Estimation::FaceDescriptor, Estimation::Basic]);
        let told = face(&faces, &wanted, 0.0, true).unwrap().attributes;
        assert_eq!(told.descriptor.as_ref().unwrap().score, 0.75);
        let basic = told.basic_attributes.unwrap();
        assert_eq!((basic.age, basic.gender.code()), (35, 1));
        assert_eq!(told.liveness.unwrap().estimations.score, Some(0.9));
        // Only the first is fit enough.
        let fit = face(&faces, &wanted, 0.9, false).unwrap().attributes;
        assert_eq!(fit.descriptor.unwrap().score, 1.0);
        assert!(fit.liveness.is_none() && fit.mask.is_none());
        assert!(face(&[], &wanted, 0.0, false).is_none());
    }

    #[test]
    fn words_need_a_majority() {
        assert_eq!(most_frequent([1, 2, 2].into_iter()), Some(2));
        assert_eq!(most_frequent([1, 2].into_iter()), None);
        assert_eq!(most_frequent(std::iter::empty::<u8>()), None);
        let seen = [Presence::Undefined, Presence::Present, Presence::Undefined];
        assert_eq!(presence(seen.into_iter()), Presence::Present);
    }

    #[test]
    fn colours_are_those_of_the_largest_share() {
        let one = |colour, share| Clothing {
            colours: vec![(colour, score(share))],
        };
        let both = [
            one(ClothingColour::Red, 0.9),
            one(ClothingColour::Blue, 0.4),
        ];
        let mixed = clothing(both.iter());
        assert_eq!(mixed.colours[0].0, ClothingColour::Red);
        assert!((mixed.colours[0].1.get() - 0.45).abs() < 1e-6);
    }
}
