//! The embedded store on `sled`.
//!
//! **One writer.** Every change is planned under one mutex against the committed state and applied
//! as one atomic batch, so a method sees no half-done change of another and a crash leaves all of
//! a change or nothing. Readers take no lock.
//!
//! **Group commit.** After its batch a method waits for the one flusher thread (see [`flusher`]),
//! which answers all who wait with a single `fsync`; the mutex is free meanwhile.
//!
//! **Layout.** Two trees: `rows`, and `bulk` for encoded envelopes, whose size would make the
//! pages of small rows expensive to rewrite. Keys are in [`keys`], values in [`codec`].

mod accounts;
mod attributes;
mod codec;
mod events;
mod faces;
mod flusher;
mod handlers;
mod incoming;
mod keys;
mod lists;
mod streams;

use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

use ::sled::{Batch, Db, IVec, Transactional, Tree, transaction::TransactionError};

use super::{FaceChange, FaceObserver, StoreError, Stored};
use flusher::Flusher;

/// Version of the key and row layout that this code reads and writes.
const SCHEMA: u32 = 1;

/// How the database is opened.
#[derive(Clone, Copy, Debug)]
pub struct SledOptions {
    /// Memory for cached pages in bytes.
    pub cache_bytes: u64,
}

impl Default for SledOptions {
    fn default() -> Self {
        Self {
            cache_bytes: 128 << 20,
        }
    }
}

/// The embedded store.
pub struct SledStore {
    db: Db,
    rows: Tree,
    bulk: Tree,
    writer: Mutex<()>,
    flusher: Flusher,
    observer: RwLock<Option<Arc<dyn FaceObserver>>>,
}

/// One atomic change on its way.
#[derive(Default)]
struct Change {
    rows: Batch,
    bulk: Batch,
    touches_rows: bool,
    touches_bulk: bool,
    faces: Vec<FaceChange>,
}

impl Change {
    fn put(&mut self, key: impl Into<IVec>, value: impl Into<IVec>) {
        self.touches_rows = true;
        self.rows.insert(key, value);
    }

    fn remove(&mut self, key: impl Into<IVec>) {
        self.touches_rows = true;
        self.rows.remove(key);
    }

    fn put_bulk(&mut self, key: impl Into<IVec>, value: impl Into<IVec>) {
        self.touches_bulk = true;
        self.bulk.insert(key, value);
    }

    fn remove_bulk(&mut self, key: impl Into<IVec>) {
        self.touches_bulk = true;
        self.bulk.remove(key);
    }
}

impl SledStore {
    /// Opens or makes the database in `dir`. A database of another layout is refused.
    pub fn open(dir: &Path, options: SledOptions) -> Stored<Arc<Self>> {
        let config = ::sled::Config::new()
            .path(dir)
            .cache_capacity(options.cache_bytes)
            .mode(::sled::Mode::HighThroughput);
        let db = config.open().map_err(fault)?;
        let rows = db.open_tree("rows").map_err(fault)?;
        let bulk = db.open_tree("bulk").map_err(fault)?;
        let flusher = Flusher::start(db.clone())?;
        let store = Self {
            db,
            rows,
            bulk,
            writer: Mutex::new(()),
            flusher,
            observer: RwLock::new(None),
        };
        store.check_schema()?;
        Ok(Arc::new(store))
    }

    fn check_schema(&self) -> Stored<()> {
        let found = self.rows.get(keys::SCHEMA).map_err(fault)?;
        match found.as_deref() {
            None => self.write(|change| {
                change.put(keys::SCHEMA, &SCHEMA.to_be_bytes());
                Ok(())
            }),
            Some(bytes) if bytes == SCHEMA.to_be_bytes() => Ok(()),
            Some(bytes) => Err(StoreError::Corrupt {
                what: "schema version",
                message: format!("the database has layout {bytes:?}, this program reads {SCHEMA}"),
            }),
        }
    }

    /// Tells `observer` of every later change to faces, in commit order.
    pub fn set_observer(&self, observer: Arc<dyn FaceObserver>) {
        *self
            .observer
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Some(observer);
    }

    /// Makes everything durable. Called once more by dropping the store.
    pub fn close(&self) -> Stored<()> {
        self.flusher.flush()
    }

    /// Size of the database on disk in bytes.
    pub fn disk_bytes(&self) -> Stored<u64> {
        self.db.size_on_disk().map_err(fault)
    }

    fn lock(&self) -> MutexGuard<'_, ()> {
        // The mutex guards no data of its own: after a panic the committed state is still whole.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Plans and applies one atomic change and waits until it is durable.
    fn write<T>(&self, plan: impl FnOnce(&mut Change) -> Stored<T>) -> Stored<T> {
        let (out, changed) = self.apply(plan)?;
        if changed {
            self.flusher.flush()?;
        }
        Ok(out)
    }

    /// As [`Self::write`], durable only with some later change.
    fn write_relaxed<T>(&self, plan: impl FnOnce(&mut Change) -> Stored<T>) -> Stored<T> {
        self.apply(plan).map(|(out, _)| out)
    }

    fn apply<T>(&self, plan: impl FnOnce(&mut Change) -> Stored<T>) -> Stored<(T, bool)> {
        self.flusher.check()?;
        let lock = self.lock();
        let mut change = Change::default();
        let out = plan(&mut change)?;
        let changed = change.touches_rows || change.touches_bulk;
        match (change.touches_rows, change.touches_bulk) {
            (_, true) => apply_both(&self.rows, &self.bulk, &change.rows, &change.bulk)?,
            (true, false) => self.rows.apply_batch(change.rows).map_err(fault)?,
            (false, false) => {}
        }
        if !change.faces.is_empty() {
            let observer = self.observer.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(observer) = observer.as_ref() {
                observer.changed(&change.faces);
            }
        }
        drop(lock);
        Ok((out, changed))
    }

    fn get(&self, key: impl AsRef<[u8]>) -> Stored<Option<IVec>> {
        self.rows.get(key).map_err(fault)
    }

    fn has(&self, key: impl AsRef<[u8]>) -> Stored<bool> {
        self.rows.contains_key(key).map_err(fault)
    }

    /// Rows under a prefix, in key order.
    fn scan(&self, prefix: &[u8]) -> impl DoubleEndedIterator<Item = Stored<(IVec, IVec)>> + use<> {
        self.rows.scan_prefix(prefix).map(|row| row.map_err(fault))
    }

    fn next_seq(&self) -> Stored<u64> {
        self.db.generate_id().map_err(fault)
    }
}

fn apply_both(rows: &Tree, bulk: &Tree, row_batch: &Batch, bulk_batch: &Batch) -> Stored<()> {
    let done = (rows, bulk).transaction(|(rows, bulk)| {
        rows.apply_batch(row_batch)?;
        bulk.apply_batch(bulk_batch)?;
        Ok(())
    });
    done.map_err(|error: TransactionError<()>| match error {
        TransactionError::Abort(()) => StoreError::unavailable("the transaction was aborted"),
        TransactionError::Storage(error) => fault(error),
    })
}

/// One layer's error into the next: what sled says becomes what callers branch on.
fn fault(error: ::sled::Error) -> StoreError {
    match error {
        ::sled::Error::Corruption { .. } => StoreError::Corrupt {
            what: "database",
            message: error.to_string(),
        },
        other => StoreError::unavailable(other.to_string()),
    }
}

#[cfg(test)]
mod tests;
