//! Installs what the program needs beside itself: the ONNX Runtime library, the default models
//! (converted here) and two portraits for the demo. Every download and every installed file has
//! its checksum pinned in this repository.
//!
//! What is in place and right is left alone, so a second run fetches nothing. What is missing or
//! wrong is made again, and only the packages needed for that are fetched. A run that is
//! interrupted leaves whole files only; two runs at a time wait for each other.

mod add;
mod archive;
pub mod convert;
mod error;
mod fetch;
mod pins;
mod place;
mod recommended;
#[cfg(test)]
mod tests;
mod whole;

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use crate::manifest::{Checksum, Manifest, ManifestError, ModelFileError, check_file, read_dir};

pub use add::{AddError, Added, Wish, add};
pub use archive::ArchiveError;
pub use convert::ConvertError;
pub use error::InstallError;
pub use fetch::{Clients, Fetch, FetchError};
pub use pins::{Artifact, Download, Plan, PlanError, Recipe, Source};
pub use recommended::{
    DownloadError, Offer, OfferError, RECOMMENDED, Taken, Terms, in_place, take,
};

/// The folder that everything fetched goes into; `$GOSHAWK_HOME`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home(PathBuf);

impl Home {
    /// The models' folder below the home.
    pub const MODELS: &'static str = "models";

    /// The home at `path`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Models and their manifests.
    pub fn models(&self) -> PathBuf {
        self.0.join(Self::MODELS)
    }

    /// The ONNX Runtime library.
    pub fn onnx_runtime(&self) -> PathBuf {
        self.0.join("onnxruntime/libonnxruntime.so")
    }

    /// Portraits that the demo clip is made of.
    pub fn portraits(&self) -> PathBuf {
        self.0.join("clip/portraits")
    }

    /// Packages as fetched.
    pub fn downloads(&self) -> PathBuf {
        self.0.join("downloads")
    }
}

/// Tells somebody how the work goes.
pub trait Report {
    /// Something that may take a while begins.
    fn begin(&mut self, what: &str);
    /// It is still going on.
    fn tick(&mut self);
    /// It is done.
    fn end(&mut self);
    /// Something worth knowing.
    fn note(&mut self, what: &str);
}

/// What an installation did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Files that were in place.
    pub kept: usize,
    /// Files made.
    pub made: usize,
    /// Packages fetched.
    pub fetched: usize,
}

/// Puts everything of `plan` in place below `home`.
///
/// # Errors
/// At the first file that cannot be fetched, read, made or written; what was finished before is
/// kept, and a later run goes on from there.
pub fn install(
    plan: &Plan,
    home: &Home,
    fetch: &dyn Fetch,
    report: &mut dyn Report,
) -> Result<Summary, InstallError> {
    let _lock = lock(home, report)?;
    for folder in [
        home.models(),
        home.portraits(),
        home.downloads(),
        home.path().join("onnxruntime"),
    ] {
        place::sweep(&folder).map_err(at(&folder))?;
    }
    let mut run = Run {
        plan,
        home,
        fetch,
        report,
        summary: Summary::default(),
        unpacked: BTreeMap::new(),
    };
    for artifact in &plan.artifacts {
        run.artifact(artifact)?;
    }
    Ok(run.summary)
}

/// An error about `path`.
fn at(path: &Path) -> impl Fn(io::Error) -> InstallError {
    move |source| InstallError::Io {
        path: path.to_owned(),
        source,
    }
}

/// One installation at a time; the lock goes with the process.
fn lock(home: &Home, report: &mut dyn Report) -> Result<File, InstallError> {
    let path = home.path().join(".install.lock");
    let open = || {
        fs::create_dir_all(home.path())?;
        File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
    };
    let file = open().map_err(at(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => {
            report.note("another installation is running; waiting for it");
            file.lock().map_err(at(&path))?;
            Ok(file)
        }
        Err(fs::TryLockError::Error(source)) => Err(InstallError::Io { path, source }),
    }
}

struct Run<'a> {
    plan: &'a Plan,
    home: &'a Home,
    fetch: &'a dyn Fetch,
    report: &'a mut dyn Report,
    summary: Summary,
    /// Graphs and weights by path in their package, by download.
    unpacked: BTreeMap<usize, BTreeMap<String, Vec<u8>>>,
}

impl Run<'_> {
    fn artifact(&mut self, artifact: &Artifact) -> Result<(), InstallError> {
        let path = self.home.path().join(&artifact.path);
        match check_file(&path, artifact.sha256) {
            Ok(()) => {
                self.summary.kept += 1;
                return Ok(());
            }
            Err(ModelFileError::Missing(_)) => {}
            Err(ModelFileError::Checksum { .. }) => {
                self.report.note(&format!(
                    "{} is not the pinned file; replacing it",
                    path.display()
                ));
            }
            Err(ModelFileError::Io { source, .. }) => return Err(at(&path)(source)),
        }
        let content = self.make(artifact)?;
        let found = Checksum::of(&content);
        if found != artifact.sha256 {
            return Err(InstallError::Made {
                path: artifact.path.clone(),
                want: artifact.sha256,
                found,
            });
        }
        place::write(&path, &content).map_err(at(&path))?;
        self.summary.made += 1;
        Ok(())
    }

    fn make(&mut self, artifact: &Artifact) -> Result<Vec<u8>, InstallError> {
        match &artifact.recipe {
            Recipe::Text(text) => Ok(text.as_bytes().to_vec()),
            Recipe::Member { download, member } => {
                let package = self.package(*download)?;
                let file = self.plan.downloads[*download].file;
                archive::zip_member(&package, member)
                    .map_err(|source| InstallError::Archive { file, source })
            }
            Recipe::Model { download, manifest } => {
                self.unpack(*download)?;
                self.report
                    .begin(&format!("converting the model {}", manifest.name));
                let model = convert_model(manifest, &self.unpacked[download]);
                self.report.end();
                model.map_err(|source| InstallError::Convert {
                    model: manifest.name.clone(),
                    source,
                })
            }
        }
    }

    fn unpack(&mut self, download: usize) -> Result<(), InstallError> {
        if !self.unpacked.contains_key(&download) {
            let package = self.package(download)?;
            let file = self.plan.downloads[download].file;
            let members = archive::tgz_members(&package, MODELS_IN_PACKAGE);
            self.unpacked.insert(
                download,
                members.map_err(|source| InstallError::Archive { file, source })?,
            );
        }
        Ok(())
    }

    /// The package's file, checked, fetched where necessary.
    fn package(&mut self, index: usize) -> Result<PathBuf, InstallError> {
        let download = &self.plan.downloads[index];
        let downloads = self.home.downloads();
        let path = downloads.join(download.file);
        match check_file(&path, download.sha256) {
            Ok(()) => return Ok(path),
            Err(ModelFileError::Missing(_)) => {}
            Err(ModelFileError::Checksum { .. }) => {
                self.report.note(&format!(
                    "{} is not the pinned package; fetching it again",
                    path.display()
                ));
            }
            Err(ModelFileError::Io { source, .. }) => return Err(at(&path)(source)),
        }
        let folder = fetch::fresh_folder(&downloads, download.file).map_err(at(&downloads))?;
        self.report.begin(&format!("fetching {}", download.about));
        let fetched = self
            .fetch
            .fetch(download, &folder, &mut || self.report.tick());
        self.report.end();
        let result = fetched
            .map_err(InstallError::from)
            .and_then(|file| adopt(download, &file, &path));
        fs::remove_dir_all(&folder).map_err(at(&folder))?;
        result?;
        self.summary.fetched += 1;
        Ok(path)
    }
}

/// Moves a fetched package to its place if it is the pinned one.
fn adopt(download: &Download, from: &Path, to: &Path) -> Result<(), InstallError> {
    let found = Checksum::of_file(from).map_err(at(from))?;
    if found != download.sha256 {
        return Err(InstallError::Corrupt {
            file: download.file,
            want: download.sha256,
            found,
        });
    }
    place::adopt(from, to).map_err(at(to))
}

/// What npm calls the root of a package.
const PACKAGE_ROOT: &str = "package/";
/// Where its models are.
const MODELS_IN_PACKAGE: &str = "package/models/";

/// Converts the model of `manifest` out of the unpacked package.
fn convert_model(
    manifest: &Manifest,
    members: &BTreeMap<String, Vec<u8>>,
) -> Result<Vec<u8>, ConvertError> {
    let graph = format!(
        "{PACKAGE_ROOT}{}",
        manifest.source.tfjs.as_deref().unwrap_or_default()
    );
    let folder = graph.rsplit_once('/').map_or("", |(folder, _)| folder);
    let find = |path: &str| {
        members
            .get(path)
            .cloned()
            .ok_or_else(|| "the package does not have it".to_owned())
    };
    let document = find(&graph).map_err(|reason| ConvertError::Shard {
        path: graph.clone(),
        reason,
    })?;
    let outputs: Vec<&str> = manifest.outputs.values().map(String::as_str).collect();
    convert::convert(&document, &outputs, &mut |shard| {
        find(&format!("{folder}/{shard}"))
    })
}

/// One installed or expected file, checked.
#[derive(Debug)]
pub struct Check {
    /// Where it is.
    pub path: PathBuf,
    /// What is wrong with it, if anything.
    pub result: Result<(), ModelFileError>,
}

/// Checks everything of `plan`, and every further model that the operator put into the home's
/// models folder. Changes nothing.
///
/// # Errors
/// When the manifests in the models folder cannot be read; wrong files are in the result.
pub fn verify(plan: &Plan, home: &Home) -> Result<Vec<Check>, ManifestError> {
    let check = |path: PathBuf, want| Check {
        result: check_file(&path, want),
        path,
    };
    let mut checks: Vec<Check> = plan
        .artifacts
        .iter()
        .map(|a| check(home.path().join(&a.path), a.sha256))
        .collect();
    let models = home.models();
    if models.is_dir() {
        for manifest in read_dir(&models)? {
            let path = models.join(&manifest.file);
            if !checks.iter().any(|c| c.path == path) {
                checks.push(check(path, manifest.sha256));
            }
        }
    }
    Ok(checks)
}
