//! The number by which shots of a body are compared.
//!
//! `shot = size^.30 · whole^.25 · detector^.20 · sharpness^.25`, a weighted geometric mean of parts
//! from 0 to 1, as that of faces ([`super::score`]):
//!
//! * size: height of the box, from 0 at 48 px to 1 at 384 px, logarithmic: 256 px fill the sample
//!   that descriptors are made of;
//! * whole: 1 for a box inside the frame; 0.6 for each side that the frame's border cuts, where it
//!   comes nearer than 1 % of the frame's side. Feet out of the picture cost once, a body half in
//!   the door twice;
//! * detector: its certainty, which falls when something stands before the body;
//! * sharpness: of the sample.
//!
//! All but the last are known before the sample is cut out. No part falls below 0.02. Which way
//! the body is turned does not count: no model here tells it.

use goshawk_proto::{
    geometry::{BBox, Size},
    score::Score,
};

const SIZE_WEIGHT: f32 = 0.30;
const WHOLE_WEIGHT: f32 = 0.25;
const DETECTOR_WEIGHT: f32 = 0.20;
const SHARPNESS_WEIGHT: f32 = 0.25;
const LEAST: f32 = 0.02;
/// Heights in pixels between which the size part rises from 0 to 1.
const SIZE_RANGE: (f32, f32) = (48.0, 384.0);
/// Share of the frame's side within which its border cuts a box.
const BORDER: f32 = 0.01;
/// What a cut side leaves.
const CUT: f32 = 0.6;

/// The part of a shot's score known from the detection alone, 0 to 1.
pub fn pre_score(bbox: &BBox, detector: Score, frame: Size) -> Score {
    Score::saturating(
        part(size(bbox), SIZE_WEIGHT)
            * part(whole(bbox, frame), WHOLE_WEIGHT)
            * part(detector.get(), DETECTOR_WEIGHT),
    )
}

/// The part known from the sample, 0 to 1.
pub fn quality_score(sharpness: Score) -> Score {
    Score::saturating(part(sharpness.get(), SHARPNESS_WEIGHT))
}

fn part(value: f32, weight: f32) -> f32 {
    let value = if value.is_nan() { 0.0 } else { value };
    value.clamp(LEAST, 1.0).powf(weight)
}

fn size(bbox: &BBox) -> f32 {
    let (low, high) = SIZE_RANGE;
    (bbox.height.max(1.0) / low).ln() / (high / low).ln()
}

/// 1 for a box clear of the frame's borders, less for each side that they cut.
fn whole(bbox: &BBox, frame: Size) -> f32 {
    let (width, height) = (frame.width as f32, frame.height as f32);
    let cut = [
        bbox.x < width * BORDER,
        bbox.y < height * BORDER,
        bbox.right() > width * (1.0 - BORDER),
        bbox.bottom() > height * (1.0 - BORDER),
    ];
    cut.iter().filter(|cut| **cut).map(|_| CUT).product()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bestshot::score::shot_score;
    use proptest::prelude::*;

    const FRAME: Size = Size::new(1280, 720);

    fn pre(bbox: BBox, detector: f32) -> f32 {
        pre_score(&bbox, Score::saturating(detector), FRAME).get()
    }

    #[test]
    fn whole_large_sure_and_sharp_is_best() {
        let good = BBox::new(400.0, 100.0, 160.0, 400.0);
        assert!((pre(good, 1.0) - 1.0).abs() < 1e-6);
        assert!(pre(BBox::new(400.0, 100.0, 60.0, 150.0), 1.0) < pre(good, 1.0));
        assert!(pre(good, 0.5) < pre(good, 0.9));
        let feetless = BBox::new(400.0, 320.0, 160.0, 400.0);
        let cornered = BBox::new(0.0, 320.0, 160.0, 400.0);
        assert!(pre(feetless, 1.0) < pre(good, 1.0) && pre(cornered, 1.0) < pre(feetless, 1.0));
        let blurred = quality_score(Score::saturating(0.1));
        let sharp = quality_score(Score::saturating(0.8));
        assert!(blurred < sharp);
        let total = |bbox, quality| shot_score(pre_score(&bbox, Score::ONE, FRAME), quality);
        assert!(total(good, blurred) < total(good, sharp));
    }

    proptest! {
        #[test]
        fn scores_stay_in_range(
            x in -1e7f32..1e7, y in -1e7f32..1e7, w in 0f32..1e7, h in prop::num::f32::ANY,
            detector in prop::num::f32::ANY,
        ) {
            let score = pre(BBox::new(x, y, w, h), detector);
            prop_assert!((0.0..=1.0).contains(&score), "{}", score);
        }
    }
}
