//! Events come in, exactly once, and are acknowledged after the commit.

use std::time::Duration;

use goshawk_proto::link::{Ack, Close, CoordinatorMessage, PushReply, ReceiverConfig, Window};

use super::{
    agent::{Agent, enrol},
    rig::{Mood, Rig, config, event},
};

#[tokio::test]
async fn the_main_road() {
    let rig = Rig::new();
    let credentials = enrol(&rig).await;
    rig.store.assign(credentials.agent_id, 7);
    let mut agent = Agent::new(&rig, &credentials).await;
    assert!(matches!(
        agent.hear().await,
        CoordinatorMessage::Configuration(_)
    ));
    assert_eq!(agent.hear_revision().await, 7);
    rig.store.assign(credentials.agent_id, 8);
    assert_eq!(agent.hear_revision().await, 8);
    agent.say_feedback(8).await;
    rig.store.heard("feedback 8").await;

    let event = event();
    let ack = |duplicate| {
        Some(PushReply::Ack(Ack {
            event_id: event.event_id,
            duplicate,
        }))
    };
    assert_eq!(agent.push(&event).await, ack(false));
    assert_eq!(rig.store.times(event.event_id), 1);
    assert_eq!(agent.push(&event).await, ack(true));
    assert_eq!(rig.store.times(event.event_id), 1);

    let connected = rig.ingest.agents();
    assert_eq!((connected.len(), connected[0].name.as_str()), (1, "tester"));
    agent.connection.close(0u32.into(), b"");
    rig.store.heard("lost").await;
    assert!(rig.ingest.agents().is_empty());
    let stats = rig.ingest.stats();
    assert_eq!(
        (
            stats.committed,
            stats.duplicates,
            stats.acked,
            stats.enrolled
        ),
        (1, 1, 2, 1)
    );
}

#[tokio::test]
async fn a_failed_commit_is_not_acknowledged() {
    let rig = Rig::new();
    let agent = Agent::new(&rig, &enrol(&rig).await).await;
    let event = event();
    rig.store.set_mood(Mood::Retry);
    let Some(PushReply::Retry(retry)) = agent.push(&event).await else {
        panic!("acknowledged")
    };
    assert_eq!((retry.after_ms, retry.event_id), (1_234, event.event_id));
    rig.store.set_mood(Mood::Panic);
    assert!(matches!(
        agent.push(&event).await,
        Some(PushReply::Retry(_))
    ));
    rig.store.set_mood(Mood::Permanent);
    assert!(matches!(
        agent.push(&event).await,
        Some(PushReply::Reject(_))
    ));
    assert_eq!(rig.store.times(event.event_id), 0);
    rig.store.set_mood(Mood::Commit);
    assert!(
        matches!(agent.push(&event).await, Some(PushReply::Ack(_))),
        "still at work"
    );
    assert_eq!(rig.ingest.stats().panics, 1);
}

#[tokio::test]
async fn the_window_holds_and_one_event_is_committed_once_at_a_time() {
    let window = Window {
        events: 2,
        bytes: 1 << 20,
    };
    let receiver = ReceiverConfig {
        window,
        ..ReceiverConfig::default()
    };
    let rig = Rig::with(super::super::IngestConfig {
        receiver,
        ..config()
    });
    let agent = Agent::new(&rig, &enrol(&rig).await).await;
    rig.store.set_mood(Mood::Wait);
    let event = event();
    let body = event.encode().unwrap();
    let push = || agent.start_push(event.event_id, body.len() as u32, body.clone());
    let (_one, first) = push().await;
    let (_two, second) = push().await;
    // Let both be taken up.
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(
        matches!(
            agent.push(&super::rig::event()).await,
            Some(PushReply::Retry(_))
        ),
        "full"
    );
    assert_eq!(rig.ingest.stats().overruns, 1);
    rig.store.gate.add_permits(1);
    for recv in [first, second] {
        assert!(matches!(agent.reply(recv).await, Some(PushReply::Ack(_))));
    }
    assert_eq!(rig.store.times(event.event_id), 1);
    assert_eq!(rig.store.gate.available_permits(), 0, "one commit for both");
}

#[tokio::test]
async fn without_memory_events_wait_at_the_agent() {
    let rig = Rig::with(super::super::IngestConfig {
        total_bytes: 0,
        ..config()
    });
    let agent = Agent::new(&rig, &enrol(&rig).await).await;
    assert!(matches!(
        agent.push(&event()).await,
        Some(PushReply::Retry(_))
    ));
    assert_eq!(rig.ingest.stats().overruns, 1);
}

#[tokio::test]
async fn a_restart_keeps_agents_and_events() {
    let rig = Rig::new();
    let credentials = enrol(&rig).await;
    let agent = Agent::new(&rig, &credentials).await;
    let (kept, cut) = (event(), event());
    assert!(matches!(agent.push(&kept).await, Some(PushReply::Ack(_))));
    // Committed, but the answer never leaves.
    rig.store.set_mood(Mood::Wait);
    let body = cut.encode().unwrap();
    let (_send, _recv) = agent
        .start_push(cut.event_id, body.len() as u32, body)
        .await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    agent.connection.close(0u32.into(), b"gone");
    rig.store.heard("lost").await;
    rig.store.gate.add_permits(1);
    let rig = rig.restart().await;
    rig.store.set_mood(Mood::Commit);

    let agent = Agent::new(&rig, &credentials).await;
    for event in [&kept, &cut] {
        let duplicate = PushReply::Ack(Ack {
            event_id: event.event_id,
            duplicate: true,
        });
        assert_eq!(agent.push(event).await, Some(duplicate));
        assert_eq!(rig.store.times(event.event_id), 1);
    }
}

#[tokio::test]
async fn shutting_down_answers_what_is_under_way() {
    let rig = Rig::new();
    let agent = Agent::new(&rig, &enrol(&rig).await).await;
    rig.store.set_mood(Mood::Wait);
    let event = event();
    let body = event.encode().unwrap();
    let (_send, recv) = agent
        .start_push(event.event_id, body.len() as u32, body)
        .await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    rig.cancel.cancel();
    tokio::time::sleep(Duration::from_millis(100)).await;
    rig.store.gate.add_permits(1);
    assert!(matches!(agent.reply(recv).await, Some(PushReply::Ack(_))));
    assert_eq!(agent.close_code().await, u64::from(Close::Shutdown.code()));
    rig.stop().await;
}

#[tokio::test]
async fn the_newest_link_of_an_agent_wins() {
    let rig = Rig::new();
    let credentials = enrol(&rig).await;
    let old = Agent::new(&rig, &credentials).await;
    let new = Agent::new(&rig, &credentials).await;
    assert_eq!(old.close_code().await, u64::from(Close::Superseded.code()));
    assert!(matches!(new.push(&event()).await, Some(PushReply::Ack(_))));
    assert_eq!(rig.ingest.agents().len(), 1);
    let lost = rig
        .store
        .said
        .lock()
        .unwrap()
        .iter()
        .filter(|s| s.ends_with("lost"))
        .count();
    assert_eq!(lost, 0, "the agent was there all the time");
}
