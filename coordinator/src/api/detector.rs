//! `POST /6/detector`: faces in pictures, each kept as a sample. The Handlers service has it under
//! `/1`.

pub mod view;

use goshawk_coordinator_core::{
    code::Multiface,
    event::view::face_sample_url,
    formats::Whole,
    parameters,
    permission::{Action, Resource as Kind},
    query::Switch,
};
use goshawk_models::estimate::{Estimation, Wanted as Question};
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
    upload::{self, Purpose, Upload},
    vision,
};
use crate::{
    blobs::{BlobKey, BlobKind},
    errors::{ApiError, Code},
    estimations::{
        checks::{FaceChecks, Facts},
        face::{Detection, Shown},
    },
    process::{Ask, PictureKind, Seen, SeenPerson, applicable},
};
use view::{
    AngleFilter, AngleReason, DetectedFace, DetectedImage, DetectedImages, DetectedSample,
    Detections, FilteredFace,
};

/// The resources.
pub fn resources() -> Vec<Resource> {
    let access = Access::May(Kind::FaceSample, Action::Creation);
    vec![at("/6/detector", access)]
}

/// The resources of the Handlers service.
pub fn internal_resources() -> Vec<Resource> {
    vec![at("/1/detector", Access::Header)]
}

fn at(template: &'static str, access: Access) -> Resource {
    Resource::at(template).serve(
        Operation::post("detectFaces", access, detect)
            .about("Finds faces in pictures and keeps each as a sample.")
            .takes(upload::detection_forms)
            .fails(&upload::errors(Purpose::Detection))
            .fails(&[Code::FeatureDisabled])
            .fails_as(http::StatusCode::BAD_REQUEST, &[Code::ImageNotFound])
            .tells(&vision::OF_PICTURES),
    )
}

/// Degrees that a head may be turned.
pub type Angle = Whole<0, 180>;

parameters! {
    /// What to find.
    pub struct Wanted {
        /// Several faces in a picture: 0 is a mistake, 1 takes all, 2 takes the largest.
        default multiface_policy: Multiface = Multiface::All,
        /// Whether to tell where heads look.
        default estimate_head_pose: Switch = Switch(false),
        /// Whether to tell expressions; needs a model for them.
        default estimate_emotions: Switch = Switch(false),
        /// Whether to tell medical masks; needs a model for them.
        default estimate_mask: Switch = Switch(false),
        /// Whether to tell 68 points of each face.
        default detect_landmarks68: Switch = Switch(false),
        /// Whether to tell what cameras noted in JPEG files.
        default extract_exif: Switch = Switch(false),
        /// Whether to tell how fit faces are for recognition.
        default estimate_quality: Switch = Switch(false),
        /// Whether to tell where eyes look.
        default estimate_gaze: Switch = Switch(false),
        /// Whether to tell of eyes whether they are open, and where the irises are.
        default estimate_eyes_attributes: Switch = Switch(false),
        /// Whether to tell of mouths whether they smile or are open.
        default estimate_mouth_attributes: Switch = Switch(false),
        /// Farthest turn up or down in degrees.
        optional pitch_threshold: Angle,
        /// Farthest lean in degrees.
        optional roll_threshold: Angle,
        /// Farthest turn to the side in degrees.
        optional yaw_threshold: Angle,
        /// Whether the pictures are samples already.
        default warped_image: Switch = Switch(false),
        /// Whether to turn pictures as their EXIF data say; TIFF pictures always are.
        default use_exif_info: Switch = Switch(true),
        /// Whether to make the checks of portraits.
        default estimate_face_quality: Switch = Switch(false),
    }
}

impl Wanted {
    fn kind(&self) -> PictureKind {
        match self.warped_image.0 {
            true => PictureKind::FaceSample,
            false => PictureKind::Scene,
        }
    }

    /// What the client wants to be told.
    fn shown(&self) -> Question {
        let mut shown = Question::these(&[Estimation::FaceDetection]);
        shown.landmarks5 = true;
        shown.face_warp = true;
        for (asked, estimation) in [
            (self.estimate_head_pose, Estimation::HeadPose),
            (self.estimate_emotions, Estimation::Emotions),
            (self.estimate_mask, Estimation::Mask),
            (self.detect_landmarks68, Estimation::Landmarks68),
            (self.estimate_quality, Estimation::Quality),
            (self.estimate_gaze, Estimation::Gaze),
            (self.estimate_eyes_attributes, Estimation::Eyes),
            (self.estimate_mouth_attributes, Estimation::Mouth),
            (self.estimate_face_quality, Estimation::FaceChecks),
        ] {
            shown.add_if(asked.0, estimation);
        }
        shown
    }

    /// What to ask for: also what is filtered by.
    fn ask(&self, shown: &Question) -> Ask {
        let mut wanted = *shown;
        wanted.add_if(self.limits_angles(), Estimation::HeadPose);
        Ask {
            wanted: applicable(wanted, self.kind()),
            kind: self.kind(),
            use_exif: self.use_exif_info.0,
            extract_exif: self.extract_exif.0,
            best_only: self.multiface_policy == Multiface::Best,
            ..Ask::default()
        }
    }

    fn limits_angles(&self) -> bool {
        let limits = [
            self.yaw_threshold,
            self.pitch_threshold,
            self.roll_threshold,
        ];
        limits.iter().any(Option::is_some)
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
            turned_too_far(limit, angle).then_some(AngleReason {
                filter_name,
                object_value: angle,
                threshold_value,
            })
        };
        angles.into_iter().filter_map(over).collect()
    }
}

/// Whether this is a box that the client gave and in which no face is seen: there is nothing to
/// align, and so no sample that could be kept.
fn is_empty_box(person: &SeenPerson) -> bool {
    person.face.is_some() && person.face_warp.is_none()
}

/// Whether a head is turned farther than the limit, if there is one.
pub fn turned_too_far(limit: Option<Angle>, angle: f32) -> bool {
    limit.is_some_and(|limit| f64::from(angle.abs()) > limit.get() as f64)
}

async fn detect(
    call: Call,
    Params(wanted): Params<Wanted>,
) -> Result<Made<DetectedImages>, ApiError> {
    let account = call.account()?;
    let shown = wanted.shown();
    call.api.possible(&shown)?;
    let ask = wanted.ask(&shown);
    let uploads = upload::gather(&call, Purpose::Detection, BlobKind::FaceSample)
        .await
        .map_err(ApiError::status_is_400_if_missing)?;
    let detector = Detector {
        api: &call.api,
        account,
        wanted: &wanted,
        shown: &shown,
    };
    let mut images = Vec::with_capacity(uploads.len());
    for upload in uploads {
        images.push(detector.one(&ask, upload).await?);
    }
    Ok(Made(DetectedImages { images }))
}

/// A request under way.
struct Detector<'a> {
    api: &'a Api,
    account: AccountId,
    wanted: &'a Wanted,
    shown: &'a Question,
}

impl Detector<'_> {
    async fn one(&self, ask: &Ask, upload: Upload) -> Result<DetectedImage, ApiError> {
        let filename = upload.filename.clone();
        let seen = match vision::look(self.api, upload, ask).await? {
            Ok(seen) => seen,
            Err(error) => return Ok(DetectedImage::failed(filename, &error)),
        };
        if seen.people.iter().any(is_empty_box) {
            let error = Code::BadRectangle.plain();
            return Ok(DetectedImage::failed(filename, &error));
        }
        if self.wanted.multiface_policy == Multiface::Refuse && seen.people.len() > 1 {
            let error = Code::ManyFaces.plain();
            return Ok(DetectedImage::failed(filename, &error));
        }
        let exif = seen.exif.clone();
        let detections = self.keep(seen).await?;
        Ok(DetectedImage::found(filename, detections, exif))
    }

    async fn keep(&self, mut seen: Seen) -> Result<Detections, ApiError> {
        let mut all = Detections::default();
        for person in std::mem::take(&mut seen.people) {
            let SeenPerson {
                face: Some(face),
                face_warp: Some(warp),
                ..
            } = person
            else {
                continue;
            };
            let facts = Facts {
                face: &face,
                format: seen.format,
                bytes: seen.bytes,
                size: seen.size,
                is_sample: self.wanted.warped_image.0,
            };
            let checks = self.wanted.estimate_face_quality.0;
            let shown = Shown {
                face: &face,
                size: seen.size,
                wanted: self.shown,
            };
            let detection = Detection::of(shown, checks.then(|| FaceChecks::of(&facts)));
            let filter_reasons = self.wanted.filter(face.head_pose);
            if filter_reasons.is_empty() {
                all.samples.push(self.sample(warp.bytes, detection).await?);
            } else {
                all.filtered_detections.face_detections.push(FilteredFace {
                    filter_reasons,
                    detection,
                });
            }
        }
        Ok(all)
    }

    async fn sample(
        &self,
        warp: Vec<u8>,
        detection: Detection,
    ) -> Result<DetectedSample, ApiError> {
        let id = SampleId::random();
        let key = BlobKey {
            account: self.account,
            kind: BlobKind::FaceSample,
            id: id.0,
        };
        let kept = self.api.blobs.put(&key, warp.into()).await;
        kept.map_err(|error| blob_error(error, id.0))?;
        Ok(DetectedSample {
            face: DetectedFace {
                sample_id: id,
                url: face_sample_url(id),
                detection,
            },
        })
    }
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
    fn what_is_filtered_by_is_asked_for_and_not_shown() {
        let limited = wanted("roll_threshold=10").unwrap();
        let shown = limited.shown();
        assert!(!shown.has(Estimation::HeadPose));
        assert!(limited.ask(&shown).wanted.has(Estimation::HeadPose));
        let error = wanted("pitch_threshold=181").unwrap_err();
        assert_eq!(error.name, "pitch_threshold");
    }

    #[test]
    fn samples_are_asked_what_applies_to_them() {
        let query = "warped_image=1&estimate_gaze=1&estimate_mouth_attributes=1";
        let sample = wanted(query).unwrap();
        let ask = sample.ask(&sample.shown());
        assert_eq!(ask.kind, PictureKind::FaceSample);
        assert!(ask.wanted.has(Estimation::Mouth) && !ask.wanted.has(Estimation::Gaze));
        assert!(ask.wanted.face_warp && !ask.wanted.landmarks5);
    }
}
