//! Room on a disk: how much may still be written, with a reserve that is never used up.
//!
//! sled 0.34 does not survive a failed write: the first one ends all writing until the database
//! is opened again. So writing stops while there is still room, and goes on when there is more.
//! The reserve also pays for what sled writes on its own (moving live data out of old segments)
//! and for the next opening.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use rustix::process::{Resource, getrlimit};

/// When to try again while the disk is full.
pub const RETRY_WHEN_FULL: Duration = Duration::from_secs(10);

/// What a change does to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// It adds something.
    Grow,
    /// It only removes: allowed into the first half of the reserve, or nobody could make room.
    Shrink,
}

/// There is too little room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the disk is full: {free} bytes are free and {reserve} are kept in reserve")]
pub struct NoRoom {
    /// Bytes that can be written.
    pub free: u64,
    /// Bytes that are kept.
    pub reserve: u64,
}

#[derive(Debug, Default)]
struct Counters {
    refused: AtomicU64,
    free: AtomicU64,
}

/// Room where a folder is. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Room {
    dir: PathBuf,
    /// A file that grows with every write: a limit on the size of files (`RLIMIT_FSIZE`) counts
    /// as room as well.
    growing: Option<PathBuf>,
    reserve: u64,
    counters: Arc<Counters>,
}

impl Room {
    /// Room in `dir`, of which `reserve` bytes are never used.
    pub fn new(dir: &Path, growing: Option<PathBuf>, reserve: u64) -> Self {
        Self {
            dir: dir.to_owned(),
            growing,
            reserve,
            counters: Arc::default(),
        }
    }

    /// Bytes that can be written now.
    pub fn free(&self) -> io::Result<u64> {
        let disk = rustix::fs::statvfs(&self.dir)?;
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        let limit = getrlimit(Resource::Fsize).current;
        let free = match (limit, &self.growing) {
            (Some(limit), Some(file)) => {
                free.min(limit.saturating_sub(std::fs::metadata(file).map_or(0, |m| m.len())))
            }
            _ => free,
        };
        self.counters.free.store(free, Ordering::Relaxed);
        Ok(free)
    }

    /// Whether there is room for a change. A disk that cannot be asked is left to fail by itself.
    pub fn check(&self, need: Need) -> Result<(), NoRoom> {
        let Ok(free) = self.free() else {
            return Ok(());
        };
        let reserve = match need {
            Need::Grow => self.reserve,
            Need::Shrink => self.reserve / 2,
        };
        if free >= reserve {
            return Ok(());
        }
        self.counters.refused.fetch_add(1, Ordering::Relaxed);
        Err(NoRoom { free, reserve })
    }

    /// Writes that were refused so far.
    pub fn refused(&self) -> u64 {
        self.counters.refused.load(Ordering::Relaxed)
    }

    /// Free bytes when last asked.
    pub fn last_free(&self) -> u64 {
        self.counters.free.load(Ordering::Relaxed)
    }
}

/// Whether an error says that there is no room: disk, quota or file size.
pub fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reserve_is_kept_and_removing_may_use_half_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let free = Room::new(dir.path(), None, 0).free().unwrap();
        assert!(free > 0);
        assert_eq!(Room::new(dir.path(), None, 0).check(Need::Grow), Ok(()));
        let tight = Room::new(dir.path(), None, free / 2 * 3);
        assert!(tight.check(Need::Grow).is_err());
        assert_eq!(tight.check(Need::Shrink), Ok(()));
        assert_eq!(tight.refused(), 1);
        let none = Room::new(dir.path(), None, u64::MAX);
        assert!(none.check(Need::Shrink).is_err());
    }
}
