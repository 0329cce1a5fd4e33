//! Face detectors trained on WIDER FACE: SCRFD, RetinaFace, Ultra-Light. One run finds faces from
//! about 10 pixels of the input.

use goshawk_proto::{
    geometry::{Rect, Size},
    picture::{Pixels, Rgb},
};

use super::{Opener, any_size, refuse, scratch::Scratch, search::search};
use crate::{
    manifest::{Family, Manifest},
    post::{
        found::{FoundFace, core},
        retinaface::{self, Prior},
        scrfd::{self, Grid},
        suppress::{Overlap, suppress},
        ultraface,
    },
    pre::{
        letterbox::{Fitting, Letterbox},
        tensor::{Normalisation, append_framed},
    },
    role::{Candidate, FaceDetector, Search},
    runtime::{BatchAxis, InferError, Model, ModelError},
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
    model: Model,
    how: Normalisation,
    fitting: Fitting,
    /// Least score that counts, whatever a caller asks for.
    floor: f32,
    overlap: f32,
    reading: Reading,
    scratch: Scratch<Buffers>,
}

/// How the outputs are read.
enum Reading {
    /// By head; whether there are points.
    Scrfd(Vec<Grid>, bool),
    Retinaface(Vec<Prior>),
    Ultraface,
}

#[derive(Default)]
struct Buffers {
    rgb: Rgb,
    input: Vec<f32>,
    raw: Vec<FoundFace>,
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
        Ok(Self {
            model: opener.model_with(manifest, &outputs, BatchAxis::Optional)?,
            how: any_size(manifest)?,
            fitting: Fitting::of(&manifest.input),
            floor: manifest.decision.map_or(0.0, |d| d.score),
            overlap: manifest.decision.map_or(OVERLAP, |d| d.overlap),
            reading,
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
        let Buffers { rgb, input, raw } = buffers;
        let fit = Letterbox::fit(region, &self.fitting);
        picture.region(region, fit.content, rgb);
        input.clear();
        append_framed(input, rgb, &fit.frame, &self.how);
        raw.clear();
        self.model.run(1, input, |answers| {
            self.read(answers, min_score.max(self.floor), raw)
        })?;
        if raw.len() > MOST_COMPARED {
            raw.sort_unstable_by(|a, b| b.score.total_cmp(&a.score));
            raw.truncate(MOST_COMPARED);
        }
        let overlap = Overlap::Union(self.overlap);
        suppress(raw, overlap, MOST_PER_VIEW, |f| f.score, |f| f.bbox);
        out.extend(raw.iter().map(|face| Candidate {
            bbox: fit.bbox(core(face.bbox)),
            score: face.score,
            eyes: face.eyes().map(|p| fit.point(p)),
            points: face.points.map(|points| points.map(|p| fit.point(p))),
        }));
        Ok(())
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
                ultraface::decode(scores, boxes, self.fitting.input, min_score, raw);
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

impl FaceDetector for WiderFaces {
    fn find(
        &self,
        pictures: &[&dyn Pixels],
        wanted: &Search,
    ) -> Result<Vec<Vec<Candidate>>, InferError> {
        // These files take one picture a run.
        let one = |picture: &dyn Pixels| {
            self.scratch.with(|buffers| {
                search(picture, wanted, |region, out| {
                    self.view(picture, region, wanted.min_score, buffers, out)
                })
            })
        };
        pictures.iter().map(|picture| one(*picture)).collect()
    }
}
