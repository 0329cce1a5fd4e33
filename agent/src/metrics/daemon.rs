//! What the outbox and the link tell.

use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

use super::{Level, durations};
use crate::link::LinkState;

/// What the outbox tells.
#[derive(Clone, Debug, Default)]
pub struct OutboxMetrics {
    /// Bytes of events on disk.
    pub bytes: Gauge,
    /// Events on disk.
    pub records: Gauge,
    /// Age of the oldest event on disk, in seconds.
    pub oldest_age: Level,
    /// Events that wait in memory for the disk to accept them.
    pub deferred: Gauge,
    /// Attempts to write that failed.
    pub failures: Counter,
    /// Events appended.
    pub appended: Counter,
}

impl OutboxMetrics {
    pub(super) fn register(&self, to: &mut Registry) {
        to.register(
            "outbox_bytes",
            "Bytes of events on disk",
            self.bytes.clone(),
        );
        to.register("outbox_records", "Events on disk", self.records.clone());
        to.register(
            "outbox_oldest_age_seconds",
            "Age of the oldest event on disk",
            self.oldest_age.clone(),
        );
        to.register(
            "outbox_deferred",
            "Events in memory until the disk accepts them",
            self.deferred.clone(),
        );
        to.register(
            "outbox_failures",
            "Writes that failed",
            self.failures.clone(),
        );
        to.register("outbox_appended", "Events appended", self.appended.clone());
    }
}

/// What previews tell.
#[derive(Clone, Debug, Default)]
pub struct ViewMetrics {
    /// Who looks through a camera now.
    pub viewers: Gauge,
    /// Viewers refused because there were too many.
    pub refused: Counter,
    /// Pictures made for viewers.
    pub pictures: Counter,
}

impl ViewMetrics {
    pub(super) fn register(&self, to: &mut Registry) {
        to.register(
            "preview_viewers",
            "Who looks through a camera now",
            self.viewers.clone(),
        );
        to.register(
            "preview_refused",
            "Viewers refused because there were too many",
            self.refused.clone(),
        );
        to.register(
            "preview_pictures",
            "Pictures made for viewers",
            self.pictures.clone(),
        );
    }
}

/// What the link to the coordinator tells.
#[derive(Clone, Debug)]
pub struct LinkMetrics {
    /// 1 while connected.
    pub up: Gauge,
    /// Events acknowledged by the coordinator.
    pub acknowledged: Counter,
    /// Seconds from an event's append to its acknowledgement.
    pub latency: Histogram,
    round_trip: Level,
    clock_offset: Level,
    certificate_ends: Level,
    renewals: Counter,
    in_flight: Gauge,
    connects: Counter,
    pushes: Counter,
    duplicates: Counter,
    retries: Counter,
    timeouts: Counter,
}

impl LinkMetrics {
    pub(super) fn new() -> Self {
        Self {
            up: Gauge::default(),
            acknowledged: Counter::default(),
            latency: durations(),
            round_trip: Level::default(),
            clock_offset: Level::default(),
            certificate_ends: Level::default(),
            renewals: Counter::default(),
            in_flight: Gauge::default(),
            connects: Counter::default(),
            pushes: Counter::default(),
            duplicates: Counter::default(),
            retries: Counter::default(),
            timeouts: Counter::default(),
        }
    }

    pub(super) fn register(&self, to: &mut Registry) {
        to.register(
            "link_up",
            "1 while connected to the coordinator",
            self.up.clone(),
        );
        to.register(
            "link_acknowledged",
            "Events acknowledged",
            self.acknowledged.clone(),
        );
        to.register(
            "link_latency_seconds",
            "From append to acknowledgement",
            self.latency.clone(),
        );
        to.register(
            "link_round_trip_seconds",
            "Round-trip time to the coordinator",
            self.round_trip.clone(),
        );
        to.register(
            "certificate_expiry_timestamp_seconds",
            "When this agent's certificate ends, in seconds since 1970",
            self.certificate_ends.clone(),
        );
        to.register(
            "certificate_renewals",
            "Times that the certificate was renewed",
            self.renewals.clone(),
        );
        to.register(
            "link_clock_offset_seconds",
            "Coordinator's clock minus ours when it last welcomed this agent",
            self.clock_offset.clone(),
        );
        to.register(
            "link_in_flight",
            "Events sent and not answered",
            self.in_flight.clone(),
        );
        to.register(
            "link_connects",
            "Connections that the coordinator welcomed",
            self.connects.clone(),
        );
        to.register(
            "link_pushes",
            "Events sent, repeats included",
            self.pushes.clone(),
        );
        to.register(
            "link_duplicates",
            "Events that the coordinator had already",
            self.duplicates.clone(),
        );
        to.register(
            "link_retries",
            "Events that the coordinator could not take yet",
            self.retries.clone(),
        );
        to.register(
            "link_timeouts",
            "Events sent and not answered in time",
            self.timeouts.clone(),
        );
    }

    /// Takes the link's own state over; its totals never fall.
    pub fn take(&self, state: &LinkState) {
        let totals = &state.totals;
        self.up.set(i64::from(state.connected));
        self.round_trip
            .set(state.rtt.unwrap_or_default().as_secs_f64());
        if let Some(ends) = state.certificate_ends {
            self.certificate_ends.set(ends.unix_micros() as f64 / 1e6);
        }
        if let Some(millis) = state.clock_offset_ms {
            self.clock_offset.set(millis as f64 / 1_000.0);
        }
        self.in_flight
            .set(i64::try_from(state.in_flight).unwrap_or(i64::MAX));
        for (counter, total) in [
            (&self.connects, totals.connects),
            (&self.pushes, totals.pushes),
            (&self.duplicates, totals.duplicates),
            (&self.retries, totals.retries),
            (&self.timeouts, totals.timeouts),
            (&self.renewals, state.renewals),
        ] {
            counter.inc_by(total.saturating_sub(counter.get()));
        }
    }
}
