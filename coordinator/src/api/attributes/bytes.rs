//! Bytes in bodies: base64 text in JSON, bytes in MessagePack.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use goshawk_coordinator_core::{formats::Wrong, published};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, Visitor},
};
use utoipa::openapi::{KnownFormat, ObjectBuilder, SchemaFormat, Type};

/// Bytes of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base64(pub Vec<u8>);

/// The complaint about text that is no base64.
pub fn wrong() -> Wrong {
    Wrong::new("value is not valid base64")
}

/// The bytes that `text` stands for.
pub fn decoded(text: &str) -> Result<Base64, Wrong> {
    STANDARD.decode(text).map(Base64).map_err(|_| wrong())
}

/// The schema of bytes in JSON.
pub fn in_json() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Byte)))
}

/// The schema of bytes in MessagePack.
pub fn in_msgpack() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)))
}

published!(Base64, "Base64", in_json());

impl Serialize for Base64 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl Visitor<'_> for Reader {
            type Value = Base64;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Base64, E> {
                decoded(text).map_err(E::custom)
            }

            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Base64, E> {
                Ok(Base64(bytes.to_vec()))
            }

            fn visit_byte_buf<E: Error>(self, bytes: Vec<u8>) -> Result<Base64, E> {
                Ok(Base64(bytes))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_from_text_and_from_bytes() {
        let text: Base64 = serde_json::from_str("\"AQID\"").unwrap();
        assert_eq!(text.0, [1, 2, 3]);
        let packed = rmp_serde::to_vec(&text).unwrap();
        assert_eq!(packed, [0xc4, 3, 1, 2, 3]);
        assert_eq!(rmp_serde::from_slice::<Base64>(&packed).unwrap(), text);
        let wrong = serde_json::from_str::<Base64>("\"%%\"").unwrap_err();
        assert!(wrong.to_string().starts_with("value is not valid base64"));
        assert!(serde_json::from_str::<Base64>("7").is_err());
    }
}
