//! Importing people from a folder of pictures.
//!
//! A picture is known again by its content: the first 32 hexadecimal digits of its SHA-256 are
//! the face's `external_id`. So a run that broke off, or a folder that grew, is simply run again.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{
    client::{Client, text},
    commands::{lists, pictures},
    failure::Failure,
    output::{Format, Output},
};

/// Most characters of a name that the contract stores.
const MAX_NAME: usize = 128;

/// `goshawk faces import`.
#[derive(Debug, Args)]
pub struct Import {
    /// Folder; sub-folders are searched too.
    pub dir: PathBuf,
    /// List (name or id) to attach the faces to; made when there is none of that name.
    #[arg(long)]
    pub list: String,
}

/// What became of one picture.
enum Outcome {
    Imported,
    AlreadyThere,
}

/// Imports every picture; fails in the end when some could not be imported.
pub async fn run(client: &Client, command: Import, output: &mut Output) -> Result<(), Failure> {
    let Import { dir, list } = command;
    let found = pictures::within(&dir)?;
    if found.is_empty() {
        let dir = dir.display();
        return Err(Failure::Failed(format!(
            "{dir} has no .jpg, .jpeg, .png, .bmp, .tif or .ppm files"
        )));
    }
    let list = lists::find_or_create(client, &list).await?;
    let bar = output.progress(found.len() as u64);
    let (mut imported, mut skipped, mut failed) = (0, 0, Vec::new());
    for picture in &found {
        let name = picture.file_name().unwrap_or_default();
        bar.set_message(name.to_string_lossy().into_owned());
        match import(client, &dir, picture, &list).await {
            Ok(Outcome::Imported) => imported += 1,
            Ok(Outcome::AlreadyThere) => skipped += 1,
            // Every other picture would fail in the same way.
            Err(error @ (Failure::Unreachable(_) | Failure::Credentials(_))) => return Err(error),
            Err(error) => failed.push((picture, error.to_string())),
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    report(&list, (imported, skipped), &failed, output)
}

fn report(
    list: &str,
    (imported, skipped): (u64, u64),
    failed: &[(&PathBuf, String)],
    output: &mut Output,
) -> Result<(), Failure> {
    if output.format() == Format::Table {
        let failed = failed.len();
        output.text(&format!(
            "{imported} imported, {skipped} already there, {failed} failed"
        ))?;
    } else {
        let failures: Vec<Value> = failed
            .iter()
            .map(|(path, why)| json!({"file": path, "error": why}))
            .collect();
        output.object(&json!({
            "list_id": list,
            "imported": imported,
            "skipped": skipped,
            "failed": failures,
        }))?;
    }
    if failed.is_empty() {
        return Ok(());
    }
    let lines = failed
        .iter()
        .map(|(path, why)| format!("\n  {}: {why}", path.display()));
    let lines: String = lines.collect();
    Err(Failure::Failed(format!(
        "{} pictures were not imported:{lines}",
        failed.len()
    )))
}

async fn import(
    client: &Client,
    root: &Path,
    picture: &Path,
    list: &str,
) -> Result<Outcome, Failure> {
    let bytes = pictures::read(picture)?;
    let external_id = content_id(&bytes);
    if let Some(face) = known(client, &external_id).await? {
        return attach(client, &face, list).await;
    }
    let attribute = pictures::attribute(client, picture, bytes).await?;
    let face = json!({
        "attribute": {"attribute_id": attribute},
        "external_id": external_id,
        "user_data": name(root, picture),
        "lists": [list],
    });
    client.post("/6/faces").json(&face)?.done().await?;
    Ok(Outcome::Imported)
}

fn content_id(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    let digits = digest.iter().take(16).map(|byte| format!("{byte:02x}"));
    digits.collect()
}

async fn known(client: &Client, external_id: &str) -> Result<Option<Value>, Failure> {
    let request = client.get("/6/faces").query("external_ids", external_id);
    let request = lists::ours(client, request).await?;
    Ok(request.pages("faces", Some(1)).all().await?.pop())
}

async fn attach(client: &Client, face: &Value, list: &str) -> Result<Outcome, Failure> {
    let on = face.get("lists").and_then(Value::as_array);
    if on.is_some_and(|lists| lists.iter().any(|id| id == list)) {
        return Ok(Outcome::AlreadyThere);
    }
    let id = text(face, "face_id")?;
    let request = client.patch(format!("/6/lists/{list}/faces"));
    let body = json!({"action": "attach", "face_ids": [id]});
    request.json(&body)?.done().await?;
    Ok(Outcome::Imported)
}

/// A person's name: the sub-folder of the picture, or the file's name without its ending.
fn name(root: &Path, picture: &Path) -> String {
    let parent = picture
        .parent()
        .filter(|parent| *parent != root)
        .and_then(Path::file_name);
    let name = parent.or(picture.file_stem()).unwrap_or_default();
    let name = name.to_string_lossy().replace('_', " ");
    name.chars().take(MAX_NAME).collect()
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
}
