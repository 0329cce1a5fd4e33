//! Connections and TLS of the HTTP listeners.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use super::Metrics;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Service {
    service: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct End {
    service: &'static str,
    end: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    service: &'static str,
    result: &'static str,
}

/// The counters of all listeners.
#[derive(Clone, Default)]
pub(super) struct ListenerFamilies {
    open: Family<Service, Gauge>,
    limit: Family<Service, Gauge>,
    accepted: Family<Service, Counter>,
    crowded: Family<Service, Counter>,
    waits: Family<Service, Counter>,
    ends: Family<End, Counter>,
    handshakes: Family<Outcome, Counter>,
    reloads: Family<Outcome, Counter>,
    expiry: Family<Service, Gauge>,
}

impl ListenerFamilies {
    /// Registers them.
    pub(super) fn new(metrics: &Metrics) -> Self {
        let this = Self::default();
        metrics.register(|registry| {
            this.register_connections(registry);
            this.register_tls(registry);
        });
        this
    }

    fn register_connections(&self, registry: &mut Registry) {
        let http = registry.sub_registry_with_prefix("http");
        let open = "Connections open, those handed over to WebSocket subscribers not counted";
        http.register("connections", open, self.open.clone());
        let limit = "Connections that may be open at once";
        http.register("connections_limit", limit, self.limit.clone());
        let accepted = "Connections accepted";
        http.register("connections_accepted", accepted, self.accepted.clone());
        let crowded = "Connections closed at once, as their address had too many";
        http.register("connections_refused", crowded, self.crowded.clone());
        let waits = "Times that all connections were taken and further clients had to wait";
        http.register("connections_waits", waits, self.waits.clone());
        let ends = "Connections ended, by what ended them";
        http.register("connections_ended", ends, self.ends.clone());
    }

    fn register_tls(&self, registry: &mut Registry) {
        let tls = registry.sub_registry_with_prefix("tls");
        let handshakes = "TLS handshakes, by how they went";
        tls.register("handshakes", handshakes, self.handshakes.clone());
        let reloads = "Times that a certificate was read again, by whether it was taken";
        tls.register("reloads", reloads, self.reloads.clone());
        let expiry = "End of the certificate's validity in seconds since 1970";
        let name = "certificate_expiry_timestamp_seconds";
        tls.register(name, expiry, self.expiry.clone());
    }

    pub(super) fn of(&self, service: &'static str) -> ListenerMetrics {
        let label = Service { service };
        ListenerMetrics {
            service,
            open: self.open.get_or_create(&label).clone(),
            limit: self.limit.get_or_create(&label).clone(),
            accepted: self.accepted.get_or_create(&label).clone(),
            crowded: self.crowded.get_or_create(&label).clone(),
            waits: self.waits.get_or_create(&label).clone(),
            families: self.clone(),
        }
    }
}

/// The counters of one service's listener.
#[derive(Clone)]
pub struct ListenerMetrics {
    service: &'static str,
    /// Connections open.
    pub open: Gauge,
    /// Connections that may be open.
    pub limit: Gauge,
    /// Connections accepted.
    pub accepted: Counter,
    /// Connections closed because of their address.
    pub crowded: Counter,
    /// Times that clients had to wait for a connection.
    pub waits: Counter,
    families: ListenerFamilies,
}

impl ListenerMetrics {
    /// Counts the end of a connection.
    pub fn ended(&self, end: &'static str) {
        let service = self.service;
        let label = End { service, end };
        self.families.ends.get_or_create(&label).inc();
    }

    fn outcome(&self, result: &'static str) -> Outcome {
        let service = self.service;
        Outcome { service, result }
    }

    /// Counts a handshake.
    pub fn handshake(&self, result: &'static str) {
        let label = self.outcome(result);
        self.families.handshakes.get_or_create(&label).inc();
    }

    /// Counts a reading of the certificate after the first.
    pub fn reloaded(&self, is_taken: bool) {
        let label = self.outcome(if is_taken { "taken" } else { "refused" });
        self.families.reloads.get_or_create(&label).inc();
    }

    /// Shows when the certificate ends, in seconds since 1970.
    pub fn certificate_expires(&self, at_s: i64) {
        let service = self.service;
        let label = Service { service };
        self.families.expiry.get_or_create(&label).set(at_s);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_without_tls_shows_no_certificate() {
        let metrics = Metrics::default();
        let families = ListenerFamilies::new(&metrics);
        let api = families.of("api");
        let sender = families.of("sender");
        api.certificate_expires(1_800_000_000);
        sender.crowded.inc();
        sender.ended("idle");
        let page = metrics.page().unwrap();
        for line in [
            "goshawk_coordinator_tls_certificate_expiry_timestamp_seconds{service=\"api\"} 1800000000",
            "goshawk_coordinator_http_connections_refused_total{service=\"sender\"} 1",
            "goshawk_coordinator_http_connections_ended_total{service=\"sender\",end=\"idle\"} 1",
        ] {
            assert!(page.lines().any(|given| given == line), "{line}\n{page}");
        }
        assert!(!page.contains("expiry_timestamp_seconds{service=\"sender\"}"));
    }
}
