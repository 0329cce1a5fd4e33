//! CenterNet on MobileNetV3: people and backpacks (and 78 other classes, which are left out).

use goshawk_proto::{
    geometry::{Rect, Size},
    picture::{Pixels, Rgb},
};

use crate::{
    family::scratch::Scratch,
    manifest::Manifest,
    post::{
        centernet::{DETECTIONS, SIDE, VALUES, things},
        suppress::suppress_by_class,
    },
    pre::tensor::{Normalisation, append},
    role::{BodyDetector, Thing},
    runtime::{InferError, Model, ModelError},
};

use super::{Opener, check_side, normalisation};

/// Overlap from which two boxes are one person, where the manifest names none.
const OVERLAP: f32 = 0.4;

/// The detector: one run of 52 ms a picture on one thread where it was measured.
pub struct Centernet {
    model: Model,
    how: Normalisation,
    overlap: f32,
    scratch: Scratch<(Rgb, Vec<f32>)>,
}

impl Centernet {
    /// Opens the model.
    pub(crate) fn open(opener: &Opener<'_>, manifest: &Manifest) -> Result<Self, ModelError> {
        check_side(manifest, SIDE)?;
        let outputs = [("detections", vec![DETECTIONS, VALUES])];
        Ok(Self {
            model: opener.model(manifest, &outputs)?,
            how: normalisation(manifest)?,
            overlap: manifest.decision.map_or(OVERLAP, |d| d.overlap),
            scratch: Scratch::default(),
        })
    }

    fn picture(&self, picture: &dyn Pixels, min_score: f32) -> Result<Vec<Thing>, InferError> {
        let size = picture.size();
        if size.width == 0 || size.height == 0 {
            return Ok(Vec::new());
        }
        let whole = Rect::from(size);
        let mut found = Vec::new();
        self.scratch.with(|(rgb, input)| {
            picture.region(whole, Size::new(SIDE, SIDE), rgb);
            input.clear();
            append(input, rgb, &self.how);
            self.model.run(1, input, |answers| {
                let values = answers.first().copied().unwrap_or_default();
                things(values, size, min_score, &mut found);
            })
        })?;
        suppress_by_class(&mut found, self.overlap, DETECTIONS);
        Ok(found)
    }
}

impl BodyDetector for Centernet {
    fn find(
        &self,
        pictures: &[&dyn Pixels],
        min_score: f32,
    ) -> Result<Vec<Vec<Thing>>, InferError> {
        // The file takes one picture a run.
        pictures
            .iter()
            .map(|picture| self.picture(*picture, min_score))
            .collect()
    }
}
