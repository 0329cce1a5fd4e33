//! YuNet: faces of about 10 pixels of its input and more, in one run.

use goshawk_proto::{
    geometry::{Rect, Size},
    picture::{Pixels, Rgb},
};

use crate::{
    family::scratch::Scratch,
    manifest::Manifest,
    post::{
        suppress::{Overlap, suppress},
        yunet::{BOX_VALUES, Head, POINT_VALUES, RawFace, decode_head},
    },
    pre::{
        letterbox::{Fitting, Letterbox},
        tensor::{Normalisation, append_framed},
    },
    role::{Candidate, FaceDetector, Search},
    runtime::{InferError, Model, ModelError},
};

use super::{Opener, any_size, refuse, search::search};

/// Pixels between cells of the three heads.
const STRIDES: [u32; 3] = [8, 16, 32];
/// Overlap from which two boxes of one view are one face, where the manifest names none.
const OVERLAP: f32 = 0.3;
/// Most candidates that leave one view.
const MOST_PER_VIEW: usize = 512;

/// The detector.
pub struct Yunet {
    model: Model,
    how: Normalisation,
    fitting: Fitting,
    /// Least score that counts, whatever a caller asks for.
    floor: f32,
    overlap: f32,
    scratch: Scratch<Buffers>,
}

#[derive(Default)]
struct Buffers {
    rgb: Rgb,
    input: Vec<f32>,
    raw: Vec<RawFace>,
}

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
        Ok(Self {
            model: opener.model(manifest, &outputs)?,
            how: any_size(manifest)?,
            fitting: Fitting::of(&manifest.input),
            floor: manifest.decision.map_or(0.0, |d| d.score),
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
            for (stride, answers) in STRIDES.iter().zip(answers.as_chunks::<4>().0) {
                let [class, object, boxes, points] = *answers;
                let head = Head {
                    class,
                    object,
                    boxes,
                    points,
                };
                decode_head(
                    &head,
                    *stride,
                    (self.fitting.input.width / stride) as usize,
                    min_score,
                    raw,
                );
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
            bbox: fit.bbox(face.core()),
            score: face.score,
            eyes: [fit.point(face.points[0]), fit.point(face.points[1])],
            points: Some(face.points.map(|p| fit.point(p))),
        }));
        Ok(())
    }
}

impl FaceDetector for Yunet {
    fn find(
        &self,
        pictures: &[&dyn Pixels],
        wanted: &Search,
    ) -> Result<Vec<Vec<Candidate>>, InferError> {
        let one = |picture: &dyn Pixels| {
            self.scratch.with(|buffers| {
                search(picture, wanted, |region, out| {
                    let min_score = wanted.min_score.max(self.floor);
                    self.view(picture, region, min_score, buffers, out)
                })
            })
        };
        pictures.iter().map(|picture| one(*picture)).collect()
    }
}
