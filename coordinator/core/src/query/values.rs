//! Values that only query strings have: comma lists, filters by absence, names of fields.

use std::{fmt::Display, str::FromStr};

use goshawk_proto::time::Timestamp;
use utoipa::{
    PartialSchema,
    openapi::{
        ArrayBuilder, KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, Type,
        path::Parameter,
    },
};

use super::{
    BadParameter, MAX_PAGE_SIZE, OneOf, Page, Pairs, Parameters, QueryValue, bad,
    parameters::describe, unknown_target,
};

/// Most items in one list.
pub const MAX_ITEMS: usize = 1000;

/// A list separated by commas, by repeating the parameter, or both; at most [`MAX_ITEMS`] items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommaList<T>(pub Vec<T>);

impl<T: FromStr<Err: Display> + PartialSchema> QueryValue for CommaList<T> {
    fn read(name: &str, given: &[&str]) -> Result<Self, BadParameter> {
        items(name, given)?
            .into_iter()
            .map(|item| item.parse().map_err(|why| bad(name, format!("{why}"))))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    fn schema() -> RefOr<Schema> {
        list_of(<T as PartialSchema>::schema())
    }
}

impl<T: FromStr<Err: Display> + PartialSchema> QueryValue for OneOf<T> {
    fn read(name: &str, given: &[&str]) -> Result<Self, BadParameter> {
        let (absent, present): (Vec<&str>, Vec<&str>) = items(name, given)?
            .into_iter()
            .partition(|item| *item == "null");
        let values = present
            .into_iter()
            .map(|item| item.parse().map_err(|why| bad(name, format!("{why}"))))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            values,
            absent: !absent.is_empty(),
        })
    }

    fn schema() -> RefOr<Schema> {
        list_of(<T as PartialSchema>::schema())
    }
}

fn items<'a>(name: &str, given: &[&'a str]) -> Result<Vec<&'a str>, BadParameter> {
    let all: Vec<&str> = given
        .iter()
        .flat_map(|text| text.split(','))
        .map(str::trim)
        .take(MAX_ITEMS + 1)
        .collect();
    if all.len() > MAX_ITEMS {
        return Err(bad(name, format!("more than {MAX_ITEMS} items")));
    }
    Ok(all)
}

fn list_of(item: RefOr<Schema>) -> RefOr<Schema> {
    ArrayBuilder::new().items(item).build().into()
}

/// The schema of a list separated by commas where a contract writes it as text of that format.
pub fn listed(format: &str) -> RefOr<Schema> {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::Custom(format.to_owned())))
        .build()
        .into()
}

/// The schema of some fields of an object where a contract writes it as a list.
pub fn several<T: Target>() -> RefOr<Schema> {
    list_of(<Targets<T> as QueryValue>::schema())
}

/// A moment in RFC 3339. A `+` of a zone that a client did not escape has become a blank.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment(pub Timestamp);

impl QueryValue for Moment {
    fn read(name: &str, given: &[&str]) -> Result<Self, BadParameter> {
        let text = given.last().copied().unwrap_or_default().replace(' ', "+");
        let moment = text.parse().map_err(|why| bad(name, format!("{why}")))?;
        Ok(Self(moment))
    }

    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .build()
            .into()
    }
}

impl Parameters for Page {
    const NAMES_FIELDS: bool = false;

    fn read(query: Pairs<'_>) -> Result<Self, BadParameter> {
        query.page()
    }

    fn describe() -> Vec<Parameter> {
        let number = |default: u64| {
            ObjectBuilder::new()
                .schema_type(Type::Integer)
                .minimum(Some(1))
                .default(Some(default.into()))
        };
        let page = number(1).build().into();
        let size = number(10).maximum(Some(MAX_PAGE_SIZE)).build().into();
        vec![
            describe("page", "Which page, from 1.", false, page),
            describe("page_size", "Objects on a page.", false, size),
        ]
    }
}

/// 0 or 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
#[serde(into = "u8")]
pub struct Switch(pub bool);

impl From<Switch> for u8 {
    fn from(switch: Switch) -> Self {
        Self::from(switch.0)
    }
}

impl From<bool> for Switch {
    fn from(on: bool) -> Self {
        Self(on)
    }
}

impl QueryValue for Switch {
    fn read(name: &str, given: &[&str]) -> Result<Self, BadParameter> {
        match given.last() {
            Some(&"0") => Ok(Self(false)),
            Some(&"1") => Ok(Self(true)),
            _ => Err(bad(name, "want 0 or 1")),
        }
    }

    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::Integer)
            .enum_values(Some([0, 1]))
            .build()
            .into()
    }
}

/// The fields of an object that an answer can be limited to.
pub trait Target: Copy + PartialEq + 'static {
    /// Of what, for the message to a client: `faces`.
    const OF: &'static str;
    /// All of them with their names.
    const ALL: &'static [(&'static str, Self)];
}

/// Which fields a client wants; all of them unless it says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Targets<T>(pub Vec<T>);

impl<T: Target> Targets<T> {
    /// Every field.
    pub fn all() -> Self {
        Self(T::ALL.iter().map(|(_, target)| *target).collect())
    }

    /// Whether a field is wanted.
    pub fn has(&self, target: T) -> bool {
        self.0.contains(&target)
    }

    /// The names of the wanted fields.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        T::ALL
            .iter()
            .filter(|(_, target)| self.has(*target))
            .map(|(name, _)| *name)
    }
}

/// The names, as a parameter's default.
impl<T: Target> serde::Serialize for Targets<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.names())
    }
}

impl<T: Target> QueryValue for Targets<T> {
    const NAMES_FIELDS: bool = true;

    fn read(name: &str, given: &[&str]) -> Result<Self, BadParameter> {
        let read = |item: &str| {
            let found = T::ALL.iter().find(|(known, _)| *known == item);
            found.map(|(_, target)| *target).ok_or_else(|| {
                let known: Vec<&str> = T::ALL.iter().map(|(known, _)| *known).collect();
                unknown_target(name, item, T::OF, &known)
            })
        };
        items(name, given)?
            .into_iter()
            .map(read)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(T::ALL.iter().map(|(name, _)| *name)))
            .build()
            .into()
    }
}

/// Declares an enumeration of words of a contract: names, reading, writing and its schema.
///
/// `pub enum Order: "sort orders" { Ascending = "asc", Descending = "desc" }` can also serve as
/// [`Target`]s.
#[macro_export]
macro_rules! words {
    (
        $(#[$outer:meta])*
        $visibility:vis enum $name:ident : $of:literal {
            $($(#[$doc:meta])* $variant:ident = $word:literal),+ $(,)?
        }
    ) => {
        $(#[$outer])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        $visibility enum $name {
            $($(#[$doc])* #[doc = concat!("`", $word, "`")] $variant,)+
        }

        impl $name {
            /// The word.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        impl $crate::query::Target for $name {
            const OF: &'static str = $of;
            const ALL: &'static [(&'static str, Self)] = &[$(($word, Self::$variant)),+];
        }

        impl std::str::FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(concat!("unexpected value; permitted:" $(, " '", $word, "'")+).to_owned()),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::Type::String)
                    .enum_values(Some([$($word),+]))
                    .build()
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {}
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    words! {
        enum Field: "examples" { Id = "id", Name = "name" }
    }

    #[test]
    fn lists_take_commas_and_repetition() {
        let list = CommaList::<u8>::read("n", &["1,2", "3"]).unwrap();
        assert_eq!(list.0, [1, 2, 3]);
        assert!(CommaList::<u8>::read("n", &["1,x"]).is_err());
        let many = "1,".repeat(MAX_ITEMS) + "1";
        assert!(CommaList::<u8>::read("n", &[&many]).is_err());
        let one = OneOf::<u8>::read("n", &["null,4"]).unwrap();
        assert!(one.absent && one.values == [4]);
    }

    #[test]
    fn switches_are_zero_or_one() {
        assert_eq!(Switch::read("s", &["1"]).unwrap(), Switch(true));
        for wrong in ["2", "true", "", "01"] {
            assert!(Switch::read("s", &[wrong]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn targets_are_words_of_the_object() {
        let some = Targets::<Field>::read("targets", &["name"]).unwrap();
        assert!(some.has(Field::Name) && !some.has(Field::Id));
        assert_eq!(some.names().collect::<Vec<_>>(), ["name"]);
        let error = Targets::<Field>::read("targets", &["age"]).unwrap_err();
        assert_eq!(
            error.message,
            "'age' is not valid target to get examples. Valid target should be one of ['id', 'name']."
        );
        assert!(error.target);
    }
}
