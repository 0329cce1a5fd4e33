//! When a camera's pictures arrived, as told by their own time stamps. Pure.
//!
//! FFmpeg hands over in one go what came while it looked into the source, so the moment of
//! decoding says little. Time stamps keep the distances; their offset follows the real time
//! slowly, because no two clocks run alike.

use std::time::Duration;

/// The part of the difference to the real time that each picture makes good.
const SLEW: f64 = 1.0 / 128.0;
/// A larger difference in seconds is a jump of the camera's clock, and is followed at once.
const JUMP: f64 = 5.0;

/// See the module.
#[derive(Clone, Debug, Default)]
pub(super) struct Arrivals {
    /// Seconds from the camera's time to ours.
    offset: Option<f64>,
}

impl Arrivals {
    /// When the picture with the stamp `place` arrived, in time since the start; `running` is
    /// that time now.
    pub fn of(&mut self, place: Duration, running: Duration) -> Duration {
        let (place, running) = (place.as_secs_f64(), running.as_secs_f64());
        let offset = self.offset.get_or_insert(running - place);
        let ahead = place + *offset - running;
        *offset -= if ahead.abs() > JUMP {
            ahead
        } else {
            ahead * SLEW
        };
        Duration::try_from_secs_f64(place + *offset).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    #[test]
    fn a_burst_keeps_its_distances_and_real_time_is_come_back_to() {
        let mut arrivals = Arrivals::default();
        // Two seconds of pictures at once, then as they come.
        let mut last = at(0.0);
        for n in 0..1000 {
            let place = f64::from(n) * 0.04;
            let now = at(3.0 + (place - 2.0).max(0.0));
            let arrival = arrivals.of(at(100.0 + place), now);
            assert!(n == 0 || arrival > last + at(0.01), "{n}: {arrival:?}");
            last = arrival;
        }
        let end = at(3.0 + 999.0 * 0.04 - 2.0);
        assert!(last.abs_diff(end) < at(0.02), "{last:?} {end:?}");
    }

    #[test]
    fn a_jump_is_followed_at_once() {
        let mut arrivals = Arrivals::default();
        assert_eq!(arrivals.of(at(10.0), at(1.0)), at(1.0));
        let after = arrivals.of(at(20_000.0), at(1.04));
        assert!(after.abs_diff(at(1.04)) < at(0.001), "{after:?}");
    }
}
