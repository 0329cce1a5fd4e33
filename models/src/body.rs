//! Bodies: their sample, the parts that joints mark, clothes, and how they look as a whole.

pub mod appearance;
pub mod clothing;
pub mod parts;

use goshawk_proto::{
    geometry::{BBox, Point, Size},
    picture::{Pixels, Rgb},
};

use crate::pre::{
    affine::Affine,
    crop::{CropScratch, crop},
};

/// A body's sample: pixels across and down.
pub const BODY_WARP: Size = Size::new(128, 256);

/// The sample of a body: the smallest region of the sample's proportions round its box, with the
/// same middle. Beyond the picture its edge pixels repeat. A box without extent gives black.
pub fn warp_body(picture: &dyn Pixels, bbox: &BBox) -> Rgb {
    let (width, height) = (BODY_WARP.width as f32, BODY_WARP.height as f32);
    let scale = (bbox.width / width).max(bbox.height / height);
    if !scale.is_finite() || scale <= 0.0 {
        return Rgb::black(BODY_WARP);
    }
    let middle = bbox.center();
    let corner = Point::new(
        middle.x - width * scale / 2.0,
        middle.y - height * scale / 2.0,
    );
    let (mut scratch, mut out) = (CropScratch::default(), Rgb::default());
    let map = Affine::similarity(scale, 0.0, corner);
    crop(picture, &map, BODY_WARP, &mut scratch, &mut out);
    out
}

/// A reduced view of a body: its pixels and where each lies in the picture.
pub struct View {
    rgb: Rgb,
    origin: Point,
    step: (f32, f32),
}

impl View {
    /// The picture under `bbox`, reduced to no more than `most` pixels a side. `None` when the box
    /// holds no pixel of the picture.
    pub fn of(picture: &dyn Pixels, bbox: &BBox, most: u32) -> Option<Self> {
        let rect = bbox.to_rect(picture.size());
        if rect.width == 0 || rect.height == 0 {
            return None;
        }
        let by = (rect.width.max(rect.height) as f32 / most.max(1) as f32).max(1.0);
        let side = |s: u32| ((s as f32 / by).round() as u32).max(1);
        let size = Size::new(side(rect.width), side(rect.height));
        let mut rgb = Rgb::default();
        picture.region(rect, size, &mut rgb);
        Some(Self {
            rgb,
            origin: Point::new(rect.x as f32, rect.y as f32),
            step: (
                rect.width as f32 / size.width as f32,
                rect.height as f32 / size.height as f32,
            ),
        })
    }

    /// All pixels with the picture's points they stand for.
    pub fn pixels(&self) -> impl Iterator<Item = (Point, [u8; 3])> + '_ {
        let width = self.rgb.size().width as usize;
        let pixels = self.rgb.data().as_chunks::<3>().0.iter().enumerate();
        pixels.map(move |(index, rgb)| {
            let (x, y) = ((index % width) as f32, (index / width) as f32);
            let at = Point::new(
                self.origin.x + (x + 0.5) * self.step.0,
                self.origin.y + (y + 0.5) * self.step.1,
            );
            (at, *rgb)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::Picture;

    /// Red grows to the right, green downwards.
    fn ramp() -> Picture {
        let mut rgb = Rgb::black(Size::new(200, 220));
        for (i, px) in rgb.data_mut().as_chunks_mut::<3>().0.iter_mut().enumerate() {
            *px = [(i % 200) as u8, (i / 200) as u8, 0];
        }
        Picture::from_rgb(rgb)
    }

    #[test]
    fn a_sample_keeps_proportions_and_middle() {
        // 32 × 128 becomes 64 × 128 about (100, 110), twice as large in the sample.
        let warp = warp_body(&ramp(), &BBox::new(84.0, 46.0, 32.0, 128.0));
        assert_eq!(warp.size(), BODY_WARP);
        let middle = warp.pixel(64, 128);
        assert!((i32::from(middle[0]) - 100).abs() <= 1 && (i32::from(middle[1]) - 110).abs() <= 1);
        assert!((i32::from(warp.pixel(0, 0)[0]) - 68).abs() <= 1);
        assert!((i32::from(warp.pixel(0, 0)[1]) - 46).abs() <= 1);
    }

    #[test]
    fn boxes_without_extent_give_black_and_no_view() {
        for bbox in [BBox::default(), BBox::new(0.0, 0.0, f32::NAN, 5.0)] {
            assert_eq!(warp_body(&ramp(), &bbox), Rgb::black(BODY_WARP));
        }
        assert!(View::of(&ramp(), &BBox::new(300.0, 10.0, 20.0, 20.0), 64).is_none());
    }

    #[test]
    fn a_views_pixels_know_their_place() {
        let view = View::of(&ramp(), &BBox::new(20.0, 40.0, 100.0, 160.0), 80).unwrap();
        let mut count = 0;
        for (at, rgb) in view.pixels() {
            count += 1;
            assert!(
                (at.x - 0.5 - f32::from(rgb[0])).abs() < 2.0,
                "{at:?} {rgb:?}"
            );
            assert!(
                (at.y - 0.5 - f32::from(rgb[1])).abs() < 2.0,
                "{at:?} {rgb:?}"
            );
        }
        assert_eq!(count, 50 * 80);
    }
}
