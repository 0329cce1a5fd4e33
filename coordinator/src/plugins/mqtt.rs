//! The MQTT publisher, with Home Assistant's discovery. Topics: see
//! [`goshawk_coordinator_core::plugin::topic`].
//!
//! What is promised, with quality of service 1 or 2: every stored event of the chosen accounts is
//! handed to the broker at least once, over restarts of the broker, of the network and of us, as
//! long as it is in the journal. An event counts as handed on when the broker has acknowledged all
//! of its messages; until then it is published again in the next connection. Order is the journal's
//! except for such repetitions. With quality 0 the network may lose what was sent.
//!
//! Nothing acts on the past: what ended longer ago than `plugins.mqtt.live` goes to the topic
//! `late`, which Home Assistant is not told of.
//!
//! The MQTT session is a clean one: what must survive is in the position and the journal.

mod announce;
mod link;
mod machine;
mod session;

use std::time::Duration;

use futures_util::future::BoxFuture;
use goshawk_coordinator_core::{
    event::StoredEvent,
    plugin::{choice::Choice, message, retry::Retry, topic::Kind},
};
use goshawk_proto::time::Timestamp;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    PluginError,
    feed::{Feed, Source},
    hook::{Final, Hook},
    settings::MqttSettings,
    status::{State, Status},
};
use crate::blobs::{BlobKey, BlobKind, Blobs};
use announce::Announcer;
use link::Link;
use machine::Message;
use session::{Lost, Session};

/// What it is, for people.
pub(super) const ABOUT: &str = "Publishes events to an MQTT broker, with Home Assistant discovery";
/// Largest picture published, in bytes.
const MAX_PICTURE: usize = 256 << 10;
/// Pauses between connections.
const RETRY: Retry = Retry {
    first: Duration::from_secs(1),
    longest: Duration::from_secs(120),
};
/// A connection that held so long was a good one.
const WELL: Duration = Duration::from_secs(60);

/// The plugin.
pub(super) struct Mqtt {
    settings: MqttSettings,
    password: Option<String>,
    link: Link,
    source: Source,
    blobs: Blobs,
}

impl Mqtt {
    /// Reads the files that the settings name.
    pub(super) fn new(
        settings: MqttSettings,
        source: Source,
        blobs: Blobs,
    ) -> Result<Self, PluginError> {
        let password = settings.password.read_line()?;
        let ca_file = settings.ca_file.as_deref();
        let link = Link::new(&settings.host, settings.port, settings.tls, ca_file);
        Ok(Self {
            link: link.map_err(|error| PluginError::Setting {
                key: "plugins.mqtt.ca_file",
                reason: error.to_string(),
            })?,
            password,
            settings,
            source,
            blobs,
        })
    }

    /// The messages of an event, the state before the event itself, so that who acts on the event
    /// finds the state there.
    async fn messages(&self, event: &StoredEvent) -> Vec<Message> {
        let topic = |kind| {
            let topics = &self.settings.topics;
            topics.of(event.account_id, event.stream_id, kind)
        };
        let message = |kind, payload: Vec<u8>| Message {
            topic: topic(kind),
            payload,
            retain: false,
        };
        let told = message::event(event, self.settings.identities);
        let told = told.to_string().into_bytes();
        if self.is_late(event) {
            return vec![message(Kind::Late, told)];
        }
        let mut all = Vec::new();
        if self.settings.pictures
            && let Some(picture) = self.picture(event).await
        {
            all.push(message(Kind::Image, picture));
        }
        if self.settings.identities
            && let Some(person) = message::person(event)
        {
            all.push(message(Kind::Person, person.to_string().into_bytes()));
        }
        all.push(message(Kind::Event, told));
        all
    }

    fn is_late(&self, event: &StoredEvent) -> bool {
        let now = Timestamp::from_system(std::time::SystemTime::now());
        let age = now
            .unix_micros()
            .saturating_sub(event.end_time.unix_micros());
        u64::try_from(age).is_ok_and(|age| Duration::from_micros(age) > self.settings.live)
    }

    async fn picture(&self, event: &StoredEvent) -> Option<Vec<u8>> {
        let faces = event.detections.iter().filter_map(|d| d.face.as_ref());
        let best = faces
            .filter(|face| face.stored)
            .map(|face| face.sample_id)
            .next()?;
        let key = BlobKey {
            account: event.account_id,
            kind: BlobKind::FaceSample,
            id: best.0,
        };
        match self.blobs.get(&key).await {
            Ok(bytes) if bytes.len() <= MAX_PICTURE => Some(bytes.to_vec()),
            Ok(bytes) => {
                tracing::debug!(plugin = "mqtt", bytes = bytes.len(), "picture left out");
                None
            }
            Err(error) => {
                tracing::debug!(plugin = "mqtt", %error, "no picture");
                None
            }
        }
    }

    async fn connections(&self, feed: &mut Feed, status: &Status, stop: &CancellationToken) {
        let mut announcer = Announcer::open(&self.settings, &self.source).await;
        let mut failures = 0;
        while !stop.is_cancelled() {
            let begun = Instant::now();
            announcer.forget();
            let lost = match Session::open(self, status, stop).await {
                Ok(Some(session)) => session.serve(feed, &mut announcer, stop).await,
                Ok(None) => return,
                Err(lost) => Err(lost),
            };
            feed.rewind();
            let Err(Lost(reason)) = lost else {
                return;
            };
            status.failed(State::Waiting, &reason);
            failures = if begun.elapsed() > WELL {
                1
            } else {
                failures + 1
            };
            let pause = RETRY.pause(failures, rand::random());
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }
}

impl Hook for Mqtt {
    fn choice(&self) -> &Choice {
        &self.settings.choice
    }

    fn run<'a>(
        &'a self,
        feed: &'a mut Feed,
        status: &'a Status,
        stop: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<(), Final>> {
        Box::pin(async move {
            self.connections(feed, status, stop).await;
            Ok(())
        })
    }
}
