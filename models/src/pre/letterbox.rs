//! Fitting a region into a network input without changing its proportions.

use goshawk_proto::geometry::{BBox, Point, Rect, Size};

use super::tensor::Frame;
use crate::manifest::{Fit, Input, Place};

/// How a network wants regions that have not its input's proportions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fitting {
    /// Its input in pixels.
    pub input: Size,
    /// Scaled in both directions on its own instead of being padded.
    pub stretch: bool,
    /// Where the region lies in the input.
    pub place: Place,
    /// What is round it, before normalising.
    pub pad: u8,
}

impl Fitting {
    /// What a manifest's input asks for.
    pub fn of(input: &Input) -> Self {
        Self {
            input: Size::new(input.width, input.height),
            stretch: input.fit == Fit::Stretch,
            place: input.place,
            pad: input.pad,
        }
    }
}

/// A region reduced (or enlarged) to a part of a network input; the rest is padding.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Letterbox {
    /// The part of the picture that is shown.
    pub region: Rect,
    /// Its size inside the input.
    pub content: Size,
    /// The whole input, and where the content lies in it.
    pub frame: Frame,
}

impl Letterbox {
    /// Fits `region` into the input, as large as it goes. An empty region gets one pixel of
    /// content.
    pub fn fit(region: Rect, how: &Fitting) -> Self {
        let input = how.input;
        let by = (input.width as f32 / region.width.max(1) as f32)
            .min(input.height as f32 / region.height.max(1) as f32);
        let shown = |s: u32, most: u32| ((s as f32 * by).round() as u32).clamp(1, most.max(1));
        let content = if how.stretch {
            input
        } else {
            Size::new(
                shown(region.width, input.width),
                shown(region.height, input.height),
            )
        };
        let room = |whole: u32, part: u32| match how.place {
            Place::Corner => 0,
            Place::Centre => whole.saturating_sub(part) / 2,
        };
        let frame = Frame {
            size: input,
            left: room(input.width, content.width),
            top: room(input.height, content.height),
            pad: how.pad,
        };
        Self {
            region,
            content,
            frame,
        }
    }

    /// From the input's pixels to the picture's.
    pub fn point(&self, p: Point) -> Point {
        let (sx, sy) = self.scale();
        Point::new(
            self.region.x as f32 + (p.x - self.frame.left as f32) * sx,
            self.region.y as f32 + (p.y - self.frame.top as f32) * sy,
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

    const fn square(place: Place) -> Fitting {
        Fitting {
            input: Size::new(256, 256),
            stretch: false,
            place,
            pad: 0,
        }
    }

    proptest! {
        #[test]
        fn content_fits_and_its_corners_are_the_regions(
            x in 0u32..500, y in 0u32..500, width in 1u32..4000, height in 1u32..4000,
            centre in any::<bool>(),
        ) {
            let place = if centre { Place::Centre } else { Place::Corner };
            let region = Rect { x, y, width, height };
            let fit = Letterbox::fit(region, &square(place));
            prop_assert!(fit.content.width <= 256 && fit.content.height <= 256);
            prop_assert!(fit.content.width == 256 || fit.content.height == 256);
            let (left, top) = (fit.frame.left as f32, fit.frame.top as f32);
            let whole = BBox::new(left, top, fit.content.width as f32, fit.content.height as f32);
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
            &square(Place::Corner),
        );
        assert_eq!(fit.content, Size::new(256, 144));
        assert_eq!(fit.point(Point::new(128.0, 72.0)), Point::new(640.0, 360.0));
    }

    #[test]
    fn in_the_centre_and_stretched() {
        let region = Rect {
            x: 10,
            y: 0,
            width: 1280,
            height: 720,
        };
        let fit = Letterbox::fit(region, &square(Place::Centre));
        assert_eq!((fit.frame.left, fit.frame.top), (0, 56));
        assert_eq!(fit.point(Point::new(0.0, 56.0)), Point::new(10.0, 0.0));
        let stretch = Fitting {
            stretch: true,
            ..square(Place::Corner)
        };
        let fit = Letterbox::fit(region, &stretch);
        assert_eq!(fit.content, Size::new(256, 256));
        assert_eq!(
            fit.point(Point::new(256.0, 256.0)),
            Point::new(1290.0, 720.0)
        );
    }
}
