//! Reading BlazeFace (back camera, 256 × 256): 896 anchors, one logit and sixteen numbers each.

use goshawk_proto::geometry::{BBox, Point};

/// Sides of the network's input in pixels.
pub const SIDE: u32 = 256;
/// Anchors of the stride-16 head: 16 × 16 cells, two each.
pub const ANCHORS_16: usize = 512;
/// Anchors of the stride-32 head: 8 × 8 cells, six each.
pub const ANCHORS_32: usize = 384;
/// Numbers of an anchor: centre, size and six points.
pub const VALUES: usize = 16;

/// A face as the network sees it, in pixels of its input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RawFace {
    /// From the brow to the chin.
    pub bbox: BBox,
    /// 0 to 1.
    pub score: f32,
    /// Image-left eye, image-right eye, nose, mouth, image-left ear, image-right ear.
    pub points: [Point; 6],
}

/// Appends the faces of at least `min_score` of one head. `logits` has a value an anchor, `boxes`
/// sixteen; anchors lie row by row, `per_cell` on each centre. What lacks its counterpart is
/// ignored.
pub fn decode_head(
    logits: &[f32],
    boxes: &[f32],
    stride: u32,
    per_cell: usize,
    min_score: f32,
    out: &mut Vec<RawFace>,
) {
    let cells = (SIDE / stride) as usize;
    for (index, (logit, values)) in logits.iter().zip(boxes.as_chunks::<VALUES>().0).enumerate() {
        let score = sigmoid(*logit);
        if score < min_score || !values.iter().all(|v| v.is_finite()) {
            continue;
        }
        let cell = index / per_cell;
        let center = |at: usize| (at as f32 + 0.5) * stride as f32;
        out.push(face(
            values,
            center(cell % cells),
            center(cell / cells),
            score,
        ));
    }
}

fn face(values: &[f32; VALUES], anchor_x: f32, anchor_y: f32, score: f32) -> RawFace {
    let (x, y) = (values[0] + anchor_x, values[1] + anchor_y);
    let (width, height) = (values[2].max(0.0), values[3].max(0.0));
    let mut points = [Point::default(); 6];
    for (point, at) in points.iter_mut().zip(values[4..].as_chunks::<2>().0) {
        *point = Point::new(at[0] + anchor_x, at[1] + anchor_y);
    }
    RawFace {
        bbox: BBox::new(x - width / 2.0, y - height / 2.0, width, height),
        score,
        points,
    }
}

/// The logistic function; NaN stays NaN and passes no threshold.
fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn one(stride: u32, per_cell: usize, index: usize, count: usize) -> Vec<RawFace> {
        let mut logits = vec![-20.0; count];
        let mut boxes = vec![0.0; count * VALUES];
        logits[index] = 2.0;
        boxes[index * VALUES..][..6].copy_from_slice(&[1.0, -2.0, 40.0, 60.0, -10.0, -12.0]);
        let mut out = Vec::new();
        decode_head(&logits, &boxes, stride, per_cell, 0.5, &mut out);
        out
    }

    #[test]
    fn the_anchor_is_the_middle_of_its_cell() {
        // Second anchor of the cell in column 3, row 2 of the fine head.
        let found = one(16, 2, (2 * 16 + 3) * 2 + 1, ANCHORS_16);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].bbox.center(), Point::new(57.0, 38.0));
        assert_eq!((found[0].bbox.width, found[0].bbox.height), (40.0, 60.0));
        assert_eq!(found[0].points[0], Point::new(46.0, 28.0));
        assert!((found[0].score - 0.8808).abs() < 1e-3);
        // Last anchor of the coarse head.
        let found = one(32, 6, ANCHORS_32 - 1, ANCHORS_32);
        assert_eq!(found[0].bbox.center(), Point::new(241.0, 238.0));
    }

    #[test]
    fn broken_numbers_are_no_face() {
        let mut out = Vec::new();
        decode_head(&[f32::NAN, 9.0], &[f32::NAN; 32], 16, 2, 0.1, &mut out);
        assert!(out.is_empty());
    }

    proptest! {
        #[test]
        fn a_higher_threshold_finds_a_subset(logits in prop::collection::vec(-6.0f32..6.0, ANCHORS_32), low in 0.1f32..0.5, more in 0.0f32..0.4) {
            let boxes = vec![1.0; ANCHORS_32 * VALUES];
            let (mut many, mut few) = (Vec::new(), Vec::new());
            decode_head(&logits, &boxes, 32, 6, low, &mut many);
            decode_head(&logits, &boxes, 32, 6, low + more, &mut few);
            prop_assert!(few.iter().all(|f| many.contains(f)));
            prop_assert!(many.iter().all(|f| f.score >= low));
        }
    }
}
