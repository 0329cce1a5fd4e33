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
