//! Folders of tiny models with manifests.

use std::{fs, path::PathBuf};

use goshawk_models::{
    Pack, PackError, Picture, RuntimeOptions, install::Report, manifest::Checksum,
};
use goshawk_proto::{geometry::Size, picture::Rgb};

use crate::home;

/// Says nothing of what the installer does.
pub struct Quiet;

impl Report for Quiet {
    fn begin(&mut self, _what: &str) {}
    fn tick(&mut self) {}
    fn end(&mut self) {}
    fn note(&mut self, _what: &str) {}
}

/// The text of a shipped example.
pub fn example(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("manifests/examples")
        .join(format!("{name}.toml"));
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The value of a top-level text key.
fn value<'a>(text: &'a str, key: &str) -> &'a str {
    let line = text
        .lines()
        .find(|l| l.starts_with(&format!("{key} = ")))
        .unwrap();
    line.split('"').nth(1).unwrap()
}

/// The text with the checksum of `model`, and without any other.
pub fn with_checksum(text: &str, model: &[u8]) -> String {
    let rest = text
        .lines()
        .filter(|l| !l.starts_with("sha256 "))
        .collect::<Vec<_>>();
    format!(
        "sha256 = \"{}\"\n{}\n",
        Checksum::of(model),
        rest.join("\n")
    )
}

/// Opens a folder of manifests and their models; `None`, loudly, without a runtime library.
pub fn try_open(
    entries: &[(String, Vec<u8>)],
    options: impl FnOnce(&mut RuntimeOptions),
) -> Option<(tempfile::TempDir, Result<Pack, PackError>)> {
    let home = home::home()?;
    let folder = tempfile::tempdir().unwrap();
    for (text, model) in entries {
        let path = |ending: &str| {
            folder
                .path()
                .join(format!("{}.{ending}", value(text, "name")))
        };
        fs::write(path("toml"), with_checksum(text, model)).unwrap();
        fs::write(folder.path().join(value(text, "file")), model).unwrap();
    }
    let mut chosen = RuntimeOptions::at_home(&home);
    options(&mut chosen);
    let pack = Pack::open(folder.path(), &chosen);
    Some((folder, pack))
}

/// The same, of a folder that must open.
pub fn open(entries: &[(String, Vec<u8>)]) -> Option<(tempfile::TempDir, Pack)> {
    let (folder, pack) = try_open(entries, |_| ())?;
    Some((folder, pack.unwrap()))
}

/// A picture in which every pixel is `paint(x, y)`.
pub fn painted(width: u32, height: u32, paint: impl Fn(u32, u32) -> [u8; 3]) -> Picture {
    let mut rgb = Rgb::black(Size::new(width, height));
    for (i, px) in rgb.data_mut().as_chunks_mut::<3>().0.iter_mut().enumerate() {
        *px = paint(i as u32 % width, i as u32 / width);
    }
    Picture::from_rgb(rgb)
}
