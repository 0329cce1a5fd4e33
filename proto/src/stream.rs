//! What a stream is asked to do and how it fares, in the names and defaults of the Streams
//! contract (`/2/streams`, object `data`), so that an API body and a pushed assignment are one type.
//!
//! As a document pushed to an agent it tolerates unknown fields; the API checks its bodies
//! separately before they become this type.

mod analytics;
mod authorization;
mod region;
#[cfg(feature = "schema")]
mod schema;
mod video;

use serde::{Deserialize, Serialize};

use crate::id::StreamId;

pub use analytics::{
    Analytics, AnalyticsMode, BestshotSettings, BodySending, EventHandler, EventHandlerKind,
    Filtering, Healthcheck, LivenessSettings, PartSelection, PeriodUnit, PrimaryTrackPolicy,
    SearchPeriod, Sending,
};
pub use authorization::Authorization;
pub use region::Region;
pub use video::VideoInfo;

/// One stream as assigned to an agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StreamSpec {
    /// The stream.
    pub stream_id: StreamId,
    /// Rises with every change; an agent ignores an older one.
    pub version: u64,
    /// Name, sent as the source of every event.
    #[serde(default)]
    pub name: String,
    /// Where the camera is.
    #[serde(default)]
    pub location: Option<Location>,
    /// Restarting after a fatal failure.
    #[serde(default)]
    pub autorestart: AutoRestart,
    /// The source and what to do with it.
    pub data: StreamData,
}

/// Where a camera is; every part is optional.
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[allow(
    missing_docs,
    reason = "the fields' names are the contract's and say it all"
)]
pub struct Location {
    #[cfg_attr(feature = "schema", schema(max_length = 36))]
    pub city: Option<String>,
    #[cfg_attr(feature = "schema", schema(max_length = 36))]
    pub area: Option<String>,
    #[cfg_attr(feature = "schema", schema(max_length = 36))]
    pub district: Option<String>,
    #[cfg_attr(feature = "schema", schema(max_length = 36))]
    pub street: Option<String>,
    #[cfg_attr(feature = "schema", schema(max_length = 36))]
    pub house_number: Option<String>,
    pub geo_position: Option<GeoPosition>,
}

/// A place on Earth, WGS 84, in degrees.
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct GeoPosition {
    /// -180 to 180.
    #[cfg_attr(feature = "schema", schema(minimum = -180, maximum = 180))]
    pub longitude: f64,
    /// -90 to 90.
    #[cfg_attr(feature = "schema", schema(minimum = -90, maximum = 90))]
    pub latitude: f64,
}

/// How frames reach the agent.
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// RTSP with media over TCP; also HTTP, HLS and USB devices, told by the reference.
    Tcp,
    /// RTSP with media over UDP.
    Udp,
    /// A video file.
    Videofile,
    /// A folder of pictures.
    Images,
}

/// How far frames are reduced before detection.
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FrameProcessingMode {
    /// The agent decides.
    #[default]
    Auto,
    /// Whole resolution.
    Full,
    /// Reduced.
    Scale,
}

/// A source and what to do with its frames.
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StreamData {
    /// How frames reach the agent.
    #[serde(rename = "type")]
    pub kind: SourceKind,
    /// Address, path or device; at most 512 characters. May hold credentials: never logged whole.
    #[cfg_attr(feature = "schema", schema(max_length = 512))]
    pub reference: String,
    /// What to look for; at least one.
    #[cfg_attr(feature = "schema", schema(min_items = 1, max_items = 100))]
    pub analytics: Vec<Analytics>,
    /// Part of the frame to look at; `None` or an empty region is all of it.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(nullable = false, default = json!([0, 0, 0, 0])))]
    pub roi: Option<Region>,
    /// Clockwise turn of the picture in degrees: 0, 90, 180 or 270.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(value_type = schema::Rotation, default = 0))]
    pub rotation: u16,
    /// See [`FrameProcessingMode`].
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(default = "auto"))]
    pub frame_processing_mode: FrameProcessingMode,
    /// Files: frames a second as a camera would give them; 0 is as fast as it goes.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(default = 0))]
    pub real_time_mode_fps: u32,
    /// Decoder threads; 0 is the decoder's choice.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(default = 0))]
    pub ffmpeg_threads_number: u32,
    /// HLS: preferred width of the rendition in pixels.
    #[serde(default = "default_frame_width")]
    #[cfg_attr(feature = "schema", schema(default = 800))]
    pub preferred_program_stream_frame_width: u32,
    /// Live sources: start again when the source ends.
    #[serde(default = "yes")]
    #[cfg_attr(feature = "schema", schema(default = true))]
    pub endless: bool,
    /// Image folders: pattern of file names.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(max_length = 128, nullable = false))]
    pub mask: Option<String>,
}

fn default_frame_width() -> u32 {
    800
}

fn yes() -> bool {
    true
}

/// Restarting after a fatal failure.
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "schema", schema(default))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AutoRestart {
    /// 1: on, 0: off.
    #[cfg_attr(feature = "schema", schema(value_type = schema::ZeroOrOne))]
    pub restart: u8,
    /// How many times.
    #[cfg_attr(feature = "schema", schema(minimum = 1, maximum = 2147483647))]
    pub attempt_count: u32,
    /// Seconds between attempts.
    #[cfg_attr(feature = "schema", schema(minimum = 1, maximum = 2147483647))]
    pub delay: u32,
}

impl Default for AutoRestart {
    fn default() -> Self {
        Self {
            restart: 0,
            attempt_count: 10,
            delay: 60,
        }
    }
}

/// How a stream fares, in the contract's names.
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StreamStatus {
    /// Waits for an agent.
    Pending,
    /// An agent works on it.
    InProgress,
    /// The source ended as it should.
    Done,
    /// Stopped by a user, to be resumed.
    Pause,
    /// Waits for an automatic restart.
    Restart,
    /// Stopped by a user for good.
    Cancel,
    /// Failed for good.
    Failure,
    /// Its agent is out of reach.
    HandlerLost,
}

/// Why a stream's source fails, as an operator would sort it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// Host or port does not answer.
    Unreachable,
    /// User name or password refused.
    Unauthorized,
    /// The address answers but has no such stream, or the file does not exist.
    NotFound,
    /// Not a video that we can read.
    NotMedia,
    /// No frame within the time allowed.
    Stalled,
    /// The source broke off in the middle.
    Truncated,
    /// Anything else.
    Other,
}

impl FailureKind {
    /// Whether trying again cannot help until someone changes something.
    pub fn is_fatal(self) -> bool {
        matches!(self, Self::NotMedia)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_body_takes_the_contracts_defaults() {
        let data: StreamData = serde_json::from_value(serde_json::json!({
            "type": "tcp",
            "reference": "rtsp://camera/1",
            "analytics": [{"event_handler": {"handler_id": "0b61258c-434f-45d6-964f-2131e58cd58c"}}],
        }))
        .unwrap();
        let analytics = &data.analytics[0];
        assert_eq!(analytics.mode, AnalyticsMode::Humans);
        assert_eq!(analytics.sending.time_period_of_searching, SearchPeriod(-1));
        assert_eq!(analytics.filtering.min_score_face, 0.5187);
        assert_eq!(analytics.liveness.liveness_threshold, 0.0);
        assert_eq!(data.preferred_program_stream_frame_width, 800);
        assert!(data.endless);
        let back: StreamData =
            serde_json::from_value(serde_json::to_value(&data).unwrap()).unwrap();
        assert_eq!(back, data);
    }
}
