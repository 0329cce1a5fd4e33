//! Model families: the code that knows a network's tensors, between [`crate::pre`] and
//! [`crate::post`].

mod batch;
pub mod blazeface;
pub mod centernet;
pub mod classifier;
pub mod describer;
pub mod facemesh;
pub mod faceres;
pub mod faces;
pub mod iris;
pub mod mini_fasnet;
pub mod movenet;
pub(crate) mod scratch;
mod search;
pub mod yolo;
pub mod yunet;

use std::path::Path;

use goshawk_proto::{geometry::Size, picture::Rgb};

use crate::{
    manifest::{Batch, DescriptorSpec, Layout, Manifest},
    pre::tensor::{Normalisation, append},
    runtime::{BatchAxis, Model, ModelError, ModelFile, Runtime, TensorSpec},
};

/// Most inputs of one run of a network that takes any number; more are cut into several runs.
/// Bounds memory, and on one thread larger batches were measured to cost more a picture, not less
/// (16 faces together: 17 % more each than one by one).
const MOST_PER_RUN: usize = 4;

/// What opening a model needs besides its manifest.
pub(crate) struct Opener<'a> {
    /// The loaded runtime.
    pub(crate) runtime: &'a Runtime,
    /// The folder of the model files.
    pub(crate) dir: &'a Path,
    /// Whether each model is tried on noise before it counts as opened.
    pub(crate) probe: bool,
}

impl Opener<'_> {
    /// Opens the file of `manifest`. `outputs` are the family's meanings with the sides that
    /// follow the batch.
    fn model(
        &self,
        manifest: &Manifest,
        outputs: &[(&str, Vec<usize>)],
    ) -> Result<Model, ModelError> {
        self.model_with(manifest, outputs, BatchAxis::Leading)
    }

    /// The same, for outputs that perhaps have no batch.
    fn model_with(
        &self,
        manifest: &Manifest,
        outputs: &[(&str, Vec<usize>)],
        batch: BatchAxis,
    ) -> Result<Model, ModelError> {
        let input = &manifest.input;
        let (height, width) = (input.height as usize, input.width as usize);
        let sides = match input.layout {
            Layout::Nhwc => vec![height, width, input.colour.channels()],
            Layout::Nchw => vec![input.colour.channels(), height, width],
        };
        let mut wanted = Vec::with_capacity(outputs.len());
        for (meaning, sides) in outputs {
            let name = manifest.output(meaning).ok_or_else(|| {
                refuse(
                    manifest,
                    "its manifest does not name all outputs of its family",
                )
            })?;
            wanted.push(TensorSpec {
                name: name.to_owned(),
                sides: sides.clone(),
                batch,
            });
        }
        let file = ModelFile {
            name: &manifest.name,
            path: self.dir.join(&manifest.file),
            sha256: manifest.sha256,
            input: TensorSpec::new(input.name.clone(), sides),
            element: input.element,
            any: input.batch == Batch::Any,
            outputs: wanted,
        };
        let model = Model::open(self.runtime, file)?;
        if self.probe {
            model.try_on(&noise(manifest)?, input.batch == Batch::Any)?;
        }
        Ok(model)
    }
}

/// Two inputs of noise, the same each time.
fn noise(manifest: &Manifest) -> Result<Vec<f32>, ModelError> {
    let how = normalisation(manifest)?;
    let mut picture = Rgb::black(Size::new(manifest.input.width, manifest.input.height));
    let mut input = Vec::new();
    let mut state = 1u32;
    for _ in 0..2 {
        for value in picture.data_mut() {
            // A linear congruential generator; its upper bits are the good ones.
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *value = (state >> 24) as u8;
        }
        append(&mut input, &picture, &how);
    }
    Ok(input)
}

/// Refuses an input that is not the square of `side` that a family's numbers are made for.
fn check_side(manifest: &Manifest, side: u32) -> Result<(), ModelError> {
    if (manifest.input.width, manifest.input.height) == (side, side) {
        return Ok(());
    }
    Err(refuse(
        manifest,
        "its family has another input size than its manifest says",
    ))
}

/// How pixels become the input.
fn normalisation(manifest: &Manifest) -> Result<Normalisation, ModelError> {
    Normalisation::of(&manifest.input)
        .ok_or_else(|| refuse(manifest, "want one mean and one scale for each channel"))
}

/// What a network of descriptors says of them.
fn descriptor(manifest: &Manifest) -> Result<DescriptorSpec, ModelError> {
    let spec = manifest.descriptor.clone();
    spec.ok_or_else(|| refuse(manifest, "its manifest has no descriptor section"))
}

fn refuse(manifest: &Manifest, reason: &'static str) -> ModelError {
    ModelError::Unsupported {
        model: manifest.name.clone(),
        reason,
    }
}

/// Most inputs of one run.
fn batch_limit(manifest: &Manifest) -> usize {
    match manifest.input.batch {
        Batch::One => 1,
        Batch::Any => MOST_PER_RUN,
    }
}
