//! Peers that break the rules, and what it costs them and nobody else.

use std::time::Duration;

use goshawk_proto::{
    event::MAX_EVENT_BYTES,
    id::EventId,
    link::{
        ALPN_ENROL, ALPN_LINK, Close, CoordinatorMessage, FrameReader, PushReply, VersionRange,
    },
};

use super::{
    super::frames::read_frame,
    agent::{Agent, close_code, connect, enrol, hello},
    rig::{Rig, config, event},
};

fn code(close: Close) -> u64 {
    u64::from(close.code())
}

async fn still_at_work(agent: &Agent) {
    assert!(
        matches!(agent.push(&event()).await, Some(PushReply::Ack(_))),
        "still at work"
    );
}

#[tokio::test]
async fn sizes_and_bytes_that_are_no_event_are_refused_for_good() {
    let rig = Rig::new();
    let agent = Agent::new(&rig, &enrol(&rig).await).await;
    let id = EventId::random();
    for bytes in [0, MAX_EVENT_BYTES as u32 + 1, u32::MAX] {
        let reply = agent.push_raw(id, bytes, vec![0; 1_000]).await;
        assert!(
            matches!(reply, Some(PushReply::Reject(_))),
            "{bytes} bytes: {reply:?}"
        );
    }
    let garbage = vec![0xc1; 5_000];
    assert!(matches!(
        agent.push_raw(id, 5_000, garbage).await,
        Some(PushReply::Reject(_))
    ));
    let other = event().encode().unwrap();
    let reply = agent.push_raw(id, other.len() as u32, other).await;
    let Some(PushReply::Reject(reject)) = reply else {
        panic!("{reply:?}")
    };
    assert!(
        reject.reason.contains("not the one announced"),
        "{}",
        reject.reason
    );
    let mut newer = event();
    newer.envelope = 99;
    assert!(
        matches!(agent.push(&newer).await, Some(PushReply::Retry(_))),
        "a newer version: it is kept until we are updated"
    );
    assert!(rig.store.committed.lock().unwrap().is_empty());
    assert_eq!(rig.ingest.stats().malformed_events, 2);
    still_at_work(&agent).await;
}

#[tokio::test]
async fn streams_that_do_not_keep_their_word_are_broken_off() {
    let rig = Rig::new();
    let agent = Agent::new(&rig, &enrol(&rig).await).await;
    let body = event().encode().unwrap();
    let (more, less) = (body.len() as u32 - 1, body.len() as u32 + 1);
    assert_eq!(
        agent.push_raw(EventId::random(), more, body.clone()).await,
        None
    );
    assert_eq!(agent.push_raw(EventId::random(), less, body).await, None);
    for garbage in [
        &[0u8; 4][..],
        &[0xff; 100],
        &[0, 0, 0, 1, 0xc1],
        b"GET / HTTP/1.1\r\n\r\n",
    ] {
        let (mut send, recv) = agent.connection.open_bi().await.unwrap();
        send.write_all(garbage).await.unwrap();
        let _ = send.finish();
        assert_eq!(agent.reply(recv).await, None);
    }
    still_at_work(&agent).await;
    assert_eq!(rig.ingest.stats().gone, 6);
}

#[tokio::test]
async fn slow_streams_are_cut_off_and_others_go_on() {
    let rig = Rig::new();
    let agent = Agent::new(&rig, &enrol(&rig).await).await;
    let (mut no_head, first) = agent.connection.open_bi().await.unwrap();
    no_head.write_all(&[0]).await.unwrap();
    let (mut half, second) = agent.connection.open_bi().await.unwrap();
    let head = goshawk_proto::link::PushHead {
        event_id: EventId::random(),
        bytes: 1_000,
    };
    let head = goshawk_proto::link::PushMessage::Push(head)
        .encode()
        .unwrap();
    half.write_all(&head).await.unwrap();
    half.write_all(&[1; 10]).await.unwrap();
    still_at_work(&agent).await;
    assert_eq!(agent.reply(first).await, None);
    assert_eq!(agent.reply(second).await, None);
    assert_eq!(rig.ingest.stats().timeouts, 2);
    still_at_work(&agent).await;
}

#[tokio::test]
async fn an_abandoned_push_leaves_nothing_behind() {
    let rig = Rig::new();
    let agent = Agent::new(&rig, &enrol(&rig).await).await;
    for _ in 0..200 {
        let (mut send, recv) = agent.connection.open_bi().await.unwrap();
        send.write_all(&[0, 0]).await.unwrap();
        send.reset(7u32.into()).unwrap();
        drop(recv);
    }
    still_at_work(&agent).await;
}

#[tokio::test]
async fn silence_instead_of_a_hello_ends_the_connection() {
    let rig = Rig::new();
    let credentials = enrol(&rig).await;
    let silent = connect(&rig, Some(&credentials), &[ALPN_LINK])
        .await
        .unwrap();
    let dripping = connect(&rig, Some(&credentials), &[ALPN_LINK])
        .await
        .unwrap();
    let (mut send, _recv) = dripping.open_bi().await.unwrap();
    send.write_all(&[0, 0]).await.unwrap();
    let enrolling = connect(&rig, None, &[ALPN_ENROL]).await.unwrap();
    assert_eq!(close_code(&silent).await, code(Close::Idle));
    assert_eq!(close_code(&dripping).await, code(Close::Idle));
    assert_eq!(close_code(&enrolling).await, code(Close::Done));
    assert_eq!(rig.ingest.stats().links, 0);
}

#[tokio::test]
async fn a_broken_control_stream_ends_the_link() {
    let rig = Rig::new();
    let credentials = enrol(&rig).await;
    for garbage in [&[0xff; 64][..], &[0, 0, 0, 2, 0xc1, 0xc1], b"\0\0\0\0"] {
        let mut agent = Agent::new(&rig, &credentials).await;
        agent.send.write_all(garbage).await.unwrap();
        assert_eq!(agent.close_code().await, code(Close::Protocol));
    }
    let mut agent = Agent::new(&rig, &credentials).await;
    let unknown = goshawk_proto::link::AgentMessage::Unknown("from the future".to_owned());
    agent
        .send
        .write_all(&unknown.encode().unwrap())
        .await
        .unwrap();
    still_at_work(&agent).await;
    let again = hello(goshawk_proto::link::VERSIONS).encode().unwrap();
    agent.send.write_all(&again).await.unwrap();
    assert_eq!(agent.close_code().await, code(Close::Protocol));
    assert_eq!(rig.ingest.stats().unknown_messages, 1);
}

#[tokio::test]
async fn a_version_that_we_do_not_speak_is_told_so() {
    let rig = Rig::new();
    let credentials = enrol(&rig).await;
    let connection = connect(&rig, Some(&credentials), &[ALPN_LINK])
        .await
        .unwrap();
    let (mut send, mut recv) = connection.open_bi().await.unwrap();
    let future = VersionRange { min: 900, max: 901 };
    send.write_all(&hello(future).encode().unwrap())
        .await
        .unwrap();
    let mut reader = FrameReader::new(10_000);
    let frame = read_frame(&mut recv, &mut reader).await;
    if let Ok(Some(frame)) = frame {
        let CoordinatorMessage::Refused(refused) = CoordinatorMessage::decode(&frame).unwrap()
        else {
            panic!("not refused");
        };
        assert!(refused.reason.contains("900 to 901"), "{}", refused.reason);
    }
    assert_eq!(close_code(&connection).await, code(Close::Version));
}

#[tokio::test]
async fn a_full_house_turns_newcomers_away() {
    let rig = Rig::with(super::super::IngestConfig {
        max_connections: 2,
        ..config()
    });
    let agent = Agent::new(&rig, &enrol(&rig).await).await;
    // The enrolment's connection lingers a moment.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let mut held = Vec::new();
    let mut refused = 0;
    for _ in 0..4 {
        match connect(&rig, None, &[ALPN_ENROL]).await {
            Ok(connection) => held.push(connection),
            Err(_) => refused += 1,
        }
    }
    assert!(refused >= 3, "{refused} refused, {} held", held.len());
    assert!(rig.ingest.stats().refused_full >= 3);
    still_at_work(&agent).await;
}

#[tokio::test]
async fn strangers_who_enrol_slowly_keep_no_agent_out() {
    let rig = Rig::with(super::super::IngestConfig {
        max_enrolments: 2,
        ..config()
    });
    let credentials = enrol(&rig).await;
    let mut strangers = Vec::new();
    for _ in 0..4 {
        strangers.push(connect(&rig, None, &[ALPN_ENROL]).await.unwrap());
    }
    still_at_work(&Agent::new(&rig, &credentials).await).await;
    assert_eq!(close_code(&strangers[3]).await, code(Close::Busy));
    assert_eq!(close_code(&strangers[0]).await, code(Close::Done));
}
