//! Fitting a region into a network input without changing its proportions.

use goshawk_proto::geometry::{BBox, Point, Rect, Size};

/// A region reduced (or enlarged) to the top-left of a network input; the rest is padding.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Letterbox {
    /// The part of the picture that is shown.
    pub region: Rect,
    /// Its size inside the input.
    pub content: Size,
}

impl Letterbox {
    /// Fits `region` into `input`, as large as it goes. An empty region gets one pixel of
    /// content.
    pub fn fit(region: Rect, input: Size) -> Self {
        let by = (input.width as f32 / region.width.max(1) as f32)
            .min(input.height as f32 / region.height.max(1) as f32);
        let shown = |s: u32, most: u32| ((s as f32 * by).round() as u32).clamp(1, most.max(1));
        let content = Size::new(
            shown(region.width, input.width),
            shown(region.height, input.height),
        );
        Self { region, content }
    }

    /// From the input's pixels to the picture's.
    pub fn point(&self, p: Point) -> Point {
        let (sx, sy) = self.scale();
        Point::new(
            self.region.x as f32 + p.x * sx,
            self.region.y as f32 + p.y * sy,
        )
    }

    /// From the input's pixels to the picture's.
    pub fn bbox(&self, b: BBox) -> BBox {
        let (sx, sy) = self.scale();
        let corner = self.point(Point::new(b.x, b.y));
        BBox::new(corner.x, corner.y, b.width * sx, b.height * sy)
    }

    /// Picture pixels for one pixel of the input, across and down.
    fn scale(&self) -> (f32, f32) {
        (
            self.region.width as f32 / self.content.width as f32,
            self.region.height as f32 / self.content.height as f32,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn content_fits_and_its_corners_are_the_regions(
            x in 0u32..500, y in 0u32..500, width in 1u32..4000, height in 1u32..4000,
        ) {
            let region = Rect { x, y, width, height };
            let fit = Letterbox::fit(region, Size::new(256, 256));
            prop_assert!(fit.content.width <= 256 && fit.content.height <= 256);
            prop_assert!(fit.content.width == 256 || fit.content.height == 256);
            let whole = BBox::new(0.0, 0.0, fit.content.width as f32, fit.content.height as f32);
            let back = fit.bbox(whole);
            let want = BBox::from(region);
            prop_assert!((back.x - want.x).abs() < 0.1 && (back.right() - want.right()).abs() < 0.1);
            prop_assert!((back.y - want.y).abs() < 0.1 && (back.bottom() - want.bottom()).abs() < 0.1);
        }
    }

    #[test]
    fn a_wide_frame_fills_the_width() {
        let fit = Letterbox::fit(
            Rect {
                x: 0,
                y: 0,
                width: 1280,
                height: 720,
            },
            Size::new(256, 256),
        );
        assert_eq!(fit.content, Size::new(256, 144));
        assert_eq!(fit.point(Point::new(128.0, 72.0)), Point::new(640.0, 360.0));
    }
}
