//! Reading MoveNet (single person): 17 joints of y, x and score, in shares of its input.

use goshawk_proto::{geometry::Point, score::Score};

use crate::{
    pre::affine::Affine,
    role::{JOINTS, Joint, Joints},
};

/// Sides of the network's input in pixels.
pub const SIDE: u32 = 192;
/// Numbers of a body.
pub const VALUES: usize = JOINTS * 3;

/// The joints of one body; `to_picture` leads from the input's pixels to the picture. `None` when
/// a number is not finite.
pub fn read(values: &[f32; VALUES], to_picture: &Affine) -> Option<Joints> {
    if !values.iter().all(|v| v.is_finite()) {
        return None;
    }
    let rows = values.as_chunks::<3>().0;
    let side = SIDE as f32;
    Some(std::array::from_fn(|i| {
        let [y, x, score] = rows[i];
        Joint {
            at: to_picture.apply(Point::new(x * side, y * side)),
            score: Score::saturating(score),
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joints_are_y_first_and_go_to_the_picture() {
        let mut values = [0.5; VALUES];
        values[..3].copy_from_slice(&[0.25, 0.75, 0.9]);
        let map = Affine::from_square(192.0, Point::new(50.0, 60.0), 100.0, 0.0);
        let joints = read(&values, &map).unwrap();
        assert!(joints[0].at.distance(Point::new(75.0, 35.0)) < 1e-3);
        assert!((joints[0].score.get() - 0.9).abs() < 1e-6);
        assert!(joints[16].at.distance(Point::new(50.0, 60.0)) < 1e-3);
        values[7] = f32::INFINITY;
        assert!(read(&values, &map).is_none());
    }
}
