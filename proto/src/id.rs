//! Typed identifiers. Two ids of different kinds never compare, convert or swap by accident.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, de};
use uuid::Uuid;

/// The form of every identifier in text, as the published contracts have it.
pub const PATTERN: &str = "^[a-f0-9]{8}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{12}$";

/// Reads the one form of [`PATTERN`]: hyphens, lower case.
fn published(text: &str) -> Option<Uuid> {
    if text.len() != 36 || text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    Uuid::try_parse(text).ok()
}

/// Text that is not an identifier of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a valid {kind}: want a UUID such as 7acc35cf-a3b2-4f87-8d8b-5496a2782d37")]
pub struct ParseIdError {
    /// What was wanted, for people.
    pub kind: &'static str,
    /// What was given.
    pub text: String,
}

/// Reads an identifier out of a text format.
struct IdText;

impl de::Visitor<'_> for IdText {
    type Value = Uuid;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a UUID")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Uuid, E> {
        published(text).ok_or_else(|| E::custom("value is not a valid uuid"))
    }

    /// What a packed format wrote, read by way of a buffer that takes itself for text: serde's
    /// own for enums that are told apart by a field.
    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Uuid, E> {
        Uuid::from_slice(bytes).map_err(|_| E::custom("value is not a valid uuid"))
    }
}

#[cfg(feature = "schema")]
type Schema = utoipa::openapi::RefOr<utoipa::openapi::Schema>;

/// The published schema of every identifier.
#[cfg(feature = "schema")]
fn schema() -> Schema {
    use utoipa::openapi::{ObjectBuilder, SchemaFormat, Type};
    let text = ObjectBuilder::new().schema_type(Type::String);
    let uuid = SchemaFormat::Custom("uuid".into());
    text.format(Some(uuid)).pattern(Some(PATTERN)).into()
}

macro_rules! uuid_id {
    ($($(#[$doc:meta])* $name:ident = $kind:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
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

            /// Accepts the form of [`PATTERN`] only, as the published contracts do.
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let bad = || ParseIdError { kind: $kind, text: text.chars().take(64).collect() };
                published(text).map(Self).ok_or_else(bad)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if !deserializer.is_human_readable() {
                    return Uuid::deserialize(deserializer).map(Self);
                }
                deserializer.deserialize_str(IdText).map(Self)
            }
        }

        #[cfg(feature = "schema")]
        impl utoipa::__dev::ComposeSchema for $name {
            fn compose(_: Vec<Schema>) -> Schema {
                schema()
            }
        }

        #[cfg(feature = "schema")]
        impl utoipa::ToSchema for $name {
            fn name() -> std::borrow::Cow<'static, str> {
                concat!("format.", stringify!($name)).into()
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
    /// A group of streams.
    GroupId = "group id";
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
    /// A token that an account gave out for the API.
    TokenId = "token id";
    /// Rules for verifying people one to one.
    VerifierId = "verifier id";
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
            "7ACC35CF-A3B2-4F87-8D8B-5496A2782D37",
            "7acc35cf-a3b2-4f87-8d8b-5496a2782d\u{e9}",
            "x",
        ] {
            assert!(bad.parse::<FaceId>().is_err(), "{bad}");
            let json = serde_json::to_string(bad).unwrap();
            assert!(serde_json::from_str::<FaceId>(&json).is_err(), "{bad}");
        }
    }

    #[test]
    fn packed_ids_are_sixteen_bytes() {
        let id = FaceId::random();
        let packed = rmp_serde::to_vec_named(&id).unwrap();
        assert_eq!(packed.len(), 18);
        assert_eq!(rmp_serde::from_slice::<FaceId>(&packed).unwrap(), id);
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "kind")]
        enum Told {
            Face { id: FaceId },
        }
        let packed = rmp_serde::to_vec_named(&Told::Face { id }).unwrap();
        assert_eq!(
            rmp_serde::from_slice::<Told>(&packed).unwrap(),
            Told::Face { id }
        );
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
