//! The whole default pack: converted again out of the fetched package, it is what the manifests
//! pin; and it computes what an independent converter's files compute.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
    process::Command,
};

use goshawk_models::{
    install::convert::convert,
    manifest::{Checksum, Element, Manifest, default_pack},
};

use super::{
    runtime::{Dense, Values, home, open, run, skip},
    tiny::{assert_close, noise},
};

/// Graphs, weights and runtime of the fetched package, by path; `None`, loudly, where it is not
/// there.
pub fn package() -> Option<BTreeMap<String, Vec<u8>>> {
    let path = home().join("downloads/vladmandic-human-3.3.6.tgz");
    let Ok(file) = File::open(&path) else {
        skip(&format!(
            "{} is not there; run `goshawk-models install`",
            path.display()
        ));
        return None;
    };
    let mut files = BTreeMap::new();
    for entry in tar::Archive::new(flate2::read::GzDecoder::new(file))
        .entries()
        .unwrap()
    {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().into_owned();
        let path = path.strip_prefix("package").unwrap_or(&path);
        if path.starts_with("models") || path == Path::new("dist/tfjs.esm.js") {
            let name = path.to_str().unwrap().to_owned();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            files.insert(name, content);
        }
    }
    Some(files)
}

/// The graph's file name.
pub fn graph_name(manifest: &Manifest) -> &str {
    manifest
        .source
        .tfjs
        .as_deref()
        .unwrap()
        .strip_prefix("models/")
        .unwrap()
}

fn converted(manifest: &Manifest, package: &BTreeMap<String, Vec<u8>>) -> Vec<u8> {
    let outputs: Vec<&str> = manifest.outputs.values().map(String::as_str).collect();
    let file = |name: &str| package[&format!("models/{name}")].clone();
    convert(&file(graph_name(manifest)), &outputs, &mut |shard| {
        Ok(file(shard))
    })
    .unwrap()
}

#[test]
fn converting_again_gives_the_pinned_files() {
    let Some(package) = package() else { return };
    for manifest in default_pack().unwrap() {
        assert_eq!(
            Checksum::of(&converted(&manifest, &package)),
            manifest.sha256,
            "{}",
            manifest.name
        );
    }
}

/// A converter written by others, and a Python that can run it.
fn reference() -> Option<(PathBuf, String)> {
    let shared = std::env::var_os("GOSHAWK_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared")),
        PathBuf::from,
    );
    let tool = shared.join("tools/tfjs2onnx.py");
    if !tool.is_file() {
        skip(&format!("no reference converter at {}", tool.display()));
        return None;
    }
    let python = std::env::var("GOSHAWK_PYTHON").unwrap_or_else(|_| "python3".into());
    let usable = Command::new(&python)
        .args(["-c", "import numpy, onnx"])
        .output();
    if !usable.is_ok_and(|output| output.status.success()) {
        skip(&format!(
            "{python} has no numpy or no onnx; name one that has in GOSHAWK_PYTHON"
        ));
        return None;
    }
    Some((tool, python))
}

fn convert_with((tool, python): &(PathBuf, String), graph: &Path, manifest: &Manifest) -> Vec<u8> {
    let out = graph.with_extension("onnx");
    let outputs: Vec<&str> = manifest.outputs.values().map(String::as_str).collect();
    let output = Command::new(python)
        .arg(tool)
        .args([graph, &out])
        .args(["--layout", "naive", "--outputs", &outputs.join(",")])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    fs::read(out).unwrap()
}

/// An input of noise.
pub fn picture(manifest: &Manifest, seed: u32) -> Dense {
    let input = &manifest.input;
    let count = input.height as usize * input.width as usize * input.colour.channels();
    let pixels = noise(seed, count).into_iter().map(|v| (v + 1.0) * 127.5);
    from_pixels(manifest, pixels.collect())
}

/// An input of pixels of 0 to 255, channels fastest, as the manifest says that they go in.
pub fn from_pixels(manifest: &Manifest, pixels: Vec<f32>) -> Dense {
    let input = &manifest.input;
    let channels = input.colour.channels();
    let shape = vec![
        1,
        i64::from(input.height),
        i64::from(input.width),
        channels as i64,
    ];
    let normal = pixels.into_iter().enumerate().map(|(i, v)| {
        let c = i % channels;
        (v - input.mean[c]) * input.scale[c]
    });
    let values = match input.element {
        Element::F32 => Values::F32(normal.collect()),
        Element::I32 => Values::I32(normal.map(|v| v as i32).collect()),
        Element::U8 => unreachable!("no model of the default pack takes bytes"),
    };
    (shape, values)
}

#[test]
fn the_pack_computes_what_the_reference_computes() {
    let (Some(package), Some(reference)) = (package(), reference()) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    for (path, content) in &package {
        let name = Path::new(path).file_name().unwrap();
        fs::write(dir.path().join(name), content).unwrap();
    }
    for manifest in default_pack().unwrap() {
        let theirs = convert_with(
            &reference,
            &dir.path().join(graph_name(&manifest)),
            &manifest,
        );
        let (Some(mut ours), Some(mut theirs)) =
            (open(&converted(&manifest, &package)), open(&theirs))
        else {
            return;
        };
        for seed in [1, 2] {
            let x = picture(&manifest, seed);
            let found = run(&mut ours, &[(&manifest.input.name, x.clone())]);
            let want = run(&mut theirs, &[(&manifest.input.name, x)]);
            for tensor in manifest.outputs.values() {
                assert_close(
                    &format!("{}/{tensor}", manifest.name),
                    &found[tensor],
                    &want[tensor],
                    1e-3,
                );
            }
        }
    }
}
