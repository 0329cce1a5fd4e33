//! How API documents describe bodies with pictures.

use goshawk_coordinator_core::formats::Items;
use goshawk_proto::{id::SampleId, time::Timestamp};
use utoipa::{
    PartialSchema,
    openapi::{
        ArrayBuilder, KnownFormat, ObjectBuilder, OneOfBuilder, RefOr, Schema, SchemaFormat, Type,
        schema::SchemaType,
    },
};

use super::{BASE64_IMAGES, IMAGES, MAX_DETECT_TS, Purpose, json_body::MAX_ITEMS};
use crate::{
    api::{media::JSON, openapi::Schemas},
    errors::Code,
};

/// Errors of reading pictures.
pub fn errors(purpose: Purpose) -> [Code; 8] {
    [
        Code::BadContentType,
        Code::BadBase64,
        Code::BadMultipart,
        Code::BadPartContentType,
        Code::BadImageUrl,
        Code::BadImage,
        Code::UnsupportedImage,
        purpose.code(),
    ]
}

/// Bodies that [`super::read`] takes for [`Purpose::Detection`].
pub fn detection_forms(_: &mut Schemas) -> Vec<(&'static str, RefOr<Schema>)> {
    forms(one_picture())
}

/// Every form, with a picture in JSON as given.
fn forms(in_json: ObjectBuilder) -> Vec<(&'static str, RefOr<Schema>)> {
    let pictures = IMAGES.iter().map(|media| (*media, binary().into()));
    let texts = BASE64_IMAGES.iter().map(|media| (*media, base64().into()));
    let mut forms: Vec<_> = pictures.chain(texts).collect();
    forms.push(("multipart/form-data", parts().into()));
    let json = OneOfBuilder::new().item(in_json).item(samples());
    forms.push((JSON, json.into()));
    forms
}

/// Bodies that [`super::read`] takes for [`Purpose::Events`]: a picture may come with its time.
pub fn event_forms(_: &mut Schemas) -> Vec<(&'static str, RefOr<Schema>)> {
    let timed = one_picture()
        .property("detect_time", Timestamp::schema())
        .property(
            "detect_ts",
            ObjectBuilder::new()
                .schema_type(SchemaType::from_iter([Type::Number, Type::Null]))
                .minimum(Some(0))
                .maximum(Some(MAX_DETECT_TS))
                .description(Some("Seconds since the start of the video that it is of.")),
        );
    forms(timed)
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn binary() -> ObjectBuilder {
    text().format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)))
}

fn base64() -> ObjectBuilder {
    text().format(Some(SchemaFormat::Custom("base64".to_owned())))
}

/// The parts of a multipart body.
fn parts() -> ObjectBuilder {
    let picture = binary().description(Some("A picture, or base64 text of one."));
    ObjectBuilder::new()
        .property(
            "image",
            ArrayBuilder::new().items(picture).min_items(Some(1)),
        )
        .required("image")
}

/// A picture in JSON.
fn one_picture() -> ObjectBuilder {
    ObjectBuilder::new()
        .property(
            "image",
            text().description(Some("Base64 text of a picture.")),
        )
        .required("image")
        .property("mimetype", text().enum_values(Some(BASE64_IMAGES)))
        .required("mimetype")
}

/// Stored samples in JSON.
fn samples() -> ObjectBuilder {
    ObjectBuilder::new()
        .property("samples", Items::<SampleId, 1, MAX_ITEMS>::schema())
        .required("samples")
}
