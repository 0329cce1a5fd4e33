//! The shoulders of a portrait, from the joints.

use goshawk_proto::geometry::{BBox, Point};

use crate::{
    body::parts::{joint, sure},
    post::mesh::Mesh,
    role::Joints,
};

/// How a person's shoulders are seen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shoulders {
    /// At least one is not seen.
    Hidden,
    /// Both are.
    Seen {
        /// Slope of the line through them in degrees, −90 to 90, clockwise as seen: 0 is level.
        slope: f32,
        /// How uneven their distances from the face's vertical line are, 0 (even) to 1 (one
        /// shoulder is on the line, or both are on one side of it): a turned trunk.
        unevenness: f32,
    },
}

/// Measures them.
pub(super) fn shoulders(joints: &Joints, mesh: &Mesh) -> Shoulders {
    let Some([a, b]) = sure(joints, joint::SHOULDERS) else {
        return Shoulders::Hidden;
    };
    let (left, right) = if a.x <= b.x { (a, b) } else { (b, a) };
    let [eye, other, ..] = mesh.landmarks();
    let middle = (eye.x + other.x) / 2.0;
    let (near, far) = ends(middle - left.x, right.x - middle);
    Shoulders::Seen {
        slope: slope(left, right),
        unevenness: (1.0 - near / far).clamp(0.0, 1.0),
    }
}

fn slope(left: Point, right: Point) -> f32 {
    (right.y - left.y)
        .atan2((right.x - left.x).max(1e-3))
        .to_degrees()
}

fn ends(a: f32, b: f32) -> (f32, f32) {
    (a.min(b), a.max(b).max(1e-3))
}

/// The part of a picture in which the shoulders of a face are looked for: about the box of a
/// person as far as the waist.
pub fn search_box(face: &BBox) -> BBox {
    let (width, height) = (face.width * 3.6, face.height * 4.0);
    let x = face.center().x - width / 2.0;
    BBox::new(x, face.y - face.height * 0.5, width, height)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{body::parts::tests::standing, post::mesh::POINTS, pre::affine::Affine};
    use goshawk_proto::score::Score;

    /// Eyes about (100, 16), as those of [`standing`].
    fn mesh() -> Mesh {
        let mut values = vec![0.0; POINTS * 3];
        for (index, x) in [(33, 90.0), (133, 98.0), (362, 102.0), (263, 110.0)] {
            values[index * 3..][..2].copy_from_slice(&[x, 16.0]);
        }
        Mesh::from_raw(&values, &Affine::IDENTITY).unwrap()
    }

    #[test]
    fn level_shoulders_are_level_and_even() {
        let want = Shoulders::Seen {
            slope: 0.0,
            unevenness: 0.0,
        };
        assert_eq!(shoulders(&standing(), &mesh()), want);
    }

    #[test]
    fn a_tilt_and_a_turn_show() {
        let mut joints = standing();
        joints[joint::SHOULDERS[0]].at.y += 20.0;
        let Shoulders::Seen { slope, .. } = shoulders(&joints, &mesh()) else {
            panic!("both are sure");
        };
        assert!((slope - 18.4).abs() < 0.1, "{slope}");
        let mut joints = standing();
        joints[joint::SHOULDERS[0]].at.x = 106.0;
        let Shoulders::Seen { unevenness, .. } = shoulders(&joints, &mesh()) else {
            panic!("both are sure");
        };
        assert!(unevenness > 0.7, "{unevenness}");
    }

    #[test]
    fn an_unsure_shoulder_is_hidden() {
        let mut joints = standing();
        joints[joint::SHOULDERS[1]].score = Score::saturating(0.1);
        assert_eq!(shoulders(&joints, &mesh()), Shoulders::Hidden);
    }

    #[test]
    fn the_search_holds_face_and_waist() {
        let found = search_box(&BBox::new(100.0, 100.0, 50.0, 60.0));
        assert_eq!(found, BBox::new(35.0, 70.0, 180.0, 240.0));
    }
}
