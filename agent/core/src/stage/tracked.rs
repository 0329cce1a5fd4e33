//! What an analysis keeps of one open track.

use goshawk_proto::{
    detection::{FaceDetection, FaceQuality, HeadPose, Liveness},
    score::Score,
    time::Timestamp,
};

use super::{FaceObservation, Shot};
use crate::{
    bestshot::{Cadence, DropReason, Kept, Mark, SendRules, ShotDecision, Shots, score},
    event::{FrameInfo, PickedShot},
    filter::YawWindow,
    liveness::Evidence,
    track::TrackNumber,
};

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
    /// Capture time of the first and of the last detection.
    pub start: Timestamp,
    pub end: Timestamp,
    /// Whether a kept face was near enough for the primary track policy.
    pub near: bool,
    /// Events sent.
    pub events: u32,
}

impl<P> Tracked<P> {
    pub fn new(start: Timestamp, mark: Mark, shots: usize) -> Self {
        Self {
            shots: Shots::new(shots),
            cadence: Cadence::new(mark),
            yaws: YawWindow::default(),
            evidence: Evidence::default(),
            start,
            end: start,
            near: false,
            events: 0,
        }
    }

    /// Takes one detection of the track in.
    pub fn see(&mut self, frame: FrameInfo, face: &FaceObservation) {
        self.end = frame.captured_at;
        if let Some(mesh) = &face.mesh {
            self.evidence
                .observe(frame.media_time, mesh, face.head_pose);
        }
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
