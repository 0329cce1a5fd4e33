//! A bound on how fast events go up, so that what piled up during an outage leaves room for others.

use std::time::{Duration, Instant};

/// How much time may be saved up: after a pause, what this long carries goes at once.
const BURST: Duration = Duration::from_secs(2);

/// Bytes over time. A token bucket kept as the moment at which it is in balance again (GCRA, ITU-T
/// I.371): a thing larger than the bucket goes when the balance is right and is paid off after.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// Bytes a second; 0: as fast as may be.
    rate: u64,
    /// When what has gone is paid for.
    even_at: Option<Instant>,
}

impl Pace {
    pub fn new(rate: u64) -> Self {
        Self {
            rate,
            even_at: None,
        }
    }

    /// Until when nothing may go; `None`: something may now.
    pub fn wait(&self, now: Instant) -> Option<Instant> {
        self.even_at.filter(|even_at| *even_at > now)
    }

    /// Something goes.
    pub fn spend(&mut self, now: Instant, bytes: u64) {
        if self.rate == 0 {
            return;
        }
        let earliest = now.checked_sub(BURST).unwrap_or(now);
        let from = self.even_at.map_or(earliest, |at| at.max(earliest));
        let cost = Duration::from_secs_f64(bytes as f64 / self.rate as f64);
        self.even_at = Some(from + cost);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn without_a_rate_nothing_waits() {
        let mut pace = Pace::new(0);
        let now = Instant::now();
        (0..1000).for_each(|_| pace.spend(now, u64::MAX / 2));
        assert_eq!(pace.wait(now), None);
    }

    proptest! {
        #[test]
        fn over_any_time_no_more_goes_than_the_rate_and_one_burst_and_one_thing(
            rate in 1_000u64..1_000_000,
            things in prop::collection::vec((1u64..500_000, 0u64..3_000), 1..100),
        ) {
            let (start, mut now) = (Instant::now(), Instant::now());
            let mut pace = Pace::new(rate);
            let (mut gone, mut largest) = (0, 0);
            for (bytes, pause) in things {
                now += Duration::from_millis(pause);
                now = pace.wait(now).unwrap_or(now);
                pace.spend(now, bytes);
                gone += bytes;
                largest = largest.max(bytes);
                let time = now - start + BURST;
                let most = time.as_secs_f64() * rate as f64 + largest as f64 + 1.0;
                prop_assert!(gone as f64 <= most, "{gone} of {most}");
            }
        }

        #[test]
        fn what_is_sent_slower_than_the_rate_never_waits(rate in 1_000u64..1_000_000, count in 1u32..100) {
            let mut now = Instant::now();
            let mut pace = Pace::new(rate);
            for _ in 0..count {
                prop_assert_eq!(pace.wait(now), None);
                pace.spend(now, rate);
                now += Duration::from_millis(1_001);
            }
        }
    }
}
