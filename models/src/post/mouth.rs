//! The mouth: open or not, and kinds of smile.

use goshawk_proto::score::Score;

use crate::estimate::SmileKind;

use super::mesh::{Mesh, Point3};

/// Middle of the upper and the lower lip, inside.
const LIPS: (usize, usize) = (13, 14);
/// Corners, inside.
const CORNERS: (usize, usize) = (78, 308);
/// Aspect at which "open" is as likely as "closed", and the slope of the logistic curve. Closed
/// mouths of portraits have 0.01 to 0.06, smiles that show teeth 0.16 to 0.24, a speaking mouth
/// 0.46.
const OPEN: (f32, f32) = (0.30, 0.05);
/// Aspect from which a smile shows teeth.
const TEETH: f32 = 0.10;
/// Certainty from which a smile is one.
const SMILE: f32 = 0.5;

/// Distance of the lips over the distance of the mouth's corners, both inside and in space: the
/// mouth aspect ratio, made like the eye aspect ratio of Soukupová and Čech (2016). 0 when shut,
/// about 0.5 when speaking; 0 for a mesh without extent.
pub fn aspect(mesh: &Mesh) -> f32 {
    let gap = |(a, b): (usize, usize)| distance(mesh.point(a), mesh.point(b));
    let width = gap(CORNERS);
    if width <= f32::EPSILON {
        return 0.0;
    }
    gap(LIPS) / width
}

fn distance(a: Point3, b: Point3) -> f32 {
    ((a.x - b.x).powi(2) + (a.y - b.y).powi(2) + (a.z - b.z).powi(2)).sqrt()
}

/// How surely a mouth of this aspect is open: logistic, one half at 0.30.
pub fn opened(aspect: f32) -> Score {
    Score::saturating(1.0 / (1.0 + ((OPEN.0 - aspect) / OPEN.1).exp()))
}

/// The kind of smile of a mouth that smiles with a certainty and has an aspect.
pub fn smile_kind(smile: Score, aspect: f32) -> SmileKind {
    if smile.get() < SMILE {
        SmileKind::None
    } else if aspect < TEETH {
        SmileKind::Lips
    } else {
        SmileKind::Teeth
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{post::mesh::POINTS, pre::affine::Affine};
    use goshawk_proto::geometry::Point;
    use proptest::prelude::*;

    fn mouth(gap: f32, map: &Affine) -> Mesh {
        let mut values = vec![50.0; POINTS * 3];
        for (index, [x, y]) in [
            (LIPS.0, [100.0, 100.0]),
            (LIPS.1, [100.0, 100.0 + gap]),
            (CORNERS.0, [75.0, 100.0]),
            (CORNERS.1, [125.0, 100.0]),
        ] {
            values[index * 3..][..3].copy_from_slice(&[x, y, 0.0]);
        }
        Mesh::from_raw(&values, map).unwrap()
    }

    proptest! {
        #[test]
        fn the_aspect_is_of_the_mouth_and_not_of_the_picture(
            gap in 0.0f32..40.0, scale in 0.2f32..8.0, angle in -3.0f32..3.0,
        ) {
            let map = Affine::similarity(scale, angle, Point::new(200.0, 90.0));
            prop_assert!((aspect(&mouth(gap, &map)) - gap / 50.0).abs() < 1e-3);
        }

        #[test]
        fn wider_is_never_less_open(a in 0.0f32..1.0, b in 0.0f32..1.0) {
            prop_assert!(opened(a.min(b)) <= opened(a.max(b)));
        }
    }

    #[test]
    fn shut_smiling_and_speaking_mouths() {
        assert!(opened(0.05).get() < 0.01);
        assert!(opened(0.22).get() < 0.2);
        assert!(opened(0.46).get() > 0.9);
        assert_eq!(opened(f32::NAN), Score::ZERO);
    }

    #[test]
    fn smiles_show_teeth_or_do_not() {
        assert_eq!(smile_kind(Score::saturating(0.3), 0.4), SmileKind::None);
        assert_eq!(smile_kind(Score::saturating(0.9), 0.04), SmileKind::Lips);
        assert_eq!(smile_kind(Score::saturating(0.9), 0.2), SmileKind::Teeth);
    }
}
