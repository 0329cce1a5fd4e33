//! Looks whether everything is whole: in a backup, in a data folder, or in a running coordinator.

use std::{
    collections::HashSet,
    fs::File,
    io::BufReader,
    path::{Path, PathBuf},
};

use futures_util::StreamExt;
use goshawk_proto::time::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;

use super::{
    BackupError, Source,
    archive::{self, Kind},
    restore::open_source,
};
use crate::{
    blobs::{BlobKey, Blobs},
    store::sled::{CheckReport, Checker, SledStore},
};

/// What a check of everything found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Whether nothing is wrong.
    pub sound: bool,
    /// When the backup was made, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_at: Option<Timestamp>,
    /// Rows by kind.
    pub rows: Vec<(String, u64)>,
    /// Rows that could only be checked by their checksums.
    pub unread: u64,
    /// Images and samples.
    pub blobs: u64,
    /// Images and samples that rows name as kept and that are not there: removed by their owners,
    /// or lost. No fault by itself.
    pub absent_blobs: u64,
    /// Small files.
    pub files: u64,
    /// How much is wrong.
    pub faults: u64,
    /// What is wrong, the first of it.
    pub findings: Vec<(String, String)>,
}

/// Takes in what is there, in the order of keys.
#[derive(Default)]
pub(super) struct Check {
    rows: Checker,
    blobs: HashSet<BlobKey>,
    damaged: CheckReport,
    files: u64,
}

impl Check {
    pub(super) fn row(&mut self, key: &[u8], value: &[u8]) {
        self.rows.row(key, value);
    }

    pub(super) fn blob(&mut self, path: &str, kept: &[u8]) {
        match BlobKey::of_path(path) {
            Some(key) => {
                self.blobs.insert(key);
            }
            None => self
                .damaged
                .fault("image", format!("{path} is no place of an image")),
        }
        if !Blobs::is_whole(path, kept) {
            self.damaged
                .fault("image", format!("the checksum of {path} is wrong"));
        }
    }

    pub(super) fn file(&mut self) {
        self.files += 1;
    }

    pub(super) fn finish(self, made_at: Option<Timestamp>) -> Report {
        let (rows, named) = self.rows.finish();
        let faults = rows.faults + self.damaged.faults;
        let findings = rows.findings.into_iter().chain(self.damaged.findings);
        Report {
            sound: faults == 0,
            made_at,
            rows: rows
                .rows
                .into_iter()
                .map(|(what, count)| (what.to_owned(), count))
                .collect(),
            unread: rows.unread,
            blobs: self.blobs.len() as u64,
            absent_blobs: named.difference(&self.blobs).count() as u64,
            files: self.files,
            faults,
            findings: findings.map(|f| (f.what, f.message)).collect(),
        }
    }
}

/// Checks a backup: its parts against the manifest, and all that is in them.
pub fn verify_file(path: &Path) -> Result<Report, BackupError> {
    let file = File::open(path).map_err(BackupError::file(path))?;
    let mut check = Check::default();
    let manifest = archive::read(BufReader::new(file), &mut |kind, name, value| {
        match kind {
            Kind::Row => check.row(name, value),
            Kind::Blob => check.blob(&String::from_utf8_lossy(name), value),
            Kind::File => check.file(),
        }
        Ok(())
    })?;
    Ok(check.finish(Some(manifest.opening.made_at)))
}

/// Checks the database and the images of a running coordinator. Blocks, as a backup does.
pub fn verify_live(
    store: &SledStore,
    blobs: &Blobs,
    runtime: &Handle,
) -> Result<Report, BackupError> {
    let mut check = Check::default();
    let mut snapshot = store.snapshot()?;
    while let Some(rows) = snapshot.read_on()? {
        rows.iter().for_each(|row| check.row(&row.key, &row.value));
    }
    drop(snapshot);
    runtime.block_on(async {
        let mut paths = blobs.paths();
        while let Some(path) = paths.next().await {
            let path = path?;
            if let Some(kept) = blobs.read_kept(&path).await? {
                check.blob(&path, &kept);
            }
        }
        Ok::<(), BackupError>(())
    })?;
    Ok(check.finish(None))
}

/// Checks a data folder that no coordinator runs on.
pub fn verify_folder(data_dir: &Path, runtime: &Handle) -> Result<Report, BackupError> {
    let Source { store, blobs, .. } = open_source(data_dir)?;
    verify_live(&store, &blobs, runtime)
}

/// The database file of a data folder.
pub(super) fn database(data_dir: &Path) -> PathBuf {
    data_dir.join("store").join("db")
}
