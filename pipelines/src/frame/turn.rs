//! Clockwise turns: of sizes, of regions back to the unturned picture, and of small pictures.

use goshawk_proto::{
    geometry::{Rect, Size},
    picture::Rgb,
};

use crate::request::Rotation;

/// The size of a picture of `size` once turned. Its own inverse.
pub(super) fn turned(size: Size, rotation: Rotation) -> Size {
    match rotation {
        Rotation::None | Rotation::Cw180 => size,
        Rotation::Cw90 | Rotation::Cw270 => Size::new(size.height, size.width),
    }
}

/// Where a region of the turned picture lies in the unturned one of `size`. The region must be
/// inside the turned picture.
pub(super) fn back(region: Rect, size: Size, rotation: Rotation) -> Rect {
    let Rect {
        x,
        y,
        width,
        height,
    } = region;
    match rotation {
        Rotation::None => region,
        Rotation::Cw90 => Rect {
            x: y,
            y: size.height - x - width,
            width: height,
            height: width,
        },
        Rotation::Cw180 => Rect {
            x: size.width - x - width,
            y: size.height - y - height,
            width,
            height,
        },
        Rotation::Cw270 => Rect {
            x: size.width - y - height,
            y: x,
            width: height,
            height: width,
        },
    }
}

/// Writes `from`, turned, into `out`.
pub(super) fn turn(from: &Rgb, rotation: Rotation, out: &mut Rgb) {
    let size = from.size();
    let (width, height) = (size.width as usize, size.height as usize);
    out.reshape(turned(size, rotation));
    let across = out.size().width as usize;
    if across == 0 {
        return;
    }
    for (y, row) in out.data_mut().chunks_exact_mut(across * 3).enumerate() {
        for (x, pixel) in row.chunks_exact_mut(3).enumerate() {
            let (from_x, from_y) = match rotation {
                Rotation::None => (x, y),
                Rotation::Cw90 => (y, height - 1 - x),
                Rotation::Cw180 => (width - 1 - x, height - 1 - y),
                Rotation::Cw270 => (width - 1 - y, x),
            };
            let at = (from_y * width + from_x) * 3;
            pixel.copy_from_slice(&from.data()[at..at + 3]);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn numbered(size: Size) -> Rgb {
        let data = (0..size.width * size.height * 3)
            .map(|i| (i * 7 % 251) as u8)
            .collect();
        Rgb::from_data(size, data).unwrap()
    }

    fn crop(picture: &Rgb, region: Rect) -> Vec<[u8; 3]> {
        let pixel = |i: u32| {
            let (x, y) = (region.x + i % region.width, region.y + i / region.width);
            picture.pixel(i64::from(x), i64::from(y))
        };
        (0..region.width * region.height).map(pixel).collect()
    }

    #[test]
    fn a_clockwise_quarter_brings_the_left_edge_to_the_top() {
        let picture = numbered(Size::new(3, 2));
        let mut out = Rgb::default();
        turn(&picture, Rotation::Cw90, &mut out);
        assert_eq!(out.size(), Size::new(2, 3));
        assert_eq!(out.pixel(0, 0), picture.pixel(0, 1));
        assert_eq!(out.pixel(1, 0), picture.pixel(0, 0));
        assert_eq!(out.pixel(1, 2), picture.pixel(2, 0));
    }

    proptest! {
        #[test]
        fn cropping_and_turning_commute(
            size in (1u32..12, 1u32..12),
            at in (0.0f32..1.0, 0.0f32..1.0),
            part in (0.0f32..1.0, 0.0f32..1.0),
            quarter in 0u16..4,
        ) {
            let rotation = Rotation::try_from(quarter * 90).unwrap();
            let picture = numbered(Size::new(size.0, size.1));
            let mut whole = Rgb::default();
            turn(&picture, rotation, &mut whole);
            let around = whole.size();
            let (x, y) = ((at.0 * around.width as f32) as u32, (at.1 * around.height as f32) as u32);
            let region = Rect {
                x,
                y,
                width: 1 + (part.0 * (around.width - x - 1) as f32) as u32,
                height: 1 + (part.1 * (around.height - y - 1) as f32) as u32,
            };
            let source = back(region, picture.size(), rotation);
            let cut = crop(&picture, source).into_iter().flatten().collect();
            let cut = Rgb::from_data(Size::new(source.width, source.height), cut).unwrap();
            let mut turned_cut = Rgb::default();
            turn(&cut, rotation, &mut turned_cut);
            let expect: Vec<u8> = crop(&whole, region).into_iter().flatten().collect();
            prop_assert_eq!(turned_cut.data(), expect.as_slice());
        }
    }
}
