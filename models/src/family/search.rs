//! Searching a picture for faces, as a whole and in tiles, with any detector that gives boxes.

use goshawk_proto::{
    geometry::{BBox, Rect, Size},
    picture::{Pixels, Rgb},
};

use super::{Opener, normalisation, scratch::Scratch};
use crate::{
    manifest::Manifest,
    post::suppress::{Overlap, suppress},
    pre::{
        letterbox::{Fitting, Letterbox},
        tensor::{Normalisation, append_framed},
        tiles::tiles,
    },
    role::{Candidate, Search},
    runtime::{BatchAxis, InferError, Model, ModelError},
};

/// Overlap over the smaller box from which boxes of different views are one face.
const VIEW_OVERLAP: f32 = 0.45;

/// A face as a network gives it, in pixels of its input.
pub(super) trait RawFace {
    /// 0 to 1.
    fn score(&self) -> f32;
    /// What is compared with other boxes of the same view.
    fn bbox(&self) -> BBox;
    /// The face in the picture's pixels.
    fn candidate(&self, fit: &Letterbox) -> Candidate;
}

/// What of a network's boxes counts.
pub(super) struct Terms {
    /// Least score that counts, whatever a caller asks for.
    pub(super) floor: f32,
    /// Overlap from which two boxes of one view are one face.
    pub(super) overlap: f32,
    /// Most candidates that leave one view.
    pub(super) most: usize,
    /// Most boxes above the threshold that are compared with each other; the best ones are.
    pub(super) compared: usize,
}

impl Terms {
    /// The manifest's decision; `overlap` where it has none.
    pub(super) fn of(manifest: &Manifest, overlap: f32, most: usize) -> Self {
        Self {
            floor: manifest.decision.map_or(0.0, |d| d.score),
            overlap: manifest.decision.map_or(overlap, |d| d.overlap),
            most,
            compared: usize::MAX,
        }
    }
}

/// A model that finds faces, with what its runs need.
pub(super) struct Searcher<R> {
    model: Model,
    how: Normalisation,
    fitting: Fitting,
    terms: Terms,
    scratch: Scratch<Buffers<R>>,
}

struct Buffers<R> {
    rgb: Rgb,
    input: Vec<f32>,
    raw: Vec<R>,
}

impl<R> Default for Buffers<R> {
    fn default() -> Self {
        Self {
            rgb: Rgb::default(),
            input: Vec::new(),
            raw: Vec::new(),
        }
    }
}

impl<R: RawFace> Searcher<R> {
    /// Opens the model. `outputs` are meanings with their sides after the batch.
    pub(super) fn open(
        opener: &Opener<'_>,
        manifest: &Manifest,
        outputs: &[(&str, Vec<usize>)],
        batch: BatchAxis,
        terms: Terms,
    ) -> Result<Self, ModelError> {
        Ok(Self {
            how: normalisation(manifest)?,
            model: opener.model_with(manifest, outputs, batch)?,
            fitting: Fitting::of(&manifest.input),
            terms,
            scratch: Scratch::default(),
        })
    }

    /// The input in pixels.
    pub(super) fn size(&self) -> Size {
        self.fitting.input
    }

    /// Makes `found` the faces of each picture, best first, each once, no more than asked for.
    /// `read` appends those of at least a score from the answers to one view.
    pub(super) fn find(
        &self,
        pictures: &[&dyn Pixels],
        wanted: &Search,
        read: impl Fn(&[&[f32]], f32, &mut Vec<R>),
        found: &mut Vec<Vec<Candidate>>,
    ) -> Result<(), InferError> {
        let least = wanted.min_score.max(self.terms.floor);
        let read = |answers: &[&[f32]], raw: &mut Vec<R>| read(answers, least, raw);
        found.resize_with(pictures.len(), Vec::new);
        // These files take one picture a run.
        for (picture, found) in pictures.iter().zip(found) {
            found.clear();
            self.scratch.with(|buffers| {
                views(picture.size(), wanted.tile)
                    .try_for_each(|region| self.view(*picture, region, read, buffers, found))
            })?;
            let overlap = Overlap::Smaller(VIEW_OVERLAP);
            suppress(found, overlap, wanted.most, |c| c.score, |c| c.bbox);
        }
        Ok(())
    }

    /// Appends what one view of the picture shows.
    fn view(
        &self,
        picture: &dyn Pixels,
        region: Rect,
        read: impl FnOnce(&[&[f32]], &mut Vec<R>),
        buffers: &mut Buffers<R>,
        found: &mut Vec<Candidate>,
    ) -> Result<(), InferError> {
        let Buffers { rgb, input, raw } = buffers;
        let fit = Letterbox::fit(region, &self.fitting);
        picture.region(region, fit.content, rgb);
        input.clear();
        append_framed(input, rgb, &fit.frame, &self.how);
        raw.clear();
        self.model.run(1, input, |answers| read(answers, raw))?;
        let Terms {
            overlap,
            most,
            compared,
            ..
        } = self.terms;
        if raw.len() > compared {
            raw.sort_unstable_by(|a, b| b.score().total_cmp(&a.score()));
            raw.truncate(compared);
        }
        suppress(raw, Overlap::Union(overlap), most, R::score, R::bbox);
        found.extend(raw.iter().map(|face| face.candidate(&fit)));
        Ok(())
    }
}

/// The whole picture, and tiles where they are smaller than it; none of an empty picture.
fn views(size: Size, tile: Option<u32>) -> impl Iterator<Item = Rect> {
    let whole = Rect::from(size);
    let parts = tile.into_iter().flat_map(move |tile| tiles(size, tile));
    let is_empty = size.width == 0 || size.height == 0;
    std::iter::once(whole)
        .filter(move |_| !is_empty)
        .chain(parts.filter(move |part| *part != whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_come_on_top_of_the_whole_picture() {
        let hd = Size::new(1280, 720);
        assert_eq!(views(hd, None).count(), 1);
        assert_eq!(views(hd, Some(512)).count(), 7);
        // A picture no larger than a tile is searched once, an empty one never.
        assert_eq!(views(Size::new(300, 200), Some(512)).count(), 1);
        assert_eq!(views(Size::new(0, 200), Some(512)).count(), 0);
    }
}
