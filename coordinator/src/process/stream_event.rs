//! Events of agents as drafts.

use goshawk_coordinator_core::{
    code::LivenessCode,
    event::{EventEstimations, EventLiveness, FaceEstimations},
    handler::Handler,
    policy::FaceFacts,
    stream::StreamRecord,
};
use goshawk_proto::{
    event::{BodyShot, Event, FaceShot},
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

/// The handler of the analysis that made an event. An event of an analysis that an update has
/// removed since goes through the handler of the first one that is on.
pub(super) fn handler_of(stream: &StreamRecord, analysis: u16) -> Option<HandlerId> {
    let all = &stream.data.analytics;
    let own = all.get(usize::from(analysis)).filter(|one| one.enabled);
    own.or_else(|| all.iter().find(|one| one.enabled))
        .or(all.first())
        .map(|analytics| analytics.event_handler.handler_id)
}

/// An agent's event as a draft.
pub(super) fn draft(event: Event, stream: &StreamRecord, handler: Handler) -> Draft {
    let verdict = event.liveness.verdict.into();
    let frames = Frames::of(&event);
    let mut bodies: Vec<(u64, BodyView)> = event
        .bodies
        .into_iter()
        .enumerate()
        .map(|(index, shot)| (shot.frame_number, body(shot, frames.body(index))))
        .collect();
    let shots = event.faces.into_iter().enumerate();
    let shots = shots
        .map(|(index, shot)| {
            let same = bodies
                .iter()
                .position(|(frame, _)| *frame == shot.frame_number);
            let body = same.map(|at| bodies.remove(at).1);
            Shot {
                body,
                ..face(shot, frames.face(index), verdict)
            }
        })
        .collect();
    let bodies = bodies.into_iter().map(|(_, view)| view).collect();
    let images = [event.full_frame, event.body_frame];
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
        images: images
            .into_iter()
            .flatten()
            .map(|jpeg| jpeg.bytes.into())
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

/// Which of an event's images shows its best face and its best body.
struct Frames {
    face: Option<usize>,
    body: Option<usize>,
}

impl Frames {
    fn of(event: &Event) -> Self {
        let first = event.full_frame.is_some().then_some(0);
        let second = event.body_frame.is_some();
        let shared = match (event.faces.first(), event.bodies.first()) {
            (Some(face), Some(body)) => face.frame_number == body.frame_number,
            (None, _) => true,
            _ => false,
        };
        Self {
            face: first.filter(|_| !event.faces.is_empty()),
            body: if second {
                Some(usize::from(first.is_some()))
            } else {
                first.filter(|_| shared)
            },
        }
    }

    /// The image of the n-th best face shot.
    fn face(&self, index: usize) -> Option<usize> {
        self.face.filter(|_| index == 0)
    }

    /// The image of the n-th best body shot.
    fn body(&self, index: usize) -> Option<usize> {
        self.body.filter(|_| index == 0)
    }
}

fn body(shot: BodyShot, image: Option<usize>) -> BodyView {
    BodyView {
        filename: RAW_IMAGE.into(),
        detect_time: shot.detect_time,
        detect_ts: None,
        rect: Some(shot.rect),
        warp: shot.warp,
        attributes: Map::new(),
        image,
        reference: None,
    }
}

fn face(shot: FaceShot, image: Option<usize>, liveness: LivenessCode) -> Shot {
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
        image,
        reference: None,
        estimated: FaceEstimations::default(),
        states: FaceFacts {
            liveness: Some(liveness),
            ..FaceFacts::default()
        },
        body: None,
    }
}

#[cfg(test)]
mod tests {
    use goshawk_coordinator_core::stream::NewStream;
    use goshawk_proto::{
        event::{Jpeg, ShotReason},
        geometry::{Rect, Size},
        id::StreamId,
        score::Score,
    };
    use serde_json::json;
    use uuid::Uuid;

    use super::{
        super::tests::world::{agent_event, handler},
        *,
    };

    fn stream() -> StreamRecord {
        let handler = |n: u128| json!({"handler_id": HandlerId(Uuid::from_u128(n))});
        let new: NewStream = serde_json::from_value(json!({
            "account_id": goshawk_proto::id::AccountId(Uuid::from_u128(1)),
            "data": {"type": "tcp", "reference": "rtsp://cam/1", "analytics": [
                {"event_handler": handler(10), "enabled": false},
                {"event_handler": handler(11)},
                {"event_handler": handler(12)},
            ]},
        }))
        .unwrap();
        let made = Timestamp::from_unix_micros(0);
        StreamRecord::new(StreamId::random(), new, made)
    }

    fn body_of(frame_number: u64) -> BodyShot {
        BodyShot {
            detect_time: Timestamp::from_unix_micros(1),
            frame_number,
            rect: Rect {
                x: 0,
                y: 0,
                width: 50,
                height: 150,
            },
            score: Score::ONE,
            shot_score: Score::ONE,
            reason: ShotReason::First,
            warp: None,
            source_time: None,
            descriptor: None,
        }
    }

    fn jpeg(byte: u8) -> Jpeg {
        Jpeg {
            size: Size::new(2, 2),
            bytes: vec![byte],
        }
    }

    #[test]
    fn each_analysis_has_its_own_handler() {
        let stream = stream();
        let number = |analysis| handler_of(&stream, analysis).unwrap().0.as_u128();
        assert_eq!([number(1), number(2)], [11, 12]);
        assert_eq!(number(0), 11, "it is off since: the first that is on");
        assert_eq!(number(9), 11, "it is gone since");
    }

    #[test]
    fn a_face_and_a_body_of_one_frame_are_one_detection() {
        let mut event = agent_event(1, 1);
        let frame = event.faces[0].frame_number;
        event.bodies = vec![body_of(frame + 5), body_of(frame)];
        event.full_frame = Some(jpeg(1));
        event.body_frame = Some(jpeg(2));
        let draft = draft(event, &stream(), handler(json!({})));
        let shot = &draft.shots[0];
        assert!(shot.body.is_some());
        assert_eq!(shot.image, Some(0));
        assert_eq!(draft.bodies.len(), 1);
        assert_eq!(
            draft.bodies[0].image,
            Some(1),
            "the best body has a frame of its own"
        );
        assert_eq!(draft.images.len(), 2);
    }

    #[test]
    fn a_body_alone_has_the_one_frame() {
        let mut event = agent_event(1, 1);
        event.faces.clear();
        event.bodies = vec![body_of(3), body_of(4)];
        let draft = draft(event, &stream(), handler(json!({})));
        assert!(!draft.has_face());
        let images: Vec<_> = draft.bodies.iter().map(|body| body.image).collect();
        assert_eq!(images, [Some(0), None]);
    }

    #[test]
    fn a_frame_of_the_face_is_not_the_bodys() {
        let mut event = agent_event(1, 1);
        event.bodies = vec![body_of(event.faces[0].frame_number + 1)];
        let draft = draft(event, &stream(), handler(json!({})));
        assert_eq!(draft.bodies[0].image, None);
        assert_eq!(draft.shots[0].image, Some(0));
    }
}
