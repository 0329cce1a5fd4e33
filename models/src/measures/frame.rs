//! Place and size of the head in its picture (ISO/IEC 19794-5, full frontal image).

use goshawk_proto::{
    detection::HeadPose,
    geometry::{BBox, Point, Size},
};

use crate::post::mesh::Mesh;

/// The face's outline at the ears: left, right.
const EARS: (usize, usize) = (234, 454);
/// The chin.
const CHIN: usize = 152;
/// Height of a head, in distances from the eyes' middle to the chin. The eyes lie in the middle
/// of a head's height (en-gn and v-en of Farkas' anthropometry differ by less than 5 %).
const HEAD: f32 = 2.0;

/// Place and size of the head.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FrameMeasures {
    /// Middle between the eyes as shares of the picture's width and height, from its top left:
    /// the point M of ISO/IEC 19794-5.
    pub center: Point,
    /// Ear to ear (as far as the mesh reaches) as a share of the picture's width.
    pub head_width: f32,
    /// Chin to crown as a share of the picture's height. The mesh ends at the hairline; the crown
    /// is put as far above the eyes as the chin is below.
    pub head_height: f32,
    /// Distance of the eyes' middles in pixels, as it would be in a frontal view: divided by the
    /// cosine of yaw, as in ISO/IEC 29794-5.
    pub eye_distance: f32,
    /// Width and height of the face's box in pixels.
    pub face: (f32, f32),
    /// Pixels from the face's box to the left, top, right and bottom edge of the picture;
    /// negative where the box reaches beyond it.
    pub indents: Indents,
}

/// Distances to the edges in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Indents {
    /// To the left edge.
    pub left: f32,
    /// To the top.
    pub upper: f32,
    /// To the right edge.
    pub right: f32,
    /// To the bottom.
    pub lower: f32,
}

/// Takes the measures.
pub(super) fn frame(size: Size, mesh: &Mesh, pose: &HeadPose) -> FrameMeasures {
    let (width, height) = (size.width.max(1) as f32, size.height.max(1) as f32);
    let at = |index: usize| mesh.point(index).flat();
    let [left, right, ..] = mesh.landmarks();
    let eyes = Point::new((left.x + right.x) / 2.0, (left.y + right.y) / 2.0);
    let bbox = mesh.bbox();
    FrameMeasures {
        center: Point::new(eyes.x / width, eyes.y / height),
        head_width: at(EARS.0).distance(at(EARS.1)) / width,
        head_height: eyes.distance(at(CHIN)) * HEAD / height,
        eye_distance: left.distance(right) / pose.yaw.to_radians().cos().max(0.1),
        face: (bbox.width, bbox.height),
        indents: indents(&bbox, width, height),
    }
}

fn indents(bbox: &BBox, width: f32, height: f32) -> Indents {
    Indents {
        left: bbox.x,
        upper: bbox.y,
        right: width - bbox.right(),
        lower: height - bbox.bottom(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{post::mesh::POINTS, pre::affine::Affine};

    fn mesh() -> Mesh {
        let mut values = vec![200.0; POINTS * 3];
        for (index, [x, y]) in [
            (33, [160.0, 200.0]),
            (133, [180.0, 200.0]),
            (362, [220.0, 200.0]),
            (263, [240.0, 200.0]),
            (EARS.0, [130.0, 210.0]),
            (EARS.1, [270.0, 210.0]),
            (CHIN, [200.0, 310.0]),
            (10, [200.0, 120.0]),
        ] {
            values[index * 3..][..3].copy_from_slice(&[x, y, 0.0]);
        }
        Mesh::from_raw(&values, &Affine::IDENTITY).unwrap()
    }

    #[test]
    fn a_passport_picture_is_measured() {
        let frame = frame(Size::new(400, 500), &mesh(), &HeadPose::default());
        assert_eq!(frame.center, Point::new(0.5, 0.4));
        assert!((frame.head_width - 0.35).abs() < 1e-4);
        assert!((frame.head_height - 0.44).abs() < 1e-4);
        assert!((frame.eye_distance - 60.0).abs() < 1e-3);
        assert_eq!(frame.face, (140.0, 190.0));
        let want = Indents {
            left: 130.0,
            upper: 120.0,
            right: 130.0,
            lower: 190.0,
        };
        assert_eq!(frame.indents, want);
    }

    #[test]
    fn a_turned_head_has_its_eyes_as_far_apart() {
        let pose = HeadPose {
            yaw: 60.0,
            ..HeadPose::default()
        };
        let turned = frame(Size::new(400, 500), &mesh(), &pose);
        assert!((turned.eye_distance - 120.0).abs() < 1e-2);
        let away = HeadPose { yaw: 90.0, ..pose };
        assert!(
            frame(Size::new(0, 0), &mesh(), &away)
                .eye_distance
                .is_finite()
        );
    }
}
