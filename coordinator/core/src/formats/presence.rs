//! Fields that may be absent, and fields where null is something else than absence.

use std::{borrow::Cow, ops::Deref};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::{
    __dev::ComposeSchema,
    ToSchema,
    openapi::{ObjectBuilder, OneOfBuilder, RefOr, Schema, Type},
};

use super::document;

/// A field that may be absent, where null is refused. Needs `#[serde(default)]` on the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Optional<T>(pub Option<T>);

impl<T> Optional<T> {
    /// The value, if there is one.
    pub fn into_inner(self) -> Option<T> {
        self.0
    }

    /// Whether there is none; for `#[serde(skip_serializing_if = "Optional::is_none")]`.
    pub fn is_none(&self) -> bool {
        self.0.is_none()
    }
}

impl<T> Default for Optional<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Deref for Optional<T> {
    type Target = Option<T>;

    fn deref(&self) -> &Option<T> {
        &self.0
    }
}

impl<T> From<Option<T>> for Optional<T> {
    fn from(value: Option<T>) -> Self {
        Self(value)
    }
}

impl<T> From<Optional<T>> for Option<T> {
    fn from(value: Optional<T>) -> Self {
        value.0
    }
}

impl<T: Serialize> Serialize for Optional<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Optional<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(|value| Self(Some(value)))
    }
}

impl<T: ToSchema> ComposeSchema for Optional<T> {
    fn compose(_: Vec<RefOr<Schema>>) -> RefOr<Schema> {
        document::inner::<T>()
    }
}

impl<T: ToSchema> ToSchema for Optional<T> {
    fn name() -> Cow<'static, str> {
        let value = document::short_name::<T>();
        format!("{}Optional.{value}", document::FORMAT).into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        document::register::<T>(schemas);
    }
}

/// A field of a change: absent leaves the value alone, null clears it. Needs `#[serde(default)]`
/// on the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Nullable<T> {
    /// Nothing was said.
    #[default]
    Absent,
    /// The value shall be cleared.
    Null,
    /// The new value.
    Value(T),
}

impl<T> Nullable<T> {
    /// Whether nothing was said; for `#[serde(skip_serializing_if = "Nullable::is_absent")]`.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// The change, if there is one.
    pub fn change(self) -> Option<Option<T>> {
        match self {
            Self::Absent => None,
            Self::Null => Some(None),
            Self::Value(value) => Some(Some(value)),
        }
    }

    /// The value, where null and absence are the same.
    pub fn value(self) -> Option<T> {
        self.change().flatten()
    }
}

impl<T: Serialize> Serialize for Nullable<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Absent | Self::Null => serializer.serialize_none(),
            Self::Value(value) => serializer.serialize_some(value),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Nullable<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Option::deserialize(deserializer)?;
        Ok(value.map_or(Self::Null, Self::Value))
    }
}

impl<T: ToSchema> ComposeSchema for Nullable<T> {
    fn compose(_: Vec<RefOr<Schema>>) -> RefOr<Schema> {
        OneOfBuilder::new()
            .item(document::inner::<T>())
            .item(ObjectBuilder::new().schema_type(Type::Null))
            .into()
    }
}

impl<T: ToSchema> ToSchema for Nullable<T> {
    fn name() -> Cow<'static, str> {
        let value = document::short_name::<T>();
        format!("{}Nullable.{value}", document::FORMAT).into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        document::register::<T>(schemas);
    }
}
