//! Which frames the detector sees.
//!
//! Three limits, each optional, all of which must agree: every n-th frame, a highest rate in media
//! time, and a share of one processor core paid for out of measured costs. The limits never drift:
//! the rate keeps to a grid, so a limit equal to the camera's own rate loses no frame when frames
//! arrive early or late by less than half an interval.

use std::time::Duration;

/// How often the detector may run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScheduleSettings {
    /// Every how many frames; 0 counts as 1.
    pub every: u32,
    /// Most runs a second of media time; `None` or a value that is not positive is no limit.
    pub max_rate: Option<f32>,
    /// Share of one core that runs may cost, e.g. 0.5; `None` or a value that is not positive is
    /// no limit.
    pub budget_share: Option<f32>,
}

impl Default for ScheduleSettings {
    fn default() -> Self {
        Self {
            every: 1,
            max_rate: None,
            budget_share: None,
        }
    }
}

/// What became of the frames so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScheduleCounters {
    /// Frames asked about.
    pub frames: u64,
    /// Frames the detector was to run on.
    pub detected: u64,
    /// Frames skipped by `every`.
    pub skipped_every: u64,
    /// Frames skipped by `max_rate`.
    pub skipped_rate: u64,
    /// Frames skipped by `budget_share`.
    pub skipped_budget: u64,
}

/// Largest unused budget carried on: so much may be spent in one burst.
const MAX_CREDIT: f64 = 0.5;
/// Largest debt carried on, in seconds: one absurd measurement must not blind a stream for long.
const MAX_DEBT: f64 = -2.0;

/// Decides frame by frame. A machine on media time.
#[derive(Clone, Debug)]
pub struct Schedule {
    settings: ScheduleSettings,
    counters: ScheduleCounters,
    since_run: u32,
    next_due: Option<f64>,
    last_time: Option<f64>,
    credit: f64,
}

impl Schedule {
    /// A schedule that lets the first frame through.
    pub fn new(settings: ScheduleSettings) -> Self {
        Self {
            settings,
            counters: ScheduleCounters::default(),
            since_run: u32::MAX,
            next_due: None,
            last_time: None,
            credit: 0.0,
        }
    }

    /// Whether the detector runs on the frame at `media_time`. Time running backwards starts the
    /// grid of the rate anew.
    pub fn handle_frame(&mut self, media_time: Duration) -> bool {
        let now = media_time.as_secs_f64();
        self.counters.frames += 1;
        self.earn(now);
        self.since_run = self.since_run.saturating_add(1);
        if self.since_run < self.settings.every.max(1) {
            self.counters.skipped_every += 1;
            return false;
        }
        if !self.rate_allows(now) {
            self.counters.skipped_rate += 1;
            return false;
        }
        if positive(self.settings.budget_share).is_some() && self.credit < 0.0 {
            self.counters.skipped_budget += 1;
            return false;
        }
        self.since_run = 0;
        self.advance_grid(now);
        self.counters.detected += 1;
        true
    }

    /// Takes what one run cost in processor time; charged against the budget.
    pub fn handle_cost(&mut self, cost: Duration) {
        self.credit = (self.credit - cost.as_secs_f64()).max(MAX_DEBT);
    }

    /// The counters so far.
    pub fn counters(&self) -> ScheduleCounters {
        self.counters
    }

    fn earn(&mut self, now: f64) {
        let passed = self.last_time.map_or(0.0, |last| (now - last).max(0.0));
        if self.last_time.is_some_and(|last| now < last) {
            self.next_due = None;
        }
        self.last_time = Some(now);
        if let Some(share) = positive(self.settings.budget_share) {
            self.credit = (self.credit + passed * share).min(MAX_CREDIT);
        }
    }

    /// Half an interval of tolerance lets a frame that comes early still take its place.
    fn rate_allows(&self, now: f64) -> bool {
        match (positive(self.settings.max_rate), self.next_due) {
            (Some(rate), Some(due)) => now >= due - 0.5 / rate,
            _ => true,
        }
    }

    fn advance_grid(&mut self, now: f64) {
        let Some(rate) = positive(self.settings.max_rate) else {
            return;
        };
        let interval = 1.0 / rate;
        // Stay on the grid while frames keep up; start a new one after a gap.
        self.next_due = Some(match self.next_due {
            Some(due) if now - due < interval => due + interval,
            _ => now + interval,
        });
    }
}

fn positive(value: Option<f32>) -> Option<f64> {
    value.filter(|v| v.is_finite() && *v > 0.0).map(f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(settings: ScheduleSettings, times: impl IntoIterator<Item = f64>) -> usize {
        let mut schedule = Schedule::new(settings);
        times
            .into_iter()
            .filter(|t| schedule.handle_frame(Duration::from_secs_f64(*t)))
            .count()
    }

    #[test]
    fn every_third_frame_starting_with_the_first() {
        let mut schedule = Schedule::new(ScheduleSettings {
            every: 3,
            ..Default::default()
        });
        let picked: Vec<bool> = (0..7)
            .map(|n| schedule.handle_frame(Duration::from_millis(n * 40)))
            .collect();
        assert_eq!(picked, [true, false, false, true, false, false, true]);
        assert_eq!(schedule.counters().skipped_every, 4);
    }

    #[test]
    fn a_rate_equal_to_the_cameras_loses_nothing_to_jitter() {
        let settings = ScheduleSettings {
            max_rate: Some(25.0),
            ..Default::default()
        };
        let jitter = [0.0, 0.012, -0.013, 0.004, -0.009, 0.015, -0.015];
        let times = (0..1000).map(|n| 1.0 + n as f64 / 25.0 + jitter[n % 7]);
        assert_eq!(runs(settings, times), 1000);
    }

    #[test]
    fn a_lower_rate_holds_on_average() {
        let settings = ScheduleSettings {
            max_rate: Some(7.0),
            ..Default::default()
        };
        let count = runs(settings, (0..2500).map(|n| n as f64 / 25.0));
        assert!((695..=705).contains(&count), "{count} runs in 100 s");
    }

    #[test]
    fn costs_over_the_budget_thin_runs_out() {
        let settings = ScheduleSettings {
            budget_share: Some(0.25),
            ..Default::default()
        };
        let mut schedule = Schedule::new(settings);
        let mut count = 0;
        for n in 0..2500 {
            if schedule.handle_frame(Duration::from_millis(n * 40)) {
                schedule.handle_cost(Duration::from_millis(50));
                count += 1;
            }
        }
        // 100 s at a quarter core pay for 500 runs of 50 ms.
        assert!((490..=515).contains(&count), "{count}");
        assert!(schedule.counters().skipped_budget > 1900);
    }

    #[test]
    fn a_gap_or_a_jump_back_does_not_burst_or_block() {
        let settings = ScheduleSettings {
            max_rate: Some(5.0),
            ..Default::default()
        };
        let gap = [0.0, 100.0, 100.04, 100.08, 100.2];
        assert_eq!(runs(settings, gap), 3);
        assert_eq!(runs(settings, [100.0, 0.0, 0.04, 0.2]), 3);
    }
}
