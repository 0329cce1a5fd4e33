//! What goes into an analysis and what comes out of it.

use std::sync::Arc;

use goshawk_proto::{
    descriptor::Descriptor,
    detection::{BodyDetection, FaceDetection, FaceQuality, HeadPose},
    geometry::Point,
    id::TrackId,
    score::Score,
    time::Timestamp,
};

use crate::{
    event::{EventDraft, FrameInfo},
    liveness::Look,
    track::{EndCause, Observation, TrackerSettings},
};

/// Least cosine of two looks of one body. Bodies are known by their clothes: of one person 0.95 is
/// usual, of two people up to 0.87 is not rare.
const SAME_CLOTHES: f64 = 0.92;

/// An agent's own settings beside the contract's.
#[derive(Clone, Debug, PartialEq)]
pub struct AnalysisSettings {
    /// How to track faces. Its `sure_score` gives way to the contract's least face score.
    pub faces: TrackerSettings,
    /// How to track bodies; likewise.
    pub bodies: TrackerSettings,
    /// Shorter side of the smallest face box worth a best shot, in pixels. Below 24 a descriptor
    /// says little.
    pub min_face_side: f32,
}

impl Default for AnalysisSettings {
    fn default() -> Self {
        Self {
            faces: TrackerSettings::default(),
            bodies: TrackerSettings {
                same_look: SAME_CLOTHES,
                ..TrackerSettings::bodies()
            },
            min_face_side: 24.0,
        }
    }
}

/// One face of one frame.
#[derive(Clone, Debug)]
pub struct FaceObservation {
    /// Box, certainty and five points, in source pixels.
    pub detection: FaceDetection,
    /// Where the head looks, where that is known.
    pub head_pose: Option<HeadPose>,
    /// The 468 points of the face mesh in source pixels, where a mesh was made.
    pub mesh: Option<Vec<Point>>,
    /// What the witnesses of liveness want of its pixels, where that was cut out.
    pub look: Option<Arc<Look>>,
    /// Its descriptor as a cue for the tracker, where one was made anyway.
    pub appearance: Option<Descriptor>,
    /// Position of the body that it belongs to among the frame's bodies, where these were looked
    /// for.
    pub body: Option<usize>,
}

impl FaceObservation {
    /// A face of which only the detector's word is known.
    pub fn new(detection: FaceDetection) -> Self {
        Self {
            detection,
            head_pose: None,
            mesh: None,
            look: None,
            appearance: None,
            body: None,
        }
    }

    pub(super) fn observation(&self) -> Observation<'_> {
        let FaceDetection { bbox, score, .. } = self.detection;
        Observation {
            bbox,
            score,
            appearance: self.appearance.as_ref(),
        }
    }
}

/// One body of one frame.
#[derive(Clone, Debug)]
pub struct BodyObservation {
    /// Box and certainty, in source pixels.
    pub detection: BodyDetection,
    /// What it looks like, as a cue for the tracker.
    pub appearance: Option<Descriptor>,
}

impl BodyObservation {
    pub(super) fn observation(&self) -> Observation<'_> {
        Observation {
            bbox: self.detection.bbox,
            score: self.detection.score,
            appearance: self.appearance.as_ref(),
        }
    }
}

/// One frame with what was found in it.
#[derive(Clone, Debug)]
pub struct FrameObservations {
    /// The frame.
    pub frame: FrameInfo,
    /// Its faces; `None` when the detector did not run on it.
    pub faces: Option<Vec<FaceObservation>>,
    /// Its bodies; likewise.
    pub bodies: Option<Vec<BodyObservation>>,
}

/// What is to be cut out.
#[derive(Clone, Debug)]
pub enum Subject {
    /// A face.
    Face(FaceDetection),
    /// A body.
    Body(BodyDetection),
}

/// Names one request; never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShotTicket(pub(super) u64);

/// Asks for a face or body to be cut out of the frame at hand.
#[derive(Clone, Debug)]
pub struct ShotRequest {
    /// For the answer.
    pub ticket: ShotTicket,
    /// Its position among the frame's faces or bodies.
    pub index: usize,
    /// What it is.
    pub subject: Subject,
    /// How promising it is, 0 to 1.
    pub pre_score: Score,
}

/// How fit a sample is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fitness {
    /// A face's.
    Face {
        /// For recognition.
        quality: FaceQuality,
        /// Share of the mouth that is covered, 0 to 1, where it was asked for and is known.
        mouth_covered: Option<f32>,
        /// How much a network of textures holds it for real, 0 to 1, where one is installed.
        real: Option<f32>,
    },
    /// A body's.
    Body {
        /// Sharp rather than blurred.
        sharpness: Score,
    },
}

/// The answer to a [`ShotRequest`].
#[derive(Clone, Debug)]
pub struct Shot<P> {
    /// How fit the sample is.
    pub fitness: Fitness,
    /// The warp and whatever else the driver wants back with the event.
    pub payload: P,
}

/// Why a run of a stream ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamEnd {
    /// The source ended or broke off.
    SourceEnded,
    /// The stream was stopped, paused or updated.
    Stopped,
}

/// What the driver is to do.
#[derive(Debug)]
pub enum Output<P> {
    /// Make an event of it, append it to the outbox.
    EventReady(Box<EventDraft<P>>),
    /// A track is over; for logs and metrics. Comes before the track's last event.
    TrackEnded(TrackReport),
}

/// A person who is gone: a track, or a face's and a body's that were one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrackReport {
    /// The track.
    pub track_id: TrackId,
    /// Why it ended.
    pub cause: EndCause,
    /// Whether it was somebody at all; only such tracks make events.
    pub confirmed: bool,
    /// Capture time of its first detection.
    pub start: Timestamp,
    /// Capture time of its last detection.
    pub end: Timestamp,
    /// Its detections.
    pub detections: u32,
    /// Events made of it, the last one included.
    pub events: u32,
}

/// What happened so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AnalysisCounters {
    /// Frames told.
    pub frames: u64,
    /// Of these, frames on which the detector ran.
    pub detected_frames: u64,
    /// Faces found.
    pub detections: u64,
    /// Bodies found.
    pub bodies: u64,
    /// Tracks of a face and of a body that turned out to be one person.
    pub joined: u64,
    /// Faces and bodies asked to be cut out.
    pub shots_wanted: u64,
    /// Requests answered.
    pub shots_taken: u64,
    /// Answers kept.
    pub shots_kept: u64,
    /// Requests given up without an answer.
    pub shots_missed: u64,
    /// Faces and bodies not asked for because better ones were there.
    pub shots_hopeless: u64,
    /// Kept body shots thrown away at their person's end because the full set was not there.
    pub shots_incomplete: u64,
    /// Kept shots thrown away because their track was never confirmed.
    pub shots_of_noise: u64,
    /// Times that kept face shots were thrown away because liveness spoke against their track.
    pub withheld_spoofs: u64,
    /// Tracks that ended before the stream's liveness policy had enough checks; their face shots
    /// are not sent.
    pub withheld_unchecked: u64,
    /// Events made.
    pub events: u64,
}
