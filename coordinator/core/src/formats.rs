//! The contract's formats as types: a value reads from JSON or a query string once, within its
//! bounds, and knows the schema that an API document publishes for it.
//!
//! What is out of bounds is refused with the contract's message (`ensure this value has at most
//! 36 characters`), never with the value itself, which may be a secret. The serde error's text
//! goes through [`message()`] before a client sees it.
//!
//! The schemas are named `format.…`; [`document::tidy`] writes them in place wherever a field has
//! them, so that a document reads `{"type": "string", "maxLength": 36}` and not a reference.

pub mod document;
mod items;
mod message;
mod number;
mod presence;
mod tagged;
mod text;

use std::borrow::Cow;

pub use items::{AtMost, Items, Unique};
pub use message::message;
pub use number::{Real, Whole, read_whole};
pub use presence::{Nullable, Optional};
pub use tagged::Tagged;
pub use text::{Digits, Login, Password, Slug, Text, Uri, UriReference};

/// What is wrong with a value, in the contract's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Wrong(pub Cow<'static, str>);

impl Wrong {
    /// The complaint `message`.
    pub fn new(message: impl Into<Cow<'static, str>>) -> Self {
        Self(message.into())
    }

    /// The complaint of a value that is none of `permitted`.
    pub fn not_among<T: std::fmt::Display>(permitted: impl IntoIterator<Item = T>) -> Self {
        let words: Vec<String> = permitted.into_iter().map(|word| word.to_string()).collect();
        Self::new(format!("unexpected value; permitted: {}", words.join(", ")))
    }
}

/// Names a value's schema and says what it is. For types outside `formats` that are written in
/// place like those here.
#[macro_export]
macro_rules! published {
    ($(@[$($generics:tt)*])? $type:ty, $name:expr, $schema:expr) => {
        impl$(<$($generics)*>)? utoipa::__dev::ComposeSchema for $type {
            fn compose(
                _: Vec<utoipa::openapi::RefOr<utoipa::openapi::Schema>>,
            ) -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                $schema.into()
            }
        }

        impl$(<$($generics)*>)? utoipa::ToSchema for $type {
            fn name() -> std::borrow::Cow<'static, str> {
                format!("{}{}", $crate::formats::document::FORMAT, $name).into()
            }
        }
    };
}

/// What users write about an object.
pub type UserData = Text<0, 128>;
/// What users write about a list, a handler, an account.
pub type Description = Text<0, 128>;
/// What users write about a stream or a group.
pub type LongDescription = Text<0, 512>;
/// An object's name in a foreign system.
pub type ExternalId = Text<0, 36>;
/// A label of an event or of matching candidates.
pub type Tag = Text<0, 36>;
/// The labels of an event.
pub type Tags = Items<Tag, 0, 1000>;
/// A whole number without bounds.
pub type Integer = Whole<{ i64::MIN }, { i64::MAX }>;
/// How many.
pub type Count = Whole<0, { i64::MAX }>;
/// A share or similarity.
pub type Fraction = Real<0, 1>;
/// A share that a model estimated; the contract publishes these with the format `double`.
pub type Probability = Real<0, 1, 64>;
/// Degrees east.
pub type Longitude = Real<-180, 180>;
/// Degrees north.
pub type Latitude = Real<-90, 90>;

#[cfg(test)]
mod tests;
