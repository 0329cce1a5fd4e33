//! 68 points of a face, picked from the mesh.
//!
//! The order is that of the iBUG 300-W annotations (Sagonas et al., 2013): 17 along the jaw from
//! the image's left to its right, five on each brow, four down the nose's ridge and five below
//! it, six round each eye, twelve round the lips and eight inside them. Which point of the mesh
//! stands for which is a choice: published tables differ by a neighbour or two along the jaw, the
//! nose and the lips. The mesh's outline runs a little inside the jaw, and its ends lie before
//! the ears.

use goshawk_proto::geometry::Point;

use super::mesh::Mesh;

/// Number of points.
pub const COUNT: usize = 68;

/// The mesh point of each.
const FROM_MESH: [usize; COUNT] = [
    // Jaw.
    127, 234, 132, 58, 172, 150, 149, 148, 152, 377, 378, 379, 397, 288, 361, 454, 356,
    // Brows.
    70, 63, 105, 66, 107, 336, 296, 334, 293, 300, // Nose.
    168, 197, 5, 4, 98, 97, 2, 326, 327, // Eyes.
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380, // Lips, outside and inside.
    61, 39, 37, 0, 267, 269, 291, 321, 314, 17, 84, 91, 78, 82, 13, 312, 308, 317, 14, 87,
];

/// The points in picture pixels.
pub fn landmarks68(mesh: &Mesh) -> [Point; COUNT] {
    FROM_MESH.map(|index| mesh.point(index).flat())
}

/// For each point the one that it becomes in a mirrored picture.
pub const MIRROR: [usize; COUNT] = [
    16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, //
    26, 25, 24, 23, 22, 21, 20, 19, 18, 17, //
    27, 28, 29, 30, 35, 34, 33, 32, 31, //
    45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40, //
    54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{post::mesh::POINTS, pre::affine::Affine};

    #[test]
    fn each_point_is_another_one_of_the_mesh() {
        let values: Vec<f32> = (0..POINTS * 3).map(|v| (v / 3) as f32).collect();
        let mesh = Mesh::from_raw(&values, &Affine::IDENTITY).unwrap();
        let mut seen: Vec<usize> = landmarks68(&mesh).iter().map(|p| p.x as usize).collect();
        assert_eq!(seen, FROM_MESH);
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), COUNT);
    }

    #[test]
    fn mirroring_twice_is_nothing() {
        for (at, to) in MIRROR.iter().enumerate() {
            assert_eq!(MIRROR[*to], at);
        }
    }

    #[test]
    fn the_table_is_as_symmetric_as_the_mesh() {
        // Pairs of the mesh that the pose's canonical face and the mesh's five points rely on.
        for (left, right) in [
            (127, 356),
            (234, 454),
            (33, 263),
            (133, 362),
            (98, 327),
            (61, 291),
        ] {
            let at = |point| FROM_MESH.iter().position(|p| *p == point).unwrap();
            assert_eq!(MIRROR[at(left)], at(right));
        }
    }
}
