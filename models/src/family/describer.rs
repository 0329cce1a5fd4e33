//! Networks that give a descriptor and nothing else: of aligned faces (ArcFace and its kin) and
//! of whole people (OSNet and its kin), of any length.

use goshawk_proto::{
    descriptor::{DescriptorVersion, SimilarityCurve},
    geometry::Size,
    picture::Rgb,
};

use super::{Opener, batch::Batcher, descriptor, refuse};
use crate::{
    manifest::{DescriptorSpec, Manifest},
    picture::resample,
    role::{BodyCrop, BodyDescriber, Description, FaceDescriber},
    runtime::{InferError, ModelError},
};

/// A network with a descriptor as its only output.
struct Describer {
    batch: Batcher,
    spec: DescriptorSpec,
}

impl Describer {
    fn open(opener: &Opener<'_>, manifest: &Manifest) -> Result<Self, ModelError> {
        let spec = descriptor(manifest)?;
        let outputs = [("descriptor", vec![spec.length])];
        Ok(Self {
            batch: Batcher::open(opener, manifest, &outputs)?,
            spec,
        })
    }

    /// Runs `items`; `read` gets each descriptor in order.
    fn run<T>(
        &self,
        items: &[T],
        draw: impl Fn(&T, Size, &mut Rgb),
        mut read: impl FnMut(Vec<f32>),
    ) -> Result<(), InferError> {
        let size = self.batch.size();
        self.batch.run(
            items,
            |item, canvas| draw(item, size, &mut canvas.rgb),
            |_, answers| {
                let rows = answers.first().copied().unwrap_or_default();
                for row in rows.chunks_exact(self.spec.length) {
                    read(row.to_vec());
                }
            },
        )
    }
}

/// Descriptors of aligned faces.
pub struct FaceNet(Describer);

impl FaceNet {
    /// Opens the model.
    pub(crate) fn open(opener: &Opener<'_>, manifest: &Manifest) -> Result<Self, ModelError> {
        if manifest.input.width != manifest.input.height {
            return Err(refuse(manifest, "its family wants a square input"));
        }
        Describer::open(opener, manifest).map(Self)
    }
}

impl FaceDescriber for FaceNet {
    fn describe(&self, warps: &[&Rgb]) -> Result<Vec<Description>, InferError> {
        let mut out = Vec::with_capacity(warps.len());
        let draw = |warp: &&Rgb, size: Size, rgb: &mut Rgb| {
            resample(warp, warp.size().into(), size, rgb);
        };
        self.0.run(warps, draw, |values| {
            out.push(Description {
                values,
                attributes: None,
            });
        })?;
        Ok(out)
    }

    fn version(&self) -> DescriptorVersion {
        self.0.spec.version
    }

    fn length(&self) -> usize {
        self.0.spec.length
    }

    fn similarity(&self) -> &SimilarityCurve {
        &self.0.spec.similarity
    }
}

/// Descriptors of whole people.
pub struct BodyNet(Describer);

impl BodyNet {
    /// Opens the model.
    pub(crate) fn open(opener: &Opener<'_>, manifest: &Manifest) -> Result<Self, ModelError> {
        Describer::open(opener, manifest).map(Self)
    }
}

impl BodyDescriber for BodyNet {
    fn describe(&self, bodies: &[BodyCrop<'_>]) -> Result<Vec<Vec<f32>>, InferError> {
        let mut out = Vec::with_capacity(bodies.len());
        // The part of a person that lies outside the picture is not there to be looked at: the
        // rest is stretched to the input, as in the pictures that such networks are trained on.
        let draw = |body: &BodyCrop<'_>, size: Size, rgb: &mut Rgb| {
            let region = body.bbox.to_rect(body.picture.size());
            body.picture.region(region, size, rgb);
        };
        self.0.run(bodies, draw, |values| out.push(values))?;
        Ok(out)
    }

    fn version(&self) -> DescriptorVersion {
        self.0.spec.version
    }

    fn length(&self) -> usize {
        self.0.spec.length
    }

    fn similarity(&self) -> &SimilarityCurve {
        &self.0.spec.similarity
    }
}
