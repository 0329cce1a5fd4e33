//! Looking through an agent's camera.

use std::time::Duration;

use goshawk_proto::{
    geometry::Size,
    id::{AgentId, StreamId},
    link::{
        ALPN_LINK, AgentMessage, FrameReader, Hello, MAX_CONTROL_BYTES, OutboxFeedback, VERSIONS,
        preview::{
            CAPABILITY, NoPicture, PictureHead, PreviewMessage, PreviewReply, PreviewRequest,
        },
    },
    time::Timestamp,
};
use quinn::{Connection, RecvStream, SendStream};

use super::{
    super::{Pictures, PreviewError, frames::read_frame},
    agent::{Agent, connect, enrol},
    rig::Rig,
};

fn request(live: bool) -> PreviewRequest {
    PreviewRequest {
        stream_id: StreamId::random(),
        live,
        marks: true,
        max_side: 640,
    }
}

/// An agent that says it can show pictures. The halves of its control stream keep the link alive.
async fn seeing(rig: &Rig) -> (AgentId, Connection, (SendStream, RecvStream)) {
    let credentials = enrol(rig).await;
    let connection = connect(rig, Some(&credentials), &[ALPN_LINK])
        .await
        .unwrap();
    let (mut send, mut recv) = connection.open_bi().await.unwrap();
    let hello = AgentMessage::Hello(Hello {
        versions: VERSIONS,
        agent_version: "0".to_owned(),
        name: "seer".to_owned(),
        capabilities: vec![CAPABILITY.to_owned()],
        clock: Timestamp::from_unix_micros(0),
        outbox: OutboxFeedback::default(),
    });
    send.write_all(&hello.encode().unwrap()).await.unwrap();
    let mut reader = FrameReader::new(MAX_CONTROL_BYTES);
    read_frame(&mut recv, &mut reader).await.unwrap().unwrap();
    rig.store.heard("connected seer").await;
    (credentials.agent_id, connection, (send, recv))
}

/// Takes the next request and answers it with these bytes.
async fn answer(connection: &Connection, want: PreviewRequest, bytes: Vec<u8>) {
    let (mut send, mut recv) = connection.accept_bi().await.unwrap();
    let mut reader = FrameReader::new(MAX_CONTROL_BYTES);
    let frame = read_frame(&mut recv, &mut reader).await.unwrap().unwrap();
    assert_eq!(
        PreviewMessage::decode(&frame).unwrap(),
        PreviewMessage::Show(want)
    );
    send.write_all(&bytes).await.unwrap();
    send.finish().unwrap();
    // Until the coordinator has read it all.
    let _ = send.stopped().await;
}

fn picture(bytes: u32) -> Vec<u8> {
    let head = PreviewReply::Picture(PictureHead {
        bytes,
        size: Size::new(4, 3),
        captured_at: Timestamp::from_unix_micros(5),
    });
    head.encode().unwrap().to_vec()
}

async fn asked(rig: &Rig, agent: AgentId, request: PreviewRequest) -> Pictures {
    rig.ingest.preview(agent, request).await.unwrap()
}

#[tokio::test]
async fn pictures_come_one_after_the_other_and_end() {
    let rig = Rig::new();
    let (agent, connection, _control) = seeing(&rig).await;
    assert!(rig.ingest.shows_pictures(agent));
    let want = request(true);
    let mut bytes = Vec::new();
    for n in 1..=3u8 {
        bytes.extend(picture(u32::from(n) * 70_000));
        bytes.extend(std::iter::repeat_n(n, usize::from(n) * 70_000));
    }
    let agent_side = tokio::spawn(async move { answer(&connection, want, bytes).await });
    let mut pictures = asked(&rig, agent, want).await;
    for n in 1..=3u8 {
        let (head, picture) = pictures.next().await.unwrap().unwrap();
        assert_eq!(head.size, Size::new(4, 3));
        assert_eq!(picture.len(), usize::from(n) * 70_000);
        assert!(picture.iter().all(|byte| *byte == n));
    }
    assert!(pictures.next().await.unwrap().is_none());
    agent_side.await.unwrap();
}

#[tokio::test]
async fn what_an_agent_cannot_show_is_an_error_with_its_reason() {
    let rig = Rig::new();
    let (agent, connection, _control) = seeing(&rig).await;
    let want = request(false);
    let none = PreviewReply::None(NoPicture {
        reason: "no frame yet".to_owned(),
    });
    let cut = [picture(1_000), vec![7; 10]].concat();
    let answers = [
        none.encode().unwrap().to_vec(),
        cut,
        picture(u32::MAX),
        b"garbage of an agent".to_vec(),
    ];
    let agent_side = tokio::spawn(async move {
        for bytes in answers {
            answer(&connection, want, bytes).await;
        }
        connection
    });
    let mut told = Vec::new();
    for _ in 0..4 {
        told.push(asked(&rig, agent, want).await.next().await.unwrap_err());
    }
    assert!(matches!(&told[0], PreviewError::None(reason) if reason == "no frame yet"));
    assert!(
        told[1..]
            .iter()
            .all(|e| matches!(e, PreviewError::Nonsense(_)))
    );
    drop(agent_side);
}

#[tokio::test]
async fn agents_that_are_gone_or_blind_are_not_asked() {
    let rig = Rig::new();
    let absent = AgentId::random();
    let error = rig
        .ingest
        .preview(absent, request(false))
        .await
        .unwrap_err();
    assert!(matches!(error, PreviewError::Absent));
    let credentials = enrol(&rig).await;
    let blind = Agent::new(&rig, &credentials).await;
    rig.store.heard("connected tester").await;
    let asked = rig.ingest.preview(credentials.agent_id, request(false));
    let error = tokio::time::timeout(Duration::from_secs(1), asked).await;
    assert!(matches!(error.unwrap(), Err(PreviewError::Absent)));
    drop(blind);
}
