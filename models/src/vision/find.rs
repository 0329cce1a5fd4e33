//! Finding faces and bodies, or taking those that are given.

use goshawk_proto::{
    detection::{HeadPose, Landmarks5},
    geometry::{BBox, Point},
    picture::Pixels,
    score::Score,
};

use super::{Given, Look, Needs};
use crate::{
    estimate::Presence,
    face::Face,
    post::{head_pose::head_pose, mesh::Mesh},
    pre::align::template,
    role::{Candidate, FaceCrop, Thing},
    runtime::InferError,
};

/// Share of a backpack's box inside a body's from which the body wears it.
const WORN: f32 = 0.5;

/// A face to be estimated.
pub(super) struct Found {
    /// `None` for a sample.
    pub(super) bbox: Option<BBox>,
    pub(super) score: Score,
    /// `None` where the second stage saw no face.
    pub(super) mesh: Option<Mesh>,
    /// Of the mesh; of a sample the layout's.
    pub(super) points: Option<Landmarks5>,
    /// `None` without a mesh, and for a sample.
    pub(super) pose: Option<HeadPose>,
}

impl Found {
    /// Whether the picture is the face's sample.
    pub(super) fn is_sample(&self) -> bool {
        self.bbox.is_none()
    }
}

/// A body to be estimated.
pub(super) struct Body {
    pub(super) bbox: BBox,
    pub(super) score: Score,
    pub(super) backpack: Presence,
}

impl Look<'_> {
    /// Faces, and how many given boxes were left out.
    pub(super) fn find_faces(
        &self,
        given: Given<'_>,
        needs: Needs,
    ) -> Result<(Vec<Found>, usize), InferError> {
        match given {
            Given::Faces(boxes) | Given::Both(boxes, _) => {
                let most = boxes.len().min(self.limits.detect.max_faces);
                Ok((self.given_faces(&boxes[..most])?, boxes.len() - most))
            }
            Given::FaceWarp => Ok((vec![self.sample()?], 0)),
            _ if needs.faces => {
                let found = self
                    .vision
                    .faces
                    .detect(&[self.picture], &self.limits.detect)?;
                Ok((found.into_iter().flatten().map(detected).collect(), 0))
            }
            _ => Ok((Vec::new(), 0)),
        }
    }

    /// The box is the face. The mesh is put on it twice: the second time turned and placed by what
    /// the first one saw, for a box says nothing of the head's tilt.
    fn given_faces(&self, boxes: &[BBox]) -> Result<Vec<Found>, InferError> {
        let level: Vec<Candidate> = boxes.iter().map(level).collect();
        let first = self.meshes(&level)?;
        let refined: Vec<Candidate> = level
            .iter()
            .zip(first)
            .map(|(level, mesh)| mesh.map_or(*level, |m| on(&m)))
            .collect();
        let meshes = self.meshes(&refined)?;
        let found = |(bbox, mesh): (&BBox, Option<Mesh>)| Found {
            bbox: Some(*bbox),
            score: Score::ONE,
            points: mesh.as_ref().map(Mesh::landmarks),
            pose: mesh.as_ref().map(head_pose),
            mesh,
        };
        Ok(boxes.iter().zip(meshes).map(found).collect())
    }

    fn sample(&self) -> Result<Found, InferError> {
        let size = self.picture.size();
        let points = template(size.width.min(size.height));
        let eyes = [points[0], points[1]];
        let apart = eyes[0].distance(eyes[1]);
        let middle = Point::new(points[2].x, points[2].y + apart * 0.1);
        let side = apart * 2.1;
        let candidate = Candidate {
            bbox: BBox::new(middle.x - side / 2.0, middle.y - side / 2.0, side, side),
            score: 1.0,
            eyes,
            points: None,
        };
        let mesh = self.meshes(&[candidate])?.into_iter().next().flatten();
        Ok(Found {
            bbox: None,
            score: Score::ONE,
            mesh,
            points: Some(points),
            pose: None,
        })
    }

    /// Meshes of the candidates that the second stage takes for faces.
    fn meshes(&self, candidates: &[Candidate]) -> Result<Vec<Option<Mesh>>, InferError> {
        let crops: Vec<FaceCrop<'_>> = candidates
            .iter()
            .map(|candidate| FaceCrop {
                picture: self.picture,
                candidate: *candidate,
            })
            .collect();
        let least = self.limits.detect.min_mesh_score;
        let answers = self.vision.faces.meshes(&crops)?;
        Ok(answers
            .into_iter()
            .map(|a| a.mesh.filter(|_| a.score >= least))
            .collect())
    }

    /// Bodies, and how many given boxes were left out.
    pub(super) fn find_bodies(
        &self,
        given: Given<'_>,
        needs: Needs,
    ) -> Result<(Vec<Body>, usize), InferError> {
        let boxes = match given {
            Given::Bodies(boxes) | Given::Both(_, boxes) => boxes.to_vec(),
            Given::BodyWarp => vec![self.whole()],
            _ => return Ok((self.detected_bodies(needs)?, 0)),
        };
        let most = boxes.len().min(self.limits.max_bodies);
        let things = self.things_for_given(needs)?;
        let bodies = boxes[..most].iter().map(|bbox| Body {
            bbox: *bbox,
            score: Score::ONE,
            backpack: backpack(bbox, &things),
        });
        Ok((bodies.collect(), boxes.len() - most))
    }

    fn whole(&self) -> BBox {
        let size = self.picture.size();
        BBox::new(0.0, 0.0, size.width as f32, size.height as f32)
    }

    fn detected_bodies(&self, needs: Needs) -> Result<Vec<Body>, InferError> {
        if !needs.bodies {
            return Ok(Vec::new());
        }
        let things = self.things()?;
        let people = things.iter().filter(|t| t.class == Thing::PERSON);
        Ok(people
            .take(self.limits.max_bodies)
            .map(|t| Body {
                bbox: t.bbox,
                score: t.score,
                backpack: backpack(&t.bbox, &things),
            })
            .collect())
    }

    /// Backpacks have to be looked for even when the bodies are given.
    fn things_for_given(&self, needs: Needs) -> Result<Vec<Thing>, InferError> {
        let asked = self.wanted.has(crate::estimate::Estimation::Accessories);
        if asked && needs.bodies {
            self.things()
        } else {
            Ok(Vec::new())
        }
    }

    fn things(&self) -> Result<Vec<Thing>, InferError> {
        let Some(part) = &self.vision.parts.bodies else {
            return Ok(Vec::new());
        };
        let found = part
            .role
            .find(&[self.picture], self.limits.min_body_score)?;
        Ok(found.into_iter().flatten().collect())
    }
}

fn detected(face: Face) -> Found {
    Found {
        bbox: Some(face.detection.bbox),
        score: face.detection.score,
        points: Some(face.detection.landmarks),
        pose: Some(face.head_pose),
        mesh: Some(face.mesh),
    }
}

/// An upright face in a box: only the line through the eyes matters.
fn level(bbox: &BBox) -> Candidate {
    let y = bbox.y + bbox.height * 0.4;
    Candidate {
        bbox: *bbox,
        score: 1.0,
        eyes: [0.3, 0.7].map(|share| Point::new(bbox.x + bbox.width * share, y)),
        points: None,
    }
}

/// Where a mesh says the face is.
fn on(mesh: &Mesh) -> Candidate {
    let points = mesh.landmarks();
    Candidate {
        bbox: mesh.bbox(),
        score: 1.0,
        eyes: [points[0], points[1]],
        points: Some(points),
    }
}

/// Present when a backpack is on the body; a detector that sees none proves nothing.
fn backpack(body: &BBox, things: &[Thing]) -> Presence {
    let worn =
        |t: &Thing| t.class == Thing::BACKPACK && t.bbox.intersection(body) >= WORN * t.bbox.area();
    if things.iter().any(worn) {
        Presence::Present
    } else {
        Presence::Undefined
    }
}
