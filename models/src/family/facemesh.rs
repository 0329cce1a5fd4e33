//! Face mesh: 468 points on a face crop that is turned upright, and whether it is a face.

use goshawk_proto::geometry::Size;

use super::{Opener, batch::Batcher, check_side};
use crate::{
    manifest::Manifest,
    post::mesh::{Mesh, POINTS, SIDE},
    pre::{affine::Affine, crop::crop},
    role::{Candidate, FaceCrop, FaceMesher, MeshAnswer},
    runtime::{InferError, ModelError},
};

/// The crop's side as a multiple of the detector's box's longer one.
const MARGIN: f32 = 1.5;

/// The mesh network.
pub struct Facemesh {
    batch: Batcher,
}

impl Facemesh {
    /// Opens the model.
    pub(crate) fn open(opener: &Opener<'_>, manifest: &Manifest) -> Result<Self, ModelError> {
        check_side(manifest, SIDE)?;
        let outputs = [("mesh", vec![POINTS * 3]), ("face_flag", vec![1])];
        Ok(Self {
            batch: Batcher::open(opener, manifest, &outputs)?,
        })
    }
}

/// From the network's input to the picture: a square about the face, its eyes level.
fn to_picture(face: &Candidate) -> Affine {
    let [left, right] = face.eyes;
    let angle = (right.y - left.y).atan2(right.x - left.x);
    let side = (face.bbox.width.max(face.bbox.height) * MARGIN).max(1.0);
    Affine::from_square(SIDE as f32, face.bbox.center(), side, angle)
}

impl FaceMesher for Facemesh {
    fn meshes(
        &self,
        crops: &[FaceCrop<'_>],
        found: &mut Vec<MeshAnswer>,
    ) -> Result<(), InferError> {
        self.batch.run(
            crops,
            |face, canvas| {
                let size = Size::new(SIDE, SIDE);
                let (scratch, rgb) = (&mut canvas.scratch, &mut canvas.rgb);
                let map = to_picture(&face.candidate);
                crop(face.picture, &map, size, scratch, rgb);
            },
            |faces, answers| {
                let [points, flags] = answers else { return };
                let rows = points.chunks_exact(POINTS * 3).zip(*flags);
                found.extend(
                    faces
                        .iter()
                        .zip(rows)
                        .map(|(face, (row, flag))| MeshAnswer {
                            mesh: Mesh::from_raw(row, &to_picture(&face.candidate)),
                            score: *flag,
                        }),
                );
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use goshawk_proto::geometry::{BBox, Point};

    #[test]
    fn the_crop_turns_with_the_eyes() {
        let face = |eyes| Candidate {
            bbox: BBox::new(100.0, 100.0, 40.0, 60.0),
            score: 1.0,
            eyes,
            points: None,
        };
        let level = to_picture(&face([Point::new(110.0, 120.0), Point::new(130.0, 120.0)]));
        assert!(
            level
                .apply(Point::new(96.0, 96.0))
                .distance(Point::new(120.0, 130.0))
                < 1e-3
        );
        assert!(
            level
                .apply(Point::new(0.0, 0.0))
                .distance(Point::new(75.0, 85.0))
                < 1e-3
        );
        let tilted = to_picture(&face([Point::new(110.0, 110.0), Point::new(130.0, 130.0)]));
        let along = tilted.apply(Point::new(192.0, 96.0));
        assert!((along.y - 130.0 - (along.x - 120.0)).abs() < 1e-2);
    }
}
