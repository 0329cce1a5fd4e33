//! BlazeFace, back camera: faces of about 4 % of the searched window's longer side and more.
//!
//! The whole picture is searched letterboxed, and on wish overlapping tiles besides, each at the
//! cost of one more run (6.4 ms on one thread where it was measured).

use goshawk_proto::{geometry::BBox, picture::Pixels};

use super::{
    Opener, check_side,
    search::{RawFace, Searcher, Terms},
};
use crate::{
    manifest::Manifest,
    post::blazeface::{self, ANCHORS_16, ANCHORS_32, SIDE, VALUES, decode_head},
    pre::letterbox::Letterbox,
    role::{Candidate, FaceDetector, Search},
    runtime::{BatchAxis, InferError, ModelError},
};

/// Overlap from which two boxes of one view are one face, where the manifest names none.
const OVERLAP: f32 = 0.3;
/// Most candidates that leave one view.
const MOST_PER_VIEW: usize = 256;

/// The detector.
pub struct Blazeface(Searcher<blazeface::RawFace>);

impl Blazeface {
    /// Opens the model.
    pub(crate) fn open(opener: &Opener<'_>, manifest: &Manifest) -> Result<Self, ModelError> {
        check_side(manifest, SIDE)?;
        let outputs = [
            ("scores_16", vec![ANCHORS_16, 1]),
            ("boxes_16", vec![ANCHORS_16, VALUES]),
            ("scores_32", vec![ANCHORS_32, 1]),
            ("boxes_32", vec![ANCHORS_32, VALUES]),
        ];
        let terms = Terms {
            // Any score may be asked for: the second stage tells faces from others.
            floor: 0.0,
            ..Terms::of(manifest, OVERLAP, MOST_PER_VIEW)
        };
        Searcher::open(opener, manifest, &outputs, BatchAxis::Leading, terms).map(Self)
    }
}

impl RawFace for blazeface::RawFace {
    fn score(&self) -> f32 {
        self.score
    }

    fn bbox(&self) -> BBox {
        self.bbox
    }

    fn candidate(&self, fit: &Letterbox) -> Candidate {
        Candidate {
            bbox: fit.bbox(self.bbox),
            score: self.score,
            eyes: [fit.point(self.points[0]), fit.point(self.points[1])],
            // It gives the middle of the mouth, not its corners.
            points: None,
        }
    }
}

impl FaceDetector for Blazeface {
    fn find(
        &self,
        pictures: &[&dyn Pixels],
        wanted: &Search,
        found: &mut Vec<Vec<Candidate>>,
    ) -> Result<(), InferError> {
        let read = |answers: &[&[f32]], min_score, raw: &mut Vec<_>| {
            if let [scores16, boxes16, scores32, boxes32] = answers {
                decode_head(scores16, boxes16, 16, 2, min_score, raw);
                decode_head(scores32, boxes32, 32, 6, min_score, raw);
            }
        };
        self.0.find(pictures, wanted, read, found)
    }
}
