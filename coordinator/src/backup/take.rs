//! Takes a backup of a database that is open in this process.

use std::{
    collections::HashSet,
    io::Write,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use bytes::Bytes;
use futures_util::StreamExt;
use goshawk_proto::time::Timestamp;
use tokio::runtime::Handle;
use twox_hash::XxHash3_64;

use super::{
    BackupError, Manifest, Opening,
    archive::{FORMAT, Kind, Writer},
    files,
};
use crate::{
    blobs::{Blobs, Held},
    store::{
        IncomingStore,
        sled::{SCHEMA, SledStore, is_whole},
    },
};

/// What a backup is taken of.
#[derive(Clone)]
pub struct Source {
    /// The rows.
    pub store: Arc<SledStore>,
    /// Images and samples.
    pub blobs: Blobs,
    /// The folder with everything else.
    pub data_dir: PathBuf,
}

/// Writes a backup. Blocks, and needs the runtime for the image store, so it is to be called from
/// the blocking pool. One at a time: a conflict else.
pub fn take(source: &Source, out: impl Write, runtime: &Handle) -> Result<Manifest, BackupError> {
    // From before the snapshot on, so that no picture that a row of it names goes.
    let held = runtime.block_on(source.blobs.hold());
    let taken = copy(source, &held, out, runtime);
    if let Err(error) = runtime.block_on(held.release()) {
        tracing::warn!(%error, "pictures held for a backup are removed at the next start");
    }
    taken
}

fn copy(
    source: &Source,
    held: &Held,
    out: impl Write,
    runtime: &Handle,
) -> Result<Manifest, BackupError> {
    let mut snapshot = source.store.snapshot()?;
    let opening = Opening {
        format: FORMAT,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        schema: SCHEMA,
        made_at: Timestamp::from_system(SystemTime::now()),
        mark: source.store.mark()?,
    };
    let mut writer = Writer::begin(out, opening).map_err(BackupError::Write)?;
    let mut all = || -> Result<(), BackupError> {
        while let Some(rows) = snapshot.read_on()? {
            for row in rows {
                let damaged = !is_whole(&row);
                put(&mut writer, Kind::Row, &row.key, &row.value, damaged)?;
            }
        }
        runtime.block_on(copy_blobs(&source.blobs, held, &mut writer))?;
        copy_files(&source.data_dir, &mut writer)
    };
    match all() {
        Ok(()) => writer.finish().map_err(BackupError::Write),
        Err(error) => {
            // Who reads the stream is told; should that fail too, the missing end tells.
            let _ = writer.abandon(&error.to_string());
            Err(error)
        }
    }
}

fn put<W: Write>(
    writer: &mut Writer<W>,
    kind: Kind,
    name: &[u8],
    value: &[u8],
    damaged: bool,
) -> Result<(), BackupError> {
    let done = writer.put(kind, name, value, damaged);
    done.map_err(BackupError::Write)
}

async fn copy_blobs<W: Write>(
    blobs: &Blobs,
    held: &Held,
    writer: &mut Writer<W>,
) -> Result<(), BackupError> {
    let mut copied = HashSet::new();
    let mut copy = |path: String, kept: Option<Bytes>| -> Result<(), BackupError> {
        if let Some(kept) = kept
            && copied.insert(XxHash3_64::oneshot(path.as_bytes()))
        {
            let damaged = !Blobs::is_whole(&path, &kept);
            put(writer, Kind::Blob, path.as_bytes(), &kept, damaged)?;
        }
        Ok(())
    };
    let mut paths = blobs.paths();
    while let Some(path) = paths.next().await {
        let path = path?;
        let kept = held.read(&path).await?;
        copy(path, kept)?;
    }
    // What went before the listing came to it.
    let mut removed = held.removed();
    while let Some(path) = removed.next().await {
        let path = path?;
        let kept = held.read(&path).await?;
        copy(path, kept)?;
    }
    Ok(())
}

fn copy_files<W: Write>(data_dir: &Path, writer: &mut Writer<W>) -> Result<(), BackupError> {
    for path in files::list(data_dir).map_err(BackupError::file(data_dir))? {
        let read = files::read(data_dir, &path).map_err(BackupError::file(data_dir.join(&path)))?;
        if let Some(bytes) = read {
            put(
                writer,
                Kind::File,
                path.as_os_str().as_bytes(),
                &bytes,
                false,
            )?;
        }
    }
    Ok(())
}
