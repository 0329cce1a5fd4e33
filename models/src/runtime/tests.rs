//! What can be said about missing and unfit files without a model.

use super::{model::read_checked, *};
use crate::manifest::{Checksum, ModelFileError};

#[test]
fn a_missing_library_is_named() {
    let options = RuntimeOptions::at_home(Path::new("/nowhere"));
    let error = Runtime::load(&options)
        .err()
        .map(|e| e.to_string())
        .unwrap_or_default();
    assert!(
        error.contains("/nowhere/onnxruntime/libonnxruntime.so is missing"),
        "{error}"
    );
}

#[test]
fn a_file_is_checked_before_it_is_used() {
    let dir = std::env::temp_dir().join(format!("goshawk-models-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let path = dir.join("model.onnx");
    std::fs::write(&path, b"one").unwrap();
    assert_eq!(read_checked(&path, Checksum::of(b"one")).unwrap(), b"one");
    let error = read_checked(&path, Checksum::of(b"two"))
        .unwrap_err()
        .to_string();
    for part in [
        "model.onnx",
        &Checksum::of(b"one").to_string(),
        &Checksum::of(b"two").to_string(),
    ] {
        assert!(error.contains(part), "{error}");
    }
    std::fs::remove_dir_all(&dir).unwrap();
    assert!(matches!(
        read_checked(&path, Checksum::of(b"one")),
        Err(ModelFileError::Missing(_))
    ));
}
