//! Backup, restore and checks of everything that a coordinator keeps.
//!
//! **What a backup is.** One tar file: `opening.json`, parts of rows, blobs and small files, and
//! `manifest.json` at the end with the count and the SHA-256 of every part. Without that end it is
//! no backup. It shows one moment: rows are those of a snapshot (see
//! [`Snapshot`](crate::store::sled::Snapshot)), and pictures that are removed while it is written
//! are held until it is done. Writers never wait for it longer than for some hundred rows.
//!
//! **How it is taken.** Only one process can have the database open. So a running coordinator
//! listens on `control.sock` in its data folder (mode 0600: whoever may open it may read the
//! database anyway) and streams the backup to `goshawk-coordinator backup`, which writes the file
//! under a temporary name, syncs it, reads it once more against its manifest, and only then
//! renames it. Where no coordinator runs, the command opens the database itself.
//!
//! **What is in it.** All rows (accounts, tokens, streams, handlers, lists, faces, attributes,
//! events, queues, dead letters), all images and samples, and the other files of the data folder:
//! the certificate authority and its key, signing keys, the audit log. It is biometric data and
//! secrets in the clear: mode 0600, folders 0700; encrypt it where you keep it.
//!
//! **What is left out.** Settings and TLS files (they lie outside the data folder), models,
//! `endpoints.json`, and `bootstrap-credentials`, which holds a password in the clear; the
//! account with its hash is there. What subscribers are sent from memory alone is not kept
//! anywhere.
//!
//! **Exit codes** of `backup`, `restore` and `verify`: 0 all is well, 1 it could not be done,
//! 2 wrong usage, 3 it was done and damage was found.

mod archive;
pub mod command;
pub mod control;
mod files;
mod restore;
mod take;
mod verify;

use std::{io, path::PathBuf};

pub use archive::{Manifest, Opening};
pub use restore::{Restored, restore};
pub use take::{Source, take};
pub use verify::{Report, verify_file, verify_folder, verify_live};

use crate::{blobs::BlobError, store::StoreError};

/// Why a backup, a restore or a check was not done.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A file cannot be read or written.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The stream of a backup broke off.
    #[error("the backup cannot be written: {0}")]
    Write(#[source] io::Error),
    /// It is no backup, or not a whole one.
    #[error("not a whole backup: {0}")]
    NotWhole(String),
    /// It was made by a newer program.
    #[error(
        "the backup has format {found} and this program knows formats up to {known}; use a newer one"
    )]
    Newer {
        /// Its format.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// The folder to restore into holds something.
    #[error("{} is not empty; --replace puts what is there aside", .0.display())]
    NotEmpty(PathBuf),
    /// A coordinator runs on the folder.
    #[error("a coordinator runs on {}; stop it first", .0.display())]
    Running(PathBuf),
    /// There is no database in the folder.
    #[error("there is no database in {}", .0.display())]
    NoDatabase(PathBuf),
    /// The running coordinator says why not.
    #[error("the coordinator refused: {0}")]
    Refused(String),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The image store failed.
    #[error(transparent)]
    Blobs(#[from] BlobError),
}

impl BackupError {
    fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}
