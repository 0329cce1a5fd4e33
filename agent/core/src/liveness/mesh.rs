//! Where things are in the 468-point face mesh (the MediaPipe topology, which all its published
//! converters keep).

use goshawk_proto::geometry::Point;

/// Points in a mesh.
pub const POINTS: usize = 468;

/// Outer corner, two upper lid points, inner corner, two lower lid points: p1 to p6 of the eye
/// aspect ratio (Soukupová and Čech, "Real-Time Eye Blink Detection using Facial Landmarks",
/// CVWW 2016), for the eye on the left side of the image.
pub const LEFT_EYE: [usize; 6] = [33, 160, 158, 133, 153, 144];
/// The same for the eye on the right side of the image.
pub const RIGHT_EYE: [usize; 6] = [263, 387, 385, 362, 380, 373];

/// Points that move with the skull: forehead, temples, cheek bones, eye corners, bridge, tip and
/// wings of the nose. Lips, lids, brows and chin move on their own and are left out.
pub const RIGID: [usize; 60] = [
    // Middle line from the forehead to under the nose.
    10, 151, 9, 8, 168, 6, 197, 195, 5, 4, 1, 19, 94, 2, //
    // Wings of the nose.
    48, 278, 64, 294, 98, 327, 129, 358, 115, 344, 220, 440, //
    // Corners of the eyes.
    33, 133, 362, 263, //
    // Cheeks and cheek bones.
    50, 280, 101, 330, 36, 266, 117, 346, 118, 347, 123, 352, 116, 345, 205, 425, //
    // Temples and outline above the mouth.
    234, 454, 127, 356, 162, 389, 21, 251, 54, 284, 67, 297, 109, 338,
];

/// How far the two eyes are open: the eye aspect ratio, about 0.3 open and below 0.2 closed, from
/// person to person different.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EyeOpenness {
    /// The eye on the left side of the image.
    pub left: f32,
    /// The eye on the right side of the image.
    pub right: f32,
}

impl EyeOpenness {
    /// Measures a mesh of [`POINTS`] points.
    pub fn measure(points: &[Point]) -> Self {
        Self {
            left: aspect_ratio(points, &LEFT_EYE),
            right: aspect_ratio(points, &RIGHT_EYE),
        }
    }
}

/// `(|p2 - p6| + |p3 - p5|) / (2 |p1 - p4|)`.
fn aspect_ratio(points: &[Point], eye: &[usize; 6]) -> f32 {
    let p = eye.map(|i| points[i]);
    let width = p[0].distance(p[3]).max(1e-3);
    (p[1].distance(p[5]) + p[2].distance(p[4])) / (2.0 * width)
}

/// Distance between the middles of the eyes in pixels.
pub fn eye_distance(points: &[Point]) -> f32 {
    let middle = |eye: &[usize; 6]| {
        let (a, b) = (points[eye[0]], points[eye[3]]);
        Point::new((a.x + b.x) / 2.0, (a.y + b.y) / 2.0)
    };
    middle(&LEFT_EYE).distance(middle(&RIGHT_EYE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_are_in_range_and_not_repeated() {
        let mut all = RIGID.to_vec();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), RIGID.len());
        assert!(
            all.iter()
                .chain(&LEFT_EYE)
                .chain(&RIGHT_EYE)
                .all(|i| *i < POINTS)
        );
    }

    #[test]
    fn the_aspect_ratio_is_height_over_width() {
        let mut points = vec![Point::default(); POINTS];
        let eye = [
            (0.0, 0.0),
            (10.0, -5.0),
            (20.0, -5.0),
            (30.0, 0.0),
            (20.0, 5.0),
            (10.0, 5.0),
        ];
        for (index, (x, y)) in LEFT_EYE.iter().zip(eye) {
            points[*index] = Point::new(x, y);
        }
        assert!((EyeOpenness::measure(&points).left - 10.0 / 30.0).abs() < 1e-6);
    }
}
