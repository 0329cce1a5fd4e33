//! Pictures in files: found, read within bounds, and turned into descriptors by the coordinator.

use std::path::{Path, PathBuf};

use reqwest::header::HeaderValue;
use serde_json::{Value, json};

use crate::{
    client::{Client, text},
    failure::Failure,
};

/// Largest picture that is sent, in bytes.
const MAX_BYTES: u64 = 15 << 20;
const ENDINGS: &[&str] = &["jpg", "jpeg", "png", "bmp", "tif", "tiff", "ppm"];

/// Reads a picture.
pub fn read(picture: &Path) -> Result<Vec<u8>, Failure> {
    let wrong = |error| Failure::io(format!("cannot read {}", picture.display()), &error);
    if std::fs::metadata(picture).map_err(wrong)?.len() > MAX_BYTES {
        let limit = MAX_BYTES >> 20;
        return Err(Failure::Failed(format!("larger than {limit} MiB")));
    }
    std::fs::read(picture).map_err(wrong)
}

/// A temporary attribute with the descriptor of the one person on a picture; gives its id.
pub async fn attribute(client: &Client, picture: &Path, bytes: Vec<u8>) -> Result<String, Failure> {
    let kind = HeaderValue::from_static(content_type(picture));
    let detected = client.post("/6/detector").bytes(kind, bytes);
    let sample = one_face(&detected.value().await?)?;
    let extracted = client
        .post("/6/extractor")
        .query("extract_descriptor", 1)
        .json(&json!([sample]))?;
    let extracted = extracted.value().await?;
    let id = extracted.pointer("/0/attribute_id").and_then(Value::as_str);
    id.map(str::to_owned)
        .ok_or_else(|| Failure::Failed("the face is not good enough for a descriptor".to_owned()))
}

/// The sample of the only face that the detector found.
fn one_face(answer: &Value) -> Result<String, Failure> {
    let failed = |why: String| Err(Failure::Failed(why));
    let image = answer.pointer("/images/0").unwrap_or(&Value::Null);
    if image.get("status").and_then(Value::as_i64) == Some(0) {
        let why = image.pointer("/error/detail").and_then(Value::as_str);
        return failed(format!(
            "cannot be read: {}",
            why.unwrap_or("unknown reason")
        ));
    }
    let samples = image
        .pointer("/detections/samples")
        .and_then(Value::as_array);
    match samples.map(Vec::as_slice) {
        None | Some([]) => failed("no face found".to_owned()),
        Some([sample]) => text(sample.get("face").unwrap_or(&Value::Null), "sample_id"),
        Some(several) => failed(format!(
            "{} faces found: want a picture of one person",
            several.len()
        )),
    }
}

/// All pictures in a folder and the folders within, in order.
pub fn within(dir: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        let wrong = |error| {
            Failure::io(
                format!("cannot read the folder {}", folder.display()),
                &error,
            )
        };
        for entry in std::fs::read_dir(&folder).map_err(wrong)? {
            let entry = entry.map_err(wrong)?;
            // Links are not followed: they may lead round in a circle.
            let kind = entry.file_type().map_err(wrong)?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() && ENDINGS.contains(&ending(&entry.path()).as_str()) {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

fn content_type(picture: &Path) -> &'static str {
    match ending(picture).as_str() {
        "png" => "image/png",
        "bmp" => "image/bmp",
        "tif" | "tiff" => "image/tiff",
        "ppm" => "image/x-portable-pixmap",
        _ => "image/jpeg",
    }
}

fn ending(picture: &Path) -> String {
    let ending = picture.extension().unwrap_or_default();
    ending.to_string_lossy().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pictures_are_taken_and_in_order() {
        let dir = tempfile::tempdir().unwrap();
        for file in ["b.JPG", "a.png", "notes.txt"] {
            std::fs::write(dir.path().join(file), "x").unwrap();
        }
        let names: Vec<_> = within(dir.path())
            .unwrap()
            .iter()
            .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
            .collect();
        assert_eq!(names, ["a.png", "b.JPG"]);
    }

    #[test]
    fn a_picture_shows_one_person() {
        let face = |id: &str| json!({"face": {"sample_id": id}});
        let image = |samples: Value| json!({"images": [{"detections": {"samples": samples}}]});
        assert_eq!(one_face(&image(json!([face("a")]))).unwrap(), "a");
        let unreadable = json!({"images": [{"status": 0, "error": {"detail": "torn"}}]});
        for (answer, part) in [
            (image(json!([])), "no face"),
            (image(json!([face("a"), face("b")])), "2 faces"),
            (unreadable, "torn"),
            (json!({}), "no face"),
        ] {
            let error = one_face(&answer).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
