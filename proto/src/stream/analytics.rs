//! What is looked for in a stream: the `analytics` of the Streams contract, their thresholds, when
//! and what they send, and where to.

use serde::{Deserialize, Serialize};

#[cfg(feature = "schema")]
use super::schema;
use super::{Authorization, Region, yes};
use crate::id::HandlerId;

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
    /// Largest share of the mouth that may be covered, 0 to 1; 0 turns the test off.
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
    #[serde(default, skip_serializing_if = "Authorization::is_forgotten")]
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
