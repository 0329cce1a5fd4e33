//! Previews that the scripted coordinator asks for.

use goshawk_proto::{
    geometry::Size,
    id::StreamId,
    link::preview::{CAPABILITY, MAX_PREVIEWS, PreviewReply, PreviewRequest},
};

use super::*;
use crate::{
    edge::{EdgeException, EdgeMode},
    viewfinder::tests::running,
};

fn request(stream_id: StreamId, live: bool) -> PreviewRequest {
    PreviewRequest {
        stream_id,
        live,
        marks: true,
        max_side: 320,
    }
}

/// A connected agent with one stream to look at.
async fn watched(coordinator: &Coordinator, viewers: usize) -> (Rig, Viewfinder, StreamId) {
    let (viewfinder, stream) = running(viewers);
    let config = LinkConfig {
        viewfinder: Some(viewfinder.clone()),
        ..config(coordinator)
    };
    let mut rig = Rig::with(coordinator, config);
    rig.state(|s| s.connected).await;
    (rig, viewfinder, stream)
}

#[tokio::test]
async fn the_coordinator_sees_one_picture_or_why_there_is_none() {
    let coordinator = Coordinator::new().await;
    let (rig, _, stream) = watched(&coordinator, 4).await;
    assert!(coordinator.capabilities().contains(&CAPABILITY.to_owned()));
    let mut preview = coordinator.preview(request(stream, false)).await;
    let (reply, jpeg) = within(preview.next()).await.unwrap();
    let PreviewReply::Picture(head) = reply else {
        panic!("{reply:?}")
    };
    assert_eq!(head.size, Size::new(320, 180));
    assert_eq!(
        (&jpeg[..2], jpeg.len()),
        (&[0xff, 0xd8][..], head.bytes as usize)
    );
    assert!(within(preview.next()).await.is_none(), "one was asked for");
    let mut preview = coordinator
        .preview(request(StreamId::random(), false))
        .await;
    let (reply, _) = within(preview.next()).await.unwrap();
    assert!(matches!(reply, PreviewReply::None(none) if none.reason.contains("no such stream")));
    rig.stop().await;
}

#[tokio::test]
async fn live_pictures_come_until_the_coordinator_has_seen_enough() {
    let coordinator = Coordinator::new().await;
    let (rig, viewfinder, stream) = watched(&coordinator, 1).await;
    let mut live = coordinator.preview(request(stream, true)).await;
    let mut times = Vec::new();
    for _ in 0..5 {
        let (reply, jpeg) = within(live.next()).await.unwrap();
        let PreviewReply::Picture(head) = reply else {
            panic!("{reply:?}")
        };
        assert_eq!(&jpeg[..2], [0xff, 0xd8]);
        times.push(head.captured_at);
    }
    assert!(times.windows(2).all(|pair| pair[0] < pair[1]), "{times:?}");
    // One viewer is all there is room for, whether here or there.
    let mut second = coordinator.preview(request(stream, false)).await;
    let (reply, _) = within(second.next()).await.unwrap();
    assert!(matches!(reply, PreviewReply::None(_)), "{reply:?}");
    // Events go on meanwhile.
    rig.outbox.append();
    eventually(|| rig.outbox.is_empty()).await;
    live.stop();
    eventually(|| viewfinder.look(stream).is_ok()).await;
    rig.stop().await;
}

#[tokio::test]
async fn a_lost_connection_ends_its_previews() {
    let coordinator = Coordinator::new().await;
    let (rig, viewfinder, stream) = watched(&coordinator, MAX_PREVIEWS as usize).await;
    let mut all = Vec::new();
    for _ in 0..MAX_PREVIEWS {
        let mut live = coordinator.preview(request(stream, true)).await;
        within(live.next()).await.unwrap();
        all.push(live);
    }
    assert!(viewfinder.look(stream).is_err());
    coordinator.send_away(Close::Shutdown);
    eventually(|| viewfinder.look(stream).is_ok()).await;
    rig.stop().await;
}

#[tokio::test]
async fn a_stream_whose_pictures_stay_is_not_shown() {
    let coordinator = Coordinator::new().await;
    let (viewfinder, stream) = running(2);
    let exception = EdgeException {
        stream,
        mode: EdgeMode::Warps,
    };
    let config = LinkConfig {
        viewfinder: Some(viewfinder.clone()),
        edge: EdgeModes::new(EdgeMode::Full, &[exception]),
        ..config(&coordinator)
    };
    let mut rig = Rig::with(&coordinator, config);
    rig.state(|s| s.connected).await;
    let mut preview = coordinator.preview(request(stream, false)).await;
    let (reply, _) = within(preview.next()).await.unwrap();
    assert!(matches!(reply, PreviewReply::None(none) if none.reason.contains("leaves its site")));
    rig.stop().await;
}
