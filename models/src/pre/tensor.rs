//! Pixels to network inputs: 32-bit floats, appended to a buffer that is kept. What wants another
//! element type converts them when it runs.

use goshawk_proto::{geometry::Size, picture::Rgb};

use crate::manifest::{Colour, Input, Layout};

/// Red, green and blue in grey: ITU-R BT.601's weights as the networks at hand were trained with.
const GREY: [f32; 3] = [0.2989, 0.587, 0.114];

/// How a network wants its pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normalisation {
    /// Which channels, in which order.
    pub colour: Colour,
    /// One channel after the other (NCHW) instead of pixel by pixel (NHWC).
    pub planar: bool,
    /// Taken from each channel, in the order the network wants them, on the scale of 0 to 255.
    pub mean: [f32; 3],
    /// Then multiplied with.
    pub factor: [f32; 3],
}

impl Normalisation {
    /// What a manifest's input asks for; `None` when it has not one mean and scale a channel.
    pub fn of(input: &Input) -> Option<Self> {
        let channels = input.colour.channels();
        if input.mean.len() != channels || input.scale.len() != channels {
            return None;
        }
        let per_channel = |values: &[f32]| {
            let mut out = [0.0; 3];
            out[..channels].copy_from_slice(values);
            out
        };
        Some(Self {
            colour: input.colour,
            planar: input.layout == Layout::Nchw,
            mean: per_channel(&input.mean),
            factor: per_channel(&input.scale),
        })
    }

    /// The channel of a picture that the network's channel `c` shows, where it shows one.
    fn source(&self, c: usize) -> Option<usize> {
        match self.colour {
            Colour::Rgb => Some(c),
            Colour::Bgr => Some(2 - c),
            Colour::Grey => None,
        }
    }

    fn value(&self, c: usize, sample: f32) -> f32 {
        (sample - self.mean[c]) * self.factor[c]
    }
}

/// What each sample becomes: 256 values for each of the network's channels. Looking a value up
/// costs less than half of computing it.
struct Table([[f32; 256]; 3]);

impl Table {
    fn of(how: &Normalisation) -> Self {
        let of = |c: usize| std::array::from_fn(|sample| how.value(c, sample as f32));
        Self([0, 1, 2].map(of))
    }
}

/// Where a picture lies in a larger input, and what is round it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The input in pixels.
    pub size: Size,
    /// The picture's left edge in it.
    pub left: u32,
    /// Its upper edge.
    pub top: u32,
    /// What all three channels of the rest are before they are normalised.
    pub pad: u8,
}

/// Appends the whole picture.
pub fn append(out: &mut Vec<f32>, picture: &Rgb, how: &Normalisation) {
    let frame = Frame {
        size: picture.size(),
        left: 0,
        top: 0,
        pad: 0,
    };
    append_framed(out, picture, &frame, how);
}

/// Appends the picture at its place in a frame, and the padding round it. What of the picture is
/// beyond the frame is left out.
pub fn append_framed(out: &mut Vec<f32>, picture: &Rgb, frame: &Frame, how: &Normalisation) {
    let channels = how.colour.channels();
    out.reserve(frame.size.width as usize * frame.size.height as usize * channels);
    let table = Table::of(how);
    let pad = [0, 1, 2].map(|c| table.0[c][usize::from(frame.pad)]);
    match [0, 1, 2].map(|c| how.source(c)) {
        [Some(r), Some(g), Some(b)] if !how.planar => {
            let from = [r, g, b];
            rows(picture, frame, |before, shown, after| {
                out.extend(std::iter::repeat_n(pad, before).flatten());
                let start = out.len();
                out.resize(start + shown.len() * 3, 0.0);
                let row = out[start..].as_chunks_mut::<3>().0;
                for (value, pixel) in row.iter_mut().zip(shown) {
                    *value = [0, 1, 2].map(|c| table.0[c][usize::from(pixel[from[c]])]);
                }
                out.extend(std::iter::repeat_n(pad, after).flatten());
            });
        }
        sources => {
            for (c, source) in sources.into_iter().enumerate().take(channels) {
                let channel = |pixel: &[u8; 3]| match source {
                    Some(source) => table.0[c][usize::from(pixel[source])],
                    None => how.value(c, grey(*pixel)),
                };
                let padding = channel(&[frame.pad; 3]);
                rows(picture, frame, |before, shown, after| {
                    out.resize(out.len() + before, padding);
                    out.extend(shown.iter().map(channel));
                    out.resize(out.len() + after, padding);
                });
            }
        }
    }
}

fn grey(pixel: [u8; 3]) -> f32 {
    (0..3).map(|i| GREY[i] * f32::from(pixel[i])).sum()
}

/// Each row of the frame: how many pixels of padding, the picture's pixels, padding again.
fn rows(picture: &Rgb, frame: &Frame, mut each: impl FnMut(usize, &[[u8; 3]], usize)) {
    let stride = picture.size().width as usize;
    let width = frame.size.width as usize;
    let left = (frame.left as usize).min(width);
    let pixels = picture.data().as_chunks::<3>().0;
    for y in 0..frame.size.height as usize {
        let row = y
            .checked_sub(frame.top as usize)
            .and_then(|y| pixels.get(y * stride..(y + 1) * stride))
            .unwrap_or_default();
        let shown = &row[..row.len().min(width - left)];
        let before = if shown.is_empty() { width } else { left };
        each(before, shown, width - before - shown.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    const SIGNED: Normalisation = Normalisation {
        colour: Colour::Rgb,
        planar: false,
        mean: [127.5; 3],
        factor: [1.0 / 127.5; 3],
    };
    const BGR_MEAN: Normalisation = Normalisation {
        colour: Colour::Bgr,
        planar: false,
        mean: [103.939, 116.779, 123.68],
        factor: [1.0; 3],
    };

    fn corner(width: u32, height: u32) -> Frame {
        Frame {
            size: Size::new(width, height),
            left: 0,
            top: 0,
            pad: 0,
        }
    }

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
        append_framed(&mut out, &two_by_one(), &corner(3, 3), &SIGNED);
        assert_eq!(out.len(), 27);
        assert!((out[0] - 1.0).abs() < 1e-6);
        assert!(out[6..].iter().all(|v| (*v + 1.0).abs() < 1e-6));
    }

    #[test]
    fn too_large_a_picture_is_cut() {
        let mut out = Vec::new();
        append_framed(
            &mut out,
            &Rgb::black(Size::new(9, 9)),
            &corner(4, 4),
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
        append_framed(&mut out, &two_by_one(), &corner(3, 1), &planar);
        assert_eq!(out, [10.0, 3.0, 0.0, 0.0, 2.0, 0.0, 255.0, 1.0, 0.0]);
    }

    #[test]
    fn a_picture_in_the_middle_has_padding_all_round() {
        let frame = Frame {
            size: Size::new(4, 3),
            left: 1,
            top: 1,
            pad: 114,
        };
        let plain = Normalisation {
            colour: Colour::Rgb,
            planar: true,
            mean: [0.0; 3],
            factor: [1.0; 3],
        };
        let mut out = Vec::new();
        append_framed(&mut out, &two_by_one(), &frame, &plain);
        let red = [114.0; 12];
        assert_eq!(out.len(), 36);
        assert_eq!(
            (&out[..5], &out[5..7], &out[7..12]),
            (&red[..5], &[255.0, 1.0][..], &red[..5])
        );
        let mut packed = Vec::new();
        append_framed(
            &mut packed,
            &two_by_one(),
            &frame,
            &Normalisation {
                planar: false,
                ..plain
            },
        );
        assert_eq!(packed.len(), 36);
        assert_eq!(packed[15..21], [255.0, 0.0, 10.0, 1.0, 2.0, 3.0]);
        assert_eq!(packed[21..], [114.0; 15]);
        // A place beyond the frame shows nothing of the picture.
        packed.clear();
        let away = Frame {
            left: 9,
            top: 9,
            ..frame
        };
        append_framed(&mut packed, &two_by_one(), &away, &plain);
        assert_eq!(packed, [114.0; 36]);
    }

    #[test]
    fn grey_is_one_channel() {
        let grey = Normalisation {
            colour: Colour::Grey,
            planar: false,
            mean: [127.5, 0.0, 0.0],
            factor: [1.0 / 127.5, 0.0, 0.0],
        };
        let mut out = Vec::new();
        append(&mut out, &two_by_one(), &grey);
        assert_eq!(out.len(), 2);
        let want = (0.2989f32 * 255.0 + 1.14 - 127.5) / 127.5;
        assert!((out[0] - want).abs() < 1e-5, "{}", out[0]);
    }
}
