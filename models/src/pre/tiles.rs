//! Cutting a picture into overlapping squares, so that a detector with a small input sees small
//! objects large enough.

use goshawk_proto::geometry::{Rect, Size};

/// Smallest tile in pixels; a smaller wish is raised to it.
pub const MIN_TILE: u32 = 128;
/// Most tiles of one picture; the tile grows until they are no more.
pub const MAX_TILES: usize = 64;

/// Overlapping squares of about `size` pixels that cover `picture`, row by row. Neighbours share
/// at least a quarter of their side, so an object up to that wide lies whole in one of them. A
/// side shorter than a tile is covered by one. Where more than [`MAX_TILES`] would be needed,
/// the tile's side is doubled until they suffice.
pub fn tiles(picture: Size, size: u32) -> impl Iterator<Item = Rect> {
    let mut side = size.max(MIN_TILE);
    let across_down = |side| (steps(picture.width, side), steps(picture.height, side));
    let (mut across, mut down) = across_down(side);
    while across * down > MAX_TILES as u64 {
        side = side.saturating_mul(2);
        (across, down) = across_down(side);
    }
    grid(picture, side, across, down)
}

/// How many tiles of `side` cover `length` with a quarter overlap; none cover nothing.
fn steps(length: u32, side: u32) -> u64 {
    if length == 0 {
        return 0;
    }
    if length <= side {
        return 1;
    }
    let overlap = side / 4;
    u64::from(length - overlap).div_ceil(u64::from(side - overlap))
}

fn grid(picture: Size, side: u32, across: u64, down: u64) -> impl Iterator<Item = Rect> {
    let width = side.min(picture.width);
    let height = side.min(picture.height);
    (0..across * down).map(move |tile| Rect {
        x: spread(picture.width - width, tile % across, across),
        y: spread(picture.height - height, tile / across, down),
        width,
        height,
    })
}

/// Offset `index` of `count` spread evenly over 0..=`room`.
fn spread(room: u32, index: u64, count: u64) -> u32 {
    if count <= 1 {
        0
    } else {
        (u64::from(room) * index / (count - 1)) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_measured_settings_take_the_measured_number_of_runs() {
        let hd = Size::new(1280, 720);
        assert_eq!(tiles(hd, 512).count(), 6);
        assert_eq!(tiles(hd, 384).count(), 15);
        assert_eq!(tiles(hd, 256).count(), 28);
    }

    proptest! {
        #[test]
        fn every_pixel_is_covered_and_no_tile_sticks_out(
            width in 1u32..5000, height in 1u32..5000, size in 0u32..2000, fx in 0.0f32..1.0, fy in 0.0f32..1.0,
        ) {
            let all: Vec<Rect> = tiles(Size::new(width, height), size).collect();
            prop_assert!(!all.is_empty() && all.len() <= MAX_TILES);
            for t in &all {
                prop_assert!(t.x + t.width <= width && t.y + t.height <= height);
            }
            let x = ((width - 1) as f32 * fx) as u32;
            let y = ((height - 1) as f32 * fy) as u32;
            prop_assert!(all.iter().any(|t| (t.x..t.x + t.width).contains(&x) && (t.y..t.y + t.height).contains(&y)));
        }

        #[test]
        fn a_quarter_tile_object_is_whole_somewhere(width in 300u32..4000, x in 0.0f32..1.0) {
            let mut all = tiles(Size::new(width, 200), 256);
            let left = ((width - 64) as f32 * x) as u32;
            prop_assert!(all.any(|t| t.x <= left + 1 && left + 63 <= t.x + t.width));
        }
    }

    #[test]
    fn absurd_sizes_end() {
        assert!(tiles(Size::new(u32::MAX, u32::MAX), 1).count() <= MAX_TILES);
        assert_eq!(tiles(Size::new(0, 5), 100).count(), 0);
    }
}
