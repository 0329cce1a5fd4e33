//! Whether a file ended where it had promised to.

use std::time::Duration;

use crate::probe::VideoInfo;

/// Missing media beyond this makes a file truncated, when the video's own length is known.
const TOLERANCE: Duration = Duration::from_millis(500);
/// The same when only the container's length is known: its sound may be longer than its picture.
const LOOSE_TOLERANCE: Duration = Duration::from_secs(2);
/// Length of a frame where the rate is not known.
const USUAL_FRAME: Duration = Duration::from_millis(100);

/// Where the last frame ends if the file is whole, and how far from it is still good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Promise {
    end: Duration,
    tolerance: Duration,
}

impl Promise {
    /// What a file's headers promise.
    pub fn of(info: &VideoInfo) -> Option<Self> {
        let frame = match info.fps {
            fps if fps > 0.0 => Duration::try_from_secs_f64(1.0 / fps).unwrap_or(USUAL_FRAME),
            _ => USUAL_FRAME,
        };
        let slack = 2 * frame.min(Duration::from_secs(1));
        let promise = |end, tolerance| Self {
            end,
            tolerance: tolerance + slack,
        };
        match (info.video_duration, info.duration) {
            (Some(own), _) => Some(promise(own, TOLERANCE)),
            (None, Some(container)) => Some(promise(container, LOOSE_TOLERANCE)),
            (None, None) => None,
        }
    }

    /// Where no more than the container's length is known.
    pub fn of_container(end: Duration) -> Self {
        Self {
            end,
            tolerance: LOOSE_TOLERANCE + 2 * USUAL_FRAME,
        }
    }

    /// What is missing if `last` was the last frame, in words; `None` when nothing is.
    pub fn broken_at(self, last: Duration) -> Option<String> {
        (last + self.tolerance < self.end).then(|| {
            let (last, end) = (last.as_secs_f32(), self.end.as_secs_f32());
            format!("after {last:.1} s of {end:.1} s")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_little_may_be_missing_and_much_may_not() {
        let promise = Promise::of_container(Duration::from_secs(10));
        assert_eq!(promise.broken_at(Duration::from_secs(9)), None);
        let said = promise.broken_at(Duration::from_secs(5)).unwrap();
        assert_eq!(said, "after 5.0 s of 10.0 s");
    }
}
