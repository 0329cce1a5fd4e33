//! Records on disk: what the outbox needs of a disk, and that on `sled`.
//!
//! Two properties of sled 0.34 shape this file. Its `flush` writes with `sync_file_range(2)`,
//! which flushes neither the file's length nor the drive's cache, so an append here is followed by
//! `fdatasync` of the database file. And a page above about 128 KiB becomes a file of its own that
//! sled never syncs; a leaf page holds at most 17 values before it splits, so values are cut into
//! pieces of [`PIECE_BYTES`] and no page grows that large.
//!
//! Keys: `m` and sequence → moment of the append, length, event id, stream id; `p`, sequence and piece → bytes;
//! `n` → the lowest sequence not yet given. All numbers are big-endian. Head and pieces of a record
//! are written in one atomic batch.

use std::{
    fs::{File, TryLockError},
    io,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use goshawk_proto::{
    id::{EventId, StreamId},
    time::Timestamp,
};
use parking::ReadWrite;

use super::ballast::Ballast;

/// Largest value given to sled: 17 of them and their keys fit a page that sled keeps in its log.
const PIECE_BYTES: usize = 6 * 1024;
/// Memory that sled may use for pages, in bytes.
const CACHE_BYTES: u64 = 32 << 20;

/// How long a database that was closed may keep its lock. After a failed write sled's own threads
/// hold it for some milliseconds more than whoever dropped it.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);

/// A record's identity and size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Position in the outbox.
    pub sequence: u64,
    /// The event's id.
    pub event_id: EventId,
    /// Length of the encoded event.
    pub bytes: u32,
    /// When it was appended.
    pub appended_at: Timestamp,
    /// The stream that saw it; `None` in records of older versions.
    pub stream: Option<StreamId>,
}

/// Why the disk did not do as told.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Less space is free than must stay free.
    #[error("{free} bytes are free on the disk of the outbox, want at least {wanted}")]
    NoSpace {
        /// Bytes free now.
        free: u64,
        /// Bytes that must be free for the write.
        wanted: u64,
    },
    /// The operating system refused.
    #[error("disk of the outbox: {0}")]
    Io(#[from] io::Error),
    /// The database refused.
    #[error("database of the outbox: {0}")]
    Database(#[from] sled::Error),
    /// What was read is not what was written.
    #[error("the outbox is damaged: {0}")]
    Damaged(String),
}

/// What the outbox needs of a disk.
pub trait RecordStore: Send + Sync + 'static {
    /// Every record's head, oldest first, and the lowest sequence that was never given.
    fn load(&self) -> Result<(Vec<Head>, u64), StoreError>;
    /// Writes records; when this returns `Ok`, they survive a loss of power. On an error none of
    /// them counts as written.
    fn append(&self, records: &[(Head, &[u8])]) -> Result<(), StoreError>;
    /// The bytes of a record; `None` when there is no such record.
    fn read(&self, sequence: u64) -> Result<Option<Vec<u8>>, StoreError>;
    /// Deletes records; those that are not there are skipped. May be undone by a crash.
    fn remove(&self, sequences: &[u64]) -> Result<(), StoreError>;
    /// Called after an error, before the next attempt: makes a failed store usable again.
    fn recover(&self) -> Result<(), StoreError>;
}

/// [`RecordStore`] on sled.
pub struct SledStore {
    dir: PathBuf,
    min_free: u64,
    ballast: Ballast,
    /// `None` after a failed [`RecordStore::recover`].
    open: ReadWrite<Option<Open>>,
}

struct Open {
    db: sled::Db,
    /// The file that sled writes to, opened once more to be synced.
    log: File,
}

/// A lock that forgives a panic of another holder: the data below is replaced whole, never
/// half-written.
mod parking {
    use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

    pub struct ReadWrite<T>(RwLock<T>);

    impl<T> ReadWrite<T> {
        pub fn new(value: T) -> Self {
            Self(RwLock::new(value))
        }
        pub fn read(&self) -> RwLockReadGuard<'_, T> {
            self.0.read().unwrap_or_else(PoisonError::into_inner)
        }
        pub fn write(&self) -> RwLockWriteGuard<'_, T> {
            self.0.write().unwrap_or_else(PoisonError::into_inner)
        }
    }
}

impl Open {
    fn at(dir: &Path) -> Result<Self, StoreError> {
        await_lock(&dir.join("db"))?;
        let db = sled::Config::new()
            .path(dir)
            .cache_capacity(CACHE_BYTES)
            .flush_every_ms(None)
            .mode(sled::Mode::LowSpace)
            .open()?;
        let log = File::open(dir.join("db"))?;
        log.sync_all()?;
        File::open(dir)?.sync_all()?;
        Ok(Self { db, log })
    }

    fn commit(&self, batch: sled::Batch) -> Result<(), StoreError> {
        self.db.apply_batch(batch)?;
        self.db.flush()?;
        self.log.sync_data()?;
        Ok(())
    }
}

impl SledStore {
    /// Opens or creates the database in `dir`. A damaged one is moved aside to `dir.damaged-N` and
    /// an empty one is started, because an agent that sees must not stop seeing.
    ///
    /// `min_free`: bytes of the disk that appends leave free.
    pub fn open(dir: &Path, min_free: u64) -> Result<Self, StoreError> {
        std::fs::create_dir_all(dir)?;
        let ballast = Ballast::beside(dir);
        let open = match open_with(dir, &ballast) {
            Err(StoreError::Database(sled::Error::Corruption { .. })) => {
                let aside = free_name(dir);
                tracing::error!(kept = %aside.display(), "the outbox is damaged; it is moved aside and an empty one is started");
                std::fs::rename(dir, &aside)?;
                std::fs::create_dir_all(dir)?;
                Open::at(dir)?
            }
            other => other?,
        };
        Ok(Self {
            dir: dir.to_owned(),
            min_free,
            ballast,
            open: ReadWrite::new(Some(open)),
        })
    }

    fn with<T>(&self, work: impl FnOnce(&Open) -> Result<T, StoreError>) -> Result<T, StoreError> {
        match self.open.read().as_ref() {
            Some(open) => work(open),
            None => Err(StoreError::Io(io::Error::other(
                "the database is closed after a failure",
            ))),
        }
    }

    fn read_once(&self, sequence: u64) -> Result<Option<Vec<u8>>, StoreError> {
        self.with(|open| {
            let key = head_key(sequence);
            let Some(value) = open.db.get(key)? else {
                return Ok(None);
            };
            let damaged = || StoreError::Damaged(format!("record {sequence}"));
            let head = read_head(&key, &value).ok_or_else(damaged)?;
            let mut bytes = Vec::with_capacity(head.bytes as usize);
            for piece in 0..pieces(head.bytes as usize) {
                let piece = open.db.get(piece_key(sequence, piece))?;
                bytes.extend_from_slice(&piece.ok_or_else(damaged)?);
            }
            if bytes.len() == head.bytes as usize {
                Ok(Some(bytes))
            } else {
                Err(damaged())
            }
        })
    }

    fn check_space(&self, bytes: u64) -> Result<(), StoreError> {
        let disk = rustix::fs::statvfs(&self.dir).map_err(io::Error::from)?;
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        let wanted = self.min_free.saturating_add(bytes);
        if free < wanted {
            return Err(StoreError::NoSpace { free, wanted });
        }
        self.ballast.take(free, self.min_free);
        Ok(())
    }
}

/// Waits until nobody holds the lock that sled takes on its `file`, at most [`LOCK_PATIENCE`]. Who
/// holds it longer is another process, and sled says so.
fn await_lock(file: &Path) -> io::Result<()> {
    let file = match File::open(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    let deadline = Instant::now() + LOCK_PATIENCE;
    loop {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                thread::sleep(Duration::from_millis(5));
            }
            Err(TryLockError::Error(error)) => return Err(error),
            // Dropping the file gives the lock back.
            Ok(()) | Err(TryLockError::WouldBlock) => return Ok(()),
        }
    }
}

/// Opens the database; on a full disk with the room of the ballast.
///
/// sled writes a snapshot of its page table when it opens, and on a full disk leaves it cut short;
/// from then on it takes the whole database for damaged. Snapshots only save time: without them
/// sled reads its log from the start. So they go before anybody believes in damage.
fn open_with(dir: &Path, ballast: &Ballast) -> Result<Open, StoreError> {
    let error = match Open::at(dir) {
        Ok(open) => return Ok(open),
        Err(error) => error,
    };
    let full = error.is_full() && ballast.release();
    let damaged = matches!(error, StoreError::Database(sled::Error::Corruption { .. }));
    if !full && !damaged {
        return Err(error);
    }
    remove_snapshots(dir)?;
    Open::at(dir)
}

fn remove_snapshots(dir: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with("snap.") {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

impl StoreError {
    /// Whether the disk is full to the last byte.
    fn is_full(&self) -> bool {
        let (Self::Io(error) | Self::Database(sled::Error::Io(error))) = self else {
            return false;
        };
        error.kind() == io::ErrorKind::StorageFull
    }
}

fn free_name(dir: &Path) -> PathBuf {
    let name = |n: u32| {
        let mut name = dir.as_os_str().to_owned();
        name.push(format!(".damaged-{n}"));
        PathBuf::from(name)
    };
    (1..)
        .map(name)
        .find(|path| !path.exists())
        .unwrap_or_else(|| name(0))
}

fn head_key(sequence: u64) -> [u8; 9] {
    let mut key = [b'm'; 9];
    key[1..].copy_from_slice(&sequence.to_be_bytes());
    key
}

fn piece_key(sequence: u64, piece: u16) -> [u8; 11] {
    let mut key = [b'p'; 11];
    key[1..9].copy_from_slice(&sequence.to_be_bytes());
    key[9..].copy_from_slice(&piece.to_be_bytes());
    key
}

const NEXT_KEY: &[u8] = b"n";

fn pieces(bytes: usize) -> u16 {
    // An event is at most 16 MiB, so this is below 2,800.
    u16::try_from(bytes.div_ceil(PIECE_BYTES)).unwrap_or(u16::MAX)
}

fn write_head(head: &Head) -> Vec<u8> {
    let mut value = Vec::with_capacity(44);
    value.extend(head.appended_at.unix_micros().to_be_bytes());
    value.extend(head.bytes.to_be_bytes());
    value.extend(head.event_id.as_bytes());
    if let Some(stream) = head.stream {
        value.extend(stream.as_bytes());
    }
    value
}

fn read_head(key: &[u8], value: &[u8]) -> Option<Head> {
    let sequence = u64::from_be_bytes(key.get(1..9)?.try_into().ok()?);
    let micros = i64::from_be_bytes(value.get(..8)?.try_into().ok()?);
    let bytes = u32::from_be_bytes(value.get(8..12)?.try_into().ok()?);
    let id: [u8; 16] = value.get(12..28)?.try_into().ok()?;
    Some(Head {
        sequence,
        event_id: EventId(uuid::Uuid::from_bytes(id)),
        bytes,
        appended_at: Timestamp::from_unix_micros(micros),
        stream: read_stream(value),
    })
}

/// The stream at the end of a head; older versions wrote none.
fn read_stream(value: &[u8]) -> Option<StreamId> {
    let id: [u8; 16] = value.get(28..44)?.try_into().ok()?;
    Some(StreamId(uuid::Uuid::from_bytes(id)))
}

impl RecordStore for SledStore {
    fn load(&self) -> Result<(Vec<Head>, u64), StoreError> {
        self.with(|open| {
            let mut heads = Vec::new();
            for entry in open.db.scan_prefix(b"m") {
                let (key, value) = entry?;
                match read_head(&key, &value) {
                    Some(head) => heads.push(head),
                    None => return Err(StoreError::Damaged("a record's head".to_owned())),
                }
            }
            let stored = open.db.get(NEXT_KEY)?;
            let stored = stored
                .and_then(|value| value.as_ref().try_into().ok())
                .map_or(0, u64::from_be_bytes);
            let next = heads
                .last()
                .map_or(stored, |head| stored.max(head.sequence + 1));
            Ok((heads, next))
        })
    }

    fn append(&self, records: &[(Head, &[u8])]) -> Result<(), StoreError> {
        let total: u64 = records.iter().map(|(_, bytes)| bytes.len() as u64).sum();
        self.check_space(total)?;
        let mut batch = sled::Batch::default();
        for (head, bytes) in records {
            for (number, piece) in bytes.chunks(PIECE_BYTES).enumerate() {
                let number = u16::try_from(number).map_err(|_| {
                    StoreError::Damaged("a record of more than 65,535 pieces".to_owned())
                })?;
                batch.insert(&piece_key(head.sequence, number), piece);
            }
            batch.insert(&head_key(head.sequence), write_head(head));
            batch.insert(NEXT_KEY, &(head.sequence + 1).to_be_bytes());
        }
        self.with(|open| open.commit(batch))
    }

    fn read(&self, sequence: u64) -> Result<Option<Vec<u8>>, StoreError> {
        match self.read_once(sequence) {
            // sled splits a page that grew too large when it next meets it, even to read it, and
            // that takes room.
            Err(error) if error.is_full() && self.ballast.release() => self.read_once(sequence),
            other => other,
        }
    }

    fn remove(&self, sequences: &[u64]) -> Result<(), StoreError> {
        self.with(|open| {
            let mut batch = sled::Batch::default();
            for &sequence in sequences {
                let key = head_key(sequence);
                let Some(value) = open.db.get(key)? else {
                    continue;
                };
                batch.remove(&key);
                let bytes = read_head(&key, &value).map_or(0, |head| head.bytes as usize);
                for piece in 0..pieces(bytes) {
                    batch.remove(&piece_key(sequence, piece));
                }
            }
            open.db.apply_batch(batch)?;
            // Past sled's own buffers, so that a killed process does not send all of it again.
            open.db.flush()?;
            Ok(())
        })
    }

    fn recover(&self) -> Result<(), StoreError> {
        let mut slot = self.open.write();
        // A database that failed once refuses everything after; only opening it anew helps, and
        // its lock must go first.
        drop(slot.take());
        *slot = Some(open_with(&self.dir, &self.ballast)?);
        Ok(())
    }
}
