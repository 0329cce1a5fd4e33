//! The log of streams: every change of a stream's status, version or last error.

use goshawk_proto::{
    id::{AccountId, StreamId},
    stream::{StreamStatus, VideoInfo as VideoFacts},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::{StreamRecord, VideoInfo};
use crate::words;

/// Entries kept of one stream; over it the oldest go.
pub const MAX_LOG_ENTRIES: usize = 1_000;

words! {
    /// How a stream fared, or that it was removed.
    pub enum LogStatus: "streams logs" {
        Pending = "pending",
        InProgress = "in_progress",
        Done = "done",
        Pause = "pause",
        Restart = "restart",
        Cancel = "cancel",
        Failure = "failure",
        HandlerLost = "handler_lost",
        Deleted = "deleted",
    }
}

impl From<StreamStatus> for LogStatus {
    fn from(status: StreamStatus) -> Self {
        match status {
            StreamStatus::Pending => Self::Pending,
            StreamStatus::InProgress => Self::InProgress,
            StreamStatus::Done => Self::Done,
            StreamStatus::Pause => Self::Pause,
            StreamStatus::Restart => Self::Restart,
            StreamStatus::Cancel => Self::Cancel,
            StreamStatus::Failure => Self::Failure,
            StreamStatus::HandlerLost => Self::HandlerLost,
        }
    }
}

words! {
    /// What of an entry is shown.
    pub enum LogTarget: "streams logs" {
        StreamId = "stream_id",
        Status = "status",
        Error = "error",
        VideoInfo = "video_info",
        LogTime = "log_time",
        Version = "version",
        Preview = "preview",
    }
}

/// An entry as kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogEntry {
    /// The stream.
    pub stream_id: StreamId,
    /// Whose it is or was.
    pub account_id: AccountId,
    /// How it fared from then on; `None`: it was removed.
    pub status: Option<StreamStatus>,
    /// Why it failed.
    pub error: Option<String>,
    /// What was known of the video.
    pub video: Option<VideoFacts>,
    /// When.
    pub log_time: Timestamp,
    /// The stream's version.
    pub version: u64,
}

/// An entry as clients see it, where they want all of it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(min_properties = 1)]
pub struct LogView {
    /// The stream.
    #[schema(required = false)]
    pub stream_id: StreamId,
    /// How it fared from then on.
    #[schema(required = false)]
    pub status: LogStatus,
    /// Why it failed.
    pub error: Option<String>,
    /// What was known of the video.
    pub video_info: Option<VideoInfo>,
    /// When.
    #[schema(required = false)]
    pub log_time: Timestamp,
    /// The stream's version.
    #[schema(required = false, minimum = 1)]
    pub version: u64,
    /// Where to look at it; the past has no pictures.
    pub preview: Option<super::Preview>,
}

impl LogEntry {
    /// What became of a stream at `log_time`.
    pub fn of(stream: &StreamRecord, log_time: Timestamp) -> Self {
        Self {
            stream_id: stream.stream_id,
            account_id: stream.account_id,
            status: Some(stream.state.status),
            error: stream.state.last_error.clone(),
            video: stream.state.video,
            log_time,
            version: stream.version,
        }
    }

    /// That a stream was removed at `log_time`.
    pub fn removed(stream: &StreamRecord, log_time: Timestamp) -> Self {
        Self {
            status: None,
            ..Self::of(stream, log_time)
        }
    }

    /// Whether a change is worth an entry.
    pub fn is_due(old: &StreamRecord, new: &StreamRecord) -> bool {
        let told = |s: &StreamRecord| (s.state.status, s.version, s.state.last_error.clone());
        told(old) != told(new)
    }

    /// Its status as clients see it.
    pub fn shown_status(&self) -> LogStatus {
        self.status.map_or(LogStatus::Deleted, LogStatus::from)
    }

    /// The fields that are wanted.
    pub fn view(&self, targets: &[LogTarget]) -> Value {
        let view = LogView {
            stream_id: self.stream_id,
            status: self.shown_status(),
            error: self.error.clone(),
            video_info: self.video.map(VideoInfo::of),
            log_time: self.log_time,
            version: self.version,
            preview: None,
        };
        let all = json!(view);
        let wanted = targets.iter().map(|target| target.as_str());
        let fields: Map<String, Value> = wanted
            .map(|name| (name.to_owned(), all[name].clone()))
            .collect();
        Value::Object(fields)
    }
}
