//! Measures installed models on the operator's own pictures: what a threshold means there.
//!
//! [`evaluate`] takes a folder (its layout is in `EVAL.md`) and answers with a [`Report`]: how
//! many labelled faces are found, how well people are told apart, how many attacks pass for live
//! people. Pictures that cannot be used are counted and named; no rate is made of too few pairs.
//!
//! One picture is in memory at a time. Of people the descriptors are kept, for at most
//! [`Settings::max_people_pictures`] pictures; their pairs are counted in bins ([`metrics`]).

mod detection;
mod folder;
mod liveness;
pub mod metrics;
mod people;
mod plot;
mod report;
mod table;

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    face::DetectOptions,
    picture::{DecodeLimits, Exif, Picture},
    vision::Vision,
};

pub use folder::FolderError;
pub use plot::plot;
pub use report::{
    AtFar, Attack, Detection, Liveness, Operating, PairSeen, Presented, Problem, Problems, Report,
    Verification,
};
pub use table::table;

/// What is measured, and with which thresholds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// How faces are looked for.
    pub detect: DetectOptions,
    /// The similarity, 0 to 1, from which two faces would be called one person.
    pub threshold: f32,
    /// The probability, 0 to 1, from which a face would be called live.
    pub liveness_threshold: f32,
    /// Most pictures of people that are compared; the first ones by name. Pairs grow with the
    /// square of this, and each picture keeps its descriptor (4 KiB with the default pack).
    pub max_people_pictures: usize,
    /// What a picture may be.
    pub decode: DecodeLimits,
}

impl Default for Settings {
    /// As agents and the coordinator look for faces; similarity 0.6, liveness 0.5, 5000 pictures of
    /// people (12.5 million pairs, 20 MiB).
    fn default() -> Self {
        Self {
            detect: DetectOptions::default(),
            threshold: 0.6,
            liveness_threshold: 0.5,
            max_people_pictures: 5000,
            decode: DecodeLimits::default(),
        }
    }
}

/// Is told how the work goes on.
pub trait Progress {
    /// `done` of `all` steps of `what` are done.
    fn at(&mut self, what: &str, done: usize, all: usize);
}

/// Measures `vision` on the pictures of `folder`.
///
/// # Errors
/// When the folder cannot be read, has none of the parts, or its labels have a mistake. A picture
/// that cannot be read is no error but an entry of [`Report::problems`].
pub fn evaluate(
    vision: &Vision,
    folder: &Path,
    settings: &Settings,
    progress: &mut dyn Progress,
) -> Result<Report, FolderError> {
    let pictures = folder::read(folder)?;
    let mut bench = Bench {
        vision,
        root: folder,
        settings,
        progress,
        problems: Problems::default(),
    };
    let detection = pictures.labelled.map(|files| bench.detection(&files));
    let verification = pictures.people.map(|people| bench.people(&people));
    let liveness = pictures.liveness.map(|all| bench.liveness(&all));
    Ok(Report {
        detection,
        verification,
        liveness,
        problems: bench.problems,
    })
}

/// A measurement under way.
struct Bench<'a> {
    vision: &'a Vision,
    root: &'a Path,
    settings: &'a Settings,
    progress: &'a mut dyn Progress,
    problems: Problems,
}

impl Bench<'_> {
    /// Decodes a picture; `None` after noting why it cannot be used.
    fn load(&mut self, path: &Path) -> Option<Picture> {
        match self.decode(path) {
            Ok(picture) => Some(picture),
            Err(reason) => {
                self.note(path, reason);
                None
            }
        }
    }

    fn decode(&self, path: &Path) -> Result<Picture, String> {
        let limits = &self.settings.decode;
        let length = fs::metadata(path).map_err(|e| e.to_string())?.len();
        if length > limits.max_bytes as u64 {
            // Not even read.
            let limit = limits.max_bytes;
            return Err(format!(
                "a file of {length} bytes is over the limit of {limit}"
            ));
        }
        let bytes = fs::read(path).map_err(|e| e.to_string())?;
        Picture::decode(&bytes, Exif::Apply, limits).map_err(|e| e.to_string())
    }

    fn note(&mut self, path: &Path, reason: impl Into<String>) {
        let file = self.name(path);
        self.problems.add(file, reason.into());
    }

    /// The path below the folder, for people.
    fn name(&self, path: &Path) -> String {
        let path: PathBuf = path.strip_prefix(self.root).unwrap_or(path).to_owned();
        path.to_string_lossy().into_owned()
    }
}
