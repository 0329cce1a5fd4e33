//! `POST /6/liveness`: whether pictures were taken of live people.
//!
//! Where no model for it is installed the answer is that it is unknown, as it is for a face that
//! is too small. A picture without a face has no answer; several faces are a mistake, for a verdict
//! about a picture of several people would be about none of them.

use goshawk_coordinator_core::{
    code::{Flag, LivenessCode},
    parameters,
    permission::Tool,
    query::Switch,
};
use goshawk_models::estimate::{Estimation, StillLiveness, Wanted as Question};
use goshawk_proto::score::Score;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Api,
    call::Call,
    openapi::ErrorBody,
    operation::Operation,
    payload::Params,
    reply::{Done, Shaped},
    routes::{Access, Resource},
    upload::{self, Purpose, Upload},
    vision,
};
use crate::{
    blobs::BlobKind,
    errors::{self, ApiError, Code},
    estimations::{aggregate, genuine::liveness},
    process::{Ask, PictureKind, Seen},
};

/// The resources.
pub fn resources() -> Vec<Resource> {
    vec![
        Resource::at("/6/liveness").serve(
            Operation::post("predictLiveness", Access::Use(Tool::Liveness), predict)
                .about("Tells live people from pictures of them; keeps nothing.")
                .takes(upload::liveness_forms)
                .fails(&upload::errors(Purpose::Liveness))
                .fails(&[Code::FeatureDisabled])
                .tells(&[Code::ManyFaces, Code::ImageUndecodable]),
        ),
    ]
}

parameters! {
    /// What to tell.
    pub struct Wanted {
        /// Whether to tell what all pictures say together, being of one person.
        default aggregate: Switch = Switch(false),
    }
}

/// What a verdict rests on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct LivenessEstimations {
    /// How surely the person is live; null where that is not known.
    #[schema(required, value_type = Option<f64>, format = Double)]
    pub probability: Option<f32>,
    /// Always 1; null where nothing was estimated.
    #[schema(required, value_type = Option<f64>, format = Double)]
    pub quality: Option<f32>,
}

/// Whether a picture was taken of a live person.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct LivenessPrediction {
    /// 0 a photograph, screen or mask, 1 a live person, 2 not known.
    pub prediction: LivenessCode,
    /// What the verdict rests on.
    pub estimations: LivenessEstimations,
}

impl LivenessPrediction {
    fn of(found: Option<StillLiveness>) -> Self {
        let (prediction, probability) = liveness(found);
        Self {
            prediction,
            estimations: LivenessEstimations {
                probability: probability.map(Score::get),
                quality: probability.map(|_| 1.0),
            },
        }
    }
}

/// What became of one picture.
#[derive(Debug, Serialize, ToSchema)]
pub struct LivenessImage {
    /// Name of its file, or its address.
    pub filename: String,
    /// Whether it was processed.
    pub status: Flag,
    /// The answer; null where there is no face, or the picture was not processed.
    #[schema(required)]
    pub liveness: Option<LivenessPrediction>,
    /// What went wrong; number 0 where nothing did.
    #[schema(value_type = ErrorBody)]
    pub error: Shaped<ErrorBody>,
}

/// What all pictures say together.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct LivenessTogether {
    /// The mean of the probabilities, and what follows from it.
    pub liveness: LivenessPrediction,
}

/// What became of several pictures.
#[derive(Debug, Serialize, ToSchema)]
pub struct LivenessReply {
    /// Picture by picture, in the order of the request.
    pub images: Vec<LivenessImage>,
    /// What they say together, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub aggregate_estimations: Option<LivenessTogether>,
}

async fn predict(
    call: Call,
    Params(wanted): Params<Wanted>,
) -> Result<Done<LivenessReply>, ApiError> {
    let mut question = Question::these(&[Estimation::FaceDetection]);
    question.add_if(call.api.can(Estimation::Liveness), Estimation::Liveness);
    call.api.possible(&question)?;
    let ask = Ask {
        wanted: question,
        kind: PictureKind::Scene,
        use_exif: true,
        ..Ask::default()
    };
    let uploads = upload::gather(&call, Purpose::Liveness, BlobKind::Image).await?;
    let (mut images, mut all) = (Vec::with_capacity(uploads.len()), Vec::new());
    for upload in uploads {
        let (image, found) = one(&call.api, &ask, upload).await?;
        images.push(image);
        all.extend(found);
    }
    let together = || LivenessTogether {
        liveness: LivenessPrediction::of(aggregate::liveness(all.into_iter())),
    };
    Ok(Done(LivenessReply {
        images,
        aggregate_estimations: wanted.aggregate.0.then(together),
    }))
}

async fn one(
    api: &Api,
    ask: &Ask,
    upload: Upload,
) -> Result<(LivenessImage, Option<StillLiveness>), ApiError> {
    let filename = upload.filename.clone();
    let result = match vision::look(api, upload, ask).await? {
        Ok(seen) => only_face(&seen),
        Err(_) => Err(Code::ImageUndecodable.plain()),
    };
    Ok(match result {
        Err(error) => {
            let image = LivenessImage {
                filename,
                status: Flag::OFF,
                liveness: None,
                error: Shaped::new(error.body()),
            };
            (image, None)
        }
        Ok(face) => {
            let image = LivenessImage {
                filename,
                status: Flag::ON,
                liveness: face.map(LivenessPrediction::of),
                error: Shaped::new(errors::success()),
            };
            (image, face.flatten())
        }
    })
}

/// What is known of the one face of a picture; `None` without a face.
fn only_face(seen: &Seen) -> Result<Option<Option<StillLiveness>>, ApiError> {
    let mut faces = seen.people.iter().filter_map(|one| one.face.as_ref());
    match (faces.next(), faces.next()) {
        (_, Some(_)) => Err(Code::ManyFaces.plain()),
        (face, None) => Ok(face.map(|face| face.liveness)),
    }
}
