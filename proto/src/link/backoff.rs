//! Growing waits with jitter, never running out.

use std::time::Duration;

/// Exponential backoff: the n-th wait is between a half and the whole of
/// `min(first * 2^n, longest)`. Half fixed keeps the first waits from collapsing to nothing, half
/// random keeps a crowd from coming back at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
}

impl Backoff {
    /// `None` unless `0 < first <= longest`.
    pub const fn new(first: Duration, longest: Duration) -> Option<Self> {
        if first.is_zero() || first.as_nanos() > longest.as_nanos() {
            return None;
        }
        Some(Self { first, longest })
    }

    /// A backoff that starts at one millisecond at least, whatever is asked.
    pub fn clamped(first: Duration, longest: Duration) -> Self {
        let first = first.max(Duration::from_millis(1));
        Self {
            first,
            longest: longest.max(first),
        }
    }

    /// The wait before attempt `attempt` (0: the first repetition).
    pub fn wait(&self, attempt: u32, random: &mut Jitter) -> Duration {
        let factor = 1u32.checked_shl(attempt.min(31)).unwrap_or(u32::MAX);
        self.spread(self.first.saturating_mul(factor).min(self.longest), random)
    }

    /// The longest wait, with jitter.
    pub fn longest(&self, random: &mut Jitter) -> Duration {
        self.spread(self.longest, random)
    }

    /// The longest wait, without jitter.
    pub fn limit(&self) -> Duration {
        self.longest
    }

    fn spread(&self, whole: Duration, random: &mut Jitter) -> Duration {
        whole.mul_f64(0.5 + 0.5 * random.unit())
    }
}

/// A small deterministic random source (SplitMix64, Steele et al. 2014), seeded by the caller.
/// Good enough to spread load, not for secrets.
#[derive(Debug, Clone)]
pub struct Jitter(u64);

impl Jitter {
    /// From a seed; equal seeds give equal sequences.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// The next number in `0.0..1.0`.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn waits_stay_between_half_of_the_first_and_the_longest(
            first in 1u64..10_000, more in 0u64..100_000, attempt: u32, seed: u64,
        ) {
            let (first, longest) =
                (Duration::from_millis(first), Duration::from_millis(first + more));
            let backoff = Backoff::new(first, longest).unwrap();
            let wait = backoff.wait(attempt, &mut Jitter::new(seed));
            prop_assert!(wait >= first / 2 && wait <= longest);
            prop_assert!(backoff.longest(&mut Jitter::new(seed)) >= longest / 2);
        }
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(Backoff::new(Duration::ZERO, Duration::from_secs(1)).is_none());
        assert!(Backoff::new(Duration::from_secs(2), Duration::from_secs(1)).is_none());
    }
}
