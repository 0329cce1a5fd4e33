//! Pixels to network inputs: 32-bit floats, appended to a buffer that is kept.

use goshawk_proto::{geometry::Size, picture::Rgb};

use crate::manifest::{Colour, Element, Input, Layout};

/// How a network wants its pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normalisation {
    /// Blue first instead of red first.
    pub bgr: bool,
    /// One channel after the other (NCHW) instead of pixel by pixel (NHWC).
    pub planar: bool,
    /// Taken from each channel, in the order the network wants them, on the scale of 0 to 255.
    pub mean: [f32; 3],
    /// Then multiplied with.
    pub factor: [f32; 3],
}

impl Normalisation {
    /// What a manifest's input asks for; `None` when it does not want three channels of 32-bit
    /// floats.
    pub fn of(input: &Input) -> Option<Self> {
        let bgr = match input.colour {
            Colour::Rgb => false,
            Colour::Bgr => true,
            Colour::Grey => return None,
        };
        let planar = input.layout == Layout::Nchw;
        let mean = input.mean.as_slice().try_into().ok()?;
        let factor = input.scale.as_slice().try_into().ok()?;
        (input.element == Element::F32).then_some(Self {
            bgr,
            planar,
            mean,
            factor,
        })
    }

    /// The value of the network's channel `c` (0 to 2).
    fn channel(&self, p: [u8; 3], c: usize) -> f32 {
        let sample = p[if self.bgr { 2 - c } else { c }];
        (f32::from(sample) - self.mean[c]) * self.factor[c]
    }

    fn pixel(&self, p: [u8; 3]) -> [f32; 3] {
        [0, 1, 2].map(|c| self.channel(p, c))
    }
}

/// Appends the whole picture.
pub fn append(out: &mut Vec<f32>, picture: &Rgb, how: &Normalisation) {
    append_padded(out, picture, picture.size(), how);
}

/// Appends the picture in the top-left of a frame of `size` pixels; the rest is what a black
/// pixel becomes. What of the picture is beyond the frame is left out.
pub fn append_padded(out: &mut Vec<f32>, picture: &Rgb, size: Size, how: &Normalisation) {
    out.reserve(size.width as usize * size.height as usize * 3);
    if how.planar {
        for c in 0..3 {
            rows(picture, size, |shown, padding| {
                out.extend(shown.iter().map(|p| how.channel(*p, c)));
                out.resize(out.len() + padding, how.channel([0; 3], c));
            });
        }
    } else {
        let black = how.pixel([0; 3]);
        rows(picture, size, |shown, padding| {
            for p in shown {
                out.extend(how.pixel(*p));
            }
            for _ in 0..padding {
                out.extend(black);
            }
        });
    }
}

/// Each row of the frame: the picture's pixels in it, and how many are missing.
fn rows(picture: &Rgb, size: Size, mut each: impl FnMut(&[[u8; 3]], usize)) {
    let stride = picture.size().width as usize;
    let width = size.width as usize;
    let pixels = picture.data().as_chunks::<3>().0;
    for y in 0..size.height as usize {
        let row = pixels.get(y * stride..(y + 1) * stride).unwrap_or_default();
        let shown = &row[..row.len().min(width)];
        each(shown, width - shown.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    const SIGNED: Normalisation = Normalisation {
        bgr: false,
        planar: false,
        mean: [127.5; 3],
        factor: [1.0 / 127.5; 3],
    };
    const BGR_MEAN: Normalisation = Normalisation {
        bgr: true,
        planar: false,
        mean: [103.939, 116.779, 123.68],
        factor: [1.0; 3],
    };

    fn two_by_one() -> Rgb {
        Rgb::from_data(Size::new(2, 1), vec![255, 0, 10, 1, 2, 3]).unwrap()
    }

    #[test]
    fn orders_and_ranges() {
        let mut out = Vec::new();
        append(&mut out, &two_by_one(), &SIGNED);
        assert_eq!(out.len(), 6);
        assert!((out[0] - 1.0).abs() < 1e-6 && (out[1] + 1.0).abs() < 1e-6);
        out.clear();
        append(&mut out, &two_by_one(), &BGR_MEAN);
        assert!((out[0] - (10.0 - 103.939)).abs() < 1e-4);
        assert!((out[2] - (255.0 - 123.68)).abs() < 1e-4);
    }

    #[test]
    fn padding_is_black_to_the_right_and_below() {
        let mut out = Vec::new();
        append_padded(&mut out, &two_by_one(), Size::new(3, 3), &SIGNED);
        assert_eq!(out.len(), 27);
        assert!((out[0] - 1.0).abs() < 1e-6);
        assert!(out[6..].iter().all(|v| (*v + 1.0).abs() < 1e-6));
    }

    #[test]
    fn too_large_a_picture_is_cut() {
        let mut out = Vec::new();
        append_padded(
            &mut out,
            &Rgb::black(Size::new(9, 9)),
            Size::new(4, 4),
            &BGR_MEAN,
        );
        assert_eq!(out.len(), 48);
    }

    #[test]
    fn planes_follow_each_other() {
        let planar = Normalisation {
            planar: true,
            mean: [0.0; 3],
            ..BGR_MEAN
        };
        let mut out = Vec::new();
        append_padded(&mut out, &two_by_one(), Size::new(3, 1), &planar);
        assert_eq!(out, [10.0, 3.0, 0.0, 0.0, 2.0, 0.0, 255.0, 1.0, 0.0]);
    }
}
