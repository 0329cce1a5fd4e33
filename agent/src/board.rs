//! How one stream fares, shared by its thread and by whoever reports it.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use goshawk_proto::{
    id::StreamId,
    link::{StreamCounters, StreamFeedback},
    stream::{FailureKind, StreamStatus, VideoInfo},
    time::Timestamp,
};
use tokio::sync::watch;

/// The state of one stream.
pub struct Board {
    stream: StreamId,
    state: Mutex<State>,
    /// Changes whenever somebody should hear of this stream before the next regular report.
    news: watch::Sender<u64>,
}

struct State {
    version: u64,
    status: StreamStatus,
    failure: Option<FailureKind>,
    error: Option<String>,
    counters: StreamCounters,
    last_frame_at: Option<Timestamp>,
    video: Option<VideoInfo>,
}

impl Board {
    /// A stream that waits to be started. `news` is told of changes.
    pub fn new(stream: StreamId, version: u64, news: watch::Sender<u64>) -> Self {
        let state = State {
            version,
            status: StreamStatus::Pending,
            failure: None,
            error: None,
            counters: StreamCounters::default(),
            last_frame_at: None,
            video: None,
        };
        Self {
            stream,
            state: Mutex::new(state),
            news,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the status; `error` must hold no credentials.
    pub fn set_status(
        &self,
        version: u64,
        status: StreamStatus,
        failure: Option<FailureKind>,
        error: Option<String>,
    ) {
        let mut state = self.lock();
        let changed =
            state.status != status || state.failure != failure || state.version != version;
        state.version = version;
        state.status = status;
        state.failure = failure;
        if failure.is_none() {
            state.error = None;
        } else if error.is_some() {
            state.error = error;
        }
        drop(state);
        if changed {
            self.news.send_modify(|count| *count += 1);
        }
    }

    /// Changes the counters.
    pub fn count(&self, change: impl FnOnce(&mut StreamCounters)) {
        change(&mut self.lock().counters);
    }

    /// Notes the capture time of the latest frame.
    pub fn saw_frame(&self, at: Timestamp) {
        self.lock().last_frame_at = Some(at);
    }

    /// Notes what the source's video is; it stays until the next run knows better.
    pub fn saw_video(&self, video: VideoInfo) {
        self.lock().video = Some(video);
    }

    /// The status now.
    pub fn status(&self) -> StreamStatus {
        self.lock().status
    }

    /// What the coordinator is told.
    pub fn feedback(&self) -> StreamFeedback {
        let state = self.lock();
        StreamFeedback {
            stream_id: self.stream,
            version: state.version,
            status: state.status,
            error: state.error.clone(),
            failure: state.failure,
            counters: state.counters,
            last_frame_at: state.last_frame_at,
            video: state.video,
        }
    }
}

/// Frames a second over the last second or so.
#[derive(Debug, Default)]
pub struct RateMeter {
    since: Option<Duration>,
    frames: u64,
}

impl RateMeter {
    /// Counts frames at `now` (monotonic); gives a rate about once a second.
    pub fn count(&mut self, now: Duration, frames: u64) -> Option<f32> {
        let since = *self.since.get_or_insert(now);
        self.frames += frames;
        let span = now.saturating_sub(since);
        if span < Duration::from_secs(1) {
            return None;
        }
        let rate = self.frames as f32 / span.as_secs_f32();
        *self = Self {
            since: Some(now),
            frames: 0,
        };
        Some(rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_is_told_once_a_change() {
        let (news, heard) = watch::channel(0);
        let board = Board::new(StreamId::random(), 1, news);
        board.set_status(1, StreamStatus::InProgress, None, None);
        board.set_status(1, StreamStatus::InProgress, None, None);
        assert_eq!(*heard.borrow(), 1);
        board.set_status(
            1,
            StreamStatus::InProgress,
            Some(FailureKind::Stalled),
            Some("no frames".to_owned()),
        );
        assert_eq!(board.feedback().error.as_deref(), Some("no frames"));
        board.set_status(1, StreamStatus::InProgress, None, None);
        assert_eq!(board.feedback().error, None);
        assert_eq!(*heard.borrow(), 3);
    }

    #[test]
    fn the_rate_is_over_the_time_that_passed() {
        let mut meter = RateMeter::default();
        assert_eq!(meter.count(Duration::from_secs(5), 0), None);
        assert_eq!(meter.count(Duration::from_millis(5_500), 10), None);
        assert_eq!(meter.count(Duration::from_secs(7), 30), Some(20.0));
    }
}
