//! What the store counts, for the metrics page.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{
    SledStore,
    keys::{Table, key},
};
use crate::store::Stored;

/// Numbers of the embedded store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreStats {
    /// Values whose checksum was wrong, each time one was read.
    pub damaged: u64,
    /// Changes refused because the disk is full.
    pub refused_full: u64,
    /// Bytes free on the disk when last asked.
    pub free_bytes: u64,
    /// Size of the database in bytes.
    pub disk_bytes: u64,
    /// Whether writing has ended until the next start.
    pub broken: bool,
    /// Events that wait to be processed.
    pub waits: u64,
    /// Dead letters kept.
    pub dead: u64,
    /// Dead letters forgotten because there were too many.
    pub dead_dropped: u64,
}

/// How one change moves the gauges.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Deltas {
    /// Events that wait.
    pub(super) waits: i64,
    /// Dead letters.
    pub(super) dead: i64,
    /// Dead letters forgotten.
    pub(super) dead_dropped: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    damaged: AtomicU64,
    waits: AtomicU64,
    dead: AtomicU64,
    dead_dropped: AtomicU64,
}

impl Counters {
    /// A damaged value was read.
    pub(super) fn damaged(&self) {
        self.damaged.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes a change over. By the one writer only.
    pub(super) fn apply(&self, deltas: &Deltas) {
        let step = |gauge: &AtomicU64, delta: i64| {
            if delta != 0 {
                let now = gauge.load(Ordering::Relaxed).saturating_add_signed(delta);
                gauge.store(now, Ordering::Relaxed);
            }
        };
        step(&self.waits, deltas.waits);
        step(&self.dead, deltas.dead);
        self.dead_dropped
            .fetch_add(deltas.dead_dropped, Ordering::Relaxed);
    }
}

impl SledStore {
    /// Counts the queues, once, at opening.
    pub(super) fn count_queues(&self) -> Stored<()> {
        let count = |table| -> Stored<u64> {
            let mut count = 0;
            for row in self.rows.scan_prefix(key(table, &[])).keys() {
                row.map_err(super::fault)?;
                count += 1;
            }
            Ok(count)
        };
        let counters = &self.counters;
        counters
            .waits
            .store(count(Table::Incoming)?, Ordering::Relaxed);
        counters.dead.store(count(Table::Dead)?, Ordering::Relaxed);
        Ok(())
    }

    /// The store's numbers now.
    pub fn stats(&self) -> StoreStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        StoreStats {
            damaged: read(&self.counters.damaged),
            refused_full: self.room.refused(),
            free_bytes: self.room.free().unwrap_or_else(|_| self.room.last_free()),
            disk_bytes: self.disk_bytes().unwrap_or_default(),
            broken: self.fault().is_some(),
            waits: read(&self.counters.waits),
            dead: read(&self.counters.dead),
            dead_dropped: read(&self.counters.dead_dropped),
        }
    }
}
