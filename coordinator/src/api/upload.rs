//! Pictures in request bodies: raw, base64, multipart, or named as stored samples.

mod described;
mod json_body;
pub mod multipart;

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use goshawk_models::{Exif, Picture, PictureError};
use goshawk_proto::{geometry::Size, id::SampleId, picture::Pixels, time::Timestamp};

use super::{Api, call::Call, typed::from_slice};
use crate::{
    blocking,
    errors::{ApiError, Code},
};
pub use described::{detection_forms, errors, event_forms};
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
}

impl Purpose {
    /// The code of a body that does not fit.
    fn code(self) -> Code {
        match self {
            Self::Detection => Code::BadJson,
            Self::Events => Code::BadEventBody,
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
}

impl Upload {
    /// A picture of which no more is known.
    pub fn new(filename: String, bytes: Bytes) -> Self {
        Self {
            filename,
            bytes,
            detect_time: None,
            detect_ts: None,
        }
    }
}

/// What a request with pictures asks for.
#[derive(Debug)]
pub enum Pictures {
    /// These pictures.
    Given(Vec<Upload>),
    /// Stored samples.
    Samples(Vec<SampleId>),
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

/// Reads the pictures of a request.
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
        "application/json" => from_json(&call.bytes().await?, purpose, call.api.max_pictures),
        _ => Err(Code::BadContentType.plain()),
    }
}

/// Pictures of a JSON body, or up to `most` samples.
pub fn from_json(body: &[u8], purpose: Purpose, most: usize) -> Result<Pictures, ApiError> {
    let code = purpose.code();
    let body: JsonBody = from_slice(body, code)?;
    if let Some(urls) = body.urls {
        // Fetching for a client would let it reach whatever we can reach: not done.
        let first = urls.0.first();
        let first =
            first.ok_or_else(|| code.at("urls", "ensure this value has at least 1 items"))?;
        let url: String = first.url.chars().take(512).collect();
        return Err(
            Code::BadImageUrl.with(goshawk_coordinator_core::stream::mask_credentials(&url))
        );
    }
    body.refuse_unsupported(purpose)?;
    if let Some(Few(ids)) = body.samples {
        return match ids.len() {
            0 => Err(code.at("samples", "ensure this value has at least 1 items")),
            count if count > most => {
                let message = format!("ensure this value has at most {most} items");
                Err(code.at("samples", message))
            }
            _ => Ok(Pictures::Samples(ids)),
        };
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
        let error = from_json(body.to_string().as_bytes(), Purpose::Detection, 8).unwrap_err();
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
            ("body_bounding_boxes", json!([1])),
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
}
