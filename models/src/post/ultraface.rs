//! Reading Ultra-Light-Fast-Generic-Face-Detector-1MB: corners in shares of the input, decoded in
//! the network, and two probabilities a box of which the second is that of a face.

use goshawk_proto::geometry::{BBox, Size};

use super::found::FoundFace;

/// Pixels between cells of the four heads, and priors on each cell.
const HEADS: [(u32, usize); 4] = [(8, 3), (16, 2), (32, 2), (64, 3)];

/// How many boxes a network for inputs of `size` gives.
pub fn boxes(size: Size) -> usize {
    let cells = |side: u32, stride: u32| side.div_ceil(stride) as usize;
    HEADS
        .iter()
        .map(|(stride, priors)| cells(size.width, *stride) * cells(size.height, *stride) * priors)
        .sum()
}

/// Appends the faces of at least `min_score` of an input of `size` pixels.
pub fn decode(
    scores: &[f32],
    corners: &[f32],
    size: Size,
    min_score: f32,
    out: &mut Vec<FoundFace>,
) {
    let (width, height) = (size.width as f32, size.height as f32);
    let rows = scores
        .as_chunks::<2>()
        .0
        .iter()
        .zip(corners.as_chunks::<4>().0);
    for ([_, score], [left, top, right, bottom]) in rows {
        // NaN passes no threshold.
        if *score >= min_score {
            let face = FoundFace {
                bbox: BBox::from_edges(left * width, top * height, right * width, bottom * height),
                score: score.min(1.0),
                points: None,
            };
            out.extend(face.checked());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_boxes_as_the_published_files_have() {
        assert_eq!(boxes(Size::new(640, 480)), 17_640);
        assert_eq!(boxes(Size::new(320, 240)), 4_420);
    }

    #[test]
    fn shares_become_pixels() {
        let scores = [0.1, 0.9, 0.9, 0.1, 0.0, f32::NAN, 0.2, 0.8];
        let corners = [
            0.1, 0.2, 0.3, 0.6, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5,
        ];
        let mut out = Vec::new();
        decode(&scores, &corners, Size::new(100, 50), 0.5, &mut out);
        assert_eq!(out.len(), 1, "the last one has no extent");
        let b = out[0].bbox;
        assert!((b.x - 10.0).abs() < 1e-4 && (b.y - 10.0).abs() < 1e-4);
        assert!((b.width - 20.0).abs() < 1e-4 && (b.height - 20.0).abs() < 1e-4);
    }
}
