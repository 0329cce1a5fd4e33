//! Streams in the shape of the contract's first version: one analysis, spread over the source, its
//! policies and its event handler.
//!
//! A stream is kept in the second version's shape, which can say all of this and more. On its way
//! in:
//!
//! * the policies and the region of interest become the one analysis of the source;
//! * it looks for faces, or, where bodies have a handler of their own (`detection_handler`), for
//!   both: bodies then come in the same events as faces, under the same track id;
//! * the first of the three liveness weights and the switch it belongs to have no effect, as the
//!   contract says.
//!
//! A stream of several analyses is shown by the first of them that is on.

use goshawk_proto::{
    id::{AccountId, GroupId, HandlerId, StreamId},
    stream::{
        Analytics, AnalyticsMode, Authorization, AutoRestart, BestshotSettings, BodySending,
        EventHandler, EventHandlerKind, Filtering, FrameProcessingMode, Healthcheck,
        LivenessSettings, Location, PartSelection, PeriodUnit, PrimaryTrackPolicy, Region,
        SearchPeriod, Sending, SourceKind, StreamData, StreamStatus,
    },
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    LocationView, NewStream, Preview, RestartView, StartStatus, StreamRecord, StreamView,
    VideoInfo,
    view::{Filled, WHOLE},
};
use crate::{
    bounds::{self, Check, Invalid},
    formats::{Slug, Text},
};

/// A new stream in the first version's shape, or what shall replace one.
#[derive(Clone, Deserialize, ToSchema)]
#[schema(as = NewStreamV1)]
pub struct NewStreamV1 {
    /// Who it belongs to.
    pub account_id: AccountId,
    /// Name; the source of every event.
    #[serde(default)]
    #[schema(max_length = 128, default = "")]
    pub name: String,
    /// Free text.
    #[serde(default)]
    #[schema(max_length = 512, default = "")]
    pub description: String,
    /// The source.
    pub data: DataV1,
    /// Where events go.
    pub event_handler: EventHandlerV1,
    /// What is done with the frames.
    #[serde(default)]
    #[schema(required = false)]
    pub policies: PoliciesV1,
    /// Where the camera is.
    #[serde(default)]
    #[schema(nullable = false)]
    pub location: Option<Location>,
    /// Restarting after a fatal failure.
    #[serde(default)]
    pub autorestart: AutoRestart,
    /// Whether it starts at once.
    #[serde(default)]
    #[schema(default = "pending")]
    pub status: StartStatus,
    /// The group that it shall be in, by its name; not together with `group_id`.
    #[serde(default)]
    #[schema(value_type = Slug<128>, required = false, nullable = false)]
    pub group_name: Option<Slug<128>>,
    /// The group that it shall be in.
    #[serde(default)]
    #[schema(required = false, nullable = false)]
    pub group_id: Option<GroupId>,
}

impl std::fmt::Debug for NewStreamV1 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewStreamV1")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// A source.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct DataV1 {
    /// How frames reach the agent.
    #[serde(rename = "type")]
    pub kind: SourceKind,
    /// Address, path or device.
    #[schema(max_length = 512)]
    pub reference: String,
    /// Part of the frame to look at; none or an empty one is all of it.
    #[serde(default)]
    #[schema(nullable = false, default = json!([0, 0, 0, 0]))]
    pub roi: Option<Region>,
    /// Part of that in which detections count.
    #[serde(default)]
    #[schema(nullable = false, default = json!([0, 0, 0, 0]))]
    pub droi: Option<Region>,
    /// Clockwise turn of the picture in degrees: 0, 90, 180 or 270.
    #[serde(default)]
    #[schema(default = 0)]
    pub rotation: u16,
    /// HLS: preferred width of the rendition in pixels.
    #[serde(default = "default_frame_width")]
    #[schema(default = 800)]
    pub preferred_program_stream_frame_width: u32,
    /// Live sources: start again when the source ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(default = true, nullable = false)]
    pub endless: Option<bool>,
    /// Image folders: pattern of file names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 128, nullable = false)]
    pub mask: Option<String>,
}

fn default_frame_width() -> u32 {
    800
}

/// A handler, by its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HandlerRef {
    /// The handler.
    pub handler_id: HandlerId,
}

/// Where events go.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct EventHandlerV1 {
    /// Address of the platform. This coordinator is the platform: it is kept and shown.
    #[schema(value_type = Text<0, 512>)]
    pub origin: String,
    /// Version of its API; kept and shown.
    pub api_version: u16,
    /// The handler whose policies events go through.
    pub bestshot_handler: HandlerRef,
    /// A handler for bodies; that there is one makes the stream look for them.
    #[serde(default)]
    pub detection_handler: Option<HandlerRef>,
    /// Address of a foreign image store; ours keeps frames itself.
    #[serde(default)]
    pub frame_store: Option<String>,
    /// Whom events belong to. Read and forgotten: they are the stream's account's.
    #[serde(default, skip_serializing_if = "is_forgotten")]
    pub authorization: Authorization,
}

/// There is never anything to be told of it.
fn is_forgotten(_: &Authorization) -> bool {
    true
}

/// What is done with the frames of a source.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(default)]
pub struct PoliciesV1 {
    /// How far frames are reduced before detection.
    #[schema(default = "auto")]
    pub frame_processing_mode: FrameProcessingMode,
    /// Files: frames a second as a camera would give them; 0 is as fast as it goes.
    pub real_time_mode_fps: u32,
    /// Decoder threads; 0 is the decoder's choice.
    pub ffmpeg_threads_number: u32,
    /// Which detections count.
    pub filtering: FilteringV1,
    /// Waiting for a face near enough.
    pub primary_track_policy: PrimaryTrackPolicy,
    /// When and what to send.
    pub sending: SendingV1,
    /// Reconnecting after errors.
    pub healthcheck: Healthcheck,
    /// Liveness filtration.
    pub liveness: LivenessV1,
}

/// Thresholds under which a detection does not count. Angles are in degrees.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(default)]
#[allow(
    missing_docs,
    reason = "each but the first is that of the second version's `Filtering`"
)]
pub struct FilteringV1 {
    /// Least detector score of faces and bodies.
    #[schema(default = 0.5187)]
    pub min_score: f32,
    #[schema(minimum = 0, maximum = 180)]
    pub detection_yaw_threshold: f32,
    #[schema(minimum = 0, maximum = 180)]
    pub detection_pitch_threshold: f32,
    #[schema(minimum = 0, maximum = 180)]
    pub detection_roll_threshold: f32,
    pub yaw_number: u32,
    pub yaw_collection_mode: bool,
    pub mouth_occlusion_threshold: f32,
    #[schema(minimum = 0)]
    pub min_body_size_threshold: f32,
}

impl Default for FilteringV1 {
    fn default() -> Self {
        Self::of(&Filtering::default())
    }
}

/// When and what to send.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(default)]
#[allow(
    missing_docs,
    reason = "each is that of the second version's `Sending` and its parts"
)]
pub struct SendingV1 {
    #[schema(value_type = i64, minimum = -1)]
    pub time_period_of_searching: SearchPeriod,
    #[schema(minimum = -1)]
    pub silent_period: i64,
    #[serde(rename = "type")]
    pub unit: PeriodUnit,
    pub number_of_bestshots_to_send: u32,
    pub send_only_full_set: bool,
    pub delete_track_after_sending: bool,
}

impl Default for SendingV1 {
    fn default() -> Self {
        Self::of(&Sending::default())
    }
}

/// Liveness filtration.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(default)]
#[allow(
    missing_docs,
    reason = "each but two is that of the second version's `LivenessSettings`"
)]
pub struct LivenessV1 {
    /// Without effect.
    pub use_shoulders_liveness_filtration: bool,
    pub use_mask_liveness_filtration: bool,
    pub use_flying_faces_liveness_filtration: bool,
    pub liveness_mode: u8,
    pub number_of_liveness_checks: u32,
    pub liveness_threshold: f32,
    /// Of the shoulders, which have no effect, and of the two filters.
    pub livenesses_weights: [f32; 3],
    pub mask_backgrounds_count: u32,
}

/// What only the first version says of a stream, kept to be shown again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FirstVersion {
    /// [`EventHandlerV1::origin`].
    pub origin: String,
    /// [`EventHandlerV1::api_version`].
    pub api_version: u16,
    /// [`EventHandlerV1::detection_handler`].
    pub detection_handler: Option<HandlerId>,
    /// [`LivenessV1::use_shoulders_liveness_filtration`].
    pub shoulders: bool,
    /// The first of [`LivenessV1::livenesses_weights`].
    pub shoulders_weight: f32,
}

impl Check for NewStreamV1 {
    fn check(&self) -> Result<(), Invalid> {
        bounds::text("event_handler.origin", &self.event_handler.origin, 512)?;
        let new: NewStream = self.clone().into();
        new.check().map_err(|wrong| Invalid {
            path: first_path(&wrong.path),
            ..wrong
        })
    }
}

/// Where the first version has what the second has at `path`.
fn first_path(path: &str) -> String {
    let Some(rest) = path.strip_prefix("data.") else {
        return path.to_owned();
    };
    match rest.strip_prefix("analytics.0.") {
        Some(rest) if rest.starts_with("droi") => format!("data.{rest}"),
        Some(rest) => format!("policies.{rest}"),
        None => path.to_owned(),
    }
}

impl From<NewStreamV1> for NewStream {
    fn from(new: NewStreamV1) -> Self {
        let NewStreamV1 {
            data,
            event_handler,
            policies,
            ..
        } = new;
        let first = FirstVersion {
            origin: event_handler.origin,
            api_version: event_handler.api_version,
            detection_handler: event_handler.detection_handler.map(|one| one.handler_id),
            shoulders: policies.liveness.use_shoulders_liveness_filtration,
            shoulders_weight: policies.liveness.livenesses_weights[0],
        };
        let mode = match event_handler.detection_handler {
            Some(_) => AnalyticsMode::Humans,
            None => AnalyticsMode::Faces,
        };
        let analytics = Analytics {
            enabled: true,
            mode,
            droi: data.droi,
            filtering: policies.filtering.second(),
            primary_track_policy: policies.primary_track_policy,
            sending: policies.sending.second(),
            event_handler: EventHandler {
                kind: EventHandlerKind::LunaHandler,
                handler_id: event_handler.bestshot_handler.handler_id,
                frame_store: event_handler.frame_store,
                authorization: event_handler.authorization,
            },
            healthcheck: policies.healthcheck,
            liveness: policies.liveness.second(),
        };
        Self {
            account_id: new.account_id,
            name: new.name,
            description: new.description,
            data: StreamData {
                kind: data.kind,
                reference: data.reference,
                analytics: vec![analytics],
                roi: data.roi,
                rotation: data.rotation,
                frame_processing_mode: policies.frame_processing_mode,
                real_time_mode_fps: policies.real_time_mode_fps,
                ffmpeg_threads_number: policies.ffmpeg_threads_number,
                preferred_program_stream_frame_width: data.preferred_program_stream_frame_width,
                endless: data.endless.unwrap_or(true),
                mask: data.mask,
            },
            location: new.location,
            autorestart: new.autorestart,
            status: new.status,
            group_name: new.group_name,
            group_id: new.group_id,
            first_version: Some(first),
        }
    }
}

impl FilteringV1 {
    fn second(self) -> Filtering {
        Filtering {
            min_score_face: self.min_score,
            min_score_body: self.min_score,
            detection_yaw_threshold: self.detection_yaw_threshold,
            detection_pitch_threshold: self.detection_pitch_threshold,
            detection_roll_threshold: self.detection_roll_threshold,
            yaw_number: self.yaw_number,
            yaw_collection_mode: self.yaw_collection_mode,
            mouth_occlusion_threshold: self.mouth_occlusion_threshold,
            min_body_size_threshold: self.min_body_size_threshold,
        }
    }

    fn of(second: &Filtering) -> Self {
        Self {
            min_score: second.min_score_face,
            detection_yaw_threshold: second.detection_yaw_threshold,
            detection_pitch_threshold: second.detection_pitch_threshold,
            detection_roll_threshold: second.detection_roll_threshold,
            yaw_number: second.yaw_number,
            yaw_collection_mode: second.yaw_collection_mode,
            mouth_occlusion_threshold: second.mouth_occlusion_threshold,
            min_body_size_threshold: second.min_body_size_threshold,
        }
    }
}

impl SendingV1 {
    fn second(self) -> Sending {
        Sending {
            body: BodySending {
                send_only_full_set: self.send_only_full_set,
                delete_track_after_sending: self.delete_track_after_sending,
            },
            bestshot_settings: BestshotSettings {
                part: PartSelection::FacesWithBodies,
                face_bestshots_to_send: self.number_of_bestshots_to_send,
                body_bestshots_to_send: self.number_of_bestshots_to_send,
            },
            full_frame_settings: PartSelection::FacesWithBodies,
            time_period_of_searching: self.time_period_of_searching,
            silent_period: self.silent_period,
            unit: self.unit,
        }
    }

    fn of(second: &Sending) -> Self {
        Self {
            time_period_of_searching: second.time_period_of_searching,
            silent_period: second.silent_period,
            unit: second.unit,
            number_of_bestshots_to_send: second.bestshot_settings.face_bestshots_to_send,
            send_only_full_set: second.body.send_only_full_set,
            delete_track_after_sending: second.body.delete_track_after_sending,
        }
    }
}

impl LivenessV1 {
    fn second(self) -> LivenessSettings {
        let [_, mask, flying_faces] = self.livenesses_weights;
        LivenessSettings {
            use_mask_liveness_filtration: self.use_mask_liveness_filtration,
            use_flying_faces_liveness_filtration: self.use_flying_faces_liveness_filtration,
            liveness_mode: self.liveness_mode,
            number_of_liveness_checks: self.number_of_liveness_checks,
            liveness_threshold: self.liveness_threshold,
            livenesses_weights: [mask, flying_faces],
            mask_backgrounds_count: self.mask_backgrounds_count,
        }
    }

    fn of(second: &LivenessSettings, first: Option<&FirstVersion>) -> Self {
        let [mask, flying_faces] = second.livenesses_weights;
        let shoulders = first.map_or(0.0, |first| first.shoulders_weight);
        Self {
            use_shoulders_liveness_filtration: first.is_some_and(|first| first.shoulders),
            use_mask_liveness_filtration: second.use_mask_liveness_filtration,
            use_flying_faces_liveness_filtration: second.use_flying_faces_liveness_filtration,
            liveness_mode: second.liveness_mode,
            number_of_liveness_checks: second.number_of_liveness_checks,
            liveness_threshold: second.liveness_threshold,
            livenesses_weights: [shoulders, mask, flying_faces],
            mask_backgrounds_count: second.mask_backgrounds_count,
        }
    }
}

mod view;
pub use view::{AccountAuthorization, EventHandlerView, StreamViewV1};
