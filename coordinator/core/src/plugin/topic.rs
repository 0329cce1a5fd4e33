//! Names of MQTT topics.
//!
//! | topic | what | retained |
//! | --- | --- | --- |
//! | `{prefix}/status` | `online` or, by last will, `offline` | yes |
//! | `{prefix}/{account}/{stream}/availability` | `online` while the stream is watched | yes |
//! | `{prefix}/{account}/{stream}/event` | every event, as JSON | no |
//! | `{prefix}/{account}/{stream}/person` | who was recognised, or `unknown` | no |
//! | `{prefix}/{account}/{stream}/image` | the best face, JPEG or PNG | no |
//! | `{prefix}/{account}/{stream}/late` | events that come too late to act on | no |
//! | `{discovery}/device/goshawk_{stream}/config` | Home Assistant's discovery | yes |
//!
//! Account and stream are ids: names may change and hold any character. Events that belong to no
//! stream have `pictures` in its place.

use goshawk_proto::id::{AccountId, StreamId};

/// Longest prefix in bytes.
pub const MAX_PREFIX: usize = 128;
/// Stands for the stream of events that have none.
pub const NO_STREAM: &str = "pictures";

/// A prefix that MQTT does not take, or that others use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no topic: want 1 to {MAX_PREFIX} bytes without `+`, `#`, control characters and empty levels, not beginning with `$`"
)]
pub struct BadPrefix(pub String);

/// The topics under a prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topics {
    prefix: String,
    discovery: Option<String>,
}

/// One kind of message of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Whether the stream is watched.
    Availability,
    /// An event.
    Event,
    /// Who was seen last.
    Person,
    /// The face seen last.
    Image,
    /// An event that is too old to act on.
    Late,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Availability => "availability",
            Self::Event => "event",
            Self::Person => "person",
            Self::Image => "image",
            Self::Late => "late",
        }
    }
}

impl Topics {
    /// Topics under `prefix`; an empty `discovery` says that nothing is announced.
    pub fn new(prefix: &str, discovery: &str) -> Result<Self, BadPrefix> {
        let discovery = match discovery {
            "" => None,
            other => Some(checked(other)?),
        };
        Ok(Self {
            prefix: checked(prefix)?,
            discovery,
        })
    }

    /// Whether we are there.
    pub fn status(&self) -> String {
        format!("{}/status", self.prefix)
    }

    /// A stream's topic.
    pub fn of(&self, account: AccountId, stream: Option<StreamId>, kind: Kind) -> String {
        let stream = stream.map_or_else(|| NO_STREAM.to_owned(), |id| id.to_string());
        format!("{}/{account}/{stream}/{}", self.prefix, kind.name())
    }

    /// Where a stream is announced; `None` where nothing is.
    pub fn discovery(&self, stream: StreamId) -> Option<String> {
        let prefix = self.discovery.as_ref()?;
        Some(format!("{prefix}/device/goshawk_{stream}/config"))
    }
}

fn checked(prefix: &str) -> Result<String, BadPrefix> {
    let bad = prefix.is_empty()
        || prefix.len() > MAX_PREFIX
        || prefix.starts_with('$')
        || prefix.split('/').any(str::is_empty)
        || prefix
            .chars()
            .any(|c| matches!(c, '+' | '#') || c.is_control());
    if bad {
        return Err(BadPrefix(prefix.chars().take(MAX_PREFIX).collect()));
    }
    Ok(prefix.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use uuid::Uuid;

    const ACCOUNT: AccountId = AccountId(Uuid::from_u128(1));
    const STREAM: StreamId = StreamId(Uuid::from_u128(2));

    #[test]
    fn topics_are_as_documented() {
        let topics = Topics::new("goshawk", "homeassistant").unwrap();
        assert_eq!(topics.status(), "goshawk/status");
        assert_eq!(
            topics.of(ACCOUNT, Some(STREAM), Kind::Person),
            "goshawk/00000000-0000-0000-0000-000000000001/00000000-0000-0000-0000-000000000002/person"
        );
        assert_eq!(
            topics.of(ACCOUNT, None, Kind::Event),
            "goshawk/00000000-0000-0000-0000-000000000001/pictures/event"
        );
        assert_eq!(
            topics.discovery(STREAM).unwrap(),
            "homeassistant/device/goshawk_00000000-0000-0000-0000-000000000002/config"
        );
        assert_eq!(Topics::new("a/b", "").unwrap().discovery(STREAM), None);
    }

    #[test]
    fn what_mqtt_gives_a_meaning_to_is_refused() {
        let long = "x".repeat(MAX_PREFIX + 1);
        for bad in [
            "", "/a", "a/", "a//b", "a/+", "#", "$SYS", "a\0b", "a\nb", &long,
        ] {
            assert!(Topics::new(bad, "").is_err(), "{bad:?}");
        }
        assert!(Topics::new("ok", "ho/#").is_err());
    }

    proptest! {
        /// Whatever prefix is taken, its topics hold no wildcard and have its levels and three more.
        #[test]
        fn every_topic_can_be_published(prefix in "\\PC{0,20}") {
            if let Ok(topics) = Topics::new(&prefix, &prefix) {
                let topic = topics.of(ACCOUNT, Some(STREAM), Kind::Late);
                prop_assert!(!topic.contains(['+', '#', '\0']));
                prop_assert_eq!(topic.split('/').count(), prefix.split('/').count() + 3);
            }
        }
    }
}
