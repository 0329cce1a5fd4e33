//! What analysers can do, whichever network does it. All take batches, block until they have the
//! answer, and may be called from several threads.

use goshawk_proto::{
    descriptor::{DescriptorVersion, SimilarityCurve},
    detection::{BasicAttributes, Landmarks5},
    geometry::{BBox, Point},
    picture::{Pixels, Rgb},
    score::Score,
};

use crate::{
    post::mesh::{Mesh, Point3},
    runtime::InferError,
};

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
    /// Eyes, nose tip and mouth corners, where the detector gives them.
    pub points: Option<Landmarks5>,
}

/// Finds faces.
pub trait FaceDetector: Send + Sync {
    /// Makes `found` the faces of each picture, best first, none twice. Its lists are used again;
    /// after an error their content means nothing.
    fn find(
        &self,
        pictures: &[&dyn Pixels],
        search: &Search,
        found: &mut Vec<Vec<Candidate>>,
    ) -> Result<(), InferError>;
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
    /// Appends one answer a crop, in order.
    fn meshes(&self, crops: &[FaceCrop<'_>], found: &mut Vec<MeshAnswer>)
    -> Result<(), InferError>;
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

/// Something a detector of people and things found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thing {
    /// The whole of it, in picture pixels. May reach beyond the picture where the detector
    /// guesses the hidden part.
    pub bbox: BBox,
    /// 0 to 1.
    pub score: Score,
    /// Its class among the 80 of COCO, counted from zero, such as [`Thing::PERSON`].
    pub class: u16,
}

impl Thing {
    /// COCO's class of people.
    pub const PERSON: u16 = 0;
    /// COCO's class of backpacks.
    pub const BACKPACK: u16 = 24;

    /// Whether this code has a use for a class.
    pub fn matters(class: u16) -> bool {
        matches!(class, Self::PERSON | Self::BACKPACK)
    }
}

/// Finds people, and what they carry.
pub trait BodyDetector: Send + Sync {
    /// People and backpacks of each picture with at least `min_score`, best first. Those of one
    /// class do not overlap much.
    fn find(&self, pictures: &[&dyn Pixels], min_score: f32)
    -> Result<Vec<Vec<Thing>>, InferError>;
}

/// A person in a picture.
#[derive(Clone, Copy)]
pub struct BodyCrop<'a> {
    /// The picture.
    pub picture: &'a dyn Pixels,
    /// The person in it, in its pixels.
    pub bbox: BBox,
}

/// A joint of a body.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Joint {
    /// Where, in picture pixels. Only a guess where `score` is below about 0.3.
    pub at: Point,
    /// How sure that it is there and seen, 0 to 1.
    pub score: Score,
}

/// Joints of one body.
pub const JOINTS: usize = 17;

/// Joints of one body in COCO's order: nose, eyes, ears, shoulders, elbows, wrists, hips, knees,
/// ankles; of each pair the person's left one first, which is the image-right one of somebody
/// who faces the camera.
pub type Joints = [Joint; JOINTS];

/// Puts joints on people.
pub trait Poser: Send + Sync {
    /// One answer a body, in order; `None` where the network gave no numbers.
    fn joints(&self, bodies: &[BodyCrop<'_>]) -> Result<Vec<Option<Joints>>, InferError>;
}

/// Turns people into descriptors of how they look.
pub trait BodyDescriber: Send + Sync {
    /// One descriptor a body, in order, not yet normalised.
    fn describe(&self, bodies: &[BodyCrop<'_>]) -> Result<Vec<Vec<f32>>, InferError>;
    /// The version of the descriptors.
    fn version(&self) -> DescriptorVersion;
    /// How many values they have.
    fn length(&self) -> usize;
    /// From their cosine to similarity.
    fn similarity(&self) -> &SimilarityCurve;
}

/// A face with its mesh.
#[derive(Clone, Copy)]
pub struct MeshedFace<'a> {
    /// The picture.
    pub picture: &'a dyn Pixels,
    /// The mesh, in its pixels.
    pub mesh: &'a Mesh,
}

/// Points of the contour of an eye and its brow.
pub const EYE_CONTOUR: usize = 71;
/// Points of an iris.
pub const IRIS: usize = 5;

/// Points of one eye, in picture pixels; `z` as in [`Mesh`], counted from the eye's own middle.
#[derive(Clone, Debug, PartialEq)]
pub struct EyeMesh {
    /// Lids first: 0 to 8 are the lower lid from the outer to the inner corner, 9 to 15 the upper
    /// one between them, in the same direction. The rest lies round the eye and along the brow.
    pub contour: [Point3; EYE_CONTOUR],
    /// Of the image: middle, right, top, left, bottom of the iris.
    pub iris: [Point3; IRIS],
}

/// Puts points on eyes.
pub trait EyeMesher: Send + Sync {
    /// Left and right eye of the image of each face, in order; `None` where the network gave no
    /// numbers or the mesh has no eye to look at.
    fn eyes(&self, faces: &[MeshedFace<'_>]) -> Result<Vec<[Option<EyeMesh>; 2]>, InferError>;
}

/// What a classifier is to look at. It cuts from it what it was made for.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// The picture.
    pub picture: &'a dyn Pixels,
    /// The face (from hairline to chin, as [`Mesh::bbox`] has it), the body or the eye.
    pub bbox: BBox,
    /// Of a face, its five points. Those who want aligned faces need them, the others do not.
    pub points: Option<Landmarks5>,
}

/// Tells what something is, out of a fixed set of words.
pub trait Classifier: Send + Sync {
    /// The words of the role, in the order of the answers.
    fn classes(&self) -> &[String];
    /// Of each subject, in order, the share of each class, 0 to 1; they add up to 1 unless the
    /// classes do not exclude each other. `None` where the subject lacks the points that this
    /// classifier needs, or the network gave no numbers.
    fn classify(&self, subjects: &[Subject<'_>]) -> Result<Vec<Option<Vec<f32>>>, InferError>;
}
