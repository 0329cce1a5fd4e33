//! The way of stored events to whoever listens in this process.
//!
//! Bounded: a subscriber that falls behind by more than the capacity loses the oldest messages,
//! alone; it is told how many and the loss is counted. Publishing never waits.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use goshawk_coordinator_core::event::StoredEvent;
use tokio::sync::{
    broadcast::{self, error::RecvError},
    watch,
};

/// What a subscriber receives.
#[derive(Clone, Debug)]
pub enum Delivery {
    /// An event of any account.
    Event(Arc<StoredEvent>),
    /// So many events were lost, because the subscriber was too slow.
    Lagged(u64),
}

/// Counters since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BusStats {
    /// Events published.
    pub published: u64,
    /// Events that some subscriber lost, each counted per subscriber.
    pub lagged: u64,
    /// Who listens now.
    pub subscribers: usize,
}

#[derive(Debug, Default)]
struct Counters {
    published: AtomicU64,
    lagged: AtomicU64,
}

/// The bus. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Bus {
    sender: broadcast::Sender<Arc<StoredEvent>>,
    published: watch::Sender<u64>,
    counters: Arc<Counters>,
}

/// One listener.
#[derive(Debug)]
pub struct Subscription {
    receiver: broadcast::Receiver<Arc<StoredEvent>>,
    counters: Arc<Counters>,
}

impl Bus {
    /// Keeps the last `capacity` events for those who are behind.
    pub fn new(capacity: usize) -> Self {
        Self {
            sender: broadcast::channel(capacity.clamp(1, 1 << 20)).0,
            published: watch::channel(0).0,
            counters: Arc::default(),
        }
    }

    /// Hands an event to all who listen now.
    pub fn publish(&self, event: Arc<StoredEvent>) {
        self.counters.published.fetch_add(1, Ordering::Relaxed);
        // An error says that nobody listens, which is no fault.
        let _ = self.sender.send(event);
        self.published.send_modify(|count| *count += 1);
    }

    /// Changes with every event published. For those who read events elsewhere and want to be
    /// woken only: they are no listeners.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.published.subscribe()
    }

    /// Listens from now on.
    pub fn subscribe(&self) -> Subscription {
        Subscription {
            receiver: self.sender.subscribe(),
            counters: self.counters.clone(),
        }
    }

    /// Whether anybody listens now.
    pub fn has_listeners(&self) -> bool {
        self.sender.receiver_count() > 0
    }

    /// Counters since the start.
    pub fn stats(&self) -> BusStats {
        BusStats {
            published: self.counters.published.load(Ordering::Relaxed),
            lagged: self.counters.lagged.load(Ordering::Relaxed),
            subscribers: self.sender.receiver_count(),
        }
    }
}

impl Subscription {
    /// The next delivery; `None` when the bus is gone. Cancelling it loses nothing.
    pub async fn next(&mut self) -> Option<Delivery> {
        match self.receiver.recv().await {
            Ok(event) => Some(Delivery::Event(event)),
            Err(RecvError::Lagged(lost)) => {
                self.counters.lagged.fetch_add(lost, Ordering::Relaxed);
                Some(Delivery::Lagged(lost))
            }
            Err(RecvError::Closed) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::conformance::sample_event;

    async fn number(subscription: &mut Subscription) -> u128 {
        match subscription.next().await {
            Some(Delivery::Event(event)) => event.event_id.0.as_u128() & 0xfff,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn a_slow_subscriber_loses_alone_and_is_told() {
        let bus = Bus::new(4);
        let (mut fast, mut slow) = (bus.subscribe(), bus.subscribe());
        for n in 0..10 {
            bus.publish(Arc::new(sample_event(n)));
            assert_eq!(number(&mut fast).await, n);
        }
        match slow.next().await {
            Some(Delivery::Lagged(lost)) => assert_eq!(lost, 6),
            other => panic!("{other:?}"),
        }
        assert_eq!(number(&mut slow).await, 6);
        assert_eq!(
            bus.stats(),
            BusStats {
                published: 10,
                lagged: 6,
                subscribers: 2
            }
        );
    }

    #[tokio::test]
    async fn the_end_of_the_bus_is_told() {
        let bus = Bus::new(4);
        let mut subscription = bus.subscribe();
        bus.publish(Arc::new(sample_event(1)));
        drop(bus);
        assert_eq!(number(&mut subscription).await, 1);
        assert!(subscription.next().await.is_none());
    }
}
