//! What has been seen, as it comes over the WebSocket.

use std::time::Duration;

use anyhow::Context;
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest},
};

use crate::{args::Events, client::Client};

/// Runs an `events` command.
pub async fn run(client: &Client, command: Events, as_json: bool) -> anyhow::Result<()> {
    let Events::Tail { count } = command;
    let mut seen = 0;
    let mut pause = Duration::from_secs(1);
    loop {
        match Subscription::open(client).await {
            Ok(mut subscription) => {
                pause = Duration::from_secs(1);
                eprintln!("waiting for events; stop with Ctrl-C");
                while let Some(event) = subscription.next().await? {
                    println!(
                        "{}",
                        if as_json {
                            event.to_string()
                        } else {
                            line(&event)
                        }
                    );
                    seen += 1;
                    if Some(seen) == count {
                        return Ok(());
                    }
                }
                eprintln!("the coordinator closed the connection; connecting again");
            }
            Err(error) if seen > 0 => eprintln!("{error:#}; trying again in {pause:?}"),
            Err(error) => return Err(error),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(30));
    }
}

/// A subscription to the events of an account.
pub struct Subscription {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Subscription {
    /// Subscribes to everything the account may see.
    pub async fn open(client: &Client) -> anyhow::Result<Self> {
        let mut request = client.websocket("/6/ws").into_client_request()?;
        let authorization = client
            .authorization()
            .parse()
            .context("login or password cannot be sent")?;
        request.headers_mut().insert("Authorization", authorization);
        let (socket, _) = connect_async(request)
            .await
            .context("cannot subscribe to events")?;
        Ok(Self { socket })
    }

    /// The next event; `None` when the coordinator closed the connection.
    pub async fn next(&mut self) -> anyhow::Result<Option<Value>> {
        loop {
            match self.socket.next().await {
                None | Some(Err(_) | Ok(Message::Close(_))) => return Ok(None),
                Some(Ok(Message::Text(text))) => {
                    return Ok(Some(
                        serde_json::from_str(&text).context("a message is not JSON")?,
                    ));
                }
                Some(Ok(Message::Ping(data))) => self.socket.send(Message::Pong(data)).await?,
                Some(Ok(_)) => {}
            }
        }
    }
}

/// One event on one line: time, stream, track, liveness, best candidate and similarity.
pub fn line(message: &Value) -> String {
    let event = message.get("event").unwrap_or(message);
    let show = |key: &str| {
        event
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or("-")
            .to_owned()
    };
    let time = message
        .get("event-create-time")
        .and_then(Value::as_str)
        .unwrap_or("-");
    let track = show("track_id");
    let track: String = track
        .chars()
        .rev()
        .take(4)
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
        .collect();
    let best = match best_match(event) {
        Some((name, similarity)) => format!("{name} ({similarity:.2})"),
        None => "nobody on the list".to_owned(),
    };
    format!(
        "{time}  stream {}  track …{track}  liveness {}  → {best}",
        show("source"),
        liveness(event).unwrap_or("unknown"),
    )
}

/// The most similar candidate over all match policies: its name (user data, or id) and similarity.
pub fn best_match(event: &Value) -> Option<(String, f64)> {
    let candidates = event
        .get("matches")?
        .as_array()?
        .iter()
        .filter_map(|policy| policy.get("candidates")?.as_array())
        .flatten();
    candidates
        .filter_map(|candidate| {
            let similarity = candidate.get("similarity")?.as_f64()?;
            let face = candidate.get("face").or_else(|| candidate.get("event"))?;
            let name = ["user_data", "external_id", "face_id", "event_id"]
                .iter()
                .filter_map(|key| face.get(*key).and_then(Value::as_str))
                .find(|name| !name.is_empty())?;
            Some((name.to_owned(), similarity))
        })
        .max_by(|a, b| a.1.total_cmp(&b.1))
}

fn liveness(event: &Value) -> Option<&str> {
    event
        .get("detections")?
        .as_array()?
        .first()?
        .pointer("/samples/face/detection/attributes/liveness/prediction")?
        .as_str()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event() -> Value {
        json!({"event-create-time": "2026-11-20T12:00:00Z", "event": {
            "source": "door",
            "track_id": "8d57654a-3905-4326-8db6-dcf8000000a3",
            "matches": [
                {"label": "a", "candidates": [{"face": {"face_id": "f", "user_data": "Ann"}, "similarity": 0.7}]},
                {"label": "b", "candidates": [{"face": {"face_id": "g", "user_data": ""}, "similarity": 0.9}]},
            ],
            "detections": [{"samples": {"face": {"detection": {"attributes": {
                "liveness": {"prediction": "real"}
            }}}}}],
        }})
    }

    #[test]
    fn the_line_names_the_best_candidate() {
        let line = line(&event());
        for part in ["2026-11-20T12:00:00Z", "door", "00a3", "real", "g (0.90)"] {
            assert!(line.contains(part), "{part} in {line}");
        }
    }

    #[test]
    fn a_stranger_is_nobody() {
        let mut event = event();
        event["event"]["matches"] = json!([{"label": "a", "candidates": []}]);
        assert!(line(&event).contains("nobody"));
    }
}
