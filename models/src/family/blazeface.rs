//! BlazeFace, back camera: faces of about 4 % of the searched window's longer side and more.
//!
//! The whole picture is searched letterboxed, and on wish overlapping tiles besides, each at the
//! cost of one more run (6.4 ms on one thread where it was measured).

use goshawk_proto::{
    geometry::Rect,
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
        letterbox::{Fitting, Letterbox},
        tensor::{Normalisation, append_framed},
    },
    role::{Candidate, FaceDetector, Search},
    runtime::{InferError, Model, ModelError},
};

use super::{Opener, normalisation, search::search};

/// Overlap from which two boxes of one view are one face, where the manifest names none.
const OVERLAP: f32 = 0.3;
/// Most candidates that leave one view.
const MOST_PER_VIEW: usize = 256;

/// The detector.
pub struct Blazeface {
    model: Model,
    how: Normalisation,
    fitting: Fitting,
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
            fitting: Fitting::of(&manifest.input),
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
        let fit = Letterbox::fit(region, &self.fitting);
        picture.region(region, fit.content, &mut buffers.rgb);
        buffers.input.clear();
        append_framed(&mut buffers.input, &buffers.rgb, &fit.frame, &self.how);
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
            // It gives the middle of the mouth, not its corners.
            points: None,
        }));
        Ok(())
    }
}

impl FaceDetector for Blazeface {
    fn find(
        &self,
        pictures: &[&dyn Pixels],
        wanted: &Search,
    ) -> Result<Vec<Vec<Candidate>>, InferError> {
        // The file takes one picture a run.
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
