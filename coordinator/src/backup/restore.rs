//! Puts a backup back into a folder that is empty, or made so.
//!
//! Everything is written into a folder beside the wanted one, made durable and checked; then that
//! folder is renamed. After a crash at any point the old state is there or the new one, as a
//! whole; what a crash leaves beside it goes with the next restore.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, BufReader},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use goshawk_proto::time::Timestamp;
use rustix::fs::FlockOperation;
use serde::Serialize;
use tokio::runtime::Handle;

use super::{
    BackupError, Manifest, Report, Source,
    archive::{self, Kind},
    control, files,
    verify::{Check, database},
};
use crate::{
    blobs::{BlobKey, Blobs},
    store::sled::{Loader, RawRow, SledOptions, SledStore},
};

/// Rows written at once.
const ROWS: usize = 1000;
/// Bytes of rows written at once.
const BYTES: usize = 4 << 20;

/// What was restored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Restored {
    /// Rows.
    pub rows: u64,
    /// Images and samples.
    pub blobs: u64,
    /// Small files.
    pub files: u64,
    /// The moment that the backup shows.
    pub made_at: Timestamp,
    /// Where what was there before is now.
    pub put_aside: Option<PathBuf>,
    /// What a check of all that was restored found.
    pub report: Report,
}

/// Restores the backup `file` into `data_dir`, which must be empty or missing, unless `replace`:
/// then what is there is put aside.
pub fn restore(
    file: &Path,
    data_dir: &Path,
    replace: bool,
    runtime: &Handle,
) -> Result<Restored, BackupError> {
    refuse_running(data_dir)?;
    let there = has_something(data_dir).map_err(BackupError::file(data_dir))?;
    if there && !replace {
        return Err(BackupError::NotEmpty(data_dir.to_owned()));
    }
    let fresh = beside(data_dir, ".restoring");
    if fresh.exists() {
        fs::remove_dir_all(&fresh).map_err(BackupError::file(&fresh))?;
    }
    let (manifest, report) = fill(file, &fresh, runtime)?;
    let put_aside = there.then(|| {
        let now = Timestamp::from_system(std::time::SystemTime::now());
        beside(data_dir, &format!(".replaced-{}", now.unix_micros()))
    });
    swap(&fresh, data_dir, put_aside.as_deref()).map_err(BackupError::file(data_dir))?;
    Ok(Restored {
        rows: manifest.rows,
        blobs: manifest.blobs,
        files: manifest.files,
        made_at: manifest.opening.made_at,
        put_aside,
        report,
    })
}

/// A name beside a folder's.
fn beside(folder: &Path, end: &str) -> PathBuf {
    let mut name = folder
        .file_name()
        .map_or_else(|| OsString::from("data"), OsString::from);
    name.push(end);
    folder.with_file_name(name)
}

fn has_something(folder: &Path) -> io::Result<bool> {
    match fs::read_dir(folder) {
        Ok(mut entries) => Ok(entries.next().is_some()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// A coordinator holds a lock on its database, also one whose control socket is out of order.
fn refuse_running(data_dir: &Path) -> Result<(), BackupError> {
    let running = || BackupError::Running(data_dir.to_owned());
    if UnixStream::connect(data_dir.join(control::SOCKET)).is_ok() {
        return Err(running());
    }
    match File::open(database(data_dir)) {
        Ok(file) => rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)
            .map_err(|_| running()),
        Err(_) => Ok(()),
    }
}

fn fill(file: &Path, fresh: &Path, runtime: &Handle) -> Result<(Manifest, Report), BackupError> {
    let input = File::open(file).map_err(BackupError::file(file))?;
    crate::files::private_folder(fresh).map_err(BackupError::file(fresh))?;
    let mut loader = Loader::create(&fresh.join("store"))?;
    let blobs = Blobs::open(&fresh.join("blobs"))?;
    let (mut check, mut rows, mut bytes) = (Check::default(), Vec::new(), 0);
    let manifest = archive::read(BufReader::new(input), &mut |kind, name, value| {
        match kind {
            Kind::Row => {
                check.row(name, value);
                bytes += name.len() + value.len();
                rows.push(RawRow {
                    key: name.to_vec(),
                    value: value.to_vec(),
                });
                if rows.len() >= ROWS || bytes >= BYTES {
                    bytes = 0;
                    loader.put(std::mem::take(&mut rows))?;
                }
            }
            Kind::Blob => {
                let path = blob_path(name)?;
                check.blob(&path, value);
                let kept = Bytes::copy_from_slice(value);
                runtime.block_on(blobs.write_kept(&path, kept))?;
            }
            Kind::File => {
                check.file();
                let path = files::path_of(name).ok_or_else(|| strange(name))?;
                files::write(fresh, &path, value).map_err(BackupError::file(fresh.join(path)))?;
            }
        }
        Ok(())
    })?;
    loader.put(rows)?;
    loader.finish(manifest.opening.mark)?;
    runtime.block_on(blobs.are_current())?;
    // Opened once as the coordinator will: steps to a newer layout belong to the restore.
    SledStore::open(&fresh.join("store"), SledOptions::default())?.close()?;
    files::sync_folders(fresh).map_err(BackupError::file(fresh))?;
    let made_at = Some(manifest.opening.made_at);
    Ok((manifest, check.finish(made_at)))
}

fn blob_path(name: &[u8]) -> Result<String, BackupError> {
    let path = std::str::from_utf8(name).ok();
    let path = path.filter(|path| BlobKey::of_path(path).is_some());
    path.map(str::to_owned).ok_or_else(|| strange(name))
}

fn strange(name: &[u8]) -> BackupError {
    let name = String::from_utf8_lossy(name).into_owned();
    BackupError::NotWhole(format!("it names {name:?}"))
}

fn swap(fresh: &Path, data_dir: &Path, aside: Option<&Path>) -> io::Result<()> {
    if let Some(aside) = aside {
        fs::rename(data_dir, aside)?;
    }
    // An empty folder gives way to a rename.
    fs::rename(fresh, data_dir)?;
    match data_dir.parent() {
        Some(folder) if folder != Path::new("") => File::open(folder)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

/// Opens what a backup or a check is made of, where no coordinator runs.
pub(super) fn open_source(data_dir: &Path) -> Result<Source, BackupError> {
    if !database(data_dir).exists() {
        return Err(BackupError::NoDatabase(data_dir.to_owned()));
    }
    refuse_running(data_dir)?;
    Ok(Source {
        store: SledStore::open(&data_dir.join("store"), SledOptions::default())?,
        blobs: Blobs::open(&data_dir.join("blobs"))?,
        data_dir: data_dir.to_owned(),
    })
}
