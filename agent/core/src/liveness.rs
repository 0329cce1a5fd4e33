//! Whether a live person was before the camera: a vote of weak witnesses over a track.
//!
//! No model of the default pack can tell a photograph from a person, so the evidence comes from
//! the track itself: [`blink`] (the eyes close and open) and [`parallax`] (the face does not move
//! as a plane). A witness that lacks material says [`LivenessVerdict::Unknown`], and so does the
//! vote when the witnesses do not suffice; that is an honest answer and a frequent one.
//!
//! The vote adds up signed strengths: parallax counts fully, a blink counts 0.4. From +0.7 on the
//! verdict is real, from -0.5 on it is spoof. So blinks alone never make a person real (a replayed
//! video blinks too), and blinks do not excuse a face that moves as a plane. The thresholds are
//! cautious on purpose: a bent or cut-out photograph and a replay that fills the whole view are
//! known to be beyond these witnesses.

pub mod blink;
mod homography;
pub mod mesh;
pub mod parallax;

use std::time::Duration;

use goshawk_proto::{
    detection::{HeadPose, Liveness, LivenessVerdict, LivenessWitness},
    geometry::Point,
    score::Score,
};

use self::{blink::Eyes, mesh::EyeOpenness, parallax::Views};

/// Weight of each witness in the vote.
const BLINK_WEIGHT: f32 = 0.4;
const PARALLAX_WEIGHT: f32 = 1.0;
/// Sums from which on the vote is decided.
const REAL_FROM: f32 = 0.7;
const SPOOF_FROM: f32 = -0.5;
/// Eyes closer than this, in pixels, are too small to measure.
const MIN_EYE_DISTANCE: f32 = 30.0;

/// The evidence of one track. Its memory is bounded by its two witnesses'.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    eyes: Eyes,
    views: Views,
    offered: u64,
    refused: u64,
}

impl Evidence {
    /// Takes the mesh of one frame in: 468 points in picture pixels, of which only x and y are
    /// ever used, since depth is a network's guess. Meshes that are too small, incomplete or not
    /// finite are counted and left out.
    pub fn observe(&mut self, at: Duration, points: &[Point], pose: Option<HeadPose>) {
        self.offered += 1;
        let usable = points.len() == mesh::POINTS
            && points.iter().all(|p| p.x.is_finite() && p.y.is_finite())
            && mesh::eye_distance(points) >= MIN_EYE_DISTANCE;
        if !usable {
            self.refused += 1;
            return;
        }
        self.eyes.observe(at, EyeOpenness::measure(points), pose);
        if let Some(pose) = pose {
            self.views.observe(points, pose);
        }
    }

    /// Meshes seen.
    pub fn offered(&self) -> u64 {
        self.offered
    }

    /// Of these, meshes that could not be used.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// The vote as of now.
    pub fn vote(&self) -> Liveness {
        combine([
            (blink::testify(&self.eyes), BLINK_WEIGHT),
            (parallax::testify(&self.views), PARALLAX_WEIGHT),
        ])
    }
}

/// The vote over weighted testimonies; see the module's header.
pub fn combine(testimonies: impl IntoIterator<Item = (LivenessWitness, f32)>) -> Liveness {
    let mut sum = 0.0;
    let mut witnesses = Vec::new();
    for (witness, weight) in testimonies {
        sum += weight
            * witness.strength.get()
            * match witness.verdict {
                LivenessVerdict::Real => 1.0,
                LivenessVerdict::Spoof => -1.0,
                LivenessVerdict::Unknown => 0.0,
            };
        witnesses.push(witness);
    }
    let verdict = if sum >= REAL_FROM {
        LivenessVerdict::Real
    } else if sum <= SPOOF_FROM {
        LivenessVerdict::Spoof
    } else {
        LivenessVerdict::Unknown
    };
    let decided = verdict != LivenessVerdict::Unknown;
    let score = decided.then(|| Score::saturating(0.5 + sum / 2.0));
    Liveness {
        verdict,
        score,
        witnesses,
    }
}

fn witness(name: &str, verdict: LivenessVerdict, strength: f32) -> LivenessWitness {
    LivenessWitness {
        name: name.to_owned(),
        verdict,
        strength: Score::saturating(strength),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use LivenessVerdict::{Real, Spoof, Unknown};

    fn verdict(blink: (LivenessVerdict, f32), parallax: (LivenessVerdict, f32)) -> Liveness {
        combine([
            (witness("blink", blink.0, blink.1), BLINK_WEIGHT),
            (witness("parallax", parallax.0, parallax.1), PARALLAX_WEIGHT),
        ])
    }

    #[test]
    fn the_vote_follows_its_table() {
        let nothing = (Unknown, 0.0);
        assert_eq!(verdict(nothing, nothing).verdict, Unknown);
        assert_eq!(
            verdict((Real, 1.0), nothing).verdict,
            Unknown,
            "a replay blinks too"
        );
        assert_eq!(verdict(nothing, (Real, 0.8)).verdict, Real);
        assert_eq!(verdict((Real, 0.75), (Real, 0.5)).verdict, Real);
        assert_eq!(verdict(nothing, (Real, 0.5)).verdict, Unknown);
        assert_eq!(verdict(nothing, (Spoof, 0.6)).verdict, Spoof);
        assert_eq!(verdict((Real, 1.0), (Spoof, 1.0)).verdict, Spoof);
        assert_eq!(verdict((Real, 1.0), (Spoof, 0.6)).verdict, Unknown);
    }

    #[test]
    fn only_a_decided_vote_has_a_score() {
        assert_eq!(verdict((Unknown, 0.0), (Unknown, 0.0)).score, None);
        assert!(verdict((Unknown, 0.0), (Real, 1.0)).score.unwrap() > Score::saturating(0.9));
        assert!(verdict((Unknown, 0.0), (Spoof, 1.0)).score.unwrap() < Score::saturating(0.1));
    }

    #[test]
    fn unusable_meshes_are_counted_and_ignored() {
        let mut evidence = Evidence::default();
        evidence.observe(Duration::ZERO, &[], None);
        evidence.observe(Duration::ZERO, &[Point::default(); mesh::POINTS], None);
        evidence.observe(
            Duration::ZERO,
            &[Point::new(f32::NAN, 0.0); mesh::POINTS],
            None,
        );
        assert_eq!(evidence.refused(), 3);
        assert_eq!(evidence.vote().verdict, Unknown);
    }
}
