//! What a stream's thread is to do next: one order at most, the newest.
//!
//! The order and the stopper of the open source are under one lock, so an order always ends the
//! source that was open when it came and never the one that is opened to follow it.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use goshawk_proto::stream::StreamSpec;

use super::StopSource;

/// What a stream's thread is told.
pub(super) enum Order {
    /// Go on with this specification.
    Update(Arc<StreamSpec>),
    /// End.
    Stop,
}

#[derive(Default)]
struct Slots {
    order: Option<Order>,
    stopper: Option<StopSource>,
}

/// Shared by those who give orders and the thread that takes them.
#[derive(Default)]
pub(super) struct Mailbox {
    slots: Mutex<Slots>,
    came: Condvar,
}

impl Mailbox {
    /// Leaves an order in place of one not yet taken, except that nothing replaces
    /// [`Order::Stop`], and ends the source that is open. Never waits for the thread.
    pub fn put(&self, order: Order) {
        let mut slots = self.lock();
        if !matches!(slots.order, Some(Order::Stop)) {
            slots.order = Some(order);
        }
        let stop = slots.stopper.take();
        drop(slots);
        self.came.notify_one();
        if let Some(stop) = stop {
            stop();
        }
    }

    /// The order, if there is one.
    pub fn take(&self) -> Option<Order> {
        self.lock().order.take()
    }

    /// The same, waiting at most so long for one.
    pub fn wait(&self, patience: Duration) -> Option<Order> {
        let empty = |slots: &mut Slots| slots.order.is_none();
        self.came
            .wait_timeout_while(self.lock(), patience, empty)
            .unwrap_or_else(PoisonError::into_inner)
            .0
            .order
            .take()
    }

    /// Whether an order waits.
    pub fn has_order(&self) -> bool {
        self.lock().order.is_some()
    }

    /// Says how the next order ends the source that is open now; `None` when there is none.
    pub fn set_stopper(&self, stopper: Option<StopSource>) {
        self.lock().stopper = stopper;
    }

    fn lock(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The giving end. Dropping it is an order to stop.
pub(super) struct Orders(pub Arc<Mailbox>);

impl Drop for Orders {
    fn drop(&mut self) {
        self.0.put(Order::Stop);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn update(version: u64) -> Order {
        let spec = serde_json::json!({
            "stream_id": "11111111-1111-4111-8111-111111111111",
            "version": version,
            "data": {
                "type": "videofile",
                "reference": "a.mp4",
                "analytics": [{"event_handler": {"handler_id": "0b61258c-434f-45d6-964f-2131e58cd58c"}}],
            },
        });
        Order::Update(Arc::new(serde_json::from_value(spec).unwrap()))
    }

    #[test]
    fn any_number_of_orders_waits_for_nobody_and_stop_wins() {
        let mail = Mailbox::default();
        (1..=100).for_each(|version| mail.put(update(version)));
        assert!(matches!(mail.take(), Some(Order::Update(spec)) if spec.version == 100));
        assert!(!mail.has_order());
        mail.put(Order::Stop);
        mail.put(update(101));
        assert!(matches!(mail.wait(Duration::ZERO), Some(Order::Stop)));
        assert!(mail.wait(Duration::ZERO).is_none());
    }

    #[test]
    fn an_order_ends_the_open_source_once_and_never_its_successor() {
        let mail = Arc::new(Mailbox::default());
        let (old, new) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (ended, successor, thread) = (Arc::clone(&old), Arc::clone(&new), Arc::clone(&mail));
        mail.set_stopper(Some(Box::new(move || {
            ended.fetch_add(1, Ordering::SeqCst);
            // The thread is quick: it takes the order and opens again before this returns.
            assert!(thread.take().is_some());
            let successor = Arc::clone(&successor);
            thread.set_stopper(Some(Box::new(move || {
                successor.fetch_add(1, Ordering::SeqCst);
            })));
        })));
        mail.put(update(1));
        assert_eq!(old.load(Ordering::SeqCst), 1);
        assert_eq!(new.load(Ordering::SeqCst), 0);
        mail.put(Order::Stop);
        assert_eq!(new.load(Ordering::SeqCst), 1);
    }
}
