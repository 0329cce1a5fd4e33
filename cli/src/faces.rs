//! Importing people from a folder of pictures.
//!
//! A picture is known again by its content: the first 32 hexadecimal digits of its SHA-256 are
//! the face's `external_id`. So a run that broke off, or a folder that grew, is simply run again.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{
    args::Faces,
    client::{Client, text},
    lists,
};

/// Largest picture that is sent.
const MAX_BYTES: u64 = 15 << 20;
/// Most characters of a name that the contract stores.
const MAX_NAME: usize = 128;

/// What became of one picture.
enum Outcome {
    Imported,
    AlreadyThere,
}

/// Runs a `faces` command; gives the number of pictures that failed.
pub async fn run(client: &Client, command: Faces, as_json: bool) -> anyhow::Result<usize> {
    let Faces::Import { dir, list } = command;
    let pictures = pictures(&dir)?;
    if pictures.is_empty() {
        bail!(
            "{} has no .jpg, .jpeg, .png, .bmp, .tif or .ppm files",
            dir.display()
        );
    }
    let list = lists::find_or_add(client, &list).await?;
    let bar = progress(pictures.len() as u64);
    let (mut imported, mut skipped, mut failed) = (0, 0, Vec::new());
    for picture in &pictures {
        bar.set_message(
            picture
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
        );
        match import(client, &dir, picture, &list).await {
            Ok(Outcome::Imported) => imported += 1,
            Ok(Outcome::AlreadyThere) => skipped += 1,
            Err(error) => failed.push((picture, format!("{error:#}"))),
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    if as_json {
        let failures: Vec<Value> = failed
            .iter()
            .map(|(path, why)| json!({"file": path, "error": why}))
            .collect();
        println!(
            "{}",
            json!({"list_id": list, "imported": imported, "skipped": skipped, "failed": failures})
        );
    } else {
        println!(
            "{imported} imported, {skipped} already there, {} failed",
            failed.len()
        );
        for (path, why) in &failed {
            println!("  {}: {why}", path.display());
        }
    }
    Ok(failed.len())
}

fn progress(total: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {per_sec} {msg}");
    ProgressBar::new(total).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

async fn import(
    client: &Client,
    root: &Path,
    picture: &Path,
    list: &str,
) -> anyhow::Result<Outcome> {
    if std::fs::metadata(picture)?.len() > MAX_BYTES {
        bail!("larger than {} MiB", MAX_BYTES >> 20);
    }
    let bytes = std::fs::read(picture)?;
    let external_id = content_id(&bytes);
    if let Some(face) = known(client, &external_id).await? {
        return attach(client, &face, list).await;
    }
    let sample = detect(client, picture, bytes).await?;
    let attribute = extract(client, &sample).await?;
    let face = json!({
        "attribute": {"attribute_id": attribute},
        "external_id": external_id,
        "user_data": name(root, picture),
        "lists": [list],
    });
    client.call(Method::POST, "/6/faces", Some(&face)).await?;
    Ok(Outcome::Imported)
}

fn content_id(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

async fn known(client: &Client, external_id: &str) -> anyhow::Result<Option<Value>> {
    let path = format!("/6/faces?external_ids={external_id}");
    let mut answer = client.call(Method::GET, &path, None).await?;
    let found = answer
        .get_mut("faces")
        .and_then(Value::as_array_mut)
        .and_then(Vec::pop);
    Ok(found)
}

async fn attach(client: &Client, face: &Value, list: &str) -> anyhow::Result<Outcome> {
    let lists = face.get("lists").and_then(Value::as_array);
    if lists.is_some_and(|lists| lists.iter().any(|id| id == list)) {
        return Ok(Outcome::AlreadyThere);
    }
    let body = json!({"action": "attach", "face_ids": [text(face, "face_id")?]});
    client
        .call(
            Method::PATCH,
            &format!("/6/lists/{list}/faces"),
            Some(&body),
        )
        .await?;
    Ok(Outcome::Imported)
}

async fn detect(client: &Client, picture: &Path, bytes: Vec<u8>) -> anyhow::Result<String> {
    let answer = client
        .send("/6/detector", content_type(picture), bytes)
        .await?;
    let image = answer
        .pointer("/images/0")
        .context("the detector's answer has no image")?;
    if image.get("status").and_then(Value::as_i64) == Some(0) {
        let why = image
            .pointer("/error/detail")
            .and_then(Value::as_str)
            .unwrap_or("unknown reason");
        bail!("cannot be read: {why}");
    }
    let samples = image
        .pointer("/detections/samples")
        .and_then(Value::as_array);
    match samples.map(Vec::as_slice) {
        None | Some([]) => bail!("no face found"),
        Some([sample]) => {
            let face = sample.get("face").context("the sample is not a face")?;
            text(face, "sample_id")
        }
        Some(several) => bail!(
            "{} faces found: want a picture of one person",
            several.len()
        ),
    }
}

async fn extract(client: &Client, sample: &str) -> anyhow::Result<String> {
    let path = "/6/extractor?extract_descriptor=1";
    let answer = client
        .call(Method::POST, path, Some(&json!([sample])))
        .await?;
    let first = answer.get(0).context("the extractor's answer is empty")?;
    text(first, "attribute_id").context("the face is not good enough for a descriptor")
}

/// A person's name: the sub-folder of the picture, or the file's name without its ending.
fn name(root: &Path, picture: &Path) -> String {
    let parent = picture
        .parent()
        .filter(|parent| *parent != root)
        .and_then(Path::file_name);
    let name = parent
        .or(picture.file_stem())
        .unwrap_or_default()
        .to_string_lossy();
    name.replace('_', " ").chars().take(MAX_NAME).collect()
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
    picture
        .extension()
        .unwrap_or_default()
        .to_string_lossy()
        .to_lowercase()
}

fn pictures(dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder)
            .with_context(|| format!("cannot read the folder {}", folder.display()))?;
        for entry in entries {
            let entry = entry?;
            // Links are not followed: they may lead round in a circle.
            let kind = entry.file_type()?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file()
                && matches!(
                    ending(&entry.path()).as_str(),
                    "jpg" | "jpeg" | "png" | "bmp" | "tif" | "tiff" | "ppm"
                )
            {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sub_folder_names_its_person() {
        let root = Path::new("/people");
        assert_eq!(name(root, Path::new("/people/Ann_Lee/1.jpg")), "Ann Lee");
        assert_eq!(name(root, Path::new("/people/Bob.png")), "Bob");
    }

    #[test]
    fn only_pictures_are_taken_and_in_order() {
        let dir = tempfile::tempdir().unwrap();
        for file in ["b.JPG", "a.png", "notes.txt"] {
            std::fs::write(dir.path().join(file), "x").unwrap();
        }
        let names: Vec<_> = pictures(dir.path())
            .unwrap()
            .iter()
            .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
            .collect();
        assert_eq!(names, ["a.png", "b.JPG"]);
    }
}
