//! Public models that do better what the default pack does, or what it does not do at all.
//!
//! The list is made of the shipped manifests whose file everybody can fetch and whose checksum is
//! known. A file is fetched with `curl`, so that proxies and authorities are those the machine is
//! set up with; the checksum decides whether it is the one that is meant, from wherever it came.
//! Then it is added like any model of the operator's: checked against its manifest and tried out.

mod curl;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{AddError, Home, InstallError, Report, Wish, add, at, lock, place};
use crate::{
    manifest::{Checksum, Manifest, ManifestError, check_file, read_dir},
    runtime::RuntimeOptions,
};

pub use curl::DownloadError;

/// The manifests of the list: file name and text.
pub const RECOMMENDED: &[(&str, &str)] = &[
    (
        "yunet.toml",
        include_str!("../../manifests/examples/yunet.toml"),
    ),
    (
        "yolox.toml",
        include_str!("../../manifests/examples/yolox.toml"),
    ),
    (
        "emotion.toml",
        include_str!("../../manifests/examples/emotion.toml"),
    ),
    (
        "sface.toml",
        include_str!("../../manifests/examples/sface.toml"),
    ),
    (
        "youtureid.toml",
        include_str!("../../manifests/examples/youtureid.toml"),
    ),
];

/// A model that can be fetched.
#[derive(Clone, Debug, PartialEq)]
pub struct Offer {
    /// Its manifest.
    pub manifest: Manifest,
    /// The manifest's text, which is what gets installed.
    pub text: String,
    /// Where it is published.
    pub url: String,
    /// Its length.
    pub bytes: u64,
}

impl Offer {
    /// Reads the offers among manifests: those whose file can be fetched.
    pub fn read(manifests: &[(&str, &str)]) -> Result<Vec<Self>, ManifestError> {
        let mut offers = Vec::new();
        for (file, text) in manifests {
            let manifest = Manifest::parse(file, text)?;
            if let Some(fetch) = manifest.fetch.clone() {
                offers.push(Self {
                    manifest,
                    text: (*text).to_owned(),
                    url: fetch.url,
                    bytes: fetch.bytes,
                });
            }
        }
        Ok(offers)
    }

    /// Whether it is only installed when it is named. A network of descriptors makes what is
    /// stored already incomparable with what is seen from then on, so nobody should get one
    /// unasked.
    pub fn only_by_name(&self) -> bool {
        self.manifest.descriptor.is_some()
    }
}

/// How offers are taken up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// The operator does nothing commercial, or has another licence.
    pub accept_non_commercial: bool,
    /// Replace installed models of the same names.
    pub replace: bool,
    /// Fetch `MIRROR/FILE` in place of the published addresses.
    pub mirror: Option<String>,
}

/// What became of an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It was there.
    InPlace,
    /// It was fetched, or found among the downloads, and added.
    Added,
}

/// Why an offer was not taken up.
#[derive(Debug, thiserror::Error)]
pub enum OfferError {
    /// The licence does not allow commercial use.
    #[error(
        "{name}: its licence ({spdx}) does not allow commercial use; say `--accept-non-commercial` if yours is none"
    )]
    NonCommercial {
        /// The model.
        name: String,
        /// Its licence.
        spdx: String,
    },
    /// The file was not fetched.
    #[error(
        "{name}: {source}\n  address: {url}\n  If this machine may not fetch it, fetch it elsewhere and put it into {}: it is taken from there when its checksum is {sha256}", folder.display()
    )]
    Download {
        /// The model.
        name: String,
        /// Where it was to come from.
        url: String,
        /// Where files may be put by hand.
        folder: PathBuf,
        /// The checksum that decides.
        sha256: Checksum,
        /// Why it failed.
        source: Box<DownloadError>,
    },
    /// A file or folder of the home.
    #[error(transparent)]
    Place(#[from] InstallError),
    /// It was fetched and could not be added.
    #[error("{name}: {source}")]
    Add {
        /// The model.
        name: String,
        /// Why it failed.
        source: Box<AddError>,
    },
}

/// Fetches one offer and adds it. What was fetched before and is the right file is not fetched
/// again; what was cut off goes on where it ended.
///
/// # Errors
/// When the licence, the network, the file or the home does not allow it. Installed models are
/// what they were then.
pub fn take(
    offer: &Offer,
    home: &Home,
    terms: &Terms,
    options: &RuntimeOptions,
    report: &mut dyn Report,
) -> Result<Taken, OfferError> {
    if in_place(offer, home) {
        return Ok(Taken::InPlace);
    }
    let manifest = &offer.manifest;
    if manifest.licence.commercial == Some(false) && !terms.accept_non_commercial {
        return Err(OfferError::NonCommercial {
            name: manifest.name.clone(),
            spdx: manifest.licence.spdx.clone(),
        });
    }
    let file = fetch(offer, home, terms, report)?;
    let text = home.downloads().join(format!("{}.toml", manifest.name));
    place::write(&text, offer.text.as_bytes()).map_err(at(&text))?;
    let wish = Wish {
        manifest: text.clone(),
        model: Some(file.clone()),
        replace: terms.replace,
    };
    let added = add(home, &wish, options, report);
    // Left where it is, this is in nobody's way.
    let _ = fs::remove_file(&text);
    added.map_err(|source| OfferError::Add {
        name: manifest.name.clone(),
        source: Box::new(source),
    })?;
    let _ = fs::remove_file(&file);
    Ok(Taken::Added)
}

/// Whether the very model is installed.
pub fn in_place(offer: &Offer, home: &Home) -> bool {
    let models = home.models();
    let same = |m: &Manifest| m.name == offer.manifest.name && m.sha256 == offer.manifest.sha256;
    // A folder that cannot be read is reported by whoever has to write there.
    read_dir(&models)
        .is_ok_and(|all| all.iter().any(same) && offer.manifest.checked_file(&models).is_ok())
}

/// The model's file among the downloads, fetched where necessary.
fn fetch(
    offer: &Offer,
    home: &Home,
    terms: &Terms,
    report: &mut dyn Report,
) -> Result<PathBuf, OfferError> {
    let _lock = lock(home, report)?;
    let (name, sha256) = (&offer.manifest.name, offer.manifest.sha256);
    let downloads = home.downloads();
    fs::create_dir_all(&downloads).map_err(at(&downloads))?;
    let path = downloads.join(&offer.manifest.file);
    if check_file(&path, sha256).is_ok() {
        return Ok(path);
    }
    let url = match &terms.mirror {
        Some(mirror) => format!("{}/{}", mirror.trim_end_matches('/'), offer.manifest.file),
        None => offer.url.clone(),
    };
    let partial = downloads.join(format!("{}.partial", offer.manifest.file));
    report.begin(&format!("fetching {name} ({} bytes)", offer.bytes));
    let fetched = curl::fetch(&url, &partial, offer.bytes, &mut || report.tick())
        .and_then(|()| decide(&partial, sha256));
    report.end();
    fetched.map_err(|source| OfferError::Download {
        name: name.clone(),
        url,
        folder: downloads.clone(),
        sha256,
        source: Box::new(source),
    })?;
    place::adopt(&partial, &path).map_err(at(&path))?;
    Ok(path)
}

/// Whether a whole file is the one that is meant; removes one that is not.
fn decide(partial: &Path, want: Checksum) -> Result<(), DownloadError> {
    let found = Checksum::of_file(partial).map_err(DownloadError::Write)?;
    if found == want {
        return Ok(());
    }
    remove(partial).map_err(DownloadError::Write)?;
    Err(DownloadError::Checksum { want, found })
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
