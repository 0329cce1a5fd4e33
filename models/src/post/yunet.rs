//! Reading YuNet: anchor-free heads at strides 8, 16 and 32.

use goshawk_proto::geometry::{BBox, Point};

use super::found::core;

/// Numbers of a cell's box.
pub const BOX_VALUES: usize = 4;
/// Numbers of a cell's five points.
pub const POINT_VALUES: usize = 10;

/// A face as the network sees it, in pixels of its input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RawFace {
    /// From the hairline to the chin.
    pub bbox: BBox,
    /// 0 to 1.
    pub score: f32,
    /// Image-left eye, image-right eye, nose, image-left and image-right mouth corner.
    pub points: [Point; 5],
}

impl RawFace {
    /// The face from the brow to the chin, as a square.
    pub fn core(&self) -> BBox {
        core(self.bbox)
    }
}

/// The outputs of one stride; one row a cell, cells row by row.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// Probability that it is a face.
    pub class: &'a [f32],
    /// Probability that there is something.
    pub object: &'a [f32],
    /// Centre and size.
    pub boxes: &'a [f32],
    /// Five points.
    pub points: &'a [f32],
}

/// Appends the faces of at least `min_score` of one head with `columns` cells in a row.
pub fn decode_head(
    head: &Head<'_>,
    stride: u32,
    columns: usize,
    min_score: f32,
    out: &mut Vec<RawFace>,
) {
    let scale = stride as f32;
    let rows = head
        .boxes
        .as_chunks::<BOX_VALUES>()
        .0
        .iter()
        .zip(head.points.as_chunks::<POINT_VALUES>().0);
    let scores = head.class.iter().zip(head.object);
    for (index, ((class, object), (b, k))) in scores.zip(rows).enumerate() {
        let score = (class.clamp(0.0, 1.0) * object.clamp(0.0, 1.0)).sqrt();
        let (column, row) = ((index % columns) as f32, (index / columns) as f32);
        let (width, height) = (b[2].exp() * scale, b[3].exp() * scale);
        let (x, y) = ((column + b[0]) * scale, (row + b[1]) * scale);
        let bbox = BBox::new(x - width / 2.0, y - height / 2.0, width, height);
        // NaN passes no threshold; a broken size or point has no finite sum.
        let whole = (x + y + width + height + k.iter().sum::<f32>()).is_finite();
        if score >= min_score && whole {
            let point =
                |at: usize| Point::new((column + k[2 * at]) * scale, (row + k[2 * at + 1]) * scale);
            out.push(RawFace {
                bbox,
                score,
                points: [0, 1, 2, 3, 4].map(point),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_gives_a_face() {
        let (columns, cells, at) = (4, 12, 6);
        let (mut class, mut object) = (vec![0.0; cells], vec![1.0; cells]);
        class[at] = 0.81;
        object[3] = f32::NAN;
        let mut boxes = vec![0.0; cells * BOX_VALUES];
        boxes[at * BOX_VALUES..][..4].copy_from_slice(&[0.5, 0.25, 2.0f32.ln(), 3.0f32.ln()]);
        let mut points = vec![0.5; cells * POINT_VALUES];
        points[at * POINT_VALUES] = -1.0;
        let head = Head {
            class: &class,
            object: &object,
            boxes: &boxes,
            points: &points,
        };
        let mut out = Vec::new();
        decode_head(&head, 16, columns, 0.5, &mut out);
        assert_eq!(out.len(), 1);
        let face = out[0];
        assert!((face.score - 0.9).abs() < 1e-6);
        // Column 2, row 1.
        assert_eq!(face.bbox.center(), Point::new(40.0, 20.0));
        assert!((face.bbox.width - 32.0).abs() < 1e-3 && (face.bbox.height - 48.0).abs() < 1e-3);
        assert_eq!(face.points[0], Point::new(16.0, 24.0));
        assert!((face.core().width - 38.4).abs() < 1e-3);
    }

    #[test]
    fn broken_numbers_are_no_face() {
        let head = Head {
            class: &[1.0, 1.0],
            object: &[1.0, 1.0],
            boxes: &[f32::NAN; 8],
            points: &[0.0; 20],
        };
        let mut out = Vec::new();
        decode_head(&head, 8, 2, 0.0, &mut out);
        assert!(out.is_empty());
    }
}
