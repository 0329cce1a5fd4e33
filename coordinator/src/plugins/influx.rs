//! The InfluxDB writer: every event as a line of the line protocol, several in a request.
//!
//! At least once, and once in effect: a line written twice is the same point. A batch that the
//! server refuses (not for want of time) is tried [`ATTEMPTS`] times, then line by line, so that
//! only the lines that it does not take are given up.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use goshawk_coordinator_core::plugin::{choice::Choice, line, retry::Retry};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use tokio_util::sync::CancellationToken;

use super::{
    PluginError,
    client::{Answer, Receiver},
    feed::{Feed, Item},
    hook::{Final, Hook},
    settings::InfluxSettings,
    status::{State, Status},
};

/// What it is, for people.
pub(super) const ABOUT: &str = "Writes events to InfluxDB (line protocol)";
/// Most lines in a request.
const MOST_LINES: usize = 32;
/// How long lines are gathered.
const GATHER: Duration = Duration::from_millis(200);
/// Longest wait for an answer.
const TIMEOUT: Duration = Duration::from_secs(20);
/// How often a refused request is tried.
const ATTEMPTS: u32 = 3;
/// Pauses between tries.
const RETRY: Retry = Retry {
    first: Duration::from_secs(1),
    longest: Duration::from_secs(300),
};

/// The plugin.
pub(super) struct Influx {
    receiver: Receiver,
    headers: HeaderMap,
    choice: Choice,
    identities: bool,
}

/// How a request ended.
enum Ended {
    Written,
    Refused,
    /// We stop; the lines stay for the next start.
    Stopped,
}

impl Influx {
    /// Reads the files that the settings name.
    pub(super) fn new(settings: &InfluxSettings) -> Result<Self, PluginError> {
        let mut headers = HeaderMap::new();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("text/plain; charset=utf-8"),
        );
        if let Some(token) = settings.token.read_line()? {
            let value = HeaderValue::from_str(&format!("Token {token}"));
            let mut value = value.map_err(|_| PluginError::Setting {
                key: settings.token.key,
                reason: "holds characters that no header takes".to_owned(),
            })?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let receiver = Receiver::new(&settings.target, TIMEOUT, RETRY);
        Ok(Self {
            receiver: receiver.map_err(|error| PluginError::Setting {
                key: "plugins.influx.ca_file",
                reason: error.to_string(),
            })?,
            headers,
            choice: settings.choice.clone(),
            identities: settings.identities,
        })
    }

    fn body(&self, items: &[Item]) -> Bytes {
        let lines: Vec<String> = items
            .iter()
            .map(|item| line::of(&item.event, self.identities))
            .collect();
        Bytes::from(lines.join("\n"))
    }

    async fn write(&self, items: &[Item], status: &Status, stop: &CancellationToken) -> Ended {
        let (mut refusals, mut outage) = (0, 0);
        let body = self.body(items);
        loop {
            let pause = match self.receiver.post(self.headers.clone(), body.clone()).await {
                Answer::Accepted => {
                    status.is(State::Running);
                    return Ended::Written;
                }
                Answer::Refused(code) => {
                    status.failed(State::Running, &format!("the server answers {code}"));
                    refusals += 1;
                    if refusals >= ATTEMPTS {
                        return Ended::Refused;
                    }
                    RETRY.pause(refusals, rand::random())
                }
                Answer::Unavailable(asked, text) => {
                    status.failed(State::Waiting, &text);
                    outage += 1;
                    let pause = RETRY.pause(outage, rand::random());
                    asked.map_or(pause, |asked| asked.max(pause))
                }
            };
            tokio::select! {
                () = stop.cancelled() => return Ended::Stopped,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Gathers lines for a moment; empty when we stop.
    async fn gather(feed: &mut Feed, stop: &CancellationToken) -> Vec<Item> {
        let mut items = tokio::select! {
            () = stop.cancelled() => return Vec::new(),
            item = feed.next() => vec![item],
        };
        let enough = tokio::time::sleep(GATHER);
        tokio::pin!(enough);
        while items.len() < MOST_LINES {
            tokio::select! {
                () = &mut enough => break,
                () = stop.cancelled() => break,
                item = feed.next() => items.push(item),
            }
        }
        items
    }

    /// Writes items; false when we stop. Those that are done are settled.
    async fn see_through(
        &self,
        items: &[Item],
        feed: &mut Feed,
        status: &Status,
        stop: &CancellationToken,
    ) -> bool {
        match self.write(items, status, stop).await {
            Ended::Written => {
                status.delivered.inc_by(items.len() as u64);
                items.iter().for_each(|item| feed.settle(item.seq));
            }
            Ended::Stopped => return false,
            Ended::Refused if items.len() == 1 => {
                for item in items {
                    tracing::error!(plugin = "influx", event = %item.event.event_id, "event given up");
                    status.dead.inc();
                    feed.settle(item.seq);
                }
            }
            Ended::Refused => {
                for item in items {
                    let one = std::slice::from_ref(item);
                    if !Box::pin(self.see_through(one, feed, status, stop)).await {
                        return false;
                    }
                }
            }
        }
        true
    }
}

impl Hook for Influx {
    fn choice(&self) -> &Choice {
        &self.choice
    }

    fn run<'a>(
        &'a self,
        feed: &'a mut Feed,
        status: &'a Status,
        stop: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<(), Final>> {
        Box::pin(async move {
            status.is(State::Running);
            loop {
                let items = Self::gather(feed, stop).await;
                if items.is_empty() || !self.see_through(&items, feed, status, stop).await {
                    return Ok(());
                }
            }
        })
    }
}
