//! Objects whose kind one of their fields tells.
//!
//! serde reads such an object into a buffer of its own, behind which nobody sees which fields the
//! chosen type leaves alone. [`Tagged`] looks itself and refuses them.

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error},
};
use serde_json::{Map, Value};

/// An object taken apart: what its tag says, and the rest.
#[derive(Debug)]
pub struct Tagged {
    /// The text of the tag.
    pub kind: String,
    rest: Map<String, Value>,
}

impl Tagged {
    /// Reads an object with a text field called `tag`.
    ///
    /// # Errors
    /// When it is no object, or has no such text.
    pub fn read<'de, D: Deserializer<'de>>(
        deserializer: D,
        tag: &'static str,
    ) -> Result<Self, D::Error> {
        let mut rest = Map::deserialize(deserializer)?;
        match rest.remove(tag) {
            Some(Value::String(kind)) => Ok(Self { kind, rest }),
            Some(_) => Err(D::Error::custom("str type expected")),
            None => Err(D::Error::missing_field(tag)),
        }
    }

    /// The rest as a `T`.
    ///
    /// # Errors
    /// When it does not fit, or has fields that a `T` does not know.
    pub fn rest<T: DeserializeOwned, E: Error>(self) -> Result<T, E> {
        let mut extra = None;
        let read = serde_ignored::deserialize(Value::Object(self.rest), |path| {
            extra.get_or_insert_with(|| path.to_string());
        });
        let value = read.map_err(E::custom)?;
        match extra {
            // Paths through options carry a `?` segment.
            Some(path) => Err(E::custom(format!(
                "unknown field `{}`",
                path.replace(".?", "")
            ))),
            None => Ok(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Inner {
        b: Option<u8>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Known {
        a: u8,
        inner: Option<Inner>,
    }

    fn read(value: Value) -> Result<(String, Known), String> {
        let tagged = Tagged::read(value, "kind").map_err(|e| e.to_string())?;
        let kind = tagged.kind.clone();
        let rest = tagged.rest::<Known, serde_json::Error>();
        Ok((kind, rest.map_err(|e| e.to_string())?))
    }

    #[test]
    fn fields_that_nobody_knows_are_refused_wherever_they_are() {
        let (kind, known) = read(json!({"a": 1, "kind": "x", "inner": {"b": 2}})).unwrap();
        let inner = Some(Inner { b: Some(2) });
        assert_eq!((kind.as_str(), known), ("x", Known { a: 1, inner }));
        for (wrong, message) in [
            (json!({"a": 1}), "missing field `kind`"),
            (json!({"kind": 1, "a": 1}), "str type expected"),
            (json!({"kind": "x"}), "missing field `a`"),
            (json!({"kind": "x", "a": 1, "c": 2}), "unknown field `c`"),
            (
                json!({"kind": "x", "a": 1, "inner": {"c": 2}}),
                "unknown field `inner.c`",
            ),
        ] {
            assert_eq!(read(wrong.clone()).unwrap_err(), message, "{wrong}");
        }
        assert!(read(json!([1])).is_err());
    }
}
