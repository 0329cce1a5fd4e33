//! The embedded store on `sled`.
//!
//! **One writer.** Every change is planned under one mutex against the committed state and applied
//! as one atomic batch, so a method sees no half-done change of another and a crash leaves all of
//! a change or nothing. Readers take no lock.
//!
//! **Group commit.** After its batch a method waits for the one flusher thread (see `flusher`),
//! which answers all who wait with a single `fsync`; the mutex is free meanwhile.
//!
//! **Layout.** One tree. Keys are in `keys`, values in `codec`; large values are cut, see
//! `pieces`.

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
mod pieces;
mod streams;

use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

use ::sled::{Db, IVec, Tree};

use super::{FaceChange, FaceObserver, StoreError, Stored};
use flusher::Flusher;
use pieces::Changes;

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
    writer: Mutex<()>,
    flusher: Flusher,
    observer: RwLock<Option<Arc<dyn FaceObserver>>>,
}

/// One atomic change on its way.
#[derive(Default)]
struct Change {
    rows: Changes,
    faces: Vec<FaceChange>,
}

impl Change {
    fn put(&mut self, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        self.rows.insert(key.into(), Some(value.into()));
    }

    fn remove(&mut self, key: impl Into<Vec<u8>>) {
        self.rows.insert(key.into(), None);
    }
}

impl SledStore {
    /// Opens or makes the database in `dir`. A database of another layout is refused.
    pub fn open(dir: &Path, options: SledOptions) -> Stored<Arc<Self>> {
        let db = open_database(dir, options).map_err(fault)?;
        let rows = db.open_tree("rows").map_err(fault)?;
        let flusher = Flusher::start(db.clone(), dir)?;
        let store = Self {
            db,
            rows,
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
                change.put(keys::SCHEMA, SCHEMA.to_be_bytes());
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
        let changed = !change.rows.is_empty();
        if changed {
            self.rows
                .apply_batch(self.lay(change.rows)?)
                .map_err(fault)?;
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
        let key = key.as_ref();
        let found = self.rows.get(key).map_err(fault)?;
        found.map_or(Ok(None), |value| self.whole(key, value))
    }

    fn has(&self, key: impl AsRef<[u8]>) -> Stored<bool> {
        self.rows.contains_key(key).map_err(fault)
    }

    /// Rows under a prefix, in key order.
    fn scan<'s>(
        &'s self,
        prefix: &[u8],
    ) -> impl DoubleEndedIterator<Item = Stored<(IVec, IVec)>> + use<'s> {
        self.wholes(self.rows.scan_prefix(prefix))
    }

    /// Rows from `low` to before `high`, in key order; `low` must be smaller.
    fn range<'s>(
        &'s self,
        low: Vec<u8>,
        high: Vec<u8>,
    ) -> impl DoubleEndedIterator<Item = Stored<(IVec, IVec)>> + use<'s> {
        self.wholes(self.rows.range(low..high))
    }

    fn wholes<'s>(
        &'s self,
        rows: ::sled::Iter,
    ) -> impl DoubleEndedIterator<Item = Stored<(IVec, IVec)>> + use<'s> {
        rows.filter_map(|row| match row.map_err(fault) {
            // A row that has gone since it was listed is left out.
            Ok((key, value)) => match self.whole(&key, value) {
                Ok(value) => value.map(|value| Ok((key, value))),
                Err(error) => Some(Err(error)),
            },
            Err(error) => Some(Err(error)),
        })
    }

    fn next_seq(&self) -> Stored<u64> {
        self.db.generate_id().map_err(fault)
    }
}

/// Opens the database. A snapshot that was cut short, as a full disk leaves it, makes sled take
/// the whole database for damaged; snapshots only save time at opening, so they go before anybody
/// believes in damage, and the log is read from its start.
fn open_database(dir: &Path, options: SledOptions) -> Result<Db, ::sled::Error> {
    let open = || {
        ::sled::Config::new()
            .path(dir)
            .cache_capacity(options.cache_bytes)
            .mode(::sled::Mode::HighThroughput)
            .open()
    };
    match open() {
        Err(::sled::Error::Corruption { .. }) => {
            tracing::warn!("the database looks damaged; reading its log without snapshots");
            for entry in std::fs::read_dir(dir)? {
                let entry = entry?;
                if entry.file_name().to_string_lossy().starts_with("snap.") {
                    std::fs::remove_file(entry.path())?;
                }
            }
            open()
        }
        other => other,
    }
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
