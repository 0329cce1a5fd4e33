//! What a running source's video turns out to be.
//!
//! Frame rate and bit rate are measured on the compressed pictures before the decoder, in media
//! time: so they hold for a file that is read faster than it was made, and while only key frames
//! are decoded. What is never compressed (folders, raw video of a device) has its frames counted
//! as they are given out, and no bit rate.

mod flow;

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use goshawk_proto::{geometry::Size, stream::VideoInfo, time::Timestamp};

use crate::frame::Frame;
use flow::{Flow, GroupMeter};

/// See the module.
pub(crate) struct Gauge {
    started: Timestamp,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    size: Option<Size>,
    /// Compressed pictures and their bytes.
    packets: Flow,
    groups: GroupMeter,
    /// Frames given out.
    frames: Flow,
    duration: Option<Duration>,
    progress: Option<f64>,
}

impl Gauge {
    /// A gauge of a source that is opened now.
    pub fn new() -> Self {
        Self {
            started: Timestamp::from_system(SystemTime::now()),
            state: Mutex::new(State::default()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Numbers only: whatever panicked, they are sound.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A compressed picture, in decoding order; `at` is its decoding time.
    pub fn packet(&self, bytes: usize, key: bool, at: Option<Duration>) {
        let mut state = self.lock();
        state.groups.add(key);
        if let Some(at) = at {
            state.packets.add(at, bytes as u64);
        }
    }

    /// A frame that goes to the caller.
    pub fn frame(&self, frame: &Frame) {
        let mut state = self.lock();
        state.size = Some(frame.size());
        state.frames.add(frame.media_time(), 0);
        if let Some(length) = state.duration.filter(|length| !length.is_zero()) {
            let done = frame.media_time().as_secs_f64() / length.as_secs_f64();
            state.progress = Some(done.min(1.0));
        }
    }

    /// The length of the source, when it becomes known.
    pub fn set_duration(&self, duration: Duration) {
        self.lock().duration = Some(duration);
    }

    /// The length, where it is known.
    pub fn duration(&self) -> Option<Duration> {
        self.lock().duration
    }

    /// The source with an end is at its end.
    pub fn finish(&self) {
        let mut state = self.lock();
        if state.duration.is_some() || state.progress.is_some() {
            state.progress = Some(1.0);
        }
    }

    /// What is known by now; `None` before the first frame.
    pub fn video(&self) -> Option<VideoInfo> {
        let state = self.lock();
        let packets = state.packets.a_second();
        let rate = packets.or_else(|| state.frames.a_second());
        Some(VideoInfo {
            size: state.size?,
            frame_rate: rate.map(|rate| rate.items as f32),
            bit_rate: packets.map(|rate| (rate.amount * 8.0) as u64),
            gop_size: state.groups.size(),
            start_time: self.started,
            duration: state.duration.map(|length| length.as_secs_f64()),
            progress: state.progress,
        })
    }
}

#[cfg(test)]
mod tests {
    use goshawk_proto::picture::Rgb;

    use super::*;

    fn frame(number: u64, millis: u64) -> Frame {
        let picture = Rgb::black(Size::new(4, 2));
        let time = Duration::from_millis(millis);
        Frame::from_rgb(picture, number, time, Timestamp::default())
    }

    #[test]
    fn nothing_is_said_before_the_first_frame_and_nothing_is_guessed_after_it() {
        let gauge = Gauge::new();
        assert_eq!(gauge.video(), None);
        gauge.frame(&frame(0, 0));
        let video = gauge.video().unwrap();
        assert_eq!(video.size, Size::new(4, 2));
        let unknown = (video.frame_rate, video.bit_rate, video.gop_size);
        assert_eq!(unknown, (None, None, None));
        assert_eq!((video.duration, video.progress), (None, None));
        gauge.finish();
        assert_eq!(gauge.video().unwrap().progress, None);
    }

    #[test]
    fn compressed_pictures_are_counted_before_frames_are() {
        let gauge = Gauge::new();
        gauge.set_duration(Duration::from_secs(4));
        for n in 0..100 {
            let at = Duration::from_millis(40 * n);
            gauge.packet(1000, n % 25 == 0, Some(at));
            if n % 25 == 0 {
                gauge.frame(&frame(n, 40 * n));
            }
        }
        let video = gauge.video().unwrap();
        assert!((video.frame_rate.unwrap() - 25.0).abs() < 0.01);
        assert_eq!(video.bit_rate, Some(200_000));
        assert_eq!(video.gop_size, Some(25));
        assert_eq!((video.duration, video.progress), (Some(4.0), Some(0.75)));
        gauge.finish();
        assert_eq!(gauge.video().unwrap().progress, Some(1.0));
    }
}
