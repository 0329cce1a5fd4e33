//! Disk space held back for the moment when others have filled the disk.
//!
//! A database on a disk without a free byte cannot even be opened to hand out what it holds, and
//! deleting a record takes room as well. So a file of no use is kept beside it; when the disk is
//! full the file goes, and its room lets the outbox drain.

use std::{
    fs::{File, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use rustix::fs::{FallocateFlags, fallocate};

/// Room for a few of the database's segments.
const BYTES: u64 = 16 << 20;

/// The file beside one database.
pub(super) struct Ballast(PathBuf);

impl Ballast {
    /// Beside the database in `dir`.
    pub fn beside(dir: &Path) -> Self {
        let mut name = dir.as_os_str().to_owned();
        name.push(".ballast");
        Self(name.into())
    }

    /// Takes the room where it is not taken yet and plenty is free.
    pub fn take(&self, free: u64, min_free: u64) {
        let plenty = free >= min_free.saturating_add(2 * BYTES);
        if !plenty || self.0.exists() {
            return;
        }
        if let Err(error) = self.allocate() {
            // A file without its room would look like one with it.
            let _ = std::fs::remove_file(&self.0);
            tracing::debug!(%error, "no disk space can be held back for the outbox");
        }
    }

    fn allocate(&self) -> io::Result<()> {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&self.0)?;
        fallocate(&file, FallocateFlags::empty(), 0, BYTES)?;
        file.sync_all()
    }

    /// Gives the room up; whether there was any.
    pub fn release(&self) -> bool {
        let released = File::open(&self.0).is_ok() && std::fs::remove_file(&self.0).is_ok();
        if released {
            tracing::warn!("the disk is full: the space held back for the outbox is given up");
        }
        released
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_taken_only_from_plenty_and_given_up_once() {
        let dir = tempfile::tempdir().unwrap();
        let ballast = Ballast::beside(&dir.path().join("outbox"));
        ballast.take(BYTES, 0);
        assert!(!ballast.release());
        ballast.take(u64::MAX, 0);
        let size = std::fs::metadata(dir.path().join("outbox.ballast")).map(|file| file.len());
        // Some file systems cannot hold space back; then there is no file.
        assert!(size.is_err() || size.unwrap() == BYTES);
        ballast.release();
        assert!(!ballast.release());
    }
}
