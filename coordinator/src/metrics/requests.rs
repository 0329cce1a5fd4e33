//! Requests of all services, under the names that the contract's page uses.

use std::{
    fmt::{self, Write},
    time::Duration,
};

use http::Method;
use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder},
    metrics::{counter::Counter, family::Family, histogram::Histogram},
};

use super::{ListenerFamilies, ListenerMetrics, Metrics};

/// Upper bounds of the times to answer, in seconds: the contract's.
const SECONDS: [f64; 19] = [
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75,
    1.0, 2.5, 5.0, 7.5, 10.0,
];

/// A method and a path template: `GET:/6/lists/{list_id}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Route {
    method: &'static str,
    template: &'static str,
}

impl Route {
    fn new(method: &Method, template: &'static str) -> Self {
        let method = match *method {
            Method::GET => "GET",
            Method::HEAD => "HEAD",
            Method::POST => "POST",
            Method::PUT => "PUT",
            Method::PATCH => "PATCH",
            Method::DELETE => "DELETE",
            Method::OPTIONS => "OPTIONS",
            // Methods are the client's to invent.
            _ => "OTHER",
        };
        Self { method, template }
    }
}

impl EncodeLabelValue for Route {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
        write!(encoder, "{}:{}", self.method, self.template)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CountLabels {
    service: &'static str,
    path: Route,
    status_code: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TimeLabels {
    service: &'static str,
    route: Route,
    status_code: u16,
}

/// The counters.
pub struct HttpMetrics {
    count: Family<CountLabels, Counter>,
    seconds: Family<TimeLabels, Histogram, fn() -> Histogram>,
    listeners: ListenerFamilies,
}

impl HttpMetrics {
    /// Registers them.
    pub fn new(metrics: &Metrics) -> Self {
        let this = Self {
            count: Family::default(),
            seconds: Family::new_with_constructor(|| Histogram::new(SECONDS)),
            listeners: ListenerFamilies::new(metrics),
        };
        metrics.register_plain(|registry| {
            let count = this.count.clone();
            registry.register("request_count", "Requests answered", count);
            let help = "Time to answer in seconds";
            registry.register("requests", help, this.seconds.clone());
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
        let route = Route::new(method, route);
        let count = CountLabels {
            service,
            path: route,
            status_code: status,
        };
        self.count.get_or_create(&count).inc();
        let time = TimeLabels {
            service,
            route,
            status_code: status,
        };
        self.seconds
            .get_or_create(&time)
            .observe(took.as_secs_f64());
    }

    /// The counters of one service's listener.
    pub fn listener(&self, service: &'static str) -> ListenerMetrics {
        self.listeners.of(service)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_template() {
        let metrics = Metrics::default();
        let http = HttpMetrics::new(&metrics);
        let took = Duration::from_millis(3);
        http.record("api", &Method::GET, "/6/lists/{list_id}", 200, took);
        let made_up = Method::from_bytes(b"FROBNICATE").unwrap();
        http.record("api", &made_up, "(unknown)", 404, took);
        let page = metrics.page().unwrap();
        for line in [
            "request_count_total{service=\"api\",path=\"GET:/6/lists/{list_id}\",status_code=\"200\"} 1",
            "request_count_total{service=\"api\",path=\"OTHER:(unknown)\",status_code=\"404\"} 1",
            "requests_bucket{le=\"0.0025\",service=\"api\",route=\"GET:/6/lists/{list_id}\",status_code=\"200\"} 0",
            "requests_bucket{le=\"0.005\",service=\"api\",route=\"GET:/6/lists/{list_id}\",status_code=\"200\"} 1",
            "requests_count{service=\"api\",route=\"GET:/6/lists/{list_id}\",status_code=\"200\"} 1",
        ] {
            assert!(page.lines().any(|given| given == line), "{line}\n{page}");
        }
        assert!(!page.contains("FROBNICATE"));
    }
}
