//! What an analysis keeps of one open track.

use goshawk_proto::{
    detection::{FaceDetection, FaceQuality, HeadPose, Liveness},
    geometry::{BBox, Point},
    score::Score,
    time::Timestamp,
};

use super::{FaceObservation, Shot};
use crate::{
    bestshot::{Cadence, DropReason, Kept, Mark, SendRules, ShotDecision, Shots, score},
    event::{FrameInfo, PickedShot},
    filter::YawWindow,
    liveness::{Backdrop, Checks, Evidence, LivenessFilter, LivenessPolicy, Standing},
    track::TrackNumber,
};

/// Certainty of the detector from which a mesh is evidence. Faces half hidden score below it.
const CLEAR_SCORE: f32 = 0.75;
/// Faces closer than boxes grown by this factor may hide each other.
const CLEARANCE: f32 = 1.3;

/// A face that was asked for, until its warp comes.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub track: TrackNumber,
    pub frame: FrameInfo,
    pub detection: FaceDetection,
    pub head_pose: Option<HeadPose>,
    pub pre_score: Score,
}

/// A kept shot's contents.
#[derive(Debug)]
pub(super) struct Item<P> {
    candidate: Candidate,
    quality: FaceQuality,
    payload: P,
}

/// What an event takes from a track.
#[derive(Debug)]
pub(super) struct Sending<P> {
    pub shots: Vec<PickedShot<P>>,
    pub start: Timestamp,
    pub end: Timestamp,
    pub liveness: Liveness,
}

/// One open track.
#[derive(Debug)]
pub(super) struct Tracked<P> {
    pub shots: Shots<Item<P>>,
    pub cadence: Cadence,
    pub yaws: YawWindow,
    pub evidence: Evidence,
    /// The contract's liveness policy on this track.
    pub gate: LivenessFilter,
    /// Where the face was last.
    pub place: BBox,
    /// Capture time of the first and of the last detection.
    pub start: Timestamp,
    pub end: Timestamp,
    /// Whether a kept face was near enough for the primary track policy.
    pub near: bool,
    /// Events sent.
    pub events: u32,
}

impl<P> Tracked<P> {
    pub fn new(start: Timestamp, mark: Mark, shots: usize, policy: Option<LivenessPolicy>) -> Self {
        Self {
            shots: Shots::new(shots),
            cadence: Cadence::new(mark),
            yaws: YawWindow::default(),
            evidence: Evidence::default(),
            gate: LivenessFilter::new(policy),
            place: BBox::default(),
            start,
            end: start,
            near: false,
            events: 0,
        }
    }

    /// Takes one detection of the track in.
    pub fn see(&mut self, frame: FrameInfo, face: &FaceObservation, alone: bool) {
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

    /// Checks one detection of the track under the stream's liveness policy.
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
        self.gate.standing(self.evidence.vote().verdict)
    }

    /// Takes a shot in, if it is good enough.
    pub fn offer(
        &mut self,
        candidate: Candidate,
        shot: Shot<P>,
        rules: &SendRules,
    ) -> ShotDecision {
        if !self.cadence.is_searching() {
            return ShotDecision::Dropped(DropReason::NotWanted);
        }
        let quality = score::quality_score(&shot.quality);
        let total = score::shot_score(candidate.pre_score, quality);
        let at = candidate.frame.media_time;
        let height = candidate.detection.bbox.height;
        let item = Item {
            candidate,
            quality: shot.quality,
            payload: shot.payload,
        };
        let decision = self.shots.offer(total, quality, at, item);
        if matches!(decision, ShotDecision::Kept(_)) {
            let proper = rules
                .primary
                .map(|policy| policy.best_shot_proper_size as f32);
            self.near |= proper.is_some_and(|size| height >= size);
        }
        decision
    }

    /// Hands the shots over for an event.
    pub fn take(&mut self) -> Sending<P> {
        self.events += 1;
        self.near = false;
        Sending {
            shots: self.shots.take().into_iter().map(picked).collect(),
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

fn picked<P>(kept: Kept<Item<P>>) -> PickedShot<P> {
    let Item {
        candidate,
        quality,
        payload,
    } = kept.item;
    PickedShot {
        frame: candidate.frame,
        detection: candidate.detection,
        head_pose: candidate.head_pose,
        quality,
        shot_score: kept.score,
        reason: kept.reason,
        payload,
    }
}
