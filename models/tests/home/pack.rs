//! Where the installed pack, the portraits and the shared pictures are.
#![expect(clippy::print_stderr, reason = "a test that skips says so")]

use std::path::{Path, PathBuf};

use goshawk_models::{DecodeLimits, Exif, FaceAnalyzer, Pack, Picture, RuntimeOptions};
use goshawk_proto::geometry::BBox;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("a crate lies in the workspace")
        .to_owned()
}

/// The home folder of fetched things, if the pack is installed there.
pub fn home() -> Option<PathBuf> {
    let home =
        std::env::var_os("GOSHAWK_HOME").map_or_else(|| root().join(".goshawk"), PathBuf::from);
    let there = home.join("models/blazeface.onnx").exists()
        && home.join("onnxruntime/libonnxruntime.so").exists();
    if !there {
        eprintln!(
            "SKIPPED: no model pack in {}; run `make setup`",
            home.display()
        );
    }
    there.then_some(home)
}

/// An analyser on the installed pack.
pub fn analyzer() -> Option<FaceAnalyzer> {
    let home = home()?;
    let pack = Pack::open(&home.join("models"), &RuntimeOptions::at_home(&home))
        .expect("the installed pack opens");
    Some(FaceAnalyzer::new(&pack).expect("the default pack has all roles for faces"))
}

/// A file of the shared data folder, if that is there.
pub fn shared(name: &str) -> Option<PathBuf> {
    let shared =
        std::env::var_os("GOSHAWK_SHARED").map_or_else(|| root().join("../shared"), PathBuf::from);
    let path = shared.join(name);
    if !path.exists() {
        eprintln!("SKIPPED: {} is not there", path.display());
    }
    path.exists().then_some(path)
}

/// One of the two portraits of the demo.
pub fn portrait(name: &str) -> Option<Picture> {
    let path = home()?.join("clip/portraits").join(name);
    if !path.exists() {
        eprintln!("SKIPPED: no portrait {}; run `make setup`", path.display());
        return None;
    }
    Some(load(&path))
}

/// Decodes a file.
pub fn load(path: &Path) -> Picture {
    let bytes = std::fs::read(path).expect("the file can be read");
    Picture::decode(&bytes, Exif::Apply, &DecodeLimits::default()).expect("the file is a picture")
}

/// (file, boxes) of the labelled pictures.
pub fn labels(name: &str) -> Vec<(String, Vec<BBox>)> {
    let Some(path) = shared(&format!("data/faces/labelled/{name}")) else {
        return Vec::new();
    };
    let text = std::fs::read_to_string(path).expect("the labels can be read");
    let attribute = |piece: &str, key: &str| -> f32 {
        let rest = piece.split(&format!("{key}='")).nth(1).unwrap_or_default();
        rest.split('\'')
            .next()
            .and_then(|v| v.parse().ok())
            .unwrap_or(0.0)
    };
    text.split("<image file='")
        .skip(1)
        .map(|image| {
            let file = image.split('\'').next().unwrap_or_default().to_owned();
            let boxes = image.split("<box ").skip(1).map(|b| {
                BBox::new(
                    attribute(b, "left"),
                    attribute(b, "top"),
                    attribute(b, "width"),
                    attribute(b, "height"),
                )
            });
            (file, boxes.collect())
        })
        .collect()
}
