//! Searching a picture as a whole and in tiles, for any detector.

use goshawk_proto::{
    geometry::{Rect, Size},
    picture::Pixels,
};

use crate::{
    post::suppress::{Overlap, suppress},
    pre::tiles::tiles,
    role::{Candidate, Search},
    runtime::InferError,
};

/// Overlap over the smaller box from which boxes of different views are one face.
const VIEW_OVERLAP: f32 = 0.45;

/// Runs `view` over the whole picture and the tiles that are asked for, and merges what it
/// appends: best first, each face once, no more than asked for.
pub(super) fn search(
    picture: &dyn Pixels,
    search: &Search,
    mut view: impl FnMut(Rect, &mut Vec<Candidate>) -> Result<(), InferError>,
) -> Result<Vec<Candidate>, InferError> {
    let mut found = Vec::new();
    for region in views(picture.size(), search.tile) {
        view(region, &mut found)?;
    }
    suppress(
        &mut found,
        Overlap::Smaller(VIEW_OVERLAP),
        search.most,
        |c| c.score,
        |c| c.bbox,
    );
    Ok(found)
}

/// The whole picture, and tiles where they are smaller than it; none of an empty picture.
fn views(size: Size, tile: Option<u32>) -> Vec<Rect> {
    if size.width == 0 || size.height == 0 {
        return Vec::new();
    }
    let whole = Rect {
        x: 0,
        y: 0,
        width: size.width,
        height: size.height,
    };
    let mut views = vec![whole];
    if let Some(tile) = tile {
        views.extend(tiles(size, tile).into_iter().filter(|t| *t != whole));
    }
    views
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_come_on_top_of_the_whole_picture() {
        let hd = Size::new(1280, 720);
        assert_eq!(views(hd, None).len(), 1);
        assert_eq!(views(hd, Some(512)).len(), 7);
        // A picture no larger than a tile is searched once, an empty one never.
        assert_eq!(views(Size::new(300, 200), Some(512)).len(), 1);
        assert!(views(Size::new(0, 200), Some(512)).is_empty());
    }
}
