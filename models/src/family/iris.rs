//! Eye mesh: contour and iris of both eyes, out of two crops of a face whose mesh is known.

use goshawk_proto::geometry::Size;

use super::{Opener, batch::Batcher, check_side};
use crate::{
    manifest::Manifest,
    post::{
        eye_mesh::{self, SIDE, VALUES},
        mesh::Mesh,
    },
    pre::{affine::Affine, crop::crop},
    role::{EyeMesh, EyeMesher, MeshedFace},
    runtime::{InferError, ModelError},
};

/// The crop's side as a multiple of the distance between an eye's corners.
const MARGIN: f32 = 2.3;
/// Narrowest crop in picture pixels: less shows no iris.
const LEAST_SIDE: f32 = 4.0;
/// Outer and inner corner of the image-left and the image-right eye in the face mesh.
const CORNERS: [(usize, usize); 2] = [(33, 133), (263, 362)];

/// The network: 1.2 ms an eye on one thread where it was measured.
pub struct Iris {
    batch: Batcher,
}

/// One eye of one face.
struct Eye<'a> {
    face: &'a MeshedFace<'a>,
    /// Which of the face's two eyes.
    side: usize,
    /// The face's place in the answer.
    at: usize,
    to_picture: Affine,
}

impl Iris {
    /// Opens the model.
    pub(crate) fn open(opener: &Opener<'_>, manifest: &Manifest) -> Result<Self, ModelError> {
        check_side(manifest, SIDE)?;
        let outputs = [("points", vec![VALUES])];
        Ok(Self {
            batch: Batcher::open(opener, manifest, &outputs)?,
        })
    }
}

/// From the network's inputs for the image-left and image-right eye to the picture: squares about
/// the eyes, turned with the line through them. The network knows image-left eyes, so the other
/// one's map is mirrored. `None` where an eye has no extent.
fn to_picture(mesh: &Mesh) -> [Option<Affine>; 2] {
    let at = |index: usize| mesh.point(index).flat();
    let (left, right) = (at(CORNERS[0].0), at(CORNERS[1].0));
    let angle = (right.y - left.y).atan2(right.x - left.x);
    let map = |(outer, inner): (usize, usize), mirrored: bool| {
        let (a, b) = (at(outer), at(inner));
        let middle = goshawk_proto::geometry::Point::new((a.x + b.x) / 2.0, (a.y + b.y) / 2.0);
        let side = a.distance(b) * MARGIN;
        let map = Affine::from_square(SIDE as f32, middle, side, angle);
        let sound = side >= LEAST_SIDE && side.is_finite() && angle.is_finite();
        sound.then(|| if mirrored { mirror(&map) } else { map })
    };
    [map(CORNERS[0], false), map(CORNERS[1], true)]
}

/// The map of the same square seen in a mirror that stands upright.
fn mirror(map: &Affine) -> Affine {
    let side = SIDE as f32;
    Affine {
        a: -map.a,
        tx: map.tx + map.a * side,
        c: -map.c,
        ty: map.ty + map.c * side,
        ..*map
    }
}

impl EyeMesher for Iris {
    fn eyes(&self, faces: &[MeshedFace<'_>]) -> Result<Vec<[Option<EyeMesh>; 2]>, InferError> {
        let mut found: Vec<[Option<EyeMesh>; 2]> = vec![[None, None]; faces.len()];
        let mut eyes = Vec::with_capacity(faces.len() * 2);
        for (at, face) in faces.iter().enumerate() {
            for (side, map) in to_picture(face.mesh).into_iter().enumerate() {
                eyes.extend(map.map(|to_picture| Eye {
                    face,
                    side,
                    at,
                    to_picture,
                }));
            }
        }
        self.batch.run(
            &eyes,
            |eye, canvas| {
                let size = Size::new(SIDE, SIDE);
                let picture = eye.face.picture;
                let (scratch, rgb) = (&mut canvas.scratch, &mut canvas.rgb);
                crop(picture, &eye.to_picture, size, scratch, rgb);
            },
            |eyes, answers| {
                let rows = answers
                    .first()
                    .map_or(&[][..], |a| a.as_chunks::<VALUES>().0);
                for (eye, row) in eyes.iter().zip(rows) {
                    found[eye.at][eye.side] = eye_mesh::read(row, &eye.to_picture, eye.side == 1);
                }
            },
        )?;
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::post::mesh::POINTS;
    use goshawk_proto::geometry::Point;

    fn mesh(points: &[(usize, f32, f32)]) -> Mesh {
        let mut values = vec![50.0; POINTS * 3];
        for (index, x, y) in points {
            values[index * 3] = *x;
            values[index * 3 + 1] = *y;
        }
        Mesh::from_raw(&values, &Affine::IDENTITY).unwrap()
    }

    #[test]
    fn each_eye_has_its_square_and_the_right_one_is_mirrored() {
        let level = mesh(&[
            (33, 20.0, 60.0),
            (133, 40.0, 60.0),
            (362, 80.0, 60.0),
            (263, 100.0, 60.0),
        ]);
        let [Some(left), Some(right)] = to_picture(&level) else {
            panic!("two eyes");
        };
        let near = |p: Point, x: f32, y: f32| p.distance(Point::new(x, y)) < 1e-3;
        assert!(near(left.apply(Point::new(32.0, 32.0)), 30.0, 60.0));
        assert!(near(right.apply(Point::new(32.0, 32.0)), 90.0, 60.0));
        // 46 pixels wide; input left is picture left of the left eye, picture right of the right.
        assert!(near(left.apply(Point::new(0.0, 0.0)), 7.0, 37.0));
        assert!(near(right.apply(Point::new(0.0, 0.0)), 113.0, 37.0));
        assert!(near(right.apply(Point::new(64.0, 64.0)), 67.0, 83.0));
    }

    #[test]
    fn the_squares_turn_with_the_face_and_a_hidden_eye_is_left_out() {
        let tilted = mesh(&[
            (33, 20.0, 20.0),
            (133, 34.0, 34.0),
            (362, 66.0, 66.0),
            (263, 66.5, 66.5),
        ]);
        let [left, right] = to_picture(&tilted);
        let along = left.unwrap().apply(Point::new(64.0, 32.0));
        assert!((along.x - along.y).abs() < 1e-3, "{along:?}");
        assert!(right.is_none(), "half a pixel wide");
    }
}
