//! Models that look at one small picture at a time: drawing the pictures, several to a run.

use goshawk_proto::{geometry::Size, picture::Rgb};

use super::{Opener, batch_limit, normalisation, scratch::Scratch};
use crate::{
    manifest::Manifest,
    pre::{
        crop::CropScratch,
        tensor::{Normalisation, append},
    },
    runtime::{InferError, Model, ModelError},
};

/// A model with what its runs need.
pub(super) struct Batcher {
    model: Model,
    how: Normalisation,
    size: Size,
    batch: usize,
    scratch: Scratch<Buffers>,
}

#[derive(Default)]
struct Buffers {
    canvas: Canvas,
    input: Vec<f32>,
}

/// What an input is drawn on.
#[derive(Default)]
pub(super) struct Canvas {
    /// For an intermediate picture.
    pub(super) scratch: CropScratch,
    /// The input itself.
    pub(super) rgb: Rgb,
}

impl Batcher {
    /// Opens the model. `outputs` are meanings with their sides after the batch.
    pub(super) fn open(
        opener: &Opener<'_>,
        manifest: &Manifest,
        outputs: &[(&str, Vec<usize>)],
    ) -> Result<Self, ModelError> {
        Ok(Self {
            how: normalisation(manifest)?,
            size: Size::new(manifest.input.width, manifest.input.height),
            batch: batch_limit(manifest),
            model: opener.model(manifest, outputs)?,
            scratch: Scratch::default(),
        })
    }

    /// The input in pixels.
    pub(super) fn size(&self) -> Size {
        self.size
    }

    /// Runs all `items`, as many together as the model takes. `draw` makes the canvas' picture
    /// the input of one item, at the input's size; `read` gets some items and the outputs for
    /// them, in order.
    pub(super) fn run<T>(
        &self,
        items: &[T],
        mut draw: impl FnMut(&T, &mut Canvas),
        mut read: impl FnMut(&[T], &[&[f32]]),
    ) -> Result<(), InferError> {
        for chunk in items.chunks(self.batch) {
            self.scratch.with(|Buffers { canvas, input }| {
                input.clear();
                for item in chunk {
                    draw(item, canvas);
                    append(input, &canvas.rgb, &self.how);
                }
                self.model
                    .run(chunk.len(), input, |answers| read(chunk, answers))
            })?;
        }
        Ok(())
    }
}
