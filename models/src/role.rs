//! What analysers can do, whichever network does it. All take batches, block until they have the
//! answer, and may be called from several threads.

use goshawk_proto::{
    descriptor::{DescriptorVersion, SimilarityCurve},
    detection::{BasicAttributes, BodyDetection},
    geometry::{BBox, Point},
    picture::{Pixels, Rgb},
};

use crate::{post::mesh::Mesh, runtime::InferError};

/// Where to look for faces and what counts as one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Search {
    /// Lowest score, 0 to 1.
    pub min_score: f32,
    /// Side of the tiles that are searched besides the whole picture; `None` for the whole alone.
    pub tile: Option<u32>,
    /// Most faces of a picture; the best ones stay.
    pub most: usize,
}

/// A face as a detector sees it, in picture pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// The face from the brow to the chin.
    pub bbox: BBox,
    /// 0 to 1.
    pub score: f32,
    /// Left and right eye of the image.
    pub eyes: [Point; 2],
}

/// Finds faces.
pub trait FaceDetector: Send + Sync {
    /// Faces of each picture, best first, none twice.
    fn find(
        &self,
        pictures: &[&dyn Pixels],
        search: &Search,
    ) -> Result<Vec<Vec<Candidate>>, InferError>;
}

/// Where in a picture a mesh is to be put.
#[derive(Clone, Copy)]
pub struct FaceCrop<'a> {
    /// The picture.
    pub picture: &'a dyn Pixels,
    /// The face in it.
    pub candidate: Candidate,
}

/// A mesh and how much of a face is under it.
#[derive(Clone, Debug, PartialEq)]
pub struct MeshAnswer {
    /// The points, in picture pixels; `None` when the network gave no numbers.
    pub mesh: Option<Mesh>,
    /// 0 (no face) to 1.
    pub score: f32,
}

/// Puts points on faces.
pub trait FaceMesher: Send + Sync {
    /// One answer a crop, in order.
    fn meshes(&self, crops: &[FaceCrop<'_>]) -> Result<Vec<MeshAnswer>, InferError>;
}

/// A descriptor's values, not yet normalised, with what else the network says.
#[derive(Clone, Debug, PartialEq)]
pub struct Description {
    /// As many as the version has.
    pub values: Vec<f32>,
    /// Age and gender, where the network estimates them.
    pub attributes: Option<BasicAttributes>,
}

/// Turns aligned faces into descriptors.
pub trait FaceDescriber: Send + Sync {
    /// One description a sample, in order. Samples are squares of any size.
    fn describe(&self, warps: &[&Rgb]) -> Result<Vec<Description>, InferError>;
    /// The version of the descriptors.
    fn version(&self) -> DescriptorVersion;
    /// How many values they have.
    fn length(&self) -> usize;
    /// From their cosine to similarity.
    fn similarity(&self) -> &SimilarityCurve;
}

/// Finds people.
pub trait BodyDetector: Send + Sync {
    /// People of each picture with at least `min_score`, best first.
    fn find(
        &self,
        pictures: &[&dyn Pixels],
        min_score: f32,
    ) -> Result<Vec<Vec<BodyDetection>>, InferError>;
}
