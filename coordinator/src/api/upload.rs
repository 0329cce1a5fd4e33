//! Pictures in request bodies: raw, base64, multipart, or named as stored samples.

mod address;
mod boxes;
mod described;
mod json_body;
pub mod multipart;

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use goshawk_models::{Exif, Picture, PictureError};
use goshawk_proto::{
    geometry::{BBox, Size},
    id::{AccountId, SampleId},
    picture::Pixels,
    time::Timestamp,
};

use super::{Api, call::Call, pictures::blob_error, typed::from_slice};
use crate::{
    blobs::{BlobKey, BlobKind},
    blocking,
    errors::{ApiError, Code},
};
pub use address::unreachable;
pub use described::{detection_forms, errors, event_forms, iso_forms, liveness_forms, sdk_forms};
use json_body::{Few, JsonBody};

/// File name of a picture that came without one.
pub const UNNAMED: &str = "Raw image";

/// Latest `detect_ts` of the contract.
const MAX_DETECT_TS: f64 = 158_731_466_399.999;
const REQUIRED: &str = "field required";
const NOT_SUPPORTED: &str = "not supported by this installation, leave it out or empty";

/// What pictures are read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To find faces in them.
    Detection,
    /// To make events of them.
    Events,
    /// To make the checks of portraits.
    Iso,
    /// To estimate whatever a client asks for.
    Sdk,
    /// To tell live people from pictures of them.
    Liveness,
}

impl Purpose {
    /// The code of a body that does not fit.
    fn code(self) -> Code {
        match self {
            Self::Events => Code::BadEventBody,
            _ => Code::BadJson,
        }
    }

    /// Whether boxes of that name may come with the pictures.
    fn takes_boxes(self, name: &str) -> bool {
        match name {
            "face_bounding_boxes" => matches!(self, Self::Detection | Self::Iso | Self::Sdk),
            "body_bounding_boxes" => self == Self::Sdk,
            _ => false,
        }
    }
}

/// One picture of a request.
#[derive(Debug, Clone)]
pub struct Upload {
    /// Its file name.
    pub filename: String,
    /// Its bytes.
    pub bytes: Bytes,
    /// When it was taken, where the client says so.
    pub detect_time: Option<Timestamp>,
    /// Seconds from the start of something, where the client says so.
    pub detect_ts: Option<f64>,
    /// Boxes of its faces, where the client knows them.
    pub faces: Vec<BBox>,
    /// Boxes of its bodies, where the client knows them.
    pub bodies: Vec<BBox>,
}

impl Upload {
    /// A picture of which no more is known.
    pub fn new(filename: String, bytes: Bytes) -> Self {
        Self {
            filename,
            bytes,
            detect_time: None,
            detect_ts: None,
            faces: Vec::new(),
            bodies: Vec::new(),
        }
    }
}

/// A picture by its address.
#[derive(Debug)]
pub struct Address {
    /// The address.
    pub url: String,
    /// Boxes of its faces, where the client knows them.
    pub faces: Vec<BBox>,
    /// Boxes of its bodies, where the client knows them.
    pub bodies: Vec<BBox>,
}

/// What a request with pictures asks for.
#[derive(Debug)]
pub enum Pictures {
    /// These pictures.
    Given(Vec<Upload>),
    /// Stored samples.
    Samples(Vec<SampleId>),
    /// Pictures by their addresses.
    Addresses(Vec<Address>),
    /// An SDK descriptor in place of pictures.
    Descriptor(Bytes),
}

/// Media types of pictures.
pub const IMAGES: [&str; 5] = [
    "image/jpeg",
    "image/png",
    "image/bmp",
    "image/tiff",
    "image/x-portable-pixmap",
];
/// Media types of pictures as base64 text.
pub const BASE64_IMAGES: [&str; 5] = [
    "image/x-jpeg-base64",
    "image/x-png-base64",
    "image/x-bmp-base64",
    "image/x-tiff-base64",
    "image/x-portable-pixmap-base64",
];

/// Media type of a descriptor in place of a picture.
pub const SDK_DESCRIPTOR: &str = "application/x-sdk-descriptor";
/// The same as base64 text.
pub const SDK_DESCRIPTOR_BASE64: &str = "application/x-sdk-descriptor-base64";
/// Media types of files that nothing specifies: known, and refused. One is spelt as the contract
/// spells it.
const XPK: [&str; 3] = [
    "application/x-vl-xpk",
    "application/x-vl-xpk-base64",
    "applicaition/x-vl-xpk-base64",
];

/// Whether `media` is the type of a picture.
pub fn is_image_type(media: &str) -> bool {
    IMAGES.contains(&media)
}

fn is_base64_type(media: &str) -> bool {
    BASE64_IMAGES.contains(&media)
}

/// The bytes that base64 text stands for, which may be broken into lines.
pub fn from_base64(text: &[u8]) -> Result<Bytes, ApiError> {
    let text: Vec<u8> = text
        .iter()
        .copied()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    STANDARD
        .decode(text)
        .map(Bytes::from)
        .map_err(|_| Code::BadBase64.plain())
}

/// Reads what a request with pictures asks for.
pub async fn read(call: &Call, purpose: Purpose) -> Result<Pictures, ApiError> {
    let media = call.content_type().unwrap_or_default();
    let unnamed = |bytes| Pictures::Given(vec![Upload::new(UNNAMED.to_owned(), bytes)]);
    match media.as_str() {
        media if is_image_type(media) => Ok(unnamed(call.bytes().await?)),
        media if is_base64_type(media) => Ok(unnamed(from_base64(&call.bytes().await?)?)),
        "multipart/form-data" => {
            let header = call.headers.get(http::header::CONTENT_TYPE);
            let header = header.and_then(|value| value.to_str().ok());
            // What is no boundary is told before the body is waited for.
            let boundary = multipart::boundary(header.unwrap_or_default())?;
            let whole = call.bytes().await?;
            let read = multipart::pictures(boundary, whole, purpose, call.api.max_pictures);
            read.await.map(Pictures::Given)
        }
        SDK_DESCRIPTOR if purpose == Purpose::Events => {
            Ok(Pictures::Descriptor(call.bytes().await?))
        }
        SDK_DESCRIPTOR_BASE64 if purpose == Purpose::Events => {
            Ok(Pictures::Descriptor(from_base64(&call.bytes().await?)?))
        }
        media if XPK.contains(&media) && purpose == Purpose::Events => Err(Code::BadXpk.plain()),
        "application/json" => from_json(&call.bytes().await?, purpose, call.api.max_pictures),
        _ => Err(Code::BadContentType.plain()),
    }
}

/// The pictures of a request, those also that it names: samples of `kind` by their ids, pictures
/// of ours by their addresses.
pub async fn gather(
    call: &Call,
    purpose: Purpose,
    kind: BlobKind,
) -> Result<Vec<Upload>, ApiError> {
    match read(call, purpose).await? {
        Pictures::Given(uploads) => Ok(uploads),
        // Only events are made of them.
        Pictures::Descriptor(_) => Err(Code::BadContentType.plain()),
        Pictures::Samples(ids) => {
            samples(&call.api, super::vision::account(call)?, kind, &ids).await
        }
        Pictures::Addresses(addresses) => {
            let mut uploads = Vec::with_capacity(addresses.len());
            for address in addresses {
                uploads.push(address::resolve(call, address).await?);
            }
            Ok(uploads)
        }
    }
}

/// Stored samples as pictures named by their ids.
pub async fn samples(
    api: &Api,
    account: AccountId,
    kind: BlobKind,
    ids: &[SampleId],
) -> Result<Vec<Upload>, ApiError> {
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        let key = BlobKey {
            account,
            kind,
            id: id.0,
        };
        let bytes = api
            .blobs
            .get(&key)
            .await
            .map_err(|error| blob_error(error, id.0))?;
        found.push(Upload::new(id.to_string(), bytes));
    }
    Ok(found)
}

/// Pictures of a JSON body, up to `most` of them by their addresses or samples.
pub fn from_json(body: &[u8], purpose: Purpose, most: usize) -> Result<Pictures, ApiError> {
    let code = purpose.code();
    let mut body: JsonBody = from_slice(body, code)?;
    body.refuse_unsupported(purpose)?;
    let few = |name, count: usize| match count {
        0 => Err(code.at(name, "ensure this value has at least 1 items")),
        count if count > most => {
            let message = format!("ensure this value has at most {most} items");
            Err(code.at(name, message))
        }
        _ => Ok(()),
    };
    if let Some(Few(urls)) = body.urls.take() {
        few("urls", urls.len())?;
        let urls = urls.into_iter().enumerate();
        let read = urls.map(|(place, url)| url.read(purpose, place));
        return Ok(Pictures::Addresses(read.collect::<Result<_, _>>()?));
    }
    if purpose == Purpose::Liveness {
        return Err(code.at("urls", REQUIRED));
    }
    if let Some(Few(ids)) = body.samples {
        few("samples", ids.len())?;
        return Ok(Pictures::Samples(ids));
    }
    let image = body.image.ok_or_else(|| code.at("image", REQUIRED))?;
    let mimetype = body.mimetype.ok_or_else(|| code.at("mimetype", REQUIRED))?;
    if !is_base64_type(&mimetype) {
        return Err(code.at("mimetype", "unexpected value"));
    }
    let seconds = body.detect_ts;
    if seconds.is_some_and(|seconds| !(0.0..=MAX_DETECT_TS).contains(&seconds)) {
        return Err(code.at("detect_ts", "value is out of range"));
    }
    Ok(Pictures::Given(vec![Upload {
        detect_time: body.detect_time,
        detect_ts: seconds,
        faces: body.face_bounding_boxes.into_boxes(),
        bodies: body.body_bounding_boxes.into_boxes(),
        ..Upload::new(UNNAMED.to_owned(), from_base64(image.0.as_bytes())?)
    }]))
}

/// Decodes a picture within the limits and gives its size.
pub async fn size_of(api: &Api, bytes: Bytes) -> Result<Size, ApiError> {
    let limits = api.decode_limits;
    let slot = api
        .decoders
        .acquire()
        .await
        .map_err(|error| ApiError::internal("decoder", &error))?;
    let decode =
        move || Picture::decode(&bytes, Exif::Ignore, &limits).map(|picture| picture.size());
    let decoded = blocking::spawn(decode).await;
    drop(slot);
    match decoded {
        Ok(Ok(size)) => Ok(size),
        Ok(Err(error)) => Err(picture_error(&error)),
        Err(error) => Err(ApiError::internal("decoder", &error)),
    }
}

fn picture_error(error: &PictureError) -> ApiError {
    match error {
        PictureError::UnknownFormat => Code::UnsupportedImage.plain(),
        PictureError::TooLarge { width, height, .. } => ApiError::new(
            Code::BadImage,
            format!("An image of {width}x{height} pixels is over the limit"),
        ),
        _ => Code::BadImage.plain(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn addresses_are_never_fetched_and_their_passwords_not_shown() {
        let body = json!({"urls": [{"url": "http://user:secret@10.0.0.1/x"}]});
        let read = from_json(body.to_string().as_bytes(), Purpose::Detection, 8);
        let Ok(Pictures::Addresses(addresses)) = read else {
            panic!("refused")
        };
        let error = unreachable(&addresses[0].url);
        assert_eq!(error.body()["error_code"], 11027);
        assert_eq!(
            error.body()["detail"],
            "Failed to download image by url 'http://***@10.0.0.1/x'"
        );
    }

    #[test]
    fn base64_pictures_are_read_and_bad_ones_refused() {
        let body = |image| {
            json!({"image": image, "mimetype": "image/x-jpeg-base64", "face_bounding_boxes": []})
                .to_string()
                .into_bytes()
        };
        let Ok(Pictures::Given(given)) = from_json(&body("aGk="), Purpose::Detection, 8) else {
            panic!("refused")
        };
        assert_eq!(given[0].bytes.as_ref(), b"hi");
        assert_eq!(
            from_json(&body("%%"), Purpose::Detection, 8)
                .unwrap_err()
                .code(),
            Code::BadBase64
        );
    }

    #[test]
    fn what_is_not_done_is_refused_by_name() {
        let read = |name: &str, value: serde_json::Value, purpose| {
            let mut body = json!({"image": "aGk=", "mimetype": "image/x-jpeg-base64"});
            body[name] = value;
            from_json(body.to_string().as_bytes(), purpose, 8)
        };
        let refused = [
            (
                "face_bounding_boxes",
                json!([{"x": 1, "y": 1, "width": 9, "height": 9}]),
            ),
            (
                "body_bounding_boxes",
                json!([{"x": 1, "y": 1, "width": 9, "height": 9}]),
            ),
            ("meta", json!({"key": "value"})),
            ("image_origin", json!("/6/images/x")),
            ("detect_ts", json!(-1)),
            ("detect_time", json!("yesterday")),
            ("surprise", json!(1)),
        ];
        for (name, value) in refused {
            let error = read(name, value, Purpose::Events).unwrap_err();
            assert_eq!(error.code(), Code::BadEventBody);
            assert!(
                error.to_string().contains(&format!("Path: '{name}'")),
                "{error}"
            );
        }
        let time = json!("2018-08-11T09:11:41.674Z");
        let Ok(Pictures::Given(given)) = read("detect_time", time.clone(), Purpose::Events) else {
            panic!("refused")
        };
        assert_eq!(
            given[0].detect_time.unwrap().to_string(),
            "2018-08-11T09:11:41.674Z"
        );
        assert!(read("detect_time", time, Purpose::Detection).is_err());
        assert!(read("meta", json!(null), Purpose::Events).is_ok());
    }

    #[test]
    fn boxes_come_with_pictures_where_they_mean_something() {
        let boxes = json!([{"x": 1, "y": 2, "width": 9, "height": 8}]);
        let body = |name: &str| {
            let mut body = json!({"image": "aGk=", "mimetype": "image/x-jpeg-base64"});
            body[name] = boxes.clone();
            body.to_string().into_bytes()
        };
        let (faces, bodies) = (body("face_bounding_boxes"), body("body_bounding_boxes"));
        let Ok(Pictures::Given(given)) = from_json(&faces, Purpose::Detection, 8) else {
            panic!("refused")
        };
        assert_eq!(given[0].faces, [BBox::new(1.0, 2.0, 9.0, 8.0)]);
        assert!(from_json(&bodies, Purpose::Detection, 8).is_err());
        let Ok(Pictures::Given(given)) = from_json(&bodies, Purpose::Sdk, 8) else {
            panic!("refused")
        };
        assert_eq!(given[0].bodies.len(), 1);
    }

    #[test]
    fn addresses_have_the_form_of_their_operation() {
        let read = |body: serde_json::Value, purpose| {
            from_json(body.to_string().as_bytes(), purpose, 8).map(drop)
        };
        let (bare, full) = (json!({"urls": ["/x"]}), json!({"urls": [{"url": "/x"}]}));
        assert!(read(bare.clone(), Purpose::Liveness).is_ok());
        assert!(read(full.clone(), Purpose::Sdk).is_ok());
        for (body, purpose) in [
            (bare, Purpose::Sdk),
            (full, Purpose::Liveness),
            (json!({"urls": []}), Purpose::Iso),
            (json!({"urls": vec!["/x"; 9]}), Purpose::Liveness),
            (
                json!({"image": "aGk=", "mimetype": "image/x-jpeg-base64"}),
                Purpose::Liveness,
            ),
            (
                json!({"urls": [{"url": "/x", "body_bounding_boxes": [{"x": 1, "y": 1, "width": 1, "height": 1}]}]}),
                Purpose::Iso,
            ),
        ] {
            let error = read(body.clone(), purpose).unwrap_err();
            assert_eq!(error.code(), Code::BadJson, "{body}");
        }
        let about = json!({"urls": ["/x"], "meta": {"OS": "IOS"}, "x_meta": {}});
        assert!(read(about, Purpose::Liveness).is_ok());
    }
}
