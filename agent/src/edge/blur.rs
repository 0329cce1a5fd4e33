//! A whole frame in which only the person of the event can be recognised.

use goshawk_models::{DecodeLimits, Exif, JpegError, Picture, PictureError, encode_jpeg};
use goshawk_proto::{
    event::Jpeg,
    geometry::{Rect, Size},
    picture::Rgb,
};

/// Cells along the longer side of what is left of a frame. A face that fills a third of it has eight
/// of them across, too few to be recognised: below some sixteen pixels between the ears people fail
/// at it (Harmon, "The recognition of faces", 1973), and machines with them.
const CELLS: u32 = 24;
/// Share of a box's width and height that stays sharp beyond each of its sides: hair and chin.
const MARGIN: f32 = 0.15;

/// Why there is no such frame; then it must not be sent.
#[derive(Debug, thiserror::Error)]
pub(super) enum BlurError {
    /// It cannot be read again.
    #[error(transparent)]
    Read(#[from] PictureError),
    /// It cannot be written again.
    #[error(transparent)]
    Write(#[from] JpegError),
}

/// The same frame with everything but `keep`, boxes in pixels of `source`, reduced to cells of one
/// colour: unlike a blur that leaves nothing to be computed back.
pub(super) fn all_but(
    frame: &Jpeg,
    source: Size,
    keep: &[Rect],
    quality: u8,
) -> Result<Jpeg, BlurError> {
    let picture = Picture::decode(&frame.bytes, Exif::Ignore, &DecodeLimits::default())?;
    let mut rgb = picture.into_rgb();
    let size = rgb.size();
    let sharp: Vec<Region> = keep
        .iter()
        .filter_map(|rect| Region::around(rect, source, size))
        .collect();
    reduce(&mut rgb, &sharp);
    Ok(encode_jpeg(&rgb, quality)?)
}

/// Pixels from the first of each pair to before the second.
#[derive(Clone, Copy, Debug)]
struct Region {
    x: (u32, u32),
    y: (u32, u32),
}

impl Region {
    fn around(rect: &Rect, source: Size, size: Size) -> Option<Self> {
        if source.width == 0 || source.height == 0 {
            return None;
        }
        let span = |from: u32, length: u32, of: u32, to: u32| {
            let scale = to as f32 / of as f32;
            let (from, length) = (from as f32 * scale, length as f32 * scale);
            let low = (from - MARGIN * length).max(0.0) as u32;
            let high = (from + (1.0 + MARGIN) * length).min(to as f32) as u32;
            (low, high)
        };
        Some(Self {
            x: span(rect.x, rect.width, source.width, size.width),
            y: span(rect.y, rect.height, source.height, size.height),
        })
    }

    fn holds(&self, x: u32, y: u32) -> bool {
        (self.x.0..self.x.1).contains(&x) && (self.y.0..self.y.1).contains(&y)
    }
}

/// Gives each cell its mean colour but for the pixels of `sharp`, which the mean leaves out too.
fn reduce(rgb: &mut Rgb, sharp: &[Region]) {
    let Size { width, height } = rgb.size();
    let cell = width.max(height).div_ceil(CELLS).max(1);
    let data = rgb.data_mut();
    for top in (0..height).step_by(cell as usize) {
        for left in (0..width).step_by(cell as usize) {
            let places = || {
                let rows = top..(top + cell).min(height);
                rows.flat_map(move |y| (left..(left + cell).min(width)).map(move |x| (x, y)))
                    .filter(|(x, y)| !sharp.iter().any(|region| region.holds(*x, *y)))
                    .map(|(x, y)| 3 * (y as usize * width as usize + x as usize))
            };
            let (mut sum, mut count) = ([0u64; 3], 0);
            for place in places() {
                count += 1;
                for (sum, value) in sum.iter_mut().zip(&data[place..place + 3]) {
                    *sum += u64::from(*value);
                }
            }
            if count == 0 {
                continue;
            }
            // A mean of bytes is a byte.
            let mean = sum.map(|sum| (sum / count) as u8);
            for place in places() {
                data[place..place + 3].copy_from_slice(&mean);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stripes that no mean keeps.
    fn striped(size: Size) -> Rgb {
        let pixels = (0..size.width * size.height).flat_map(|n| {
            let (x, y) = (n % size.width, n / size.width);
            let value = if (x / 2 + y / 2) % 2 == 0 { 250 } else { 10 };
            [value, 255 - value, 128]
        });
        Rgb::from_data(size, pixels.collect()).unwrap()
    }

    #[test]
    fn only_the_person_stays_sharp() {
        let size = Size::new(480, 240);
        let original = striped(size);
        let mut reduced = original.clone();
        let rect = Rect {
            x: 200,
            y: 100,
            width: 80,
            height: 80,
        };
        // The frame is half as large as the source.
        let region = Region::around(&rect, Size::new(960, 480), size).unwrap();
        assert_eq!((region.x, region.y), ((94, 146), (44, 96)));
        reduce(&mut reduced, &[region]);
        let mut cells = std::collections::HashMap::new();
        let of = |rgb: &Rgb, x: u32, y: u32| {
            let place = 3 * (y * size.width + x) as usize;
            <[u8; 3]>::try_from(&rgb.data()[place..place + 3]).unwrap()
        };
        for y in 0..size.height {
            for x in 0..size.width {
                if region.holds(x, y) {
                    assert_eq!(of(&reduced, x, y), of(&original, x, y), "{x} {y}");
                } else {
                    let colour = of(&reduced, x, y);
                    assert_eq!(*cells.entry((x / 20, y / 20)).or_insert(colour), colour);
                }
            }
        }
        assert!(cells.len() <= (CELLS * CELLS) as usize);
    }

    #[test]
    fn a_frame_is_read_and_written_again_or_refused() {
        let size = Size::new(320, 180);
        let frame = encode_jpeg(&striped(size), 90).unwrap();
        let told = all_but(&frame, size, &[], 90).unwrap();
        assert_eq!(told.size, size);
        assert!(
            told.bytes.len() < frame.bytes.len() / 4,
            "little is left of it"
        );
        let broken = Jpeg {
            size,
            bytes: b"no picture".to_vec(),
        };
        assert!(all_but(&broken, size, &[], 90).is_err());
    }

    #[test]
    fn boxes_that_reach_out_of_the_picture_are_cut() {
        let rect = Rect {
            x: 600,
            y: 0,
            width: 4_000_000_000,
            height: 10,
        };
        let size = Size::new(640, 480);
        let region = Region::around(&rect, size, size).unwrap();
        assert!(region.x.1 <= 640 && region.y.1 <= 480);
        assert!(Region::around(&rect, Size::new(0, 0), size).is_none());
        reduce(&mut Rgb::black(Size::new(1, 1)), &[region]);
        reduce(&mut Rgb::black(Size::new(0, 0)), &[]);
    }
}
