//! The place where decoder threads leave frames and the caller finds them.
//!
//! Bounded: a live source forgets its oldest frame and counts it, a file makes its decoder wait.
//! The watchdog is here too, because only here it is known when the last decoded frame came, and
//! so is whatever else both sides know of each other: the gauge, and which pictures are wanted.

use std::{
    collections::VecDeque,
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use goshawk_proto::stream::FailureKind;

use crate::{
    decode::Decoding, error::SourceError, frame::Frame, gauge::Gauge, source::SourceStats,
};

/// How long frames may still trickle in after a file's demuxer reported an error.
const GRACE: Duration = Duration::from_millis(500);

/// What happens to a frame that finds the mailbox full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WhenFull {
    /// The oldest waiting frame goes, and is counted.
    DropOldest,
    /// The decoder waits.
    Wait,
}

/// See the module.
pub(crate) struct Mailbox {
    state: Mutex<State>,
    changed: Condvar,
    capacity: usize,
    when_full: WhenFull,
    gauge: Gauge,
    key_frames_only: AtomicBool,
}

struct State {
    frames: VecDeque<Frame>,
    /// Number of the next frame that is put.
    next: u64,
    /// An error after which frames may still come.
    failure: Option<(SourceError, Instant)>,
    /// No frame comes any more.
    ended: bool,
    stopped: bool,
    /// When a frame last came or was last taken.
    progress: Instant,
    /// The peer has answered with something.
    contact: bool,
    stats: SourceStats,
}

impl Mailbox {
    pub fn new(capacity: usize, when_full: WhenFull) -> Self {
        let state = State {
            frames: VecDeque::with_capacity(capacity),
            next: 0,
            failure: None,
            ended: false,
            stopped: false,
            progress: Instant::now(),
            contact: false,
            stats: SourceStats::default(),
        };
        Self {
            state: Mutex::new(state),
            changed: Condvar::new(),
            capacity,
            when_full,
            gauge: Gauge::new(),
            key_frames_only: AtomicBool::new(false),
        }
    }

    /// What the video turns out to be.
    pub fn gauge(&self) -> &Gauge {
        &self.gauge
    }

    /// Which pictures the caller wants from now on. A file's are all wanted in any case.
    pub fn want(&self, decoding: Decoding) {
        let only = decoding == Decoding::KeyFrames && self.when_full == WhenFull::DropOldest;
        self.key_frames_only.store(only, Ordering::Relaxed);
    }

    /// What the caller wants.
    pub fn wanted(&self) -> Decoding {
        if self.key_frames_only.load(Ordering::Relaxed) {
            Decoding::KeyFrames
        } else {
            Decoding::All
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change below is complete before anything could panic, so a poisoned state is sound.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number for the next frame. There is one writer.
    pub fn next_number(&self) -> u64 {
        let mut state = self.lock();
        state.next += 1;
        state.next - 1
    }

    /// Leaves a frame. `false`: nobody wants more.
    pub fn put(&self, frame: Frame) -> bool {
        let mut state = self.lock();
        while state.frames.len() >= self.capacity && !state.stopped {
            match self.when_full {
                WhenFull::DropOldest => {
                    state.frames.pop_front();
                    state.stats.dropped_stale += 1;
                }
                WhenFull::Wait => {
                    state = self
                        .changed
                        .wait(state)
                        .unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
        if state.stopped {
            return false;
        }
        state.frames.push_back(frame);
        state.progress = Instant::now();
        state.contact = true;
        self.changed.notify_all();
        true
    }

    /// Counts frames that a live source did not decode.
    pub fn count_late(&self) {
        self.lock().stats.dropped_late += 1;
    }

    /// The peer answers: from here on silence is a stall.
    pub fn contact(&self) {
        self.lock().contact = true;
    }

    /// Whether a frame has ever come.
    pub fn has_frames(&self) -> bool {
        self.lock().next > 0
    }

    /// An error; the first one counts. A live source ends with it, a file may still empty its
    /// decoder.
    pub fn fail(&self, error: SourceError) {
        let mut state = self.lock();
        if !state.ended && state.failure.is_none() {
            state.failure = Some((error, Instant::now()));
            state.ended |= self.when_full == WhenFull::DropOldest;
        }
        self.changed.notify_all();
    }

    /// No frame comes any more.
    pub fn end(&self) {
        self.lock().ended = true;
        self.changed.notify_all();
    }

    /// The caller wants no more.
    pub fn stop(&self) {
        let mut state = self.lock();
        state.stopped = true;
        state.frames.clear();
        self.changed.notify_all();
    }

    pub fn is_stopped(&self) -> bool {
        self.lock().stopped
    }

    pub fn stats(&self) -> SourceStats {
        self.lock().stats
    }

    /// Waits for a frame, at most `timeout` after the last sign of progress.
    pub fn take(&self, timeout: Duration) -> Result<Option<Frame>, SourceError> {
        let mut state = self.lock();
        loop {
            if state.stopped {
                return Ok(None);
            }
            if let Some(frame) = state.frames.pop_front() {
                state.stats.delivered += 1;
                state.progress = Instant::now();
                self.changed.notify_all();
                self.gauge.frame(&frame);
                return Ok(Some(frame));
            }
            let now = Instant::now();
            let until = match &state.failure {
                Some((error, at)) => {
                    let quiet_since = (*at).max(state.progress);
                    if state.ended || now >= quiet_since + GRACE {
                        return Err(error.clone());
                    }
                    quiet_since + GRACE
                }
                None if state.ended => return Ok(None),
                None if now >= state.progress + timeout => {
                    return Err(silence(state.contact, timeout));
                }
                None => state.progress + timeout,
            };
            let wait = until.saturating_duration_since(now);
            state = self
                .changed
                .wait_timeout(state, wait)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Sleeps until `moment`, unless the source is stopped.
    pub fn sleep_until(&self, moment: Instant) {
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            if state.stopped || now >= moment {
                return;
            }
            state = self
                .changed
                .wait_timeout(state, moment - now)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }
}

fn silence(contact: bool, timeout: Duration) -> SourceError {
    let seconds = timeout.as_secs_f32();
    if contact {
        SourceError::new(FailureKind::Stalled, format!("no frame for {seconds} s"))
    } else {
        SourceError::new(
            FailureKind::Unreachable,
            format!("no answer within {seconds} s"),
        )
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use goshawk_proto::{geometry::Size, picture::Rgb, time::Timestamp};

    use super::*;

    const SOON: Duration = Duration::from_millis(40);

    fn put(mailbox: &Mailbox) -> bool {
        let number = mailbox.next_number();
        let picture = Rgb::black(Size::new(2, 2));
        mailbox.put(Frame::from_rgb(
            picture,
            number,
            Duration::ZERO,
            Timestamp::default(),
        ))
    }

    fn number(taken: Result<Option<Frame>, SourceError>) -> Option<u64> {
        taken.unwrap().map(|frame| frame.number())
    }

    #[test]
    fn a_live_mailbox_keeps_the_newest_and_counts_the_rest() {
        let mailbox = Mailbox::new(2, WhenFull::DropOldest);
        for _ in 0..5 {
            assert!(put(&mailbox));
        }
        assert_eq!(number(mailbox.take(SOON)), Some(3));
        assert_eq!(number(mailbox.take(SOON)), Some(4));
        assert_eq!(mailbox.stats().dropped_stale, 3);
        assert_eq!(mailbox.take(SOON).unwrap_err().kind(), FailureKind::Stalled);
    }

    #[test]
    fn a_file_waits_and_nothing_is_lost() {
        let mailbox = Arc::new(Mailbox::new(2, WhenFull::Wait));
        let writer = std::thread::spawn({
            let mailbox = Arc::clone(&mailbox);
            move || {
                for _ in 0..50 {
                    assert!(put(&mailbox));
                }
                mailbox.end();
            }
        });
        for expected in 0..50 {
            assert_eq!(number(mailbox.take(Duration::from_secs(5))), Some(expected));
        }
        assert_eq!(number(mailbox.take(SOON)), None);
        writer.join().unwrap();
    }

    #[test]
    fn frames_come_before_the_error_behind_them() {
        let mailbox = Mailbox::new(4, WhenFull::Wait);
        put(&mailbox);
        mailbox.fail(SourceError::new(FailureKind::Truncated, "cut"));
        put(&mailbox);
        assert_eq!(number(mailbox.take(SOON)), Some(0));
        assert_eq!(number(mailbox.take(SOON)), Some(1));
        assert_eq!(
            mailbox.take(SOON).unwrap_err().kind(),
            FailureKind::Truncated
        );
    }

    #[test]
    fn silence_before_any_contact_is_unreachable() {
        let mailbox = Mailbox::new(1, WhenFull::DropOldest);
        assert_eq!(
            mailbox.take(SOON).unwrap_err().kind(),
            FailureKind::Unreachable
        );
        mailbox.contact();
        assert_eq!(mailbox.take(SOON).unwrap_err().kind(), FailureKind::Stalled);
    }

    #[test]
    fn stopping_wakes_both_sides() {
        let mailbox = Arc::new(Mailbox::new(1, WhenFull::Wait));
        put(&mailbox);
        let writer = std::thread::spawn({
            let mailbox = Arc::clone(&mailbox);
            move || put(&mailbox)
        });
        std::thread::sleep(SOON);
        mailbox.stop();
        assert!(!writer.join().unwrap());
        assert_eq!(number(mailbox.take(Duration::from_secs(60))), None);
    }
}
