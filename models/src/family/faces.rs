//! Face detectors trained on WIDER FACE: SCRFD, RetinaFace, Ultra-Light. One run finds faces from
//! about 10 pixels of the input.

use goshawk_proto::{
    geometry::{BBox, Size},
    picture::Pixels,
};

use super::{
    Opener, refuse,
    search::{RawFace, Searcher, Terms},
};
use crate::{
    manifest::{Family, Manifest},
    post::{
        found::{FoundFace, core},
        retinaface::{self, Prior},
        scrfd::{self, Grid},
        ultraface,
    },
    pre::letterbox::Letterbox,
    role::{Candidate, FaceDetector, Search},
    runtime::{BatchAxis, InferError, ModelError},
};

/// Overlap from which two boxes of one view are one face, where the manifest names none.
const OVERLAP: f32 = 0.4;
/// Most candidates that leave one view.
const MOST_PER_VIEW: usize = 512;
/// Most boxes above the threshold that are compared with each other; the best ones are.
const MOST_COMPARED: usize = 4096;

/// Meanings with the sides of their tensors.
type Outputs = Vec<(String, Vec<usize>)>;

/// The detector.
pub struct WiderFaces {
    searcher: Searcher<FoundFace>,
    reading: Reading,
}

/// How the outputs are read.
enum Reading {
    /// By head; whether there are points.
    Scrfd(Vec<Grid>, bool),
    Retinaface(Vec<Prior>),
    Ultraface,
}

impl WiderFaces {
    /// Opens the model.
    pub(crate) fn open(opener: &Opener<'_>, manifest: &Manifest) -> Result<Self, ModelError> {
        let size = Size::new(manifest.input.width, manifest.input.height);
        let (reading, outputs) = match manifest.family {
            Family::Retinaface => {
                let priors = retinaface::priors(size);
                let rows = |meaning: &str, values| (meaning.to_owned(), vec![priors.len(), values]);
                let outputs = vec![
                    rows("boxes", 4),
                    rows("scores", 2),
                    rows("points", retinaface::POINT_VALUES),
                ];
                (Reading::Retinaface(priors), outputs)
            }
            Family::Ultraface => {
                let rows = |meaning: &str, values| {
                    (meaning.to_owned(), vec![ultraface::boxes(size), values])
                };
                (
                    Reading::Ultraface,
                    vec![rows("scores", 2), rows("boxes", 4)],
                )
            }
            _ => scrfd(manifest, size)?,
        };
        let outputs: Vec<_> = outputs
            .iter()
            .map(|(m, s)| (m.as_str(), s.clone()))
            .collect();
        let terms = Terms {
            compared: MOST_COMPARED,
            ..Terms::of(manifest, OVERLAP, MOST_PER_VIEW)
        };
        Ok(Self {
            searcher: Searcher::open(opener, manifest, &outputs, BatchAxis::Optional, terms)?,
            reading,
        })
    }

    fn read(&self, answers: &[&[f32]], min_score: f32, raw: &mut Vec<FoundFace>) {
        match (&self.reading, answers) {
            (Reading::Scrfd(grids, true), _) => {
                for (grid, head) in grids.iter().zip(answers.as_chunks::<3>().0) {
                    let [scores, boxes, points] = *head;
                    scrfd::decode_head((scores, boxes, points), grid, min_score, raw);
                }
            }
            (Reading::Scrfd(grids, false), _) => {
                for (grid, head) in grids.iter().zip(answers.as_chunks::<2>().0) {
                    let [scores, boxes] = *head;
                    scrfd::decode_head((scores, boxes, &[]), grid, min_score, raw);
                }
            }
            (Reading::Retinaface(priors), [boxes, scores, points]) => {
                retinaface::decode((boxes, scores, points), priors, min_score, raw);
            }
            (Reading::Ultraface, [scores, boxes]) => {
                ultraface::decode(scores, boxes, self.searcher.size(), min_score, raw);
            }
            // The model answers with as many outputs as were asked for.
            _ => {}
        }
    }
}

/// Three heads with two anchors a cell or five with one; points for all of them or for none.
fn scrfd(manifest: &Manifest, size: Size) -> Result<(Reading, Outputs), ModelError> {
    let named = |what: &str, stride: u32| manifest.output(&format!("{what}_{stride}")).is_some();
    let (strides, per_cell): (&[u32], _) = if named("scores", 64) {
        (&[8, 16, 32, 64, 128], 1)
    } else {
        (&[8, 16, 32], 2)
    };
    let last = strides[strides.len() - 1];
    if !size.width.is_multiple_of(last) || !size.height.is_multiple_of(last) {
        return Err(refuse(
            manifest,
            "its family wants an input whose sides are multiples of its coarsest stride",
        ));
    }
    let points = named("points", 8);
    if strides.iter().any(|s| named("points", *s) != points) {
        return Err(refuse(manifest, "want points of all strides or of none"));
    }
    let (mut grids, mut outputs) = (Vec::new(), Vec::new());
    for stride in strides {
        let grid = Grid {
            stride: *stride,
            columns: (size.width / stride) as usize,
            rows: (size.height / stride) as usize,
            per_cell,
        };
        let mut add = |what: &str, values| {
            outputs.push((format!("{what}_{stride}"), vec![grid.anchors(), values]));
        };
        add("scores", 1);
        add("boxes", scrfd::BOX_VALUES);
        if points {
            add("points", scrfd::POINT_VALUES);
        }
        grids.push(grid);
    }
    Ok((Reading::Scrfd(grids, points), outputs))
}

impl RawFace for FoundFace {
    fn score(&self) -> f32 {
        self.score
    }

    fn bbox(&self) -> BBox {
        self.bbox
    }

    fn candidate(&self, fit: &Letterbox) -> Candidate {
        Candidate {
            bbox: fit.bbox(core(self.bbox)),
            score: self.score,
            eyes: self.eyes().map(|p| fit.point(p)),
            points: self.points.map(|points| points.map(|p| fit.point(p))),
        }
    }
}

impl FaceDetector for WiderFaces {
    fn find(
        &self,
        pictures: &[&dyn Pixels],
        wanted: &Search,
        found: &mut Vec<Vec<Candidate>>,
    ) -> Result<(), InferError> {
        let read = |answers: &[&[f32]], min_score, raw: &mut Vec<FoundFace>| {
            self.read(answers, min_score, raw);
        };
        self.searcher.find(pictures, wanted, read, found)
    }
}
