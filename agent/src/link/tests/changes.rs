//! Coordinators that change, and addresses that do.

use std::net::UdpSocket;

use goshawk_proto::link::PushReply;

use super::{
    super::{dial, push},
    *,
};

/// With a second coordinator, and a short time for each.
fn with_fallback(first: &Coordinator, second: &Coordinator) -> LinkConfig {
    let config = config(first);
    LinkConfig {
        fallback: vec![second.address().to_string()],
        return_period: Duration::from_millis(100),
        shipper: ShipperConfig {
            connect_timeout: Duration::from_millis(300),
            ..config.shipper
        },
        ..config
    }
}

#[tokio::test]
async fn a_second_coordinator_takes_over_until_the_first_is_back() {
    let first = Coordinator::new().await;
    let second = first.sibling().await;
    let mut rig = Rig::with(&first, with_fallback(&first, &second));
    let (one, two) = (first.address().to_string(), second.address().to_string());
    rig.state(|s| s.coordinator.as_ref() == Some(&one)).await;
    assert_eq!(second.hellos(), 0, "the first is the first choice");
    let away = first.stop().await;
    let id = rig.outbox.append();
    rig.state(|s| s.coordinator.as_ref() == Some(&two)).await;
    eventually(|| rig.outbox.is_empty()).await;
    assert!(second.committed().contains(&id));
    let first = away.start().await;
    rig.state(|s| s.coordinator.as_ref() == Some(&one)).await;
    let id = rig.outbox.append();
    eventually(|| first.committed().contains(&id)).await;
    rig.stop().await;
}

#[tokio::test]
async fn when_none_answers_each_is_told() {
    let first = Coordinator::new().await;
    let second = first.sibling().await;
    let config = with_fallback(&first, &second);
    let identity = first.identity();
    let (one, two) = (first.address().to_string(), second.address().to_string());
    let (_first, _second) = (first.stop().await, second.stop().await);
    let cancel = CancellationToken::new();
    let outbox = Arc::new(MemoryOutbox::default());
    let mut link = start(config, identity, outbox, cancel.clone()).unwrap();
    let told = |s: &LinkState| s.last_error.as_ref().is_some_and(|e| e.contains(&two));
    let state = until(&mut link.state, told).await;
    assert!(state.last_error.unwrap().contains(&one));
    cancel.cancel();
    within(link.task).await.unwrap();
}

#[tokio::test]
async fn a_probe_says_who_answers_and_disturbs_no_link() {
    let ours = Coordinator::new().await;
    let foreign = Coordinator::new().await;
    let mut rig = Rig::new(&ours);
    rig.state(|s| s.connected).await;
    let identity = ours.identity();
    within(probe(&ours.address().to_string(), &identity))
        .await
        .unwrap();
    let refused = within(probe(&foreign.address().to_string(), &identity)).await;
    assert!(refused.unwrap_err().contains("does not trust"));
    assert_eq!((ours.hellos(), foreign.hellos()), (1, 0));
    assert_eq!(rig.link.state.borrow().totals.connects, 1);
    rig.stop().await;
}

#[tokio::test]
async fn a_connection_goes_on_when_the_address_changes() {
    let coordinator = Coordinator::new().await;
    let config = Arc::new(config(&coordinator));
    let tls = coordinator.identity().tls().unwrap();
    let welcomed = within(dial::run(config, tls, OutboxFeedback::default())).await;
    let welcomed = welcomed.unwrap();
    let outbox: Arc<MemoryOutbox> = Arc::default();
    let before = welcomed.endpoint.local_addr().unwrap();
    for _ in 0..3 {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        welcomed.endpoint.rebind(socket).unwrap();
        assert_ne!(welcomed.endpoint.local_addr().unwrap(), before);
        outbox.append();
        let record = outbox.peek(None, 10).unwrap().pop().unwrap();
        let pushed = push::run(welcomed.connection.clone(), outbox.clone(), record);
        let push::Pushed::Answered(PushReply::Ack(ack)) = within(pushed).await else {
            panic!("no answer from the new address")
        };
        assert_eq!(ack.event_id, record.event_id);
    }
    assert_eq!(coordinator.hellos(), 1, "the connection is the same");
}

fn renewing(coordinator: &Coordinator, dir: &std::path::Path) -> LinkConfig {
    LinkConfig {
        identity_dir: Some(dir.to_owned()),
        renewal_period: Duration::from_millis(10),
        ..config(coordinator)
    }
}

fn starting(config: LinkConfig, identity: Identity) -> (Link, CancellationToken) {
    let cancel = CancellationToken::new();
    let outbox = Arc::new(MemoryOutbox::default());
    (
        start(config, identity, outbox, cancel.clone()).unwrap(),
        cancel,
    )
}

#[tokio::test]
async fn an_old_certificate_is_renewed_with_a_new_key_and_shown_from_then_on() {
    let coordinator = Coordinator::new().await;
    let dir = tempfile::tempdir().unwrap();
    let old = coordinator.old_identity(dir.path());
    let (agent, ends) = (old.agent_id(), old.validity().unwrap().1);
    let key = std::fs::read(dir.path().join("agent.key.pem")).unwrap();
    let (mut link, cancel) = starting(renewing(&coordinator, dir.path()), old);
    let state = until(&mut link.state, |s| s.renewals == 1).await;
    assert!(state.certificate_ends.unwrap() > ends);
    assert_ne!(
        std::fs::read(dir.path().join("agent.key.pem")).unwrap(),
        key
    );
    assert!(!dir.path().join("agent.next.key.pem").exists());
    let kept = Identity::load(dir.path()).unwrap().unwrap();
    assert_eq!(
        (kept.agent_id(), kept.validity().unwrap().1),
        (agent, state.certificate_ends.unwrap())
    );
    coordinator.send_away(Close::Shutdown);
    until(&mut link.state, |s| s.totals.connects == 2).await;
    let shown = coordinator.shown();
    assert_ne!(shown[0], shown[1]);
    // The new one is not due for long.
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    assert_eq!(coordinator.renewals(), 1);
    cancel.cancel();
    within(link.task).await.unwrap();
}

#[tokio::test]
async fn what_is_refused_or_for_somebody_else_changes_nothing() {
    let coordinator = Coordinator::new().await;
    let dir = tempfile::tempdir().unwrap();
    let old = coordinator.old_identity(dir.path());
    let before = std::fs::read(dir.path().join("agent.crt.pem")).unwrap();
    coordinator.renew_for(None);
    let (link, cancel) = starting(renewing(&coordinator, dir.path()), old);
    eventually(|| coordinator.renewals() >= 1).await;
    coordinator.renew_for(Some(goshawk_proto::id::AgentId::random()));
    let refused = coordinator.renewals();
    eventually(|| coordinator.renewals() >= refused + 2).await;
    assert_eq!(link.state.borrow().renewals, 0);
    assert_eq!(
        std::fs::read(dir.path().join("agent.crt.pem")).unwrap(),
        before
    );
    assert!(link.state.borrow().connected);
    cancel.cancel();
    within(link.task).await.unwrap();
}

#[tokio::test]
async fn a_renewal_cut_off_after_any_step_leaves_a_whole_pair() {
    let coordinator = Coordinator::new().await;
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let old = coordinator.old_identity(dir.path());
    let new = coordinator.old_identity(other.path());
    let copy = |from: &str, to: &str| {
        std::fs::copy(other.path().join(from), dir.path().join(to)).unwrap();
    };
    let whose = || Identity::load(dir.path()).unwrap().unwrap().agent_id();
    copy("agent.key.pem", "agent.next.key.pem");
    assert_eq!(whose(), old.agent_id());
    copy("agent.crt.pem", "agent.crt.pem");
    assert_eq!(whose(), new.agent_id());
    std::fs::rename(
        dir.path().join("agent.next.key.pem"),
        dir.path().join("agent.key.pem"),
    )
    .unwrap();
    assert_eq!(whose(), new.agent_id());
}
