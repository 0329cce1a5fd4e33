//! Measures telling people apart: every picture of every person against every other.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use goshawk_proto::descriptor::Descriptor;

use super::{
    Bench,
    metrics::{Curve, Point, Scores, pairs_needed},
    report::{AtFar, Operating, PairSeen, Verification},
};

/// How many of the strangest pairs are named.
const NAMED: usize = 5;
/// Shares of accepted strangers that are asked about.
const FARS: [f64; 3] = [1e-2, 1e-3, 1e-4];

/// A picture that can be compared.
struct Shot {
    person: usize,
    file: String,
    descriptor: Descriptor,
}

/// What is counted while pictures are looked at.
#[derive(Default)]
struct Tally {
    unreadable: u64,
    no_face: u64,
    several_faces: u64,
    left_out: usize,
}

impl Bench<'_> {
    pub(super) fn people(&mut self, people: &BTreeMap<String, Vec<PathBuf>>) -> Verification {
        let (shots, tally) = self.shots(people);
        let pairs = self.compare(&shots);
        let curve = pairs.scores.curve();
        let operating = |point: Point| self.operating(&point);
        let eer = curve.as_ref().map(Curve::equal_error);
        let (genuine_pairs, impostor_pairs) = pairs.scores.pairs();
        let persons: BTreeSet<usize> = shots.iter().map(|s| s.person).collect();
        Verification {
            descriptor_version: self.vision.faces().descriptor_version().0,
            people: persons.len(),
            pictures: shots.len(),
            unreadable: tally.unreadable,
            no_face: tally.no_face,
            several_faces: tally.several_faces,
            left_out: tally.left_out,
            genuine_pairs,
            impostor_pairs,
            configured: curve
                .as_ref()
                .map(|c| operating(c.at(self.configured_cosine()))),
            best: curve.as_ref().map(|c| operating(c.best())),
            eer: eer.map(|(rate, _)| rate),
            eer_at: eer.map(|(_, point)| operating(point)),
            at_far: match &curve {
                Some(curve) => FARS.map(|far| self.at_far(curve, far)).to_vec(),
                None => Vec::new(),
            },
            curve: curve
                .iter()
                .flat_map(|c| c.points().step_by(100).map(operating).collect::<Vec<_>>())
                .collect(),
            most_alike_strangers: pairs.strangers.named(&shots),
            least_alike_same: pairs.same.named(&shots),
            scores: pairs.scores,
        }
    }

    /// The face of each picture that has one.
    fn shots(&mut self, people: &BTreeMap<String, Vec<PathBuf>>) -> (Vec<Shot>, Tally) {
        let all: Vec<(usize, &PathBuf)> = people
            .values()
            .enumerate()
            .flat_map(|(person, files)| files.iter().map(move |file| (person, file)))
            .collect();
        let most = self.settings.max_people_pictures;
        let mut tally = Tally {
            left_out: all.len().saturating_sub(most),
            ..Tally::default()
        };
        let taken = all.len().min(most);
        let mut shots = Vec::new();
        for (done, (person, path)) in all.into_iter().take(most).enumerate() {
            self.progress.at("describing people", done, taken);
            if let Some(descriptor) = self.describe(path, &mut tally) {
                let file = self.name(path);
                shots.push(Shot {
                    person,
                    file,
                    descriptor,
                });
            }
        }
        self.progress.at("describing people", taken, taken);
        (shots, tally)
    }

    /// The descriptor of a picture's largest face.
    fn describe(&mut self, path: &Path, tally: &mut Tally) -> Option<Descriptor> {
        let Some(picture) = self.load(path) else {
            tally.unreadable += 1;
            return None;
        };
        let analyzer = self.vision.faces();
        let described = analyzer
            .detect(&[&picture], &self.settings.detect)
            .and_then(|faces| {
                let faces: Vec<_> = faces.into_iter().flatten().collect();
                let area = |f: &crate::face::Face| f.detection.bbox.area();
                let largest = faces.iter().max_by(|a, b| area(a).total_cmp(&area(b)));
                let Some(face) = largest else { return Ok(None) };
                let warp = analyzer.warp(&picture, &face.detection.landmarks);
                let traits = analyzer.describe(&[&warp])?.pop();
                Ok(traits.map(|t| (t.descriptor, faces.len())))
            });
        let reason = match described {
            Ok(Some((descriptor, faces))) => {
                if faces > 1 {
                    tally.several_faces += 1;
                    self.note(path, format!("{faces} faces; the largest was taken"));
                }
                return Some(descriptor);
            }
            Ok(None) => "no face found".to_owned(),
            Err(error) => error.to_string(),
        };
        tally.no_face += 1;
        self.note(path, reason);
        None
    }

    fn compare(&mut self, shots: &[Shot]) -> Pairs {
        let mut pairs = Pairs::default();
        for (i, one) in shots.iter().enumerate() {
            self.progress.at("comparing pictures", i, shots.len());
            for (j, other) in shots.iter().enumerate().skip(i + 1) {
                // Of one network, so they can be compared.
                let Some(cosine) = one.descriptor.cosine(&other.descriptor) else {
                    continue;
                };
                if one.person == other.person {
                    pairs.scores.genuine(cosine);
                    pairs.same.offer(-cosine, (i, j));
                } else {
                    pairs.scores.impostor(cosine);
                    pairs.strangers.offer(cosine, (i, j));
                }
            }
        }
        self.progress
            .at("comparing pictures", shots.len(), shots.len());
        pairs
    }

    /// The lowest cosine whose similarity reaches the configured threshold, found by halving: the
    /// curve does not fall.
    fn configured_cosine(&self) -> f32 {
        let curve = self.vision.faces().similarity_curve();
        let (mut low, mut high) = (-1.0f32, 1.0f32);
        for _ in 0..24 {
            let middle = low.midpoint(high);
            if curve.similarity(middle) >= self.settings.threshold {
                high = middle;
            } else {
                low = middle;
            }
        }
        high
    }

    fn operating(&self, point: &Point) -> Operating {
        let curve = self.vision.faces().similarity_curve();
        Operating {
            cosine: point.threshold,
            similarity: curve.similarity(point.threshold),
            far: point.far,
            tar: point.tar,
            accuracy: point.accuracy,
            balanced_accuracy: point.balanced(),
        }
    }

    fn at_far(&self, curve: &Curve, far: f64) -> AtFar {
        let (pairs, needed) = (curve.pairs().1, pairs_needed(far));
        if pairs < needed {
            return AtFar::NotEnoughPairs { far, pairs, needed };
        }
        let point = curve.within(far);
        AtFar::Measured {
            far,
            at: self.operating(&point),
            false_accepts: point.false_accepts,
        }
    }
}

/// What comparing gives.
#[derive(Default)]
struct Pairs {
    scores: Scores,
    same: Strangest,
    strangers: Strangest,
}

/// The pairs of the highest strangeness, the strangest first.
#[derive(Default)]
struct Strangest(Vec<(f32, (usize, usize))>);

impl Strangest {
    fn offer(&mut self, strangeness: f32, pair: (usize, usize)) {
        let place = self.0.partition_point(|p| p.0 >= strangeness);
        if place < NAMED {
            self.0.truncate(NAMED - 1);
            self.0.insert(place, (strangeness, pair));
        }
    }

    fn named(&self, shots: &[Shot]) -> Vec<PairSeen> {
        let pair = |(_, (i, j)): &(f32, (usize, usize))| {
            let (one, other) = (shots.get(*i)?, shots.get(*j)?);
            Some(PairSeen {
                cosine: one.descriptor.cosine(&other.descriptor)?,
                one: one.file.clone(),
                other: other.file.clone(),
            })
        };
        self.0.iter().filter_map(pair).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_strangest_are_kept_in_order(offers in prop::collection::vec(-1.0f32..1.0, 0..30)) {
            let mut kept = Strangest::default();
            for (i, strangeness) in offers.iter().enumerate() {
                kept.offer(*strangeness, (i, i));
            }
            let mut all = offers.clone();
            all.sort_by(|a, b| b.total_cmp(a));
            all.truncate(NAMED);
            prop_assert_eq!(kept.0.iter().map(|p| p.0).collect::<Vec<_>>(), all);
        }
    }
}
