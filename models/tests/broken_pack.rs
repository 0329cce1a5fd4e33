//! Packs that must be refused, each with an error that names the file and says what to do.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

#[path = "home/pack.rs"]
#[expect(dead_code, reason = "shared with the tests on pictures")]
mod pack;

use std::{fs, path::Path};

use goshawk_models::{FaceAnalyzer, ModelError, Pack, PackError, RuntimeError, RuntimeOptions};

/// A copy of the installed pack's face models, to be damaged.
fn copy(home: &Path, to: &Path) {
    for name in ["blazeface", "facemesh", "faceres"] {
        for ending in ["toml", "onnx"] {
            let file = format!("{name}.{ending}");
            fs::copy(home.join("models").join(&file), to.join(&file)).unwrap();
        }
    }
}

// One test, because a process loads one library only and the order matters.
#[test]
fn damaged_packs_are_refused_with_a_reason() {
    let Some(home) = pack::home() else { return };
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let options = RuntimeOptions::at_home(&home);

    // No manifest, then no library, then something that is no library.
    assert!(matches!(
        Pack::open(dir, &options),
        Err(PackError::Empty(_))
    ));
    copy(&home, dir);
    let missing = Pack::open(dir, &RuntimeOptions::new(dir.join("libnothing.so"))).unwrap_err();
    assert!(
        matches!(missing, PackError::Runtime(RuntimeError::Missing(_))),
        "{missing}"
    );
    let text = dir.join("blazeface.toml");
    let no_library = Pack::open(dir, &RuntimeOptions::new(&text)).unwrap_err();
    assert!(
        matches!(no_library, PackError::Runtime(RuntimeError::Load { .. })),
        "{no_library}"
    );

    // After those failures the right library still loads; a second one does not.
    let pack = Pack::open(dir, &options).expect("the copy is whole");
    assert!(FaceAnalyzer::new(&pack).is_ok());
    let other = Pack::open(dir, &RuntimeOptions::new(&text)).unwrap_err();
    assert!(
        matches!(
            other,
            PackError::Runtime(RuntimeError::AlreadyLoaded { .. })
        ),
        "{other}"
    );

    // One byte of a model changed.
    let model = dir.join("facemesh.onnx");
    let mut bytes = fs::read(&model).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&model, &bytes).unwrap();
    let error = Pack::open(dir, &options).unwrap_err();
    assert!(matches!(error, PackError::File(_)), "{error}");
    assert!(error.to_string().contains("facemesh.onnx"), "{error}");

    // Another network under the mesh's name, with a checksum that agrees.
    fs::copy(dir.join("faceres.onnx"), &model).unwrap();
    let manifest = fs::read_to_string(dir.join("facemesh.toml")).unwrap();
    let sum = goshawk_models::manifest::Checksum::of(&fs::read(&model).unwrap());
    let replaced: String = manifest
        .lines()
        .map(|line| {
            if line.starts_with("sha256") {
                format!("sha256 = \"{sum}\"\n")
            } else {
                format!("{line}\n")
            }
        })
        .collect();
    fs::write(dir.join("facemesh.toml"), replaced).unwrap();
    let error = FaceAnalyzer::new(&Pack::open(dir, &options).unwrap())
        .err()
        .expect("the shapes differ");
    assert!(
        matches!(
            error,
            PackError::Model(ModelError::WrongShape { .. } | ModelError::NoTensor { .. })
        ),
        "{error}"
    );

    // A model that is gone.
    fs::remove_file(&model).unwrap();
    let error = Pack::open(dir, &options).unwrap_err().to_string();
    assert!(error.contains("facemesh.onnx is missing"), "{error}");
}
