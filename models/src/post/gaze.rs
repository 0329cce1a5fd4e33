//! Where the eyes look, from the place of the irises between the corners of the eyes.
//!
//! A model of the eyeball: it turns about a centre that lies behind the middle of the eye's
//! corners, and the iris sits on it at a fixed distance from that centre. With the head's
//! rotation known, the iris' place in the picture leaves one direction of the eye. The model is
//! the one of Wood et al. (2016), "A 3D morphable eye region model for gaze estimation", reduced
//! to a sphere; its lengths are in widths of the eye (corner to corner, about 28 mm): the iris'
//! plane is about 10.5 mm before the centre of rotation, which is about 13.5 mm behind the
//! cornea's top. What lies outside that top (the corners, 7 mm behind it) fixes the centre's depth.
//!
//! Measured on 24 portraits that look into the camera, with heads turned by up to 26 degrees: the
//! median of |yaw| is 3 degrees and of |pitch| 3.5, 20 of 24 yaws are within 8. Other directions
//! were not measured; what is left over grows with the head's turn.
//!
//! Both eyes are averaged: what makes one eye's corners uneven (the inner one is longer) cancels.

use goshawk_proto::{detection::HeadPose, geometry::Point};

use crate::{estimate::Gaze, role::EyeMesh};

/// From the eyeball's centre to the iris' plane, in eye widths.
const RADIUS: f32 = 0.39;
/// The eyeball's centre behind the middle of the corners, in eye widths.
const DEPTH: f32 = 0.24;
/// The eyeball's centre below the middle of the corners, in eye widths. Negative: above. Measured:
/// faces that look into the camera have their irises this much above the line of the corners.
const BELOW: f32 = -0.08;
/// Least share of the eyes' plane that faces the camera (the cosine of its turn); beyond 60
/// degrees the corners cover the iris and a pixel is too many degrees.
const LEAST_FACING: f32 = 0.5;

type Matrix = [[f32; 3]; 3];

/// Where two eyes look. `None` when the head is turned too far, or an eye has no extent.
pub fn gaze(eyes: [&EyeMesh; 2], head: &HeadPose) -> Option<Gaze> {
    let turn = rotation(head);
    let facing = turn[2][2];
    if facing.is_nan() || facing < LEAST_FACING {
        return None;
    }
    let shown = turn[0][0].hypot(turn[1][0]);
    let [left, right] = eyes.map(|eye| iris_place(eye, shown));
    let (left, right) = (left?, right?);
    let seen = ((left.0 + right.0) / 2.0, (left.1 + right.1) / 2.0);
    let eye = eye_direction(seen, &turn);
    Some(angles(apply(&turn, eye)))
}

/// The iris' middle against the middle of the corners, in eye widths. `shown` is the share of the
/// eye's width that the head's turn leaves.
fn iris_place(eye: &EyeMesh, shown: f32) -> Option<(f32, f32)> {
    let (outer, inner) = (eye.contour[0].flat(), eye.contour[8].flat());
    let middle = Point::new((outer.x + inner.x) / 2.0, (outer.y + inner.y) / 2.0);
    let width = outer.distance(inner) / shown;
    let iris = eye.iris[0];
    let place = ((iris.x - middle.x) / width, (iris.y - middle.y) / width);
    (width > 1.0 && place.0.is_finite() && place.1.is_finite()).then_some(place)
}

/// The unit direction of the eye in the head's axes that shows the iris at `seen`: the front one
/// of the two points in which the line of sight meets the eyeball, or its nearest to the line.
fn eye_direction(seen: (f32, f32), turn: &Matrix) -> [f32; 3] {
    let det = turn[0][0] * turn[1][1] - turn[0][1] * turn[1][0];
    // The picture shows two rows of turn · (x, y + below, depth - forward): x and y against it.
    let solve = |u: f32, v: f32| {
        let x = (u * turn[1][1] - v * turn[0][1]) / det;
        let y = (v * turn[0][0] - u * turn[1][0]) / det;
        (x, y)
    };
    let (x0, y0) = solve(seen.0 - turn[0][2] * DEPTH, seen.1 - turn[1][2] * DEPTH);
    let (x1, y1) = solve(turn[0][2], turn[1][2]);
    let y0 = y0 - BELOW;
    // Both lie on the sphere: a quadratic in `forward`.
    let (a, b) = (1.0 + x1 * x1 + y1 * y1, x0 * x1 + y0 * y1);
    let c = x0 * x0 + y0 * y0 - RADIUS * RADIUS;
    let forward = (-b + (b * b - a * c).max(0.0).sqrt()) / a;
    let eye = [x0 + x1 * forward, y0 + y1 * forward, -forward];
    let length = eye.iter().map(|v| v * v).sum::<f32>().sqrt().max(1e-6);
    eye.map(|v| v / length)
}

/// `Rz(roll) · Ry(-yaw) · Rx(-pitch)` (x right, y down, z away), as [`HeadPose`] means its angles.
fn rotation(head: &HeadPose) -> Matrix {
    let (sy, cy) = (-head.yaw.to_radians()).sin_cos();
    let (sp, cp) = (-head.pitch.to_radians()).sin_cos();
    let (sr, cr) = head.roll.to_radians().sin_cos();
    let nodded = [[1.0, 0.0, 0.0], [0.0, cp, -sp], [0.0, sp, cp]];
    let turned = [[cy, 0.0, sy], [0.0, 1.0, 0.0], [-sy, 0.0, cy]];
    let tilted = [[cr, -sr, 0.0], [sr, cr, 0.0], [0.0, 0.0, 1.0]];
    product(&tilted, &product(&turned, &nodded))
}

fn product(a: &Matrix, b: &Matrix) -> Matrix {
    std::array::from_fn(|i| std::array::from_fn(|j| (0..3).map(|k| a[i][k] * b[k][j]).sum()))
}

fn apply(m: &Matrix, v: [f32; 3]) -> [f32; 3] {
    m.map(|row| row[0] * v[0] + row[1] * v[1] + row[2] * v[2])
}

/// Yaw to the image's right, pitch up.
fn angles([x, y, z]: [f32; 3]) -> Gaze {
    Gaze {
        yaw: x.atan2(-z).to_degrees(),
        pitch: (-y).atan2(x.hypot(z)).to_degrees(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::post::{eyes::tests::drawn, mesh::Point3};
    use proptest::prelude::*;

    /// An eye of a head in this pose that looks along `gaze` (degrees against the camera), drawn
    /// by the model, about `at` and 30 pixels wide.
    fn looking(head: &HeadPose, gaze: Gaze, at: (f32, f32)) -> Option<EyeMesh> {
        let turn = rotation(head);
        let (sy, cy) = gaze.yaw.to_radians().sin_cos();
        let (sp, cp) = gaze.pitch.to_radians().sin_cos();
        let far = [sy * cp, -sp, -cy * cp];
        // Into the head's axes: the transposed rotation.
        let eye: [f32; 3] = std::array::from_fn(|j| (0..3).map(|i| turn[i][j] * far[i]).sum());
        if eye[0].hypot(eye[1]) > 0.9 || eye[2] > 0.0 {
            return None;
        }
        let place = |p: [f32; 3]| {
            let [x, y, _] = apply(&turn, p);
            Point3 {
                x: at.0 + 30.0 * x,
                y: at.1 + 30.0 * y,
                z: 0.0,
            }
        };
        let mut drawn = drawn(Point::new(at.0, at.1), 9.0, (0.0, 0.0));
        (drawn.contour[0], drawn.contour[8]) = (place([-0.5, 0.0, 0.0]), place([0.5, 0.0, 0.0]));
        let [x, y, z] = eye.map(|v| v * RADIUS);
        drawn.iris[0] = place([x, y + BELOW, z + DEPTH]);
        Some(drawn)
    }

    proptest! {
        #[test]
        fn what_the_model_draws_is_read_back(
            yaw in -35.0f32..35.0, pitch in -25.0f32..25.0, roll in -30.0f32..30.0,
            to_side in -30.0f32..30.0, up in -20.0f32..20.0,
        ) {
            let head = HeadPose { yaw, pitch, roll };
            let want = Gaze { yaw: to_side, pitch: up };
            let (Some(left), Some(right)) = (looking(&head, want, (100.0, 90.0)), looking(&head, want, (160.0, 90.0))) else {
                return Ok(());
            };
            let got = gaze([&left, &right], &head).unwrap();
            prop_assert!((got.yaw - want.yaw).abs() < 0.5 && (got.pitch - want.pitch).abs() < 0.5, "{want:?} {got:?}");
        }
    }

    #[test]
    fn signs_are_those_of_the_head() {
        let level = HeadPose::default();
        let look = |iris| {
            let eyes = [40.0, 100.0].map(|x| drawn(Point::new(x, 50.0), 9.0, iris));
            gaze([&eyes[0], &eyes[1]], &level).unwrap()
        };
        let ahead = look((0.0, BELOW * 30.0));
        assert!(
            ahead.yaw.abs() < 0.5 && ahead.pitch.abs() < 0.5,
            "{ahead:?}"
        );
        assert!(look((3.0, BELOW * 30.0)).yaw > 10.0);
        assert!(look((0.0, BELOW * 30.0 - 3.0)).pitch > 10.0);
    }

    #[test]
    fn far_turned_heads_and_empty_eyes_are_not_answered() {
        let eye = drawn(Point::new(40.0, 50.0), 9.0, (0.0, 0.0));
        let turned = HeadPose {
            yaw: 75.0,
            ..HeadPose::default()
        };
        assert_eq!(gaze([&eye, &eye], &turned), None);
        let nowhere = HeadPose {
            yaw: f32::NAN,
            ..turned
        };
        assert_eq!(gaze([&eye, &eye], &nowhere), None);
        let mut empty = eye.clone();
        empty.contour[8] = empty.contour[0];
        assert_eq!(gaze([&eye, &empty], &HeadPose::default()), None);
    }

    #[test]
    fn an_impossible_place_of_the_iris_gives_numbers() {
        let eyes = [40.0, 100.0].map(|x| drawn(Point::new(x, 50.0), 9.0, (14.0, 30.0)));
        let got = gaze([&eyes[0], &eyes[1]], &HeadPose::default()).unwrap();
        assert!(got.yaw.is_finite() && got.pitch < -30.0);
    }
}
