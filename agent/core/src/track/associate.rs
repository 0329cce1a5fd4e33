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

/// Detections after which a track's motion is known.
const KNOWN_MOTION: u32 = 3;

/// The pairing of tracks and detections of one frame, stage by stage.
pub(super) struct Association<'a> {
    settings: &'a TrackerSettings,
    now: Duration,
    tracks: &'a [&'a Track],
    /// In order of their left edges.
    detections: &'a [Observation<'a>],
    /// Width of the widest detection.
    widest: f32,
    predicted: Vec<BBox>,
    track_free: Vec<bool>,
    detection_free: Vec<bool>,
    pairs: Vec<(usize, usize)>,
    candidates: Vec<Pair>,
}

impl<'a> Association<'a> {
    /// Pairs sure detections with predictions: the first stage.
    pub fn new(
        settings: &'a TrackerSettings,
        now: Duration,
        tracks: &'a [&'a Track],
        detections: &'a [Observation<'a>],
    ) -> Self {
        let widths = detections.iter().map(|d| d.bbox.width);
        let mut new = Self {
            settings,
            now,
            tracks,
            detections,
            widest: widths.fold(0.0, f32::max),
            predicted: tracks.iter().map(|t| t.steady_predicted()).collect(),
            track_free: vec![true; tracks.len()],
            detection_free: vec![true; detections.len()],
            pairs: Vec::with_capacity(tracks.len().min(detections.len())),
            candidates: Vec::with_capacity(2 * detections.len()),
        };
        for (place, track) in tracks.iter().enumerate() {
            let predicted = new.predicted[place];
            new.consider(place, &predicted, 0.0, Self::is_sure, |this, detection| {
                let seen = &this.detections[detection];
                let overlap = this.overlap(&predicted, &seen.bbox)?;
                Some(overlap + cues(settings, track, seen))
            });
        }
        new.assign();
        new
    }

    /// From where tracks were expected to where they were seen, of pairs of the first stage that
    /// can be relied on.
    pub fn ways(&self) -> Vec<(f32, f32)> {
        let firm = |track: &Track| track.is_confirmed() && track.missed <= 1;
        let pairs = self.pairs.iter().filter(|(t, _)| firm(self.tracks[*t]));
        pairs
            .map(|(t, d)| {
                let from = self.predicted[*t].center();
                let to = self.detections[*d].bbox.center();
                (to.x - from.x, to.y - from.y)
            })
            .collect()
    }

    /// Goes through the other stages. Gives pairs of a track and a detection, by position.
    pub fn finish(mut self) -> Vec<(usize, usize)> {
        self.each(
            |this, track| this.tracks[track].is_confirmed() && this.seen_lately(track),
            |this, track| {
                let predicted = this.predicted[track];
                this.consider(track, &predicted, 0.0, Self::is_unsure, |this, d| {
                    this.overlap(&predicted, &this.detections[d].bbox)
                });
            },
        );
        self.each(
            |this, track| this.unseen(track) <= this.settings.recovery,
            |this, track| {
                let observed = this.tracks[track].steady_observed();
                this.consider(track, &observed, 0.0, Self::is_sure, |this, d| {
                    this.overlap(&observed, &this.detections[d].bbox)
                });
            },
        );
        if self.settings.reach > 0.0 {
            self.each(
                |this, track| this.tracks[track].missed == 0,
                Self::reach_out,
            );
        }
        self.pairs
    }

    /// The last stage, for one track: enlarged boxes.
    fn reach_out(&mut self, track: usize) {
        let reach = self.settings.reach;
        let observed = self.tracks[track].steady_observed();
        let predicted = self.predicted[track];
        // A track whose motion is known is where it is expected, not where it was.
        let moves = self.tracks[track].hits() >= KNOWN_MOTION;
        let near = |this: &Self, detection: usize| {
            let seen = &this.detections[detection].bbox;
            let mut near = reach_iou(reach, &predicted, seen);
            if !moves {
                near = near.max(reach_iou(reach, &observed, seen));
            }
            (near >= this.settings.min_iou && alike_in_size(&observed, seen))
                .then_some(f64::from(near))
        };
        let around = BBox::from_edges(
            predicted.x.min(observed.x),
            predicted.y.min(observed.y),
            predicted.right().max(observed.right()),
            predicted.bottom().max(observed.bottom()),
        );
        // The larger of the two boxes grows by more.
        let grown = reach * predicted.width.max(observed.width) / around.width.max(1.0);
        self.consider(track, &around, grown.max(reach), Self::is_sure, near);
    }

    /// Runs a stage over the free tracks that take part in it.
    fn each(
        &mut self,
        takes: impl Fn(&Self, usize) -> bool,
        mut consider: impl FnMut(&mut Self, usize),
    ) {
        for track in 0..self.tracks.len() {
            if self.track_free[track] && takes(self, track) {
                consider(self, track);
            }
        }
        self.assign();
    }

    /// Makes candidates of the free detections that take part and may touch `around`, both boxes
    /// enlarged by `reach`.
    fn consider(
        &mut self,
        track: usize,
        around: &BBox,
        reach: f32,
        takes: impl Fn(&Self, usize) -> bool,
        benefit: impl Fn(&Self, usize) -> Option<f64>,
    ) {
        let left = around.x - reach * around.width - (1.0 + reach) * self.widest;
        let right = around.right() + reach * (around.width + self.widest);
        let from = self.detections.partition_point(|d| d.bbox.x < left);
        for col in from..self.detections.len() {
            if self.detections[col].bbox.x > right {
                break;
            }
            if self.detection_free[col]
                && takes(self, col)
                && let Some(benefit) = benefit(self, col)
            {
                self.candidates.push(Pair {
                    row: track,
                    col,
                    benefit,
                });
            }
        }
    }

    /// Pairs the candidates for the largest sum of benefits.
    fn assign(&mut self) {
        let (rows, cols) = (self.track_free.len(), self.detection_free.len());
        for (track, detection) in assign(rows, cols, &self.candidates) {
            self.track_free[track] = false;
            self.detection_free[detection] = false;
            self.pairs.push((track, detection));
        }
        self.candidates.clear();
    }

    /// Overlap with a detection, less where their shapes differ; `None` below the least.
    fn overlap(&self, from: &BBox, seen: &BBox) -> Option<f64> {
        let iou = from.iou(seen);
        (iou >= self.settings.min_iou)
            .then(|| f64::from(iou * shape_agreement(from, seen).powi(self.settings.shape_power)))
    }

    fn is_sure(&self, detection: usize) -> bool {
        self.detections[detection].score.get() >= self.settings.sure_score
    }

    fn is_unsure(&self, detection: usize) -> bool {
        let score = self.detections[detection].score.get();
        !self.is_sure(detection) && score >= self.settings.unsure_score
    }

    fn unseen(&self, track: usize) -> Duration {
        self.now.saturating_sub(self.tracks[track].last_seen())
    }

    fn seen_lately(&self, track: usize) -> bool {
        self.unseen(track) <= self.settings.lately
    }
}

/// How well two boxes agree in width and in height, 0 to 1. People differ in height more than in
/// where they are when they cross (compare the height-modulated overlap of Hybrid-SORT, Yang et
/// al. 2023, arXiv 2308.00783).
fn shape_agreement(a: &BBox, b: &BBox) -> f32 {
    let ratio = |a: f32, b: f32| a.min(b) / a.max(b).max(1e-6);
    ratio(a.width, b.width) * ratio(a.height, b.height)
}

/// What direction and appearance add to the overlap of a pair.
fn cues(settings: &TrackerSettings, track: &Track, detection: &Observation<'_>) -> f64 {
    let direction = track.direction_origin().map_or(0.0, |origin| {
        direction_consistency(origin, &track.steady_observed(), &detection.bbox)
    });
    let appearance = detection
        .appearance
        .and_then(|a| track.appearance()?.like(a))
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
