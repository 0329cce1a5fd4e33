//! Reading SCRFD (Guo et al., 2021) and the RetinaFace files of the InsightFace project: for each
//! anchor a score and the distances from it to the box's four edges and to five points, in units
//! of the head's stride. After `python-package/insightface/model_zoo/scrfd.py` of
//! deepinsight/insightface: an anchor lies on its cell's corner, not in its middle.

use goshawk_proto::geometry::{BBox, Point};

use super::found::FoundFace;

/// Numbers of an anchor's box.
pub const BOX_VALUES: usize = 4;
/// Numbers of an anchor's points.
pub const POINT_VALUES: usize = 10;

/// One head: pixels between cells, cells in a row, anchors on each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    /// Pixels of the input between two cells.
    pub stride: u32,
    /// Cells in a row.
    pub columns: usize,
    /// Rows of cells.
    pub rows: usize,
    /// Anchors on each cell, one after the other.
    pub per_cell: usize,
}

impl Grid {
    /// How many anchors it has.
    pub fn anchors(&self) -> usize {
        self.columns * self.rows * self.per_cell
    }
}

/// Appends the faces of at least `min_score` of one head. Scores are probabilities already;
/// `points` is empty for a network without.
pub fn decode_head(
    (scores, boxes, points): (&[f32], &[f32], &[f32]),
    grid: &Grid,
    min_score: f32,
    out: &mut Vec<FoundFace>,
) {
    let stride = grid.stride as f32;
    let points = points.as_chunks::<POINT_VALUES>().0;
    let anchors = scores.iter().zip(boxes.as_chunks::<BOX_VALUES>().0);
    for (index, (score, edges)) in anchors.enumerate().take(grid.anchors()) {
        if score.is_nan() || *score < min_score {
            continue;
        }
        let cell = index / grid.per_cell;
        let (x, y) = (
            (cell % grid.columns) as f32 * stride,
            (cell / grid.columns) as f32 * stride,
        );
        let [left, top, right, bottom] = edges.map(|d| d * stride);
        let point = |p: &[f32; POINT_VALUES]| {
            std::array::from_fn(|i| Point::new(x + p[2 * i] * stride, y + p[2 * i + 1] * stride))
        };
        let face = FoundFace {
            bbox: BBox::from_edges(x - left, y - top, x + right, y + bottom),
            score: score.min(1.0),
            points: points.get(index).map(point),
        };
        out.extend(face.checked());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRID: Grid = Grid {
        stride: 16,
        columns: 4,
        rows: 3,
        per_cell: 2,
    };

    #[test]
    fn an_anchor_is_its_cells_corner() {
        let mut scores = vec![0.1; 24];
        let mut boxes = vec![0.0; 24 * BOX_VALUES];
        let mut points = vec![0.0; 24 * POINT_VALUES];
        // Second anchor of column 2, row 1.
        let at = 2 * (4 + 2) + 1;
        scores[at] = 0.8;
        boxes[at * BOX_VALUES..][..4].copy_from_slice(&[1.0, 0.5, 2.0, 1.5]);
        points[at * POINT_VALUES..][..2].copy_from_slice(&[-0.5, 0.25]);
        let mut out = Vec::new();
        decode_head((&scores, &boxes, &points), &GRID, 0.5, &mut out);
        assert_eq!(out.len(), 1);
        assert_eq!(out[0].bbox, BBox::new(16.0, 8.0, 48.0, 32.0));
        let found = out[0].points.unwrap();
        assert_eq!(
            (found[0], found[4]),
            (Point::new(24.0, 20.0), Point::new(32.0, 16.0))
        );
    }

    #[test]
    fn without_points_and_with_broken_numbers() {
        let mut scores = vec![0.9; 24];
        scores[0] = f32::NAN;
        let mut boxes = vec![1.0; 24 * BOX_VALUES];
        boxes[5] = f32::NAN;
        // More anchors than the grid has, as from a file for another size.
        scores.extend([0.9; 10]);
        boxes.extend([1.0; 40]);
        let mut out = Vec::new();
        decode_head((&scores, &boxes, &[]), &GRID, 0.5, &mut out);
        assert_eq!(out.len(), 22);
        assert!(out.iter().all(|f| f.points.is_none()));
    }
}
