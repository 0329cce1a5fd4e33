//! How fit a face sample is for recognition: classical measures on the aligned sample, no model.
//!
//! All are taken over the face's oval in the sample, on luma (Rec. 601). The names and directions
//! are those of the published contract: 1 is good, 0 is unfit.
//!
//! * sharpness: variance of the Laplacian (Pech-Pacheco et al., 2000) after a 3 × 3 binomial
//!   smoothing, which keeps sensor noise and JPEG blocks from passing for detail, over the square
//!   of the mean, which makes it independent of exposure; mapped by `v / (v + SHARP_HALF)`.
//! * dark, light: shares of the luma histogram near black and near white (Beghdadi-style exposure
//!   measure), blended with how far the mean is from the usable range.
//! * illumination: difference of the left and right half's mean luma over their sum, as in the
//!   lighting symmetry of ISO/IEC TR 29794-5.
//! * specularity: share of pixels that are bright and colourless, the highlights of the
//!   dichromatic reflection model (Shafer, 1985), apart from an over-exposed face as a whole.
//!
//! The constants were set on twelve portraits, reduced, compressed, blurred and darkened: in-focus
//! faces of 40 px and more have sharpness above the contract's default limit of 0.61, blurred by
//! a pixel or more they mostly fall below it. The numbers order pictures of one track; they are
//! no calibrated probability.

use goshawk_proto::{detection::FaceQuality, picture::Rgb, score::Score};

/// Variance of the smoothed Laplacian, over the squared mean luma, at which sharpness is one half.
const SHARP_HALF: f32 = 8e-5;
/// Mean luma below which the variance is compared with this one, so that noise in the dark does
/// not pass for detail.
const LEAST_MEAN: f32 = 16.0;
/// Luma below which a pixel is lost in the dark.
const BLACK: u8 = 32;
/// Luma from which a pixel is burnt out.
const WHITE: u8 = 245;
/// Mean luma below which a face begins to be too dark, and at which it is unfit.
const DARK_MEAN: (f32, f32) = (80.0, 20.0);
/// Mean luma above which a face begins to be too light, and at which it is unfit.
const LIGHT_MEAN: (f32, f32) = (190.0, 240.0);
/// Share of lost pixels at which exposure is unfit.
const LOST: f32 = 0.6;
/// Share of burnt-out pixels at which exposure is unfit.
const BURNT: f32 = 0.4;
/// Relative difference of the halves at which lighting is unfit.
const UNEVEN: f32 = 0.6;
/// Share of highlights at which glare is unfit.
const GLARE: f32 = 0.3;

/// What one pass over the sample collects.
#[derive(Default)]
struct Sums {
    count: u32,
    luma: f64,
    black: u32,
    white: u32,
    shine: u32,
    left: (f64, u32),
    right: (f64, u32),
}

/// Measures an aligned face sample of any size; a picture too small to hold a face is unfit.
pub fn face_quality(warp: &Rgb) -> FaceQuality {
    let (width, height) = (warp.size().width as usize, warp.size().height as usize);
    if width < 16 || height < 16 {
        return FaceQuality::default();
    }
    let luma: Vec<u8> = warp
        .data()
        .as_chunks::<3>()
        .0
        .iter()
        .map(|p| luma(*p))
        .collect();
    let sums = collect(warp, &luma, width, height);
    let count = sums.count.max(1) as f32;
    let mean = (sums.luma / f64::from(sums.count.max(1))) as f32;
    let share = |n: u32| n as f32 / count;
    FaceQuality {
        sharpness: sharpness(&luma, width, height, mean, in_face),
        dark: Score::saturating(falling(share(sums.black), LOST) * between(mean, DARK_MEAN)),
        light: Score::saturating(falling(share(sums.white), BURNT) * between(mean, LIGHT_MEAN)),
        illumination: evenness(&sums),
        specularity: Score::saturating(falling(share(sums.shine), GLARE)),
    }
}

/// How sharp a body's sample is, 0 to 1: the measure of faces over the upright ellipse in the middle
/// of the sample where the body is. Clothes have less detail than faces, so the numbers order the
/// samples of one body and nothing else. 0 for a picture too small to hold a body.
pub fn body_sharpness(warp: &Rgb) -> Score {
    let (width, height) = (warp.size().width as usize, warp.size().height as usize);
    if width < 16 || height < 16 {
        return Score::ZERO;
    }
    let pixels = warp.data().as_chunks::<3>().0;
    let luma: Vec<u8> = pixels.iter().map(|p| luma(*p)).collect();
    let (mut sum, mut count) = (0u64, 0u64);
    for (index, value) in luma.iter().enumerate() {
        if in_body(index % width, index / width, width, height) {
            sum += u64::from(*value);
            count += 1;
        }
    }
    let mean = sum as f32 / count.max(1) as f32;
    sharpness(&luma, width, height, mean, in_body)
}

/// Whether a sample's pixel belongs to the body, most likely.
fn in_body(x: usize, y: usize, width: usize, height: usize) -> bool {
    let dx = ((x as f32 + 0.5) / width as f32 - 0.5) / 0.28;
    let dy = ((y as f32 + 0.5) / height as f32 - 0.5) / 0.48;
    dx * dx + dy * dy <= 1.0
}

fn luma(p: [u8; 3]) -> u8 {
    ((u32::from(p[0]) * 77 + u32::from(p[1]) * 150 + u32::from(p[2]) * 29 + 128) >> 8) as u8
}

/// Whether a sample's pixel belongs to the face: an ellipse that holds brow to chin in the
/// aligned layout.
fn in_face(x: usize, y: usize, width: usize, height: usize) -> bool {
    let dx = ((x as f32 + 0.5) / width as f32 - 0.5) / 0.30;
    let dy = ((y as f32 + 0.5) / height as f32 - 0.58) / 0.40;
    dx * dx + dy * dy <= 1.0
}

fn collect(warp: &Rgb, luma: &[u8], width: usize, height: usize) -> Sums {
    let mut sums = Sums::default();
    for (index, (value, p)) in luma.iter().zip(warp.data().as_chunks::<3>().0).enumerate() {
        let (x, y) = (index % width, index / width);
        if !in_face(x, y, width, height) {
            continue;
        }
        sums.count += 1;
        sums.luma += f64::from(*value);
        sums.black += u32::from(*value < BLACK);
        sums.white += u32::from(*value >= WHITE);
        sums.shine += u32::from(shines(*p));
        let half = if x * 2 < width {
            &mut sums.left
        } else {
            &mut sums.right
        };
        half.0 += f64::from(*value);
        half.1 += 1;
    }
    sums
}

/// Bright and hardly coloured, where skin would be bright and coloured.
fn shines(p: [u8; 3]) -> bool {
    let (high, low) = (p[0].max(p[1]).max(p[2]), p[0].min(p[1]).min(p[2]));
    high >= 240 && high - low <= 30
}

fn evenness(sums: &Sums) -> Score {
    let mean = |(sum, count): (f64, u32)| sum / f64::from(count.max(1));
    let (left, right) = (mean(sums.left), mean(sums.right));
    let difference = (left - right).abs() / (left + right).max(1.0);
    Score::saturating(falling(difference as f32, UNEVEN))
}

/// 1 at zero, 0 at `end` and beyond.
fn falling(value: f32, end: f32) -> f32 {
    (1.0 - value / end).clamp(0.0, 1.0)
}

/// 1 up to `good` on the good side, 0 from `unfit` on.
fn between(value: f32, (good, unfit): (f32, f32)) -> f32 {
    ((value - unfit) / (good - unfit)).clamp(0.0, 1.0)
}

fn sharpness(
    luma: &[u8],
    width: usize,
    height: usize,
    mean: f32,
    inside: fn(usize, usize, usize, usize) -> bool,
) -> Score {
    let smooth = smoothed(luma, width, height);
    let (mut sum, mut squares, mut count) = (0.0f64, 0.0f64, 0.0f64);
    for y in 2..height - 2 {
        for x in 2..width - 2 {
            if !inside(x, y, width, height) {
                continue;
            }
            let at = y * width + x;
            let around = smooth[at - 1] + smooth[at + 1] + smooth[at - width] + smooth[at + width];
            let value = f64::from(around - 4 * smooth[at]) / 16.0;
            sum += value;
            squares += value * value;
            count += 1.0;
        }
    }
    if count == 0.0 {
        return Score::ZERO;
    }
    let variance = (squares / count - (sum / count).powi(2)).max(0.0) as f32;
    let relative = variance / mean.max(LEAST_MEAN).powi(2);
    Score::saturating(relative / (relative + SHARP_HALF))
}

/// Sixteen times the 3 × 3 binomial mean; the border stays zero.
fn smoothed(luma: &[u8], width: usize, height: usize) -> Vec<i32> {
    let mut out = vec![0; luma.len()];
    let row =
        |at: usize| i32::from(luma[at - 1]) + 2 * i32::from(luma[at]) + i32::from(luma[at + 1]);
    for y in 1..height - 1 {
        for x in 1..width - 1 {
            let at = y * width + x;
            out[at] = row(at - width) + 2 * row(at) + row(at + width);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use goshawk_proto::geometry::Size;
    use proptest::prelude::*;

    fn sample(paint: impl Fn(i32, i32) -> [f32; 3]) -> Rgb {
        let mut rgb = Rgb::black(Size::new(250, 250));
        for (i, px) in rgb.data_mut().as_chunks_mut::<3>().0.iter_mut().enumerate() {
            *px = paint(i as i32 % 250, i as i32 / 250).map(|v| v.clamp(0.0, 255.0) as u8);
        }
        rgb
    }

    /// Skin-coloured, with detail of a given period and strength.
    fn skin(x: i32, y: i32, period: f32, strength: f32) -> [f32; 3] {
        let wave = strength * ((x as f32 / period).sin() + (y as f32 / period).cos());
        [180.0 + wave, 135.0 + wave, 110.0 + wave]
    }

    #[test]
    fn a_good_sample_is_good_all_round() {
        let q = face_quality(&sample(|x, y| skin(x, y, 1.5, 25.0)));
        for part in [q.sharpness, q.light, q.dark, q.illumination, q.specularity] {
            assert!(part.get() > 0.8, "{q:?}");
        }
    }

    #[test]
    fn each_fault_lowers_its_own_part() {
        let good = face_quality(&sample(|x, y| skin(x, y, 2.5, 25.0)));
        let blurred = face_quality(&sample(|x, y| skin(x, y, 12.0, 25.0)));
        assert!(
            blurred.sharpness < good.sharpness && blurred.sharpness.get() < 0.3,
            "{blurred:?}"
        );
        let dark = face_quality(&sample(|x, y| skin(x, y, 2.5, 25.0).map(|v| v * 0.15)));
        assert!(dark.dark.get() < 0.2 && dark.light.get() > 0.9, "{dark:?}");
        let light = face_quality(&sample(|x, y| {
            skin(x, y, 2.5, 25.0).map(|v| v * 0.3 + 200.0)
        }));
        assert!(
            light.light.get() < 0.3 && light.dark.get() > 0.9,
            "{light:?}"
        );
        let shaded = face_quality(&sample(|x, y| {
            skin(x, y, 2.5, 25.0).map(|v| if x < 125 { v * 0.3 } else { v })
        }));
        assert!(
            shaded.illumination.get() < 0.2 && good.illumination.get() > 0.9,
            "{shaded:?}"
        );
        let shiny = face_quality(&sample(|x, y| {
            if (100..150).contains(&x) && (90..140).contains(&y) {
                [250.0; 3]
            } else {
                skin(x, y, 2.5, 25.0)
            }
        }));
        assert!(
            shiny.specularity.get() < 0.75 && shiny.light.get() > 0.5,
            "{shiny:?}"
        );
    }

    #[test]
    fn a_blurred_body_is_less_sharp() {
        let sharp = body_sharpness(&sample(|x, y| skin(x, y, 2.0, 25.0)));
        let blurred = body_sharpness(&sample(|x, y| skin(x, y, 12.0, 25.0)));
        assert!(sharp.get() > blurred.get() + 0.3, "{sharp:?} {blurred:?}");
        let frame = |x: i32, y: i32| {
            if x < 50 {
                skin(x, y, 2.0, 60.0)
            } else {
                [90.0; 3]
            }
        };
        let behind = body_sharpness(&sample(frame));
        assert!(behind.get() < 0.1, "what is beside the body: {behind:?}");
    }

    #[test]
    fn too_small_a_picture_is_unfit() {
        assert_eq!(body_sharpness(&Rgb::black(Size::new(8, 40))), Score::ZERO);
        assert_eq!(
            face_quality(&Rgb::black(Size::new(4, 4))),
            FaceQuality::default()
        );
        assert_eq!(face_quality(&Rgb::default()), FaceQuality::default());
    }

    proptest! {
        #[test]
        fn darker_is_never_better_lit(by in 0.1f32..1.0) {
            let bright = face_quality(&sample(|x, y| skin(x, y, 2.5, 25.0)));
            let darker = face_quality(&sample(|x, y| skin(x, y, 2.5, 25.0).map(|v| v * by)));
            prop_assert!(darker.dark <= bright.dark);
        }
    }
}
