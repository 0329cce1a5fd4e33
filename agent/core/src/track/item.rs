//! One track: its motion, what was seen of it, and when.

use std::{collections::VecDeque, time::Duration};

use goshawk_proto::{
    descriptor::Descriptor,
    geometry::{BBox, Point},
};

use super::{TrackNumber, motion::Motion};

/// Observations kept for the direction of motion: `delta_t` = 3 steps as in OC-SORT.
const HISTORY: usize = 4;
/// Most virtual observations in a re-update; a longer gap takes longer steps.
const MAX_VIRTUAL: u32 = 32;
/// Weight of a new appearance in the running average, as in Deep OC-SORT (arXiv 2302.11813)
/// without its confidence term.
const APPEARANCE_RATE: f32 = 0.1;

/// How sure the tracker is that a track is an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Seen too few times to be believed.
    Tentative,
    /// An object that was seen in the detector's last run.
    Confirmed,
    /// An object that was not seen in the last run.
    Lost,
}

/// A track as others see it.
#[derive(Clone, Debug)]
pub struct Track {
    pub(super) number: TrackNumber,
    pub(super) state: State,
    pub(super) first_seen: Duration,
    pub(super) last_seen: Duration,
    pub(super) hits: u32,
    /// Detector runs since it was last seen.
    pub(super) missed: u32,
    pub(super) confirmed: bool,
    motion: Motion,
    /// The motion as it was right after the last observation.
    anchor: Motion,
    /// Media time of `motion`.
    moved_to: Duration,
    history: VecDeque<BBox>,
    appearance: Option<Vec<f32>>,
}

impl Track {
    pub(super) fn new(number: TrackNumber, at: Duration, bbox: &BBox, agility: f64) -> Self {
        let motion = Motion::new(bbox, agility);
        Self {
            number,
            state: State::Tentative,
            first_seen: at,
            last_seen: at,
            hits: 1,
            missed: 0,
            confirmed: false,
            anchor: motion.clone(),
            motion,
            moved_to: at,
            history: VecDeque::from([*bbox]),
            appearance: None,
        }
    }

    /// Its number within the run; never used again.
    pub fn number(&self) -> TrackNumber {
        self.number
    }

    /// How sure the tracker is.
    pub fn state(&self) -> State {
        self.state
    }

    /// Whether it was ever confirmed.
    pub fn is_confirmed(&self) -> bool {
        self.confirmed
    }

    /// Media time of its first detection.
    pub fn first_seen(&self) -> Duration {
        self.first_seen
    }

    /// Media time of its last detection.
    pub fn last_seen(&self) -> Duration {
        self.last_seen
    }

    /// How many detections it has.
    pub fn hits(&self) -> u32 {
        self.hits
    }

    /// The box last detected.
    pub fn observed(&self) -> BBox {
        self.history.back().copied().unwrap_or_default()
    }

    /// Where the box is expected at the media time last told to the tracker.
    pub fn predicted(&self) -> BBox {
        self.motion.bbox()
    }

    /// Velocity of the centre in pixels a second.
    pub fn velocity(&self) -> (f32, f32) {
        self.motion.velocity()
    }

    pub(super) fn move_to(&mut self, now: Duration) {
        let dt = now.saturating_sub(self.moved_to).as_secs_f64();
        if dt > 0.0 {
            self.motion.predict(dt);
            self.moved_to = now;
        }
    }

    /// Takes an observation in. After a gap the filter goes back to the last one and walks the
    /// straight line to this one, which undoes what it made up meanwhile: observation-centric
    /// re-update of OC-SORT (arXiv 2203.14360, section 4.2).
    pub(super) fn observe(&mut self, now: Duration, bbox: &BBox) {
        if self.missed > 0 {
            self.walk(now, bbox);
        } else {
            self.move_to(now);
            self.motion.correct(bbox);
        }
        self.anchor = self.motion.clone();
        self.history.push_back(*bbox);
        while self.history.len() > HISTORY {
            self.history.pop_front();
        }
        self.last_seen = now;
        self.moved_to = now;
        self.hits = self.hits.saturating_add(1);
        self.missed = 0;
    }

    fn walk(&mut self, now: Duration, target: &BBox) {
        let from = self.observed();
        let steps = (self.missed + 1).min(MAX_VIRTUAL);
        let dt = now.saturating_sub(self.last_seen).as_secs_f64() / f64::from(steps);
        self.motion = self.anchor.clone();
        for step in 1..=steps {
            self.motion.predict(dt);
            self.motion
                .correct(&between(&from, target, step as f32 / steps as f32));
        }
    }

    /// Point from which the direction of motion is measured.
    pub(super) fn direction_origin(&self) -> Option<Point> {
        (self.history.len() > 1).then(|| self.history[0].center())
    }

    pub(super) fn remember(&mut self, appearance: &Descriptor) {
        let seen = appearance.values();
        match &mut self.appearance {
            Some(kept) if kept.len() == seen.len() => {
                for (k, s) in kept.iter_mut().zip(seen) {
                    *k += APPEARANCE_RATE * (s - *k);
                }
            }
            other => *other = Some(seen.collect()),
        }
    }

    /// Cosine between the running average of its appearance and `other`.
    pub(super) fn looks_like(&self, other: &Descriptor) -> Option<f64> {
        let kept = self
            .appearance
            .as_ref()
            .filter(|kept| kept.len() == other.length())?;
        let dot: f32 = kept.iter().zip(other.values()).map(|(a, b)| a * b).sum();
        let norm = kept.iter().map(|v| v * v).sum::<f32>().sqrt();
        (norm > 1e-6).then(|| f64::from(dot / norm))
    }
}

fn between(a: &BBox, b: &BBox, share: f32) -> BBox {
    let mix = |x: f32, y: f32| x + (y - x) * share;
    BBox::new(
        mix(a.x, b.x),
        mix(a.y, b.y),
        mix(a.width, b.width),
        mix(a.height, b.height),
    )
}
