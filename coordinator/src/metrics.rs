//! Counters in the Prometheus text format. Labels take their values from code, never from
//! clients, so that their number stays bounded.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use http::Method;
use prometheus_client::{
    collector::Collector,
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};

/// Everything that `/metrics` shows.
pub struct Metrics(Mutex<Registry>);

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self(Mutex::new(Registry::with_prefix("goshawk_coordinator")))
    }
}

impl Metrics {
    /// Adds metrics to the page.
    pub fn register(&self, add: impl FnOnce(&mut Registry)) {
        add(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Adds a collector that is asked at every scrape.
    pub fn collect(&self, collector: impl Collector + 'static) {
        self.register(|registry| registry.register_collector(Box::new(collector)));
    }

    /// The page.
    pub fn page(&self) -> Result<String, fmt::Error> {
        let mut page = String::new();
        encode(
            &mut page,
            &self.0.lock().unwrap_or_else(PoisonError::into_inner),
        )?;
        Ok(page)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    service: &'static str,
    path: String,
    status_code: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    service: &'static str,
    path: String,
}

/// Requests of all services.
pub struct HttpMetrics {
    requests: Family<RequestLabels, Counter>,
    seconds: Family<RouteLabels, Histogram, fn() -> Histogram>,
}

impl HttpMetrics {
    /// Registers the counters.
    pub fn new(metrics: &Metrics) -> Self {
        let this = Self {
            requests: Family::default(),
            seconds: Family::new_with_constructor(|| {
                Histogram::new(exponential_buckets(0.001, 4.0, 9))
            }),
        };
        metrics.register(|registry| {
            registry.register("http_requests", "Requests answered", this.requests.clone());
            registry.register(
                "http_request_seconds",
                "Time to answer",
                this.seconds.clone(),
            );
        });
        this
    }

    /// Counts one answered request; `route` is the template, not the path.
    pub fn record(
        &self,
        service: &'static str,
        method: &Method,
        route: &'static str,
        status: u16,
        took: Duration,
    ) {
        let method = match method.as_str() {
            known @ ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS") => known,
            _ => "OTHER",
        };
        let path = format!("{method}:{route}");
        self.requests
            .get_or_create(&RequestLabels {
                service,
                path: path.clone(),
                status_code: status,
            })
            .inc();
        self.seconds
            .get_or_create(&RouteLabels { service, path })
            .observe(took.as_secs_f64());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_template() {
        let metrics = Metrics::default();
        let http = HttpMetrics::new(&metrics);
        http.record(
            "api",
            &Method::GET,
            "/6/lists/{list_id}",
            200,
            Duration::from_millis(3),
        );
        let page = metrics.page().unwrap();
        let line = "goshawk_coordinator_http_requests_total{service=\"api\",path=\"GET:/6/lists/{list_id}\",status_code=\"200\"} 1";
        assert!(page.contains(line), "{page}");
    }
}
