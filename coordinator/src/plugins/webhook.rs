//! The webhook: every event as a signed POST, after the Standard Webhooks specification 1.0.
//!
//! Headers: `webhook-id` is the event id and stays the same over all tries (a receiver drops what
//! it has had by it), `webhook-timestamp` is the second of the try, `webhook-signature` is `v1,`
//! and base64 of HMAC-SHA256 over `id.timestamp.body`, one for each key. The body is
//! `{"type": "event.stored", "timestamp": …, "data": …}`, where `data` is what subscribers get.
//!
//! At least once: an event counts as handed on when the receiver answers 2xx. 410 ends the plugin
//! until the next start. What is tried again, how often, and what is given up: see
//! [`goshawk_coordinator_core::plugin::delivery`].

use std::{collections::HashMap, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use goshawk_coordinator_core::{
    event::StoredEvent,
    plugin::{
        choice::Choice,
        delivery::{Fate, Next, Plan, Rules, Verdict},
        retry::Retry,
        signature::Keys,
    },
};
use goshawk_proto::time::Timestamp;
use reqwest::{
    StatusCode,
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
};
use serde_json::json;
use tokio::{task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    PluginError,
    client::{Answer, Receiver},
    feed::Feed,
    hook::{Final, Hook},
    settings::WebhookSettings,
    status::{State, Status},
};

/// What it is, for people.
pub(super) const ABOUT: &str = "Posts every event to an address, signed (Standard Webhooks 1.0)";
/// Type of the message.
const TYPE: &str = "event.stored";
/// Pauses between tries.
const RETRY: Retry = Retry {
    first: Duration::from_secs(1),
    longest: Duration::from_secs(900),
};

/// The plugin.
pub(super) struct Webhook {
    receiver: Arc<Receiver>,
    keys: Keys,
    choice: Choice,
    rules: Rules,
}

/// A request, ready but for its time.
#[derive(Clone)]
struct Letter {
    id: String,
    body: Bytes,
}

impl Webhook {
    /// Reads the files that the settings name.
    pub(super) fn new(settings: &WebhookSettings) -> Result<Self, PluginError> {
        let key = settings.secret.key;
        let secret = settings.secret.read_all()?.unwrap_or_default();
        let keys = Keys::parse(&secret).map_err(|error| PluginError::Setting {
            key,
            reason: error.to_string(),
        })?;
        let receiver = Receiver::new(&settings.target, settings.timeout, RETRY);
        Ok(Self {
            receiver: Arc::new(receiver.map_err(|error| PluginError::Setting {
                key: "plugins.webhook.ca_file",
                reason: error.to_string(),
            })?),
            keys,
            choice: settings.choice.clone(),
            rules: Rules {
                slots: settings.concurrency,
                attempts: settings.attempts,
                retry: RETRY,
            },
        })
    }

    fn headers(&self, letter: &Letter) -> HeaderMap {
        let now = Timestamp::from_system(std::time::SystemTime::now());
        let seconds = now.unix_micros().div_euclid(1_000_000);
        let pairs = [
            ("webhook-id", letter.id.clone()),
            ("webhook-timestamp", seconds.to_string()),
            (
                "webhook-signature",
                self.keys.sign(&letter.id, seconds, &letter.body),
            ),
        ];
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, value) in pairs {
            // Ids, numbers and base64 are always fit for a header.
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        headers
    }
}

fn letter(event: &StoredEvent) -> Letter {
    let body = json!({
        "type": TYPE,
        "timestamp": event.create_time,
        "data": event.message(),
    });
    Letter {
        id: event.event_id.to_string(),
        body: Bytes::from(body.to_string()),
    }
}

/// One life of the plugin.
struct Run<'a> {
    hook: &'a Webhook,
    feed: &'a mut Feed,
    status: &'a Status,
    plan: Plan,
    letters: HashMap<u64, Letter>,
    tries: JoinSet<(u64, Answer)>,
    begun: Instant,
}

impl Run<'_> {
    fn now(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Starts what is due; says when to look again.
    fn start_due(&mut self) -> Option<Instant> {
        loop {
            match self.plan.next(self.now()) {
                Next::Start(seq) => {
                    let Some(letter) = self.letters.get(&seq) else {
                        continue;
                    };
                    let headers = self.hook.headers(letter);
                    let (receiver, body) = (Arc::clone(&self.hook.receiver), letter.body.clone());
                    self.tries
                        .spawn(async move { (seq, receiver.post(headers, body).await) });
                }
                Next::Wait(until) => return Some(self.begun + until),
                Next::Idle => return None,
            }
        }
    }

    fn ended(&mut self, seq: u64, answer: Answer) -> Result<(), Final> {
        let verdict = match answer {
            Answer::Accepted => {
                self.status.is(State::Running);
                Verdict::Delivered
            }
            Answer::Refused(StatusCode::GONE) => {
                return Err(Final(
                    "the receiver answers 410: it wants no more".to_owned(),
                ));
            }
            Answer::Refused(code) => {
                let text = format!("the receiver answers {code}");
                self.status.failed(State::Running, &text);
                Verdict::Refused
            }
            Answer::Unavailable(after, text) => {
                self.status.failed(State::Waiting, &text);
                Verdict::Unavailable(after)
            }
        };
        let fate = self.plan.finished(self.now(), seq, verdict, rand::random());
        if fate == Fate::Again {
            return Ok(());
        }
        let letter = self.letters.remove(&seq);
        match fate {
            Fate::Delivered => self.status.delivered.inc(),
            _ => {
                let event = letter.map(|letter| letter.id).unwrap_or_default();
                tracing::error!(plugin = "webhook", event, "event given up");
                self.status.dead.inc()
            }
        };
        self.feed.settle(seq);
        Ok(())
    }

    async fn go_on(&mut self, stop: &CancellationToken) -> Result<(), Final> {
        loop {
            let wake = self.start_due();
            let due = async {
                match wake {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            // The feed bounds what is under way; in an outage the rest stays in the journal.
            let hungry = !self.plan.in_outage();
            tokio::select! {
                () = stop.cancelled() => break,
                Some(done) = self.tries.join_next() => self.joined(done)?,
                item = self.feed.next(), if hungry => {
                    self.letters.insert(item.seq, letter(&item.event));
                    self.plan.add(self.begun.elapsed(), item.seq);
                }
                () = due => {}
            }
        }
        while let Some(done) = self.tries.join_next().await {
            self.joined(done)?;
        }
        Ok(())
    }

    fn joined(&mut self, done: Result<(u64, Answer), tokio::task::JoinError>) -> Result<(), Final> {
        match done {
            Ok((seq, answer)) => self.ended(seq, answer),
            // Its event stays unsettled, so it is handed out again in the next life.
            Err(error) => Err(Final(format!("a request broke off: {error}"))),
        }
    }
}

impl Hook for Webhook {
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
            let mut run = Run {
                hook: self,
                feed,
                status,
                plan: Plan::new(self.rules),
                letters: HashMap::new(),
                tries: JoinSet::new(),
                begun: Instant::now(),
            };
            run.go_on(stop).await
        })
    }
}
