//! The JSON form of a request with pictures, read straight into what is kept of it: a tree of JSON
//! values would take many times the room of the body.

use std::{borrow::Cow, fmt, marker::PhantomData, ops::Deref};

use goshawk_coordinator_core::code::Flag;
use goshawk_proto::{id::SampleId, time::Timestamp};
use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};

use super::{Address, NOT_SUPPORTED, Purpose, boxes::Boxes};
use crate::errors::ApiError;

/// Most addresses or samples in one body.
pub const MAX_ITEMS: usize = 8;

/// The body; which of its three forms it has is for the reader to tell.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JsonBody<'a> {
    pub urls: Option<Few<Url>>,
    pub samples: Option<Few<SampleId>>,
    #[serde(borrow)]
    pub image: Option<Text<'a>>,
    #[serde(borrow)]
    pub mimetype: Option<Text<'a>>,
    pub detect_time: Option<Timestamp>,
    pub detect_ts: Option<f64>,
    #[serde(default, deserialize_with = "maybe")]
    pub face_bounding_boxes: Boxes,
    #[serde(default, deserialize_with = "maybe")]
    pub body_bounding_boxes: Boxes,
    #[serde(default)]
    image_origin: Given,
    #[serde(default)]
    image_origin_mimetype: Given,
    #[serde(default)]
    meta: Given,
    #[serde(default)]
    x_meta: Given,
    /// Boxes are looked at closely, whoever they are from: it only has to be 0 or 1.
    #[serde(default, rename = "trusted_detections")]
    _trusted_detections: Flag,
}

/// Null is the same as nothing.
fn maybe<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Boxes, D::Error> {
    Ok(Option::<Boxes>::deserialize(deserializer)?.unwrap_or_default())
}

impl JsonBody<'_> {
    /// Refuses by name what would have no effect.
    pub fn refuse_unsupported(&self, purpose: Purpose) -> Result<(), ApiError> {
        let timed = purpose == Purpose::Events && self.samples.is_none();
        let told = purpose == Purpose::Liveness;
        let boxes = |name, boxes: &Boxes| (name, !purpose.takes_boxes(name) && !boxes.is_empty());
        let fields = [
            boxes("face_bounding_boxes", &self.face_bounding_boxes),
            boxes("body_bounding_boxes", &self.body_bounding_boxes),
            ("image_origin", self.image_origin.0),
            ("image_origin_mimetype", self.image_origin_mimetype.0),
            ("meta", !told && self.meta.0),
            ("x_meta", !told && self.x_meta.0),
            ("detect_time", !timed && self.detect_time.is_some()),
            ("detect_ts", !timed && self.detect_ts.is_some()),
        ];
        match fields.into_iter().find(|(_, given)| *given) {
            Some((name, _)) => Err(purpose.code().at(name, NOT_SUPPORTED)),
            None => Ok(()),
        }
    }
}

/// A picture by its address: an object, or the bare address.
pub enum Url {
    /// Only the address.
    Bare(String),
    /// The address and what is known of the picture.
    Full(FullUrl),
}

/// An address and what is known of the picture.
#[derive(Deserialize)]
pub struct FullUrl {
    url: String,
    #[serde(default, deserialize_with = "maybe")]
    face_bounding_boxes: Boxes,
    #[serde(default, deserialize_with = "maybe")]
    body_bounding_boxes: Boxes,
    #[serde(default, rename = "trusted_detections")]
    _trusted_detections: Flag,
}

impl Url {
    /// The address, in the form that the purpose wants.
    pub fn read(self, purpose: Purpose, place: usize) -> Result<Address, ApiError> {
        let wrong = |message| Err(purpose.code().at(&format!("urls.{place}"), message));
        match (self, purpose == Purpose::Liveness) {
            (Self::Bare(url), true) => Ok(Address {
                url,
                faces: Vec::new(),
                bodies: Vec::new(),
            }),
            (Self::Full(_), true) => wrong("str type expected"),
            (Self::Bare(_), false) => wrong("value is not a valid dict"),
            (Self::Full(full), false)
                if !purpose.takes_boxes("body_bounding_boxes")
                    && !full.body_bounding_boxes.is_empty() =>
            {
                wrong("extra fields not permitted")
            }
            (Self::Full(full), false) => Ok(Address {
                url: full.url,
                faces: full.face_bounding_boxes.into_boxes(),
                bodies: full.body_bounding_boxes.into_boxes(),
            }),
        }
    }
}

impl<'de> Deserialize<'de> for Url {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Url;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an address")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Url, E> {
                Ok(Url::Bare(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Url, A::Error> {
                FullUrl::deserialize(MapAccessDeserializer::new(map)).map(Url::Full)
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

/// Text that stays in the body where it needs no unescaping.
#[derive(Deserialize)]
#[serde(transparent)]
pub struct Text<'a>(#[serde(borrow)] pub Cow<'a, str>);

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// At most [`MAX_ITEMS`] items; reading ends with the first one too many.
pub struct Few<T>(pub Vec<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Few<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Items<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Items<T> {
            type Value = Few<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a list of at most {MAX_ITEMS} items")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Few<T>, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    if items.len() == MAX_ITEMS {
                        return Err(Error::invalid_length(MAX_ITEMS + 1, &self));
                    }
                    items.push(item);
                }
                Ok(Few(items))
            }
        }
        deserializer.deserialize_seq(Items(PhantomData))
    }
}

/// Whether a field is there and neither null nor empty; its value is not kept.
#[derive(Default)]
struct Given(bool);

impl<'de> Deserialize<'de> for Given {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Emptiness)
    }
}

struct Emptiness;

impl<'de> Visitor<'de> for Emptiness {
    type Value = Given;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_unit<E: Error>(self) -> Result<Given, E> {
        Ok(Given(false))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Given, E> {
        Ok(Given(true))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Given, E> {
        Ok(Given(true))
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Given, E> {
        Ok(Given(true))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Given, E> {
        Ok(Given(true))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Given, E> {
        Ok(Given(!text.is_empty()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Given, A::Error> {
        let mut any = false;
        while seq.next_element::<IgnoredAny>()?.is_some() {
            any = true;
        }
        Ok(Given(any))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Given, A::Error> {
        let mut any = false;
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
            any = true;
        }
        Ok(Given(any))
    }
}

/// Whether a part of a multipart body says nothing.
pub fn is_empty_json(bytes: &[u8]) -> bool {
    let bytes = bytes.trim_ascii();
    bytes.is_empty() || serde_json::from_slice(bytes).is_ok_and(|given: Given| !given.0)
}
