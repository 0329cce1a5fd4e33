//! Adds a model that the operator has: checks its manifest against its file, tries it out, and
//! puts both among the installed ones.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    Home, InstallError, Report, lock, place,
    whole::{Elsewhere, elsewhere},
};
use crate::{
    manifest::{
        self, Checksum, EMBEDDED, Manifest, ManifestError, ModelFileError, check_file, read_dir,
    },
    pack::{Pack, PackError},
    runtime::RuntimeOptions,
};

/// What is to be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The manifest.
    pub manifest: PathBuf,
    /// The model's file; `None` for the one that the manifest names, beside it.
    pub model: Option<PathBuf>,
    /// Whether an installed model of the same name may be replaced.
    pub replace: bool,
}

/// What was added.
#[derive(Clone, Debug, PartialEq)]
pub struct Added {
    /// The manifest as installed.
    pub manifest: Manifest,
    /// Whether the checksum was taken from the file because the manifest had none: nobody but the
    /// operator vouches for the file then.
    pub pinned: bool,
}

/// Why a model was not added. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    /// The manifest cannot be read or has mistakes.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The file is missing or not the one that the manifest means.
    #[error(transparent)]
    File(#[from] ModelFileError),
    /// There is no file to add.
    #[error("{} is not there; put the model beside its manifest or name it with `--model`", .0.display())]
    NoFile(PathBuf),
    /// The file has no bytes: a download that failed, most likely.
    #[error("{} is empty; fetch the model again", .0.display())]
    EmptyFile(PathBuf),
    /// Part of the model is in a second file, which no checksum would cover.
    #[error(
        "{} keeps {tensor:?} in a second file, {file:?}; a model has to be one file: with the Python package onnx, \
         `onnx.save(onnx.load(OLD), NEW)` writes it as one", path.display()
    )]
    InTwoFiles {
        /// The model's file.
        path: PathBuf,
        /// The first such tensor.
        tensor: String,
        /// The file that the model names.
        file: String,
    },
    /// The name belongs to the default pack, or the file's name to another model.
    #[error("{0}")]
    Taken(String),
    /// A model of this name is installed, and replacing it was not asked for.
    #[error("a model called {0:?} is installed; say `--replace` to replace it")]
    Installed(String),
    /// The file does not fit its manifest or does not run.
    #[error(transparent)]
    Unfit(#[from] PackError),
    /// A file or folder of the home.
    #[error(transparent)]
    Place(#[from] InstallError),
}

/// Checks and tries out what `wish` names and puts it into `home`'s models.
///
/// The manifest must be sound, the file must have its checksum (or gets one, where the manifest
/// has none), names, types and shapes of its tensors must be those of its family, noise must be
/// answered with finite numbers, and with `batch = "any"` a picture's answer must not depend on
/// what it is asked together with. File and manifest are moved in whole, the manifest last, so
/// that a crash leaves the model either installed or not.
///
/// # Errors
/// At the first thing that is not as it should be; nothing was changed then.
pub fn add(
    home: &Home,
    wish: &Wish,
    options: &RuntimeOptions,
    report: &mut dyn Report,
) -> Result<Added, AddError> {
    let (manifest, text, pinned, model) = read(wish)?;
    let _lock = lock(home, report)?;
    let models = home.models();
    fs::create_dir_all(&models).map_err(at(&models))?;
    check_names(&manifest, &models, wish.replace)?;

    let stage = models.join(format!("{}add", place::PARTIAL));
    // What an interrupted run has left is of no use.
    place::sweep(&models).map_err(at(&models))?;
    report.begin(&format!("trying out {}", manifest.name));
    let tried = try_out(&stage, &manifest, &text, &model, options);
    report.end();
    let placed = tried.and_then(|()| {
        let to = models.join(&manifest.file);
        place::adopt(&stage.join(&manifest.file), &to).map_err(at(&to))?;
        let to = models.join(format!("{}.toml", manifest.name));
        place::write(&to, text.as_bytes()).map_err(at(&to))?;
        Ok(())
    });
    // The first error is the one that matters; a later run sweeps what is left.
    let _ = fs::remove_dir_all(&stage);
    placed.map(|()| Added { manifest, pinned })
}

fn at(path: &Path) -> impl Fn(io::Error) -> InstallError {
    move |source| InstallError::Io {
        path: path.to_owned(),
        source,
    }
}

/// The manifest, its text with a checksum, whether that was put in here, and the model's file.
fn read(wish: &Wish) -> Result<(Manifest, String, bool, PathBuf), AddError> {
    let text = manifest::read_text(&wish.manifest)?;
    let name = wish.manifest.file_name().unwrap_or_default();
    let name = name.to_string_lossy();
    // With some checksum, to learn everything that is wrong and what the file is called.
    let draft = manifest::with_checksum(&text, Checksum::of(b""));
    let manifest = Manifest::parse(&name, &draft)?;
    let folder = wish.manifest.parent().unwrap_or(Path::new(""));
    let model = match &wish.model {
        Some(model) => model.clone(),
        None => folder.join(&manifest.file),
    };
    if !model.exists() {
        return Err(AddError::NoFile(model));
    }
    check_whole(&model)?;
    if draft == text {
        check_file(&model, manifest.sha256)?;
        return Ok((manifest, text, false, model));
    }
    let sum = Checksum::of_file(&model).map_err(at(&model))?;
    let text = manifest::with_checksum(&text, sum);
    Ok((Manifest::parse(&name, &text)?, text, true, model))
}

/// Whether the file is all there is of the model.
fn check_whole(path: &Path) -> Result<(), AddError> {
    let bytes = fs::read(path).map_err(at(path))?;
    if bytes.is_empty() {
        return Err(AddError::EmptyFile(path.to_owned()));
    }
    match elsewhere(&bytes) {
        None => Ok(()),
        Some(Elsewhere { tensor, file }) => Err(AddError::InTwoFiles {
            path: path.to_owned(),
            tensor,
            file,
        }),
    }
}

/// Whether the names are free.
fn check_names(new: &Manifest, models: &Path, replace: bool) -> Result<(), AddError> {
    let ours = EMBEDDED.iter().any(|(file, _)| {
        file.strip_suffix(".toml") == Some(new.name.as_str())
            || file.replace(".toml", ".onnx") == new.file
    });
    if ours {
        let message = format!(
            "{:?} or {:?} is a name of the default pack, which `install` would put back; choose others",
            new.name, new.file
        );
        return Err(AddError::Taken(message));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if !new.name.chars().all(plain) || new.name.starts_with('.') {
        let message = format!(
            "{:?} cannot be a file's name; want letters, digits, '-', '_' and '.'",
            new.name
        );
        return Err(AddError::Taken(message));
    }
    for other in read_dir(models)? {
        if other.name == new.name && !replace {
            return Err(AddError::Installed(other.name));
        }
        if other.name != new.name && other.file == new.file {
            let message = format!("the file {:?} belongs to {:?}", other.file, other.name);
            return Err(AddError::Taken(message));
        }
    }
    Ok(())
}

/// Copies the model into an empty folder and opens it there.
fn try_out(
    stage: &Path,
    manifest: &Manifest,
    text: &str,
    model: &Path,
    options: &RuntimeOptions,
) -> Result<(), AddError> {
    fs::create_dir_all(stage).map_err(at(stage))?;
    fs::copy(model, stage.join(&manifest.file)).map_err(at(model))?;
    let path = stage.join(format!("{}.toml", manifest.name));
    fs::write(&path, text).map_err(at(&path))?;
    let pack = Pack::open(stage, options)?;
    for manifest in pack.manifests() {
        pack.try_out(manifest)?;
    }
    Ok(())
}
