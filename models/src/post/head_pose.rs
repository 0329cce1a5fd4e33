//! Where a head looks, from the mesh.

use goshawk_proto::detection::HeadPose;

use super::mesh::{Mesh, Point3};

/// Head pose from the directions of the face's own axes.
pub fn head_pose(mesh: &Mesh) -> HeadPose {
    let minus = |a: Point3, b: Point3| [a.x - b.x, a.y - b.y, a.z - b.z];
    let right = unit(minus(mesh.point(263), mesh.point(33)));
    let down = minus(mesh.point(152), mesh.point(10));
    let back = unit(cross(right, down));
    let down = cross(back, right);
    HeadPose {
        yaw: (right[2]).clamp(-1.0, 1.0).asin().to_degrees(),
        pitch: -(down[2].atan2(back[2])).to_degrees(),
        roll: right[1].atan2(right[0]).to_degrees(),
    }
}

fn cross(a: [f32; 3], b: [f32; 3]) -> [f32; 3] {
    [
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    ]
}

fn unit(v: [f32; 3]) -> [f32; 3] {
    let norm = v
        .iter()
        .map(|x| x * x)
        .sum::<f32>()
        .sqrt()
        .max(f32::MIN_POSITIVE);
    v.map(|x| x / norm)
}
