//! The skin of one person, learnt from their face.
//!
//! Skin of all shades lies close together in the two colour differences of YCbCr (Chai and Ngan,
//! 1999; Hsu, Abdel-Mottaleb and Jain, 2002), and that of one person under one light much closer.
//! So a person's own cheeks give a Gaussian, and what is far from it is no skin of theirs. A
//! picture without colour gives none.

use goshawk_proto::picture::Rgb;

use super::cbcr;
use crate::measures::zones::cheeks;

/// Distance (of Mahalanobis) within which a colour is skin: the arm's light is not the face's.
const WITHIN: f32 = 3.5;
/// Least standard deviation, in steps of the 8-bit differences.
const LEAST_DEVIATION: f32 = 3.0;
/// Least distance from grey of cheeks that have colour, in the same steps. Skin has 20 and more;
/// in a picture with faded colours grey cloth would pass for it.
const LEAST_COLOUR: f32 = 10.0;

/// How one person's skin is coloured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Skin {
    mean: [f32; 2],
    /// Inverse covariance: cb·cb, cb·cr, cr·cr.
    inverse: [f32; 3],
}

impl Skin {
    /// From an aligned face sample; `None` when it has hardly any colour or no pixels.
    pub fn of(warp: &Rgb) -> Option<Self> {
        let seen: Vec<[f32; 2]> = cheeks(warp).into_iter().flatten().map(cbcr).collect();
        let count = seen.len() as f32;
        if seen.is_empty() {
            return None;
        }
        let mean = [0, 1].map(|c| seen.iter().map(|v| v[c]).sum::<f32>() / count);
        if (mean[0] - 128.0).hypot(mean[1] - 128.0) < LEAST_COLOUR {
            return None;
        }
        let moment = |a: usize, b: usize| {
            let sum: f32 = seen
                .iter()
                .map(|v| (v[a] - mean[a]) * (v[b] - mean[b]))
                .sum();
            sum / count
        };
        let least = LEAST_DEVIATION * LEAST_DEVIATION;
        let (bb, br, rr) = (moment(0, 0) + least, moment(0, 1), moment(1, 1) + least);
        let det = bb * rr - br * br;
        Some(Self {
            mean,
            inverse: [rr / det, -br / det, bb / det],
        })
    }

    /// Whether a colour may be this skin.
    pub fn matches(&self, rgb: [u8; 3]) -> bool {
        let [b, r] = cbcr(rgb);
        let (b, r) = (b - self.mean[0], r - self.mean[1]);
        let [bb, br, rr] = self.inverse;
        bb * b * b + 2.0 * br * b * r + rr * r * r <= WITHIN * WITHIN
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use goshawk_proto::geometry::Size;

    fn face(colour: [u8; 3]) -> Rgb {
        let data = colour.iter().copied().cycle().take(250 * 250 * 3).collect();
        Rgb::from_data(Size::new(250, 250), data).unwrap()
    }

    #[test]
    fn own_skin_matches_in_shade_and_cloth_does_not() {
        for skin in [[224, 172, 140], [141, 85, 54], [198, 134, 96]] {
            let model = Skin::of(&face(skin)).unwrap();
            assert!(model.matches(skin));
            assert!(
                model.matches(skin.map(|v| (f32::from(v) * 0.85) as u8)),
                "in the shade"
            );
            for cloth in [
                [30, 40, 90],
                [240, 240, 240],
                [30, 30, 30],
                [200, 30, 40],
                [60, 110, 60],
            ] {
                assert!(!model.matches(cloth), "{skin:?} {cloth:?}");
            }
        }
    }

    #[test]
    fn grey_pictures_have_no_skin() {
        assert_eq!(Skin::of(&face([150; 3])), None);
        assert_eq!(Skin::of(&Rgb::default()), None);
    }
}
