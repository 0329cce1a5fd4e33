//! Processor time, so that work can be told apart from waiting.
//!
//! Linux keeps one clock per thread and one per process that run only while the processor works
//! for them (`clock_gettime(2)`, `CLOCK_THREAD_CPUTIME_ID` and `CLOCK_PROCESS_CPUTIME_ID`).

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use goshawk_proto::{
    geometry::{Rect, Size},
    picture::{Pixels, Rgb},
};
use rustix::time::{ClockId, clock_gettime};

fn read(clock: ClockId) -> Duration {
    let now = clock_gettime(clock);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    Duration::from_secs(seconds) + Duration::from_nanos(u64::try_from(now.tv_nsec).unwrap_or(0))
}

/// Processor time that the calling thread has used.
pub fn thread() -> Duration {
    read(ClockId::ThreadCPUTime)
}

/// Processor time that all threads of this process have used, those that ended included.
pub fn process() -> Duration {
    read(ClockId::ProcessCPUTime)
}

/// A sum of processor time that many threads add to.
#[derive(Debug, Default)]
pub struct Spent(AtomicU64);

impl Spent {
    /// Adds the processor time of `work` on this thread.
    pub fn measure<T>(&self, work: impl FnOnce() -> T) -> T {
        let before = thread();
        let result = work();
        self.add(thread().saturating_sub(before));
        result
    }

    /// Adds time measured elsewhere.
    pub fn add(&self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.0.fetch_add(nanos, Ordering::Relaxed);
    }

    /// The sum so far.
    pub fn total(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }
}

/// Processor time by stage of the agent's path, summed over its streams.
#[derive(Debug, Default)]
pub struct StageTimes {
    /// Scaling and converting the pixels that models asked for.
    pub convert: Spent,
    /// Face detection, second-stage filter and landmarks, without `convert`.
    pub detect: Spent,
    /// Descriptors, attributes and quality, without `convert`.
    pub describe: Spent,
    /// Filters, tracker, best shots and liveness votes.
    pub track: Spent,
    /// Encoding pictures and events.
    pub encode: Spent,
    /// All that the inference threads did: `detect`, `describe` and their part of `convert`.
    pub pool: Spent,
}

/// Pixels whose reading is charged to [`StageTimes::convert`].
pub struct Metered<'a> {
    pixels: &'a dyn Pixels,
    spent: &'a Spent,
}

impl<'a> Metered<'a> {
    /// Charges every region read from `pixels` to `spent`.
    pub fn new(pixels: &'a dyn Pixels, spent: &'a Spent) -> Self {
        Self { pixels, spent }
    }
}

impl Pixels for Metered<'_> {
    fn size(&self) -> Size {
        self.pixels.size()
    }

    fn region(&self, region: Rect, target: Size, out: &mut Rgb) {
        self.spent
            .measure(|| self.pixels.region(region, target, out));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_is_not_work() {
        let spent = Spent::default();
        spent.measure(|| std::thread::sleep(Duration::from_millis(100)));
        assert!(
            spent.total() < Duration::from_millis(50),
            "{:?}",
            spent.total()
        );
        let mut sum = 0u64;
        spent.measure(|| {
            let start = thread();
            while thread() - start < Duration::from_millis(30) {
                sum = std::hint::black_box(sum.wrapping_add(1));
            }
        });
        assert!(
            spent.total() >= Duration::from_millis(30),
            "{:?}",
            spent.total()
        );
        assert!(process() >= spent.total());
    }
}
