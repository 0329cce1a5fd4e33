//! Attributes in answers. Which fields there are is for the client to say.

use base64::{Engine, engine::general_purpose::STANDARD};
use goshawk_coordinator_core::{
    code::{EthnicityCode, GenderCode},
    face::{Attributes, FaceRecord, TemporaryAttribute, whole_years},
    formats::{Nullable, Optional, Unique},
    published,
    query::{Target, Targets},
    words,
};
use goshawk_proto::{
    descriptor::{Descriptor, DescriptorVersion},
    id::{AccountId, AttributeId, SampleId},
    time::Timestamp,
};
use serde::Serialize;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, OneOfBuilder, RefOr, Schema, Type},
};

use super::{
    bytes::{self, Base64},
    given::KnownVersion,
    sdk,
};

words! {
    /// Fields of a temporary attribute.
    pub enum Field: "faces" {
        /// Its id.
        AttributeId = "attribute_id",
        /// Whose it is.
        AccountId = "account_id",
        /// Age, gender and ethnicity.
        Basic = "basic_attributes",
        /// The descriptor's samples.
        DescriptorSamples = "face_descriptor_samples",
        /// The descriptor.
        Descriptor = "face_descriptor",
        /// The samples of age, gender and ethnicity.
        BasicSamples = "basic_attributes_samples",
        /// When it was made.
        CreateTime = "create_time",
    }
}

words! {
    /// Fields of a face's attributes.
    pub enum FaceField: "faces" {
        /// Age, gender and ethnicity.
        Basic = "basic_attributes",
        /// The descriptor's samples.
        DescriptorSamples = "face_descriptor_samples",
        /// The descriptor.
        Descriptor = "face_descriptor",
        /// The samples of age, gender and ethnicity.
        BasicSamples = "basic_attributes_samples",
        /// When they were made.
        CreateTime = "create_time",
    }
}

words! {
    /// How descriptors of faces are written.
    pub enum DescriptorFormat: "formats" {
        /// The values, and the version beside them.
        Raw = "raw",
        /// One value that carries its version.
        Sdk = "sdk",
    }
}

/// The names of all fields, as the default of a query parameter.
pub fn all_names<T: Target>() -> String {
    let names: Vec<&str> = T::ALL.iter().map(|(name, _)| *name).collect();
    names.join(",")
}

/// Samples, each once.
pub type Samples = Unique<SampleId, 0, { usize::MAX }>;

fn each_once(mut samples: Vec<SampleId>) -> Samples {
    samples.sort_unstable();
    samples.dedup();
    // Without repeats they are what the type wants.
    Samples::new(samples).unwrap_or_default()
}

/// Every sample of the attributes.
pub fn all_samples(attributes: &Attributes) -> Samples {
    let parts = [&attributes.descriptor_samples, &attributes.basic_samples];
    each_once(parts.into_iter().flatten().copied().collect())
}

/// Age, gender and ethnicity.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[schema(as = BasicAttributes)]
pub struct BasicView {
    /// Age in years.
    #[schema(minimum = 0, maximum = 100)]
    pub age: u8,
    /// 0 female, 1 male.
    pub gender: GenderCode,
    /// 1 African American, 2 Indian, 3 Asian, 4 Caucasian; null where nobody told it, as no model
    /// here estimates it.
    #[schema(required)]
    pub ethnicity: Option<EthnicityCode>,
}

impl BasicView {
    /// Those of the attributes, if they have any.
    fn of(attributes: &Attributes) -> Option<Self> {
        attributes.basic.map(|basic| Self {
            age: whole_years(basic.age),
            gender: basic.gender.into(),
            ethnicity: attributes.ethnicity,
        })
    }
}

fn nullable<T>(wanted: bool, value: Option<T>) -> Nullable<T> {
    match (wanted, value) {
        (false, _) => Nullable::Absent,
        (true, None) => Nullable::Null,
        (true, Some(value)) => Nullable::Value(value),
    }
}

/// A temporary attribute.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Attribute)]
pub struct AttributeView {
    /// Its id.
    #[serde(skip_serializing_if = "Optional::is_none")]
    pub attribute_id: Optional<AttributeId>,
    /// Whose it is.
    #[serde(skip_serializing_if = "Optional::is_none")]
    pub account_id: Optional<AccountId>,
    /// When it was made.
    #[serde(skip_serializing_if = "Optional::is_none")]
    pub create_time: Optional<Timestamp>,
    /// The descriptor with its version in it; null where none was extracted.
    #[serde(skip_serializing_if = "Nullable::is_absent")]
    pub face_descriptor: Nullable<Base64>,
    /// Samples that it was extracted from.
    #[serde(skip_serializing_if = "Optional::is_none")]
    #[schema(default = json!([]))]
    pub face_descriptor_samples: Optional<Samples>,
    /// Age, gender and ethnicity; null where they were not estimated.
    #[serde(skip_serializing_if = "Nullable::is_absent")]
    pub basic_attributes: Nullable<BasicView>,
    /// Samples that these were estimated from.
    #[serde(skip_serializing_if = "Optional::is_none")]
    #[schema(default = json!([]))]
    pub basic_attributes_samples: Optional<Samples>,
}

impl AttributeView {
    /// The wanted fields of `found`.
    pub fn of(found: TemporaryAttribute, wanted: &Targets<Field>) -> Self {
        let attributes = found.attributes;
        let basic = BasicView::of(&attributes);
        let descriptor = attributes.descriptor.as_ref();
        let given = |field, samples| wanted.has(field).then(|| each_once(samples)).into();
        Self {
            attribute_id: wanted
                .has(Field::AttributeId)
                .then_some(found.attribute_id)
                .into(),
            account_id: wanted
                .has(Field::AccountId)
                .then_some(found.account_id)
                .into(),
            create_time: wanted
                .has(Field::CreateTime)
                .then_some(found.create_time)
                .into(),
            face_descriptor: nullable(
                wanted.has(Field::Descriptor),
                descriptor.map(|descriptor| Base64(sdk::pack(descriptor))),
            ),
            face_descriptor_samples: given(Field::DescriptorSamples, attributes.descriptor_samples),
            basic_attributes: nullable(wanted.has(Field::Basic), basic),
            basic_attributes_samples: given(Field::BasicSamples, attributes.basic_samples),
        }
    }
}

/// The values of a descriptor and its version.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DescriptorView {
    /// The values as little-endian 32-bit numbers, in base64 in every form.
    #[schema(format = "byte")]
    pub descriptor: String,
    /// The version.
    #[schema(value_type = KnownVersion)]
    pub descriptor_version: DescriptorVersion,
}

/// A face's descriptor in the form that was asked for.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum FaceDescriptor {
    /// The version beside it.
    Raw(DescriptorView),
    /// The version within it.
    Sdk(Base64),
}

published!(
    FaceDescriptor,
    "FaceDescriptor",
    FaceDescriptor::in_form(bytes::in_json())
);

impl FaceDescriptor {
    fn in_form(whole: ObjectBuilder) -> OneOfBuilder {
        OneOfBuilder::new()
            .item(DescriptorView::schema())
            .item(whole)
    }

    /// Its schema in MessagePack, where it may be null.
    pub fn in_msgpack() -> RefOr<Schema> {
        let null = ObjectBuilder::new().schema_type(Type::Null);
        Self::in_form(bytes::in_msgpack()).item(null).into()
    }

    fn of(descriptor: &Descriptor, format: DescriptorFormat) -> Self {
        match format {
            DescriptorFormat::Sdk => Self::Sdk(Base64(sdk::pack(descriptor))),
            DescriptorFormat::Raw => Self::Raw(DescriptorView {
                descriptor: STANDARD.encode(descriptor.as_le_bytes()),
                descriptor_version: descriptor.version(),
            }),
        }
    }
}

/// The attributes of a face.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = FaceAttributes)]
pub struct FaceAttributesView {
    /// When they were made; null where there are none.
    #[serde(skip_serializing_if = "Nullable::is_absent")]
    pub create_time: Nullable<Timestamp>,
    /// The descriptor; null where none was extracted.
    #[serde(skip_serializing_if = "Nullable::is_absent")]
    pub face_descriptor: Nullable<FaceDescriptor>,
    /// Samples that it was extracted from.
    #[serde(skip_serializing_if = "Optional::is_none")]
    #[schema(default = json!([]))]
    pub face_descriptor_samples: Optional<Samples>,
    /// Age, gender and ethnicity; null where they were not estimated.
    #[serde(skip_serializing_if = "Nullable::is_absent")]
    pub basic_attributes: Nullable<BasicView>,
    /// Samples that these were estimated from.
    #[serde(skip_serializing_if = "Optional::is_none")]
    #[schema(default = json!([]))]
    pub basic_attributes_samples: Optional<Samples>,
}

impl FaceAttributesView {
    /// The wanted fields of a face's attributes.
    pub fn of(face: FaceRecord, wanted: &Targets<FaceField>, format: DescriptorFormat) -> Self {
        let attributes = face.attributes;
        let created = (!attributes.is_empty()).then_some(face.create_time);
        let basic = BasicView::of(&attributes);
        let descriptor = attributes.descriptor.as_ref();
        let given = |field, samples| wanted.has(field).then(|| each_once(samples)).into();
        Self {
            create_time: nullable(wanted.has(FaceField::CreateTime), created),
            face_descriptor: nullable(
                wanted.has(FaceField::Descriptor),
                descriptor.map(|descriptor| FaceDescriptor::of(descriptor, format)),
            ),
            face_descriptor_samples: given(
                FaceField::DescriptorSamples,
                attributes.descriptor_samples,
            ),
            basic_attributes: nullable(wanted.has(FaceField::Basic), basic),
            basic_attributes_samples: given(FaceField::BasicSamples, attributes.basic_samples),
        }
    }
}
