//! The camera's heart beat: access units into the RTSP server's pipeline when they are due.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use gstreamer::{self as gst, prelude::*};
use gstreamer_app::AppSrc;

use super::clip::EncodedClip;

/// How long a feeding thread sleeps at most before it looks whether it is still wanted.
const NAP: Duration = Duration::from_millis(100);

/// What all feeding threads of a camera share.
pub(super) struct Feed {
    clip: Arc<EncodedClip>,
    once: bool,
    stall_after: Option<Duration>,
    stopped: Arc<AtomicBool>,
    /// When the clip began for the first viewer.
    epoch: OnceLock<Instant>,
}

/// A unit's place in the endless repetition of the clip.
#[derive(Clone, Copy)]
struct Place {
    round: u32,
    unit: usize,
}

impl Feed {
    pub fn new(
        clip: Arc<EncodedClip>,
        once: bool,
        stall_after: Option<Duration>,
        stopped: Arc<AtomicBool>,
    ) -> Self {
        Self {
            clip,
            once,
            stall_after,
            stopped,
            epoch: OnceLock::new(),
        }
    }

    /// Feeds a new pipeline until it goes away. The thread holds no reference to the pipeline
    /// while it sleeps, and ends with it.
    pub fn start(self: &Arc<Self>, source: &AppSrc) {
        source.set_caps(Some(&self.clip.caps));
        let (feed, source) = (Arc::clone(self), source.downgrade());
        let spawned = std::thread::Builder::new()
            .name("camera-feed".to_owned())
            .spawn(move || feed.run(&source));
        if let Err(error) = spawned {
            tracing::error!(%error, "no thread to feed the camera");
        }
    }

    fn run(&self, source: &gst::glib::WeakRef<AppSrc>) {
        let Some(since) = self.wait_for_playing(source) else {
            return;
        };
        let mut place = self.next_key(since);
        // Where the pipeline's own time and the clip's time met.
        let mut met: Option<(gst::ClockTime, Duration)> = None;
        loop {
            if place.round > 0 && self.once {
                if let Some(source) = source.upgrade() {
                    // Its pipeline may be gone already, and then there is nobody to tell.
                    let _ = source.end_of_stream();
                }
                return;
            }
            let position = self.position(place);
            if !self.sleep_until(self.epoch() + position, source) {
                return;
            }
            if self.stall_after.is_none_or(|stall| since.elapsed() < stall) {
                let Some(source) = source.upgrade() else {
                    return;
                };
                let Some(now) = source.current_running_time() else {
                    return;
                };
                let (base, start) = *met.get_or_insert((now, position));
                if source
                    .push_buffer(self.unit(place, base, position - start))
                    .is_err()
                {
                    return;
                }
            }
            place = self.after(place);
        }
    }

    /// Waits until the server has started the pipeline; gives the moment.
    fn wait_for_playing(&self, source: &gst::glib::WeakRef<AppSrc>) -> Option<Instant> {
        while !self.stopped.load(Ordering::Relaxed) {
            // Not earlier: between getting its clock and its base time a pipeline has a running
            // time that is that of the clock.
            if source.upgrade()?.current_state() == gst::State::Playing {
                return Some(Instant::now());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        None
    }

    fn epoch(&self) -> Instant {
        *self.epoch.get_or_init(Instant::now)
    }

    /// When a unit is due, from the epoch.
    fn position(&self, place: Place) -> Duration {
        self.clip.length.saturating_mul(place.round) + self.clip.units[place.unit].decode
    }

    fn after(&self, place: Place) -> Place {
        if place.unit + 1 < self.clip.units.len() {
            Place {
                unit: place.unit + 1,
                ..place
            }
        } else {
            Place {
                round: place.round.saturating_add(1),
                unit: 0,
            }
        }
    }

    /// The first key unit that is not over at `moment`.
    fn next_key(&self, moment: Instant) -> Place {
        let gone = moment.saturating_duration_since(self.epoch());
        let round = (gone.as_secs_f64() / self.clip.length.as_secs_f64()) as u32;
        let mut place = Place { round, unit: 0 };
        while self.position(place) < gone || !self.clip.units[place.unit].key {
            place = self.after(place);
        }
        place
    }

    /// The bytes of a unit with the pipeline's times on them.
    fn unit(&self, place: Place, base: gst::ClockTime, since_base: Duration) -> gst::Buffer {
        let unit = &self.clip.units[place.unit];
        let clock = |time: Duration| gst::ClockTime::try_from(time).unwrap_or(gst::ClockTime::ZERO);
        let mut buffer = unit.data.copy();
        let fields = buffer.make_mut();
        let decode = base + clock(since_base);
        fields.set_dts(decode);
        fields.set_pts(decode + clock(unit.show - unit.decode));
        buffer
    }

    /// `false` when nobody wants more.
    fn sleep_until(&self, moment: Instant, source: &gst::glib::WeakRef<AppSrc>) -> bool {
        loop {
            if self.stopped.load(Ordering::Relaxed) || source.upgrade().is_none() {
                return false;
            }
            let left = moment.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            std::thread::sleep(left.min(NAP));
        }
    }
}
