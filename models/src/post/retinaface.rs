//! Reading RetinaFace (Deng et al., 2020) as biubug6/Pytorch_Retinaface exports it: priors like
//! those of SSD (Liu et al., 2016), offsets from them divided by variances, everything in shares
//! of the input. After that project's `layers/functions/prior_box.py` and `utils/box_utils.py`.

use goshawk_proto::geometry::{BBox, Point, Size};

use super::found::FoundFace;

/// Sides of the priors of each head in pixels, by the head's stride.
const PRIORS: [(u32, [f32; 2]); 3] = [(8, [16.0, 32.0]), (16, [64.0, 128.0]), (32, [256.0, 512.0])];
/// What centres, and what logarithms of sizes, are divided by.
const VARIANCES: [f32; 2] = [0.1, 0.2];
/// Numbers of a prior's points.
pub const POINT_VALUES: usize = 10;

/// A square that a face is described against, in pixels of the input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prior {
    center: Point,
    side: f32,
}

/// The priors of an input of `size`, in the order of the outputs.
pub fn priors(size: Size) -> Vec<Prior> {
    let mut out = Vec::new();
    for (stride, sides) in PRIORS {
        let middle = |index: u32| (index as f32 + 0.5) * stride as f32;
        for row in 0..size.height.div_ceil(stride) {
            for column in 0..size.width.div_ceil(stride) {
                let center = Point::new(middle(column), middle(row));
                out.extend(sides.map(|side| Prior { center, side }));
            }
        }
    }
    out
}

/// Appends the faces of at least `min_score`. `scores` are pairs of which the second is the
/// probability of a face.
pub fn decode(
    (boxes, scores, points): (&[f32], &[f32], &[f32]),
    priors: &[Prior],
    min_score: f32,
    out: &mut Vec<FoundFace>,
) {
    let rows = boxes
        .as_chunks::<4>()
        .0
        .iter()
        .zip(scores.as_chunks::<2>().0)
        .zip(points.as_chunks::<POINT_VALUES>().0);
    for (prior, ((offset, [_, score]), points)) in priors.iter().zip(rows) {
        if score.is_nan() || *score < min_score {
            continue;
        }
        let Prior { center, side } = *prior;
        let moved = |dx: f32, dy: f32| {
            let by = VARIANCES[0] * side;
            Point::new(center.x + dx * by, center.y + dy * by)
        };
        let middle = moved(offset[0], offset[1]);
        let [width, height] = [offset[2], offset[3]].map(|l| side * (l * VARIANCES[1]).exp());
        let face = FoundFace {
            bbox: BBox::new(
                middle.x - width / 2.0,
                middle.y - height / 2.0,
                width,
                height,
            ),
            score: score.min(1.0),
            points: Some(std::array::from_fn(|i| {
                moved(points[2 * i], points[2 * i + 1])
            })),
        };
        out.extend(face.checked());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn priors_are_as_many_as_the_published_networks_give() {
        assert_eq!(priors(Size::new(640, 640)).len(), 16_800);
        // A side that is no multiple of the stride has a cell more.
        assert_eq!(
            priors(Size::new(300, 260)).len(),
            2 * (38 * 33 + 19 * 17 + 10 * 9)
        );
    }

    #[test]
    fn offsets_are_taken_from_the_prior() {
        let priors = priors(Size::new(64, 64));
        let mut boxes = vec![0.0; priors.len() * 4];
        let mut scores = vec![0.0; priors.len() * 2];
        let mut points = vec![0.0; priors.len() * POINT_VALUES];
        // Second prior of column 1, row 0 of the finest head: 32 pixels about (12, 4).
        let at = 3;
        scores[at * 2 + 1] = 0.75;
        boxes[at * 4..][..4].copy_from_slice(&[5.0, 2.5, 5.0 * 2f32.ln(), 0.0]);
        points[at * POINT_VALUES] = -1.25;
        let mut out = Vec::new();
        decode((&boxes, &scores, &points), &priors, 0.5, &mut out);
        assert_eq!(out.len(), 1);
        let face = out[0];
        assert!((face.bbox.width - 64.0).abs() < 1e-3 && (face.bbox.height - 32.0).abs() < 1e-3);
        assert!(face.bbox.center().distance(Point::new(28.0, 12.0)) < 1e-3);
        assert!(face.points.unwrap()[0].distance(Point::new(8.0, 4.0)) < 1e-3);
    }

    #[test]
    fn broken_numbers_are_no_face() {
        let priors = priors(Size::new(32, 32));
        let count = priors.len();
        let mut boxes = vec![0.0; count * 4];
        boxes[2] = 1e9;
        let mut scores = vec![f32::NAN; count * 2];
        scores[1] = 1.0;
        let mut out = Vec::new();
        let points = vec![0.0; count * POINT_VALUES];
        decode((&boxes, &scores, &points), &priors, 0.5, &mut out);
        assert!(out.is_empty());
    }
}
