//! Wall-clock times of frames.
//!
//! Live frames are stamped with the time of their arrival, read from the monotonic clock and
//! anchored to the wall clock once: cameras' own clocks drift and jump, and a wall clock that is
//! being corrected would tear tracks apart. Only a step of the wall clock (more than a second) is
//! followed, at once and with a warning.

use std::time::{Duration, Instant, SystemTime};

use goshawk_proto::time::Timestamp;
use gstreamer as gst;

use crate::frame::FrameTimes;

/// A larger difference between the two clocks is a step, not a drift.
const STEP: Duration = Duration::from_secs(1);
/// A live frame that seems to have waited longer than this has wrong stamps.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

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

    /// The times of a decoded sample; `running` is the pipeline's running time now.
    pub fn stamp(&mut self, sample: &gst::Sample, running: Option<gst::ClockTime>) -> FrameTimes {
        let pts = sample.buffer().and_then(gst::BufferRef::pts);
        let segment = sample
            .segment()
            .and_then(|s| s.downcast_ref::<gst::ClockTime>());
        match self {
            Self::Live { anchor, last } => {
                let arrival = segment.zip(pts).and_then(|(s, pts)| s.to_running_time(pts));
                let waited = running.zip(arrival).map_or(Duration::ZERO, |(now, then)| {
                    now.saturating_sub(then).into()
                });
                let media = arrival.or(running).map_or(*last, Duration::from);
                *last = media.max(*last);
                let waited = if waited > LONGEST_WAIT {
                    Duration::ZERO
                } else {
                    waited
                };
                let now = anchored(anchor, Instant::now(), SystemTime::now());
                FrameTimes {
                    media_time: *last,
                    captured_at: now.before(waited),
                }
            }
            Self::File {
                opened,
                first,
                last,
            } => {
                let place = segment
                    .zip(pts)
                    .and_then(|(s, pts)| s.to_stream_time(pts))
                    .or(pts);
                if let Some(place) = place.map(Duration::from) {
                    *last = place.saturating_sub(*first.get_or_insert(place)).max(*last);
                }
                FrameTimes {
                    media_time: *last,
                    captured_at: opened.after(*last),
                }
            }
        }
    }
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
}
