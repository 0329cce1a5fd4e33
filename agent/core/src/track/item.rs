//! One track: its motion, what was seen of it, and when.

use std::{collections::VecDeque, time::Duration};

use goshawk_proto::{
    descriptor::Descriptor,
    geometry::{BBox, Point},
};

use super::{TrackNumber, look::Look, motion::Motion};

/// Observations kept for the direction of motion: `delta_t` = 3 steps as in OC-SORT.
const HISTORY: usize = 4;
/// Most virtual observations in a re-update; a longer gap takes longer steps.
const MAX_VIRTUAL: u32 = 32;

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
    pub(super) identity: TrackNumber,
    /// Whether the identity was told and must not change any more.
    pub(super) settled: bool,
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
    /// Boxes last observed, and the first of all, as a camera that stands still would have them.
    history: VecDeque<BBox>,
    first: BBox,
    /// How far the camera has moved since the tracker began, in pixels.
    camera: (f32, f32),
    appearance: Option<Look>,
}

impl Track {
    pub(super) fn new(number: TrackNumber, at: Duration, bbox: &BBox, agility: f64) -> Self {
        let motion = Motion::new(bbox, agility);
        Self {
            number,
            identity: number,
            settled: false,
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
            first: *bbox,
            camera: (0.0, 0.0),
            appearance: None,
        }
    }

    /// Its number within the run; never used again.
    pub fn number(&self) -> TrackNumber {
        self.number
    }

    /// Who it is: the number of the first track of the same object. It differs from
    /// [`Track::number`] where an object was lost and recognised later. Of open tracks, no two
    /// have one identity.
    pub fn identity(&self) -> TrackNumber {
        self.identity
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

    /// The box last detected, in the picture as the camera has it now.
    pub fn observed(&self) -> BBox {
        self.shown(self.steady_observed())
    }

    /// Where the box is expected at the media time last told to the tracker.
    pub fn predicted(&self) -> BBox {
        self.shown(self.steady_predicted())
    }

    fn shown(&self, steady: BBox) -> BBox {
        let (x, y) = self.camera;
        BBox::new(steady.x + x, steady.y + y, steady.width, steady.height)
    }

    /// The box last detected, as a camera that stands still would have it.
    pub(super) fn steady_observed(&self) -> BBox {
        self.history.back().copied().unwrap_or_default()
    }

    /// The expected box, likewise.
    pub(super) fn steady_predicted(&self) -> BBox {
        self.motion.bbox()
    }

    /// The box first detected, likewise.
    pub(super) fn steady_first(&self) -> BBox {
        self.first
    }

    /// Velocity of the centre in pixels a second, without that of the camera.
    pub fn velocity(&self) -> (f32, f32) {
        self.motion.velocity()
    }

    pub(super) fn hold_camera(&mut self, camera: (f32, f32)) {
        self.camera = camera;
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
        let from = self.steady_observed();
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
        match &mut self.appearance {
            Some(look) => look.add(appearance),
            none => *none = Some(Look::new(appearance)),
        }
    }

    pub(super) fn appearance(&self) -> Option<&Look> {
        self.appearance.as_ref()
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
