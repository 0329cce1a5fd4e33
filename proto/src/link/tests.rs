//! Messages of all kinds: there and back, from strangers, and from other versions.

use proptest::{collection::vec, option, prelude::*};
use serde::Serialize;
use serde_bytes::ByteBuf;

use super::{
    control::{AgentMessage, CoordinatorMessage, Refused},
    enrol::{Enrol, EnrolMessage, EnrolRefusal, EnrolRefused, EnrolReply, Enrolled},
    *,
};
use crate::{
    id::{EventId, JoinTokenId, StreamId},
    stream::{FailureKind, StreamStatus},
    time::Timestamp,
};

fn uuid() -> impl Strategy<Value = uuid::Uuid> {
    any::<u128>().prop_map(uuid::Uuid::from_u128)
}

fn moment() -> impl Strategy<Value = Timestamp> {
    any::<i64>().prop_map(Timestamp::from_unix_micros)
}

fn hello() -> impl Strategy<Value = Hello> {
    (
        any::<(u16, u16, u64)>(),
        ".*",
        ".*",
        vec(".*", 0..5),
        moment(),
    )
        .prop_map(
            |((min, max, records), agent_version, name, capabilities, clock)| Hello {
                versions: VersionRange { min, max },
                agent_version,
                name,
                capabilities,
                clock,
                outbox: OutboxFeedback {
                    records,
                    ..OutboxFeedback::default()
                },
            },
        )
}

fn stream() -> impl Strategy<Value = StreamFeedback> {
    (
        uuid(),
        any::<(u64, u64, u64)>(),
        option::of(".*"),
        option::of(moment()),
        0.0f32..1e6,
    )
        .prop_map(
            |(id, (version, frames, events), error, last_frame_at, fps)| StreamFeedback {
                stream_id: StreamId(id),
                version,
                status: if frames % 2 == 0 {
                    StreamStatus::InProgress
                } else {
                    StreamStatus::Failure
                },
                failure: error.as_ref().map(|_| FailureKind::Stalled),
                error,
                counters: StreamCounters {
                    frames,
                    events,
                    fps,
                    ..StreamCounters::default()
                },
                last_frame_at,
                video: None,
            },
        )
}

fn feedback() -> impl Strategy<Value = Feedback> {
    (moment(), any::<u64>(), vec(stream(), 0..4)).prop_map(|(at, assignments_revision, streams)| {
        Feedback {
            at,
            assignments_revision,
            streams,
            outbox: OutboxFeedback::default(),
        }
    })
}

fn reply() -> impl Strategy<Value = PushReply> {
    (uuid().prop_map(EventId), any::<(u8, bool, u64)>(), ".*").prop_map(
        |(event_id, (which, duplicate, after_ms), reason)| match which % 3 {
            0 => PushReply::Ack(Ack {
                event_id,
                duplicate,
            }),
            1 => PushReply::Retry(Retry {
                event_id,
                after_ms,
                reason,
            }),
            _ => PushReply::Reject(Reject { event_id, reason }),
        },
    )
}

/// What a reader makes of whole frames.
macro_rules! there_and_back {
    ($message:expr, $kind:ident) => {{
        let message = $message;
        let bytes = message.encode().unwrap();
        let mut reader = FrameReader::new($kind::LIMIT);
        reader.push(&bytes);
        let frame = reader.next_frame().unwrap().expect("a whole frame");
        prop_assert!(reader.is_empty());
        prop_assert_eq!($kind::decode(&frame).unwrap(), message);
    }};
}

proptest! {
    #[test]
    fn messages_come_back_as_they_went(
        hello in hello(), feedback in feedback(), reply in reply(), id in uuid(),
        numbers: (u32, u64, u16), text in ".*", blob in vec(any::<u8>(), 0..2_000),
        secret: [u8; 32], at in moment(),
    ) {
        let window = Window { events: numbers.0, bytes: numbers.1 };
        there_and_back!(AgentMessage::Hello(hello), AgentMessage);
        there_and_back!(AgentMessage::Feedback(feedback), AgentMessage);
        there_and_back!(reply, PushReply);
        there_and_back!(
            PushMessage::Push(PushHead { event_id: EventId(id), bytes: numbers.0 }), PushMessage
        );
        there_and_back!(CoordinatorMessage::Window(window), CoordinatorMessage);
        there_and_back!(CoordinatorMessage::Welcome(Welcome {
            version: numbers.2, agent_id: id.into(), coordinator_version: text.clone(), clock: at,
            window,
        }), CoordinatorMessage);
        there_and_back!(CoordinatorMessage::Refused(Refused { reason: text.clone() }), CoordinatorMessage);
        there_and_back!(EnrolMessage::Enrol(Enrol {
            token_id: JoinTokenId(id), secret: JoinSecret::new(secret),
            csr: ByteBuf::from(blob.clone()), name: text.clone(), agent_version: String::new(),
        }), EnrolMessage);
        there_and_back!(EnrolReply::Enrolled(Enrolled {
            agent_id: id.into(), certificate: ByteBuf::from(blob.clone()), ca: ByteBuf::from(blob),
        }), EnrolReply);
        there_and_back!(EnrolReply::Refused(EnrolRefused {
            code: EnrolRefusal::UsedToken, reason: text,
        }), EnrolReply);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in vec(any::<u8>(), 0..600)) {
        decode_all(&bytes);
        let mut reader = FrameReader::new(400);
        reader.push(&bytes);
        while let Ok(Some(frame)) = reader.next_frame() {
            decode_all(&frame);
        }
    }

    #[test]
    fn arbitrary_bodies_of_known_kinds_never_panic(
        kind in prop::sample::select(vec![
            "hello", "feedback", "welcome", "refused", "assignments", "configuration", "window",
            "push", "ack", "retry", "reject", "enrol", "enrolled",
        ]),
        body in vec(any::<u8>(), 0..300),
    ) {
        decode_all(&envelope(kind, &body));
    }

    #[test]
    fn damaged_messages_never_panic(hello in hello(), at: prop::sample::Index, byte: u8) {
        let mut bytes = AgentMessage::Hello(hello).encode().unwrap().to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        decode_all(&bytes[4..]);
        decode_all(&bytes[4..at.max(4)]);
    }
}

fn decode_all(frame: &[u8]) {
    let _ = AgentMessage::decode(frame);
    let _ = CoordinatorMessage::decode(frame);
    let _ = PushMessage::decode(frame);
    let _ = PushReply::decode(frame);
    let _ = EnrolMessage::decode(frame);
    let _ = EnrolReply::decode(frame);
}

fn envelope(kind: &str, body: &[u8]) -> Vec<u8> {
    #[derive(Serialize)]
    struct Envelope<'a> {
        kind: &'a str,
        #[serde(with = "serde_bytes")]
        body: &'a [u8],
        newer: u8,
    }
    rmp_serde::to_vec_named(&Envelope {
        kind,
        body,
        newer: 1,
    })
    .unwrap()
}

fn newer(kind: &str, body: serde_json::Value) -> Vec<u8> {
    envelope(kind, &rmp_serde::to_vec_named(&body).unwrap())
}

#[test]
fn unknown_kinds_are_named_and_not_errors() {
    let frame = envelope("teleport", &[0xc1, 0xff]);
    assert_eq!(
        AgentMessage::decode(&frame).unwrap(),
        AgentMessage::Unknown("teleport".to_owned())
    );
    assert_eq!(
        PushReply::decode(&frame).unwrap(),
        PushReply::Unknown("teleport".to_owned())
    );
}

#[test]
fn unknown_fields_are_skipped_and_missing_ones_take_defaults() {
    let frame = newer(
        "assignments",
        serde_json::json!({"revision": 7, "mood": {"good": [1]}}),
    );
    let want = Assignments {
        revision: 7,
        streams: vec![],
    };
    assert_eq!(
        CoordinatorMessage::decode(&frame).unwrap(),
        CoordinatorMessage::Assignments(want)
    );

    let frame = newer(
        "configuration",
        serde_json::json!({"revision": 3, "colour": "red", "n": [1]}),
    );
    let CoordinatorMessage::Configuration(configuration) =
        CoordinatorMessage::decode(&frame).unwrap()
    else {
        panic!("another kind");
    };
    assert_eq!(configuration.feedback_period_ms, 5_000);
    assert_eq!(
        configuration.unknown_keys().collect::<Vec<_>>(),
        ["colour", "n"]
    );
    // What is known goes on, what is not does not.
    let again = CoordinatorMessage::Configuration(configuration)
        .encode()
        .unwrap();
    let CoordinatorMessage::Configuration(again) = CoordinatorMessage::decode(&again[4..]).unwrap()
    else {
        panic!("another kind");
    };
    assert_eq!((again.revision, again.unknown_keys().count()), (3, 0));
}

#[test]
fn values_of_newer_versions_read_as_other() {
    let id = "7acc35cf-a3b2-4f87-8d8b-5496a2782d37";
    for (failure, want) in [
        (serde_json::json!("eaten_by_dog"), Some(FailureKind::Other)),
        (serde_json::json!({"x": 1}), Some(FailureKind::Other)),
        (serde_json::json!("stalled"), Some(FailureKind::Stalled)),
        (serde_json::Value::Null, None),
    ] {
        let at = 1_000_000;
        let uuid = uuid::Uuid::parse_str(id).unwrap();
        #[derive(Serialize)]
        struct Stream {
            stream_id: uuid::Uuid,
            version: u64,
            status: &'static str,
            failure: serde_json::Value,
        }
        #[derive(Serialize)]
        struct Body {
            at: i64,
            streams: Vec<Stream>,
        }
        let stream = Stream {
            stream_id: uuid,
            version: 1,
            status: "in_progress",
            failure,
        };
        let body = rmp_serde::to_vec_named(&Body {
            at,
            streams: vec![stream],
        })
        .unwrap();
        let AgentMessage::Feedback(feedback) =
            AgentMessage::decode(&envelope("feedback", &body)).unwrap()
        else {
            panic!("another kind");
        };
        assert_eq!(feedback.streams[0].failure, want);
    }
    let frame = newer("refused", serde_json::json!({"code": "moon_phase"}));
    let EnrolReply::Refused(refused) = EnrolReply::decode(&frame).unwrap() else {
        panic!("another kind");
    };
    assert_eq!(refused.code, EnrolRefusal::Internal);
}

#[test]
fn versions_meet_or_do_not() {
    let range = |min, max| VersionRange { min, max };
    assert_eq!(range(1, 3).negotiate(range(2, 5)), Some(3));
    assert_eq!(range(2, 5).negotiate(range(1, 3)), Some(3));
    assert_eq!(range(1, 2).negotiate(range(3, 4)), None);
    assert_eq!(range(3, 1).negotiate(range(1, 9)), None, "an empty range");
}

#[test]
fn error_texts_are_cut_between_characters() {
    let mut feedback = StreamFeedback {
        stream_id: StreamId::random(),
        version: 1,
        status: StreamStatus::Failure,
        error: Some("ж".repeat(2_000)),
        failure: None,
        counters: StreamCounters::default(),
        last_frame_at: None,
        video: None,
    };
    feedback = feedback.bounded();
    assert_eq!(feedback.error.unwrap().len(), control::MAX_ERROR_BYTES);
}

#[test]
fn secrets_do_not_show_in_debug() {
    let enrol = Enrol {
        token_id: JoinTokenId::random(),
        secret: JoinSecret::new([0xee; 32]),
        csr: ByteBuf::new(),
        name: "gate".to_owned(),
        agent_version: String::new(),
    };
    let shown = format!("{enrol:?}");
    assert!(
        !shown.contains("238") && !shown.contains("ee, ee"),
        "{shown}"
    );
}

#[test]
fn an_agents_name_in_a_certificate_reads_back() {
    let agent = AgentId::random();
    assert_eq!(agent_of_uri(&agent_uri(agent)), Some(agent));
    assert_eq!(agent_of_uri("urn:goshawk:agent:nobody"), None);
    assert_eq!(agent_of_uri(&agent.to_string()), None);
}
