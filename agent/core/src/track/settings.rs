//! The tracker's words: observations, settings, outcomes and counters.

use std::time::Duration;

use goshawk_proto::{descriptor::Descriptor, geometry::BBox, score::Score};
use serde::{Deserialize, Serialize};

use super::Track;

/// Number of a track within one run of a stream, from 0, never reused. The number of an object's
/// first track is also the object's identity: see [`Track::identity`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TrackNumber(pub u64);

/// One detection as the tracker sees it.
#[derive(Clone, Copy, Debug)]
pub struct Observation<'a> {
    /// Box in source pixels.
    pub bbox: BBox,
    /// The detector's certainty.
    pub score: Score,
    /// What the object looks like, where that is known.
    pub appearance: Option<&'a Descriptor>,
}

/// How to track. The defaults are for faces; see also [`TrackerSettings::bodies`].
#[derive(Clone, Debug, PartialEq)]
pub struct TrackerSettings {
    /// Detections from this score on are sure: they may begin tracks. 0 to 1.
    pub sure_score: f32,
    /// Detections from this score on may continue confirmed tracks. 0 to 1.
    pub unsure_score: f32,
    /// Least intersection over union of a box with a predicted or last box. 0 to 1.
    pub min_iou: f32,
    /// Power of the agreement of sides by which an overlap counts: 0 leaves shape out.
    pub shape_power: i32,
    /// Weight of direction consistency beside the overlap; OC-SORT uses 0.2.
    pub inertia: f32,
    /// Weight of appearance beside the overlap, where both sides have one.
    pub appearance_weight: f32,
    /// By how much of its size a box is enlarged on each side in the last stage; 0 turns it off.
    pub reach: f32,
    /// Random acceleration of objects, in box sizes per square root of a second cubed.
    pub agility: f64,
    /// Detections that confirm a track.
    pub confirm_hits: u32,
    /// Longest time without a detection before a tentative track ends.
    pub tentative_patience: Duration,
    /// The same for a confirmed one.
    pub lost_patience: Duration,
    /// Whatever the patience, so many intervals of the detector are waited for.
    pub patience_intervals: f32,
    /// How long after its last detection a track counts as seen lately (stage 2).
    pub lately: Duration,
    /// How long after its last detection a track may go on by overlap with the box last observed
    /// (stage 3). Longer gaps leave more of those who take somebody else's place to it.
    pub recovery: Duration,
    /// How long a track that ended is remembered by its looks, so that it may go on; zero: never.
    pub remember: Duration,
    /// Most ended tracks remembered; beyond it the one that ended first is forgotten and counted.
    pub max_remembered: usize,
    /// Least cosine of two looks of one object, 0 to 1.
    pub same_look: f64,
    /// How far an object may have gone unseen, in box sizes a second.
    pub roam: f64,
    /// Most tracks at once. Each takes about 1 KiB, and the length of a descriptor.
    pub max_tracks: usize,
    /// Most detections of one frame; the surest are kept.
    pub max_detections: usize,
}

impl Default for TrackerSettings {
    fn default() -> Self {
        Self {
            sure_score: 0.5187,
            unsure_score: 0.1,
            min_iou: 0.1,
            shape_power: 2,
            inertia: 0.1,
            appearance_weight: 0.25,
            reach: 0.5,
            agility: 2.0,
            confirm_hits: 3,
            tentative_patience: Duration::from_millis(300),
            lost_patience: Duration::from_millis(1_500),
            patience_intervals: 3.0,
            lately: Duration::from_millis(600),
            recovery: Duration::from_millis(100),
            remember: Duration::from_secs(30),
            max_remembered: 128,
            same_look: 0.65,
            roam: 8.0,
            max_tracks: 1024,
            max_detections: 1024,
        }
    }
}

impl TrackerSettings {
    /// For bodies: slower for their size and closer together.
    pub fn bodies() -> Self {
        Self {
            sure_score: 0.5,
            min_iou: 0.3,
            reach: 0.0,
            agility: 1.2,
            confirm_hits: 2,
            roam: 2.5,
            ..Self::default()
        }
    }

    /// For unrelated pictures: every detection is an object of its own right away.
    pub fn stills() -> Self {
        Self {
            confirm_hits: 1,
            remember: Duration::ZERO,
            ..Self::default()
        }
    }
}

/// Why a track ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EndCause {
    /// Not seen for too long.
    Lost,
    /// Never confirmed: noise, most likely.
    NeverConfirmed,
    /// Gave way to a new one because there were too many.
    Evicted,
    /// Media time ran backwards.
    Discontinuity,
    /// The stream ended.
    Finished,
}

/// A track that is over.
#[derive(Clone, Debug)]
pub struct EndedTrack {
    /// The track as it was.
    pub track: Track,
    /// Why it ended.
    pub cause: EndCause,
}

/// What one run of the detector did to the tracks.
#[derive(Clone, Debug, Default)]
pub struct Update {
    /// The track of each detection, in the order given; `None` where it was not used.
    pub assigned: Vec<Option<TrackNumber>>,
    /// Tracks that ended, by number.
    pub ended: Vec<EndedTrack>,
}

/// What happened so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrackCounters {
    /// Tracks begun.
    pub started: u64,
    /// Tracks confirmed.
    pub confirmed: u64,
    /// Tracks that ended without being confirmed.
    pub never_confirmed: u64,
    /// Tracks taken up again after a gap.
    pub recovered: u64,
    /// Tracks begun that turned out to be somebody who was there before.
    pub returned: u64,
    /// Ended tracks forgotten because too many were remembered.
    pub forgotten: u64,
    /// Frames on which the camera itself had moved.
    pub camera_moves: u64,
    /// Tracks that gave way because there were too many.
    pub evicted: u64,
    /// Detections that could not begin a track because there were too many.
    pub refused: u64,
    /// Detections over `max_detections` or that are no sensible boxes.
    pub ignored: u64,
    /// Times that media time ran backwards.
    pub discontinuities: u64,
}
