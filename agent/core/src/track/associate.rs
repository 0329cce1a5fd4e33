//! The four stages of association; see the header of [`super`].

use std::{
    f64::consts::{FRAC_PI_2, PI},
    time::Duration,
};

use goshawk_proto::geometry::{BBox, Point};

use super::{
    Observation, Track, TrackerSettings,
    assign::{Pair, assign},
};

/// Cosine at which appearance speaks neither for nor against a pair, and the distance from it at
/// which it says all it can. Between strangers' 0.40 and the same person's 0.79 of the default
/// face descriptor.
const APPEARANCE_NEUTRAL: f64 = 0.6;
const APPEARANCE_SPAN: f64 = 0.2;
/// A centre must have moved so many box sizes before its direction means anything in full.
const FULL_DIRECTION: f64 = 0.25;
/// In the last stage, areas may differ by this factor at most.
const REACH_AREA: f32 = 2.5;

/// Pairs of a track and a detection, by position.
pub(super) fn associate(
    settings: &TrackerSettings,
    now: Duration,
    tracks: &[&Track],
    detections: &[Observation<'_>],
) -> Vec<(usize, usize)> {
    let sure = |d: usize| detections[d].score.get() >= settings.sure_score;
    let unsure = |d: usize| !sure(d) && detections[d].score.get() >= settings.unsure_score;
    let lately = |t: usize| now.saturating_sub(tracks[t].last_seen()) <= settings.lately;
    let predicted: Vec<BBox> = tracks.iter().map(|t| t.predicted()).collect();
    let observed: Vec<BBox> = tracks.iter().map(|t| t.observed()).collect();
    let overlap = |from: &[BBox], t: usize, d: usize| {
        let iou = from[t].iou(&detections[d].bbox);
        (iou >= settings.min_iou).then_some(f64::from(iou))
    };

    let mut matching = Matching::new(tracks.len(), detections.len());
    matching.stage(
        |_| true,
        sure,
        |t, d| {
            let iou = overlap(&predicted, t, d)?;
            Some(iou + cues(settings, tracks[t], &detections[d]))
        },
    );
    let follows = |t: usize| tracks[t].is_confirmed() && lately(t);
    matching.stage(follows, unsure, |t, d| overlap(&predicted, t, d));
    matching.stage(|_| true, sure, |t, d| overlap(&observed, t, d));
    if settings.reach > 0.0 {
        matching.stage(lately, sure, |t, d| {
            let seen = &detections[d].bbox;
            let near = reach_iou(settings.reach, &predicted[t], seen).max(reach_iou(
                settings.reach,
                &observed[t],
                seen,
            ));
            (near >= settings.min_iou && alike_in_size(&observed[t], seen))
                .then_some(f64::from(near))
        });
    }
    matching.pairs
}

/// What has been paired so far.
struct Matching {
    track_free: Vec<bool>,
    detection_free: Vec<bool>,
    pairs: Vec<(usize, usize)>,
}

impl Matching {
    fn new(tracks: usize, detections: usize) -> Self {
        Self {
            track_free: vec![true; tracks],
            detection_free: vec![true; detections],
            pairs: Vec::new(),
        }
    }

    /// Pairs free tracks and detections that take part, for the largest sum of `benefit`.
    fn stage(
        &mut self,
        takes_track: impl Fn(usize) -> bool,
        takes_detection: impl Fn(usize) -> bool,
        benefit: impl Fn(usize, usize) -> Option<f64>,
    ) {
        let free = |all: &[bool]| (0..all.len()).filter(|i| all[*i]).collect::<Vec<_>>();
        let tracks: Vec<usize> = free(&self.track_free)
            .into_iter()
            .filter(|t| takes_track(*t))
            .collect();
        let detections: Vec<usize> = free(&self.detection_free)
            .into_iter()
            .filter(|d| takes_detection(*d))
            .collect();
        let mut candidates = Vec::new();
        for &row in &tracks {
            for &col in &detections {
                if let Some(benefit) = benefit(row, col) {
                    candidates.push(Pair { row, col, benefit });
                }
            }
        }
        for (track, detection) in assign(
            self.track_free.len(),
            self.detection_free.len(),
            &candidates,
        ) {
            self.track_free[track] = false;
            self.detection_free[detection] = false;
            self.pairs.push((track, detection));
        }
    }
}

/// What direction and appearance add to the overlap of a pair.
fn cues(settings: &TrackerSettings, track: &Track, detection: &Observation<'_>) -> f64 {
    let direction = track.direction_origin().map_or(0.0, |origin| {
        direction_consistency(origin, &track.observed(), &detection.bbox)
    });
    let appearance = detection
        .appearance
        .and_then(|a| track.looks_like(a))
        .map_or(0.0, |cosine| {
            ((cosine - APPEARANCE_NEUTRAL) / APPEARANCE_SPAN).clamp(-1.0, 1.0)
        });
    f64::from(settings.inertia) * direction * f64::from(detection.score.get())
        + f64::from(settings.appearance_weight) * appearance
}

/// Observation-centric momentum (OC-SORT, section 4.1): the angle between where the track came
/// from and where it would go, as 0.5 (straight on) to -0.5 (turned round). Short ways count
/// less, because their direction is mostly noise; the paper leaves that out.
fn direction_consistency(origin: Point, last: &BBox, next: &BBox) -> f64 {
    let way = |to: Point| (f64::from(to.x - origin.x), f64::from(to.y - origin.y));
    let (ax, ay) = way(last.center());
    let (bx, by) = way(next.center());
    let (a, b) = (ax.hypot(ay), bx.hypot(by));
    if a < 1e-6 || b < 1e-6 {
        return 0.0;
    }
    let angle = ((ax * bx + ay * by) / (a * b)).clamp(-1.0, 1.0).acos();
    let full = FULL_DIRECTION * f64::from(last.area()).sqrt().max(1.0);
    (FRAC_PI_2 - angle) / PI * (a / full).min(1.0) * (b / full).min(1.0)
}

/// Overlap of two boxes, each enlarged by `reach` of its size on every side (C-BIoU).
fn reach_iou(reach: f32, a: &BBox, b: &BBox) -> f32 {
    let factor = 1.0 + 2.0 * reach;
    a.scaled(factor).iou(&b.scaled(factor))
}

fn alike_in_size(a: &BBox, b: &BBox) -> bool {
    let ratio = a.area() / b.area().max(1.0);
    (1.0 / REACH_AREA..=REACH_AREA).contains(&ratio)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn going_straight_on_is_consistent_and_turning_round_is_not() {
        let origin = Point::new(0.0, 0.0);
        let at = |x: f32, y: f32| BBox::new(x - 10.0, y - 10.0, 20.0, 20.0);
        let straight = direction_consistency(origin, &at(20.0, 0.0), &at(30.0, 0.0));
        let aside = direction_consistency(origin, &at(20.0, 0.0), &at(0.0, 20.0));
        let back = direction_consistency(origin, &at(20.0, 0.0), &at(-20.0, 0.0));
        assert!((straight - 0.5).abs() < 1e-9);
        assert!(aside.abs() < 1e-6);
        assert!((back + 0.5).abs() < 1e-9);
        let jitter = direction_consistency(origin, &at(0.1, 0.0), &at(-0.1, 0.0));
        assert!(jitter.abs() < 0.01);
    }

    #[test]
    fn enlarged_boxes_meet_where_bare_ones_do_not() {
        let (a, b) = (
            BBox::new(0.0, 0.0, 10.0, 10.0),
            BBox::new(11.0, 0.0, 10.0, 10.0),
        );
        assert_eq!(a.iou(&b), 0.0);
        assert!(reach_iou(0.5, &a, &b) > 0.25);
    }
}
