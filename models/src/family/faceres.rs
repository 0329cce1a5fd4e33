//! Face descriptor, age and gender from one network over an aligned face.

use goshawk_proto::{
    descriptor::{DescriptorVersion, SimilarityCurve},
    geometry::{Rect, Size},
    picture::Rgb,
};

use crate::{
    family::scratch::Scratch,
    manifest::{DescriptorSpec, Manifest},
    picture::resample,
    post::faceres::attributes,
    pre::tensor::{Normalisation, append},
    role::{Description, FaceDescriber},
    runtime::{InferError, Model, ModelError},
};

use super::{Opener, batch_limit, normalisation};

/// Sides of the network's input in pixels.
const SIDE: u32 = 224;
/// One-year classes of the age output.
const AGES: usize = 100;

/// The network.
pub struct Faceres {
    model: Model,
    how: Normalisation,
    spec: DescriptorSpec,
    batch: usize,
    scratch: Scratch<Buffers>,
}

#[derive(Default)]
struct Buffers {
    rgb: Rgb,
    input: Vec<f32>,
}

impl Faceres {
    /// Opens the model.
    pub(crate) fn open(opener: &Opener<'_>, manifest: &Manifest) -> Result<Self, ModelError> {
        let how = normalisation(manifest, SIDE)?;
        let spec = manifest
            .descriptor
            .clone()
            .ok_or_else(|| ModelError::Unsupported {
                model: manifest.name.clone(),
                reason: "its manifest has no descriptor section",
            })?;
        let outputs = [
            ("descriptor", vec![spec.length]),
            ("gender", vec![1]),
            ("age", vec![AGES]),
        ];
        Ok(Self {
            model: opener.model(manifest, &outputs)?,
            how,
            spec,
            batch: batch_limit(manifest),
            scratch: Scratch::default(),
        })
    }

    fn chunk(&self, warps: &[&Rgb], out: &mut Vec<Description>) -> Result<(), InferError> {
        self.scratch.with(|buffers| {
            buffers.input.clear();
            for warp in warps {
                let Size { width, height } = warp.size();
                let whole = Rect {
                    x: 0,
                    y: 0,
                    width,
                    height,
                };
                resample(warp, whole, Size::new(SIDE, SIDE), &mut buffers.rgb);
                append(&mut buffers.input, &buffers.rgb, &self.how);
            }
            self.model.run(warps.len(), &buffers.input, |answers| {
                let [descriptors, genders, ages] = answers else {
                    return;
                };
                let rows = descriptors.chunks_exact(self.spec.length);
                for ((values, male), ages) in rows.zip(*genders).zip(ages.chunks_exact(AGES)) {
                    out.push(Description {
                        values: values.to_vec(),
                        attributes: attributes(ages, *male),
                    });
                }
            })
        })
    }
}

impl FaceDescriber for Faceres {
    fn describe(&self, warps: &[&Rgb]) -> Result<Vec<Description>, InferError> {
        let mut out = Vec::with_capacity(warps.len());
        for chunk in warps.chunks(self.batch) {
            self.chunk(chunk, &mut out)?;
        }
        Ok(out)
    }

    fn version(&self) -> DescriptorVersion {
        self.spec.version
    }

    fn length(&self) -> usize {
        self.spec.length
    }

    fn similarity(&self) -> &SimilarityCurve {
        &self.spec.similarity
    }
}
