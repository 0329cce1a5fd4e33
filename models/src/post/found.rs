//! Faces as the detectors trained on WIDER FACE see them.

use goshawk_proto::geometry::{BBox, Point};

/// A face in pixels of the network's input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FoundFace {
    /// From the hairline to the chin, as that data set draws boxes.
    pub bbox: BBox,
    /// 0 to 1.
    pub score: f32,
    /// Image-left eye, image-right eye, nose, image-left and image-right mouth corner.
    pub points: Option<[Point; 5]>,
}

impl FoundFace {
    /// The face, unless a number in it is not finite or it has no extent.
    pub(super) fn checked(self) -> Option<Self> {
        let BBox {
            x,
            y,
            width,
            height,
        } = self.bbox;
        let points = self.points.iter().flatten().map(|p| p.x + p.y).sum::<f32>();
        let finite = (x + y + width + height + points + self.score).is_finite();
        (finite && width > 0.0 && height > 0.0).then_some(self)
    }

    /// Both eyes. Where the detector gives no points they are where those of an upright face
    /// would be, so that a crop made by them stands upright.
    pub fn eyes(&self) -> [Point; 2] {
        let b = self.bbox;
        let at = |across: f32| Point::new(b.x + across * b.width, b.y + 0.4 * b.height);
        match self.points {
            Some([left, right, ..]) => [left, right],
            None => [at(0.3), at(0.7)],
        }
    }
}

/// The face from the brow to the chin, as a square, of a box from the hairline to the chin.
/// Measured with YuNet on 78 faces that BlazeFace found as well: 0.80 ± 0.08 of the box's height,
/// the centre 0.08 of it lower.
pub fn core(bbox: BBox) -> BBox {
    let (center, height) = (bbox.center(), bbox.height);
    let side = 0.8 * height;
    BBox::new(
        center.x - side / 2.0,
        center.y + 0.08 * height - side / 2.0,
        side,
        side,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_faces_are_dropped_and_missing_eyes_are_level() {
        let face = FoundFace {
            bbox: BBox::new(10.0, 10.0, 40.0, 50.0),
            score: 0.9,
            points: None,
        };
        assert_eq!(face.checked(), Some(face));
        assert_eq!(
            face.eyes(),
            [Point::new(22.0, 30.0), Point::new(38.0, 30.0)]
        );
        let points = Some([Point::new(f32::NAN, 0.0); 5]);
        assert!(FoundFace { points, ..face }.checked().is_none());
        let bbox = BBox::new(10.0, 10.0, -1.0, 50.0);
        assert!(FoundFace { bbox, ..face }.checked().is_none());
        assert_eq!(core(face.bbox), BBox::new(10.0, 19.0, 40.0, 40.0));
    }
}
