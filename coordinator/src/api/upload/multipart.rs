//! The parts of a multipart request with pictures.

use bytes::Bytes;
use goshawk_coordinator_core::formats::Items;
use multer::{Field, Multipart};

use super::{
    NOT_SUPPORTED, Purpose, UNNAMED, Upload, boxes::BoxesOfFile, from_base64, is_base64_type,
    is_image_type, json_body::is_empty_json,
};
use crate::{
    api::typed::from_slice,
    errors::{ApiError, Code},
};

/// Longest file name that is kept, in characters.
pub const MAX_NAME: usize = 128;
/// Most files that boxes are given for.
const MOST_FILES: usize = 1000;
/// Parts that some purposes have and that nothing is done with, refused unless they are empty.
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
    let mut parts = Multipart::new(stream, boundary);
    let (mut uploads, mut boxes) = (Vec::new(), Vec::new());
    while let Some(part) = parts.next_field().await.map_err(broken)? {
        let name = part.name().unwrap_or_default().to_owned();
        match name.as_str() {
            "image" if uploads.len() == most => {
                return Err(Code::BadMultipart.with("too many images"));
            }
            "image" => uploads.push(picture(part).await?),
            "policies" => return Err(Code::NotDynamic.plain()),
            "meta" | "x_meta" if purpose == Purpose::Liveness => about_device(part).await?,
            name if purpose.takes_boxes(name) => boxes.extend(boxes_of(part, name, purpose).await?),
            name if UNSUPPORTED.contains(&name) => {
                let value = part.bytes().await.map_err(broken)?;
                if !is_empty_json(&value) {
                    return Err(purpose.code().at(name, NOT_SUPPORTED));
                }
            }
            _ => return Err(Code::BadMultipart.with("unknown part")),
        }
    }
    if uploads.is_empty() {
        return Err(Code::BadMultipart.with("body must contains at least one image"));
    }
    for one in boxes {
        give(&mut uploads, one)?;
    }
    Ok(uploads)
}

/// The header that says whether the boxes of a picture come from a detector of this make. They are
/// looked at closely in any case, so it only has to be 0 or 1.
fn check_trust(part: &Field<'_>) -> Result<(), ApiError> {
    match part.headers().get("x-luna-trusted-detections") {
        Some(value) if !["0", "1"].iter().any(|known| value == known) => {
            Err(Code::BadMultipart.with("X-Luna-Trusted-Detections is neither 0 nor 1"))
        }
        _ => Ok(()),
    }
}

async fn picture(part: Field<'_>) -> Result<Upload, ApiError> {
    let media = part
        .content_type()
        .map(|media| media.essence_str().to_owned())
        .unwrap_or_default();
    check_trust(&part)?;
    let filename = part
        .file_name()
        .unwrap_or(UNNAMED)
        .chars()
        .filter(|c| !c.is_control())
        .take(MAX_NAME)
        .collect();
    let bytes = part.bytes().await.map_err(broken)?;
    let bytes = match media.as_str() {
        media if is_image_type(media) => bytes,
        media if is_base64_type(media) => from_base64(&bytes)?,
        _ => return Err(Code::BadPartContentType.plain()),
    };
    Ok(Upload::new(filename, bytes))
}

/// What liveness requests once told of the camera: an object, read and forgotten.
async fn about_device(part: Field<'_>) -> Result<(), ApiError> {
    let value = part.bytes().await.map_err(broken)?;
    let read = serde_json::from_slice::<serde::de::IgnoredAny>(&value);
    match read.is_ok() && value.trim_ascii().starts_with(b"{") {
        true => Ok(()),
        false => Err(Code::BadMultipart.with("not an object in JSON")),
    }
}

async fn boxes_of(
    part: Field<'_>,
    name: &str,
    purpose: Purpose,
) -> Result<Vec<BoxesOfFile>, ApiError> {
    let value = part.bytes().await.map_err(broken)?;
    if is_empty_json(&value) {
        return Ok(Vec::new());
    }
    let all: Items<BoxesOfFile, 0, MOST_FILES> = from_slice(&value, purpose.code())?;
    let all = all.into_inner();
    match all.iter().all(|one| one.is_of(name)) {
        true => Ok(all),
        false => Err(purpose
            .code()
            .at(name, "want a filename and boxes of this kind")),
    }
}

/// Puts boxes to the picture that they are of.
fn give(uploads: &mut [Upload], boxes: BoxesOfFile) -> Result<(), ApiError> {
    let mut named = uploads
        .iter_mut()
        .filter(|upload| upload.filename == boxes.filename);
    let (Some(upload), None) = (named.next(), named.next()) else {
        return Err(Code::BadMultipart.with("boxes of a file that is not there, or there twice"));
    };
    let (faces, bodies) = boxes.into_boxes();
    upload.faces.extend(faces);
    upload.bodies.extend(bodies);
    Ok(())
}
