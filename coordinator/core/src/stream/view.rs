//! Streams as clients see them.

use std::marker::PhantomData;

use goshawk_proto::{
    id::{AccountId, StreamId},
    stream::{self as proto, GeoPosition, Location, Region, SourceKind, StreamData, StreamStatus},
    time::Timestamp,
};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::{
    __dev::ComposeSchema,
    ToSchema,
    openapi::{RefOr, Schema},
};

use super::{RestartStatus, StreamRecord, mask_credentials};
use crate::{
    code::Flag,
    formats::{LongDescription, Slug, Text, UriReference, Whole, document},
};

/// A stream.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct StreamView {
    /// Its id.
    pub stream_id: StreamId,
    /// Who it belongs to.
    pub account_id: AccountId,
    /// Name; the source of every event.
    #[schema(value_type = Text<0, 128>, default = "")]
    pub name: String,
    /// Free text.
    #[schema(value_type = LongDescription, default = "")]
    pub description: String,
    /// The source and what is done with it; passwords are hidden.
    pub data: DataView,
    /// Where the camera is.
    pub location: LocationView,
    /// Restarting after a fatal failure.
    pub autorestart: RestartView,
    /// Rises with every change of `data`.
    #[schema(minimum = 1)]
    pub version: u64,
    /// When it was made.
    pub create_time: Timestamp,
    /// How it fares.
    pub status: StreamStatus,
    /// Why it failed.
    #[schema(required)]
    pub last_error: Option<String>,
    /// What is known of the video.
    #[schema(required)]
    pub video_info: Option<VideoInfo>,
    /// Names of the groups it is in.
    #[schema(value_type = Vec<Slug<128>>)]
    pub groups: Vec<String>,
    /// Where to look at it.
    #[schema(required)]
    pub preview: Option<Preview>,
}

/// Where a camera is.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[allow(
    missing_docs,
    reason = "the fields' names are the contract's and say it all"
)]
pub struct LocationView {
    #[schema(required, max_length = 36)]
    pub city: Option<String>,
    #[schema(required, max_length = 36)]
    pub area: Option<String>,
    #[schema(required, max_length = 36)]
    pub district: Option<String>,
    #[schema(required, max_length = 36)]
    pub street: Option<String>,
    #[schema(required, max_length = 36)]
    pub house_number: Option<String>,
    #[schema(required)]
    pub geo_position: Option<GeoPosition>,
}

/// Restarting after a fatal failure, and how it fares.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct RestartView {
    /// Whether it is on.
    #[schema(default = 0)]
    pub restart: Flag,
    /// How many times.
    #[schema(minimum = 1, default = 10)]
    pub attempt_count: u32,
    /// Seconds between attempts.
    #[schema(minimum = 1, default = 60)]
    pub delay: u32,
    /// Attempts so far.
    #[schema(required, value_type = Option<Whole<0, { i64::MAX }>>)]
    pub current_attempt: Option<u32>,
    /// When the last attempt was made.
    #[schema(required)]
    pub last_attempt_time: Option<Timestamp>,
    /// How it fares.
    pub status: RestartStatus,
}

/// What is known of a video.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct VideoInfo {
    /// Bits a second.
    pub bit_rate: i64,
    /// Frames a second.
    pub frame_rate: i64,
    /// Frames from one key frame to the next.
    pub gop_size: i64,
    /// Pixels.
    pub width: i64,
    /// Pixels.
    pub height: i64,
    /// When it began.
    pub start_time: Timestamp,
    /// Seconds, of a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, nullable = false)]
    pub duration: Option<f64>,
    /// How much of a file is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1, nullable = false)]
    pub progress: Option<f64>,
}

/// Where to look at a stream.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct Preview {
    /// The last frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub last_frame: Option<PreviewAddress>,
    /// Moving pictures.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub live: Option<PreviewAddress>,
}

/// An address of a preview.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PreviewAddress {
    /// The address.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = UriReference<256>, required = false)]
    pub url: Option<String>,
}

/// A `T` with all of its fields, also those that a body may leave out.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Filled<T>(Value, PhantomData<fn() -> T>);

/// [`StreamData`] with all of its fields, without secrets.
pub type DataView = Filled<StreamData>;

/// A region that leaves nothing out, as the contract writes it.
pub(super) const WHOLE: Region = Region::Abs {
    x: 0,
    y: 0,
    width: 0,
    height: 0,
};

/// Fields of the data that only some kinds of source have.
const SOMETIMES: &[&str] = &["endless", "mask", "timeout", "mode"];

impl<T: Serialize> Filled<T> {
    /// `value`, which must have all of its fields.
    pub(super) fn new(value: &T) -> Self {
        let mut value = json!(value);
        let healthcheck = value.get_mut("healthcheck");
        if let Some(healthcheck) = healthcheck.and_then(Value::as_object_mut) {
            // The one field that is absent rather than null.
            healthcheck.retain(|name, value| name != "timeout" || !value.is_null());
        }
        Self(value, PhantomData)
    }
}

impl<T: ToSchema + ComposeSchema> ComposeSchema for Filled<T> {
    fn compose(_: Vec<RefOr<Schema>>) -> RefOr<Schema> {
        document::filled(T::compose(Vec::new()), SOMETIMES)
    }
}

impl<T: ToSchema + ComposeSchema> ToSchema for Filled<T> {
    fn name() -> std::borrow::Cow<'static, str> {
        document::filled_name(&T::name()).into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        document::register_filled::<T>(schemas, SOMETIMES);
    }
}

impl StreamView {
    /// What a client sees of `stream`.
    pub fn of(stream: &StreamRecord) -> Self {
        let state = &stream.state;
        Self {
            stream_id: stream.stream_id,
            account_id: stream.account_id,
            name: stream.name.clone(),
            description: stream.description.clone(),
            data: DataView::of(&stream.data, stream.account_id),
            location: LocationView::of(&stream.location),
            autorestart: RestartView {
                restart: Flag(stream.autorestart.restart == 1),
                attempt_count: stream.autorestart.attempt_count,
                delay: stream.autorestart.delay,
                current_attempt: Some(state.restart_attempt),
                last_attempt_time: state.last_attempt_time,
                status: state.restart_status,
            },
            version: stream.version,
            create_time: stream.create_time,
            status: state.status,
            last_error: state.last_error.clone(),
            video_info: state.video.map(VideoInfo::of),
            groups: Vec::new(),
            preview: None,
        }
    }

    /// With what is known of the video right now.
    pub fn with_video(mut self, video: Option<proto::VideoInfo>) -> Self {
        if let Some(video) = video {
            self.video_info = Some(VideoInfo::of(video));
        }
        self
    }

    /// With the names of its groups.
    pub fn with_groups(mut self, names: Vec<String>) -> Self {
        self.groups = names;
        self
    }

    /// With the addresses of its pictures.
    pub fn with_preview(mut self, preview: Preview) -> Self {
        self.preview = Some(preview);
        self
    }
}

impl VideoInfo {
    /// In the contract's whole numbers; 0 stands for what is not known.
    pub(super) fn of(video: proto::VideoInfo) -> Self {
        Self {
            bit_rate: video
                .bit_rate
                .map_or(0, |rate| rate.try_into().unwrap_or(i64::MAX)),
            frame_rate: video.frame_rate.map_or(0, |rate| rate.round() as i64),
            gop_size: video.gop_size.map_or(0, i64::from),
            width: video.size.width.into(),
            height: video.size.height.into(),
            start_time: video.start_time,
            duration: video.duration,
            progress: video.progress.map(|share| share.clamp(0.0, 1.0)),
        }
    }
}

impl Preview {
    /// Both kinds, below `stream`'s own address.
    pub fn below(stream: &str) -> Self {
        let at = |kind: &str| {
            Some(PreviewAddress {
                url: Some(format!("{stream}/preview/handler/{kind}")),
            })
        };
        Self {
            last_frame: at("frame"),
            live: at("live"),
        }
    }
}

impl LocationView {
    fn of(location: &Location) -> Self {
        let location = location.clone();
        Self {
            city: location.city,
            area: location.area,
            district: location.district,
            street: location.street,
            house_number: location.house_number,
            geo_position: location.geo_position,
        }
    }
}

impl DataView {
    fn of(data: &StreamData, account: AccountId) -> Self {
        let whole = json!(WHOLE);
        let mut view = json!(data);
        view["reference"] = json!(mask_credentials(&data.reference));
        if view["roi"].is_null() {
            view["roi"] = whole.clone();
        }
        for one in view["analytics"].as_array_mut().into_iter().flatten() {
            if one["droi"].is_null() {
                one["droi"] = whole.clone();
            }
            // Events are stored under the stream's own account, whatever token came along.
            one["event_handler"]["authorization"] = json!({"account_id": account});
            if one["healthcheck"]["timeout"].is_null()
                && let Some(healthcheck) = one["healthcheck"].as_object_mut()
            {
                healthcheck.remove("timeout");
            }
        }
        if let Some(fields) = view.as_object_mut() {
            let live = matches!(data.kind, SourceKind::Tcp | SourceKind::Udp);
            let folder = data.kind == SourceKind::Images;
            fields.retain(|name, _| match name.as_str() {
                "endless" => live,
                "mask" => folder,
                _ => true,
            });
        }
        Self(view, PhantomData)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_has_every_field_of_its_schema() {
        let stream = crate::testing::stream(1, "rtsp://cam/1");
        let view = json!(StreamView::of(&stream));
        let schema = json!(<StreamView as utoipa::PartialSchema>::schema());
        for name in schema["required"].as_array().unwrap() {
            assert!(view.get(name.as_str().unwrap()).is_some(), "{name}");
        }
        let data = json!(<DataView as utoipa::PartialSchema>::schema());
        for name in data["required"].as_array().unwrap() {
            assert!(view["data"].get(name.as_str().unwrap()).is_some(), "{name}");
        }
        assert_eq!(view["data"].get("mask"), None);
        assert_eq!(view["data"]["roi"]["mode"], "abs");
    }
}
