//! Cutting a turned and scaled patch out of anything that has pixels.
//!
//! The source is asked for the upright rectangle round the patch, reduced to about the patch's
//! resolution where that is half of its own or less (so nothing aliases and little is converted);
//! the turn is then bilinear.
//! What lies outside the picture repeats its nearest edge pixel, which adds no false edges.

use goshawk_proto::{
    geometry::{BBox, Point, Rect, Size},
    picture::{Pixels, Rgb},
};

use super::affine::Affine;
use crate::picture::resample;

/// Picture pixels in a patch's pixel, along a side, from which they are averaged first. Below it
/// the samples are so near to each other that interpolation misses no pixel.
const COARSE: f32 = 2.0;

/// Most pixels of an upright intermediate, a guard against absurd maps: 2048 × 2048.
const MAX_INTERMEDIATE: u64 = 2048 * 2048;

/// Writes the patch of `target` pixels whose point `p` shows the picture at `to_picture(p)` into
/// `out`. `scratch` holds the intermediate. Both positions count from the pixels' corners: the
/// first pixel's centre is (0.5, 0.5). A patch entirely outside the picture is black.
pub fn crop(
    picture: &dyn Pixels,
    to_picture: &Affine,
    target: Size,
    scratch: &mut CropScratch,
    out: &mut Rgb,
) {
    out.reshape(target);
    let Some(rect) = covering_rect(picture.size(), to_picture, target) else {
        out.data_mut().fill(0);
        return;
    };
    let reduced = reduced_size(rect, to_picture.scale());
    let CropScratch { region, lanes } = scratch;
    picture.region(rect, reduced, region);
    bilinear(region, &into_region(to_picture, rect, reduced), lanes, out);
}

/// The upright whole-pixel rectangle inside the picture that holds everything the patch shows,
/// with a margin for the interpolation.
fn covering_rect(picture: Size, map: &Affine, target: Size) -> Option<Rect> {
    let (w, h) = (target.width as f32, target.height as f32);
    let corners =
        [(0.0, 0.0), (w, 0.0), (0.0, h), (w, h)].map(|(x, y)| map.apply(Point::new(x, y)));
    if !corners.iter().all(|p| p.x.is_finite() && p.y.is_finite()) {
        return None;
    }
    let margin = map.scale().max(1.0) + 1.0;
    let low = corners
        .iter()
        .fold(corners[0], |m, p| Point::new(m.x.min(p.x), m.y.min(p.y)));
    let high = corners
        .iter()
        .fold(corners[0], |m, p| Point::new(m.x.max(p.x), m.y.max(p.y)));
    let patch = BBox::from_edges(
        (low.x - margin).floor(),
        (low.y - margin).floor(),
        (high.x + margin).ceil(),
        (high.y + margin).ceil(),
    );
    let rect = patch.to_rect(picture);
    (rect.width > 0 && rect.height > 0).then_some(rect)
}

/// Writes all of `source` into `out`, at `target` pixels.
pub fn scale(source: &Rgb, target: Size, scratch: &mut CropScratch, out: &mut Rgb) {
    let size = source.size();
    let a = size.width as f32 / target.width.max(1) as f32;
    let d = size.height as f32 / target.height.max(1) as f32;
    if a.max(d) >= COARSE || size.width == 0 || size.height == 0 {
        return resample(source, size.into(), target, out);
    }
    out.reshape(target);
    let map = Affine {
        a,
        d,
        ..Affine::IDENTITY
    };
    bilinear(source, &map, &mut scratch.lanes, out);
}

/// `rect` at the patch's resolution where that is much less than its own, and bounded.
fn reduced_size(rect: Rect, picture_px_per_patch_px: f32) -> Size {
    let mut by = picture_px_per_patch_px;
    if by < COARSE {
        by = 1.0;
    }
    let area = u64::from(rect.width) * u64::from(rect.height);
    if area > MAX_INTERMEDIATE {
        by = by.max((area as f32 / MAX_INTERMEDIATE as f32).sqrt());
    }
    let side = |s: u32| ((s as f32 / by).round() as u32).max(1);
    Size::new(side(rect.width), side(rect.height))
}

/// From patch positions to positions in the reduced region.
fn into_region(map: &Affine, rect: Rect, reduced: Size) -> Affine {
    let sx = reduced.width as f32 / rect.width as f32;
    let sy = reduced.height as f32 / rect.height as f32;
    Affine {
        a: map.a * sx,
        b: map.b * sx,
        tx: (map.tx - rect.x as f32) * sx,
        c: map.c * sy,
        d: map.d * sy,
        ty: (map.ty - rect.y as f32) * sy,
    }
}

/// What is kept between crops, so that they take no memory anew.
#[derive(Debug, Default)]
pub struct CropScratch {
    /// The upright rectangle round the patch.
    region: Rgb,
    /// Its pixels, as [`Lanes`] has them.
    lanes: Vec<u64>,
}

/// Bits of fraction in positions. The upper [`WEIGHT`] of them weigh samples.
const FRACTION: u32 = 16;
/// Bits of a weight: samples are taken to a 64th of a pixel, as 8 bits of value and two weights
/// have room in a lane.
const WEIGHT: u32 = 6;
/// Bits of a lane.
const LANE: u32 = 21;

/// Fills `out` from `source` by bilinear interpolation, edges repeated.
fn bilinear(source: &Rgb, map: &Affine, lanes: &mut Vec<u64>, out: &mut Rgb) {
    let row_bytes = out.size().width as usize * 3;
    let source = Lanes::of(source, lanes);
    if row_bytes == 0 {
        return;
    }
    // Positions go along a row in equal steps: after 2,000 of them the rounding of a step makes
    // less than a thirtieth of a pixel.
    let fixed = |v: f32| (v * (1 << FRACTION) as f32).round() as i64;
    let (step_x, step_y) = (fixed(map.a), fixed(map.c));
    for (y, row) in out.data_mut().chunks_exact_mut(row_bytes).enumerate() {
        let first = map.apply(Point::new(0.5, y as f32 + 0.5));
        let (mut x, mut y) = (fixed(first.x - 0.5), fixed(first.y - 0.5));
        for pixel in row.as_chunks_mut::<3>().0 {
            *pixel = source.at(x, y);
            x += step_x;
            y += step_y;
        }
    }
}

/// A picture whose pixels are numbers with red, green and blue in a lane each, so that one
/// multiplication weighs all three. The last column and the last row are there twice: every
/// position has a neighbour to the right and one below.
struct Lanes<'a> {
    data: &'a [u64],
    stride: usize,
    /// The largest position in each direction.
    most: (i64, i64),
}

impl<'a> Lanes<'a> {
    fn of(rgb: &Rgb, data: &'a mut Vec<u64>) -> Self {
        let Size { width, height } = rgb.size();
        let stride = width as usize + 1;
        data.clear();
        data.reserve(stride * (height as usize + 1));
        let spread = |[r, g, b]: &[u8; 3]| {
            u64::from(*r) | u64::from(*g) << LANE | u64::from(*b) << (2 * LANE)
        };
        for row in rgb.data().as_chunks::<3>().0.chunks_exact(stride - 1) {
            data.extend(row.iter().map(spread));
            data.extend(row.last().map(spread));
        }
        data.extend_from_within(data.len().saturating_sub(stride)..);
        let most = |side: u32| i64::from(side.saturating_sub(1)) << FRACTION;
        Self {
            data,
            stride,
            most: (most(width), most(height)),
        }
    }

    /// The value at a position in fixed point, counted from the first pixel's centre.
    #[inline]
    fn at(&self, x: i64, y: i64) -> [u8; 3] {
        let (x, y) = (x.clamp(0, self.most.0), y.clamp(0, self.most.1));
        let start = (y >> FRACTION) as usize * self.stride + (x >> FRACTION) as usize;
        let weight = |v: i64| (v >> (FRACTION - WEIGHT)) as u64 & ((1 << WEIGHT) - 1);
        let (right, down) = (weight(x), weight(y));
        let upper = self.across(start, right);
        let lower = self.across(start + self.stride, right);
        const HALF: u64 = 1 << (2 * WEIGHT - 1);
        const HALVES: u64 = HALF | HALF << LANE | HALF << (2 * LANE);
        let sum = upper * ((1 << WEIGHT) - down) + lower * down + HALVES;
        [0, 1, 2].map(|lane| (sum >> (lane * LANE + 2 * WEIGHT)) as u8)
    }

    /// A pixel and its right neighbour, weighed.
    #[inline]
    fn across(&self, start: usize, right: u64) -> u64 {
        match self.data.get(start..start + 2) {
            Some([here, next]) => here * ((1 << WEIGHT) - right) + next * right,
            // Not reached: each position has its neighbour.
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::Picture;
    use proptest::prelude::*;

    /// Red grows to the right, green downwards.
    fn ramp(width: u32, height: u32) -> Picture {
        let mut rgb = Rgb::black(Size::new(width, height));
        for (i, px) in rgb.data_mut().as_chunks_mut::<3>().0.iter_mut().enumerate() {
            *px = [(i as u32 % width) as u8, (i as u32 / width) as u8, 7];
        }
        Picture::from_rgb(rgb)
    }

    fn cut(picture: &Picture, map: &Affine, side: u32) -> Rgb {
        let (mut scratch, mut out) = (CropScratch::default(), Rgb::default());
        crop(picture, map, Size::new(side, side), &mut scratch, &mut out);
        out
    }

    #[test]
    fn an_unturned_patch_of_full_scale_is_a_copy() {
        let out = cut(
            &ramp(200, 150),
            &Affine {
                tx: 20.0,
                ty: 30.0,
                ..Affine::IDENTITY
            },
            16,
        );
        assert_eq!(out.pixel(0, 0), [20, 30, 7]);
        assert_eq!(out.pixel(15, 15), [35, 45, 7]);
    }

    #[test]
    fn a_quarter_turn_swaps_the_axes() {
        let map = Affine::from_square(
            20.0,
            Point::new(60.0, 60.0),
            20.0,
            std::f32::consts::FRAC_PI_2,
        );
        let out = cut(&ramp(120, 120), &map, 20);
        // Output right = picture down, output down = picture left.
        let (a, b, c) = (out.pixel(5, 5), out.pixel(15, 5), out.pixel(5, 15));
        assert_eq!(b[1] - a[1], 10);
        assert_eq!(a[0] - c[0], 10);
    }

    #[test]
    fn outside_repeats_the_edge_and_far_outside_is_black() {
        let out = cut(
            &ramp(50, 50),
            &Affine {
                tx: -8.0,
                ty: 0.0,
                ..Affine::IDENTITY
            },
            16,
        );
        assert_eq!(out.pixel(0, 3), [0, 3, 7]);
        assert_eq!(out.pixel(7, 3), [0, 3, 7]);
        assert_eq!(out.pixel(12, 3), [4, 3, 7]);
        let out = cut(
            &ramp(50, 50),
            &Affine {
                tx: 500.0,
                ty: 0.0,
                ..Affine::IDENTITY
            },
            16,
        );
        assert!(out.data().iter().all(|v| *v == 0));
        let out = cut(
            &ramp(50, 50),
            &Affine {
                tx: f32::NAN,
                ..Affine::IDENTITY
            },
            16,
        );
        assert!(out.data().iter().all(|v| *v == 0));
    }

    proptest! {
        #[test]
        fn a_ramp_shows_where_each_pixel_came_from(
            angle in -3.1f32..3.1, scale in 0.3f32..2.5, x in 90.0f32..150.0, y in 90.0f32..150.0,
        ) {
            let map = Affine::from_square(24.0, Point::new(x, y), 24.0 * scale, angle);
            let out = cut(&ramp(240, 240), &map, 24);
            for (px, py) in [(2i64, 3i64), (12, 12), (21, 5)] {
                let want = map.apply(Point::new(px as f32 + 0.5, py as f32 + 0.5));
                let got = out.pixel(px, py);
                prop_assert!((f32::from(got[0]) + 0.5 - want.x).abs() < 1.6, "{got:?} {want:?}");
                prop_assert!((f32::from(got[1]) + 0.5 - want.y).abs() < 1.6, "{got:?} {want:?}");
            }
        }
    }
}
