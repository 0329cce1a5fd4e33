//! Face descriptor, age and gender from one network over an aligned face.

use goshawk_proto::{
    descriptor::{DescriptorVersion, SimilarityCurve},
    geometry::Size,
    picture::Rgb,
};

use super::{Opener, batch::Batcher, check_side, descriptor};
use crate::{
    manifest::{DescriptorSpec, Manifest},
    post::faceres::attributes,
    pre::crop::scale,
    role::{Description, FaceDescriber},
    runtime::{InferError, ModelError},
};

/// Sides of the network's input in pixels.
const SIDE: u32 = 224;
/// One-year classes of the age output.
const AGES: usize = 100;

/// The network.
pub struct Faceres {
    batch: Batcher,
    spec: DescriptorSpec,
}

impl Faceres {
    /// Opens the model.
    pub(crate) fn open(opener: &Opener<'_>, manifest: &Manifest) -> Result<Self, ModelError> {
        check_side(manifest, SIDE)?;
        let spec = descriptor(manifest)?;
        let outputs = [
            ("descriptor", vec![spec.length]),
            ("gender", vec![1]),
            ("age", vec![AGES]),
        ];
        Ok(Self {
            batch: Batcher::open(opener, manifest, &outputs)?,
            spec,
        })
    }
}

impl FaceDescriber for Faceres {
    fn describe(&self, warps: &[&Rgb]) -> Result<Vec<Description>, InferError> {
        let mut out = Vec::with_capacity(warps.len());
        self.batch.run(
            warps,
            |warp, canvas| {
                let size = Size::new(SIDE, SIDE);
                scale(warp, size, &mut canvas.scratch, &mut canvas.rgb);
            },
            |_, answers| {
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
            },
        )?;
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
