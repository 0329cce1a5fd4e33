//! YOLOX and YOLOv8: people and backpacks in one run.

use goshawk_proto::{
    geometry::{Rect, Size},
    picture::{Pixels, Rgb},
};

use super::{Opener, normalisation, refuse, scratch::Scratch};
use crate::{
    manifest::{Family, Manifest},
    post::{
        suppress::suppress_by_class,
        yolo::{V8_VALUES, X_VALUES, cells, decode_v8, decode_x},
    },
    pre::{
        letterbox::{Fitting, Letterbox},
        tensor::{Normalisation, append_framed},
    },
    role::{BodyDetector, Thing},
    runtime::{InferError, Model, ModelError},
};

/// Overlap from which two boxes are one thing, where the manifest names none.
const OVERLAP: f32 = 0.45;
/// Most things of a picture.
const MOST: usize = 300;
/// Most boxes above the threshold that are compared with each other; the best ones are.
const MOST_COMPARED: usize = 4096;

/// The detector.
pub struct Yolo {
    model: Model,
    how: Normalisation,
    fitting: Fitting,
    family: Family,
    /// Least score that counts, whatever a caller asks for.
    floor: f32,
    overlap: f32,
    scratch: Scratch<(Rgb, Vec<f32>)>,
}

impl Yolo {
    /// Opens the model, whose input may have any size in whole multiples of 32.
    pub(crate) fn open(opener: &Opener<'_>, manifest: &Manifest) -> Result<Self, ModelError> {
        let size = Size::new(manifest.input.width, manifest.input.height);
        if !size.width.is_multiple_of(32) || !size.height.is_multiple_of(32) {
            return Err(refuse(
                manifest,
                "its family wants an input whose sides are multiples of 32",
            ));
        }
        let sides = match manifest.family {
            Family::Yolov8 => vec![V8_VALUES, cells(size)],
            _ => vec![cells(size), X_VALUES],
        };
        Ok(Self {
            model: opener.model(manifest, &[("predictions", sides)])?,
            how: normalisation(manifest)?,
            fitting: Fitting::of(&manifest.input),
            family: manifest.family,
            floor: manifest.decision.map_or(0.0, |d| d.score),
            overlap: manifest.decision.map_or(OVERLAP, |d| d.overlap),
            scratch: Scratch::default(),
        })
    }

    fn picture(&self, picture: &dyn Pixels, min_score: f32) -> Result<Vec<Thing>, InferError> {
        let whole = Rect::from(picture.size());
        if whole.width == 0 || whole.height == 0 {
            return Ok(Vec::new());
        }
        let fit = Letterbox::fit(whole, &self.fitting);
        let mut found = Vec::new();
        self.scratch.with(|(rgb, input)| {
            picture.region(whole, fit.content, rgb);
            input.clear();
            append_framed(input, rgb, &fit.frame, &self.how);
            self.model.run(1, input, |answers| {
                let values = answers.first().copied().unwrap_or_default();
                self.read(values, min_score.max(self.floor), &mut found);
            })
        })?;
        if found.len() > MOST_COMPARED {
            found.sort_unstable_by(|a, b| b.score.get().total_cmp(&a.score.get()));
            found.truncate(MOST_COMPARED);
        }
        suppress_by_class(&mut found, self.overlap, MOST);
        for thing in &mut found {
            thing.bbox = fit.bbox(thing.bbox);
        }
        Ok(found)
    }

    fn read(&self, values: &[f32], min_score: f32, found: &mut Vec<Thing>) {
        let size = self.fitting.input;
        match self.family {
            Family::Yolov8 => decode_v8(values, cells(size), min_score, found),
            family => {
                let decoded = family == Family::YoloxDecoded;
                decode_x(values, size, decoded, min_score, found);
            }
        }
    }
}

impl BodyDetector for Yolo {
    fn find(
        &self,
        pictures: &[&dyn Pixels],
        min_score: f32,
    ) -> Result<Vec<Vec<Thing>>, InferError> {
        // These files take one picture a run.
        pictures
            .iter()
            .map(|picture| self.picture(*picture, min_score))
            .collect()
    }
}
