//! Where a head looks: the rotation that takes a canonical face to the mesh.
//!
//! The rotation is Horn's closed-form absolute orientation (1987): the unit quaternion that is
//! the eigenvector of the largest eigenvalue of a symmetric 4 × 4 matrix made of the point sets'
//! correlation. It uses points of skull and nose, which expressions hardly move. The mesh has
//! depth in the scale of the picture, so no camera is needed; perspective is neglected, which
//! costs a few degrees for a face that fills the picture.

use goshawk_proto::detection::HeadPose;

use super::mesh::{Mesh, Point3};

/// A point of the canonical face: mesh point, its mirror image (itself on the midline), position.
type Rigid = (usize, usize, [f64; 3]);

/// The canonical face: mean of the meshes that the default pack's network gives for 27 frontal
/// faces in photographs, and of their mirror images, after Procrustes alignment. Outer eye
/// corners are 1 apart; x to the image's right, y down, z away from the camera. The median of
/// those faces has pitch zero, so zero is how people hold their head before a camera.
const CANONICAL: [Rigid; 23] = [
    (10, 10, [0.0, -0.551, -0.227]),
    (151, 151, [0.0, -0.378, -0.262]),
    (9, 9, [0.0, -0.187, -0.291]),
    (8, 8, [0.0, -0.099, -0.274]),
    (168, 168, [0.0, -0.032, -0.265]),
    (6, 6, [0.0, 0.046, -0.313]),
    (197, 197, [0.0, 0.126, -0.365]),
    (195, 195, [0.0, 0.201, -0.424]),
    (5, 5, [0.0, 0.282, -0.485]),
    (4, 4, [0.0, 0.380, -0.509]),
    (1, 1, [0.0, 0.453, -0.483]),
    (33, 263, [-0.500, 0.003, -0.011]),
    (133, 362, [-0.194, 0.016, -0.066]),
    (127, 356, [-0.765, 0.057, 0.537]),
    (234, 454, [-0.758, 0.213, 0.595]),
    (93, 323, [-0.752, 0.372, 0.607]),
    (103, 332, [-0.544, -0.451, -0.013]),
    (67, 297, [-0.383, -0.515, -0.136]),
    (54, 284, [-0.649, -0.356, 0.130]),
    (21, 251, [-0.715, -0.236, 0.269]),
    (162, 389, [-0.751, -0.107, 0.418]),
    (129, 358, [-0.249, 0.403, -0.169]),
    (98, 327, [-0.210, 0.481, -0.211]),
];

/// Points with both sides counted.
const PAIRS: usize = 2 * CANONICAL.len() - 11;

/// Head pose in degrees, by the signs of [`HeadPose`]: the face is nodded by `pitch`, then turned
/// by `yaw`, then tilted in the image by `roll`. `yaw` is within ±90, the others within ±180.
pub fn head_pose(mesh: &Mesh) -> HeadPose {
    let (mut from, mut to) = ([[0.0; 3]; PAIRS], [[0.0; 3]; PAIRS]);
    let mut pairs = 0;
    let mut add = |canonical, index| {
        from[pairs] = canonical;
        to[pairs] = position(mesh.point(index));
        pairs += 1;
    };
    for (index, mirror, [x, y, z]) in CANONICAL {
        add([x, y, z], index);
        if mirror != index {
            add([-x, y, z], mirror);
        }
    }
    angles(&rotation(&from[..pairs], &to[..pairs]))
}

fn position(p: Point3) -> [f64; 3] {
    [f64::from(p.x), f64::from(p.y), f64::from(p.z)]
}

/// Splits a rotation `Rz(roll) · Ry(-yaw) · Rx(-pitch)` (x right, y down, z away).
fn angles(r: &[[f64; 3]; 3]) -> HeadPose {
    let degrees = |a: f64| a.to_degrees() as f32;
    HeadPose {
        yaw: degrees(r[2][0].clamp(-1.0, 1.0).asin()),
        pitch: degrees(-r[2][1].atan2(r[2][2])),
        roll: degrees(r[1][0].atan2(r[0][0])),
    }
}

/// The rotation that takes `from` nearest to `to`, whatever their scale and place.
fn rotation(from: &[[f64; 3]], to: &[[f64; 3]]) -> [[f64; 3]; 3] {
    let (a, b) = (mean(from), mean(to));
    let mut s = [[0.0; 3]; 3];
    for (p, q) in from.iter().zip(to) {
        for (i, row) in s.iter_mut().enumerate() {
            for (j, value) in row.iter_mut().enumerate() {
                *value += (p[i] - a[i]) * (q[j] - b[j]);
            }
        }
    }
    matrix(largest_eigenvector(horn(&s)))
}

fn mean(points: &[[f64; 3]]) -> [f64; 3] {
    let count = points.len().max(1) as f64;
    [0, 1, 2].map(|i| points.iter().map(|p| p[i]).sum::<f64>() / count)
}

/// Horn's matrix of the correlation `s`.
fn horn(s: &[[f64; 3]; 3]) -> [[f64; 4]; 4] {
    let [[xx, xy, xz], [yx, yy, yz], [zx, zy, zz]] = *s;
    [
        [xx + yy + zz, yz - zy, zx - xz, xy - yx],
        [yz - zy, xx - yy - zz, xy + yx, zx + xz],
        [zx - xz, xy + yx, yy - xx - zz, yz + zy],
        [xy - yx, zx + xz, yz + zy, zz - xx - yy],
    ]
}

/// Eigenvector of the largest eigenvalue of a symmetric matrix, by Jacobi's rotations.
fn largest_eigenvector(mut m: [[f64; 4]; 4]) -> [f64; 4] {
    let mut vectors = [[0.0; 4]; 4];
    for (i, row) in vectors.iter_mut().enumerate() {
        row[i] = 1.0;
    }
    // A 4 × 4 matrix converges in about five sweeps; twelve leave no doubt.
    for _ in 0..12 {
        for p in 0..3 {
            for q in p + 1..4 {
                annul(&mut m, &mut vectors, p, q);
            }
        }
    }
    let best = (0..4)
        .max_by(|a, b| m[*a][*a].total_cmp(&m[*b][*b]))
        .unwrap_or(0);
    vectors.map(|row| row[best])
}

/// Turns rows and columns `p` and `q` so that the element they share becomes zero.
fn annul(m: &mut [[f64; 4]; 4], vectors: &mut [[f64; 4]; 4], p: usize, q: usize) {
    if m[p][q].abs() < 1e-300 {
        return;
    }
    let theta = (m[q][q] - m[p][p]) / (2.0 * m[p][q]);
    let t = theta.signum() / (theta.abs() + theta.hypot(1.0));
    let c = 1.0 / t.hypot(1.0);
    let s = t * c;
    for row in m.iter_mut() {
        (row[p], row[q]) = (c * row[p] - s * row[q], s * row[p] + c * row[q]);
    }
    let (rp, rq) = (m[p], m[q]);
    for (k, (a, b)) in rp.into_iter().zip(rq).enumerate() {
        (m[p][k], m[q][k]) = (c * a - s * b, s * a + c * b);
    }
    for row in vectors.iter_mut() {
        (row[p], row[q]) = (c * row[p] - s * row[q], s * row[p] + c * row[q]);
    }
}

/// Rotation matrix of a unit quaternion (real part first).
fn matrix([w, x, y, z]: [f64; 4]) -> [[f64; 3]; 3] {
    [
        [
            1.0 - 2.0 * (y * y + z * z),
            2.0 * (x * y - w * z),
            2.0 * (x * z + w * y),
        ],
        [
            2.0 * (x * y + w * z),
            1.0 - 2.0 * (x * x + z * z),
            2.0 * (y * z - w * x),
        ],
        [
            2.0 * (x * z - w * y),
            2.0 * (y * z + w * x),
            1.0 - 2.0 * (x * x + y * y),
        ],
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{post::mesh::POINTS, pre::affine::Affine};
    use proptest::prelude::*;

    /// A mesh of the canonical face: pitched, yawed, rolled (degrees), scaled, moved.
    fn posed(yaw: f64, pitch: f64, roll: f64, scale: f64) -> Mesh {
        let (a, b, c) = (-yaw.to_radians(), -pitch.to_radians(), roll.to_radians());
        let turn = |[x, y, z]: [f64; 3]| {
            let (y, z) = (y * b.cos() - z * b.sin(), y * b.sin() + z * b.cos());
            let (x, z) = (x * a.cos() + z * a.sin(), -x * a.sin() + z * a.cos());
            let (x, y) = (x * c.cos() - y * c.sin(), x * c.sin() + y * c.cos());
            [x, y, z].map(|v| (v * scale + 300.0) as f32)
        };
        let mut values = vec![0.0; POINTS * 3];
        for (index, mirror, [x, y, z]) in CANONICAL {
            values[index * 3..][..3].copy_from_slice(&turn([x, y, z]));
            if mirror != index {
                values[mirror * 3..][..3].copy_from_slice(&turn([-x, y, z]));
            }
        }
        Mesh::from_raw(&values, &Affine::IDENTITY).unwrap()
    }

    proptest! {
        #[test]
        fn a_known_pose_is_found(yaw in -80.0f64..80.0, pitch in -80.0f64..80.0, roll in -175.0f64..175.0, scale in 20.0f64..300.0) {
            let found = head_pose(&posed(yaw, pitch, roll, scale));
            for (want, got) in [(yaw, found.yaw), (pitch, found.pitch), (roll, found.roll)] {
                prop_assert!((want - f64::from(got)).abs() < 0.1, "{want} {got}");
            }
        }
    }

    #[test]
    fn signs_are_those_of_the_vocabulary() {
        // The nose tip against the middle of the eyes says where the nose points.
        let nose = |mesh: &Mesh| {
            let [left, right, nose, ..] = mesh.landmarks();
            (
                nose.x - (left.x + right.x) / 2.0,
                nose.y - (left.y + right.y) / 2.0,
            )
        };
        let level = nose(&posed(0.0, 0.0, 0.0, 100.0));
        assert!(nose(&posed(30.0, 0.0, 0.0, 100.0)).0 > level.0 + 10.0);
        assert!(nose(&posed(0.0, 30.0, 0.0, 100.0)).1 < level.1 - 10.0);
        let [left, right, ..] = posed(0.0, 0.0, 30.0, 100.0).landmarks();
        assert!(right.y > left.y, "clockwise: the right eye sinks");
    }

    #[test]
    fn a_mesh_without_extent_gives_numbers() {
        let mesh = Mesh::from_raw(&vec![5.0; POINTS * 3], &Affine::IDENTITY).unwrap();
        let pose = head_pose(&mesh);
        assert!(pose.yaw.is_finite() && pose.pitch.is_finite() && pose.roll.is_finite());
    }
}
