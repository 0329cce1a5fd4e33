//! Lists within bounds.

use std::{borrow::Cow, collections::HashSet, fmt, hash::Hash, marker::PhantomData, ops::Deref};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::{
    __dev::ComposeSchema,
    PartialSchema, ToSchema,
    openapi::{ArrayBuilder, RefOr, Schema},
};

use super::{Wrong, document};

/// A list of at most `MAX` items whose contract does not state that it may be empty.
pub type AtMost<T, const MAX: usize> = Items<T, 0, MAX, false>;

/// A list of `MIN` to `MAX` items; `usize::MAX` stands for no bound. `STATED` is whether the
/// published schema names the lower bound.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Items<T, const MIN: usize, const MAX: usize, const STATED: bool = true>(Vec<T>);

impl<T, const MIN: usize, const MAX: usize, const STATED: bool> Items<T, MIN, MAX, STATED> {
    /// `items`, if there are as many as allowed.
    pub fn new(items: Vec<T>) -> Result<Self, Wrong> {
        if items.len() < MIN {
            return Err(too_few(MIN));
        }
        if items.len() > MAX {
            return Err(too_many(MAX));
        }
        Ok(Self(items))
    }

    /// The items by themselves.
    pub fn into_inner(self) -> Vec<T> {
        self.0
    }
}

impl<T, const MAX: usize, const STATED: bool> Default for Items<T, 0, MAX, STATED> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T, const MIN: usize, const MAX: usize, const STATED: bool> Deref
    for Items<T, MIN, MAX, STATED>
{
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T, const MIN: usize, const MAX: usize, const STATED: bool> AsRef<[T]>
    for Items<T, MIN, MAX, STATED>
{
    fn as_ref(&self) -> &[T] {
        &self.0
    }
}

impl<T, const MIN: usize, const MAX: usize, const STATED: bool> TryFrom<Vec<T>>
    for Items<T, MIN, MAX, STATED>
{
    type Error = Wrong;

    fn try_from(items: Vec<T>) -> Result<Self, Wrong> {
        Self::new(items)
    }
}

impl<T, const MIN: usize, const MAX: usize, const STATED: bool> IntoIterator
    for Items<T, MIN, MAX, STATED>
{
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<T: fmt::Debug, const MIN: usize, const MAX: usize, const STATED: bool> fmt::Debug
    for Items<T, MIN, MAX, STATED>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T: Serialize, const MIN: usize, const MAX: usize, const STATED: bool> Serialize
    for Items<T, MIN, MAX, STATED>
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>, const MIN: usize, const MAX: usize, const STATED: bool>
    Deserialize<'de> for Items<T, MIN, MAX, STATED>
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let items = deserializer.deserialize_seq(Reader::<T, MAX>(PhantomData))?;
        Self::new(items).map_err(de::Error::custom)
    }
}

/// Reads a list and stops at the first item that is too many.
struct Reader<T, const MAX: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const MAX: usize> de::Visitor<'de> for Reader<T, MAX> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a sequence")
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            if items.len() == MAX {
                return Err(de::Error::custom(too_many(MAX)));
            }
            items.push(item);
        }
        Ok(items)
    }
}

impl<T: ToSchema, const MIN: usize, const MAX: usize, const STATED: bool> ComposeSchema
    for Items<T, MIN, MAX, STATED>
{
    fn compose(_: Vec<RefOr<Schema>>) -> RefOr<Schema> {
        let items = ArrayBuilder::new().items(document::inner::<T>());
        items
            .min_items(STATED.then_some(MIN))
            .max_items((MAX < usize::MAX).then_some(MAX))
            .into()
    }
}

impl<T: ToSchema, const MIN: usize, const MAX: usize, const STATED: bool> ToSchema
    for Items<T, MIN, MAX, STATED>
{
    fn name() -> Cow<'static, str> {
        let stated = if STATED { "" } else { ".AtMost" };
        let item = document::short_name::<T>();
        format!("{}Items{stated}.{MIN}.{MAX}.{item}", document::FORMAT).into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        document::register::<T>(schemas);
    }
}

/// A list of `MIN` to `MAX` different items.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Unique<T, const MIN: usize, const MAX: usize>(Items<T, MIN, MAX>);

impl<T: Eq + Hash, const MIN: usize, const MAX: usize> Unique<T, MIN, MAX> {
    /// `items`, if they are as many as allowed and no two are the same.
    pub fn new(items: Vec<T>) -> Result<Self, Wrong> {
        let items = Items::new(items)?;
        let mut seen = HashSet::with_capacity(items.len());
        if items.iter().all(|item| seen.insert(item)) {
            return Ok(Self(items));
        }
        Err(Wrong::new("the list has duplicated items"))
    }
}

impl<T, const MIN: usize, const MAX: usize> Unique<T, MIN, MAX> {
    /// The items by themselves.
    pub fn into_inner(self) -> Vec<T> {
        self.0.into_inner()
    }
}

impl<T, const MAX: usize> Default for Unique<T, 0, MAX> {
    fn default() -> Self {
        Self(Items::default())
    }
}

impl<T, const MIN: usize, const MAX: usize> Deref for Unique<T, MIN, MAX> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T: fmt::Debug, const MIN: usize, const MAX: usize> fmt::Debug for Unique<T, MIN, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T: Serialize, const MIN: usize, const MAX: usize> Serialize for Unique<T, MIN, MAX> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de> + Eq + Hash, const MIN: usize, const MAX: usize> Deserialize<'de>
    for Unique<T, MIN, MAX>
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let items = Items::<T, MIN, MAX>::deserialize(deserializer)?;
        Self::new(items.into_inner()).map_err(de::Error::custom)
    }
}

impl<T: ToSchema, const MIN: usize, const MAX: usize> ComposeSchema for Unique<T, MIN, MAX> {
    fn compose(_: Vec<RefOr<Schema>>) -> RefOr<Schema> {
        match Items::<T, MIN, MAX>::schema() {
            RefOr::T(Schema::Array(mut list)) => {
                list.unique_items = true;
                RefOr::T(Schema::Array(list))
            }
            other => other,
        }
    }
}

impl<T: ToSchema, const MIN: usize, const MAX: usize> ToSchema for Unique<T, MIN, MAX> {
    fn name() -> Cow<'static, str> {
        let item = document::short_name::<T>();
        format!("{}Unique.{MIN}.{MAX}.{item}", document::FORMAT).into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        document::register::<T>(schemas);
    }
}

fn too_few(least: usize) -> Wrong {
    Wrong::new(format!("ensure this value has at least {least} items"))
}

fn too_many(most: usize) -> Wrong {
    Wrong::new(format!("ensure this value has at most {most} items"))
}
