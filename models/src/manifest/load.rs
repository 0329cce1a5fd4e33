//! Manifests and model files from the disk, and why they are refused.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{Checksum, EMBEDDED, Manifest, Problem};

/// The most bytes a manifest may have; the longest of ours has about 3 KiB.
const MAX_MANIFEST_BYTES: u64 = 64 * 1024;

/// Why a manifest was refused.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The file or folder cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// What was read.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// Mistakes in what it says; all of them.
    #[error("{}", lines(.0))]
    Problems(Vec<Problem>),
}

/// Why a model file was refused.
#[derive(Debug, thiserror::Error)]
pub enum ModelFileError {
    /// It is not there.
    #[error("{} is missing; run `goshawk-models install`", .0.display())]
    Missing(PathBuf),
    /// It cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// It is not the file the manifest speaks of.
    #[error("{} has the wrong checksum: want {want}, found {found}; run `goshawk-models install` to replace it", path.display())]
    Checksum {
        /// The file.
        path: PathBuf,
        /// What the manifest says.
        want: Checksum,
        /// What was found.
        found: Checksum,
    },
}

fn lines(problems: &[Problem]) -> String {
    problems
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

/// Checks that the file at `path` has the checksum `want`.
pub fn check_file(path: &Path, want: Checksum) -> Result<(), ModelFileError> {
    match Checksum::of_file(path) {
        Ok(found) if found == want => Ok(()),
        Ok(found) => Err(ModelFileError::Checksum {
            path: path.to_owned(),
            want,
            found,
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(ModelFileError::Missing(path.to_owned()))
        }
        Err(source) => Err(ModelFileError::Io {
            path: path.to_owned(),
            source,
        }),
    }
}

/// The manifests that come with Goshawk, by name.
pub fn default_pack() -> Result<Vec<Manifest>, ManifestError> {
    collect(
        EMBEDDED
            .iter()
            .map(|(file, text)| Manifest::parse(file, text)),
    )
}

/// Every `*.toml` manifest in `dir`, by name. Mistakes of all files are reported together.
pub fn read_dir(dir: &Path) -> Result<Vec<Manifest>, ManifestError> {
    let fail = |source| ManifestError::Io {
        path: dir.to_owned(),
        source,
    };
    let mut paths = Vec::new();
    for entry in fs::read_dir(dir).map_err(fail)? {
        let path = entry.map_err(fail)?.path();
        if path.extension().is_some_and(|e| e == "toml") {
            paths.push(path);
        }
    }
    paths.sort();
    collect(paths.iter().map(|path| read_file(path)))
}

/// Reads one manifest from a file.
pub fn read_file(path: &Path) -> Result<Manifest, ManifestError> {
    let text = read_text(path)?;
    let name = path
        .file_name()
        .map_or_else(|| path.to_string_lossy(), |n| n.to_string_lossy());
    Manifest::parse(&name, &text)
}

/// A manifest's text with a checksum put in where it has none. What is no TOML is left as it is:
/// reading it says what is wrong with it.
pub fn with_checksum(text: &str, sum: Checksum) -> String {
    match text.parse::<toml::Table>() {
        Ok(table) if !table.contains_key("sha256") => format!("sha256 = \"{sum}\"\n{text}"),
        _ => text.to_owned(),
    }
}

/// The text of a manifest's file, if it is not too long for one.
pub fn read_text(path: &Path) -> Result<String, ManifestError> {
    let fail = |source| ManifestError::Io {
        path: path.to_owned(),
        source,
    };
    if fs::metadata(path).map_err(fail)?.len() > MAX_MANIFEST_BYTES {
        return Err(fail(io::Error::new(
            io::ErrorKind::InvalidData,
            "too long for a manifest",
        )));
    }
    fs::read_to_string(path).map_err(fail)
}

/// Gathers manifests or all of their mistakes, and refuses two of one name.
fn collect(
    read: impl Iterator<Item = Result<Manifest, ManifestError>>,
) -> Result<Vec<Manifest>, ManifestError> {
    let (mut manifests, mut problems) = (Vec::<Manifest>::new(), Vec::new());
    for result in read {
        match result {
            Ok(manifest) => {
                if manifests.iter().any(|m| m.name == manifest.name) {
                    let message = "two manifests have this name".to_owned();
                    problems.push(Problem {
                        path: format!("name = {:?}", manifest.name),
                        message,
                    });
                }
                manifests.push(manifest);
            }
            Err(ManifestError::Problems(more)) => problems.extend(more),
            Err(error @ ManifestError::Io { .. }) => return Err(error),
        }
    }
    if !problems.is_empty() {
        return Err(ManifestError::Problems(problems));
    }
    manifests.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(manifests)
}
