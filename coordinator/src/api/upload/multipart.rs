//! Pictures as parts of a multipart body.

use bytes::Bytes;

use super::{
    NOT_SUPPORTED, Purpose, UNNAMED, Upload, from_base64, is_base64_type, is_image_type,
    json_body::is_empty_json,
};
use crate::errors::{ApiError, Code};

/// Longest file name that is kept, in characters.
pub const MAX_NAME: usize = 128;
/// Parts that nothing is done with, refused unless they are empty.
const UNSUPPORTED: [&str; 8] = [
    "face_bounding_boxes",
    "body_bounding_boxes",
    "image_detect_time",
    "image_detect_ts",
    "detect_time",
    "detect_ts",
    "image_origin",
    "meta",
];

/// What stands between the parts, by the `Content-Type` of the body.
pub fn boundary(content_type: &str) -> Result<String, ApiError> {
    multer::parse_boundary(content_type).map_err(|_| Code::BadContentType.plain())
}

fn broken(error: multer::Error) -> ApiError {
    tracing::debug!("multipart body: {error}");
    Code::BadMultipart.with("it cannot be read")
}

/// The pictures of a whole body, at least one and up to `most`.
pub async fn pictures(
    boundary: String,
    whole: Bytes,
    purpose: Purpose,
    most: usize,
) -> Result<Vec<Upload>, ApiError> {
    let stream = futures_util::stream::iter([Ok::<_, std::io::Error>(whole)]);
    let mut parts = multer::Multipart::new(stream, boundary);
    let mut uploads = Vec::new();
    while let Some(part) = parts.next_field().await.map_err(broken)? {
        match part.name() {
            Some("image") if uploads.len() == most => {
                return Err(Code::BadMultipart.with("too many images"));
            }
            Some("image") => uploads.push(picture(part).await?),
            Some("policies") => return Err(Code::NotDynamic.plain()),
            name => {
                let known = UNSUPPORTED.iter().find(|known| Some(**known) == name);
                let name = known.ok_or_else(|| Code::BadMultipart.with("unknown part"))?;
                if !is_empty_json(&part.bytes().await.map_err(broken)?) {
                    return Err(purpose.code().at(name, NOT_SUPPORTED));
                }
            }
        }
    }
    if uploads.is_empty() {
        return Err(Code::BadMultipart.with("body must contains at least one image"));
    }
    Ok(uploads)
}

async fn picture(part: multer::Field<'_>) -> Result<Upload, ApiError> {
    let media = part
        .content_type()
        .map(|media| media.essence_str().to_owned());
    let media = media.unwrap_or_default();
    let name = part.file_name().unwrap_or(UNNAMED);
    let name = name.chars().filter(|c| !c.is_control());
    let name = name.take(MAX_NAME).collect();
    let bytes = part.bytes().await.map_err(broken)?;
    let bytes = match media.as_str() {
        media if is_image_type(media) => bytes,
        media if is_base64_type(media) => from_base64(&bytes)?,
        _ => return Err(Code::BadPartContentType.plain()),
    };
    Ok(Upload::new(name, bytes))
}
