//! Bodies and parameters as JSON values.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// What a body of this media type says; `None` when it is of no structured type.
///
/// # Errors
/// Says why a structured body cannot be read.
pub fn body(media: &str, bytes: &[u8]) -> Option<Result<Value, String>> {
    match media {
        "application/json" => Some(serde_json::from_slice(bytes).map_err(|e| e.to_string())),
        "application/msgpack" => Some(
            rmp_serde::from_slice::<Loose>(bytes)
                .map(|loose| loose.0)
                .map_err(|e| e.to_string()),
        ),
        _ => None,
    }
}

/// A media type without its parameters, in lower case.
pub fn media_type(header: &str) -> String {
    let bare = header.split(';').next().unwrap_or_default();
    bare.trim().to_ascii_lowercase()
}

/// A parameter's text as the value that its schema's type makes of it; text when it makes nothing.
pub fn parameter(kind: Option<&str>, text: &str) -> Value {
    let typed = match kind {
        Some("integer") => text.parse::<i64>().ok().map(Value::from),
        Some("number") => text
            .parse()
            .ok()
            .and_then(Number::from_f64)
            .map(Value::Number),
        Some("boolean") => text.parse::<bool>().ok().map(Value::from),
        _ => None,
    };
    typed.unwrap_or_else(|| Value::from(text))
}

/// A value of any self-describing format; bytes become text.
struct Loose(Value);

impl<'de> Deserialize<'de> for Loose {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Loose;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }
            fn visit_unit<E>(self) -> Result<Loose, E> {
                Ok(Loose(Value::Null))
            }
            fn visit_none<E>(self) -> Result<Loose, E> {
                Ok(Loose(Value::Null))
            }
            fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<Loose, D::Error> {
                Loose::deserialize(from)
            }
            fn visit_bool<E>(self, value: bool) -> Result<Loose, E> {
                Ok(Loose(Value::from(value)))
            }
            fn visit_i64<E>(self, value: i64) -> Result<Loose, E> {
                Ok(Loose(Value::from(value)))
            }
            fn visit_u64<E>(self, value: u64) -> Result<Loose, E> {
                Ok(Loose(Value::from(value)))
            }
            fn visit_f64<E>(self, value: f64) -> Result<Loose, E> {
                Ok(Loose(Value::from(value)))
            }
            fn visit_str<E>(self, value: &str) -> Result<Loose, E> {
                Ok(Loose(Value::from(value)))
            }
            fn visit_bytes<E>(self, value: &[u8]) -> Result<Loose, E> {
                Ok(Loose(Value::from(format!("{} bytes", value.len()))))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Loose, A::Error> {
                let mut all = Vec::new();
                while let Some(Loose(item)) = items.next_element()? {
                    all.push(item);
                }
                Ok(Loose(Value::Array(all)))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Loose, A::Error> {
                let mut all = Map::new();
                while let Some((key, Loose(value))) = entries.next_entry::<String, Loose>()? {
                    all.insert(key, value);
                }
                Ok(Loose(Value::Object(all)))
            }
        }
        from.deserialize_any(Any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn msgpack_is_read_like_json() {
        let sent = json!({"a": [1, -2, 0.5, null, true], "b": {"c": "text"}});
        let packed = rmp_serde::to_vec_named(&sent).expect("packs");
        assert_eq!(body("application/msgpack", &packed), Some(Ok(sent)));
        let bytes = rmp_serde::to_vec(&serde_bytes::Bytes::new(&[1, 2, 3])).expect("packs");
        assert_eq!(
            body("application/msgpack", &bytes),
            Some(Ok(json!("3 bytes")))
        );
        assert!(
            body("application/msgpack", &[0xc1])
                .expect("structured")
                .is_err()
        );
        assert_eq!(body("image/jpeg", &[1]), None);
    }

    #[test]
    fn parameters_take_their_type() {
        assert_eq!(parameter(Some("integer"), "7"), json!(7));
        assert_eq!(parameter(Some("integer"), "x"), json!("x"));
        assert_eq!(parameter(Some("number"), "0.5"), json!(0.5));
        assert_eq!(parameter(None, "7"), json!("7"));
        assert_eq!(media_type("Text/Plain; charset=utf-8"), "text/plain");
    }
}
