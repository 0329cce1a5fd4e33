//! How streams appear in Home Assistant: one device per stream, announced by its device discovery
//! (one retained message with all entities, Home Assistant 2024.11 and later).

use serde_json::{Value, json};

use goshawk_proto::{
    id::{AccountId, StreamId},
    stream::StreamStatus,
};

use super::{
    message::EventKind,
    topic::{Kind, Topics},
};
use crate::stream::StreamRecord;

/// How long "face seen" stays on after an event, in seconds.
const OFF_DELAY_S: u32 = 30;

/// A stream as it is announced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Owner.
    pub account: AccountId,
    /// Its id.
    pub stream: StreamId,
    /// What to call it.
    pub name: String,
    /// Whether somebody watches it.
    pub watched: bool,
}

/// How devices are announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style<'a> {
    /// Names of topics.
    pub topics: &'a Topics,
    /// Quality of service that Home Assistant is to subscribe with, 0 to 2.
    pub qos: u8,
    /// Whether it is told who was seen.
    pub identities: bool,
    /// Whether pictures are published.
    pub pictures: bool,
    /// Our version.
    pub version: &'a str,
}

impl From<&StreamRecord> for Device {
    fn from(stream: &StreamRecord) -> Self {
        let name = match stream.name.trim() {
            "" => stream.stream_id.to_string(),
            name => name.to_owned(),
        };
        Self {
            account: stream.account_id,
            stream: stream.stream_id,
            name,
            watched: stream.state.status == StreamStatus::InProgress,
        }
    }
}

impl Device {
    /// What its availability topic says.
    pub fn availability(&self) -> &'static str {
        if self.watched { "online" } else { "offline" }
    }

    /// The announcement.
    pub fn announcement(&self, style: Style<'_>) -> Value {
        let id = format!("goshawk_{}", self.stream);
        let topic = |kind| style.topics.of(self.account, Some(self.stream), kind);
        json!({
            "device": {
                "identifiers": [id],
                "name": self.name,
                "manufacturer": "Goshawk",
                "model": "Video stream",
                "sw_version": style.version,
            },
            "origin": {"name": "Goshawk", "sw_version": style.version},
            "availability": [
                {"topic": style.topics.status()},
                {"topic": topic(Kind::Availability)},
            ],
            "availability_mode": "all",
            "qos": style.qos,
            "components": self.components(style, &id),
        })
    }

    fn components(&self, style: Style<'_>, id: &str) -> Value {
        let topic = |kind| style.topics.of(self.account, Some(self.stream), kind);
        let kinds = EventKind::ALL.map(EventKind::name);
        let mut all = json!({
            "event": {
                "platform": "event",
                "name": "Event",
                "unique_id": format!("{id}_event"),
                "state_topic": topic(Kind::Event),
                "event_types": kinds,
                "icon": "mdi:account-eye",
            },
            "face_seen": {
                "platform": "binary_sensor",
                "name": "Face seen",
                "unique_id": format!("{id}_face_seen"),
                "device_class": "occupancy",
                "state_topic": topic(Kind::Event),
                // An empty value is ignored: an event without a face leaves the state as it is.
                "value_template": "{{ 'ON' if value_json.faces | int(0) > 0 else '' }}",
                "off_delay": OFF_DELAY_S,
            },
        });
        if style.identities {
            all["last_person"] = json!({
                "platform": "sensor",
                "name": "Last person",
                "unique_id": format!("{id}_last_person"),
                "state_topic": topic(Kind::Person),
                "value_template": "{{ value_json.name }}",
                "json_attributes_topic": topic(Kind::Person),
                "force_update": true,
                "icon": "mdi:account",
            });
        }
        if style.pictures {
            all["last_face"] = json!({
                "platform": "image",
                "name": "Last face",
                "unique_id": format!("{id}_last_face"),
                "image_topic": topic(Kind::Image),
                "content_type": "image/jpeg",
            });
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn announce(identities: bool, pictures: bool) -> Value {
        let topics = Topics::new("goshawk", "homeassistant").unwrap();
        let stream = testing::stream(3, "rtsp://user:secret@camera/1");
        Device::from(&stream).announcement(Style {
            topics: &topics,
            qos: 1,
            identities,
            pictures,
            version: "1.2.3",
        })
    }

    /// What Home Assistant demands of a device announcement.
    #[test]
    fn an_announcement_has_what_is_required() {
        let all = announce(true, true);
        assert!(all["origin"]["name"].is_string());
        assert!(!all["device"]["identifiers"].as_array().unwrap().is_empty());
        let components = all["components"].as_object().unwrap();
        let mut ids = Vec::new();
        for (name, component) in components {
            assert!(component["platform"].is_string(), "{name}");
            ids.push(component["unique_id"].as_str().unwrap());
            let topic = component
                .get("state_topic")
                .or(component.get("image_topic"));
            assert!(topic.is_some_and(Value::is_string), "{name}");
        }
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), components.len());
        assert_eq!(
            all["components"]["event"]["event_types"]
                .as_array()
                .unwrap()
                .len(),
            4
        );
        assert_eq!(all["availability"][0]["topic"], "goshawk/status");
    }

    #[test]
    fn only_what_is_published_is_announced_and_no_credentials() {
        let least = announce(false, false);
        let names: Vec<&String> = least["components"].as_object().unwrap().keys().collect();
        assert_eq!(names, ["event", "face_seen"]);
        assert!(!announce(true, true).to_string().contains("secret"));
    }

    #[test]
    fn only_a_watched_stream_is_available() {
        let mut stream = testing::stream(3, "rtsp://a/b");
        assert_eq!(Device::from(&stream).availability(), "offline");
        stream.state.status = StreamStatus::InProgress;
        assert_eq!(Device::from(&stream).availability(), "online");
        stream.name = " ".into();
        assert_eq!(Device::from(&stream).name, stream.stream_id.to_string());
    }
}
