//! Whether a live person was before the camera: a vote of weak witnesses over a track, and the
//! contract's policy on top of it.
//!
//! No model of the default pack can tell a photograph from a person, so the evidence comes from
//! the track itself:
//!
//! * from the face's mesh: [`blink`] (the eyes close and open) and [`parallax`] (the face does not
//!   move as a plane);
//! * from small pieces of the picture ([`look`]): [`follow`] (what is round the face moves with
//!   it), [`surroundings`] (a body under it, no border round it), [`grain`] (the raster of screens
//!   and prints), [`pulse`] (the heart in the skin's colour), [`eyeball`] (gaze that shifts);
//! * where they are there: [`backdrop`] (the shape before the remembered background), and the
//!   answer of a texture network that an operator installed.
//!
//! A witness that lacks material says [`LivenessVerdict::Unknown`], and so does the vote when the
//! witnesses do not suffice; that is an honest answer and a frequent one. How the vote is made of
//! them is in [`vote`]; what is sent, in [`policy`]. How well all that works was measured, and is
//! told in `agent/LIVENESS.md`.

pub mod backdrop;
pub mod blink;
pub mod eyeball;
pub mod follow;
pub mod grain;
mod homography;
pub mod look;
pub mod mesh;
pub mod parallax;
pub mod policy;
pub mod pulse;
mod running;
pub mod surroundings;
pub mod vote;

use std::{sync::Arc, time::Duration};

use goshawk_proto::{
    detection::{HeadPose, Liveness, LivenessVerdict, LivenessWitness},
    geometry::Point,
    score::Score,
};

pub use backdrop::Backdrop;
pub use look::Look;
pub use policy::{Checks, LivenessFilter, LivenessPolicy, Standing};

use self::{
    blink::Eyes, eyeball::Gaze, follow::Follow, grain::Grain, mesh::EyeOpenness, parallax::Views,
    pulse::Pulse, running::Running,
};

/// Eyes closer than this, in pixels, are too small to measure.
const MIN_EYE_DISTANCE: f32 = 30.0;
/// Frames that a mean needs before it is evidence.
const MIN_FRAMES: u32 = 6;
/// Means of [`surroundings`]' score between which it goes from a spoof's to none's.
const ALONE: (f32, f32) = (0.15, 0.45);
/// Means of [`surroundings`]' score between which a body becomes evidence.
const BODIED: (f32, f32) = (0.7, 0.95);
/// The same of [`backdrop`]'s score.
const SHAPELESS: (f32, f32) = (0.1, 0.4);
const SHAPED: (f32, f32) = (0.55, 0.85);
/// The same of a texture network's share of "real".
const FLAT_TEXTURE: (f32, f32) = (0.2, 0.5);
const SKIN_TEXTURE: (f32, f32) = (0.6, 0.95);

/// The evidence of one track. Its memory is bounded by its witnesses'.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    eyes: Eyes,
    views: Views,
    follow: Follow,
    grain: Grain,
    pulse: Pulse,
    gaze: Gaze,
    surroundings: Running,
    backdrop: Running,
    texture: Running,
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

    /// Takes in what was cut out of one frame; times must not fall.
    pub fn observe_look(&mut self, at: Duration, look: &Arc<Look>, pose: Option<HeadPose>) {
        self.follow.observe(at, look);
        if let Some(peak) = look.peak {
            self.grain.observe(peak);
        }
        if let Some(skin) = look.skin {
            self.pulse.observe(at, skin);
        }
        if let (Some(iris), Some(pose)) = (look.iris, pose) {
            self.gaze.observe(at, iris, pose);
        }
        if let Some(score) = look.surroundings.score() {
            self.surroundings.add(score);
        }
    }

    /// Takes in how much of a person the face of one frame was before the remembered background,
    /// 0 to 1.
    pub fn observe_backdrop(&mut self, score: f32) {
        self.backdrop.add(score);
    }

    /// Takes in how much a texture network holds the face of one frame for real, 0 to 1.
    pub fn observe_texture(&mut self, real: f32) {
        self.texture.add(real);
    }

    /// Meshes seen.
    pub fn offered(&self) -> u64 {
        self.offered
    }

    /// Of these, meshes that could not be used.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// The vote as of now. Witnesses that have nothing to go by and are not always asked (the
    /// background, the texture) are left out of it.
    pub fn vote(&self) -> Liveness {
        let mut witnesses = vec![
            blink::testify(&self.eyes),
            parallax::testify(&self.views),
            follow::testify(&self.follow),
            grain::testify(&self.grain),
            pulse::testify(&self.pulse),
            eyeball::testify(&self.gaze),
        ];
        let means = [
            ("surroundings", self.surroundings, ALONE, BODIED),
            ("backdrop", self.backdrop, SHAPELESS, SHAPED),
            ("texture", self.texture, FLAT_TEXTURE, SKIN_TEXTURE),
        ];
        for (name, running, spoof, real) in means {
            if let Some(mean) = running.mean(MIN_FRAMES) {
                witnesses.push(two_sided(name, mean, spoof, real));
            }
        }
        vote::combine(witnesses)
    }

    /// What the witnesses measured, by name; for calibrating them.
    pub fn measures(&self) -> Vec<(&'static str, Option<f32>)> {
        vec![
            ("blink", Some(self.eyes.blinks() as f32)),
            (
                "parallax depth",
                self.views.depth().map(|depth| depth as f32),
            ),
            (
                "parallax flatness",
                self.views.flatness().map(|flatness| flatness as f32),
            ),
            ("follow", self.follow.following()),
            ("grain", self.grain.mean()),
            ("pulse", self.pulse.measure().map(|(snr, _)| snr)),
            ("gaze", Some(self.gaze.shifts() as f32)),
            ("surroundings", self.surroundings.mean(MIN_FRAMES)),
            ("backdrop", self.backdrop.mean(MIN_FRAMES)),
            ("texture", self.texture.mean(MIN_FRAMES)),
        ]
    }
}

/// A witness whose measure is low for a spoof and high for a person.
fn two_sided(name: &str, mean: f32, spoof: (f32, f32), real: (f32, f32)) -> LivenessWitness {
    let (against, for_it) = (1.0 - ramp(mean, spoof), ramp(mean, real));
    if against > 0.0 {
        witness(name, LivenessVerdict::Spoof, against)
    } else if for_it > 0.0 {
        witness(name, LivenessVerdict::Real, for_it)
    } else {
        witness(name, LivenessVerdict::Unknown, 0.0)
    }
}

/// From 0 at the first bound to 1 at the second.
fn ramp(value: f32, (from, to): (f32, f32)) -> f32 {
    ((value - from) / (to - from)).clamp(0.0, 1.0)
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
        assert_eq!(evidence.vote().verdict, LivenessVerdict::Unknown);
    }

    #[test]
    fn means_speak_once_there_are_enough() {
        let mut evidence = Evidence::default();
        let named = |evidence: &Evidence, name: &str| {
            let vote = evidence.vote();
            vote.witnesses.into_iter().find(|w| w.name == name)
        };
        for _ in 0..MIN_FRAMES {
            assert_eq!(named(&evidence, "backdrop"), None);
            evidence.observe_backdrop(0.05);
            evidence.observe_texture(0.99);
        }
        let backdrop = named(&evidence, "backdrop").unwrap();
        assert_eq!(backdrop.verdict, LivenessVerdict::Spoof);
        let texture = named(&evidence, "texture").unwrap();
        assert_eq!(texture.verdict, LivenessVerdict::Real);
    }

    #[test]
    fn a_measure_in_between_is_no_evidence() {
        assert_eq!(ramp(0.1, (0.2, 0.4)), 0.0);
        assert_eq!(ramp(9.0, (0.2, 0.4)), 1.0);
        let said = |mean| two_sided("x", mean, ALONE, BODIED).verdict;
        assert_eq!(said(0.1), LivenessVerdict::Spoof);
        assert_eq!(said(0.5), LivenessVerdict::Unknown);
        assert_eq!(said(0.9), LivenessVerdict::Real);
    }
}
