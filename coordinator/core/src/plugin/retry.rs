//! When to try again: pauses that double up to a longest one, half of each left to chance, so that
//! many who failed together do not come back together.

use std::time::Duration;

/// A schedule of pauses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Pause after the first failure.
    pub first: Duration,
    /// Longest pause.
    pub longest: Duration,
}

impl Retry {
    /// The pause after the `failures`-th failure in a row (from 1). `draw` is a random number from
    /// 0 to 1: the pause is between half of the scheduled one and all of it.
    pub fn pause(&self, failures: u32, draw: f64) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        let whole = self.first.saturating_mul(1 << doublings).min(self.longest);
        let draw = if draw.is_finite() {
            draw.clamp(0.0, 1.0)
        } else {
            1.0
        };
        whole.mul_f64(0.5 + draw / 2.0)
    }

    /// What a peer asks for with a number of seconds (`Retry-After`), never more than the longest
    /// pause. Dates are not understood: the schedule holds then.
    pub fn asked_for(&self, text: &str) -> Option<Duration> {
        let seconds: u64 = text.trim().parse().ok()?;
        Some(Duration::from_secs(seconds).min(self.longest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RETRY: Retry = Retry {
        first: Duration::from_secs(5),
        longest: Duration::from_secs(900),
    };

    #[test]
    fn pauses_double_up_to_the_longest() {
        let pauses: Vec<u64> = (1..=10).map(|n| RETRY.pause(n, 1.0).as_secs()).collect();
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 320, 640, 900, 900]);
        assert_eq!(RETRY.pause(1, 0.0), Duration::from_millis(2500));
    }

    #[test]
    fn what_a_peer_asks_for_is_bounded() {
        assert_eq!(RETRY.asked_for(" 30 "), Some(Duration::from_secs(30)));
        assert_eq!(RETRY.asked_for("99999999"), Some(RETRY.longest));
        assert_eq!(RETRY.asked_for("Wed, 21 Oct 2015 07:28:00 GMT"), None);
    }

    proptest! {
        #[test]
        fn a_pause_is_never_out_of_bounds(failures in any::<u32>(), draw in any::<f64>()) {
            let pause = RETRY.pause(failures, draw);
            prop_assert!(pause >= RETRY.first / 2 && pause <= RETRY.longest);
        }
    }
}
