//! Cameras and files that agents watch. The Streams service asks for no password; the account is
//! part of every question and of a new stream's body.

use clap::Subcommand;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{list, lists};
use crate::{
    args::{Filters, Limit},
    client::{Client, Request, text},
    failure::Failure,
    output::{Column, Output},
};

const COLUMNS: &[Column] = &[
    Column::new("STREAM ID", "/stream_id"),
    Column::new("STATUS", "/status"),
    Column::new("NAME", "/name"),
    Column::new("REFERENCE", "/data/reference"),
    Column::new("LAST ERROR", "/last_error"),
];
const LOG: &[Column] = &[
    Column::new("TIME", "/log_time"),
    Column::new("STREAM ID", "/stream_id"),
    Column::new("STATUS", "/status"),
    Column::new("ERROR", "/error"),
];

/// `goshawk streams`.
#[derive(Debug, Subcommand)]
pub enum Streams {
    /// Start watching a camera (rtsp://…) or a video file.
    #[command(visible_alias = "create")]
    Add(Add),
    /// All streams.
    List {
        /// In these states.
        #[arg(long, value_name = "STATUS", value_delimiter = ',')]
        statuses: Vec<String>,
        #[command(flatten)]
        filters: Filters,
        #[command(flatten)]
        limit: Limit,
    },
    /// One stream whole.
    Show {
        /// Stream id.
        stream_id: Uuid,
    },
    /// The number of streams.
    Count {
        #[command(flatten)]
        filters: Filters,
    },
    /// Stop watching for a while.
    Pause {
        /// Stream id.
        stream_id: Uuid,
    },
    /// Go on watching.
    Resume {
        /// Stream id.
        stream_id: Uuid,
    },
    /// Stop watching for good, but keep the stream.
    Cancel {
        /// Stream id.
        stream_id: Uuid,
    },
    /// Give a stream another description.
    Describe {
        /// Stream id.
        stream_id: Uuid,
        /// At most 128 characters.
        description: String,
    },
    /// What happened to streams, newest first.
    Logs {
        /// This one alone.
        #[arg(long)]
        stream_id: Option<Uuid>,
        #[command(flatten)]
        filters: Filters,
        #[command(flatten)]
        limit: Limit,
    },
    /// Stop watching and forget.
    #[command(visible_alias = "delete")]
    Remove {
        /// Stream id.
        stream_id: Uuid,
    },
}

/// `goshawk streams add`.
#[derive(Debug, clap::Args)]
pub struct Add {
    /// Address of the camera or path of the file. It may hold the camera's password: `-` reads it
    /// from the first line of standard input.
    reference: String,
    /// Name shown in events.
    #[arg(long, default_value = "")]
    name: String,
    /// How it is read.
    #[arg(long, default_value = "auto", value_parser = ["auto", "tcp", "udp", "videofile"])]
    r#type: String,
    /// Handler that events go through.
    #[arg(long, conflicts_with = "list", required_unless_present = "list")]
    handler: Option<Uuid>,
    /// Match against this list (name or id); a handler is made for it when there is none.
    #[arg(long)]
    list: Option<String>,
    /// Least similarity of a match, 0 to 1, for a handler made here.
    #[arg(long, default_value_t = 0.6)]
    threshold: f32,
}

/// Runs a `streams` command.
pub async fn run(client: &Client, command: Streams, output: &mut Output) -> Result<(), Failure> {
    let account = match client.account_id().await {
        Err(Failure::Refused(refusal)) if refusal.status == 403 => {
            let message = "streams are asked for by account, and this token may not see its own; \
                           one with `--grant account=view` may";
            return Err(Failure::Failed(message.to_owned()));
        }
        account => account?,
    };
    let get = |path: String| {
        client
            .streams(Method::GET, path)
            .query("account_id", &account)
    };
    match command {
        Streams::Add(new) => {
            let made = create(client, &account, new).await?;
            output.made(&made, "stream_id")
        }
        Streams::List {
            statuses,
            filters,
            limit,
        } => {
            let statuses = Some(statuses.join(",")).filter(|text| !text.is_empty());
            let request = get("/2/streams".to_owned())
                .query_some("statuses", statuses)
                .filters(&filters.filters);
            list(output, request.pages("streams", limit.get()), COLUMNS).await
        }
        Streams::Show { stream_id } => {
            output.object(&show(client, &account, &stream_id.to_string()).await?)
        }
        Streams::Count { filters } => {
            let request = get("/2/streams/count".to_owned()).filters(&filters.filters);
            output.made(&request.value().await?, "streams_count")
        }
        Streams::Logs {
            stream_id,
            filters,
            limit,
        } => {
            let request = get("/2/streams/logs".to_owned())
                .query_some("stream_ids", stream_id)
                .filters(&filters.filters);
            list(output, request.pages("logs", limit.get()), LOG).await
        }
        Streams::Pause { stream_id } => {
            change(client, &account, stream_id, json!({"status": "pause"})).await?;
            output.done(format!("stream {stream_id} pauses"))
        }
        Streams::Resume { stream_id } => {
            change(client, &account, stream_id, json!({"status": "pending"})).await?;
            output.done(format!("stream {stream_id} goes on"))
        }
        Streams::Cancel { stream_id } => {
            change(client, &account, stream_id, json!({"status": "cancel"})).await?;
            output.done(format!("stream {stream_id} is cancelled"))
        }
        Streams::Describe {
            stream_id,
            description,
        } => {
            let body = json!({"description": description});
            change(client, &account, stream_id, body).await?;
            output.done(format!("stream {stream_id} is described"))
        }
        Streams::Remove { stream_id } => {
            let request = of_one(client, Method::DELETE, &account, &stream_id.to_string());
            request.done().await?;
            output.done(format!("stream {stream_id} is removed"))
        }
    }
}

fn of_one<'a>(client: &'a Client, method: Method, account: &str, id: &str) -> Request<'a> {
    let request = client.streams(method, format!("/2/streams/{id}"));
    request.query("account_id", account)
}

async fn change(client: &Client, account: &str, id: Uuid, body: Value) -> Result<(), Failure> {
    let request = of_one(client, Method::PATCH, account, &id.to_string());
    request.json(&body)?.done().await
}

/// One stream as the contract shows it.
pub async fn show(client: &Client, account: &str, id: &str) -> Result<Value, Failure> {
    of_one(client, Method::GET, account, id).value().await
}

async fn create(client: &Client, account: &str, new: Add) -> Result<Value, Failure> {
    let handler = match (new.handler, new.list) {
        (Some(handler), _) => handler.to_string(),
        (None, Some(list)) => handler_for_list(client, &list, new.threshold).await?,
        (None, None) => return Err(Failure::Usage("give --handler or --list".to_owned())),
    };
    let reference = match new.reference.as_str() {
        "-" => crate::secret::read("-".as_ref())?.expose().to_owned(),
        reference => reference.to_owned(),
    };
    let kind = match new.r#type.as_str() {
        "auto" => guess_type(&reference),
        kind => kind,
    };
    add(client, account, &reference, kind, &new.name, &handler).await
}

/// Creates a stream for faces; gives the coordinator's answer with its id.
pub async fn add(
    client: &Client,
    account: &str,
    reference: &str,
    kind: &str,
    name: &str,
    handler: &str,
) -> Result<Value, Failure> {
    let body = json!({
        "account_id": account,
        "name": name,
        "data": {
            "type": kind,
            "reference": reference,
            "analytics": [{
                "mode": 1,
                "event_handler": {
                    "type": "luna_handler",
                    "handler_id": handler,
                    "frame_store": null,
                    "authorization": {"account_id": account},
                },
            }],
        },
    });
    let request = client.streams(Method::POST, "/2/streams");
    request.json(&body)?.value().await
}

/// The handler that matches every face against `list` and stores what was seen; made when there
/// is none. It is recognised by its description.
pub async fn handler_for_list(
    client: &Client,
    list: &str,
    threshold: f32,
) -> Result<String, Failure> {
    let list = lists::find_or_create(client, list).await?;
    let description = format!("goshawk: match list {list} at {threshold}");
    let mut pages = client.get("/6/handlers").pages("handlers", None);
    while let Some(page) = pages.next().await? {
        let known = |handler: &&Value| {
            handler.get("description").and_then(Value::as_str) == Some(&description)
        };
        if let Some(handler) = page.iter().find(known) {
            return text(handler, "handler_id");
        }
    }
    let body = json!({
        "description": description,
        "policies": {
            "detect_policy": {"detect_face": 1},
            "extract_policy": {"extract_face_descriptor": 1, "extract_basic_attributes": 1},
            "match_policy": [{
                "label": "list",
                "candidates": {"origin": "faces", "list_id": list},
                "limit": 3,
                "threshold": threshold,
            }],
            "storage_policy": {
                "event_policy": {"store_event": 1},
                "face_sample_policy": {"store_sample": 1},
            },
        },
    });
    let made = client.post("/6/handlers").json(&body)?.value().await?;
    text(&made, "handler_id")
}

fn guess_type(reference: &str) -> &'static str {
    if reference.contains("://") && !reference.starts_with("file://") {
        "tcp"
    } else {
        "videofile"
    }
}

#[cfg(test)]
mod tests {
    use super::guess_type;

    #[test]
    fn addresses_are_live_and_paths_are_files() {
        assert_eq!(guess_type("rtsp://camera/1"), "tcp");
        assert_eq!(guess_type("/var/clips/a.mp4"), "videofile");
        assert_eq!(guess_type("file:///var/clips/a.mp4"), "videofile");
    }
}
