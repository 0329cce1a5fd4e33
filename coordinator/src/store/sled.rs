//! The embedded store on `sled`.
//!
//! **One writer.** Every change is planned under one mutex against the committed state and applied
//! as one atomic batch, so a method sees no half-done change of another and a crash leaves all of
//! a change or nothing. Readers take no lock.
//!
//! **Group commit.** After its batch a method waits for the one flusher thread (see `flusher`),
//! which answers all who wait with a single `fsync`; the mutex is free meanwhile. What a method
//! answers with `Ok` survives a loss of power.
//!
//! **Layout.** One tree. Keys are in `keys`, values in `codec`; large values are cut, see
//! `pieces`; every value ends in a checksum, see `seal`, that is verified whenever it is read.
//! Older layouts are brought up at opening, see `migrate`.
//!
//! **A full disk.** Changes are refused while the reserve is still there (see [`crate::room`]);
//! nothing is half done then, reading goes on, and writing resumes with the room. Should a write
//! fail all the same, sled takes no more until it is opened again: the store then acknowledges
//! nothing further and says so in [`SledStore::fault`], for the process to start anew. Until then
//! a reader may see changes that were never acknowledged.

mod accounts;
mod agents;
mod attributes;
mod check;
mod codec;
mod counters;
mod events;
mod faces;
mod flusher;
mod groups;
mod handlers;
mod incoming;
mod journal;
mod keys;
mod lists;
mod load;
mod migrate;
mod pieces;
mod seal;
mod snapshot;
mod stream_logs;
mod streams;
mod tokens;

use std::{
    fs::{File, TryLockError},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    time::{Duration, Instant},
};

use ::sled::{Db, IVec, Tree};

use super::{FaceChange, FaceObserver, StoreError, Stored};
use crate::room::{Need, NoRoom, RETRY_WHEN_FULL, Room};
pub use check::{CheckReport, Checker, Finding};
pub use counters::StoreStats;
use counters::{Counters, Deltas};
use flusher::Flusher;
pub use load::{Loader, is_whole};
pub use migrate::SCHEMA;
use pieces::Changes;
pub use snapshot::{RawRow, Snapshot};

/// How long a database that was closed may keep its lock: threads of sled's own hold it for some
/// milliseconds more than whoever dropped it.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);

/// How the database is opened.
#[derive(Clone, Copy, Debug)]
pub struct SledOptions {
    /// Memory for cached pages in bytes.
    pub cache_bytes: u64,
    /// Bytes of the disk that are never used up.
    pub reserve_bytes: u64,
}

impl Default for SledOptions {
    fn default() -> Self {
        Self {
            cache_bytes: 128 << 20,
            reserve_bytes: 64 << 20,
        }
    }
}

/// The embedded store.
pub struct SledStore {
    db: Db,
    rows: Tree,
    /// Held by the one writer; in it, what a snapshot under way still needs of the past.
    writer: Mutex<Option<snapshot::Past>>,
    flusher: Flusher,
    room: Room,
    counters: Counters,
    observer: RwLock<Option<Arc<dyn FaceObserver>>>,
}

/// One atomic change on its way.
#[derive(Default)]
struct Change {
    rows: Changes,
    faces: Vec<FaceChange>,
    deltas: Deltas,
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
    /// Opens or makes the database in `dir`, brought up to the layout [`SCHEMA`]. One of a newer
    /// layout is refused.
    pub fn open(dir: &Path, options: SledOptions) -> Stored<Arc<Self>> {
        let db = open_database(dir, options).map_err(fault)?;
        let rows = db.open_tree("rows").map_err(fault)?;
        let flusher = Flusher::start(db.clone(), dir)?;
        migrate::run(&rows, &flusher)?;
        let store = Self {
            db,
            rows,
            writer: Mutex::new(None),
            flusher,
            room: Room::new(dir, Some(dir.join("db")), options.reserve_bytes),
            counters: Counters::default(),
            observer: RwLock::new(None),
        };
        store.count_queues()?;
        Ok(Arc::new(store))
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

    /// Why nothing can be written until the database is opened again; `None` while all is well.
    pub fn fault(&self) -> Option<String> {
        self.flusher.broken()
    }

    /// Room on the disk of the database.
    pub fn room(&self) -> &Room {
        &self.room
    }

    fn lock(&self) -> MutexGuard<'_, Option<snapshot::Past>> {
        // After a panic the committed state is still whole, and so is what was kept of the past.
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
        let mut writer = self.lock();
        let mut change = Change::default();
        let out = plan(&mut change)?;
        let changed = !change.rows.is_empty();
        if changed {
            self.room.check(need(&change.rows)).map_err(no_room)?;
            let laid = self.lay(change.rows)?;
            if let Some(past) = writer.as_mut() {
                past.keep(&laid, &self.rows)?;
            }
            let batch = pieces::batch(laid);
            self.flusher.apply(&self.rows, batch)?;
            self.counters.apply(&change.deltas);
        }
        if !change.faces.is_empty() {
            let observer = self.observer.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(observer) = observer.as_ref() {
                observer.changed(&change.faces);
            }
        }
        drop(writer);
        Ok((out, changed))
    }

    fn get(&self, key: impl AsRef<[u8]>) -> Stored<Option<IVec>> {
        let key = key.as_ref();
        match self.rows.get(key).map_err(fault)? {
            None => Ok(None),
            Some(value) => self.whole(key, self.unseal(key, &value)?),
        }
    }

    fn has(&self, key: impl AsRef<[u8]>) -> Stored<bool> {
        let key = key.as_ref();
        let found = self.rows.get(key).map_err(fault)?;
        found.map_or(Ok(false), |value| self.unseal(key, &value).map(|_| true))
    }

    /// The content of a value, if its checksum is right.
    fn unseal(&self, key: &[u8], value: &IVec) -> Stored<IVec> {
        match seal::content_len(key, value) {
            Some(length) => Ok(value.subslice(0, length)),
            None => Err(self.damaged(key)),
        }
    }

    fn damaged(&self, key: &[u8]) -> StoreError {
        self.counters.damaged();
        StoreError::Corrupt {
            what: keys::what(key),
            message: format!("the checksum of row {} is wrong", keys::shown(key)),
        }
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
            Ok((key, value)) => {
                let value = self.unseal(&key, &value);
                match value.and_then(|value| self.whole(&key, value)) {
                    Ok(value) => value.map(|value| Ok((key, value))),
                    Err(error) => Some(Err(error)),
                }
            }
            Err(error) => Some(Err(error)),
        })
    }

    /// A place in the queues, higher than all before. Places begin at 1, so that 0 can mean
    /// "before all".
    fn next_seq(&self) -> Stored<u64> {
        match self.db.generate_id().map_err(fault)? {
            0 => self.db.generate_id().map_err(fault),
            seq => Ok(seq),
        }
    }
}

/// Opens the database. A snapshot that was cut short, as a full disk leaves it, makes sled take
/// the whole database for damaged; snapshots only save time at opening, so they go before anybody
/// believes in damage, and the log is read from its start.
fn open_database(dir: &Path, options: SledOptions) -> Result<Db, ::sled::Error> {
    await_lock(&dir.join("db"))?;
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

/// Waits for whoever still holds the lock of the database, at most [`LOCK_PATIENCE`]; of who holds
/// it longer, another process, sled itself tells.
fn await_lock(file: &Path) -> std::io::Result<()> {
    let file = match File::open(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    let began = Instant::now();
    while let Err(TryLockError::WouldBlock) = file.try_lock() {
        if began.elapsed() > LOCK_PATIENCE {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// Whether a change only removes.
fn need(rows: &Changes) -> Need {
    if rows.values().all(Option::is_none) {
        Need::Shrink
    } else {
        Need::Grow
    }
}

fn no_room(error: NoRoom) -> StoreError {
    StoreError::Unavailable {
        after: RETRY_WHEN_FULL,
        message: error.to_string(),
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
