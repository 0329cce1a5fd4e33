//! YuNet: faces of about 10 pixels of its input and more, in one run.

use goshawk_proto::{
    geometry::{BBox, Size},
    picture::Pixels,
};

use super::{
    Opener, refuse,
    search::{RawFace, Searcher, Terms},
};
use crate::{
    manifest::Manifest,
    post::yunet::{self, BOX_VALUES, Head, POINT_VALUES, decode_head},
    pre::letterbox::Letterbox,
    role::{Candidate, FaceDetector, Search},
    runtime::{BatchAxis, InferError, ModelError},
};

/// Pixels between cells of the three heads.
const STRIDES: [u32; 3] = [8, 16, 32];
/// Overlap from which two boxes of one view are one face, where the manifest names none.
const OVERLAP: f32 = 0.3;
/// Most candidates that leave one view.
const MOST_PER_VIEW: usize = 512;

/// The detector.
pub struct Yunet(Searcher<yunet::RawFace>);

impl Yunet {
    /// Opens the model, whose input may have any size in whole multiples of 32.
    pub(crate) fn open(opener: &Opener<'_>, manifest: &Manifest) -> Result<Self, ModelError> {
        let input = Size::new(manifest.input.width, manifest.input.height);
        if !input.width.is_multiple_of(32) || !input.height.is_multiple_of(32) {
            return Err(refuse(
                manifest,
                "its family wants an input whose sides are multiples of 32",
            ));
        }
        let mut outputs = Vec::new();
        for stride in STRIDES {
            let cells = (input.width / stride) as usize * (input.height / stride) as usize;
            for (what, values) in [
                ("cls", 1),
                ("obj", 1),
                ("bbox", BOX_VALUES),
                ("kps", POINT_VALUES),
            ] {
                outputs.push((format!("{what}_{stride}"), vec![cells, values]));
            }
        }
        let outputs: Vec<_> = outputs
            .iter()
            .map(|(name, sides)| (name.as_str(), sides.clone()))
            .collect();
        let terms = Terms::of(manifest, OVERLAP, MOST_PER_VIEW);
        Searcher::open(opener, manifest, &outputs, BatchAxis::Leading, terms).map(Self)
    }
}

impl RawFace for yunet::RawFace {
    fn score(&self) -> f32 {
        self.score
    }

    fn bbox(&self) -> BBox {
        self.bbox
    }

    fn candidate(&self, fit: &Letterbox) -> Candidate {
        Candidate {
            bbox: fit.bbox(self.core()),
            score: self.score,
            eyes: [fit.point(self.points[0]), fit.point(self.points[1])],
            points: Some(self.points.map(|p| fit.point(p))),
        }
    }
}

impl FaceDetector for Yunet {
    fn find(
        &self,
        pictures: &[&dyn Pixels],
        wanted: &Search,
        found: &mut Vec<Vec<Candidate>>,
    ) -> Result<(), InferError> {
        let width = self.0.size().width;
        let read = |answers: &[&[f32]], min_score, raw: &mut Vec<_>| {
            for (stride, answers) in STRIDES.iter().zip(answers.as_chunks::<4>().0) {
                let [class, object, boxes, points] = *answers;
                let head = Head {
                    class,
                    object,
                    boxes,
                    points,
                };
                let columns = (width / stride) as usize;
                decode_head(&head, *stride, columns, min_score, raw);
            }
        };
        self.0.find(pictures, wanted, read, found)
    }
}
