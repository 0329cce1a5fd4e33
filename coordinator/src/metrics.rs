//! Counters in the Prometheus text format. Labels take their values from code, never from
//! clients, so that their number stays bounded.

mod listeners;
mod process;
mod requests;

use std::{
    fmt,
    sync::{Mutex, PoisonError},
};

use prometheus_client::{
    collector::Collector,
    encoding::text::{encode_eof, encode_registry},
    metrics::{counter::Counter, gauge::Gauge},
    registry::Registry,
};

use listeners::ListenerFamilies;
pub use listeners::ListenerMetrics;
pub use requests::HttpMetrics;

/// Everything that `/metrics` shows: our own under `goshawk_coordinator_`, and what others have
/// named as they named it.
pub struct Metrics {
    ours: Mutex<Registry>,
    plain: Mutex<Registry>,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let mut plain = Registry::default();
        plain.register_collector(Box::new(process::ProcessCollector));
        Self {
            ours: Mutex::new(Registry::with_prefix("goshawk_coordinator")),
            plain: Mutex::new(plain),
        }
    }
}

impl Metrics {
    /// Adds metrics of ours to the page; their names get the prefix.
    pub fn register(&self, add: impl FnOnce(&mut Registry)) {
        add(&mut self.ours.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Adds metrics whose names are given from outside.
    pub fn register_plain(&self, add: impl FnOnce(&mut Registry)) {
        add(&mut self.plain.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Adds a collector that is asked at every scrape.
    pub fn collect(&self, collector: impl Collector + 'static) {
        self.register(|registry| registry.register_collector(Box::new(collector)));
    }

    /// The page.
    pub fn page(&self) -> Result<String, fmt::Error> {
        let mut page = String::new();
        for registry in [&self.plain, &self.ours] {
            let registry = registry.lock().unwrap_or_else(PoisonError::into_inner);
            encode_registry(&mut page, &registry)?;
        }
        encode_eof(&mut page)?;
        Ok(page)
    }
}

/// Subscribers and messages of the sender.
#[derive(Clone, Default, Debug)]
pub struct SenderMetrics {
    /// Connected subscribers.
    pub subscribers: Gauge,
    /// Messages handed to subscribers' connections.
    pub sent: Counter,
    /// Messages lost because a subscriber was slow.
    pub lost: Counter,
    /// Subscribers closed because they were slow or silent.
    pub closed_slow: Counter,
    /// Subscriptions refused because there were too many.
    pub refused: Counter,
}

impl SenderMetrics {
    /// Registers the counters.
    pub fn new(metrics: &Metrics) -> Self {
        let this = Self::default();
        metrics.register(|registry| {
            let sender = registry.sub_registry_with_prefix("sender");
            sender.register(
                "subscribers",
                "Connected subscribers",
                this.subscribers.clone(),
            );
            sender.register("messages_sent", "Messages sent", this.sent.clone());
            sender.register(
                "messages_lost",
                "Messages lost by slow subscribers",
                this.lost.clone(),
            );
            sender.register(
                "subscribers_closed_slow",
                "Slow subscribers closed",
                this.closed_slow.clone(),
            );
            sender.register(
                "subscribers_refused",
                "Subscriptions over the limit",
                this.refused.clone(),
            );
        });
        this
    }
}
