//! BlazeFace, back camera: faces of about 4 % of the searched window's longer side and more.
//!
//! The whole picture is searched letterboxed, and on wish overlapping tiles besides, each at the
//! cost of one more run (6.4 ms on one thread where it was measured).

use goshawk_proto::{
    geometry::{Rect, Size},
    picture::{Pixels, Rgb},
};

use crate::{
    family::scratch::Scratch,
    manifest::Manifest,
    post::{
        blazeface::{ANCHORS_16, ANCHORS_32, RawFace, SIDE, VALUES, decode_head},
        suppress::{Overlap, suppress},
    },
    pre::{
        letterbox::Letterbox,
        tensor::{Normalisation, append_padded},
        tiles::tiles,
    },
    role::{Candidate, FaceDetector, Search},
    runtime::{InferError, Model, ModelError},
};

use super::{Opener, normalisation};

/// Overlap from which two boxes of one view are one face, where the manifest names none.
const OVERLAP: f32 = 0.3;
/// Overlap over the smaller box from which boxes of different tiles are one face.
const TILE_OVERLAP: f32 = 0.45;
/// Most candidates that leave one view.
const MOST_PER_VIEW: usize = 256;

/// The detector.
pub struct Blazeface {
    model: Model,
    how: Normalisation,
    overlap: f32,
    scratch: Scratch<Buffers>,
}

#[derive(Default)]
struct Buffers {
    rgb: Rgb,
    input: Vec<f32>,
    raw: Vec<RawFace>,
}

impl Blazeface {
    /// Opens the model.
    pub(crate) fn open(opener: &Opener<'_>, manifest: &Manifest) -> Result<Self, ModelError> {
        let how = normalisation(manifest, SIDE)?;
        let outputs = [
            ("scores_16", vec![ANCHORS_16, 1]),
            ("boxes_16", vec![ANCHORS_16, VALUES]),
            ("scores_32", vec![ANCHORS_32, 1]),
            ("boxes_32", vec![ANCHORS_32, VALUES]),
        ];
        Ok(Self {
            model: opener.model(manifest, &outputs)?,
            how,
            overlap: manifest.decision.map_or(OVERLAP, |d| d.overlap),
            scratch: Scratch::default(),
        })
    }

    /// Appends what one view of the picture shows.
    fn view(
        &self,
        picture: &dyn Pixels,
        region: Rect,
        min_score: f32,
        buffers: &mut Buffers,
        out: &mut Vec<Candidate>,
    ) -> Result<(), InferError> {
        let fit = Letterbox::fit(region, SIDE);
        picture.region(region, fit.content, &mut buffers.rgb);
        buffers.input.clear();
        append_padded(&mut buffers.input, &buffers.rgb, SIDE, &self.how);
        let raw = &mut buffers.raw;
        raw.clear();
        self.model.run(1, &buffers.input, |answers| {
            if let [scores16, boxes16, scores32, boxes32] = answers {
                decode_head(scores16, boxes16, 16, 2, min_score, raw);
                decode_head(scores32, boxes32, 32, 6, min_score, raw);
            }
        })?;
        suppress(
            raw,
            Overlap::Union(self.overlap),
            MOST_PER_VIEW,
            |f| f.score,
            |f| f.bbox,
        );
        out.extend(raw.iter().map(|face| Candidate {
            bbox: fit.bbox(face.bbox),
            score: face.score,
            eyes: [fit.point(face.points[0]), fit.point(face.points[1])],
        }));
        Ok(())
    }

    fn picture(&self, picture: &dyn Pixels, search: &Search) -> Result<Vec<Candidate>, InferError> {
        let size = picture.size();
        if size.width == 0 || size.height == 0 {
            return Ok(Vec::new());
        }
        let mut found = Vec::new();
        self.scratch.with(|buffers| {
            for region in views(size, search.tile) {
                self.view(picture, region, search.min_score, buffers, &mut found)?;
            }
            Ok(())
        })?;
        suppress(
            &mut found,
            Overlap::Smaller(TILE_OVERLAP),
            search.most,
            |c| c.score,
            |c| c.bbox,
        );
        Ok(found)
    }
}

/// The whole picture, and tiles where they are smaller than it.
fn views(size: Size, tile: Option<u32>) -> Vec<Rect> {
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

impl FaceDetector for Blazeface {
    fn find(
        &self,
        pictures: &[&dyn Pixels],
        search: &Search,
    ) -> Result<Vec<Vec<Candidate>>, InferError> {
        // The file takes one picture a run.
        pictures
            .iter()
            .map(|picture| self.picture(*picture, search))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_come_on_top_of_the_whole_picture() {
        let hd = Size::new(1280, 720);
        assert_eq!(views(hd, None).len(), 1);
        assert_eq!(views(hd, Some(512)).len(), 7);
        // A picture no larger than a tile is searched once.
        assert_eq!(views(Size::new(300, 200), Some(512)).len(), 1);
    }
}
