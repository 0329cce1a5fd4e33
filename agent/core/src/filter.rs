//! Which detections count: the thresholds of [`Filtering`], the region of interest and the region
//! of best shots (DROI).
//!
//! There are two verdicts short of acceptance. What lies outside the region of interest or is no
//! sensible box is dropped: nobody sees it. What is merely unfit for a best shot (unsure, turned
//! away, outside the DROI, small) still feeds the tracker, because a person who looks aside for a
//! second is the same person afterwards.
//!
//! Both regions are for faces alone and in coordinates of the whole frame, in pixels or per cent of
//! its size; so the contract says of both, and so the reference product reads the DROI since its
//! version 5.1.9. Bodies count wherever they are.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use goshawk_proto::{
    detection::HeadPose,
    geometry::{BBox, Size},
    score::Score,
    stream::{Filtering, Region},
};

/// Largest number of yaws kept for averaging, whatever the contract asks for.
pub const MAX_YAW_WINDOW: usize = 64;
/// How far, in degrees, a yaw may lie from the average before it counts as an outlier. The
/// contract says "significantly different" without a number; 15 degrees is about twice the error
/// of a mesh-based pose on a face of 60 pixels.
pub const YAW_OUTLIER_DEGREES: f32 = 15.0;

/// What speaks against a detection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// Not a number, or without area.
    Degenerate,
    /// Its centre lies outside the region of interest.
    OutsideRoi,
    /// It is not wholly inside the region of best shots.
    OutsideDroi,
    /// The detector is not certain enough.
    Score,
    /// Turned to the side.
    Yaw,
    /// Nodding.
    Pitch,
    /// Tilted.
    Roll,
    /// Its yaw differs from the track's average.
    YawOutlier,
    /// Yaws are still being collected.
    YawCollecting,
    /// More of the mouth is covered than allowed.
    Mouth,
    /// Too small.
    Size,
}

impl Reason {
    /// All reasons, in the order in which they are tested.
    pub const ALL: [Self; 11] = [
        Self::Degenerate,
        Self::OutsideRoi,
        Self::OutsideDroi,
        Self::Score,
        Self::Yaw,
        Self::Pitch,
        Self::Roll,
        Self::YawOutlier,
        Self::YawCollecting,
        Self::Mouth,
        Self::Size,
    ];

    /// A short name for a metric's label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Degenerate => "degenerate",
            Self::OutsideRoi => "outside_roi",
            Self::OutsideDroi => "outside_droi",
            Self::Score => "score",
            Self::Yaw => "yaw",
            Self::Pitch => "pitch",
            Self::Roll => "roll",
            Self::YawOutlier => "yaw_outlier",
            Self::YawCollecting => "yaw_collecting",
            Self::Mouth => "mouth",
            Self::Size => "size",
        }
    }
}

/// What a detection may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Tracking and best shots.
    Shot,
    /// Tracking only.
    TrackOnly(Reason),
    /// Nothing.
    Drop(Reason),
}

/// How many detections each [`Reason`] turned away, and how many passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FilterCounters {
    /// Fit for a best shot.
    pub passed: u64,
    by_reason: [u64; Reason::ALL.len()],
}

impl FilterCounters {
    /// Detections turned away for `reason`.
    pub fn rejected(&self, reason: Reason) -> u64 {
        self.by_reason[reason as usize]
    }

    /// Reasons with their counts, in the order of [`Reason::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (Reason, u64)> + '_ {
        Reason::ALL
            .into_iter()
            .map(|reason| (reason, self.rejected(reason)))
    }

    fn count(&mut self, outcome: Use) -> Use {
        match outcome {
            Use::Shot => self.passed += 1,
            Use::TrackOnly(reason) | Use::Drop(reason) => self.by_reason[reason as usize] += 1,
        }
        outcome
    }
}

/// What is known about a face when it is filtered.
#[derive(Clone, Copy, Debug)]
pub struct FaceFacts {
    /// Box in source pixels.
    pub bbox: BBox,
    /// The detector's certainty.
    pub score: Score,
    /// Where the head looks; `None` passes the angle tests.
    pub head_pose: Option<HeadPose>,
}

/// Yaws of one track, for averaging.
#[derive(Clone, Debug, Default)]
pub struct YawWindow {
    yaws: VecDeque<f32>,
}

/// The filters of one analysis.
#[derive(Clone, Debug)]
pub struct Filter {
    thresholds: Filtering,
    min_face_side: f32,
    roi: Option<Region>,
    droi: Option<Region>,
    counters: FilterCounters,
}

impl Filter {
    /// Filters by a contract's thresholds. `min_face_side` is the shorter side of the smallest
    /// face box worth a best shot, in pixels. Regions are in source pixels or per cent of the
    /// source frame.
    pub fn new(
        thresholds: Filtering,
        min_face_side: f32,
        roi: Option<Region>,
        droi: Option<Region>,
    ) -> Self {
        Self {
            thresholds,
            min_face_side,
            roi,
            droi,
            counters: FilterCounters::default(),
        }
    }

    /// The counters so far.
    pub fn counters(&self) -> FilterCounters {
        self.counters
    }

    /// Whether the tracker of bodies may see a box at all. Counts only when it may not.
    pub fn admits_body(&mut self, bbox: &BBox) -> bool {
        let sane = is_sane(bbox);
        if !sane {
            self.counters.count(Use::Drop(Reason::Degenerate));
        }
        sane
    }

    /// Whether the tracker of faces may see a box at all. Counts only when it may not.
    pub fn admits(&mut self, bbox: &BBox, frame: Size) -> bool {
        let reason = if !is_sane(bbox) {
            Reason::Degenerate
        } else if self
            .roi
            .and_then(|r| r.resolve(frame))
            .is_some_and(|r| !holds_center(&r, bbox))
        {
            Reason::OutsideRoi
        } else {
            return true;
        };
        self.counters.count(Use::Drop(reason));
        false
    }

    /// What an admitted face may be used for. `yaws` belongs to its track and takes this face's
    /// yaw in.
    pub fn judge_face(&mut self, face: &FaceFacts, frame: Size, yaws: &mut YawWindow) -> Use {
        let yaw_reason = self.judge_yaw(face.head_pose, yaws);
        let outcome = match self.face_reason(face, frame, yaw_reason) {
            Some(reason) => Use::TrackOnly(reason),
            None => Use::Shot,
        };
        self.counters.count(outcome)
    }

    /// What an admitted body may be used for.
    pub fn judge_body(&mut self, bbox: &BBox, score: Score) -> Use {
        let outcome = if score.get() < self.thresholds.min_score_body {
            Use::TrackOnly(Reason::Score)
        } else if bbox.area().sqrt() < self.thresholds.min_body_size_threshold {
            Use::TrackOnly(Reason::Size)
        } else {
            Use::Shot
        };
        self.counters.count(outcome)
    }

    /// Whether a face that has passed so far may be a best shot for its mouth. `covered` is the share
    /// of the mouth that is hidden, 0 to 1; where it is not known, the face passes. A threshold of 0
    /// allows everything, as the contract's default does.
    pub fn judge_mouth(&mut self, covered: Option<f32>) -> Use {
        let most = self.thresholds.mouth_occlusion_threshold;
        if most > 0.0 && covered.is_some_and(|share| share.is_nan() || share > most) {
            self.counters.passed = self.counters.passed.saturating_sub(1);
            return self.counters.count(Use::TrackOnly(Reason::Mouth));
        }
        Use::Shot
    }

    fn face_reason(&self, face: &FaceFacts, frame: Size, yaw: Option<Reason>) -> Option<Reason> {
        let t = &self.thresholds;
        let droi = self.droi.and_then(|region| region.resolve(frame));
        if droi.is_some_and(|region| !contains(&region, &face.bbox)) {
            return Some(Reason::OutsideDroi);
        }
        if face.score.get() < t.min_score_face {
            return Some(Reason::Score);
        }
        if let Some(pose) = face.head_pose {
            if over(pose.yaw, t.detection_yaw_threshold) {
                return Some(Reason::Yaw);
            }
            if over(pose.pitch, t.detection_pitch_threshold) {
                return Some(Reason::Pitch);
            }
            if over(pose.roll, t.detection_roll_threshold) {
                return Some(Reason::Roll);
            }
        }
        if yaw.is_some() {
            return yaw;
        }
        (face.bbox.width.min(face.bbox.height) < self.min_face_side).then_some(Reason::Size)
    }

    /// Averaging is off with a window of one. With `yaw_collection_mode` nothing passes before
    /// the window is full; without it the average is over what there is.
    fn judge_yaw(&self, pose: Option<HeadPose>, window: &mut YawWindow) -> Option<Reason> {
        let wanted = (self.thresholds.yaw_number as usize).clamp(1, MAX_YAW_WINDOW);
        let yaw = pose.map(|p| p.yaw).filter(|y| y.is_finite())?;
        if wanted == 1 {
            return None;
        }
        window.yaws.push_back(yaw);
        while window.yaws.len() > wanted {
            window.yaws.pop_front();
        }
        if self.thresholds.yaw_collection_mode && window.yaws.len() < wanted {
            return Some(Reason::YawCollecting);
        }
        let mean = window.yaws.iter().sum::<f32>() / window.yaws.len() as f32;
        if over(mean, self.thresholds.detection_yaw_threshold) {
            return Some(Reason::Yaw);
        }
        over(yaw - mean, YAW_OUTLIER_DEGREES).then_some(Reason::YawOutlier)
    }
}

/// NaN is over every limit.
fn over(angle: f32, limit: f32) -> bool {
    angle.is_nan() || angle.abs() > limit
}

fn is_sane(bbox: &BBox) -> bool {
    let finite = [bbox.x, bbox.y, bbox.width, bbox.height]
        .iter()
        .all(|v| v.abs() < 1e6);
    finite && bbox.width >= 1.0 && bbox.height >= 1.0
}

fn holds_center(region: &BBox, bbox: &BBox) -> bool {
    let center = bbox.center();
    (region.x..=region.right()).contains(&center.x)
        && (region.y..=region.bottom()).contains(&center.y)
}

fn contains(region: &BBox, bbox: &BBox) -> bool {
    bbox.x >= region.x
        && bbox.y >= region.y
        && bbox.right() <= region.right()
        && bbox.bottom() <= region.bottom()
}
