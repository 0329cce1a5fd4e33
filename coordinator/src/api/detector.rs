//! `POST /6/detector`: faces in pictures, each kept as a sample.

use goshawk_coordinator_core::code::Multiface;
use goshawk_proto::{
    detection::HeadPose,
    geometry::Rect,
    id::{AccountId, SampleId},
};
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{
    Api,
    call::{self, Call},
    pictures::blob_error,
    query::Query,
    routes::{Access, Answer, Resource},
    upload::{self, Pictures, Purpose, Upload},
};
use crate::{
    blobs::{BlobKey, BlobKind},
    errors::{self, ApiError, Code},
    process::{DetectedPicture, PictureFace, PictureOptions},
};

/// Estimations of the contract that no model of the pack makes.
const UNSUPPORTED: [&str; 7] = [
    "estimate_emotions",
    "estimate_mask",
    "detect_landmarks68",
    "estimate_gaze",
    "estimate_eyes_attributes",
    "estimate_mouth_attributes",
    "estimate_face_quality",
];

/// The resources.
pub fn resources() -> Vec<Resource> {
    vec![Resource::at("/6/detector").on(Method::POST, Access::Account, detect)]
}

struct Wanted {
    multiface: Multiface,
    head_pose: bool,
    quality: bool,
    exif: bool,
    thresholds: [(&'static str, Option<i64>); 3],
    options: PictureOptions,
}

impl Wanted {
    fn read(query: &Query) -> Result<Self, ApiError> {
        for name in UNSUPPORTED {
            if query.flag(name, false)? {
                return Err(Code::FeatureDisabled.with(name));
            }
        }
        let multiface = query.integer("multiface_policy", 0..=2)?.unwrap_or(1);
        let threshold = |name| query.integer(name, 0..=180);
        Ok(Self {
            multiface: Multiface::from_code(multiface.unsigned_abs()).unwrap_or(Multiface::All),
            head_pose: query.flag("estimate_head_pose", false)?,
            quality: query.flag("estimate_quality", false)?,
            exif: query.flag("extract_exif", false)?,
            thresholds: [
                ("yaw_threshold", threshold("yaw_threshold")?),
                ("pitch_threshold", threshold("pitch_threshold")?),
                ("roll_threshold", threshold("roll_threshold")?),
            ],
            options: PictureOptions {
                warp: query.flag("warped_image", false)?,
                use_exif: query.flag("use_exif_info", true)?,
            },
        })
    }

    /// Why a head is turned too far, in the contract's form; empty when it is not.
    fn filter(&self, pose: Option<HeadPose>) -> Vec<Value> {
        let Some(pose) = pose else { return Vec::new() };
        let angles = [pose.yaw, pose.pitch, pose.roll];
        let over = |((name, limit), angle): (&(&str, Option<i64>), f32)| {
            let limit = (*limit)?;
            (f64::from(angle.abs()) > limit as f64).then(
                || json!({"filter_name": name, "object_value": angle, "threshold_value": limit}),
            )
        };
        self.thresholds
            .iter()
            .zip(angles)
            .filter_map(over)
            .collect()
    }

    /// The `detection` object of a face.
    fn view(&self, face: &PictureFace) -> Value {
        let mut attributes = json!({});
        if let Some(pose) = face.head_pose.filter(|_| self.head_pose) {
            attributes["head_pose"] =
                json!({"yaw": pose.yaw, "pitch": pose.pitch, "roll": pose.roll});
        }
        let mut detection = json!({"attributes": attributes});
        if let Some(rect) = face.rect {
            detection["rect"] = json!(rect);
            if let Some(points) = &face.landmarks {
                detection["landmarks5"] = json!(relative(points, rect));
            }
        }
        if self.quality {
            let q = face.quality;
            detection["quality"] = json!({
                "blurriness": q.sharpness, "light": q.light, "dark": q.dark,
                "illumination": q.illumination, "specularity": q.specularity,
            });
        }
        detection
    }
}

/// Points as whole pixels from the box's corner, as the contract writes them.
fn relative(points: &goshawk_proto::detection::Landmarks5, rect: Rect) -> Vec<[i64; 2]> {
    let from = |value: f32, corner: u32| (f64::from(value) - f64::from(corner)).round() as i64;
    points
        .iter()
        .map(|point| [from(point.x, rect.x), from(point.y, rect.y)])
        .collect()
}

async fn detect(call: Call) -> Answer {
    let account = call.account()?;
    let wanted = Wanted::read(&call.query)?;
    call.api.analyzer()?;
    let uploads = match upload::read(&call, Purpose::Detection).await? {
        Pictures::Given(uploads) => uploads,
        Pictures::Samples(ids) => samples(&call.api, account, &ids).await?,
    };
    let mut images = Vec::with_capacity(uploads.len());
    for upload in uploads {
        images.push(one(&call.api, account, &wanted, upload).await?);
    }
    call::json(StatusCode::CREATED, &json!({"images": images}))
}

/// Stored samples as pictures named by their ids.
pub async fn samples(
    api: &Api,
    account: AccountId,
    ids: &[SampleId],
) -> Result<Vec<Upload>, ApiError> {
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        let key = BlobKey {
            account,
            kind: BlobKind::FaceSample,
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

async fn one(
    api: &Api,
    account: AccountId,
    wanted: &Wanted,
    upload: Upload,
) -> Result<Value, ApiError> {
    let found = api.analyzer()?.detect(upload.bytes, wanted.options).await;
    let mut picture = match found {
        Ok(picture) => picture,
        Err(error) => return Ok(failed(&upload.filename, &super::vision::outcome(error)?)),
    };
    if wanted.multiface == Multiface::Refuse && picture.faces.len() > 1 {
        return Ok(failed(&upload.filename, &Code::ManyFaces.plain()));
    }
    if wanted.multiface == Multiface::Best {
        picture.faces.truncate(1);
    }
    let (samples, filtered) = keep(api, account, wanted, picture).await?;
    let mut image = json!({
        "filename": upload.filename,
        "status": 1,
        "error": errors::success(),
        "detections": {"samples": samples, "filtered_detections": {"face_detections": filtered}},
    });
    if wanted.exif {
        image["exif"] = json!({});
    }
    Ok(image)
}

fn failed(filename: &str, error: &ApiError) -> Value {
    json!({
        "filename": filename,
        "status": 0,
        "error": error.body(),
        "detections": {"samples": [], "filtered_detections": {"face_detections": []}},
    })
}

async fn keep(
    api: &Api,
    account: AccountId,
    wanted: &Wanted,
    picture: DetectedPicture,
) -> Result<(Vec<Value>, Vec<Value>), ApiError> {
    let (mut samples, mut filtered) = (Vec::new(), Vec::new());
    for face in picture.faces {
        let detection = wanted.view(&face);
        let reasons = wanted.filter(face.head_pose);
        if !reasons.is_empty() {
            filtered.push(json!({"filter_reasons": reasons, "detection": detection}));
            continue;
        }
        let id = SampleId::random();
        let key = BlobKey {
            account,
            kind: BlobKind::FaceSample,
            id: id.0,
        };
        api.blobs
            .put(&key, face.warp.bytes.into())
            .await
            .map_err(|error| blob_error(error, id.0))?;
        let url = goshawk_coordinator_core::event::view::face_sample_url(id);
        samples.push(json!({"face": {"sample_id": id, "url": url, "detection": detection}}));
    }
    Ok((samples, filtered))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(query: &str) -> Result<Wanted, ApiError> {
        Wanted::read(&Query::parse(query))
    }

    #[test]
    fn heads_turned_too_far_are_filtered_with_the_reason() {
        let wanted = wanted("yaw_threshold=20").unwrap();
        let pose = |yaw| {
            Some(HeadPose {
                yaw,
                pitch: 90.0,
                roll: 0.0,
            })
        };
        assert!(wanted.filter(pose(-19.5)).is_empty());
        let reasons = wanted.filter(pose(-41.5));
        assert_eq!(
            reasons,
            [json!({"filter_name": "yaw_threshold", "object_value": -41.5, "threshold_value": 20})]
        );
    }

    #[test]
    fn what_no_model_estimates_is_refused_and_not_made_up() {
        let error = wanted("estimate_mask=1").err().unwrap();
        assert_eq!(
            (error.status().as_u16(), error.code()),
            (403, Code::FeatureDisabled)
        );
        assert_eq!(
            wanted("pitch_threshold=181").err().unwrap().code(),
            Code::BadQuery
        );
    }
}
