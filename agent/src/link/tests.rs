//! The link over real QUIC on loopback, against a coordinator that does as the test says.

mod changes;
pub(crate) mod coordinator;
mod outbox;
mod preview;

use std::{sync::Arc, time::Duration};

use goshawk_proto::{
    link::{
        Assignments, Close, CoordinatorMessage, Feedback, OutboxFeedback, ShipperConfig,
        backoff::Backoff,
    },
    time::Timestamp,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::*;
use coordinator::{Coordinator, Mood};
use outbox::MemoryOutbox;

struct Rig {
    outbox: Arc<MemoryOutbox>,
    link: Link,
    cancel: CancellationToken,
}

/// Short times, so that tests of time-outs are short.
fn config(coordinator: &Coordinator) -> LinkConfig {
    let millis = Duration::from_millis;
    LinkConfig {
        shipper: ShipperConfig {
            connect_timeout: millis(2_000),
            push_timeout: millis(400),
            reconnect: Backoff::clamped(millis(20), millis(200)),
            retry: Backoff::clamped(millis(20), millis(100)),
            ..ShipperConfig::default()
        },
        drain: millis(1_500),
        ..LinkConfig::new(&coordinator.address().to_string(), "tester")
    }
}

impl Rig {
    fn new(coordinator: &Coordinator) -> Self {
        Self::with(coordinator, config(coordinator))
    }

    fn with(coordinator: &Coordinator, config: LinkConfig) -> Self {
        let outbox = Arc::new(MemoryOutbox::default());
        let cancel = CancellationToken::new();
        let identity = coordinator.identity();
        let link = start(config, identity, outbox.clone(), cancel.clone()).unwrap();
        Self {
            outbox,
            link,
            cancel,
        }
    }

    /// Waits until the link's state is as wanted.
    async fn state(&mut self, want: impl FnMut(&LinkState) -> bool) -> LinkState {
        until(&mut self.link.state, want).await
    }

    async fn stop(self) {
        self.cancel.cancel();
        within(self.link.task).await.unwrap();
    }
}

async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(10), work)
        .await
        .expect("within ten seconds")
}

async fn until<T: Clone>(watch: &mut watch::Receiver<T>, want: impl FnMut(&T) -> bool) -> T {
    within(watch.wait_for(want)).await.unwrap().clone()
}

/// Waits until something that cannot be watched is so.
async fn eventually(what: impl Fn() -> bool) {
    within(async {
        while !what() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

fn feedback(assignments_revision: u64) -> Feedback {
    let outbox = OutboxFeedback::default();
    Feedback {
        at: Timestamp::default(),
        assignments_revision,
        streams: vec![],
        outbox,
    }
}

#[tokio::test]
async fn the_outbox_is_shipped_and_emptied() {
    let coordinator = Coordinator::new().await;
    let mut rig = Rig::new(&coordinator);
    let first: Vec<_> = (0..100).map(|_| rig.outbox.append()).collect();
    eventually(|| rig.outbox.is_empty()).await;
    let late = rig.outbox.append();
    eventually(|| rig.outbox.is_empty()).await;
    let committed = coordinator.committed();
    assert!(first.iter().chain([&late]).all(|id| committed.contains(id)));
    assert_eq!(committed.len(), 101);
    let state = rig
        .state(|s| s.totals.acked == 101 && s.in_flight == 0)
        .await;
    assert!(state.connected && state.rtt.is_some() && state.clock_offset_ms.is_some());
    rig.stop().await;
}

#[tokio::test]
async fn a_restart_of_the_coordinator_loses_nothing() {
    let mut coordinator = Coordinator::new().await;
    let rig = Rig::new(&coordinator);
    let mut all = Vec::new();
    for round in 0..5 {
        all.extend((0..20).map(|_| rig.outbox.append()));
        // Sometimes in the middle of answers, sometimes before the agent is back.
        tokio::time::sleep(Duration::from_millis(15 * round)).await;
        coordinator = coordinator.restart().await;
    }
    eventually(|| rig.outbox.is_empty()).await;
    let committed = coordinator.committed();
    assert_eq!(committed.len(), all.len(), "none invented");
    assert!(all.iter().all(|id| committed.contains(id)), "none lost");
    rig.stop().await;
}

#[tokio::test]
async fn without_an_ack_nothing_is_deleted() {
    let coordinator = Coordinator::new().await;
    coordinator.set_mood(Mood::Silent);
    let mut rig = Rig::new(&coordinator);
    let id = rig.outbox.append();
    // Silence ends the connection, and the next begins with the same event.
    rig.state(|s| s.totals.timeouts >= 2 && s.totals.connects >= 2)
        .await;
    assert!(rig.outbox.has(id));
    for mood in [Mood::Broken, Mood::Garbage, Mood::OtherAck, Mood::Retry] {
        coordinator.set_mood(mood);
        let heard = coordinator.heard();
        eventually(|| coordinator.heard() >= heard + 3).await;
        assert!(rig.outbox.has(id), "{mood:?}");
    }
    coordinator.set_mood(Mood::Ack);
    eventually(|| rig.outbox.is_empty()).await;
    assert!(rig.link.state.borrow().totals.retries > 0);
    rig.stop().await;
}

#[tokio::test]
async fn an_event_refused_for_good_is_put_aside_and_the_next_goes_on() {
    let coordinator = Coordinator::new().await;
    coordinator.set_mood(Mood::Reject);
    let mut rig = Rig::new(&coordinator);
    let bad = rig.outbox.append();
    eventually(|| rig.outbox.rejected() == [bad]).await;
    coordinator.set_mood(Mood::Ack);
    let good = rig.outbox.append();
    eventually(|| rig.outbox.is_empty()).await;
    assert!(coordinator.committed().contains(&good));
    assert_eq!(rig.state(|s| s.totals.acked == 1).await.totals.rejected, 1);
    rig.stop().await;
}

#[tokio::test]
async fn records_that_vanish_and_disks_that_fail_hold_up_nothing() {
    let coordinator = Coordinator::new().await;
    let mut rig = Rig::new(&coordinator);
    rig.state(|s| s.connected).await;
    rig.outbox.fail_peeks(1);
    rig.outbox.append();
    rig.state(|s| s.outbox_errors == 1).await;
    rig.outbox.hide_next_read();
    rig.outbox.append();
    // One of the two was hidden when it was read and comes again with the next connection.
    eventually(|| rig.outbox.len() == 1).await;
    coordinator.send_away(Close::Shutdown);
    eventually(|| rig.outbox.is_empty()).await;
    rig.stop().await;
}

#[tokio::test]
async fn assignments_come_in_order_and_stay_over_a_lost_connection() {
    let coordinator = Coordinator::new().await;
    let mut rig = Rig::new(&coordinator);
    let say = |revision| {
        let document = Assignments {
            revision,
            streams: vec![],
        };
        coordinator.say(CoordinatorMessage::Assignments(document));
    };
    rig.state(|s| s.connected).await;
    say(5);
    let mut assignments = rig.link.assignments.clone();
    let revision =
        |want| move |a: &Option<Arc<Assignments>>| a.as_ref().is_some_and(|a| a.revision == want);
    until(&mut assignments, revision(5)).await;
    say(4);
    rig.state(|s| s.ignored == 1).await;
    assert_eq!(
        assignments.borrow().as_ref().unwrap().revision,
        5,
        "older than what is in force"
    );
    coordinator.say(CoordinatorMessage::Unknown("from the future".to_owned()));
    rig.state(|s| s.ignored == 2).await;

    coordinator.send_away(Close::Shutdown);
    rig.state(|s| s.connected && s.totals.connects == 2).await;
    assert_eq!(assignments.borrow().as_ref().unwrap().revision, 5);
    say(1);
    until(&mut assignments, revision(1)).await;
    rig.stop().await;
}

#[tokio::test]
async fn feedback_arrives_and_arrives_again_after_a_lost_connection() {
    let coordinator = Coordinator::new().await;
    let mut rig = Rig::new(&coordinator);
    rig.link.feedback.send(feedback(1)).await.unwrap();
    rig.link.feedback.send(feedback(2)).await.unwrap();
    eventually(|| coordinator.feedback().last() == Some(&2)).await;
    let before = coordinator.feedback().len();
    coordinator.send_away(Close::Shutdown);
    rig.state(|s| s.totals.connects == 2).await;
    eventually(|| coordinator.feedback().len() > before).await;
    assert_eq!(coordinator.feedback().last(), Some(&2));
    rig.stop().await;
}

#[tokio::test]
async fn without_a_coordinator_it_dials_for_ever() {
    let coordinator = Coordinator::new().await;
    let identity = coordinator.identity();
    let config = config(&coordinator);
    let stopped = coordinator.stop().await;
    let outbox = Arc::new(MemoryOutbox::default());
    let cancel = CancellationToken::new();
    let config = LinkConfig {
        shipper: ShipperConfig {
            connect_timeout: Duration::from_millis(100),
            ..config.shipper
        },
        ..config
    };
    let mut link = start(config, identity, outbox.clone(), cancel.clone()).unwrap();
    outbox.append();
    until(&mut link.state, |s| s.last_error.is_some()).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!link.state.borrow().connected && !outbox.is_empty());
    let _coordinator = stopped.start().await;
    eventually(|| outbox.is_empty()).await;
    cancel.cancel();
    within(link.task).await.unwrap();
}

#[tokio::test]
async fn a_coordinator_of_another_ca_gets_nothing() {
    let ours = Coordinator::new().await;
    let foreign = Coordinator::new().await;
    let outbox = Arc::new(MemoryOutbox::default());
    let cancel = CancellationToken::new();
    outbox.append();
    let mut link = start(
        config(&foreign),
        ours.identity(),
        outbox.clone(),
        cancel.clone(),
    )
    .unwrap();
    let state = until(&mut link.state, |s| s.last_error.is_some()).await;
    assert!(!state.connected);
    assert!(
        state
            .last_error
            .unwrap()
            .contains("does not trust the coordinator")
    );
    assert_eq!((foreign.heard(), foreign.hellos()), (0, 0));
    cancel.cancel();
    within(link.task).await.unwrap();
    assert!(!outbox.is_empty());
}

#[tokio::test]
async fn being_turned_away_is_told_and_tried_again() {
    let coordinator = Coordinator::new().await;
    let mut rig = Rig::new(&coordinator);
    rig.state(|s| s.connected).await;
    coordinator.send_away(Close::Revoked);
    let state = rig.state(|s| !s.connected).await;
    assert!(
        state
            .last_error
            .unwrap()
            .contains("closed by the coordinator")
    );
    rig.state(|s| s.totals.connects == 2).await;
    rig.stop().await;
}

#[tokio::test]
async fn stopping_waits_for_answers_under_way() {
    let coordinator = Coordinator::new().await;
    coordinator.set_mood(Mood::LateAck);
    let mut rig = Rig::new(&coordinator);
    rig.outbox.append();
    rig.state(|s| s.in_flight == 1).await;
    rig.cancel.cancel();
    within(&mut rig.link.task).await.unwrap();
    assert!(
        rig.outbox.is_empty(),
        "the answer came in time and was heeded"
    );
    let id = rig.outbox.append();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(rig.outbox.has(id), "nothing is sent any more");
}
