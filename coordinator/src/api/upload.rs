//! Pictures in request bodies: raw, base64, multipart, or named as stored samples.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use goshawk_models::{Exif, Picture, PictureError};
use goshawk_proto::{geometry::Size, id::SampleId, picture::Pixels};
use http::header;
use serde_json::Value;

use super::{
    Api,
    call::{Call, parse_json},
    fields::Fields,
};
use crate::errors::{ApiError, Code};

/// File name of a picture that came without one.
pub const UNNAMED: &str = "Raw image";
/// Longest file name that is kept, in characters.
const MAX_NAME: usize = 128;

/// One picture of a request.
#[derive(Debug, Clone)]
pub struct Upload {
    /// Its file name.
    pub filename: String,
    /// Its bytes.
    pub bytes: Bytes,
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
pub fn is_image_type(media: &str) -> bool {
    matches!(
        media,
        "image/jpeg" | "image/png" | "image/bmp" | "image/tiff" | "image/x-portable-pixmap"
    )
}

fn is_base64_type(media: &str) -> bool {
    media.strip_suffix("-base64").is_some_and(|kind| {
        matches!(
            kind,
            "image/x-jpeg"
                | "image/x-png"
                | "image/x-bmp"
                | "image/x-tiff"
                | "image/x-portable-pixmap"
        )
    })
}

fn from_base64(text: &[u8]) -> Result<Bytes, ApiError> {
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

/// Reads the pictures of a request; mistakes in a JSON body are reported under `code`.
pub async fn read(call: &Call, code: Code) -> Result<Pictures, ApiError> {
    let media = call.content_type().unwrap_or_default();
    let unnamed = |bytes| {
        Pictures::Given(vec![Upload {
            filename: UNNAMED.to_owned(),
            bytes,
        }])
    };
    match media.as_str() {
        media if is_image_type(media) => Ok(unnamed(call.bytes().await?)),
        media if is_base64_type(media) => Ok(unnamed(from_base64(&call.bytes().await?)?)),
        "multipart/form-data" => multipart(call).await.map(Pictures::Given),
        "application/json" => {
            let body = parse_json(&call.bytes().await?, code)?;
            from_json(&body, code, call.api.max_pictures)
        }
        _ => Err(Code::BadContentType.plain()),
    }
}

fn from_json(body: &Value, code: Code, most: usize) -> Result<Pictures, ApiError> {
    let mut fields = Fields::of(body, code)?;
    if let Some(urls) = fields.get("urls") {
        // Fetching for a client would let it reach whatever we can reach: not done.
        let first = urls.array(1..=8)?;
        let url = first[0].object()?.need("url")?.text(0..=512)?;
        return Err(
            Code::BadImageUrl.with(goshawk_coordinator_core::stream::mask_credentials(&url))
        );
    }
    if let Some(samples) = fields.get("samples") {
        let ids = samples.ids(1..=most.min(8))?;
        fields.finish()?;
        return Ok(Pictures::Samples(ids));
    }
    let image = fields.need("image")?;
    let mimetype = fields.need("mimetype")?;
    if !is_base64_type(&mimetype.text(0..=64)?) {
        return Err(mimetype.wrong("unexpected value"));
    }
    fields.allow(&[
        "face_bounding_boxes",
        "body_bounding_boxes",
        "trusted_detections",
    ]);
    fields.finish()?;
    let text = image.text(1..=usize::MAX)?;
    let bytes = from_base64(text.as_bytes())?;
    Ok(Pictures::Given(vec![Upload {
        filename: UNNAMED.to_owned(),
        bytes,
    }]))
}

async fn multipart(call: &Call) -> Result<Vec<Upload>, ApiError> {
    let header = call
        .headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let boundary = header.and_then(|text| multer::parse_boundary(text).ok());
    let boundary = boundary.ok_or_else(|| Code::BadContentType.plain())?;
    let whole = call.bytes().await?;
    let stream = futures_util::stream::iter([Ok::<_, std::io::Error>(whole)]);
    let mut parts = multer::Multipart::new(stream, boundary);
    let mut uploads = Vec::new();
    let broken = |error: multer::Error| {
        tracing::debug!("multipart body: {error}");
        Code::BadMultipart.with("it cannot be read")
    };
    while let Some(part) = parts.next_field().await.map_err(broken)? {
        match part.name() {
            Some("image") => {}
            Some("policies") => {
                let detail = "Not available to send new policies to non-dynamic handler";
                return Err(ApiError::new(Code::BadEventBody, detail));
            }
            Some(
                "face_bounding_boxes"
                | "body_bounding_boxes"
                | "detect_time"
                | "detect_ts"
                | "image_origin"
                | "meta",
            ) => continue,
            _ => return Err(Code::BadMultipart.with("unknown part")),
        }
        let media = part
            .content_type()
            .map(|media| media.essence_str().to_owned())
            .unwrap_or_default();
        let filename = part
            .file_name()
            .unwrap_or(UNNAMED)
            .chars()
            .filter(|c| !c.is_control())
            .take(MAX_NAME)
            .collect();
        if uploads.len() == call.api.max_pictures {
            return Err(Code::BadMultipart.with("too many images"));
        }
        let bytes = part.bytes().await.map_err(broken)?;
        let bytes = match media.as_str() {
            media if is_image_type(media) => bytes,
            media if is_base64_type(media) => from_base64(&bytes)?,
            _ => return Err(Code::BadPartContentType.plain()),
        };
        uploads.push(Upload { filename, bytes });
    }
    if uploads.is_empty() {
        return Err(Code::BadMultipart.with("body must contains at least one image"));
    }
    Ok(uploads)
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
    let decoded = tokio::task::spawn_blocking(decode).await;
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
        let error = from_json(&body, Code::BadJson, 8).unwrap_err();
        assert_eq!(error.body()["error_code"], 11027);
        assert_eq!(
            error.body()["detail"],
            "Failed to download image by url 'http://***@10.0.0.1/x'"
        );
    }

    #[test]
    fn base64_pictures_are_read_and_bad_ones_refused() {
        let body = |image| json!({"image": image, "mimetype": "image/x-jpeg-base64", "face_bounding_boxes": []});
        let Ok(Pictures::Given(given)) = from_json(&body("aGk="), Code::BadJson, 8) else {
            panic!("refused")
        };
        assert_eq!(given[0].bytes.as_ref(), b"hi");
        assert_eq!(
            from_json(&body("%%"), Code::BadJson, 8).unwrap_err().code(),
            Code::BadBase64
        );
    }
}
