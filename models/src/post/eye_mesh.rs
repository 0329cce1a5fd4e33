//! Reading the iris network: 71 points of the eye's contour and brow, five of the iris.

use goshawk_proto::geometry::Point;

use super::mesh::Point3;
use crate::{
    pre::affine::Affine,
    role::{EYE_CONTOUR, EyeMesh, IRIS},
};

/// Sides of the network's input in pixels.
pub const SIDE: u32 = 64;
/// Numbers of an eye.
pub const VALUES: usize = (EYE_CONTOUR + IRIS) * 3;

/// The points of one eye: x, y, z in pixels of the input, the contour first. `to_picture` leads
/// from the input to the picture; `mirrored` says that it mirrors, which makes the iris' right
/// point its left one. `None` when a number is not finite.
pub fn read(values: &[f32; VALUES], to_picture: &Affine, mirrored: bool) -> Option<EyeMesh> {
    if !values.iter().all(|v| v.is_finite()) {
        return None;
    }
    let scale = to_picture.scale();
    let points = values.as_chunks::<3>().0;
    let point = |at: usize| {
        let [x, y, z] = points[at];
        let flat = to_picture.apply(Point::new(x, y));
        Point3 {
            x: flat.x,
            y: flat.y,
            z: z * scale,
        }
    };
    let mut iris = std::array::from_fn(|i| point(EYE_CONTOUR + i));
    if mirrored {
        iris.swap(1, 3);
    }
    Some(EyeMesh {
        contour: std::array::from_fn(point),
        iris,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers() -> [f32; VALUES] {
        let mut values = [32.0; VALUES];
        // Outer corner at the left, inner at the right; the iris between them.
        values[..3].copy_from_slice(&[10.0, 32.0, 4.0]);
        values[24..27].copy_from_slice(&[54.0, 32.0, 0.0]);
        let iris = [
            [30.0, 32.0],
            [36.0, 32.0],
            [30.0, 26.0],
            [24.0, 32.0],
            [30.0, 38.0],
        ];
        for (i, [x, y]) in iris.into_iter().enumerate() {
            let at = (EYE_CONTOUR + i) * 3;
            values[at] = x;
            values[at + 1] = y;
        }
        values
    }

    #[test]
    fn points_go_to_the_picture_with_their_depth() {
        let map = Affine::from_square(64.0, Point::new(100.0, 100.0), 128.0, 0.0);
        let eye = read(&numbers(), &map, false).unwrap();
        let corner = eye.contour[0];
        assert_eq!((corner.x, corner.y, corner.z), (56.0, 100.0, 8.0));
        assert_eq!(eye.contour[8].x, 144.0);
        assert_eq!(eye.iris[0].flat(), Point::new(96.0, 100.0));
        assert!(eye.iris[1].x > eye.iris[3].x && eye.iris[2].y < eye.iris[4].y);
    }

    #[test]
    fn a_mirrored_eye_keeps_right_and_left_of_the_image() {
        let map = Affine {
            a: -1.0,
            tx: 64.0,
            ..Affine::IDENTITY
        };
        let eye = read(&numbers(), &map, true).unwrap();
        // The outer corner of an image-right eye lies at the right.
        assert_eq!((eye.contour[0].x, eye.contour[8].x), (54.0, 10.0));
        assert_eq!((eye.iris[1].x, eye.iris[3].x), (40.0, 28.0));
    }

    #[test]
    fn broken_numbers_are_no_eye() {
        let mut values = numbers();
        values[100] = f32::NAN;
        assert!(read(&values, &Affine::IDENTITY, false).is_none());
    }
}
