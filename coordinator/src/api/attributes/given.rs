//! Attributes in request bodies: by the id of a temporary attribute, or the data themselves.

use std::{borrow::Cow, fmt, str::FromStr};

use goshawk_coordinator_core::{
    bounds::Invalid,
    code::{EthnicityCode, GenderCode},
    face::Attributes,
    formats::{Items, Optional, Unique, Whole, Wrong, read_whole},
    published,
};
use goshawk_proto::{
    descriptor::{Descriptor, DescriptorVersion},
    detection::{BasicAttributes, Gender},
    id::{AccountId, AttributeId, SampleId},
    score::Score,
};
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor, value::MapAccessDeserializer},
};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ArrayBuilder, ObjectBuilder, OneOfBuilder, Ref, RefOr, Schema, Type},
};

use super::bytes::{self, Base64};
use crate::{
    api::{Api, payload::Body},
    errors::{ApiError, Code},
    store::StoreError,
};

/// The versions of descriptors that the contract knows.
const VERSIONS: [u32; 10] = [46, 52, 54, 56, 57, 58, 59, 60, 62, 64];

/// One of the versions that the contract knows; whether it is used here is another matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownVersion(pub DescriptorVersion);

impl KnownVersion {
    fn new(number: i64) -> Result<Self, Wrong> {
        let known = VERSIONS.into_iter().find(|v| i64::from(*v) == number);
        known
            .map(|version| Self(DescriptorVersion(version)))
            .ok_or_else(|| Wrong::not_among(VERSIONS))
    }
}

impl FromStr for KnownVersion {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Self, Wrong> {
        let number = text.parse().map_err(|_| Wrong::not_among(VERSIONS))?;
        Self::new(number)
    }
}

impl<'de> Deserialize<'de> for KnownVersion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(read_whole(deserializer)?).map_err(D::Error::custom)
    }
}

published!(
    KnownVersion,
    "KnownVersion",
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .enum_values(Some(VERSIONS))
);

/// Age, gender and ethnicity known from elsewhere.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[schema(as = GivenBasicAttributes)]
pub struct GivenBasic {
    /// Age in years.
    pub age: Whole<0, 100>,
    /// 0 female, 1 male.
    pub gender: GenderCode,
    /// 1 African American, 2 Indian, 3 Asian, 4 Caucasian.
    pub ethnicity: EthnicityCode,
}

/// The values of a descriptor and its version.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct RawDescriptor {
    /// The values as little-endian 32-bit numbers, or one byte each.
    pub descriptor: Base64,
    /// The version.
    pub version: KnownVersion,
}

impl RawDescriptor {
    /// The descriptor, of whatever version.
    pub fn read(&self, api: &Api) -> Result<Descriptor, ApiError> {
        api.raw_descriptor(self.version.0, &self.descriptor.0)
    }
}

/// A descriptor with its version beside it or within it.
#[derive(Clone, Debug)]
pub enum GivenDescriptor {
    /// Beside it.
    Raw(RawDescriptor),
    /// Within it, as [`super::sdk`] writes it.
    Sdk(Base64),
}

impl GivenDescriptor {
    fn read(&self, api: &Api) -> Result<Descriptor, ApiError> {
        match self {
            Self::Raw(raw) => raw.read(api),
            Self::Sdk(bytes) => api.sdk_descriptor(&bytes.0),
        }
    }

    fn in_form(whole: ObjectBuilder) -> RefOr<Schema> {
        let name = RawDescriptor::name();
        OneOfBuilder::new()
            .item(RefOr::Ref(Ref::from_schema_name(name)))
            .item(whole.description(Some("A descriptor that carries its version.")))
            .into()
    }
}

published!(
    GivenDescriptor,
    "GivenDescriptor",
    GivenDescriptor::in_form(bytes::in_json())
);

impl<'de> Deserialize<'de> for GivenDescriptor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = GivenDescriptor;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<GivenDescriptor, E> {
                bytes::decoded(text)
                    .map(GivenDescriptor::Sdk)
                    .map_err(E::custom)
            }

            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<GivenDescriptor, E> {
                Ok(GivenDescriptor::Sdk(Base64(bytes.to_vec())))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<GivenDescriptor, A::Error> {
                RawDescriptor::deserialize(MapAccessDeserializer::new(map))
                    .map(GivenDescriptor::Raw)
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

/// Every field that a body with attributes may have; which go together is for
/// [`GivenAttributes::check`] to tell.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
struct Fields {
    /// A temporary attribute, whose data are copied.
    #[serde(default)]
    attribute_id: Optional<AttributeId>,
    /// Age, gender and ethnicity.
    #[serde(default)]
    basic_attributes: Optional<GivenBasic>,
    /// Samples that these were estimated from.
    #[schema(default = json!([]))]
    #[serde(default)]
    basic_attributes_samples: Unique<SampleId, 0, { usize::MAX }>,
    /// Descriptors of one face; the last one of the version in use is kept.
    #[serde(default)]
    face_descriptors: Optional<Items<GivenDescriptor, 1, { usize::MAX }>>,
    /// Samples that these were extracted from.
    #[schema(default = json!([]))]
    #[serde(default)]
    face_descriptor_samples: Unique<SampleId, 0, { usize::MAX }>,
}

const BASIC: [&str; 2] = ["basic_attributes", "basic_attributes_samples"];
const DESCRIPTORS: [&str; 2] = ["face_descriptors", "face_descriptor_samples"];

/// One way to give attributes: some of the fields.
fn way(names: &[&str], required: &[&str], descriptor: &RefOr<Schema>) -> RefOr<Schema> {
    let mut way = ObjectBuilder::new();
    if let RefOr::T(Schema::Object(all)) = Fields::schema() {
        for (name, schema) in all.properties {
            if name == "face_descriptors" && names.contains(&name.as_str()) {
                let list = ArrayBuilder::new().items(descriptor.clone());
                way = way.property(name, list.min_items(Some(1)));
            } else if names.contains(&name.as_str()) {
                way = way.property(name, schema);
            }
        }
    }
    let way = required.iter().fold(way, |way, name| way.required(*name));
    way.into()
}

/// The ways to give the data themselves.
fn data(whole: ObjectBuilder) -> OneOfBuilder {
    let descriptor = GivenDescriptor::in_form(whole);
    let both = [BASIC, DESCRIPTORS].concat();
    OneOfBuilder::new()
        .item(way(&both, &[BASIC[0], DESCRIPTORS[0]], &descriptor))
        .item(way(&BASIC, &[BASIC[0]], &descriptor))
        .item(way(&DESCRIPTORS, &[DESCRIPTORS[0]], &descriptor))
}

/// All ways, with descriptors as they are in JSON or in MessagePack.
fn every_way(whole: ObjectBuilder) -> RefOr<Schema> {
    let descriptor = GivenDescriptor::in_form(bytes::in_json());
    let by_id = way(&["attribute_id"], &["attribute_id"], &descriptor);
    data(whole).item(by_id).into()
}

/// Attributes of a face: a temporary attribute's, or the data themselves.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub struct GivenAttributes(Fields);

impl GivenAttributes {
    /// What is wrong with the fields together.
    pub fn check(&self) -> Result<(), Invalid> {
        let fields = &self.0;
        let data = fields.basic_attributes.is_some() || fields.face_descriptors.is_some();
        let rest = data
            || !fields.basic_attributes_samples.is_empty()
            || !fields.face_descriptor_samples.is_empty();
        match (fields.attribute_id.is_some(), data) {
            (true, _) if rest => Err(Invalid::new("", "attribute_id stands alone")),
            (false, false) => {
                let message = "attribute_id, basic_attributes or face_descriptors is required";
                Err(Invalid::new("", message))
            }
            _ => Ok(()),
        }
    }

    /// Their schema in MessagePack.
    pub fn in_msgpack() -> RefOr<Schema> {
        every_way(bytes::in_msgpack())
    }

    /// The attributes; those of a temporary one are looked up.
    pub async fn resolve(self, api: &Api, account: AccountId) -> Result<Attributes, ApiError> {
        let Some(id) = self.0.attribute_id.0 else {
            return of_data(api, self.0);
        };
        let now = api.now();
        let found = api
            .store
            .run(move |store| store.attribute(account, id, now))
            .await;
        match found {
            Ok(found) => Ok(found.attributes),
            Err(StoreError::NotFound { id, .. }) => Err(Code::FaceAttributeNotFound.with(id)),
            Err(error) => Err(error.into()),
        }
    }
}

impl PartialSchema for GivenAttributes {
    fn schema() -> RefOr<Schema> {
        every_way(bytes::in_json())
    }
}

impl ToSchema for GivenAttributes {
    fn name() -> Cow<'static, str> {
        "GivenAttributes".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        parts(schemas);
    }
}

/// What the ways refer to.
fn parts(schemas: &mut Vec<(String, RefOr<Schema>)>) {
    Fields::schemas(schemas);
    RawDescriptor::schemas(schemas);
    let name = RawDescriptor::name().into_owned();
    schemas.push((name, RawDescriptor::schema()));
}

impl Body for GivenAttributes {
    fn check(&self) -> Result<(), Invalid> {
        GivenAttributes::check(self)
    }
}

/// A new temporary attribute: the data themselves.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub struct NewAttribute(GivenAttributes);

impl NewAttribute {
    /// Its schema in MessagePack.
    pub fn in_msgpack() -> RefOr<Schema> {
        data(bytes::in_msgpack()).into()
    }

    /// The attributes.
    pub fn resolve(self, api: &Api) -> Result<Attributes, ApiError> {
        of_data(api, self.0.0)
    }
}

impl PartialSchema for NewAttribute {
    fn schema() -> RefOr<Schema> {
        data(bytes::in_json()).into()
    }
}

impl ToSchema for NewAttribute {
    fn name() -> Cow<'static, str> {
        "NewAttribute".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        parts(schemas);
    }
}

impl Body for NewAttribute {
    fn check(&self) -> Result<(), Invalid> {
        if self.0.0.attribute_id.is_some() {
            return Err(Invalid::new("attribute_id", "extra fields not permitted"));
        }
        self.0.check()
    }
}

fn of_data(api: &Api, fields: Fields) -> Result<Attributes, ApiError> {
    let descriptor = match fields.face_descriptors.0 {
        Some(given) => usable(api, &given)?,
        None => None,
    };
    let basic = fields.basic_attributes.0;
    Ok(Attributes {
        descriptor,
        descriptor_samples: fields.face_descriptor_samples.into_inner(),
        basic: basic.map(|basic| BasicAttributes {
            age: basic.age.get() as f32,
            gender: match basic.gender {
                GenderCode::Female => Gender::Female,
                GenderCode::Male => Gender::Male,
            },
            gender_score: Score::ONE,
        }),
        basic_samples: fields.basic_attributes_samples.into_inner(),
        ethnicity: basic.map(|basic| basic.ethnicity),
        score: None,
    })
}

/// The descriptor of the version that this installation compares; others cannot be used.
fn usable(api: &Api, given: &[GivenDescriptor]) -> Result<Option<Descriptor>, ApiError> {
    let current = api.descriptor_version();
    let mut chosen = None;
    for one in given {
        let descriptor = one.read(api)?;
        if current.is_none_or(|version| descriptor.version() != version) {
            return Err(Code::DescriptorVersionUnknown.with(descriptor.version()));
        }
        chosen = Some(descriptor);
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::bytes::Bytes;
    use serde_json::json;

    use crate::api::payload;

    fn read(body: serde_json::Value) -> Result<GivenAttributes, ApiError> {
        payload::json(&Bytes::from(body.to_string()))
    }

    fn basic() -> serde_json::Value {
        json!({"age": 30, "gender": 1, "ethnicity": 4})
    }

    #[test]
    fn the_ways_exclude_each_other() {
        let id = "7acc35cf-a3b2-4f87-8d8b-5496a2782d37";
        assert!(read(json!({"attribute_id": id})).is_ok());
        assert!(read(json!({"basic_attributes": basic()})).is_ok());
        assert!(read(json!({"face_descriptors": ["AQID"]})).is_ok());
        for wrong in [
            json!({}),
            json!({"attribute_id": id, "basic_attributes": basic()}),
            json!({"attribute_id": null}),
            json!({"basic_attributes_samples": [id]}),
            json!({"basic_attributes": {"age": 30, "gender": 1}}),
            json!({"basic_attributes": basic(), "basic_attributes_samples": [id, id]}),
            json!({"face_descriptors": []}),
            json!({"face_descriptors": ["%"]}),
            json!({"face_descriptors": [{"descriptor": "AQID", "version": 47}]}),
        ] {
            assert!(read(wrong.clone()).is_err(), "{wrong}");
        }
        let mistake = read(json!({"face_descriptors": [{"descriptor": "AQID", "version": 47}]}));
        let detail = mistake.unwrap_err().to_string();
        assert!(detail.contains("face_descriptors.0"), "{detail}");
    }

    #[test]
    fn a_new_attribute_is_no_copy() {
        let id = json!({"attribute_id": "7acc35cf-a3b2-4f87-8d8b-5496a2782d37"});
        let body = Bytes::from(id.to_string());
        let error = payload::json::<NewAttribute>(&body).unwrap_err();
        assert!(error.to_string().contains("'attribute_id'"), "{error}");
    }

    #[test]
    fn msgpack_bodies_hold_bytes() {
        #[derive(serde::Serialize)]
        struct Sent {
            face_descriptors: Vec<Base64>,
        }
        let sent = Sent {
            face_descriptors: vec![Base64(vec![1, 2, 3])],
        };
        let body = rmp_serde::to_vec_named(&sent).unwrap();
        let read: GivenAttributes = payload::msgpack(&Bytes::from(body)).unwrap();
        let given = read.0.face_descriptors.0.unwrap();
        assert!(matches!(&given[0], GivenDescriptor::Sdk(bytes) if bytes.0 == [1, 2, 3]));
    }
}
