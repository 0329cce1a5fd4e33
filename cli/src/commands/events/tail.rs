//! Events as they come over the WebSocket.

use std::time::Duration;

use clap::Args;
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Bytes, Message, protocol::Role},
};

use crate::{
    args::Filters,
    client::Client,
    failure::Failure,
    output::{Format, Output, clean},
};

/// Pause before the first and the last attempt to connect again.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// Silence after which the coordinator is asked whether it is still there.
const SILENCE: Duration = Duration::from_secs(60);

/// `goshawk events tail`.
#[derive(Debug, Args)]
pub struct Tail {
    /// Stop after this many.
    #[arg(long)]
    count: Option<u64>,
    #[command(flatten)]
    filters: Filters,
}

/// Prints events until the wanted number has come. A connection that breaks is opened again.
pub async fn run(client: &Client, command: Tail, output: &mut Output) -> Result<(), Failure> {
    let (mut seen, mut pause, mut connected) = (0, PAUSES.0, false);
    while command.count.is_none_or(|count| seen < count) {
        match Subscription::open_with(client, &command.filters.filters).await {
            Ok(mut subscription) => {
                (pause, connected) = (PAUSES.0, true);
                output.note("waiting for events; stop with Ctrl-C");
                while let Some(event) = subscription.next().await? {
                    print(&event, output)?;
                    seen += 1;
                    if Some(seen) == command.count {
                        return Ok(());
                    }
                }
                output.note("the coordinator closed the connection; connecting again");
            }
            Err(error @ Failure::Unreachable(_)) if connected => {
                output.note(format!("{error}; trying again in {pause:?}"));
            }
            Err(error) => return Err(error),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSES.1);
    }
    Ok(())
}

/// Events have no end, so that both kinds of JSON are a line for each.
fn print(event: &Value, output: &mut Output) -> Result<(), Failure> {
    match output.format() {
        Format::Table => output.text(&line(event)),
        Format::Json | Format::Jsonl => output.text(&event.to_string()),
    }
}

/// A subscription to the events of an account.
pub struct Subscription {
    socket: WebSocketStream<reqwest::Upgraded>,
}

impl Subscription {
    /// Subscribes to everything the account may see.
    pub async fn open(client: &Client) -> Result<Self, Failure> {
        Self::open_with(client, &[]).await
    }

    /// Subscribes to what fits the filters.
    async fn open_with(client: &Client, filters: &[(String, String)]) -> Result<Self, Failure> {
        let request = client.get("/6/ws").filters(filters);
        let connection = request.upgrade().await?;
        let socket = WebSocketStream::from_raw_socket(connection, Role::Client, None).await;
        Ok(Self { socket })
    }

    /// The next event; `None` when the connection ended, or nothing came even after a ping.
    pub async fn next(&mut self) -> Result<Option<Value>, Failure> {
        let mut asked = false;
        loop {
            let Ok(message) = tokio::time::timeout(SILENCE, self.socket.next()).await else {
                if std::mem::replace(&mut asked, true) {
                    return Ok(None);
                }
                // A ping that cannot be sent shows as the end of the connection.
                drop(self.socket.send(Message::Ping(Bytes::new())).await);
                continue;
            };
            asked = false;
            match message {
                None | Some(Err(_) | Ok(Message::Close(_))) => return Ok(None),
                Some(Ok(Message::Text(text))) => {
                    let event = serde_json::from_str(&text);
                    return event.map(Some).map_err(|_| {
                        Failure::Unreachable("a message of the coordinator is not JSON".to_owned())
                    });
                }
                Some(Ok(Message::Ping(data))) => drop(self.socket.send(Message::Pong(data)).await),
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
    let line = format!(
        "{time}  stream {}  track …{track}  liveness {}  → {best}",
        show("source"),
        liveness(event).unwrap_or("unknown"),
    );
    clean(&line).replace('\n', "\u{fffd}")
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
