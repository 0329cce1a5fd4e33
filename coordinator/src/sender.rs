//! WebSocket subscribers: each gets the events of its account that pass its filters.
//!
//! Every subscriber reads the bus at its own pace. One that falls behind loses messages alone:
//! its connection is closed with code 1013 and the number of lost messages, so that it knows to
//! read the gap from `/6/events` and to subscribe anew. Silent connections are found by pings.

use std::{sync::Arc, time::Duration};

use futures_util::{Sink, SinkExt, Stream, StreamExt};
use goshawk_coordinator_core::{event::StoredEvent, event_filter::EventFilters};
use goshawk_proto::id::AccountId;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, MissedTickBehavior},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use warp::ws::{Message, WebSocket};

use crate::{
    bus::{Bus, Delivery, Subscription},
    errors::{ApiError, Code},
    metrics::SenderMetrics,
};

/// Pause between pings.
const PING_EVERY: Duration = Duration::from_secs(20);
/// A subscriber that has not been heard for so long is gone.
const SILENCE: Duration = Duration::from_secs(60);
/// Longest wait for one message to be taken.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);
/// Largest message that a subscriber may send us; nothing is expected.
pub const MAX_INCOMING: usize = 4 << 10;
/// Close code: going away.
const GOING_AWAY: u16 = 1001;
/// Close code: try again later.
const TRY_AGAIN: u16 = 1013;

/// What a subscriber wants.
#[derive(Debug)]
pub struct Wish {
    /// Whose events.
    pub account: AccountId,
    /// Which of them.
    pub filters: EventFilters,
}

impl Wish {
    fn accept(&self, event: &StoredEvent) -> bool {
        event.account_id == self.account && self.filters.accept(event)
    }
}

/// Accepts subscribers up to a limit.
pub struct Sender {
    bus: Bus,
    slots: Arc<Semaphore>,
    metrics: SenderMetrics,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// The right to one subscription, already listening.
pub struct Ticket {
    subscription: Subscription,
    slot: OwnedSemaphorePermit,
}

impl Sender {
    /// Serves at most `most` subscribers until `stop`.
    pub fn new(
        bus: Bus,
        most: usize,
        metrics: SenderMetrics,
        stop: CancellationToken,
    ) -> Arc<Self> {
        Arc::new(Self {
            bus,
            slots: Arc::new(Semaphore::new(most)),
            metrics,
            tasks: TaskTracker::new(),
            stop,
        })
    }

    /// A place for one more subscriber. It listens from now on, so that nothing published after
    /// the handshake's answer is missed.
    pub fn admit(&self) -> Result<Ticket, ApiError> {
        let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() else {
            self.metrics.refused.inc();
            let wait = Duration::from_secs(10);
            return Err(Code::ProcessingTimeout
                .with(wait.as_secs())
                .retry_after(wait));
        };
        Ok(Ticket {
            subscription: self.bus.subscribe(),
            slot,
        })
    }

    /// Serves a subscriber until one side has had enough.
    pub async fn serve(self: Arc<Self>, socket: WebSocket, ticket: Ticket, wish: Wish) {
        let this = Arc::clone(&self);
        let task = self.tasks.track_future(async move {
            this.metrics.subscribers.inc();
            let (code, reason) = this.converse(socket, ticket.subscription, &wish).await;
            tracing::debug!(account = %wish.account, code, "subscriber gone: {reason}");
            this.metrics.subscribers.dec();
            drop(ticket.slot);
        });
        task.await;
    }

    /// Waits for every subscriber to be told about the shutdown.
    pub async fn closed(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    async fn converse<S>(&self, socket: S, mut events: Subscription, wish: &Wish) -> (u16, String)
    where
        S: Stream<Item = Result<Message, warp::Error>> + Sink<Message>,
    {
        let (mut sink, mut source) = socket.split();
        let mut pings = tokio::time::interval_at(Instant::now() + PING_EVERY, PING_EVERY);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard = Instant::now();
        let (code, reason) = loop {
            let message = tokio::select! {
                () = self.stop.cancelled() => break (GOING_AWAY, "shutting down".to_owned()),
                delivery = events.next() => match delivery {
                    Some(Delivery::Event(event)) if wish.accept(&event) => Message::text(event.message().to_string()),
                    Some(Delivery::Event(_)) => continue,
                    Some(Delivery::Lagged(count)) => {
                        self.metrics.lost.inc_by(count);
                        self.metrics.closed_slow.inc();
                        break (TRY_AGAIN, format!("too slow: {count} messages lost"));
                    }
                    None => break (GOING_AWAY, "shutting down".to_owned()),
                },
                incoming = source.next() => match incoming {
                    Some(Ok(message)) if message.is_close() => return (1000, "closed by the subscriber".to_owned()),
                    Some(Ok(_)) => {
                        heard = Instant::now();
                        continue;
                    }
                    Some(Err(_)) | None => return (1006, "connection lost".to_owned()),
                },
                _ = pings.tick() => {
                    if heard.elapsed() > SILENCE {
                        self.metrics.closed_slow.inc();
                        break (TRY_AGAIN, "no answer to pings".to_owned());
                    }
                    Message::ping(Vec::new())
                },
            };
            let counted = message.is_text();
            match tokio::time::timeout(SEND_TIMEOUT, sink.send(message)).await {
                Ok(Ok(())) => {
                    if counted {
                        self.metrics.sent.inc();
                    }
                }
                Ok(Err(_)) => return (1006, "connection lost".to_owned()),
                Err(_) => {
                    self.metrics.closed_slow.inc();
                    return (1006, "does not take messages".to_owned());
                }
            }
        };
        let goodbye = async {
            // Nothing is left to do for a connection that does not take its goodbye.
            let _ = sink.send(Message::close_with(code, reason.clone())).await;
            let _ = sink.close().await;
        };
        let _ = tokio::time::timeout(Duration::from_secs(2), goodbye).await;
        (code, reason)
    }
}

#[cfg(test)]
mod tests;
