//! Eyes from the contour network: how far they are open, and the rim of the iris.

use std::f32::consts::TAU;

use goshawk_proto::geometry::Point;

use crate::{
    estimate::{Eye, EyeState},
    pre::affine::Affine,
    role::EyeMesh,
};

use super::mesh::Point3;

/// Openness at and below which an eye is closed. Measured: 108 open eyes of faces from 60 px have
/// 0.17 (narrowed by a laugh) to 0.4, eight eyes painted shut 0.07 to 0.13. Of smaller faces some
/// open eyes fall below.
pub const CLOSED: f32 = 0.15;

/// Points of the rim.
pub const RIM: usize = 32;

/// Upper and lower point of three lid distances: the middle and its neighbours.
const LIDS: [(usize, usize); 3] = [(11, 3), (12, 4), (13, 5)];
/// Outer and inner corner.
const CORNERS: (usize, usize) = (0, 8);

/// How far an eye is open: the eye aspect ratio of Soukupová and Čech (2016) with three lid
/// distances instead of two, over the distance of the corners, in the picture's plane. 0 for a
/// contour without extent.
pub fn openness(eye: &EyeMesh) -> f32 {
    let at = |index: usize| eye.contour[index].flat();
    let width = at(CORNERS.0).distance(at(CORNERS.1));
    if !width.is_finite() || width <= f32::EPSILON {
        return 0.0;
    }
    let lids: f32 = LIDS
        .iter()
        .map(|(up, low)| at(*up).distance(at(*low)))
        .sum();
    lids / (LIDS.len() as f32 * width)
}

/// Open or closed, by one limit: a still picture has no history.
pub fn state(openness: f32) -> EyeState {
    if openness <= CLOSED {
        EyeState::Closed
    } else {
        EyeState::Open
    }
}

/// The iris' rim in picture pixels: the ellipse whose half axes are half the way from its left
/// to its right and from its top to its bottom point, at equal steps of the angle, clockwise from
/// the rightmost point.
pub fn rim(eye: &EyeMesh) -> [Point; RIM] {
    let [_, right, top, left, bottom] = eye.iris.map(Point3::flat);
    let centre = Point::new(
        (right.x + top.x + left.x + bottom.x) / 4.0,
        (right.y + top.y + left.y + bottom.y) / 4.0,
    );
    let half = |from: Point, to: Point| ((to.x - from.x) / 2.0, (to.y - from.y) / 2.0);
    let (across, down) = (half(left, right), half(top, bottom));
    std::array::from_fn(|step| {
        let (sin, cos) = (TAU * step as f32 / RIM as f32).sin_cos();
        Point::new(
            centre.x + across.0 * cos + down.0 * sin,
            centre.y + across.1 * cos + down.1 * sin,
        )
    })
}

/// All of an eye. `to_sample` takes picture pixels to those of the aligned sample.
pub fn eye(eye: &EyeMesh, to_sample: &Affine) -> Eye {
    let openness = openness(eye);
    Eye {
        state: state(openness),
        openness,
        rim: rim(eye).map(|p| to_sample.apply(p)),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::role::{EYE_CONTOUR, IRIS};
    use proptest::prelude::*;

    /// An eye 30 pixels wide about `centre`, its lids `gap` apart, its iris of radius 6 moved by
    /// `iris`.
    pub(crate) fn drawn(centre: Point, gap: f32, iris: (f32, f32)) -> EyeMesh {
        let at = |x: f32, y: f32| Point3 {
            x: centre.x + x,
            y: centre.y + y,
            z: 0.0,
        };
        let mut contour = [at(0.0, 0.0); EYE_CONTOUR];
        for (index, point) in contour.iter_mut().enumerate().take(9) {
            let inside = f32::from(u8::from(index != 0 && index != 8));
            *point = at(-15.0 + 3.75 * index as f32, inside * gap / 2.0);
        }
        for (index, point) in contour.iter_mut().enumerate().take(16).skip(9) {
            *point = at(-15.0 + 3.75 * (index - 8) as f32, -gap / 2.0);
        }
        let (x, y) = iris;
        let middle: [Point3; IRIS] = [
            at(x, y),
            at(x + 6.0, y),
            at(x, y - 6.0),
            at(x - 6.0, y),
            at(x, y + 6.0),
        ];
        EyeMesh {
            contour,
            iris: middle,
        }
    }

    #[test]
    fn lids_decide() {
        let middle = Point::new(100.0, 80.0);
        assert!((openness(&drawn(middle, 9.0, (0.0, 0.0))) - 0.3).abs() < 1e-4);
        assert_eq!(state(0.3), EyeState::Open);
        assert_eq!(
            state(openness(&drawn(middle, 2.0, (0.0, 0.0)))),
            EyeState::Closed
        );
        let mut nothing = drawn(middle, 9.0, (0.0, 0.0));
        nothing.contour = [Point3::default(); EYE_CONTOUR];
        assert_eq!(openness(&nothing), 0.0);
    }

    proptest! {
        #[test]
        fn openness_knows_no_size_place_or_turn(
            gap in 0.5f32..12.0, scale in 0.3f32..8.0, angle in -3.0f32..3.0, x in -50.0f32..900.0,
        ) {
            let plain = drawn(Point::new(40.0, 30.0), gap, (0.0, 0.0));
            let map = Affine::similarity(scale, angle, Point::new(x, 20.0));
            let mut moved = plain.clone();
            for point in &mut moved.contour {
                let flat = map.apply(point.flat());
                (point.x, point.y) = (flat.x, flat.y);
            }
            prop_assert!((openness(&plain) - openness(&moved)).abs() < 1e-3);
        }

        #[test]
        fn the_rim_is_round_and_starts_at_the_right(x in -4.0f32..4.0, y in -3.0f32..3.0) {
            let middle = Point::new(100.0, 80.0);
            let rim = rim(&drawn(middle, 9.0, (x, y)));
            let centre = Point::new(100.0 + x, 80.0 + y);
            prop_assert!(rim.iter().all(|p| (p.distance(centre) - 6.0).abs() < 1e-3));
            prop_assert!((rim[0].x - centre.x - 6.0).abs() < 1e-3);
            prop_assert!(rim[8].y > centre.y + 5.9, "clockwise as seen");
        }
    }

    #[test]
    fn the_rim_goes_to_the_sample() {
        let eye = eye(
            &drawn(Point::new(100.0, 80.0), 9.0, (0.0, 0.0)),
            &Affine::similarity(2.0, 0.0, Point::new(-100.0, -60.0)),
        );
        assert!(eye.rim[0].distance(Point::new(112.0, 100.0)) < 1e-3);
    }
}
