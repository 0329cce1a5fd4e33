//! The crop that MiniFASNet was trained with: wider than the face, stretched, never outside.

use goshawk_proto::geometry::{BBox, Rect, Size};

/// `bbox` enlarged about its middle by `scale`, or by as much as the picture has room for in both
/// directions, then shifted so that it does not stick out. `None` for a box without extent or far
/// outside. As in `generate_patches.py` of minivision-ai/Silent-Face-Anti-Spoofing, edges are cut
/// to whole pixels and the last ones are included.
pub fn patch(bbox: BBox, scale: f32, picture: Size) -> Option<Rect> {
    if picture.width == 0 || picture.height == 0 {
        return None;
    }
    let last = |side: u32| (side - 1) as f32;
    let (right, bottom) = (last(picture.width), last(picture.height));
    let scale = scale.min(right / bbox.width).min(bottom / bbox.height);
    let center = bbox.center();
    let across = span(center.x, bbox.width * scale, right)?;
    let down = span(center.y, bbox.height * scale, bottom)?;
    Some(Rect {
        x: across.0,
        y: down.0,
        width: across.1,
        height: down.1,
    })
}

/// First pixel and number of pixels of a span of `length` about `center`, shifted into `0..=last`.
fn span(center: f32, length: f32, last: f32) -> Option<(u32, u32)> {
    if !center.is_finite() || !(0.0..=last + 1.0).contains(&length) {
        return None;
    }
    let (mut low, mut high) = (center - length / 2.0, center + length / 2.0);
    if low < 0.0 {
        high -= low;
        low = 0.0;
    }
    if high > last {
        low -= high - last;
        high = last;
    }
    let (low, high) = (low.max(0.0) as u32, high.max(0.0) as u32);
    (high >= low).then(|| (low, high - low + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HD: Size = Size::new(1280, 720);

    #[test]
    fn room_enough_is_scaled_about_the_middle() {
        let face = BBox::new(600.0, 300.0, 50.0, 60.0);
        let found = patch(face, 2.7, HD).unwrap();
        // 625 +- 67.5 and 330 +- 81, both ends included.
        assert_eq!(
            (found.x, found.y, found.width, found.height),
            (557, 249, 136, 163)
        );
    }

    #[test]
    fn at_the_edge_it_is_shifted_and_a_large_face_is_scaled_less() {
        let corner = patch(BBox::new(10.0, 5.0, 100.0, 100.0), 2.0, HD).unwrap();
        assert_eq!(
            (corner.x, corner.y, corner.width, corner.height),
            (0, 0, 201, 201)
        );
        // 719 / 360 is all there is room for.
        let large = patch(BBox::new(400.0, 200.0, 300.0, 360.0), 4.0, HD).unwrap();
        assert_eq!((large.y, large.height), (0, 720));
        assert!((f64::from(large.width) - 300.0 * 719.0 / 360.0).abs() < 2.0);
    }

    #[test]
    fn nothing_comes_of_nothing() {
        assert!(patch(BBox::new(0.0, 0.0, 10.0, 10.0), 2.0, Size::new(0, 9)).is_none());
        assert!(patch(BBox::new(f32::NAN, 0.0, 10.0, 10.0), 2.0, HD).is_none());
        assert!(patch(BBox::new(0.0, 0.0, f32::INFINITY, 10.0), 2.0, HD).is_none());
    }

    proptest! {
        #[test]
        fn it_never_sticks_out(
            x in -500.0f32..2000.0, y in -500.0f32..2000.0, w in 0.0f32..1500.0, h in 0.0f32..1500.0,
            scale in 0.5f32..8.0, width in 1u32..2000, height in 1u32..2000,
        ) {
            if let Some(found) = patch(BBox::new(x, y, w, h), scale, Size::new(width, height)) {
                prop_assert!(found.width >= 1 && found.height >= 1);
                prop_assert!(found.x + found.width <= width && found.y + found.height <= height);
            }
        }
    }
}
