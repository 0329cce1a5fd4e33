//! What is behind the head (ISO/IEC 29794-5, background uniformity, in the reading of OFIQ).
//!
//! OFIQ takes the background from a segmentation network; here it is what surely is none of the
//! person: in a window about the face, everything above the eyes outside an ellipse that holds
//! head and hair, and between eyes and chin what is further to the side than long hair. Large
//! hair-dos and hats count as background; people behind the person do, too, and are meant to.

use goshawk_proto::{
    geometry::{Point, Size},
    picture::{Pixels, Rgb},
    score::Score,
};

use crate::{
    colour::luminance,
    post::mesh::Mesh,
    pre::{
        affine::Affine,
        crop::{CropScratch, crop},
    },
};

/// The window's scale: pixels for a distance of the eyes, about that of OFIQ's aligned face.
const SCALE: f32 = 75.0;
/// The window, in distances of the eyes from their middle: to each side, up, down.
const WINDOW: (f32, f32, f32) = (2.2, 2.4, 1.6);
/// Half axes of the ellipse that holds head and hair.
const HEAD: (f32, f32) = (1.5, 2.05);
/// How far hair may hang beside the face.
const BESIDE: f32 = 1.6;
/// Least share of the window that must be background.
const LEAST_SHARE: f32 = 0.05;

/// What is behind the head.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Background {
    /// Mean gradient of luminance (3 × 3 Scharr, 8-bit steps): 0 for a plain wall.
    pub gradient: f32,
    /// The same as quality, 1 for a plain wall: 1.9 (1 − logistic((gradient − 10) / 100)),
    /// cut to 0 to 1; one half at 113.
    pub uniformity: Score,
    /// Mean brightness (code values, Rec. 601), 0 black to 1 white.
    pub lightness: Score,
    /// Share of the window that was looked at.
    pub seen: Score,
}

/// Measures it; `None` when too little of it is in the picture.
pub(super) fn background(picture: &dyn Pixels, mesh: &Mesh) -> Option<Background> {
    let [left, right, ..] = mesh.landmarks();
    let apart = left.distance(right);
    if !apart.is_finite() || apart < 4.0 {
        return None;
    }
    let map = window(left, right, apart);
    let size = Size::new(
        (2.0 * WINDOW.0 * SCALE) as u32,
        ((WINDOW.1 + WINDOW.2) * SCALE) as u32,
    );
    let (mut scratch, mut rgb) = (CropScratch::default(), Rgb::default());
    crop(picture, &map, size, &mut scratch, &mut rgb);
    measured(&rgb, &mask(size, &map, picture.size()))
}

/// From the window's pixels to the picture's: the eyes level.
fn window(left: Point, right: Point, apart: f32) -> Affine {
    let angle = (right.y - left.y).atan2(right.x - left.x);
    let turned = Affine::similarity(apart / SCALE, angle, Point::default());
    let eyes = turned.apply(Point::new(WINDOW.0 * SCALE, WINDOW.1 * SCALE));
    let middle = Point::new((left.x + right.x) / 2.0, (left.y + right.y) / 2.0);
    Affine {
        tx: middle.x - eyes.x,
        ty: middle.y - eyes.y,
        ..turned
    }
}

/// Which of the window's pixels are background in the picture, with all their neighbours.
fn mask(size: Size, map: &Affine, picture: Size) -> Vec<bool> {
    let (width, height) = (size.width as usize, size.height as usize);
    let (right, bottom) = (picture.width as f32 - 2.0, picture.height as f32 - 2.0);
    let mut out = vec![false; width * height];
    for y in 1..height.saturating_sub(1) {
        for x in 1..width.saturating_sub(1) {
            let at = map.apply(Point::new(x as f32 + 0.5, y as f32 + 0.5));
            let shown = (2.0..right).contains(&at.x) && (2.0..bottom).contains(&at.y);
            out[y * width + x] = shown && behind(x, y);
        }
    }
    out
}

fn behind(x: usize, y: usize) -> bool {
    let dx = ((x as f32 + 0.5) / SCALE - WINDOW.0).abs();
    let dy = (y as f32 + 0.5) / SCALE - WINDOW.1;
    if dy < 0.0 {
        (dx / HEAD.0).powi(2) + (dy / HEAD.1).powi(2) > 1.0
    } else {
        dx > BESIDE
    }
}

fn measured(rgb: &Rgb, mask: &[bool]) -> Option<Background> {
    let width = rgb.size().width as usize;
    let pixels = rgb.data().as_chunks::<3>().0;
    let light: Vec<f32> = pixels
        .iter()
        .map(|p| (luminance(*p) * 255.0).round())
        .collect();
    let (mut gradient, mut bright, mut count) = (0.0f64, 0.0f64, 0u32);
    for (at, _) in mask.iter().enumerate().filter(|(_, behind)| **behind) {
        gradient += f64::from(scharr(&light, at, width));
        let [r, g, b] = pixels[at].map(f64::from);
        bright += 0.299 * r + 0.587 * g + 0.114 * b;
        count += 1;
    }
    let seen = count as f32 / mask.len().max(1) as f32;
    if seen < LEAST_SHARE {
        return None;
    }
    let gradient = (gradient / f64::from(count)) as f32;
    Some(Background {
        gradient,
        uniformity: uniformity(gradient),
        lightness: Score::saturating((bright / f64::from(count) / 255.0) as f32),
        seen: Score::saturating(seen),
    })
}

fn scharr(light: &[f32], at: usize, width: usize) -> f32 {
    let v = |dx: isize, dy: isize| light[at.wrapping_add_signed(dx + dy * width as isize)];
    let x = 3.0 * (v(1, -1) - v(-1, -1) + v(1, 1) - v(-1, 1)) + 10.0 * (v(1, 0) - v(-1, 0));
    let y = 3.0 * (v(-1, 1) - v(-1, -1) + v(1, 1) - v(1, -1)) + 10.0 * (v(0, 1) - v(0, -1));
    x.hypot(y)
}

fn uniformity(gradient: f32) -> Score {
    let logistic = 1.0 / (1.0 + (-(gradient - 10.0) / 100.0).exp());
    Score::saturating(1.9 * (1.0 - logistic))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{picture::Picture, post::mesh::POINTS};

    /// Eyes 60 pixels apart about (200, 200).
    fn mesh() -> Mesh {
        let mut values = vec![200.0; POINTS * 3];
        for (index, x) in [(33, 160.0), (133, 180.0), (362, 220.0), (263, 240.0)] {
            values[index * 3] = x;
        }
        Mesh::from_raw(&values, &Affine::IDENTITY).unwrap()
    }

    fn picture(size: Size, paint: impl Fn(usize, usize) -> u8) -> Picture {
        let mut rgb = Rgb::black(size);
        let width = size.width as usize;
        for (i, px) in rgb.data_mut().as_chunks_mut::<3>().0.iter_mut().enumerate() {
            *px = [paint(i % width, i / width); 3];
        }
        Picture::from_rgb(rgb)
    }

    const SIZE: Size = Size::new(400, 400);

    #[test]
    fn a_wall_is_plain_whoever_stands_before_it() {
        // A wild pattern where head and hair are, a light wall elsewhere.
        let before = |x: usize, y: usize| {
            let (dx, dy) = (x as f32 - 200.0, y as f32 - 200.0);
            let head = (dx / 85.0).powi(2) + (dy / 118.0).powi(2) < 1.0;
            if head || y > 200 && dx.abs() < 90.0 {
                ((x * 37 + y * 91) % 256) as u8
            } else {
                210
            }
        };
        let got = background(&picture(SIZE, before), &mesh()).unwrap();
        assert!(got.gradient < 1.0 && got.uniformity.get() > 0.99, "{got:?}");
        assert!((got.lightness.get() - 210.0 / 255.0).abs() < 0.01);
        assert!(got.seen.get() > 0.2);
    }

    #[test]
    fn a_busy_background_is_not_uniform() {
        let stripes = |x: usize, y: usize| {
            if (x / 6 + y / 9).is_multiple_of(2) {
                40
            } else {
                220
            }
        };
        let got = background(&picture(SIZE, stripes), &mesh()).unwrap();
        assert!(got.uniformity.get() < 0.1, "{got:?}");
        let dark = background(&picture(SIZE, |_, _| 10), &mesh()).unwrap();
        assert!(dark.lightness.get() < 0.05 && dark.uniformity.get() > 0.99);
    }

    #[test]
    fn a_tight_crop_has_no_background() {
        let face = Mesh::from_raw(
            &mesh()
                .points()
                .iter()
                .flat_map(|p| [p.x - 130.0, p.y - 110.0, 0.0])
                .collect::<Vec<_>>(),
            &Affine::IDENTITY,
        )
        .unwrap();
        assert_eq!(
            background(&picture(Size::new(140, 190), |_, _| 9), &face),
            None
        );
        let flat = Mesh::from_raw(&vec![5.0; POINTS * 3], &Affine::IDENTITY).unwrap();
        assert_eq!(background(&picture(SIZE, |_, _| 9), &flat), None);
    }
}
