//! People.

pub mod import;

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use super::{list, lists};
use crate::{
    args::{Filters, Limit},
    client::{Client, Request},
    failure::Failure,
    output::{Column, Output},
};

const COLUMNS: &[Column] = &[
    Column::new("FACE ID", "/face_id"),
    Column::new("NAME", "/user_data"),
    Column::new("EXTERNAL ID", "/external_id"),
    Column::new("LISTS", "/lists"),
    Column::new("CREATED", "/create_time"),
];
/// Most faces that one request deletes.
const BATCH: usize = 1000;

/// `goshawk faces`.
#[derive(Debug, Subcommand)]
pub enum Faces {
    /// Faces, newest first.
    List {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        limit: Limit,
    },
    /// One face whole.
    Show {
        /// Face id.
        face_id: Uuid,
    },
    /// Import a folder of pictures, one face a picture. Safe to run again: what is already there
    /// is skipped.
    Import(import::Import),
    /// Change what is known about a face.
    #[command(group(clap::ArgGroup::new("change").required(true).multiple(true)))]
    Update {
        /// Face id.
        face_id: Uuid,
        /// The person's name, kept as `user_data`.
        #[arg(long, group = "change")]
        name: Option<String>,
        /// Id in another system, at most 36 characters.
        #[arg(long, group = "change")]
        external_id: Option<String>,
        /// Address of a picture.
        #[arg(long, group = "change")]
        avatar: Option<String>,
        /// The event that the face was made from.
        #[arg(long, group = "change")]
        event_id: Option<Uuid>,
    },
    /// Delete faces.
    Delete {
        /// Face ids.
        #[arg(required = true)]
        face_ids: Vec<Uuid>,
    },
    /// The number of faces.
    Count {
        #[command(flatten)]
        which: Which,
    },
    /// Write all faces as lines of JSON; without pictures and descriptors, which do not leave the
    /// coordinator.
    Export {
        /// File; `-` is standard output.
        file: PathBuf,
        #[command(flatten)]
        which: Which,
    },
}

/// Which faces are meant.
#[derive(Debug, Args)]
pub struct Which {
    /// On this list (name or id).
    #[arg(long)]
    list: Option<String>,
    /// With this text in the name.
    #[arg(long)]
    name: Option<String>,
    /// With this id in another system.
    #[arg(long)]
    external_id: Option<String>,
    #[command(flatten)]
    filters: Filters,
}

impl Which {
    async fn add<'a>(&self, client: &Client, request: Request<'a>) -> Result<Request<'a>, Failure> {
        let list = match &self.list {
            Some(list) => Some(lists::found(client, list).await?),
            None => None,
        };
        Ok(request
            .query_some("list_id", list)
            .query_some("user_data", self.name.as_ref())
            .query_some("external_ids", self.external_id.as_ref())
            .filters(&self.filters.filters))
    }
}

#[derive(Serialize)]
struct Change {
    #[serde(skip_serializing_if = "Option::is_none")]
    user_data: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    avatar: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_id: Option<Uuid>,
}

/// Runs a `faces` command.
pub async fn run(client: &Client, command: Faces, output: &mut Output) -> Result<(), Failure> {
    match command {
        Faces::List { which, limit } => {
            let request = which.add(client, client.get("/6/faces")).await?;
            list(output, request.pages("faces", limit.get()), COLUMNS).await
        }
        Faces::Show { face_id } => {
            let request = client.get(format!("/6/faces/{face_id}"));
            output.object(&request.value().await?)
        }
        Faces::Import(command) => import::run(client, command, output).await,
        Faces::Update {
            face_id,
            name,
            external_id,
            avatar,
            event_id,
        } => {
            let body = Change {
                user_data: name,
                external_id,
                avatar,
                event_id,
            };
            let request = client.patch(format!("/6/faces/{face_id}"));
            request.json(&body)?.done().await?;
            output.done(format!("face {face_id} is changed"))
        }
        Faces::Delete { face_ids } => {
            for batch in face_ids.chunks(BATCH) {
                let request = client.delete("/6/faces");
                request.json(&json!({"face_ids": batch}))?.done().await?;
            }
            output.done(format!("{} faces are deleted", face_ids.len()))
        }
        Faces::Count { which } => {
            let request = which.add(client, client.get("/6/faces/count")).await?;
            output.made(&request.value().await?, "faces_count")
        }
        Faces::Export { file, which } => export(client, &file, &which, output).await,
    }
}

/// Writes faces a page at a time. A file is complete or not there: it gets its name at the end.
async fn export(
    client: &Client,
    file: &Path,
    which: &Which,
    output: &mut Output,
) -> Result<(), Failure> {
    let request = which.add(client, client.get("/6/faces")).await?;
    let mut pages = request.pages("faces", None);
    if file == Path::new("-") {
        while let Some(page) = pages.next().await? {
            for face in page {
                output.text(&face.to_string())?;
            }
        }
        return Ok(());
    }
    let wrong = |error| Failure::io(format!("cannot write {}", file.display()), &error);
    let mut name = file.as_os_str().to_owned();
    name.push(".part");
    let part = PathBuf::from(name);
    let mut out = std::io::BufWriter::new(std::fs::File::create(&part).map_err(wrong)?);
    let bar = output.progress(total(client, which).await?);
    let mut count = 0_u64;
    while let Some(page) = pages.next().await? {
        for face in &page {
            writeln!(out, "{face}").map_err(wrong)?;
        }
        count += page.len() as u64;
        bar.inc(page.len() as u64);
    }
    bar.finish_and_clear();
    let done = out
        .into_inner()
        .map_err(|error| wrong(error.into_error()))?;
    done.sync_all().map_err(wrong)?;
    std::fs::rename(&part, file).map_err(wrong)?;
    output.note(format!("{count} faces written to {}", file.display()));
    Ok(())
}

async fn total(client: &Client, which: &Which) -> Result<u64, Failure> {
    let request = which.add(client, client.get("/6/faces/count")).await?;
    let answer = request.value().await?;
    Ok(answer
        .get("faces_count")
        .and_then(serde_json::Value::as_u64)
        .unwrap_or(0))
}
