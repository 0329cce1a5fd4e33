//! `POST /6/iso`: whether portraits are as ISO/IEC 19794-5 wants them. The Handlers service has it
//! under `/1`, for services that show no credentials.

use goshawk_coordinator_core::{
    code::{Flag, Multiface},
    parameters,
    permission::Tool,
    query::Switch,
};
use goshawk_models::estimate::{Estimation, Wanted as Question};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Api,
    call::Call,
    openapi::ErrorBody,
    operation::Operation,
    payload::{Packed, Params},
    reply::Shaped,
    routes::{Access, Resource},
    upload::{self, Purpose, Upload},
    vision,
};
use crate::{
    blobs::BlobKind,
    errors::{self, ApiError, Code},
    estimations::{
        Rectangle,
        checks::{Facts, IsoChecks},
        exif::ExifView,
    },
    process::{Ask, PictureKind, Seen, applicable},
};

/// The resources.
pub fn resources() -> Vec<Resource> {
    let operation = Operation::post("checkISO", Access::Use(Tool::Iso), check);
    vec![Resource::at("/6/iso").serve(described(operation))]
}

/// The resources of the Handlers service.
pub fn internal_resources() -> Vec<Resource> {
    let operation = Operation::post("checkISO", Access::Open, check);
    let operation =
        described(operation).fails(&[Code::AccountHeaderMissing, Code::AccountHeaderBad]);
    vec![Resource::at("/1/iso").serve(operation)]
}

fn described(operation: Operation) -> Operation {
    operation
        .about("Makes the checks of portraits on the faces in pictures; keeps nothing.")
        .takes(upload::iso_forms)
        .fails(&upload::errors(Purpose::Iso))
        .fails(&[Code::FeatureDisabled, Code::OneRectangle])
        .fails_as(StatusCode::NOT_FOUND, &[Code::ImageNotFound])
        .tells(&vision::OF_PICTURES)
}

parameters! {
    /// Which pictures and faces to check.
    pub struct Wanted {
        /// Whether the pictures are samples already.
        default image_type: Switch = Switch(false),
        /// Several faces in a picture: 0 is a mistake, 1 takes all, 2 takes the largest.
        default multiface_policy: Multiface = Multiface::Refuse,
        /// Whether to tell what cameras noted in JPEG files.
        default extract_exif: Switch = Switch(false),
    }
}

/// The checks of a face.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CheckedFace {
    /// The checks.
    pub iso: IsoChecks,
    /// Where the face is; absent in samples.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub rect: Option<Rectangle>,
}

/// A face.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CheckedDetection {
    /// As it was found.
    pub detection: CheckedFace,
}

/// A person.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CheckedPerson {
    /// The face.
    pub face: CheckedDetection,
}

/// What became of one picture.
#[derive(Debug, Serialize, ToSchema)]
pub struct CheckedImage {
    /// Name of its file.
    pub filename: String,
    /// Whether it was processed.
    pub status: Flag,
    /// What went wrong; number 0 where nothing did.
    #[schema(value_type = ErrorBody)]
    pub error: Shaped<ErrorBody>,
    /// What the camera noted, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub exif: Option<ExifView>,
    /// Its faces.
    pub estimations: Vec<CheckedPerson>,
}

/// What became of several pictures.
#[derive(Debug, Serialize, ToSchema)]
pub struct CheckedImages {
    /// Picture by picture, in the order of the request.
    pub images: Vec<CheckedImage>,
}

async fn check(
    call: Call,
    Params(wanted): Params<Wanted>,
) -> Result<Packed<CheckedImages>, ApiError> {
    let question = Question::these(&[Estimation::FaceDetection, Estimation::FaceChecks]);
    call.api.possible(&question)?;
    let kind = match wanted.image_type.0 {
        true => PictureKind::FaceSample,
        false => PictureKind::Scene,
    };
    let ask = Ask {
        wanted: applicable(question, kind),
        kind,
        use_exif: true,
        extract_exif: wanted.extract_exif.0,
        best_only: wanted.multiface_policy == Multiface::Best,
        ..Ask::default()
    };
    let uploads = upload::gather(&call, Purpose::Iso, BlobKind::FaceSample).await?;
    if uploads.iter().any(|upload| upload.faces.len() > 1) {
        return Err(Code::OneRectangle.plain());
    }
    let mut images = Vec::with_capacity(uploads.len());
    for upload in uploads {
        images.push(one(&call.api, &wanted, &ask, upload).await?);
    }
    Ok(Packed(CheckedImages { images }))
}

async fn one(
    api: &Api,
    wanted: &Wanted,
    ask: &Ask,
    upload: Upload,
) -> Result<CheckedImage, ApiError> {
    let filename = upload.filename.clone();
    let failed = |filename, error: &ApiError| CheckedImage {
        filename,
        status: Flag::OFF,
        error: Shaped::new(error.body()),
        exif: None,
        estimations: Vec::new(),
    };
    let seen = match vision::look(api, upload, ask).await? {
        Ok(seen) => seen,
        Err(error) => return Ok(failed(filename, &error)),
    };
    if wanted.multiface_policy == Multiface::Refuse && seen.people.len() > 1 {
        return Ok(failed(filename, &Code::ManyFaces.plain()));
    }
    Ok(CheckedImage {
        filename,
        status: Flag::ON,
        error: Shaped::new(errors::success()),
        estimations: people(&seen, ask.kind),
        exif: seen.exif.map(Into::into),
    })
}

fn people(seen: &Seen, kind: PictureKind) -> Vec<CheckedPerson> {
    let faces = seen.people.iter().filter_map(|one| one.face.as_ref());
    let checked = faces.map(|face| CheckedPerson {
        face: CheckedDetection {
            detection: CheckedFace {
                iso: IsoChecks::of(&Facts {
                    face,
                    format: seen.format,
                    bytes: seen.bytes,
                    size: seen.size,
                    is_sample: kind != PictureKind::Scene,
                }),
                rect: face
                    .bbox
                    .as_ref()
                    .map(|bbox| Rectangle::within(bbox, seen.size)),
            },
        },
    });
    checked.collect()
}
