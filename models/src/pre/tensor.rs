//! Pixels to network inputs: NHWC, 32-bit floats, appended to a buffer that is kept.

use goshawk_proto::picture::Rgb;

use crate::manifest::{Colour, Element, Input, Layout};

/// How a network wants its pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normalisation {
    /// Blue first instead of red first.
    pub bgr: bool,
    /// Taken from each channel, in the order the network wants them, on the scale of 0 to 255.
    pub mean: [f32; 3],
    /// Then multiplied with.
    pub factor: [f32; 3],
}

impl Normalisation {
    /// What a manifest's input asks for; `None` when it does not want three channels of 32-bit
    /// floats with the channels last.
    pub fn of(input: &Input) -> Option<Self> {
        let known = input.layout == Layout::Nhwc && input.element == Element::F32;
        let bgr = match input.colour {
            Colour::Rgb => false,
            Colour::Bgr => true,
            Colour::Grey => return None,
        };
        let mean = input.mean.as_slice().try_into().ok()?;
        let factor = input.scale.as_slice().try_into().ok()?;
        known.then_some(Self { bgr, mean, factor })
    }

    fn pixel(&self, p: [u8; 3]) -> [f32; 3] {
        let p = if self.bgr { [p[2], p[1], p[0]] } else { p };
        [0, 1, 2].map(|c| (f32::from(p[c]) - self.mean[c]) * self.factor[c])
    }
}

/// Appends the whole picture.
pub fn append(out: &mut Vec<f32>, picture: &Rgb, how: &Normalisation) {
    out.reserve(picture.data().len());
    for p in picture.data().as_chunks::<3>().0 {
        out.extend(how.pixel(*p));
    }
}

/// Appends the picture in the top-left of a square of `side` pixels; the rest is what a black
/// pixel becomes. What of the picture is beyond the square is left out.
pub fn append_padded(out: &mut Vec<f32>, picture: &Rgb, side: u32, how: &Normalisation) {
    let black = how.pixel([0; 3]);
    let (side, width) = (side as usize, (picture.size().width as usize).max(1));
    out.reserve(side * side * 3);
    let mut rows = picture.data().chunks_exact(width * 3);
    for _ in 0..side {
        let row = rows.next().unwrap_or_default();
        let shown = row.as_chunks::<3>().0;
        let shown = &shown[..shown.len().min(side)];
        for p in shown {
            out.extend(how.pixel(*p));
        }
        for _ in shown.len()..side {
            out.extend(black);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use goshawk_proto::geometry::Size;

    const SIGNED: Normalisation = Normalisation {
        bgr: false,
        mean: [127.5; 3],
        factor: [1.0 / 127.5; 3],
    };
    const BGR_MEAN: Normalisation = Normalisation {
        bgr: true,
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
        append_padded(&mut out, &two_by_one(), 3, &SIGNED);
        assert_eq!(out.len(), 27);
        assert!((out[0] - 1.0).abs() < 1e-6);
        assert!(out[6..].iter().all(|v| (*v + 1.0).abs() < 1e-6));
    }

    #[test]
    fn too_large_a_picture_is_cut() {
        let mut out = Vec::new();
        append_padded(&mut out, &Rgb::black(Size::new(9, 9)), 4, &BGR_MEAN);
        assert_eq!(out.len(), 48);
    }
}
