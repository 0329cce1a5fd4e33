//! Why an installation fails, with what to do about it.

use std::{io, path::PathBuf};

use super::{ArchiveError, ConvertError, FetchError, PlanError};
use crate::manifest::Checksum;

/// Why an installation failed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// There is no plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A file or folder of the home.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// A package could not be fetched.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// A package is not the pinned one.
    #[error(
        "{file} has the checksum {found} where {want} is pinned: it was cut short on the way, or the registry or a proxy gives another file. Nothing of it was used. Run the command again; if that does not help, fetch from another network"
    )]
    Corrupt {
        /// The package's file.
        file: &'static str,
        /// What is pinned.
        want: Checksum,
        /// What came.
        found: Checksum,
    },
    /// A package cannot be read.
    #[error("{file}: {source}")]
    Archive {
        /// The package's file.
        file: &'static str,
        /// Why it failed.
        source: ArchiveError,
    },
    /// A model cannot be converted.
    #[error("cannot convert the model {model}: {source}")]
    Convert {
        /// The model.
        model: String,
        /// Why it failed.
        source: ConvertError,
    },
    /// What was made is not what is pinned, although the package was.
    #[error(
        "{path} was made with the checksum {found} where {want} is pinned, out of the right package: a defect of this program, please report it"
    )]
    Made {
        /// Path below the home.
        path: String,
        /// What is pinned.
        want: Checksum,
        /// What was made.
        found: Checksum,
    },
}
