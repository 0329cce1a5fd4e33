//! Which streams Home Assistant knows of: announced, kept up to date, and taken back when they go,
//! also when they went while we were not there.

use std::collections::{BTreeMap, BTreeSet};

use goshawk_coordinator_core::plugin::{
    choice::Choice,
    discovery::{Device, Style},
    topic::{Kind, Topics},
};
use goshawk_proto::id::{AccountId, StreamId};
use serde::{Deserialize, Serialize};

use super::machine::Message;
use crate::{
    blocking,
    plugins::{feed::Source, settings::MqttSettings},
    store::StoreError,
};

/// The file that remembers what was announced.
const FILE: &str = "mqtt.announced";

/// A stream that was announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Known {
    account: AccountId,
    stream: StreamId,
}

/// What the broker has been told.
pub(super) struct Announcer<'a> {
    settings: &'a MqttSettings,
    source: &'a Source,
    known: BTreeSet<Known>,
    /// What is retained at the broker, as far as it was told in this connection.
    told: BTreeMap<String, Vec<u8>>,
}

impl<'a> Announcer<'a> {
    /// Remembers what former lives announced.
    pub(super) async fn open(settings: &'a MqttSettings, source: &'a Source) -> Self {
        let files = source.files.clone();
        let read = blocking::spawn(move || files.read(FILE)).await;
        let known = match read {
            Ok(Ok(known)) => known.unwrap_or_default(),
            Ok(Err(error)) => {
                tracing::warn!(plugin = "mqtt", "what was announced is not known: {error}");
                BTreeSet::new()
            }
            Err(_) => BTreeSet::new(),
        };
        Self {
            settings,
            source,
            known,
            told: BTreeMap::new(),
        }
    }

    /// A new connection: the broker may have forgotten everything.
    pub(super) fn forget(&mut self) {
        self.told.clear();
    }

    /// What the broker is to be told now: everything that changed since the last time.
    pub(super) async fn news(&mut self) -> Result<Vec<Message>, StoreError> {
        let choice = self.settings.choice.clone();
        let devices = self.source.store.run(move |store| devices(store, &choice));
        let devices = devices.await?;
        let mut wanted = BTreeMap::new();
        for device in &devices {
            wanted.extend(self.retained(device));
        }
        let here: BTreeSet<Known> = devices.iter().map(known).collect();
        // What goes must be known before it is announced, or a crash in between leaves it for ever.
        let both: BTreeSet<Known> = self.known.union(&here).copied().collect();
        self.remember(both).await;
        for gone in self.known.difference(&here) {
            for topic in topics_of(&self.settings.topics, *gone) {
                wanted.insert(topic, Vec::new());
            }
        }
        let news = wanted
            .into_iter()
            .filter(|(topic, payload)| self.told.get(topic) != Some(payload))
            .map(|(topic, payload)| Message {
                topic,
                payload,
                retain: true,
            });
        Ok(news.collect())
    }

    /// The broker has these now.
    pub(super) async fn told(&mut self, news: Vec<Message>) {
        let gone: BTreeSet<String> = news
            .iter()
            .filter(|message| message.payload.is_empty())
            .map(|message| message.topic.clone())
            .collect();
        self.told.extend(
            news.into_iter()
                .map(|message| (message.topic, message.payload)),
        );
        if gone.is_empty() {
            return;
        }
        let topics = &self.settings.topics;
        let left = self.known.iter().copied().filter(|known| {
            let mut own = topics_of(topics, *known);
            !own.all(|topic| gone.contains(&topic))
        });
        let left = left.collect();
        self.told.retain(|topic, _| !gone.contains(topic));
        self.remember(left).await;
    }

    fn retained(&self, device: &Device) -> Vec<(String, Vec<u8>)> {
        let style = Style {
            topics: &self.settings.topics,
            qos: self.settings.qos,
            identities: self.settings.identities,
            pictures: self.settings.pictures,
            version: env!("CARGO_PKG_VERSION"),
        };
        let topics = &self.settings.topics;
        let availability = topics.of(device.account, Some(device.stream), Kind::Availability);
        let mut all = vec![(availability, device.availability().as_bytes().to_vec())];
        if let Some(topic) = topics.discovery(device.stream) {
            all.push((topic, device.announcement(style).to_string().into_bytes()));
        }
        all
    }

    async fn remember(&mut self, known: BTreeSet<Known>) {
        if known == self.known {
            return;
        }
        let (files, written) = (self.source.files.clone(), known.clone());
        let done = blocking::spawn(move || files.write(FILE, &written)).await;
        if let Ok(Err(error)) = done {
            tracing::warn!(plugin = "mqtt", "what is announced is not noted: {error}");
        }
        self.known = known;
    }
}

fn known(device: &Device) -> Known {
    Known {
        account: device.account,
        stream: device.stream,
    }
}

fn topics_of(topics: &Topics, known: Known) -> impl Iterator<Item = String> + use<> {
    let availability = topics.of(known.account, Some(known.stream), Kind::Availability);
    [Some(availability), topics.discovery(known.stream)]
        .into_iter()
        .flatten()
}

fn devices(store: &dyn crate::store::Store, choice: &Choice) -> Result<Vec<Device>, StoreError> {
    let streams = store.all_streams()?;
    let shown = streams.iter().filter(|stream| choice.shows(stream));
    Ok(shown.map(Device::from).collect())
}
