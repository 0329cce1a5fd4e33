//! Typed identifiers. Two ids of different kinds never compare, convert or swap by accident.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Text that is not an identifier of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a valid {kind}: want a UUID such as 7acc35cf-a3b2-4f87-8d8b-5496a2782d37")]
pub struct ParseIdError {
    /// What was wanted, for people.
    pub kind: &'static str,
    /// What was given.
    pub text: String,
}

macro_rules! uuid_id {
    ($($(#[$doc:meta])* $name:ident = $kind:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A fresh random (version 4) id.
            pub fn random() -> Self {
                Self(Uuid::new_v4())
            }

            /// The sixteen bytes, for keys in a store.
            pub fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0.hyphenated())
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            /// Accepts the hyphenated form only, as the published contracts do.
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let bad = || ParseIdError { kind: $kind, text: text.chars().take(64).collect() };
                if text.len() != 36 {
                    return Err(bad());
                }
                Uuid::try_parse(text).map(Self).map_err(|_| bad())
            }
        }
    )*};
}

uuid_id! {
    /// Owner of every stored object.
    AccountId = "account id";
    /// One edge daemon, named by its certificate.
    AgentId = "agent id";
    /// A temporary or stored set of descriptors and attributes.
    AttributeId = "attribute id";
    /// One event, made at the edge; the idempotency key from camera to subscriber.
    EventId = "event id";
    /// A stored person's face record.
    FaceId = "face id";
    /// A handler: the policies that an event goes through.
    HandlerId = "handler id";
    /// A stored source image.
    ImageId = "image id";
    /// A list of faces.
    ListId = "list id";
    /// A stored warp.
    SampleId = "sample id";
    /// One camera or file as a user knows it.
    StreamId = "stream id";
    /// One person's passage before one camera.
    TrackId = "track id";
    /// A one-time permission for an agent to enrol.
    JoinTokenId = "join token id";
}

impl EventId {
    /// An id (UUID version 7) that sorts by `now` and then by `random`.
    pub fn at(now: crate::time::Timestamp, random: [u8; 10]) -> Self {
        let millis = u64::try_from(now.unix_micros() / 1_000).unwrap_or(0);
        Self(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }
}

impl TrackId {
    /// The id of the `sequence`-th track of a run of a stream. `session` must be random per run,
    /// so that ids stay unique across restarts while the tracker itself stays deterministic.
    pub fn from_session(session: u64, sequence: u64) -> Self {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&session.to_be_bytes());
        bytes[8..].copy_from_slice(&sequence.to_be_bytes());
        Self(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    #[test]
    fn only_the_hyphenated_form_is_an_id() {
        assert!(
            "7acc35cf-a3b2-4f87-8d8b-5496a2782d37"
                .parse::<FaceId>()
                .is_ok()
        );
        for bad in [
            "",
            "7acc35cfa3b24f878d8b5496a2782d37",
            "{7acc35cf-a3b2-4f87-8d8b-5496a2782d37}",
            "x",
        ] {
            assert!(bad.parse::<FaceId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn event_ids_sort_by_time() {
        let early = EventId::at(Timestamp::from_unix_micros(1_000_000), [255; 10]);
        let late = EventId::at(Timestamp::from_unix_micros(2_000_000), [0; 10]);
        assert!(early < late);
        assert_eq!(early.0.get_version_num(), 7);
    }

    #[test]
    fn track_ids_differ_by_session_and_sequence() {
        let a = TrackId::from_session(1, 1);
        assert_ne!(a, TrackId::from_session(1, 2));
        assert_ne!(a, TrackId::from_session(2, 1));
        assert_eq!(a, TrackId::from_session(1, 1));
    }
}
