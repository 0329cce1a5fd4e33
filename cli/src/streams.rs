//! Cameras and files that agents watch.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    args::Streams,
    client::{Client, text},
    lists,
};

/// Runs a `streams` command.
pub async fn run(client: &Client, command: Streams, as_json: bool) -> anyhow::Result<()> {
    let account = client.account_id().await?;
    match command {
        Streams::Add {
            reference,
            name,
            r#type,
            handler,
            list,
            threshold,
        } => {
            let handler = match (handler, list) {
                (Some(handler), _) => handler,
                (None, Some(list)) => handler_for_list(client, &list, threshold).await?,
                (None, None) => anyhow::bail!("give --handler or --list"),
            };
            let kind = if r#type == "auto" {
                guess_type(&reference)
            } else {
                &r#type
            };
            let id = add(client, &account, &reference, kind, &name, &handler).await?;
            println!(
                "{}",
                if as_json {
                    json!({"stream_id": id}).to_string()
                } else {
                    id
                }
            );
        }
        Streams::List => {
            for stream in client
                .all_streams(&account, "/2/streams", "streams")
                .await?
            {
                if as_json {
                    println!("{stream}");
                    continue;
                }
                let show = |key: &str| {
                    stream
                        .get(key)
                        .and_then(Value::as_str)
                        .unwrap_or("-")
                        .to_owned()
                };
                println!(
                    "{}  {:<12}  {}",
                    show("stream_id"),
                    show("status"),
                    show("name")
                );
            }
        }
        Streams::Show { id } => {
            let stream = show(client, &account, &id).await?;
            println!("{stream:#}");
        }
        Streams::Remove { id } => {
            client
                .call_streams(Method::DELETE, &format!("/2/streams/{id}"), &account, None)
                .await?;
        }
    }
    Ok(())
}

/// One stream as the contract shows it.
pub async fn show(client: &Client, account: &str, id: &str) -> anyhow::Result<Value> {
    client
        .call_streams(Method::GET, &format!("/2/streams/{id}"), account, None)
        .await
}

/// Creates a stream for faces and gives its id.
pub async fn add(
    client: &Client,
    account: &str,
    reference: &str,
    kind: &str,
    name: &str,
    handler: &str,
) -> anyhow::Result<String> {
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
    let answer = client
        .call_streams(Method::POST, "/2/streams", account, Some(&body))
        .await?;
    text(&answer, "stream_id")
}

/// The handler that matches every face against `list` and stores what was seen; made when there
/// is none. It is recognised by its description.
pub async fn handler_for_list(
    client: &Client,
    list: &str,
    threshold: f32,
) -> anyhow::Result<String> {
    let list = lists::find_or_add(client, list).await?;
    let description = format!("goshawk: match list {list} at {threshold}");
    for handler in client.all("/6/handlers", "handlers").await? {
        if handler.get("description").and_then(Value::as_str) == Some(&description) {
            return text(&handler, "handler_id");
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
    let answer = client
        .call(Method::POST, "/6/handlers", Some(&body))
        .await?;
    text(&answer, "handler_id")
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
