//! Streams as clients of the first version see them.

use super::*;
use crate::stream::mask_credentials;

/// A stream in the first version's shape.
#[derive(Serialize, ToSchema)]
pub struct StreamViewV1 {
    /// Its id.
    pub stream_id: StreamId,
    /// Who it belongs to.
    pub account_id: AccountId,
    /// Name; the source of every event.
    #[schema(value_type = Text<0, 128>, default = "")]
    pub name: String,
    /// Free text.
    #[schema(value_type = Text<0, 512>, default = "")]
    pub description: String,
    /// The source; passwords are hidden.
    pub data: Filled<DataV1>,
    /// Where events go.
    pub event_handler: EventHandlerView,
    /// What is done with the frames.
    pub policies: Filled<PoliciesV1>,
    /// Where the camera is.
    pub location: LocationView,
    /// Restarting after a fatal failure.
    pub autorestart: RestartView,
    /// Rises with every change of the stream.
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

/// Where events go; the authorisation is the stream's account.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct EventHandlerView {
    /// Address of the platform, as it was given.
    pub origin: String,
    /// Version of its API, as it was given.
    pub api_version: u16,
    /// The handler whose policies events go through.
    pub bestshot_handler: HandlerRef,
    /// The handler for bodies, as it was given.
    pub detection_handler: Option<HandlerRef>,
    /// Address of a foreign image store, as it was given.
    pub frame_store: Option<String>,
    /// Whom events belong to.
    pub authorization: AccountAuthorization,
}

/// An account whose events they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct AccountAuthorization {
    /// The account.
    pub account_id: AccountId,
}

/// The version of the API that is shown of a stream that was not made in the first version.
const API_VERSION: u16 = 6;

impl StreamViewV1 {
    /// What a client of the first version sees of `stream`, of which one of the second sees
    /// `view`. `None` for a stream without an analysis, which cannot be made.
    pub fn of(stream: &StreamRecord, view: StreamView) -> Option<Self> {
        let data = &stream.data;
        let all = &data.analytics;
        let shown = all.iter().find(|one| one.enabled).or(all.first())?;
        Some(Self {
            stream_id: view.stream_id,
            account_id: view.account_id,
            name: view.name,
            description: view.description,
            data: Filled::new(&source(data, shown)),
            event_handler: handler(stream, shown),
            policies: Filled::new(&policies(data, shown, stream.first_version.as_ref())),
            location: view.location,
            autorestart: view.autorestart,
            version: view.version,
            create_time: view.create_time,
            status: view.status,
            last_error: view.last_error,
            video_info: view.video_info,
            groups: view.groups,
            preview: view.preview.map(|_| {
                let below = format!("/1/streams/{}", view.stream_id);
                Preview::below(&below)
            }),
        })
    }
}

fn source(data: &StreamData, shown: &Analytics) -> DataV1 {
    let live = matches!(data.kind, SourceKind::Tcp | SourceKind::Udp);
    let folder = data.kind == SourceKind::Images;
    DataV1 {
        kind: data.kind,
        reference: mask_credentials(&data.reference),
        roi: data.roi.or(Some(WHOLE)),
        droi: shown.droi.or(Some(WHOLE)),
        rotation: data.rotation,
        preferred_program_stream_frame_width: data.preferred_program_stream_frame_width,
        endless: live.then_some(data.endless),
        mask: data.mask.clone().filter(|_| folder),
    }
}

fn handler(stream: &StreamRecord, shown: &Analytics) -> EventHandlerView {
    let first = stream.first_version.as_ref();
    EventHandlerView {
        origin: first.map(|first| first.origin.clone()).unwrap_or_default(),
        api_version: first.map_or(API_VERSION, |first| first.api_version),
        bestshot_handler: HandlerRef {
            handler_id: shown.event_handler.handler_id,
        },
        detection_handler: first
            .and_then(|first| first.detection_handler)
            .map(|handler_id| HandlerRef { handler_id }),
        frame_store: shown.event_handler.frame_store.clone(),
        authorization: AccountAuthorization {
            account_id: stream.account_id,
        },
    }
}

fn policies(data: &StreamData, shown: &Analytics, first: Option<&FirstVersion>) -> PoliciesV1 {
    PoliciesV1 {
        frame_processing_mode: data.frame_processing_mode,
        real_time_mode_fps: data.real_time_mode_fps,
        ffmpeg_threads_number: data.ffmpeg_threads_number,
        filtering: FilteringV1::of(&shown.filtering),
        primary_track_policy: shown.primary_track_policy,
        sending: SendingV1::of(&shown.sending),
        healthcheck: shown.healthcheck,
        liveness: LivenessV1::of(&shown.liveness, first),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::stream::NewStream;

    fn given() -> serde_json::Value {
        json!({
            "account_id": "7acc35cf-a3b2-4f87-8d8b-5496a2782d37",
            "name": "gate",
            "data": {
                "type": "tcp",
                "reference": "rtsp://root:hush@10.0.0.1/live",
                "roi": {"mode": "percent", "x": 0.0, "y": 0.0, "width": 50.0, "height": 50.0},
                "droi": [1, 2, 3, 4],
                "rotation": 90,
                "endless": false,
            },
            "event_handler": {
                "origin": "http://10.0.0.2:5000",
                "api_version": 6,
                "bestshot_handler": {"handler_id": "7acc35cf-a3b2-4f87-8d8b-5496a2782d38"},
                "authorization": {"token": "head.pay.sig"},
            },
            "policies": {
                "frame_processing_mode": "scale",
                "real_time_mode_fps": 7,
                "ffmpeg_threads_number": 2,
                "filtering": {"min_score": 0.625, "yaw_number": 5, "yaw_collection_mode": true,
                              "mouth_occlusion_threshold": 0.5, "min_body_size_threshold": 40.0,
                              "detection_yaw_threshold": 20.0},
                "primary_track_policy": {"use_primary_track_policy": true},
                "sending": {"time_period_of_searching": 3, "silent_period": 4, "type": "frames",
                            "number_of_bestshots_to_send": 2, "send_only_full_set": false,
                            "delete_track_after_sending": true},
                "healthcheck": {"max_error_count": 1, "period": 2, "retry_delay": 3, "timeout": 4},
                "liveness": {"use_mask_liveness_filtration": true, "liveness_mode": 2,
                             "number_of_liveness_checks": 6, "liveness_threshold": 0.25,
                             "livenesses_weights": [0.125, 0.25, 0.5],
                             "mask_backgrounds_count": 9},
            },
        })
    }

    fn record(given: serde_json::Value) -> StreamRecord {
        let new: NewStreamV1 = serde_json::from_value(given).unwrap();
        new.check().unwrap();
        let made = Timestamp::from_unix_micros(0);
        StreamRecord::new(StreamId::random(), NewStream::from(new), made)
    }

    #[test]
    fn what_was_given_is_shown_and_the_second_version_says_the_same() {
        let given = given();
        let stream = record(given.clone());
        let view = StreamViewV1::of(&stream, StreamView::of(&stream)).unwrap();
        let shown = json!(view);
        for part in ["filtering", "sending", "healthcheck", "liveness"] {
            for (name, value) in given["policies"][part].as_object().unwrap() {
                assert_eq!(&shown["policies"][part][name], value, "{part}.{name}");
            }
        }
        assert_eq!(shown["data"]["reference"], "rtsp://***@10.0.0.1/live");
        assert_eq!(shown["data"]["roi"], given["data"]["roi"]);
        assert_eq!(shown["data"]["droi"]["width"], 3);
        assert_eq!(shown["data"]["endless"], false);
        assert_eq!(shown["event_handler"]["origin"], "http://10.0.0.2:5000");
        assert!(!shown.to_string().contains("pay"), "no token is shown");

        let second = &stream.data.analytics[0];
        assert_eq!(second.mode, AnalyticsMode::Faces);
        assert_eq!(second.liveness.livenesses_weights, [0.25, 0.5]);
        assert_eq!(second.sending.bestshot_settings.face_bestshots_to_send, 2);
        assert_eq!(second.filtering.min_score_body, 0.625);
        assert_eq!(stream.data.real_time_mode_fps, 7);
        assert!(second.droi.is_some() && stream.data.roi.is_some());
    }

    #[test]
    fn a_handler_for_bodies_makes_the_stream_look_for_them() {
        let mut given = given();
        given["event_handler"]["detection_handler"] =
            json!({"handler_id": "7acc35cf-a3b2-4f87-8d8b-5496a2782d39"});
        let stream = record(given);
        assert_eq!(stream.data.analytics[0].mode, AnalyticsMode::Humans);
        let view = json!(StreamViewV1::of(&stream, StreamView::of(&stream)).unwrap());
        assert_eq!(
            view["event_handler"]["detection_handler"]["handler_id"],
            "7acc35cf-a3b2-4f87-8d8b-5496a2782d39"
        );
    }

    #[test]
    fn mistakes_are_named_where_the_first_version_has_them() {
        for (pointer, value, path) in [
            (
                "/policies/filtering/detection_yaw_threshold",
                json!(181),
                "policies.filtering.detection_yaw_threshold",
            ),
            (
                "/policies/liveness/liveness_mode",
                json!(3),
                "policies.liveness.liveness_mode",
            ),
            ("/data/droi", json!([1, 2, 3, 70000]), "data.droi.height"),
            ("/data/rotation", json!(45), "data.rotation"),
        ] {
            let mut given = given();
            *given.pointer_mut(pointer).unwrap() = value;
            let new: NewStreamV1 = serde_json::from_value(given).unwrap();
            assert_eq!(new.check().unwrap_err().path, path);
        }
    }
}
