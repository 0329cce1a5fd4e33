//! Heads and flat pictures of heads, turned before a pinhole camera, with measurement noise.

use super::*;
use proptest::prelude::*;

/// A point of the model in centimetres: x to the image's right, y down, z towards the camera.
type Solid = [f64; 3];

/// Eye distance of the model in centimetres.
const EYES_CM: f64 = 6.2;

/// A face in rough measures of the MediaPipe canonical model: an ellipsoid with a nose.
fn head() -> Vec<Solid> {
    let mut points = vec![[0.0; 3]; mesh::POINTS];
    let mut set = |index: usize, x: f64, y: f64| {
        let round = (1.0 - (x / 8.2).powi(2) - (y / 11.0).powi(2))
            .max(0.0)
            .sqrt();
        let nose = 2.4 * (-(x / 1.3).powi(2) - ((y - 0.8) / 2.2).powi(2)).exp();
        points[index] = [x, y, 8.0 * round + nose - 8.0];
    };
    let middle = [
        -8.0, -6.5, -5.0, -4.0, -2.7, -2.0, -1.2, -0.5, 0.0, 0.5, 1.0, 1.6, 2.0, 2.5,
    ];
    for (index, y) in mesh::RIGID.iter().zip(middle) {
        set(*index, 0.0, y);
    }
    // The rest of the list alternates between the left and the right side.
    let sides: [(f64, f64); 23] = [
        (1.8, 1.2),
        (1.9, 1.0),
        (1.1, 1.8),
        (1.6, 1.6),
        (1.5, 0.3),
        (1.4, 0.8),
        (4.4, -2.6),
        (1.8, -2.4),
        (5.0, 0.9),
        (3.4, 0.0),
        (2.6, 0.7),
        (5.6, -0.6),
        (4.6, -0.3),
        (6.2, 0.6),
        (6.6, 0.0),
        (3.9, 2.0),
        (7.7, -0.6),
        (7.6, -2.4),
        (7.3, -4.2),
        (6.6, -5.6),
        (5.8, -6.7),
        (4.0, -7.6),
        (2.2, -7.9),
    ];
    for (pair, (x, y)) in mesh::RIGID[14..].chunks(2).zip(sides) {
        set(pair[0], -x, y);
        set(pair[1], x, y);
    }
    for (eye, sign) in [(mesh::LEFT_EYE, -1.0), (mesh::RIGHT_EYE, 1.0)] {
        set(eye[0], sign * 4.4, -2.6);
        set(eye[3], sign * 1.8, -2.4);
    }
    points
}

/// What a camera with an eye distance of `eyes_px` pixels sees from half a metre or more.
fn project(model: &[Solid], yaw: f64, pitch: f64, distance_cm: f64, eyes_px: f64) -> Vec<Point> {
    let (ys, yc) = yaw.to_radians().sin_cos();
    let (ps, pc) = pitch.to_radians().sin_cos();
    let focal = eyes_px * distance_cm / EYES_CM;
    model
        .iter()
        .map(|[x, y, z]| {
            let (x, z) = (x * yc + z * ys, z * yc - x * ys);
            let (y, z) = (y * pc - z * ps, z * pc + y * ps);
            let depth = distance_cm - z;
            Point::new(
                (320.0 + focal * x / depth) as f32,
                (240.0 + focal * y / depth) as f32,
            )
        })
        .collect()
}

/// Repeatable noise, roughly normal, of the given standard deviation.
struct Noise(u64);

impl Noise {
    fn next(&mut self, deviation: f64) -> f32 {
        let mut sum = 0.0;
        for _ in 0..12 {
            self.0 = self
                .0
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            sum += (self.0 >> 11) as f64 / (1u64 << 53) as f64;
        }
        ((sum - 6.0) * deviation) as f32
    }
}

/// A turn from one side to the other, seen at eye distance 60 px. The mesh's pose follows the
/// turn as far as `pose_share` says: wholly for a head, hardly for a picture, which keeps showing
/// the same side of the face.
fn views(model: &[Solid], reach: f64, noise_share: f64, pose_share: f64, seed: u64) -> Views {
    let mut noise = Noise(seed);
    let mut views = Views::default();
    for step in 0..=40 {
        let share = f64::from(step) / 20.0 - 1.0;
        let (yaw, pitch) = (reach * share, 0.3 * reach * (share * 3.0).sin());
        let mut points = project(model, yaw, pitch, 80.0, 60.0);
        for p in &mut points {
            p.x += noise.next(60.0 * noise_share);
            p.y += noise.next(60.0 * noise_share);
        }
        let seen = |angle: f64, noise: &mut Noise| (angle * pose_share) as f32 + noise.next(1.5);
        let pose = HeadPose {
            yaw: seen(yaw, &mut noise),
            pitch: seen(pitch, &mut noise),
            roll: 0.0,
        };
        views.observe(&points, pose);
    }
    views
}

fn flat(model: &[Solid]) -> Vec<Solid> {
    model.iter().map(|[x, y, _]| [*x, *y, 0.0]).collect()
}

/// The picture on the card is itself of a head seen somewhat from the side.
fn photograph(yaw: f64) -> Vec<Solid> {
    let (s, c) = yaw.to_radians().sin_cos();
    head()
        .iter()
        .map(|[x, y, z]| [x * c + z * s, *y, 0.0])
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn a_turning_head_is_no_plane(
        seed in any::<u64>(),
        reach in 15.0f64..35.0,
        noise in 0.0f64..0.012,
    ) {
        let views = views(&head(), reach, noise, 1.0, seed);
        prop_assert_eq!(testify(&views).verdict, LivenessVerdict::Real, "{:?}", views.depth());
    }

    #[test]
    fn a_turning_picture_is_a_plane(
        seed in any::<u64>(),
        reach in 45.0f64..55.0,
        noise in 0.0f64..0.008,
    ) {
        let views = views(&flat(&head()), reach, noise, 0.05, seed);
        prop_assert_eq!(testify(&views).verdict, LivenessVerdict::Spoof, "{:?}", views.flatness());
    }

    #[test]
    fn a_picture_is_never_a_head_even_when_measured_badly(
        seed in any::<u64>(),
        reach in 8.0f64..50.0,
        noise in 0.0f64..0.015,
        pose_share in 0.0f64..1.0,
        yaw in -25.0f64..25.0,
    ) {
        let views = views(&photograph(yaw), reach, noise, pose_share, seed);
        prop_assert_ne!(testify(&views).verdict, LivenessVerdict::Real, "{:?}", views.depth());
    }

    #[test]
    fn a_head_is_never_a_picture_even_when_its_pose_is_missed(
        seed in any::<u64>(),
        reach in 5.0f64..50.0,
        noise in 0.0f64..0.015,
        pose_share in 0.3f64..1.0,
    ) {
        let views = views(&head(), reach, noise, pose_share, seed);
        prop_assert_ne!(testify(&views).verdict, LivenessVerdict::Spoof, "{:?}", views.flatness());
    }
}

#[test]
fn a_still_face_says_nothing() {
    for model in [head(), flat(&head())] {
        let said = testify(&views(&model, 4.0, 0.005, 1.0, 1));
        assert_eq!(said.verdict, LivenessVerdict::Unknown);
    }
}

#[test]
fn views_are_few_and_spread_out() {
    let mut views = Views::default();
    let model = head();
    for yaw in -80..=80 {
        let points = project(&model, f64::from(yaw), 0.0, 80.0, 60.0);
        let pose = HeadPose {
            yaw: yaw as f32,
            pitch: 0.0,
            roll: 0.0,
        };
        views.observe(&points, pose);
    }
    assert_eq!(views.len(), MAX_VIEWS);
    let yaws: Vec<f32> = views.kept.iter().map(|v| v.pose.yaw).collect();
    assert!(
        yaws.iter().any(|y| *y < -50.0) && yaws.iter().any(|y| *y > 50.0),
        "{yaws:?}"
    );
}
