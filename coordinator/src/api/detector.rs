//! `POST /6/detector`: faces in pictures, each kept as a sample.

pub mod view;

use goshawk_coordinator_core::{
    code::Multiface,
    event::view::face_sample_url,
    formats::Whole,
    parameters,
    permission::{Action, Resource as Kind},
    query::Switch,
};
use goshawk_proto::{
    detection::HeadPose,
    id::{AccountId, SampleId},
};

use super::{
    Api,
    call::Call,
    operation::Operation,
    payload::Params,
    pictures::blob_error,
    reply::Made,
    routes::{Access, Resource},
    upload::{self, Pictures, Purpose, Upload},
    vision,
};
use crate::{
    blobs::{BlobKey, BlobKind},
    errors::{ApiError, Code},
    process::{DetectedPicture, PictureOptions},
};
use view::{
    AngleFilter, AngleReason, DetectedFace, DetectedImage, DetectedImages, DetectedSample,
    Detection, Detections, FilteredFace,
};

/// The resources.
pub fn resources() -> Vec<Resource> {
    let access = Access::May(Kind::FaceSample, Action::Creation);
    vec![
        Resource::at("/6/detector").serve(
            Operation::post("detectFaces", access, detect)
                .about("Finds faces in pictures and keeps each as a sample.")
                .takes(upload::detection_forms)
                .fails(&upload::errors(Purpose::Detection))
                .fails(&[Code::FeatureDisabled])
                .fails_as(http::StatusCode::BAD_REQUEST, &[Code::ImageNotFound]),
        ),
    ]
}

/// Degrees that a head may be turned.
type Angle = Whole<0, 180>;

parameters! {
    /// What to find.
    pub struct Wanted {
        /// Several faces in a picture: 0 is a mistake, 1 takes all, 2 takes the best.
        default multiface_policy: Multiface = Multiface::All,
        /// Whether to tell where heads look.
        default estimate_head_pose: Switch = Switch(false),
        /// Emotions; no model here estimates them, 1 is refused.
        default estimate_emotions: Switch = Switch(false),
        /// Masks; no model here estimates them, 1 is refused.
        default estimate_mask: Switch = Switch(false),
        /// Points of a face; no model here finds so many, 1 is refused.
        default detect_landmarks68: Switch = Switch(false),
        /// Whether to tell how pictures were taken; nothing is known of it so far.
        default extract_exif: Switch = Switch(false),
        /// Whether to tell how fit faces are for recognition.
        default estimate_quality: Switch = Switch(false),
        /// Gaze; no model here estimates it, 1 is refused.
        default estimate_gaze: Switch = Switch(false),
        /// Eyes; no model here estimates their state, 1 is refused.
        default estimate_eyes_attributes: Switch = Switch(false),
        /// Mouths; no model here estimates their state, 1 is refused.
        default estimate_mouth_attributes: Switch = Switch(false),
        /// Farthest turn up or down in degrees.
        optional pitch_threshold: Angle,
        /// Farthest lean in degrees.
        optional roll_threshold: Angle,
        /// Farthest turn to the side in degrees.
        optional yaw_threshold: Angle,
        /// Whether the pictures are samples already.
        default warped_image: Switch = Switch(false),
        /// Whether to turn pictures as their EXIF data say.
        default use_exif_info: Switch = Switch(true),
        /// Checks as for passports; not made here, 1 is refused.
        default estimate_face_quality: Switch = Switch(false),
    }
}

impl Wanted {
    /// Refuses by name what no model of the pack estimates.
    fn possible(&self) -> Result<(), ApiError> {
        let all = [
            ("estimate_emotions", self.estimate_emotions),
            ("estimate_mask", self.estimate_mask),
            ("detect_landmarks68", self.detect_landmarks68),
            ("estimate_gaze", self.estimate_gaze),
            ("estimate_eyes_attributes", self.estimate_eyes_attributes),
            ("estimate_mouth_attributes", self.estimate_mouth_attributes),
            ("estimate_face_quality", self.estimate_face_quality),
        ];
        match all.into_iter().find(|(_, wanted)| wanted.0) {
            Some((name, _)) => Err(Code::FeatureDisabled.with(name)),
            None => Ok(()),
        }
    }

    fn options(&self) -> PictureOptions {
        PictureOptions {
            warp: self.warped_image.0,
            use_exif: self.use_exif_info.0,
        }
    }

    /// Why a head is turned too far; empty when it is not.
    fn filter(&self, pose: Option<HeadPose>) -> Vec<AngleReason> {
        let Some(pose) = pose else { return Vec::new() };
        let angles = [
            (AngleFilter::Yaw, self.yaw_threshold, pose.yaw),
            (AngleFilter::Pitch, self.pitch_threshold, pose.pitch),
            (AngleFilter::Roll, self.roll_threshold, pose.roll),
        ];
        let over = |(filter_name, limit, angle): (AngleFilter, Option<Angle>, f32)| {
            let threshold_value = limit?.get();
            (f64::from(angle.abs()) > threshold_value as f64).then_some(AngleReason {
                filter_name,
                object_value: angle,
                threshold_value,
            })
        };
        angles.into_iter().filter_map(over).collect()
    }
}

async fn detect(
    call: Call,
    Params(wanted): Params<Wanted>,
) -> Result<Made<DetectedImages>, ApiError> {
    let account = call.account()?;
    wanted.possible()?;
    call.api.analyzer()?;
    let uploads = match upload::read(&call, Purpose::Detection).await? {
        Pictures::Given(uploads) => uploads,
        Pictures::Samples(ids) => samples(&call.api, account, &ids)
            .await
            .map_err(ApiError::status_is_400_if_missing)?,
    };
    let mut images = Vec::with_capacity(uploads.len());
    for upload in uploads {
        images.push(one(&call.api, account, &wanted, upload).await?);
    }
    Ok(Made(DetectedImages { images }))
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
) -> Result<DetectedImage, ApiError> {
    let found = api.analyzer()?.detect(upload.bytes, wanted.options()).await;
    let mut picture = match found {
        Ok(picture) => picture,
        Err(error) => {
            let error = vision::outcome(error)?;
            return Ok(DetectedImage::failed(upload.filename, &error));
        }
    };
    if wanted.multiface_policy == Multiface::Refuse && picture.faces.len() > 1 {
        let error = Code::ManyFaces.plain();
        return Ok(DetectedImage::failed(upload.filename, &error));
    }
    if wanted.multiface_policy == Multiface::Best {
        picture.faces.truncate(1);
    }
    let detections = keep(api, account, wanted, picture).await?;
    let exif = wanted.extract_exif.0;
    Ok(DetectedImage::found(upload.filename, detections, exif))
}

async fn keep(
    api: &Api,
    account: AccountId,
    wanted: &Wanted,
    picture: DetectedPicture,
) -> Result<Detections, ApiError> {
    let mut all = Detections::default();
    for face in picture.faces {
        let (pose, quality) = (wanted.estimate_head_pose.0, wanted.estimate_quality.0);
        let detection = Detection::of(&face, pose, quality);
        let filter_reasons = wanted.filter(face.head_pose);
        if !filter_reasons.is_empty() {
            all.filtered_detections.face_detections.push(FilteredFace {
                filter_reasons,
                detection,
            });
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
        all.samples.push(DetectedSample {
            face: DetectedFace {
                sample_id: id,
                url: face_sample_url(id),
                detection,
            },
        });
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::query::Query;
    use goshawk_coordinator_core::query::{BadParameter, Pairs, Parameters};

    fn wanted(query: &str) -> Result<Wanted, BadParameter> {
        Wanted::read(Pairs(Query::parse(query).pairs()))
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
        let reason = AngleReason {
            filter_name: AngleFilter::Yaw,
            object_value: -41.5,
            threshold_value: 20,
        };
        assert_eq!(wanted.filter(pose(-41.5)), [reason]);
    }

    #[test]
    fn what_no_model_estimates_is_refused_and_not_made_up() {
        let error = wanted("estimate_mask=1").unwrap().possible().unwrap_err();
        assert_eq!(
            (error.status().as_u16(), error.code()),
            (403, Code::FeatureDisabled)
        );
        let error = wanted("pitch_threshold=181").unwrap_err();
        assert_eq!(error.name, "pitch_threshold");
    }
}
