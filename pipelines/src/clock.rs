//! Times of frames.
//!
//! Live frames are stamped with the time of their arrival, read from the monotonic clock and
//! anchored to the wall clock once: cameras' own clocks drift and jump, and a wall clock that is
//! being corrected would tear tracks apart. Only a step of the wall clock (more than a second) is
//! followed, at once and with a warning. Media time never falls, and never leaves what really
//! passed by more than [`LONGEST_WAIT`], whatever a camera's clock does.

use std::time::{Duration, Instant, SystemTime};

use goshawk_proto::time::Timestamp;

use crate::frame::FrameTimes;

/// A larger difference between the two clocks is a step, not a drift.
const STEP: Duration = Duration::from_secs(1);
/// A live frame that seems to have waited longer than this, or to come from so far in the future,
/// has wrong stamps.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// Seconds from the beginning of NTP's time (1900) to Unix's (1970), RFC 5905.
const NTP_TO_UNIX: Duration = Duration::from_secs(2_208_988_800);

/// What an engine knows of a frame's time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stamp {
    /// Its place in the media.
    pub place: Option<Duration>,
    /// When it arrived, in the time since the source was started.
    pub arrival: Option<Duration>,
    /// That time now.
    pub running: Option<Duration>,
    /// The camera's own time of capture, as NTP counts.
    pub ntp: Option<Duration>,
}

/// How frames of a source get their times.
pub(crate) enum FrameClock {
    /// By arrival.
    Live {
        /// The monotonic moment and the wall clock's at that moment.
        anchor: (Instant, SystemTime),
        /// Media time of the frame before.
        last: Duration,
    },
    /// Opening time plus media time.
    File {
        /// When the source was opened.
        opened: Timestamp,
        /// The first frame's place in the file; media time counts from there.
        first: Option<Duration>,
        /// Media time of the frame before.
        last: Duration,
    },
}

impl FrameClock {
    pub fn live() -> Self {
        Self::Live {
            anchor: (Instant::now(), SystemTime::now()),
            last: Duration::ZERO,
        }
    }

    pub fn file() -> Self {
        Self::File {
            opened: Timestamp::from_system(SystemTime::now()),
            first: None,
            last: Duration::ZERO,
        }
    }

    /// The times of a decoded frame.
    pub fn stamp(&mut self, stamp: Stamp) -> FrameTimes {
        match self {
            Self::Live { anchor, last } => {
                let (media_time, waited) = live(*last, stamp);
                *last = media_time;
                let now = anchored(anchor, Instant::now(), SystemTime::now());
                FrameTimes {
                    media_time,
                    captured_at: now.before(waited),
                    source_time: stamp.ntp.and_then(unix_time),
                }
            }
            Self::File {
                opened,
                first,
                last,
            } => {
                if let Some(place) = stamp.place {
                    *last = place.saturating_sub(*first.get_or_insert(place)).max(*last);
                }
                FrameTimes {
                    media_time: *last,
                    captured_at: opened.after(*last),
                    source_time: None,
                }
            }
        }
    }
}

/// Media time of a live frame and how long it waited before it was decoded.
fn live(last: Duration, stamp: Stamp) -> (Duration, Duration) {
    let Stamp {
        arrival, running, ..
    } = stamp;
    let possible = |arrival: &Duration| {
        running.is_none_or(|running| running.abs_diff(*arrival) <= LONGEST_WAIT)
    };
    let arrival = arrival.filter(possible);
    let waited = running.zip(arrival);
    let waited = waited.map_or(Duration::ZERO, |(now, then)| now.saturating_sub(then));
    let media = arrival.or(running).unwrap_or(last);
    (media.max(last), waited)
}

/// A moment in NTP's count as ours; `None` before 1970, which is a clock that was never set.
fn unix_time(ntp: Duration) -> Option<Timestamp> {
    let since = ntp.checked_sub(NTP_TO_UNIX)?;
    let micros = i64::try_from(since.as_micros()).ok()?;
    Some(Timestamp::from_unix_micros(micros))
}

/// The time now by the anchored clock; moves the anchor after a step.
fn anchored(anchor: &mut (Instant, SystemTime), now: Instant, wall: SystemTime) -> Timestamp {
    let by_anchor = anchor.1 + now.saturating_duration_since(anchor.0);
    let off = wall
        .duration_since(by_anchor)
        .unwrap_or_else(|earlier| earlier.duration());
    if off <= STEP {
        return Timestamp::from_system(by_anchor);
    }
    tracing::warn!(
        seconds = off.as_secs_f32(),
        "the wall clock stepped; capture times follow it"
    );
    *anchor = (now, wall);
    Timestamp::from_system(wall)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn drift_is_ignored_and_a_step_is_followed() {
        let (start, wall) = (
            Instant::now(),
            SystemTime::UNIX_EPOCH + Duration::from_secs(1000),
        );
        let mut anchor = (start, wall);
        let later = |seconds: f64| Duration::from_secs_f64(seconds);
        let at = |seconds: i64| Timestamp::from_unix_micros(seconds * 1_000_000);
        let drifted = anchored(&mut anchor, start + later(10.0), wall + later(10.4));
        assert_eq!(drifted, at(1010));
        let stepped = anchored(&mut anchor, start + later(20.0), wall + later(3620.0));
        assert_eq!(stepped, at(4620));
        let back = anchored(&mut anchor, start + later(30.0), wall + later(30.0));
        assert_eq!(back, at(1030));
        assert_eq!(
            anchored(&mut anchor, start + later(31.0), wall + later(31.0)),
            at(1031)
        );
    }

    #[test]
    fn ntp_counts_from_1900() {
        let ntp = |seconds| unix_time(Duration::from_secs(seconds));
        assert_eq!(
            ntp(2_208_988_801),
            Some(Timestamp::from_unix_micros(1_000_000))
        );
        assert_eq!(ntp(12), None);
    }

    proptest! {
        /// A camera's clock may stand, crawl, or jump by hours in any direction.
        #[test]
        fn media_time_keeps_to_what_passed_and_never_falls(
            steps in prop::collection::vec((0u64..200, prop::option::of(0u64..20_000_000)), 1..100),
        ) {
            let (mut running, mut last) = (Duration::ZERO, Duration::ZERO);
            for (passed, arrival) in steps {
                running += Duration::from_millis(passed);
                let stamp = Stamp {
                    arrival: arrival.map(Duration::from_millis),
                    running: Some(running),
                    ..Stamp::default()
                };
                let (media, waited) = live(last, stamp);
                prop_assert!(media >= last);
                prop_assert!(media <= running + LONGEST_WAIT);
                prop_assert!(waited <= LONGEST_WAIT);
                last = media;
            }
        }
    }
}
