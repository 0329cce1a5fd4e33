//! What a stream is asked to do and how it fares, in the names and defaults of the Streams
//! contract (`/2/streams`, object `data`), so that an API body and a pushed assignment are one type.
//!
//! As a document pushed to an agent it tolerates unknown fields; the API checks its bodies
//! separately before they become this type.

mod authorization;
mod region;
#[cfg(feature = "schema")]
mod schema;

use serde::{Deserialize, Serialize};

use crate::id::{HandlerId, StreamId};

pub use authorization::Authorization;
pub use region::Region;

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

/// What an analysis looks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AnalyticsMode {
    /// Faces only.
    Faces,
    /// Bodies only.
    Bodies,
    /// Both, paired.
    #[default]
    Humans,
}

/// The contract writes modes as 1 to 3.
macro_rules! numbered {
    ($name:ident { $($number:literal => $variant:ident),* $(,)? }) => {
        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_u8(match self { $(Self::$variant => $number),* })
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                match u8::deserialize(deserializer)? {
                    $($number => Ok(Self::$variant),)*
                    _ => Err(serde::de::Error::custom(format!(
                        "unexpected value; permitted: {}",
                        [$($number.to_string()),*].join(", ")
                    ))),
                }
            }
        }

        #[cfg(feature = "schema")]
        schema::integers!($name, [$($number),*]);
    };
}

numbered!(AnalyticsMode { 1 => Faces, 2 => Bodies, 3 => Humans });

/// Which of a person's two parts is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PartSelection {
    /// Faces only.
    FacesOnly,
    /// Bodies only.
    BodiesOnly,
    /// Both in one event.
    #[default]
    FacesWithBodies,
    /// Both, each in an event of its own.
    Separately,
}

numbered!(PartSelection { 1 => FacesOnly, 2 => BodiesOnly, 3 => FacesWithBodies, 4 => Separately });

/// One analysis of a stream.
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Analytics {
    /// Whether it runs.
    #[serde(default = "yes")]
    #[cfg_attr(feature = "schema", schema(default = true))]
    pub enabled: bool,
    /// What it looks for.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(default = 3))]
    pub mode: AnalyticsMode,
    /// Region in which detections count; `None` or empty is the whole frame.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(nullable = false, default = json!([0, 0, 0, 0])))]
    pub droi: Option<Region>,
    /// Which detections count.
    #[serde(default)]
    pub filtering: Filtering,
    /// Waiting for a face near enough.
    #[serde(default)]
    pub primary_track_policy: PrimaryTrackPolicy,
    /// When and what to send.
    #[serde(default)]
    pub sending: Sending,
    /// Where events go.
    pub event_handler: EventHandler,
    /// Reconnecting after errors.
    #[serde(default)]
    pub healthcheck: Healthcheck,
    /// Liveness filtration.
    #[serde(default)]
    pub liveness: LivenessSettings,
}

/// Thresholds under which a detection does not count. Angles are in degrees.
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "schema", schema(default))]
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Filtering {
    /// Least detector score of a face.
    #[cfg_attr(feature = "schema", schema(default = 0.5187))]
    pub min_score_face: f32,
    /// Least detector score of a body.
    pub min_score_body: f32,
    /// Largest yaw either way, 0 to 180.
    #[cfg_attr(feature = "schema", schema(minimum = 0, maximum = 180))]
    pub detection_yaw_threshold: f32,
    /// Largest pitch either way, 0 to 180.
    #[cfg_attr(feature = "schema", schema(minimum = 0, maximum = 180))]
    pub detection_pitch_threshold: f32,
    /// Largest roll either way, 0 to 180.
    #[cfg_attr(feature = "schema", schema(minimum = 0, maximum = 180))]
    pub detection_roll_threshold: f32,
    /// How many frames yaw is averaged over.
    pub yaw_number: u32,
    /// Whether the first `yaw_number - 1` detections only collect yaw.
    pub yaw_collection_mode: bool,
    /// Least mouth visibility; 0 turns it off.
    #[cfg_attr(feature = "schema", schema(value_type = schema::Single))]
    pub mouth_occlusion_threshold: f32,
    /// Least square root of a body's area in pixels; 0 turns it off.
    #[cfg_attr(feature = "schema", schema(minimum = 0, value_type = schema::Single))]
    pub min_body_size_threshold: f32,
}

impl Default for Filtering {
    fn default() -> Self {
        Self {
            min_score_face: 0.5187,
            min_score_body: 0.5,
            detection_yaw_threshold: 40.0,
            detection_pitch_threshold: 40.0,
            detection_roll_threshold: 30.0,
            yaw_number: 1,
            yaw_collection_mode: false,
            mouth_occlusion_threshold: 0.0,
            min_body_size_threshold: 0.0,
        }
    }
}

/// Access-control mode: only a face near enough is sent. Sizes are box sides in pixels.
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "schema", schema(default))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PrimaryTrackPolicy {
    /// Whether it is on.
    pub use_primary_track_policy: bool,
    /// Smaller faces are not considered.
    pub best_shot_min_size: u32,
    /// Faces of this size are sent at once.
    pub best_shot_proper_size: u32,
}

impl Default for PrimaryTrackPolicy {
    fn default() -> Self {
        Self {
            use_primary_track_policy: false,
            best_shot_min_size: 70,
            best_shot_proper_size: 140,
        }
    }
}

/// Unit of the periods in [`Sending`].
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PeriodUnit {
    /// Seconds.
    #[default]
    Sec,
    /// Frames.
    Frames,
}

/// When and what to send.
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "schema", schema(default))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sending {
    /// Body collection rules.
    pub body: BodySending,
    /// How many shots of what.
    pub bestshot_settings: BestshotSettings,
    /// Whose full frames are sent.
    pub full_frame_settings: PartSelection,
    /// How long a best shot is searched before it is sent; -1: until the track ends. 0: at once.
    #[cfg_attr(feature = "schema", schema(value_type = i64, minimum = -1))]
    pub time_period_of_searching: SearchPeriod,
    /// How long to wait between two sendings of one track; 0: not at all, -1: send once only.
    #[cfg_attr(feature = "schema", schema(minimum = -1))]
    pub silent_period: i64,
    /// Unit of the two periods.
    #[serde(rename = "type")]
    pub unit: PeriodUnit,
}

/// [`Sending::time_period_of_searching`]; -1 by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SearchPeriod(pub i64);

impl Default for SearchPeriod {
    fn default() -> Self {
        Self(-1)
    }
}

/// Rules for collecting bodies.
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "schema", schema(default))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BodySending {
    /// Send only when all wanted shots are there.
    pub send_only_full_set: bool,
    /// Forget shots and boxes once sent.
    pub delete_track_after_sending: bool,
}

impl Default for BodySending {
    fn default() -> Self {
        Self {
            send_only_full_set: true,
            delete_track_after_sending: false,
        }
    }
}

/// How many shots of what an event carries.
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "schema", schema(default))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BestshotSettings {
    /// Faces, bodies or both.
    #[serde(rename = "type")]
    pub part: PartSelection,
    /// Face shots in one event.
    pub face_bestshots_to_send: u32,
    /// Body shots in one event.
    pub body_bestshots_to_send: u32,
}

impl Default for BestshotSettings {
    fn default() -> Self {
        Self {
            part: PartSelection::default(),
            face_bestshots_to_send: 1,
            body_bestshots_to_send: 1,
        }
    }
}

/// Where events go.
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventHandler {
    /// Always `luna_handler`: a handler of the coordinator.
    #[serde(rename = "type", default)]
    #[cfg_attr(feature = "schema", schema(default = "luna_handler"))]
    pub kind: EventHandlerKind,
    /// The handler whose policies events go through.
    pub handler_id: HandlerId,
    /// Address of a foreign image store; ours keeps frames itself.
    #[serde(default)]
    pub frame_store: Option<String>,
    /// Whom events belong to. Read and forgotten: they are the stream's account's.
    #[serde(default, skip_serializing)]
    pub authorization: Authorization,
}

/// The only kind of event handler in the contract.
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventHandlerKind {
    /// A handler of the coordinator.
    #[default]
    LunaHandler,
}

/// Reconnecting after errors.
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "schema", schema(default))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Healthcheck {
    /// Errors within `period` after which the stream fails.
    pub max_error_count: u32,
    /// Window in which errors are counted, in seconds.
    pub period: u32,
    /// Pause before the next attempt, in seconds.
    pub retry_delay: u32,
    /// Longest wait for a frame, in milliseconds; `None` is the agent's default.
    #[cfg_attr(
        feature = "schema",
        schema(nullable = false, minimum = 0, maximum = 2147483647)
    )]
    pub timeout: Option<u32>,
}

impl Default for Healthcheck {
    fn default() -> Self {
        Self {
            max_error_count: 10,
            period: 3600,
            retry_delay: 5,
            timeout: None,
        }
    }
}

/// Liveness filtration; off in every default.
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "schema", schema(default))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LivenessSettings {
    /// Filter by background masks.
    pub use_mask_liveness_filtration: bool,
    /// Filter faces that have no body under them.
    pub use_flying_faces_liveness_filtration: bool,
    /// Which frames of a track are checked: 0, 1 or 2.
    #[cfg_attr(feature = "schema", schema(value_type = schema::LivenessMode))]
    pub liveness_mode: u8,
    /// How many frames are checked.
    pub number_of_liveness_checks: u32,
    /// Least score of a live person, 0 to 1.
    #[cfg_attr(feature = "schema", schema(value_type = schema::Single))]
    pub liveness_threshold: f32,
    /// Weights of the two filters.
    #[cfg_attr(feature = "schema", schema(value_type = schema::Weights))]
    pub livenesses_weights: [f32; 2],
    /// How many backgrounds the mask filter remembers.
    pub mask_backgrounds_count: u32,
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
