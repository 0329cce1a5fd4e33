//! Subscribers over a socket made of channels.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use goshawk_coordinator_core::{
    event_filter::Subscription,
    query::{Pairs, Parameters},
};
use serde_json::json;
use tokio::sync::mpsc;
use tokio_util::sync::{PollSendError, PollSender};

use super::*;
use crate::metrics::Metrics;

/// A socket whose other end takes messages when it likes and says nothing.
struct Pipe(PollSender<Message>);

fn pipe(capacity: usize) -> (Pipe, mpsc::Receiver<Message>) {
    let (sender, receiver) = mpsc::channel(capacity);
    (Pipe(PollSender::new(sender)), receiver)
}

impl Stream for Pipe {
    type Item = Result<Message, warp::Error>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Pending
    }
}

impl Sink<Message> for Pipe {
    type Error = PollSendError<Message>;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_reserve(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), Self::Error> {
        self.0.send_item(message)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.close();
        Poll::Ready(Ok(()))
    }
}

fn event(account: AccountId, source: &str) -> Arc<StoredEvent> {
    let id = uuid::Uuid::new_v4();
    let body = json!({
        "event_id": id, "account_id": account, "handler_id": id, "create_time": "2026-11-20T12:00:00Z",
        "end_time": "2026-11-20T12:00:01Z", "detections": [], "stored": true, "source": source,
    });
    Arc::new(serde_json::from_value(body).unwrap())
}

fn sender(bus: &Bus, most: usize) -> (Arc<Sender>, CancellationToken) {
    let stop = CancellationToken::new();
    let metrics = SenderMetrics::new(&Metrics::default());
    (Sender::new(bus.clone(), most, metrics, stop.clone()), stop)
}

fn wish(account: AccountId, query: &[(&str, &str)]) -> Wish {
    let pairs: Vec<_> = query
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect();
    Wish {
        account,
        filters: Subscription::read(Pairs(&pairs)).unwrap().0,
    }
}

#[tokio::test]
async fn the_slow_subscriber_loses_messages_alone_and_is_told() {
    let (bus, account) = (Bus::new(4), AccountId::random());
    let (sender, stop) = sender(&bus, 8);
    let (slow_in, mut slow_out) = pipe(1);
    let (fast_in, mut fast_out) = pipe(100);
    let spawn = |pipe, ticket: Ticket| {
        let sender = Arc::clone(&sender);
        tokio::spawn(async move {
            let end = sender
                .converse(pipe, ticket.subscription, &wish(account, &[]))
                .await;
            drop(ticket.slot);
            end
        })
    };
    let slow = spawn(slow_in, sender.admit().unwrap());
    let fast = spawn(fast_in, sender.admit().unwrap());
    for _ in 0..20 {
        bus.publish(event(account, "yard"));
        let message = fast_out.recv().await.unwrap();
        assert!(message.is_text());
    }
    let mut got = Vec::new();
    while let Some(message) = slow_out.recv().await {
        got.push(message);
    }
    let (code, reason) = slow.await.unwrap();
    assert_eq!(code, TRY_AGAIN);
    assert!(reason.contains("messages lost"), "{reason}");
    assert_eq!(got.last().unwrap().close_frame().unwrap().0, TRY_AGAIN);
    assert_eq!(sender.metrics.closed_slow.get(), 1);
    assert_eq!(sender.metrics.lost.get() as usize + got.len() - 1 + 4, 20);
    stop.cancel();
    assert_eq!(fast.await.unwrap().0, GOING_AWAY);
}

#[tokio::test]
async fn subscribers_hear_their_account_and_filters_only() {
    let (bus, account) = (Bus::new(16), AccountId::random());
    let (sender, stop) = sender(&bus, 8);
    let (pipe, mut out) = pipe(16);
    let ticket = sender.admit().unwrap();
    bus.publish(event(AccountId::random(), "yard"));
    bus.publish(event(account, "door"));
    let wanted = event(account, "yard");
    bus.publish(Arc::clone(&wanted));
    let serve = {
        let sender = Arc::clone(&sender);
        let wish = wish(account, &[("sources", "yard")]);
        tokio::spawn(async move { sender.converse(pipe, ticket.subscription, &wish).await })
    };
    let message = out.recv().await.unwrap();
    assert!(
        message
            .to_str()
            .unwrap()
            .contains(&wanted.event_id.to_string())
    );
    stop.cancel();
    assert!(out.recv().await.unwrap().is_close());
    serve.await.unwrap();
}

#[tokio::test]
async fn subscribers_over_the_limit_are_refused() {
    let (sender, _stop) = sender(&Bus::new(4), 1);
    let first = sender.admit().unwrap();
    let error = sender.admit().err().unwrap();
    assert_eq!(
        (error.status().as_u16(), error.retry_after_s()),
        (503, Some(10))
    );
    drop(first);
    assert!(sender.admit().is_ok());
}
