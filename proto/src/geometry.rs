//! Points and boxes in pixels: x to the right, y down, origin in the top-left corner.

use serde::{Deserialize, Serialize};

/// A position in pixels, sub-pixel precision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Right of the left edge.
    pub x: f32,
    /// Below the top edge.
    pub y: f32,
}

impl Point {
    /// A point from its coordinates.
    pub const fn new(x: f32, y: f32) -> Self {
        Self { x, y }
    }

    /// Euclidean distance in pixels.
    pub fn distance(self, other: Self) -> f32 {
        (self.x - other.x).hypot(self.y - other.y)
    }
}

/// Width and height of a picture in pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Size {
    /// Pixels from left to right.
    pub width: u32,
    /// Pixels from top to bottom.
    pub height: u32,
}

impl Size {
    /// A size from its sides.
    pub const fn new(width: u32, height: u32) -> Self {
        Self { width, height }
    }
}

/// A box in floating-point pixels, as detectors and trackers see it. It may reach outside the
/// picture; `width` and `height` are never negative when it comes out of this project's code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BBox {
    /// Left edge.
    pub x: f32,
    /// Top edge.
    pub y: f32,
    /// Pixels from left to right.
    pub width: f32,
    /// Pixels from top to bottom.
    pub height: f32,
}

impl BBox {
    /// A box from its top-left corner and sides.
    pub const fn new(x: f32, y: f32, width: f32, height: f32) -> Self {
        Self {
            x,
            y,
            width,
            height,
        }
    }

    /// A box from its left, top, right and bottom edges.
    pub fn from_edges(left: f32, top: f32, right: f32, bottom: f32) -> Self {
        Self::new(left, top, (right - left).max(0.0), (bottom - top).max(0.0))
    }

    /// Right edge.
    pub fn right(&self) -> f32 {
        self.x + self.width
    }

    /// Bottom edge.
    pub fn bottom(&self) -> f32 {
        self.y + self.height
    }

    /// Middle of the box.
    pub fn center(&self) -> Point {
        Point::new(self.x + self.width / 2.0, self.y + self.height / 2.0)
    }

    /// Area in square pixels.
    pub fn area(&self) -> f32 {
        self.width.max(0.0) * self.height.max(0.0)
    }

    /// Shared area in square pixels.
    pub fn intersection(&self, other: &Self) -> f32 {
        let width = self.right().min(other.right()) - self.x.max(other.x);
        let height = self.bottom().min(other.bottom()) - self.y.max(other.y);
        width.max(0.0) * height.max(0.0)
    }

    /// Intersection over union, 0 to 1; 0 when both are empty.
    pub fn iou(&self, other: &Self) -> f32 {
        let shared = self.intersection(other);
        let union = self.area() + other.area() - shared;
        if union > 0.0 { shared / union } else { 0.0 }
    }

    /// Intersection over the smaller of the two, 0 to 1: what tells a box cut by a tile's edge
    /// from a second object.
    pub fn ios(&self, other: &Self) -> f32 {
        let smaller = self.area().min(other.area());
        if smaller > 0.0 {
            self.intersection(other) / smaller
        } else {
            0.0
        }
    }

    /// The box grown about its centre by `factor` on both sides.
    pub fn scaled(&self, factor: f32) -> Self {
        let (width, height) = (self.width * factor, self.height * factor);
        let center = self.center();
        Self::new(
            center.x - width / 2.0,
            center.y - height / 2.0,
            width,
            height,
        )
    }

    /// The part of the box inside a picture of `size`.
    pub fn clipped(&self, size: Size) -> Self {
        let (width, height) = (size.width as f32, size.height as f32);
        Self::from_edges(
            self.x.clamp(0.0, width),
            self.y.clamp(0.0, height),
            self.right().clamp(0.0, width),
            self.bottom().clamp(0.0, height),
        )
    }

    /// The box in whole pixels, clipped to a picture of `size`.
    pub fn to_rect(&self, size: Size) -> Rect {
        let clipped = self.clipped(size);
        let (left, top) = (clipped.x.round() as u32, clipped.y.round() as u32);
        Rect {
            x: left,
            y: top,
            width: (clipped.right().round() as u32).saturating_sub(left),
            height: (clipped.bottom().round() as u32).saturating_sub(top),
        }
    }
}

/// A box in whole pixels inside a picture, as the published contracts write it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Rect {
    /// Left edge.
    pub x: u32,
    /// Top edge.
    pub y: u32,
    /// Pixels from left to right.
    pub width: u32,
    /// Pixels from top to bottom.
    pub height: u32,
}

impl From<Size> for Rect {
    /// All of a picture of that size.
    fn from(size: Size) -> Self {
        Self {
            x: 0,
            y: 0,
            width: size.width,
            height: size.height,
        }
    }
}

impl From<Rect> for BBox {
    fn from(rect: Rect) -> Self {
        Self::new(
            rect.x as f32,
            rect.y as f32,
            rect.width as f32,
            rect.height as f32,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_box() -> impl Strategy<Value = BBox> {
        (
            -50.0f32..200.0,
            -50.0f32..200.0,
            0.0f32..100.0,
            0.0f32..100.0,
        )
            .prop_map(|(x, y, width, height)| BBox::new(x, y, width, height))
    }

    proptest! {
        #[test]
        fn overlap_is_symmetric_and_bounded(a in any_box(), b in any_box()) {
            prop_assert!((a.iou(&b) - b.iou(&a)).abs() < 1e-5);
            prop_assert!((0.0..=1.0001).contains(&a.iou(&b)));
            prop_assert!((0.0..=1.0001).contains(&a.ios(&b)));
            prop_assert!(a.ios(&b) + 1e-5 >= a.iou(&b));
        }

        #[test]
        fn clipping_stays_inside(a in any_box()) {
            let size = Size::new(120, 90);
            let rect = a.to_rect(size);
            prop_assert!(rect.x + rect.width <= size.width);
            prop_assert!(rect.y + rect.height <= size.height);
        }
    }
}
