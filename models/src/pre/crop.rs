//! Cutting a turned and scaled patch out of anything that has pixels.
//!
//! The source is asked for the upright rectangle round the patch, already reduced to about the
//! patch's resolution (so nothing aliases and little is converted); the turn is then bilinear.
//! What lies outside the picture repeats its nearest edge pixel, which adds no false edges.

use goshawk_proto::{
    geometry::{BBox, Point, Rect, Size},
    picture::{Pixels, Rgb},
};

use super::affine::Affine;

/// Most pixels of an upright intermediate, a guard against absurd maps: 2048 × 2048.
const MAX_INTERMEDIATE: u64 = 2048 * 2048;

/// Writes the patch of `target` pixels whose point `p` shows the picture at `to_picture(p)` into
/// `out`. `scratch` holds the intermediate. Both positions count from the pixels' corners: the
/// first pixel's centre is (0.5, 0.5). A patch entirely outside the picture is black.
pub fn crop(
    picture: &dyn Pixels,
    to_picture: &Affine,
    target: Size,
    scratch: &mut Rgb,
    out: &mut Rgb,
) {
    out.reshape(target);
    let Some(rect) = covering_rect(picture.size(), to_picture, target) else {
        out.data_mut().fill(0);
        return;
    };
    let reduced = reduced_size(rect, to_picture.scale());
    picture.region(rect, reduced, scratch);
    bilinear(scratch, &into_region(to_picture, rect, reduced), out);
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

/// `rect` at the patch's resolution: never enlarged here, and bounded.
fn reduced_size(rect: Rect, picture_px_per_patch_px: f32) -> Size {
    let mut by = picture_px_per_patch_px.max(1.0);
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

/// Fills `out` from `source` by bilinear interpolation, edges repeated.
fn bilinear(source: &Rgb, map: &Affine, out: &mut Rgb) {
    let size = out.size();
    let (width, height) = (source.size().width as usize, source.size().height as usize);
    let (max_x, max_y) = ((width - 1) as f32, (height - 1) as f32);
    let data = source.data();
    let row_bytes = size.width as usize * 3;
    for (y, row) in out.data_mut().chunks_exact_mut(row_bytes).enumerate() {
        for (x, pixel) in row.as_chunks_mut::<3>().0.iter_mut().enumerate() {
            let at = map.apply(Point::new(x as f32 + 0.5, y as f32 + 0.5));
            // 8 bits of fraction are as fine as 8-bit samples can show.
            let fx = ((at.x - 0.5).clamp(0.0, max_x) * 256.0) as usize;
            let fy = ((at.y - 0.5).clamp(0.0, max_y) * 256.0) as usize;
            let (x0, y0) = (fx >> 8, fy >> 8);
            let (x1, y1) = ((x0 + 1).min(width - 1), (y0 + 1).min(height - 1));
            let (wx, wy) = ((fx & 255) as u32, (fy & 255) as u32);
            let (top, bottom) = (y0 * width, y1 * width);
            for (channel, value) in pixel.iter_mut().enumerate() {
                let sample = |at: usize| u32::from(data[at * 3 + channel]);
                let upper = sample(top + x0) * (256 - wx) + sample(top + x1) * wx;
                let lower = sample(bottom + x0) * (256 - wx) + sample(bottom + x1) * wx;
                *value = ((upper * (256 - wy) + lower * wy + (1 << 15)) >> 16) as u8;
            }
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
        let (mut scratch, mut out) = (Rgb::default(), Rgb::default());
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
