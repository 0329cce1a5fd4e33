//! Tests of processing over the real store, image store and matcher.

mod crash;
pub(super) mod world;

use goshawk_proto::id::AgentId;
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::{
    blobs::{BlobKey, BlobKind},
    store::{
        FaceStore, HandlerStore, IncomingStore,
        conformance::{ACCOUNT, AGENT, at, face_id, list_id},
    },
};
use world::{
    HANDLER, World, agent_event, descriptor_of, everything, handler, picture_of, received,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_enrolled_person_is_recognised_and_a_stranger_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = World::open(dir.path(), None);
    world.furnish(everything());
    let mut subscription = world.bus.subscribe();
    assert_eq!(world.commit(agent_event(1, 1)).await, Ok(Committed::New));
    assert_eq!(
        world.commit(agent_event(1, 1)).await,
        Ok(Committed::Duplicate)
    );
    assert_eq!(world.commit(agent_event(2, 5)).await, Ok(Committed::New));
    world.start();
    world.settle().await;
    let events = world.events();
    assert_eq!(events.len(), 2);
    let (stranger, known) = (&events[0], &events[1]);
    assert_eq!(
        known.top_match.as_ref().map(|t| t.face_id),
        Some(face_id(1))
    );
    assert!(known.top_match.as_ref().unwrap().similarity > 0.99);
    assert_eq!(known.tags, ["camera", "known"]);
    assert_eq!(known.source.as_deref(), Some("gate"), "the stream's name");
    assert_eq!((known.create_time, known.end_time), (at(101), at(102)));
    assert_eq!(
        (stranger.top_match.clone(), stranger.tags.as_slice()),
        (None, &["camera".into()][..])
    );
    assert_eq!(
        (
            known.age(),
            known.attributes.as_ref().unwrap().samples.len()
        ),
        (Some(33), 1)
    );

    let detection = &known.detections[0];
    let face = detection.face.as_ref().unwrap();
    assert_eq!(face.landmarks5, Some([[20, 20]; 5]));
    let sample = BlobKey {
        account: ACCOUNT,
        kind: BlobKind::FaceSample,
        id: face.sample_id.0,
    };
    assert_eq!(world.blobs.get(&sample).await.unwrap(), picture_of(1));
    let image = BlobKey {
        account: ACCOUNT,
        kind: BlobKind::Image,
        id: detection.image_id.unwrap().0,
    };
    assert_eq!(world.blobs.get(&image).await.unwrap(), picture_of(0));
    {
        let made = world
            .store
            .face(ACCOUNT, known.face.as_ref().unwrap().face_id)
            .unwrap();
        assert_eq!(made.lists, [list_id(2)]);
        assert_eq!(made.attributes.descriptor, Some(descriptor_of(1)));
        assert_eq!(made.avatar, format!("/6/samples/faces/{}", face.sample_id));
    }
    assert_eq!(received(&mut subscription).len(), 2);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_face_whose_picture_stayed_at_the_edge_is_recognised_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = World::open(dir.path(), None);
    world.furnish(everything());
    let mut event = agent_event(1, 1);
    event.faces[0].warp = None;
    event.faces[0].descriptor = Some(descriptor_of(1));
    event.full_frame = None;
    assert_eq!(world.commit(event).await, Ok(Committed::New));
    world.start();
    world.settle().await;
    let events = world.events();
    let known = &events[0];
    assert_eq!(
        known.top_match.as_ref().map(|t| t.face_id),
        Some(face_id(1))
    );
    let face = known.detections[0].face.as_ref().unwrap();
    assert!(!face.stored, "there is no sample");
    assert_eq!(known.detections[0].image_id, None);
    let made = world
        .store
        .face(ACCOUNT, known.face.as_ref().unwrap().face_id)
        .unwrap();
    assert_eq!(made.avatar, "");
    assert!(made.attributes.descriptor_samples.is_empty());
    let sample = BlobKey {
        account: ACCOUNT,
        kind: BlobKind::FaceSample,
        id: face.sample_id.0,
    };
    assert!(world.blobs.get(&sample).await.is_err());
    world.stop().await;
}

#[tokio::test]
async fn an_event_of_an_unknown_stream_is_refused_for_good() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::open(dir.path(), None);
    assert!(matches!(
        world.commit(agent_event(1, 1)).await,
        Err(Refusal::Permanent { .. })
    ));
}

#[tokio::test]
async fn an_event_of_a_stream_that_the_agent_never_held_is_refused_for_good() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::open(dir.path(), None);
    world.furnish(json!({}));
    let event = agent_event(1, 1);
    let agent_id = AgentId(Uuid::from_u128(0xbad));
    let raw = event.encode().unwrap().into();
    let incoming = IncomingEvent {
        agent_id,
        event_id: event.event_id,
        raw,
        event,
    };
    assert!(matches!(
        world.processor.commit(incoming).await,
        Err(Refusal::Permanent { .. })
    ));
}

#[tokio::test]
async fn over_the_limit_agents_are_told_to_wait() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::open(dir.path(), None);
    world.furnish(json!({}));
    let limit = world.processor.options.max_pending;
    world
        .processor
        .counters
        .pending
        .store(limit, Ordering::SeqCst);
    assert!(matches!(
        world.commit(agent_event(1, 1)).await,
        Err(Refusal::Retry { .. })
    ));
    assert_eq!(world.processor.stats().refused, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn poison_is_set_aside_and_blocks_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = World::open(dir.path(), None);
    world.furnish(json!({}));
    let garbage = EventId(Uuid::from_u128(0xbad));
    world
        .store
        .receive(ACCOUNT, AGENT, garbage, b"garbage", at(1))
        .unwrap();
    for (n, person) in [(1, 200), (2, 201), (3, 202), (4, 1), (5, 203)] {
        world.commit(agent_event(n, person)).await.unwrap();
    }
    world.start();
    world.settle().await;
    let mut stored: Vec<u128> = world
        .events()
        .iter()
        .map(|e| e.event_id.0.as_u128() - 0xe000)
        .collect();
    stored.sort_unstable();
    assert_eq!(
        stored,
        [1, 2, 4],
        "busy and failing models do not count against an event"
    );
    assert!(world.processor.stats().waits >= 7);
    let letters = world.store.dead_after(None, 10).unwrap();
    let letters: Vec<_> = letters.into_iter().map(|(_, letter)| letter).collect();
    assert!(letters.iter().all(|letter| letter.tries >= 1));
    let reasons: Vec<&str> = letters
        .iter()
        .map(|letter| letter.reason.as_str())
        .collect();
    assert_eq!(letters.len(), 3, "{reasons:?}");
    assert!(
        letters
            .iter()
            .any(|l| l.event_id == garbage && l.raw == b"garbage")
    );
    assert!(reasons.iter().any(|reason| reason.contains("cut off")));
    assert_eq!(world.processor.stats().buried, 3);
    assert_eq!(world.processor.stats().dead, 3);
    assert_eq!(world.processor.stats().pending, 0);
    world.stop().await;
}

/// Its handler is gone, and comes back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_set_aside_goes_through_once_its_cause_is_mended() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = World::open(dir.path(), None);
    world.furnish(json!({}));
    world.store.delete_handler(ACCOUNT, HANDLER).unwrap();
    for n in 1..=20 {
        world.commit(agent_event(n, 1)).await.unwrap();
    }
    world.start();
    world.settle().await;
    assert!(world.events().is_empty());
    let processor = world.processor.clone();
    assert_eq!(processor.stats().dead, 20);
    let dead = world.store.dead_after(None, 2).unwrap();
    let (first, second) = (dead[0].0, dead[1].0);
    assert!(dead[0].1.reason.contains("handler"), "{}", dead[0].1.reason);

    // As long as nothing is mended, it fails again, as a new one.
    assert!(processor.retry(first).await.unwrap());
    world.settle().await;
    assert_eq!(processor.stats().dead, 20);
    assert!(!processor.retry(first).await.unwrap());
    assert!(processor.forget(second).await.unwrap());
    assert!(!processor.forget(second).await.unwrap());

    world.store.create_handler(&handler(json!({}))).unwrap();
    assert_eq!(processor.retry_all().await, Ok(19));
    world.settle().await;
    assert_eq!(world.events().len(), 19);
    let stats = processor.stats();
    assert_eq!((stats.dead, stats.pending), (0, 0));
    assert_eq!(world.store.dead_len(), Ok(0));
    assert_eq!(processor.retry_all().await, Ok(0));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_failing_events_hold_up_nobody_and_are_not_given_up_early() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = World::open_with(dir.path(), |options| {
        options.min_age = Duration::from_secs(600);
    });
    world.furnish(json!({}));
    let many = world.processor.options.concurrency as u128 * 2;
    for n in 0..many {
        world.commit(agent_event(n, 203)).await.unwrap();
    }
    world.commit(agent_event(many, 1)).await.unwrap();
    world.start();
    for _ in 0..400 {
        let stats = world.processor.stats();
        if stats.processed == 1 && stats.retries > 5 * many as u64 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(world.events().len(), 1);
    assert!(world.processor.stats().retries > 5 * many as u64);
    assert_eq!(world.processor.stats().buried, 0, "not for ten minutes");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn left_messages_wait_for_a_listener_and_the_queue_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = World::open(dir.path(), None);
    world.furnish(json!({}));
    let left = crate::store::Finish {
        incoming: None,
        event: crate::store::conformance::sample_event(9),
        face: None,
        attribute: None,
        notify: true,
        now: at(1),
    };
    world.store.finish(&left).unwrap().unwrap();
    world.commit(agent_event(1, 1)).await.unwrap();
    world.start();
    while world.processor.stats().processed == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(world.processor.stats().resent, 0, "nobody listens");
    let mut subscription = world.bus.subscribe();
    world.settle().await;
    let got = received(&mut subscription);
    assert_eq!(got.get(&left.event.event_id), Some(&1));
    assert_eq!((got.len(), world.processor.stats().resent), (1, 1));
    world.stop().await;
}

#[tokio::test]
async fn a_lost_answer_is_given_again_after_the_stream_has_gone() {
    use crate::store::StreamStore;
    let dir = tempfile::tempdir().unwrap();
    let world = World::open(dir.path(), None);
    world.furnish(json!({}));
    let account = crate::store::conformance::sample_account(0xacc, "owner");
    crate::store::AccountStore::create_account(world.store.as_ref(), &account).unwrap();
    world.commit(agent_event(1, 1)).await.unwrap();
    world.store.delete_stream(ACCOUNT, world::STREAM).unwrap();
    assert_eq!(
        world.commit(agent_event(1, 1)).await,
        Ok(Committed::Duplicate)
    );
    assert!(matches!(
        world.commit(agent_event(2, 1)).await,
        Err(Refusal::Permanent { .. })
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_filter_lets_through_is_not_kept() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = World::open(dir.path(), None);
    world.furnish(json!({"detect_policy": {"yaw_threshold": 10}}));
    let mut subscription = world.bus.subscribe();
    world.commit(agent_event(1, 1)).await.unwrap();
    world.start();
    world.settle().await;
    assert!(world.events().is_empty());
    assert!(received(&mut subscription).is_empty());
    assert_eq!(world.processor.stats().filtered, 1);
    assert_eq!(
        world.commit(agent_event(1, 1)).await,
        Ok(Committed::Duplicate)
    );
    world.stop().await;
}

fn request(policies: Value, pictures: &[&[u8]], aggregate: bool) -> GenerateRequest {
    GenerateRequest {
        account_id: ACCOUNT,
        handler: handler(policies),
        pictures: pictures
            .iter()
            .map(|persons| SourcePicture {
                filename: "a.jpg".into(),
                bytes: [&[0xff, 0xd8, 0xff], *persons].concat().into(),
                options: PictureOptions::default(),
                detect_time: None,
                detect_ts: None,
                reference: None,
            })
            .collect(),
        descriptor: None,
        details: EventDetails {
            external_id: "ext".into(),
            ..EventDetails::default()
        },
        aggregate,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pictures_become_events_by_the_same_way() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::open(dir.path(), None);
    world.furnish(everything());
    let mut subscription = world.bus.subscribe();
    let made = world
        .processor
        .generate(request(everything(), &[&[1, 5]], false))
        .await
        .unwrap();
    assert_eq!(made.events.len(), 2, "each face its own event");
    assert_eq!(
        made.events[0].top_match.as_ref().map(|t| t.face_id),
        Some(face_id(1))
    );
    assert_eq!(made.events[1].top_match, None);
    assert_eq!(made.pictures[0].result, Ok(2));
    assert_eq!(world.events().len(), 2);
    assert_eq!(received(&mut subscription).len(), 2);

    let together = request(everything(), &[&[1], &[1]], true);
    let made = world.processor.generate(together).await.unwrap();
    assert_eq!((made.events.len(), made.events[0].detections.len()), (1, 2));
    let images: Vec<_> = made.events[0]
        .detections
        .iter()
        .map(|d| d.image_id)
        .collect();
    assert!(images[0].is_some() && images[0] != images[1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pictures_that_do_not_count_say_why() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::open(dir.path(), None);
    world.furnish(json!({}));
    let strict = json!({"detect_policy": {"yaw_threshold": 3}});
    let made = world
        .processor
        .generate(request(strict, &[&[1, 5]], false))
        .await
        .unwrap();
    assert_eq!((made.events.len(), made.filtered.len()), (1, 1));
    assert_eq!(made.filtered[0].reasons[0].name, "yaw_threshold");

    let single = json!({"detect_policy": {"multiface_policy": 0}});
    let made = world
        .processor
        .generate(request(single, &[&[1, 5], &[1]], false))
        .await
        .unwrap();
    assert_eq!(made.pictures[0].result, Err(PictureError::ManyFaces(2)));
    assert_eq!(
        (made.pictures[1].result.clone(), made.events.len()),
        (Ok(1), 1)
    );

    let best = json!({"detect_policy": {"multiface_policy": 2}});
    let made = world
        .processor
        .generate(request(best, &[&[1, 5]], false))
        .await
        .unwrap();
    assert_eq!(made.events.len(), 1);

    let mut bad = request(json!({}), &[&[]], false);
    bad.pictures[0].bytes = bytes::Bytes::from_static(b"text");
    let made = world.processor.generate(bad).await.unwrap();
    assert!(matches!(
        made.pictures[0].result,
        Err(PictureError::Extract(_))
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_descriptor_alone_becomes_an_event() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::open(dir.path(), None);
    world.furnish(everything());
    let mut only = request(everything(), &[], false);
    only.descriptor = Some(descriptor_of(1));
    let made = world.processor.generate(only).await.unwrap();
    let event = &made.events[0];
    assert_eq!(made.events.len(), 1);
    assert_eq!(
        event.top_match.as_ref().map(|t| t.face_id),
        Some(face_id(1))
    );
    assert!(event.detections.is_empty() && event.face.is_some());
    let attributes = event.attributes.as_ref().unwrap();
    assert!(attributes.basic.is_none() && attributes.samples.is_empty());
}
