//! The number by which shots of a track are compared.
//!
//! `shot = size^.25 · frontal^.25 · detector^.10 · sharpness^.30 · light^.10`, a weighted geometric
//! mean of parts from 0 to 1, so that one bad part cannot be bought off by the others:
//!
//! * size: shorter side of the box, from 0 at 20 px to 1 at 160 px, logarithmic, because twice the
//!   pixels are worth the same at any size until the descriptor's input (112 to 224 px) is filled;
//! * frontal: `cos²(yaw) · cos²(pitch) · cos(roll / 2)`; roll hardly hurts, since alignment undoes
//!   it; 0.7 when the pose is unknown;
//! * detector: its certainty;
//! * sharpness: of the warp;
//! * light: geometric mean of light, darkness, illumination and specularity of the warp.
//!
//! The first three are known before the warp is cut out; they make the pre-score. The weights
//! follow what limits recognition in practice: blur and pose first, then size. No part falls
//! below 0.02, which keeps scores of bad shots comparable.

use goshawk_proto::{
    detection::{FaceQuality, HeadPose},
    geometry::BBox,
    score::Score,
};

const SIZE_WEIGHT: f32 = 0.25;
const FRONTAL_WEIGHT: f32 = 0.25;
const DETECTOR_WEIGHT: f32 = 0.10;
const SHARPNESS_WEIGHT: f32 = 0.30;
const LIGHT_WEIGHT: f32 = 0.10;
const LEAST: f32 = 0.02;
/// Sides in pixels between which the size part rises from 0 to 1.
const SIZE_RANGE: (f32, f32) = (20.0, 160.0);
const UNKNOWN_FRONTAL: f32 = 0.7;

/// The part of a shot's score known from the detection alone, 0 to 1.
pub fn pre_score(bbox: &BBox, detector: Score, pose: Option<HeadPose>) -> Score {
    let frontal = pose.map_or(UNKNOWN_FRONTAL, frontal);
    Score::saturating(
        part(size(bbox), SIZE_WEIGHT)
            * part(frontal, FRONTAL_WEIGHT)
            * part(detector.get(), DETECTOR_WEIGHT),
    )
}

/// The part known from the warp, 0 to 1.
pub fn quality_score(quality: &FaceQuality) -> Score {
    let light = [
        quality.light,
        quality.dark,
        quality.illumination,
        quality.specularity,
    ]
    .iter()
    .map(|s| part(s.get(), 0.25))
    .product::<f32>();
    Score::saturating(part(quality.sharpness.get(), SHARPNESS_WEIGHT) * part(light, LIGHT_WEIGHT))
}

/// The score of a shot, 0 to 1, higher is better.
pub fn shot_score(pre: Score, quality: Score) -> Score {
    Score::saturating(pre.get() * quality.get())
}

fn part(value: f32, weight: f32) -> f32 {
    let value = if value.is_nan() { 0.0 } else { value };
    value.clamp(LEAST, 1.0).powf(weight)
}

fn size(bbox: &BBox) -> f32 {
    let (low, high) = SIZE_RANGE;
    (bbox.width.min(bbox.height).max(1.0) / low).ln() / (high / low).ln()
}

/// 1 straight ahead, 0 from the side.
fn frontal(pose: HeadPose) -> f32 {
    let cos = |degrees: f32| degrees.to_radians().cos().max(0.0);
    cos(pose.yaw).powi(2) * cos(pose.pitch).powi(2) * cos(pose.roll / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pre(side: f32, yaw: f32) -> f32 {
        let pose = HeadPose {
            yaw,
            pitch: 0.0,
            roll: 0.0,
        };
        pre_score(&BBox::new(0.0, 0.0, side, side), Score::ONE, Some(pose)).get()
    }

    fn quality(sharpness: f32) -> Score {
        let one = Score::ONE;
        quality_score(&FaceQuality {
            sharpness: Score::saturating(sharpness),
            light: one,
            dark: one,
            illumination: one,
            specularity: one,
        })
    }

    #[test]
    fn near_frontal_and_sharp_is_best() {
        assert!((pre(160.0, 0.0) - 1.0).abs() < 1e-6);
        assert!(pre(80.0, 0.0) < pre(120.0, 0.0));
        assert!(pre(120.0, 35.0) < pre(120.0, 10.0));
        assert!(quality(0.3) < quality(0.9));
        let blurred = shot_score(Score::saturating(pre(160.0, 0.0)), quality(0.1));
        let sharp = shot_score(Score::saturating(pre(100.0, 15.0)), quality(0.8));
        assert!(
            blurred < sharp,
            "a smaller sharp shot beats a large blurred one"
        );
    }

    #[test]
    fn scores_stay_in_range_for_odd_input() {
        for pose in [f32::NAN, 180.0, -180.0, f32::INFINITY] {
            let score = pre(f32::NAN, pose);
            assert!((0.0..=1.0).contains(&score), "{score}");
        }
        assert!(pre(1e9, 0.0) <= 1.0);
    }
}
