//! Events as lines of JSON, for people and scripts.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use goshawk_proto::{
    detection::{BasicAttributes, FaceQuality, HeadPose, Liveness},
    event::{BodyShot, Event, FaceShot, SendReason},
    geometry::Rect,
    score::Score,
    time::Timestamp,
};
use serde::Serialize;

/// One event as a line of output.
#[derive(Serialize)]
pub(super) struct EventLine<'a> {
    r#type: &'static str,
    event_id: String,
    track_id: String,
    track_start: Timestamp,
    track_end: Timestamp,
    reason: SendReason,
    liveness: &'a Liveness,
    full_frame_bytes: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_frame_bytes: Option<usize>,
    faces: Vec<FaceLine>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    bodies: Vec<BodyLine>,
}

#[derive(Serialize)]
struct FaceLine {
    detect_time: Timestamp,
    frame_number: u64,
    rect: Rect,
    score: Score,
    head_pose: HeadPose,
    quality: FaceQuality,
    shot_score: Score,
    attributes: Option<BasicAttributes>,
    warp_bytes: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    descriptor: Option<Descriptor>,
}

#[derive(Serialize)]
struct BodyLine {
    detect_time: Timestamp,
    frame_number: u64,
    rect: Rect,
    score: Score,
    shot_score: Score,
    warp_bytes: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    descriptor: Option<Descriptor>,
}

#[derive(Serialize)]
struct Descriptor {
    version: u32,
    base64: String,
}

impl<'a> EventLine<'a> {
    pub(super) fn of(event: &'a Event, descriptors: bool) -> Self {
        let faces = event.faces.iter();
        let bodies = event.bodies.iter();
        Self {
            r#type: "event",
            event_id: event.event_id.to_string(),
            track_id: event.track_id.to_string(),
            track_start: event.track_start,
            track_end: event.track_end,
            reason: event.reason,
            liveness: &event.liveness,
            full_frame_bytes: event.full_frame.as_ref().map(|frame| frame.bytes.len()),
            body_frame_bytes: event.body_frame.as_ref().map(|frame| frame.bytes.len()),
            faces: faces.map(|face| face_line(face, descriptors)).collect(),
            bodies: bodies.map(|body| body_line(body, descriptors)).collect(),
        }
    }
}

fn face_line(face: &FaceShot, descriptors: bool) -> FaceLine {
    FaceLine {
        detect_time: face.detect_time,
        frame_number: face.frame_number,
        rect: face.rect,
        score: face.score,
        head_pose: face.head_pose,
        quality: face.quality,
        shot_score: face.shot_score,
        attributes: face.attributes,
        warp_bytes: face.warp.as_ref().map_or(0, |warp| warp.bytes.len()),
        descriptor: face
            .descriptor
            .as_ref()
            .filter(|_| descriptors)
            .map(written),
    }
}

fn body_line(body: &BodyShot, descriptors: bool) -> BodyLine {
    BodyLine {
        detect_time: body.detect_time,
        frame_number: body.frame_number,
        rect: body.rect,
        score: body.score,
        shot_score: body.shot_score,
        warp_bytes: body.warp.as_ref().map_or(0, |warp| warp.bytes.len()),
        descriptor: body
            .descriptor
            .as_ref()
            .filter(|_| descriptors)
            .map(written),
    }
}

fn written(descriptor: &goshawk_proto::descriptor::Descriptor) -> Descriptor {
    Descriptor {
        version: descriptor.version().0,
        base64: BASE64.encode(descriptor.as_le_bytes()),
    }
}
