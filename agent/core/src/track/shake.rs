//! Movement of the camera itself, told from the detections alone: what most boxes do at once and
//! nobody's own motion foretold, the camera did.
//!
//! The tracker keeps its tracks as a camera that stands still would have them, and remembers how
//! far the real one has moved. The move of a frame is the median over pairs of tracks and
//! detections of the way from where the track was expected to where it was seen; the median does
//! not mind a few wrong pairs. It counts only where it stands out from the spread of these ways:
//! by more than [`SIGNIFICANT`] standard errors of a median, with the spread taken from the median
//! absolute deviation. Only translation is told, so of a camera that turns or tilts the first
//! order, and of one that zooms nothing. With fewer than [`LEAST_PAIRS`] objects nothing is told.

/// Least pairs that tell the camera's move; of fewer the objects' own motion is too large a part.
const LEAST_PAIRS: usize = 4;
/// So many standard errors make a move of the camera.
const SIGNIFICANT: f32 = 3.0;
/// Standard deviation of a normal distribution over its median absolute deviation.
const MAD_TO_SIGMA: f32 = 1.4826;
/// Standard error of a median over that of a mean, of a normal distribution.
const MEDIAN_ERROR: f32 = 1.2533;

/// The camera's move in pixels, from the ways between where objects were expected and where they
/// were seen; `None` where nothing stands out.
pub(super) fn camera_move(ways: &[(f32, f32)]) -> Option<(f32, f32)> {
    if ways.len() < LEAST_PAIRS {
        return None;
    }
    let x = stands_out(ways.iter().map(|way| way.0).collect());
    let y = stands_out(ways.iter().map(|way| way.1).collect());
    (x.is_some() || y.is_some()).then(|| (x.unwrap_or(0.0), y.unwrap_or(0.0)))
}

/// The median, where it is more than chance.
fn stands_out(mut values: Vec<f32>) -> Option<f32> {
    let count = values.len() as f32;
    let middle = median(&mut values)?;
    let mut off: Vec<f32> = values.iter().map(|v| (v - middle).abs()).collect();
    let sigma = MAD_TO_SIGMA * median(&mut off)?;
    let error = MEDIAN_ERROR * sigma / count.sqrt();
    (middle.abs() > SIGNIFICANT * error).then_some(middle)
}

/// The lower of the middle values.
fn median(values: &mut [f32]) -> Option<f32> {
    let middle = values.len().checked_sub(1)? / 2;
    let (_, value, _) = values.select_nth_unstable_by(middle, f32::total_cmp);
    Some(*value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_all_do_at_once_the_camera_did() {
        let own = [
            (0.4, -0.2),
            (-0.3, 0.5),
            (0.1, 0.1),
            (-0.5, -0.4),
            (0.2, 0.0),
        ];
        assert_eq!(camera_move(&own), None);
        let mut shaken = own.map(|(x, y)| (x + 12.0, y - 7.0)).to_vec();
        shaken.push((-80.0, 60.0));
        let (x, y) = camera_move(&shaken).unwrap();
        assert!((x - 12.0).abs() < 0.5 && (y + 7.0).abs() < 0.5, "{x} {y}");
    }

    #[test]
    fn a_few_objects_tell_nothing() {
        assert_eq!(camera_move(&[(9.0, 9.0); 3]), None);
        assert_eq!(camera_move(&[]), None);
    }

    proptest! {
        #[test]
        fn a_move_lies_among_the_ways(
            ways in prop::collection::vec((-50.0f32..50.0, -50.0f32..50.0), 0..30)
        ) {
            if let Some((x, y)) = camera_move(&ways) {
                prop_assert!(x == 0.0 || ways.iter().any(|way| way.0 == x));
                prop_assert!(y == 0.0 || ways.iter().any(|way| way.1 == y));
            }
        }
    }
}
