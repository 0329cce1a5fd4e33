//! How API documents describe bodies with pictures.

use goshawk_coordinator_core::formats::Items;
use goshawk_proto::{id::SampleId, time::Timestamp};
use utoipa::{
    PartialSchema,
    openapi::{
        ArrayBuilder, Deprecated, KnownFormat, ObjectBuilder, OneOfBuilder, RefOr, Schema,
        SchemaFormat, Type,
        schema::{ArrayItems, SchemaType},
    },
};

use super::{
    BASE64_IMAGES, IMAGES, MAX_DETECT_TS, Purpose, SDK_DESCRIPTOR, SDK_DESCRIPTOR_BASE64,
    json_body::MAX_ITEMS,
};
use crate::{
    api::{media::JSON, openapi::Schemas, operation::Forms},
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

/// Which parts a body has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Parts {
    /// Pictures and boxes of faces.
    Faces,
    /// Also boxes of bodies.
    Bodies,
    /// Pictures and words on the device.
    Device,
    /// Pictures, in JSON with their time.
    Timed,
}

/// Bodies that [`super::read`] takes to find faces.
pub fn detection_forms(_: &mut Schemas) -> Forms {
    forms(Parts::Faces, "base64")
}

/// Bodies that [`super::read`] takes for the checks of portraits.
pub fn iso_forms(_: &mut Schemas) -> Forms {
    forms(Parts::Faces, "byte")
}

/// Bodies that [`super::read`] takes to estimate things.
pub fn sdk_forms(_: &mut Schemas) -> Forms {
    forms(Parts::Bodies, "byte")
}

/// Bodies that [`super::read`] takes for liveness.
pub fn liveness_forms(_: &mut Schemas) -> Forms {
    forms(Parts::Device, "byte")
}

fn forms(parts: Parts, base64: &str) -> Forms {
    let text_of = |media| (media, text().format(custom(base64)).into());
    let pictures = IMAGES.iter().map(|media| (*media, binary().into()));
    let mut forms: Forms = pictures.collect();
    forms.extend(BASE64_IMAGES.iter().copied().map(text_of));
    forms.push(("multipart/form-data", multipart(parts).into()));
    let json = match parts {
        Parts::Device => device(addresses(parts)).into(),
        Parts::Timed => OneOfBuilder::new()
            .item(timed(one_picture(parts)))
            .item(samples())
            .into(),
        _ => OneOfBuilder::new()
            .item(one_picture(parts))
            .item(addresses(parts))
            .item(samples())
            .into(),
    };
    forms.push((JSON, json));
    forms
}

/// Bodies that [`super::read`] takes for [`Purpose::Events`]: a picture may come with its time, and
/// a descriptor in its place.
pub fn event_forms(_: &mut Schemas) -> Forms {
    let mut forms = forms(Parts::Timed, "base64");
    let text = text().format(Some(SchemaFormat::KnownFormat(KnownFormat::Byte)));
    forms.push((SDK_DESCRIPTOR, binary().into()));
    forms.push((SDK_DESCRIPTOR_BASE64, text.into()));
    forms
}

fn timed(picture: ObjectBuilder) -> ObjectBuilder {
    picture
        .property("detect_time", Timestamp::schema())
        .property(
            "detect_ts",
            ObjectBuilder::new()
                .schema_type(SchemaType::from_iter([Type::Number, Type::Null]))
                .minimum(Some(0))
                .maximum(Some(MAX_DETECT_TS))
                .description(Some("Seconds since the start of the video that it is of.")),
        )
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn custom(format: &str) -> Option<SchemaFormat> {
    Some(SchemaFormat::Custom(format.to_owned()))
}

fn binary() -> ObjectBuilder {
    text().format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)))
}

fn list(item: impl Into<ArrayItems>) -> ArrayBuilder {
    ArrayBuilder::new().items(item).min_items(Some(1))
}

/// The names of the boxes that come with pictures.
fn kinds(parts: Parts) -> &'static [&'static str] {
    match parts {
        Parts::Faces => &["face_bounding_boxes"],
        Parts::Bodies => &["face_bounding_boxes", "body_bounding_boxes"],
        Parts::Device | Parts::Timed => &[],
    }
}

/// Boxes in one picture.
fn boxes() -> ArrayBuilder {
    let side = |text: &str| {
        ObjectBuilder::new()
            .schema_type(Type::Integer)
            .description(Some(text))
    };
    let sides = [
        ("x", "Left edge in pixels."),
        ("y", "Upper edge in pixels."),
        ("width", "Pixels from left to right."),
        ("height", "Pixels from top to bottom."),
    ];
    list(
        sides
            .into_iter()
            .fold(ObjectBuilder::new(), |one, (name, text)| {
                one.property(name, side(text)).required(name)
            }),
    )
}

/// An object that may have boxes.
fn with_boxes(object: ObjectBuilder, parts: Parts) -> ObjectBuilder {
    if kinds(parts).is_empty() {
        return object;
    }
    let trusted = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .enum_values(Some([0, 1]))
        .default(Some(0.into()))
        .description(Some(
            "Makes no difference: boxes are looked at closely in any case.",
        ));
    kinds(parts)
        .iter()
        .fold(object, |object, name| object.property(*name, boxes()))
        .property("trusted_detections", trusted)
}

/// The parts of a multipart body.
fn multipart(parts: Parts) -> ObjectBuilder {
    let picture = binary().description(Some("A picture, or base64 text of one."));
    let body = ObjectBuilder::new()
        .property("image", list(picture))
        .required("image");
    let body = kinds(parts).iter().fold(body, |body, name| {
        let of_file = ObjectBuilder::new()
            .property(
                "filename",
                text().description(Some("The picture's file name.")),
            )
            .required("filename")
            .property(*name, boxes())
            .required(*name);
        body.property(*name, list(of_file))
    });
    match parts {
        Parts::Device => device(body),
        _ => body,
    }
}

/// What was once told of the camera, and is not read.
fn device(body: ObjectBuilder) -> ObjectBuilder {
    let systems = ["IOS", "ANDROID", "DESKTOP", "UNKNOWN"];
    let meta = ObjectBuilder::new()
        .property("OS", text().enum_values(Some(systems)))
        .required("OS")
        .property("MANUFACTURE", text())
        .property("MODEL", text())
        .deprecated(Some(Deprecated::True))
        .description(Some("The device; makes no difference."));
    let more = ObjectBuilder::new()
        .schema_type(Type::Object)
        .deprecated(Some(Deprecated::True))
        .description(Some("More about it; makes no difference."));
    body.property("meta", meta).property("x_meta", more)
}

/// A picture in JSON.
fn one_picture(parts: Parts) -> ObjectBuilder {
    let body = ObjectBuilder::new()
        .property(
            "image",
            text().description(Some("Base64 text of a picture.")),
        )
        .required("image")
        .property("mimetype", text().enum_values(Some(BASE64_IMAGES)))
        .required("mimetype");
    with_boxes(body, parts)
}

/// Pictures of this installation by their addresses, in JSON.
fn addresses(parts: Parts) -> ObjectBuilder {
    let address = text()
        .format(custom("uri-reference"))
        .description(Some("Address of an image or sample that is kept here."));
    let one: RefOr<Schema> = match parts {
        Parts::Device => address.into(),
        _ => with_boxes(
            ObjectBuilder::new()
                .property("url", address)
                .required("url"),
            parts,
        )
        .into(),
    };
    ObjectBuilder::new()
        .property("urls", list(one).max_items(Some(MAX_ITEMS)))
        .required("urls")
}

/// Stored samples in JSON.
fn samples() -> ObjectBuilder {
    ObjectBuilder::new()
        .property("samples", Items::<SampleId, 1, MAX_ITEMS>::schema())
        .required("samples")
}
