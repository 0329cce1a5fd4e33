//! Events of agents as drafts.

use goshawk_coordinator_core::{
    code::LivenessCode,
    event::{EventEstimations, EventLiveness, FaceEstimations},
    handler::Handler,
    policy::FaceFacts,
    stream::StreamRecord,
};
use goshawk_proto::{
    event::{Event, FaceShot},
    id::{EventId, HandlerId},
    time::Timestamp,
};
use serde_json::Map;

use super::{
    draft::{BodyView, Draft, Shot},
    generate::EventDetails,
};

/// Name of a picture that was not given by name.
pub(super) const RAW_IMAGE: &str = "Raw image";

/// The handler that a stream's events go through: that of its first analysis that is on.
pub(super) fn handler_of(stream: &StreamRecord) -> Option<HandlerId> {
    let on = stream
        .data
        .analytics
        .iter()
        .find(|analytics| analytics.enabled);
    on.or(stream.data.analytics.first())
        .map(|analytics| analytics.event_handler.handler_id)
}

/// An agent's event as a draft.
pub(super) fn draft(event: Event, stream: &StreamRecord, handler: Handler) -> Draft {
    let has_image = event.full_frame.is_some();
    let verdict = event.liveness.verdict.into();
    let shots = event.faces.into_iter().enumerate();
    let shots = shots
        .map(|(index, shot)| face(shot, has_image && index == 0, verdict))
        .collect();
    let bodies = event
        .bodies
        .into_iter()
        .map(|b| BodyView {
            filename: RAW_IMAGE.into(),
            detect_time: b.detect_time,
            detect_ts: None,
            rect: Some(b.rect),
            warp: b.warp,
            attributes: Map::new(),
            image: None,
            reference: None,
        })
        .collect();
    let liveness = EventLiveness {
        prediction: verdict,
        score: event.liveness.score.map(|score| score.get()),
    };
    let source = if event.source.is_empty() {
        stream.name.clone()
    } else {
        event.source
    };
    Draft {
        event_id: event.event_id,
        account_id: stream.account_id,
        handler,
        details: EventDetails {
            external_id: String::new(),
            user_data: event.user_data.unwrap_or_default(),
            source: (!source.is_empty()).then_some(source),
            stream_id: Some(event.stream_id),
            track_id: Some(event.track_id.to_string()),
            tags: event.tags,
            location: event.location.unwrap_or_else(|| stream.location.clone()),
            meta: None,
            create_time: None,
            end_time: None,
            request_id: Some(request_id(event.decided_at, event.event_id)),
        },
        create_time: event.track_start,
        end_time: event.track_end.max(event.track_start),
        shots,
        given: None,
        bodies,
        images: event
            .full_frame
            .map(|jpeg| jpeg.bytes.into())
            .into_iter()
            .collect(),
        liveness: Some(liveness),
        estimated: EventEstimations::default(),
        version: None,
        extracted: false,
    }
}

/// A request id in the contract's form, `timestamp,uuid`, the same each time for one event.
fn request_id(at: Timestamp, event: EventId) -> String {
    format!(
        "{:010},{event}",
        (at.unix_micros() / 1_000_000).clamp(0, 9_999_999_999)
    )
}

fn face(shot: FaceShot, has_image: bool, liveness: LivenessCode) -> Shot {
    Shot {
        filename: RAW_IMAGE.into(),
        detect_time: shot.detect_time,
        detect_ts: None,
        rect: Some(shot.rect),
        landmarks: Some(shot.landmarks),
        head_pose: Some(shot.head_pose),
        quality: shot.quality,
        fitness: shot.shot_score.get(),
        warp: shot.warp,
        descriptor: shot.descriptor,
        basic: shot.attributes,
        image: has_image.then_some(0),
        reference: None,
        estimated: FaceEstimations::default(),
        states: FaceFacts {
            liveness: Some(liveness),
            ..FaceFacts::default()
        },
        body: None,
    }
}
