//! Counters of the other drivers on the metrics page, read when it is asked for.

use std::{fmt, sync::Arc};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
};

use crate::{
    blobs::Blobs,
    bus::Bus,
    ingest::Ingest,
    matcher::Matcher,
    metrics::Metrics,
    process::Processor,
    store::sled::{SledStore, StoreStats},
};

/// One number with its name and meaning.
enum Reading {
    /// Only rises.
    Total(&'static str, &'static str, u64),
    /// Goes up and down.
    Now(&'static str, &'static str, u64),
}

use Reading::{Now, Total};

struct Readings(Box<dyn Fn() -> Vec<Reading> + Send + Sync>);

impl fmt::Debug for Readings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Readings")
    }
}

impl Collector for Readings {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        for reading in (self.0)() {
            match reading {
                Total(name, help, value) => {
                    let counter = ConstCounter::new(value);
                    counter.encode(encoder.encode_descriptor(
                        name,
                        help,
                        None,
                        counter.metric_type(),
                    )?)?;
                }
                Now(name, help, value) => {
                    let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
                    gauge.encode(encoder.encode_descriptor(
                        name,
                        help,
                        None,
                        gauge.metric_type(),
                    )?)?;
                }
            }
        }
        Ok(())
    }
}

/// Puts the drivers' counters on the page.
pub fn register(
    metrics: &Metrics,
    ingest: &Arc<Ingest>,
    processor: &Arc<Processor>,
    matcher: &Arc<Matcher>,
    bus: &Bus,
) {
    let (ingest, processor) = (Arc::clone(ingest), Arc::clone(processor));
    let (matcher, bus) = (Arc::clone(matcher), bus.clone());
    metrics.collect(Readings(Box::new(move || {
        let mut all = of_ingest(&ingest);
        all.extend(of_processor(&processor));
        all.extend(of_matcher(&matcher));
        all.extend(of_bus(&bus));
        all
    })));
}

/// Puts the store's numbers on the page.
pub fn register_store(metrics: &Metrics, store: &Arc<SledStore>, blobs: &Blobs) {
    let (store, blobs) = (Arc::clone(store), blobs.clone());
    metrics.collect(Readings(Box::new(move || of_store(&store.stats(), &blobs))));
}

fn of_store(stats: &StoreStats, blobs: &Blobs) -> Vec<Reading> {
    vec![
        Total(
            "store_damaged",
            "Damaged rows that were read and not served",
            stats.damaged,
        ),
        Total(
            "blobs_damaged",
            "Damaged images that were read and not served",
            blobs.damaged(),
        ),
        Total(
            "store_refused_full",
            "Changes refused because the disk is full",
            stats.refused_full,
        ),
        Total(
            "blobs_refused_full",
            "Images refused because the disk is full",
            blobs.refused_full(),
        ),
        Now(
            "store_free_bytes",
            "Bytes free on the disk of the database",
            stats.free_bytes,
        ),
        Now("store_bytes", "Size of the database", stats.disk_bytes),
        Now(
            "store_broken",
            "1 when writing has ended until the next start",
            u64::from(stats.broken),
        ),
        Now("store_waits", "Events that wait", stats.waits),
        Now("store_dead", "Events set aside", stats.dead),
        Total(
            "store_dead_dropped",
            "Events set aside that were forgotten because there were too many",
            stats.dead_dropped,
        ),
    ]
}

fn of_ingest(ingest: &Ingest) -> Vec<Reading> {
    let stats = ingest.stats();
    vec![
        Now(
            "ingest_agents",
            "Agents connected",
            ingest.agents().len() as u64,
        ),
        Total("ingest_links", "Links welcomed", stats.links),
        Total(
            "ingest_failed_handshakes",
            "Handshakes that failed",
            stats.failed_handshakes,
        ),
        Total("ingest_enrolled", "Agents enrolled", stats.enrolled),
        Total(
            "ingest_renewed",
            "Certificates of agents renewed",
            stats.renewed,
        ),
        Total(
            "ingest_renewals_refused",
            "Renewals of certificates refused or failed",
            stats.renewals_refused,
        ),
        Total(
            "ingest_enrolments_refused",
            "Enrolments refused",
            stats.enrolments_refused,
        ),
        Total(
            "ingest_events_committed",
            "Events committed",
            stats.committed,
        ),
        Total(
            "ingest_events_duplicate",
            "Events that had been committed before",
            stats.duplicates,
        ),
        Total(
            "ingest_event_bytes",
            "Bytes of events read",
            stats.event_bytes,
        ),
        Total(
            "ingest_retries",
            "Pushes answered with a wait",
            stats.retries,
        ),
        Total("ingest_rejected", "Pushes refused for good", stats.rejected),
    ]
}

fn of_processor(processor: &Processor) -> Vec<Reading> {
    let stats = processor.stats();
    vec![
        Now(
            "process_pending",
            "Events that wait for processing",
            stats.pending,
        ),
        Total("process_processed", "Events processed", stats.processed),
        Total(
            "process_filtered",
            "Events without a detection that counts",
            stats.filtered,
        ),
        Total("process_retries", "Tries that were repeated", stats.retries),
        Total(
            "process_buried",
            "Events set aside after failing too often",
            stats.buried,
        ),
        Total(
            "process_resent",
            "Messages sent again after a restart",
            stats.resent,
        ),
        Total(
            "process_generated",
            "Events made of pictures",
            stats.generated,
        ),
    ]
}

fn of_matcher(matcher: &Matcher) -> Vec<Reading> {
    let stats = matcher.stats();
    vec![
        Now("matcher_descriptors", "Descriptors held", stats.descriptors),
        Total("matcher_searches", "Searches begun", stats.searches),
        Total(
            "matcher_timeouts",
            "Searches that timed out",
            stats.timeouts,
        ),
        Total("matcher_refused", "Searches refused", stats.refused),
    ]
}

fn of_bus(bus: &Bus) -> Vec<Reading> {
    let stats = bus.stats();
    vec![
        Total("bus_published", "Events published", stats.published),
        Total(
            "bus_lagged",
            "Events lost by listeners that were too slow",
            stats.lagged,
        ),
    ]
}
