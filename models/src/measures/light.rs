//! Light and colour of a face, on its aligned sample (ISO/IEC 29794-5 in the reading of OFIQ, the
//! reference software of the German Federal Office for Information Security).

use goshawk_proto::{picture::Rgb, score::Score};

use super::zones::{cheeks, face};
use crate::colour::{cbcr, cielab_chroma, luminance};

/// Luminance (of 255) up to which a pixel is lost in the dark, and from which it is burnt out.
const LOST: (usize, usize) = (25, 247);
/// Mean distance from grey in YCbCr below which a face has no colour, in 8-bit steps. JPEG leaves
/// about one step in grey pictures, skin has ten and more.
const COLOURLESS: f32 = 3.0;
/// Ranges of a* and b* of skin under natural light.
const SKIN_A: (f32, f32) = (5.0, 25.0);
const SKIN_B: (f32, f32) = (5.0, 35.0);
/// What the distance is when a* or b* is negative.
const FAR: f32 = 100.0;

/// Whether a picture has colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaceColour {
    /// It has.
    Colour,
    /// It has not. Infrared pictures are among these and are not told apart.
    Grayscale,
}

/// The colour of the cheeks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NaturalColour {
    /// Mean a* of CIELAB.
    pub a: f32,
    /// Mean b*.
    pub b: f32,
    /// Distance from the range of natural skin (a* 5 to 25, b* 5 to 35): 0 inside, 100 when one
    /// of them is negative. OFIQ's quality of it is 0.75 at 3.4 and 0.5 at 11.
    pub distance: f32,
}

/// Light and colour.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Light {
    /// How alike the cheeks are lit, 0 to 1: the common part of their luminance histograms, to
    /// the power 0.3.
    pub uniformity: Score,
    /// Entropy of the face's luminance histogram over the 8 bits that it could have, 0 to 1.
    pub dynamic_range: Score,
    /// Mean luminance of the face, 0 to 1, light (not its code).
    pub luminance: Score,
    /// Share of the face with a luminance of 25 of 255 and less.
    pub under_exposed: Score,
    /// Share of the face with a luminance of 247 of 255 and more.
    pub over_exposed: Score,
    /// The cheeks' colour; `None` for a picture without colour.
    pub natural: Option<NaturalColour>,
    /// Whether the face has colour.
    pub colour: FaceColour,
    /// The mean distance from grey that decided it, in 8-bit steps of YCbCr.
    pub chroma: f32,
}

/// Takes the measures. A sample without pixels is dark and without colour.
pub(super) fn light(warp: &Rgb) -> Light {
    let histogram = histogram(face(warp));
    let count: u32 = histogram.iter().sum();
    let share = |n: u32| Score::saturating(n as f32 / count.max(1) as f32);
    let sum: f64 = (0..256).map(|v| v as f64 * f64::from(histogram[v])).sum();
    let chroma = chroma(warp);
    let colour = if chroma < COLOURLESS {
        FaceColour::Grayscale
    } else {
        FaceColour::Colour
    };
    let cheeks = cheeks(warp);
    Light {
        uniformity: uniformity(&cheeks),
        dynamic_range: Score::saturating(entropy(&histogram) / 8.0),
        luminance: Score::saturating((sum / f64::from(count.max(1)) / 255.0) as f32),
        under_exposed: share(histogram[..=LOST.0].iter().sum()),
        over_exposed: share(histogram[LOST.1..].iter().sum()),
        natural: (colour == FaceColour::Colour).then(|| natural(&cheeks)),
        colour,
        chroma,
    }
}

fn histogram(pixels: impl Iterator<Item = [u8; 3]>) -> [u32; 256] {
    let mut out = [0; 256];
    for rgb in pixels {
        out[(luminance(rgb) * 255.0).round().clamp(0.0, 255.0) as usize] += 1;
    }
    out
}

/// In bits.
fn entropy(histogram: &[u32; 256]) -> f32 {
    let count: u32 = histogram.iter().sum();
    let bits = |n: &u32| {
        let share = *n as f32 / count as f32;
        -share * share.log2()
    };
    histogram.iter().filter(|n| **n > 0).map(bits).sum()
}

fn uniformity(cheeks: &[Vec<[u8; 3]>; 2]) -> Score {
    if cheeks.iter().any(Vec::is_empty) {
        return Score::ZERO;
    }
    let [left, right] = [0, 1].map(|side: usize| histogram(cheeks[side].iter().copied()));
    let shares = |h: &[u32; 256], at: usize, all: usize| h[at] as f32 / all as f32;
    let common: f32 = (0..256)
        .map(|at| shares(&left, at, cheeks[0].len()).min(shares(&right, at, cheeks[1].len())))
        .sum();
    Score::saturating(common.powf(0.3))
}

fn natural(cheeks: &[Vec<[u8; 3]>; 2]) -> NaturalColour {
    let (mut a, mut b, mut count) = (0.0, 0.0, 0.0f32);
    for rgb in cheeks.iter().flatten() {
        let [da, db] = cielab_chroma(*rgb);
        (a, b, count) = (a + da, b + db, count + 1.0);
    }
    let (a, b) = (a / count.max(1.0), b / count.max(1.0));
    let outside = |v: f32, (low, high): (f32, f32)| (low - v).max(v - high).max(0.0);
    let distance = if a < 0.0 || b < 0.0 {
        FAR
    } else {
        outside(a, SKIN_A).hypot(outside(b, SKIN_B))
    };
    NaturalColour { a, b, distance }
}

fn chroma(warp: &Rgb) -> f32 {
    let (mut sum, mut count) = (0.0f64, 0.0f64);
    for rgb in face(warp) {
        let [b, r] = cbcr(rgb);
        sum += f64::from((b - 128.0).hypot(r - 128.0));
        count += 1.0;
    }
    (sum / count.max(1.0)) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use goshawk_proto::geometry::Size;
    use proptest::prelude::*;

    fn sample(paint: impl Fn(usize, usize) -> [u8; 3]) -> Rgb {
        let mut rgb = Rgb::black(Size::new(250, 250));
        for (i, px) in rgb.data_mut().as_chunks_mut::<3>().0.iter_mut().enumerate() {
            *px = paint(i % 250, i / 250);
        }
        rgb
    }

    const SKIN: [u8; 3] = [205, 150, 120];

    #[test]
    fn an_even_face_is_even_and_flat() {
        let light = light(&sample(|_, _| SKIN));
        assert!(light.uniformity.get() > 0.999);
        assert!(light.dynamic_range.get() < 0.01);
        assert_eq!(light.colour, FaceColour::Colour);
        let natural = light.natural.unwrap();
        assert!(natural.distance < 1.0, "{natural:?}");
        assert!((light.luminance.get() - luminance(SKIN)).abs() < 0.01);
        assert_eq!(
            (light.under_exposed, light.over_exposed),
            (Score::ZERO, Score::ZERO)
        );
    }

    #[test]
    fn light_from_one_side_is_uneven() {
        let side = sample(|x, _| if x < 125 { SKIN.map(|v| v / 3) } else { SKIN });
        assert!(light(&side).uniformity.get() < 0.1);
    }

    #[test]
    fn tinted_light_is_not_natural_and_grey_has_none() {
        let blue = light(&sample(|_, _| [110, 130, 200]));
        assert!(blue.natural.unwrap().distance >= 100.0);
        let grey = light(&sample(|x, _| [x as u8, x as u8, x as u8]));
        assert_eq!((grey.colour, grey.natural), (FaceColour::Grayscale, None));
        assert!(grey.dynamic_range.get() > 0.7);
    }

    #[test]
    fn black_white_and_nothing_are_numbers() {
        let black = light(&sample(|_, _| [0; 3]));
        assert_eq!(black.under_exposed, Score::ONE);
        assert_eq!(light(&sample(|_, _| [255; 3])).over_exposed, Score::ONE);
        let nothing = light(&Rgb::default());
        assert_eq!(
            (nothing.luminance, nothing.uniformity),
            (Score::ZERO, Score::ZERO)
        );
    }

    proptest! {
        #[test]
        fn brighter_has_no_less_luminance(v in 0u8..200, more in 0u8..50) {
            let at = |v: u8| light(&sample(|_, _| [v; 3])).luminance;
            prop_assert!(at(v) <= at(v + more));
        }
    }
}
