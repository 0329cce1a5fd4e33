//! Rates over the last few seconds of media time. Pure.

use std::time::Duration;

/// A rate is taken over so much media time.
const SPAN: Duration = Duration::from_secs(5);
/// Over less than this there is no rate yet.
const LEAST: Duration = Duration::from_millis(500);
/// A longer gap between two items is a jump of the clock, and measuring begins anew.
const JUMP: Duration = Duration::from_secs(30);

/// What passes a point a second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct PerSecond {
    pub items: f64,
    pub amount: f64,
}

/// Items with an amount each that pass a point, by their times.
#[derive(Clone, Debug, Default)]
pub(super) struct Flow {
    /// Times of the first and the last item measured.
    window: Option<(Duration, Duration)>,
    items: u64,
    amount: u64,
    /// The last item's amount: it belongs to the time after it.
    latest: u64,
    settled: Option<PerSecond>,
}

impl Flow {
    /// An item passes at `at`; times that fall or jump begin the measurement anew.
    pub fn add(&mut self, at: Duration, amount: u64) {
        let steady = self
            .window
            .filter(|(_, last)| at >= *last && at - *last <= JUMP);
        let Some((first, _)) = steady else {
            return self.begin(at, amount);
        };
        self.window = Some((first, at));
        self.items += 1;
        self.amount += amount;
        self.latest = amount;
        if at - first >= SPAN {
            self.settled = self.measured();
            self.begin(at, amount);
        }
    }

    fn begin(&mut self, at: Duration, amount: u64) {
        self.window = Some((at, at));
        self.items = 1;
        self.amount = amount;
        self.latest = amount;
    }

    fn measured(&self) -> Option<PerSecond> {
        let (first, last) = self.window?;
        let seconds = (last - first).as_secs_f64();
        (last - first >= LEAST).then(|| PerSecond {
            items: (self.items - 1) as f64 / seconds,
            amount: (self.amount - self.latest) as f64 / seconds,
        })
    }

    /// The rate over the last whole span, or over what there is of the first.
    pub fn a_second(&self) -> Option<PerSecond> {
        self.settled.or_else(|| self.measured())
    }
}

/// The distance of key frames.
#[derive(Clone, Debug, Default)]
pub(super) struct GroupMeter {
    since_key: Option<u32>,
    size: Option<u32>,
}

impl GroupMeter {
    /// The next picture in decoding order.
    pub fn add(&mut self, key: bool) {
        if key {
            self.size = self.since_key.or(self.size);
            self.since_key = Some(0);
        }
        self.since_key = self.since_key.map(|count| count.saturating_add(1));
    }

    /// Pictures from one key frame to the next, the first included; `None` before the second.
    pub fn size(&self) -> Option<u32> {
        self.size
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_rate_needs_half_a_second_and_follows_a_change_within_ten() {
        let mut flow = Flow::default();
        flow.add(at(0), 10);
        flow.add(at(400), 10);
        assert_eq!(flow.a_second(), None);
        flow.add(at(800), 90);
        let rate = flow.a_second().unwrap();
        assert_eq!((rate.items, rate.amount), (2.5, 25.0));
        for n in 0..200 {
            flow.add(at(1000 + 100 * n), 7);
        }
        let rate = flow.a_second().unwrap();
        assert!((rate.items - 10.0).abs() < 1e-9 && (rate.amount - 70.0).abs() < 1e-9);
    }

    #[test]
    fn a_clock_that_jumps_by_hours_does_not_spoil_the_rate() {
        let mut flow = Flow::default();
        let hours = at(5 * 3_600_000);
        for n in 0..300 {
            let jumped = if (100..200).contains(&n) {
                hours
            } else {
                at(0)
            };
            flow.add(jumped + at(40 * n), 1);
        }
        assert!((flow.a_second().unwrap().items - 25.0).abs() < 1e-9);
    }

    #[test]
    fn groups_are_counted_from_key_to_key() {
        let mut groups = GroupMeter::default();
        for key in [false, true, false, false] {
            groups.add(key);
            assert_eq!(groups.size(), None);
        }
        groups.add(true);
        assert_eq!(groups.size(), Some(3));
        groups.add(true);
        assert_eq!(groups.size(), Some(1));
    }

    proptest! {
        #[test]
        fn whatever_the_times_a_rate_is_finite_and_not_negative(
            items in prop::collection::vec((0u64..100_000_000, 0u64..1_000_000), 0..200),
        ) {
            let mut flow = Flow::default();
            for (time, amount) in items {
                flow.add(at(time), amount);
                if let Some(rate) = flow.a_second() {
                    prop_assert!(rate.items.is_finite() && rate.items >= 0.0);
                    prop_assert!(rate.amount.is_finite() && rate.amount >= 0.0);
                }
            }
        }
    }
}
