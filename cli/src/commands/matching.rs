//! Who is most alike to a face, an event or a picture.

use std::path::PathBuf;

use clap::{ArgGroup, Args};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{lists, pictures};
use crate::{
    client::Client,
    failure::Failure,
    output::{Column, Format, Output},
};

const FACES: &[Column] = &[
    Column::new("SIMILARITY", "/similarity"),
    Column::new("FACE ID", "/face/face_id"),
    Column::new("NAME", "/face/user_data"),
    Column::new("EXTERNAL ID", "/face/external_id"),
];
const EVENTS: &[Column] = &[
    Column::new("SIMILARITY", "/similarity"),
    Column::new("EVENT ID", "/event/event_id"),
    Column::new("TIME", "/event/create_time"),
    Column::new("SOURCE", "/event/source"),
];

/// `goshawk match`.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("reference").required(true)))]
#[command(group(ArgGroup::new("candidates").required(true)))]
pub struct Match {
    /// A stored face.
    #[arg(long, group = "reference")]
    face: Option<Uuid>,
    /// A stored event.
    #[arg(long, group = "reference")]
    event: Option<Uuid>,
    /// A picture of one person in a file.
    #[arg(long, group = "reference", value_name = "FILE")]
    picture: Option<PathBuf>,
    /// Among the faces of this list (name or id).
    #[arg(long, group = "candidates")]
    list: Option<String>,
    /// Among all faces of the account.
    #[arg(long, group = "candidates")]
    all_faces: bool,
    /// Among all events of the account.
    #[arg(long, group = "candidates")]
    all_events: bool,
    /// Most results, 1 to 100.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=100))]
    limit: u8,
    /// Least similarity, 0 to 1.
    #[arg(long, default_value_t = 0.0)]
    threshold: f32,
}

/// Runs `goshawk match`.
pub async fn run(client: &Client, command: Match, output: &mut Output) -> Result<(), Failure> {
    let reference = reference(client, &command).await?;
    let candidates = json!({
        "filters": filters(client, &command).await?,
        "limit": command.limit,
        "threshold": command.threshold,
    });
    let body = json!({"references": [reference], "candidates": [candidates]});
    let answer = client.post("/6/matcher/faces").json(&body)?;
    let answer = answer.value().await?;
    if output.format() == Format::Json {
        return output.object(&answer);
    }
    let found = answer
        .pointer("/0/matches/0/result")
        .and_then(Value::as_array);
    let found = found.ok_or_else(|| {
        Failure::Unreachable("the answer of the matcher has no results".to_owned())
    })?;
    if found.is_empty() {
        output.note("nobody is as alike as that");
    }
    let mut rows = output.rows(if command.all_events { EVENTS } else { FACES });
    rows.page(found)?;
    rows.end()
}

async fn reference(client: &Client, command: &Match) -> Result<Value, Failure> {
    if let Some(face) = command.face {
        return Ok(json!({"type": "face", "id": face}));
    }
    if let Some(event) = command.event {
        return Ok(json!({"type": "event", "id": event}));
    }
    let Some(picture) = &command.picture else {
        return Err(Failure::Usage(
            "give --face, --event or --picture".to_owned(),
        ));
    };
    let bytes = pictures::read(picture)?;
    let attribute = pictures::attribute(client, picture, bytes).await?;
    Ok(json!({"type": "attribute", "id": attribute}))
}

async fn filters(client: &Client, command: &Match) -> Result<Value, Failure> {
    Ok(match &command.list {
        Some(list) => json!({"origin": "faces", "list_id": lists::found(client, list).await?}),
        None if command.all_events => json!({"origin": "events"}),
        None => json!({"origin": "faces"}),
    })
}
