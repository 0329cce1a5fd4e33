//! What an analysis keeps of one person: of the tracks of a face and of a body that are one, or of
//! one of the two alone.

use std::time::Duration;

use goshawk_proto::{
    detection::{BodyDetection, FaceDetection, FaceQuality, HeadPose, Liveness},
    geometry::{BBox, Point},
    score::Score,
    time::Timestamp,
};

use super::{
    FaceObservation,
    people::{Arrival, PersonNumber},
};
use crate::{
    bestshot::{
        Cadence, DropReason, Kept, SendRules, ShotDecision, Shots, body,
        score::{quality_score, shot_score},
    },
    event::{FrameInfo, PickedBody, PickedShot},
    filter::YawWindow,
    liveness::{Backdrop, Checks, Evidence, LivenessFilter, Standing},
    track::TrackNumber,
};

/// Certainty of the detector from which a mesh is evidence. Faces half hidden score below it.
const CLEAR_SCORE: f32 = 0.75;
/// Faces closer than boxes grown by this factor may hide each other.
const CLEARANCE: f32 = 1.3;

/// A kept face.
#[derive(Clone, Debug)]
pub(super) struct FaceItem<P> {
    pub frame: FrameInfo,
    pub detection: FaceDetection,
    pub head_pose: Option<HeadPose>,
    pub quality: FaceQuality,
    pub payload: P,
}

/// A kept body.
#[derive(Clone, Debug)]
pub(super) struct BodyItem<P> {
    pub frame: FrameInfo,
    pub detection: BodyDetection,
    pub payload: P,
}

/// What an event takes from a person.
#[derive(Debug)]
pub(super) struct Sending<P> {
    pub faces: Vec<PickedShot<P>>,
    pub bodies: Vec<PickedBody<P>>,
    /// The newest track of the face.
    pub face: Option<TrackNumber>,
    pub name: Option<PersonNumber>,
    pub start: Timestamp,
    pub end: Timestamp,
    pub liveness: Liveness,
}

/// What could be sent of a person now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ready {
    /// Faces that were not sent yet.
    pub faces: bool,
    /// As many bodies as the rules ask for.
    pub bodies: bool,
    /// Some of these were not sent yet.
    pub new_bodies: bool,
}

impl Ready {
    /// Whether there is anything new.
    pub fn any(self) -> bool {
        self.faces || self.new_bodies
    }
}

/// One person who is there.
#[derive(Debug)]
pub(super) struct Person<P> {
    /// The track of the face, while it is open.
    pub face: Option<TrackNumber>,
    /// Likewise of the body.
    pub body: Option<TrackNumber>,
    /// The newest track of the face, also after its end.
    pub last_face: Option<TrackNumber>,
    /// What events call the person, since the first one was sent.
    pub name: Option<PersonNumber>,
    pub faces: Shots<FaceItem<P>>,
    pub bodies: Shots<BodyItem<P>>,
    /// Whether a body was kept since bodies were last sent.
    new_bodies: bool,
    /// Whether a face was ever sent, and a body.
    sent: (bool, bool),
    pub cadence: Cadence,
    pub yaws: YawWindow,
    pub evidence: Evidence,
    /// The contract's liveness policy on this person's face.
    pub gate: LivenessFilter,
    /// Where the face was last.
    pub place: BBox,
    /// Media time of the first detection.
    pub born: Duration,
    /// Capture time of the first and of the last detection.
    pub start: Timestamp,
    pub end: Timestamp,
    /// Whether a kept face was near enough for the primary track policy.
    pub near: bool,
    /// Whether a track that is over by now was an object.
    pub confirmed: bool,
    /// Detections of tracks that are over by now.
    pub detections: u32,
    /// Events sent.
    pub events: u32,
}

impl<P> Person<P> {
    pub fn new(arrival: Arrival<'_>) -> Self {
        let Arrival {
            frame,
            mark,
            rules,
            policy,
        } = arrival;
        Self {
            face: None,
            body: None,
            last_face: None,
            name: None,
            faces: Shots::new(rules.faces),
            bodies: Shots::new(rules.bodies),
            new_bodies: false,
            sent: (false, false),
            cadence: Cadence::new(mark),
            yaws: YawWindow::default(),
            evidence: Evidence::default(),
            gate: LivenessFilter::new(policy),
            place: BBox::default(),
            born: frame.media_time,
            start: frame.captured_at,
            end: frame.captured_at,
            near: false,
            confirmed: false,
            detections: 0,
            events: 0,
        }
    }

    /// Takes one detection of the face in.
    pub fn see_face(&mut self, frame: FrameInfo, face: &FaceObservation, alone: bool) {
        self.end = frame.captured_at;
        self.place = face.detection.bbox;
        let Some(mesh) = face
            .mesh
            .as_ref()
            .filter(|mesh| alone && is_clear(frame, face, mesh))
        else {
            return;
        };
        self.evidence
            .observe(frame.media_time, mesh, face.head_pose);
        if let Some(look) = &face.look {
            self.evidence
                .observe_look(frame.media_time, look, face.head_pose);
        }
    }

    /// Checks one detection of the face under the stream's liveness policy.
    pub fn check(&mut self, frame: FrameInfo, face: &FaceObservation, backdrop: Option<&Backdrop>) {
        let bbox = &face.detection.bbox;
        let mask = backdrop.and_then(|backdrop| backdrop.score(bbox, frame.size));
        if let Some(score) = mask {
            self.evidence.observe_backdrop(score);
        }
        let look = face.look.as_ref();
        self.gate.check(Checks {
            mask,
            flying_faces: look.and_then(|look| look.surroundings.score()),
        });
    }

    /// What may happen with the face shots.
    pub fn standing(&self) -> Standing {
        self.gate.standing(|| self.evidence.vote().verdict)
    }

    /// Takes one detection of the body in.
    pub fn see_body(&mut self, frame: FrameInfo) {
        self.end = frame.captured_at;
    }

    /// Takes a face in, if it is good enough.
    pub fn offer_face(&mut self, pre: Score, item: FaceItem<P>, rules: &SendRules) -> ShotDecision {
        if !self.cadence.is_searching() {
            return ShotDecision::Dropped(DropReason::NotWanted);
        }
        let quality = quality_score(&item.quality);
        let (at, height) = (item.frame.media_time, item.detection.bbox.height);
        let total = shot_score(pre, quality);
        let decision = self.faces.offer(total, quality, at, item);
        if matches!(decision, ShotDecision::Kept(_)) {
            let proper = rules
                .primary
                .map(|policy| policy.best_shot_proper_size as f32);
            self.near |= proper.is_some_and(|size| height >= size);
        }
        decision
    }

    /// Takes a body in, if it is good enough.
    pub fn offer_body(&mut self, pre: Score, sharpness: Score, item: BodyItem<P>) -> ShotDecision {
        if !self.cadence.is_searching() {
            return ShotDecision::Dropped(DropReason::NotWanted);
        }
        let quality = body::quality_score(sharpness);
        let at = item.frame.media_time;
        let decision = self
            .bodies
            .offer(shot_score(pre, quality), quality, at, item);
        self.new_bodies |= matches!(decision, ShotDecision::Kept(_));
        decision
    }

    /// What could be sent now.
    pub fn ready(&self, rules: &SendRules) -> Ready {
        let count = self.bodies.kept().len();
        let full = count > 0 && (!rules.full_set || count >= self.bodies.limit());
        // An event of its own needs something new; beside a new face, the best so far will do.
        let bodies = full && (self.new_bodies || !rules.separate);
        Ready {
            faces: !self.faces.is_empty(),
            bodies,
            new_bodies: bodies && self.new_bodies,
        }
    }

    /// Body shots that wait for the rest of their set.
    pub fn incomplete(&self, rules: &SendRules) -> usize {
        let count = self.bodies.kept().len();
        let waits = rules.full_set && self.new_bodies && count < self.bodies.limit();
        if waits { count } else { 0 }
    }

    /// Makes two of one person one: this goes on and takes over what the other has.
    pub fn absorb(&mut self, other: Self) {
        let brings_face = other.face.is_some() || !other.faces.is_empty();
        let brings_body = other.body.is_some() || !other.bodies.is_empty();
        let news = (brings_face && !self.sent.0) || (brings_body && !self.sent.1);
        self.cadence.join(&other.cadence, news);
        self.face = self.face.or(other.face);
        self.body = self.body.or(other.body);
        self.last_face = other.last_face.or(self.last_face);
        self.name = self.name.or(other.name);
        // Liveness is decided by the track of the face with more to go by, and a final word stays.
        if !self.gate.is_final() && other.evidence.offered() >= self.evidence.offered() {
            self.evidence = other.evidence;
            self.gate = other.gate;
        }
        if other.face.is_some() {
            self.yaws = other.yaws;
            self.place = other.place;
        }
        // What was collected while this one was to be silent was collected in vain.
        if self.cadence.is_searching() {
            self.faces.absorb(other.faces);
            self.bodies.absorb(other.bodies);
            self.new_bodies |= other.new_bodies;
        }
        self.sent = (self.sent.0 || other.sent.0, self.sent.1 || other.sent.1);
        self.start = self.start.min(other.start);
        self.end = self.end.max(other.end);
        self.near |= other.near;
        self.confirmed |= other.confirmed;
        self.detections = self.detections.saturating_add(other.detections);
        self.events = self.events.saturating_add(other.events);
    }
}

impl<P: Clone> Person<P> {
    /// Hands over what is ready, for an event or two.
    pub fn take(&mut self, ready: Ready, rules: &SendRules) -> Sending<P> {
        self.near &= !ready.faces;
        self.sent = (self.sent.0 || ready.faces, self.sent.1 || ready.bodies);
        let bodies = match (ready.bodies, rules.keep_bodies) {
            (false, _) => Vec::new(),
            (true, true) => self.bodies.kept().to_vec(),
            (true, false) => self.bodies.take(),
        };
        if ready.bodies {
            self.new_bodies = false;
        }
        let faces = if ready.faces {
            self.faces.take()
        } else {
            Vec::new()
        };
        Sending {
            faces: faces.into_iter().map(picked).collect(),
            bodies: bodies.into_iter().map(picked_body).collect(),
            face: self.last_face,
            name: self.name,
            start: self.start,
            end: self.end,
            liveness: self.evidence.vote(),
        }
    }
}

/// Whether a mesh may be trusted as evidence: the detector is sure, and all of the face is in the
/// picture. A network completes what it cannot see, and what it makes up is not flat.
fn is_clear(frame: FrameInfo, face: &FaceObservation, mesh: &[Point]) -> bool {
    let (width, height) = (frame.size.width as f32, frame.size.height as f32);
    let inside = |p: &Point| (0.0..width).contains(&p.x) && (0.0..height).contains(&p.y);
    face.detection.score.get() >= CLEAR_SCORE && mesh.iter().all(inside)
}

/// Whether no other face of the frame comes near enough to hide part of this one.
pub(super) fn is_alone(faces: &[FaceObservation], index: usize) -> bool {
    let grown = |face: &FaceObservation| face.detection.bbox.scaled(CLEARANCE);
    let own = grown(&faces[index]);
    let others = faces.iter().enumerate().filter(|(i, _)| *i != index);
    others
        .map(|(_, face)| grown(face))
        .all(|other| own.intersection(&other) <= 0.0)
}

fn picked<P>(kept: Kept<FaceItem<P>>) -> PickedShot<P> {
    let item = kept.item;
    PickedShot {
        frame: item.frame,
        detection: item.detection,
        head_pose: item.head_pose,
        quality: item.quality,
        shot_score: kept.score,
        reason: kept.reason,
        payload: item.payload,
    }
}

fn picked_body<P>(kept: Kept<BodyItem<P>>) -> PickedBody<P> {
    let item = kept.item;
    PickedBody {
        frame: item.frame,
        detection: item.detection,
        shot_score: kept.score,
        reason: kept.reason,
        payload: item.payload,
    }
}
