//! Faces from end to end: find, filter, measure, align, describe.

use std::sync::Arc;

use goshawk_proto::{
    descriptor::{Descriptor, DescriptorVersion, SimilarityCurve},
    detection::{BasicAttributes, FaceDetection, FaceQuality, HeadPose, Landmarks5},
    picture::{Pixels, Rgb},
    score::Score,
};

use crate::{
    family::scratch::Scratch,
    pack::{Pack, PackError},
    post::{
        head_pose::head_pose,
        mesh::Mesh,
        suppress::{Overlap, suppress},
    },
    pre::align::warp_face,
    quality::face_quality,
    role::{
        Candidate, Description, FaceCrop, FaceDescriber, FaceDetector, FaceMesher, MeshAnswer,
        Search,
    },
    runtime::InferError,
};

/// Overlap (intersection over union) from which two meshes are on the same face.
const SAME_FACE: f32 = 0.45;

/// How a picture is searched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tiling {
    /// Once as a whole: finds faces of at least about 4 % of the picture's longer side (56 px in
    /// 1280 × 720) at the cost of one run (6.4 ms on one thread where it was measured).
    #[default]
    Whole,
    /// Besides the whole, in overlapping squares of `size` pixels, one run each: 512 finds faces
    /// from about 22 px at 7 runs for 1280 × 720, 256 from about 16 px at 29. Smaller tiles also
    /// find more that is no face.
    Tiles {
        /// Sides in pixels; no less than 128, and doubled where a picture would need more than 64.
        size: u32,
    },
    /// As a whole, and once more in tiles where that shows nobody: the cost of tiles is paid for
    /// the pictures without large faces alone.
    TilesIfNobody {
        /// As of [`Tiling::Tiles`].
        size: u32,
    },
}

/// What to look for, and what counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DetectOptions {
    /// Lowest certainty of the detector, 0 to 1.
    pub min_score: f32,
    /// Lowest certainty of the second stage (the mesh network) that it is a face, 0 to 1. Costs
    /// the mesh's 3.8 ms a candidate in any case.
    pub min_mesh_score: f32,
    /// How the picture is searched.
    pub tiles: Tiling,
    /// Narrowest face box in pixels. A face below 24 is not worth a descriptor, 40 is a sensible
    /// wish.
    pub min_face: f32,
    /// Most faces of a picture; those of the best scores stay. Bounds the mesh's cost.
    pub max_faces: usize,
}

impl Default for DetectOptions {
    /// Score 0.4 with mesh score 0.5 (measured: 168 of 173 faces of 40 px and more, 3 false
    /// boxes), whole picture, 24 px, 64 faces.
    fn default() -> Self {
        Self {
            min_score: 0.4,
            min_mesh_score: 0.5,
            tiles: Tiling::Whole,
            min_face: 24.0,
            max_faces: 64,
        }
    }
}

/// A face found in a picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Face {
    /// Box (hairline to chin, from the mesh), the detector's certainty and five points.
    pub detection: FaceDetection,
    /// Where the head looks.
    pub head_pose: HeadPose,
    /// The mesh network's certainty that it is a face.
    pub mesh_score: Score,
    /// 468 points in space.
    pub mesh: Mesh,
}

/// What the descriptor network says of a face.
#[derive(Clone, Debug, PartialEq)]
pub struct FaceTraits {
    /// To compare the face with others.
    pub descriptor: Descriptor,
    /// Apparent age and gender, where the network estimates them.
    pub attributes: Option<BasicAttributes>,
}

/// The models for faces. Clones share them. Calls block and may come from several threads; no
/// more than the pack's number of sessions run a model at a time, the others wait.
#[derive(Clone)]
pub struct FaceAnalyzer {
    detector: Arc<dyn FaceDetector>,
    mesher: Arc<dyn FaceMesher>,
    describer: Arc<dyn FaceDescriber>,
    scratch: Arc<Scratch<Work>>,
}

/// What a detection needs and leaves behind for the next one.
#[derive(Default)]
struct Work {
    candidates: Vec<Vec<Candidate>>,
    /// Empty between detections.
    crops: Vec<FaceCrop<'static>>,
    answers: Vec<MeshAnswer>,
}

impl FaceAnalyzer {
    /// Opens what faces need: detector, mesh, descriptor.
    pub fn new(pack: &Pack) -> Result<Self, PackError> {
        Ok(Self::from_parts(
            Arc::from(pack.face_detector()?),
            Arc::from(pack.face_mesher()?),
            Arc::from(pack.face_describer()?),
        ))
    }

    /// From parts: other models of the same roles.
    pub fn from_parts(
        detector: Arc<dyn FaceDetector>,
        mesher: Arc<dyn FaceMesher>,
        describer: Arc<dyn FaceDescriber>,
    ) -> Self {
        Self {
            detector,
            mesher,
            describer,
            scratch: Arc::default(),
        }
    }

    /// Faces of each picture, the best score first.
    pub fn detect(
        &self,
        pictures: &[&dyn Pixels],
        options: &DetectOptions,
    ) -> Result<Vec<Vec<Face>>, InferError> {
        let size = match options.tiles {
            Tiling::Whole => return self.detect_by(pictures, None, options),
            Tiling::Tiles { size } => return self.detect_by(pictures, Some(size), options),
            Tiling::TilesIfNobody { size } => size,
        };
        let mut found = self.detect_by(pictures, None, options)?;
        let nobody = found.iter().zip(pictures).filter(|(f, _)| f.is_empty());
        let again: Vec<&dyn Pixels> = nobody.map(|(_, picture)| *picture).collect();
        if !again.is_empty() {
            let more = self.detect_by(&again, Some(size), options)?;
            let nobody = found.iter_mut().filter(|f| f.is_empty());
            nobody.zip(more).for_each(|(faces, more)| *faces = more);
        }
        Ok(found)
    }

    fn detect_by(
        &self,
        pictures: &[&dyn Pixels],
        tile: Option<u32>,
        options: &DetectOptions,
    ) -> Result<Vec<Vec<Face>>, InferError> {
        let search = Search {
            min_score: options.min_score,
            tile,
            most: options.max_faces,
        };
        self.scratch
            .with(|work| self.detect_with(pictures, &search, options, work))
    }

    fn detect_with(
        &self,
        pictures: &[&dyn Pixels],
        search: &Search,
        options: &DetectOptions,
        work: &mut Work,
    ) -> Result<Vec<Vec<Face>>, InferError> {
        let Work {
            candidates,
            crops,
            answers,
        } = work;
        self.detector.find(pictures, search, candidates)?;
        for candidates in &mut *candidates {
            candidates.retain(|c| c.bbox.width >= options.min_face);
            candidates.truncate(options.max_faces);
        }
        answers.clear();
        let mut wanted = emptied(std::mem::take(crops));
        wanted.extend(pictures.iter().zip(&*candidates).flat_map(|(picture, c)| {
            let crop = |c: &Candidate| FaceCrop {
                picture: *picture,
                candidate: *c,
            };
            c.iter().map(crop)
        }));
        let done = self.mesher.meshes(&wanted, answers);
        *crops = emptied(wanted);
        done?;
        let mut answers = answers.drain(..);
        let faces = |candidates: &Vec<Candidate>| {
            let answers = answers.by_ref().take(candidates.len());
            assemble(candidates.iter().zip(answers), options)
        };
        Ok(candidates.iter().map(faces).collect())
    }

    /// Meshes of faces that are known to be there, one answer a crop, in order.
    pub fn meshes(&self, crops: &[FaceCrop<'_>]) -> Result<Vec<MeshAnswer>, InferError> {
        let mut found = Vec::with_capacity(crops.len());
        self.mesher.meshes(crops, &mut found)?;
        Ok(found)
    }

    /// The aligned sample of a face, 250 × 250. Needs no model.
    pub fn warp(&self, picture: &dyn Pixels, landmarks: &Landmarks5) -> Rgb {
        warp_face(picture, landmarks)
    }

    /// How fit a sample is. Needs no model.
    pub fn quality(&self, warp: &Rgb) -> FaceQuality {
        face_quality(warp)
    }

    /// Descriptor, age and gender of each sample, in order. Samples are aligned squares of any
    /// size; 250 × 250 is usual.
    pub fn describe(&self, warps: &[&Rgb]) -> Result<Vec<FaceTraits>, InferError> {
        let version = self.describer.version();
        let traits = |d: Description| {
            let descriptor = Descriptor::from_values(version, &d.values).map_err(|_| {
                InferError::Degenerate {
                    model: format!("descriptor version {version}"),
                }
            })?;
            Ok(FaceTraits {
                descriptor,
                attributes: d.attributes,
            })
        };
        self.describer
            .describe(warps)?
            .into_iter()
            .map(traits)
            .collect()
    }

    /// The version of the descriptors made here.
    pub fn descriptor_version(&self) -> DescriptorVersion {
        self.describer.version()
    }

    /// How many values they have.
    pub fn descriptor_length(&self) -> usize {
        self.describer.length()
    }

    /// From the cosine of two such descriptors to the contracts' similarity.
    pub fn similarity_curve(&self) -> &SimilarityCurve {
        self.describer.similarity()
    }
}

/// The same list without its content, for other lifetimes: collecting in place keeps its memory.
fn emptied<'a>(mut crops: Vec<FaceCrop<'_>>) -> Vec<FaceCrop<'a>> {
    crops.clear();
    crops.into_iter().map_while(|_| None).collect()
}

/// Candidates that the second stage confirms, each face once.
fn assemble<'a>(
    answers: impl Iterator<Item = (&'a Candidate, MeshAnswer)>,
    options: &DetectOptions,
) -> Vec<Face> {
    let mut faces: Vec<Face> = answers
        .filter_map(|(c, answer)| face(c, answer, options))
        .collect();
    suppress(
        &mut faces,
        Overlap::Union(SAME_FACE),
        options.max_faces,
        |f| f.detection.score.get(),
        |f| f.detection.bbox,
    );
    faces
}

fn face(candidate: &Candidate, answer: MeshAnswer, options: &DetectOptions) -> Option<Face> {
    let mesh = answer.mesh?;
    if answer.score.is_nan() || answer.score < options.min_mesh_score {
        return None;
    }
    Some(Face {
        detection: FaceDetection {
            bbox: mesh.bbox(),
            score: Score::saturating(candidate.score),
            landmarks: mesh.landmarks(),
        },
        head_pose: head_pose(&mesh),
        mesh_score: Score::saturating(answer.score),
        mesh,
    })
}
