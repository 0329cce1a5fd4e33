//! Events made of pictures: what `/6/handlers/{id}/events` does.

use bytes::Bytes;
use goshawk_coordinator_core::{
    code::{LivenessCode, Multiface},
    event::{EventLiveness, StoredEvent},
    handler::Handler,
    policy::{FilterReason, screen},
};
use goshawk_proto::{
    geometry::Rect,
    id::{AccountId, EventId, StreamId},
    stream::Location,
    time::Timestamp,
};
use serde_json::Value;

use super::{
    ProcessError, Processor, Verdict, count,
    draft::{Draft, Shot, fitness},
    execute::Outcome,
    extract::{Analyzer, ExtractError, PictureFace, PictureOptions},
    now,
};
use crate::blobs::media_type;

/// What the caller says about an event besides its pictures.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EventDetails {
    /// Given by the caller, at most 36 characters.
    pub external_id: String,
    /// Given by the caller, at most 128 characters.
    pub user_data: String,
    /// Given by the caller, at most 128 characters.
    pub source: Option<String>,
    /// The stream it belongs to.
    pub stream_id: Option<StreamId>,
    /// The track it belongs to, `[a-zA-Z0-9_-]{1,36}`.
    pub track_id: Option<String>,
    /// Tags, at most 36 characters each.
    pub tags: Vec<String>,
    /// Where it happened.
    pub location: Location,
    /// Free JSON.
    pub meta: Option<Value>,
    /// When it began; now by default.
    pub create_time: Option<Timestamp>,
    /// When it ended; when it began by default.
    pub end_time: Option<Timestamp>,
    /// The request that raises it, `timestamp,uuid`.
    pub request_id: Option<String>,
}

/// A picture to make events of.
#[derive(Clone, Debug)]
pub struct SourcePicture {
    /// Its name, or `Raw image`.
    pub filename: String,
    /// The file.
    pub bytes: Bytes,
    /// How it is to be read.
    pub options: PictureOptions,
    /// When it was taken; now by default.
    pub detect_time: Option<Timestamp>,
    /// Seconds from the start of a video.
    pub detect_ts: Option<f64>,
    /// Where the caller says it is.
    pub reference: Option<String>,
}

/// Pictures to be taken through a handler.
#[derive(Clone, Debug)]
pub struct GenerateRequest {
    /// Owner of all that comes out.
    pub account_id: AccountId,
    /// The handler; a dynamic one with the policies of the request.
    pub handler: Handler,
    /// The pictures.
    pub pictures: Vec<SourcePicture>,
    /// What else is said.
    pub details: EventDetails,
    /// Make one event of all faces, as pictures of one person.
    pub aggregate: bool,
}

/// What is wrong with one picture.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PictureError {
    /// It cannot be read, or a model failed on it.
    #[error(transparent)]
    Extract(#[from] ExtractError),
    /// It has several faces, and the handler refuses such pictures.
    #[error("{0} faces in a picture where the handler allows one")]
    ManyFaces(usize),
}

/// What became of one picture.
#[derive(Clone, Debug, PartialEq)]
pub struct PictureOutcome {
    /// Its name.
    pub filename: String,
    /// How many faces the handler takes from it.
    pub result: Result<usize, PictureError>,
}

/// A face that the handler's filters did not let through.
#[derive(Clone, Debug, PartialEq)]
pub struct FilteredFace {
    /// Name of its picture.
    pub filename: String,
    /// Where it is.
    pub rect: Option<Rect>,
    /// Why.
    pub reasons: Vec<FilterReason>,
}

/// What came out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Generated {
    /// The events, in the order of pictures and faces.
    pub events: Vec<StoredEvent>,
    /// What became of each picture.
    pub pictures: Vec<PictureOutcome>,
    /// Faces that do not count.
    pub filtered: Vec<FilteredFace>,
}

/// Why nothing came out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GenerateError {
    /// This coordinator runs without models.
    #[error("no models are installed")]
    NoModels,
    /// Something is busy or away: try again.
    #[error("{0}")]
    Busy(String),
    /// It failed.
    #[error("{0}")]
    Failed(String),
}

impl From<ProcessError> for GenerateError {
    fn from(error: ProcessError) -> Self {
        match error.verdict() {
            Verdict::Wait(_) => Self::Busy(error.to_string()),
            Verdict::Retry | Verdict::Hopeless | Verdict::Stop => Self::Failed(error.to_string()),
        }
    }
}

impl Processor {
    /// Takes pictures through a handler. Everything is durable when it returns.
    pub async fn generate(&self, request: GenerateRequest) -> Result<Generated, GenerateError> {
        let analyzer = self
            .executor
            .analyzer()
            .ok_or(GenerateError::NoModels)?
            .clone();
        let mut out = Generated::default();
        let mut shots = Vec::new();
        for (number, picture) in request.pictures.iter().enumerate() {
            let found = look(&analyzer, &request.handler, picture).await;
            if let Err(PictureError::Extract(ExtractError::Busy)) = &found {
                return Err(GenerateError::Busy(ExtractError::Busy.to_string()));
            }
            let result = found.map(|faces| {
                let count = faces.len();
                shots.extend(faces.into_iter().map(|face| shot(picture, number, face)));
                count
            });
            out.pictures.push(PictureOutcome {
                filename: picture.filename.clone(),
                result,
            });
        }
        let liveness = liveness(&request.handler);
        shots.retain(|shot| {
            let reasons = screen(
                &request.handler.policies,
                shot.facts(),
                liveness.map(|liveness| liveness.prediction),
            );
            let counts = reasons.is_empty();
            if !counts {
                let filename = shot.filename.clone();
                out.filtered.push(FilteredFace {
                    filename,
                    rect: shot.rect,
                    reasons,
                });
            }
            counts
        });
        for group in groups(shots, request.aggregate) {
            let draft = draft(&request, group, liveness);
            if let Outcome::Done(event) = self.executor.run(draft, None).await? {
                count(&self.counters.generated);
                out.events.push(*event);
            }
        }
        Ok(out)
    }
}

/// The faces of a picture that the handler takes.
async fn look(
    analyzer: &Analyzer,
    handler: &Handler,
    picture: &SourcePicture,
) -> Result<Vec<PictureFace>, PictureError> {
    let detect = &handler.policies.detect_policy;
    if !detect.detect_face.0 {
        return Ok(Vec::new());
    }
    let mut faces = analyzer
        .detect(picture.bytes.clone(), picture.options)
        .await?
        .faces;
    match detect.multiface_policy {
        Multiface::Refuse if faces.len() > 1 => return Err(PictureError::ManyFaces(faces.len())),
        // They come best first.
        Multiface::Best => faces.truncate(1),
        Multiface::Refuse | Multiface::All => {}
    }
    Ok(faces)
}

fn shot(picture: &SourcePicture, number: usize, face: PictureFace) -> Shot {
    Shot {
        filename: picture.filename.clone(),
        detect_time: picture.detect_time.unwrap_or_else(now),
        detect_ts: picture.detect_ts,
        rect: face.rect,
        landmarks: face.landmarks,
        head_pose: face.head_pose,
        fitness: fitness(&face.quality),
        quality: face.quality,
        warp: face.warp,
        descriptor: None,
        basic: None,
        image: media_type(&picture.bytes).map(|_| number),
        reference: picture.reference.clone(),
    }
}

/// No model of the pack may decide liveness from one picture, so where it is asked for the answer
/// is that it is unknown.
fn liveness(handler: &Handler) -> Option<EventLiveness> {
    let asked = handler.policies.detect_policy.estimate_liveness.estimate.0;
    asked.then_some(EventLiveness {
        prediction: LivenessCode::Unknown,
        score: None,
    })
}

fn groups(shots: Vec<Shot>, aggregate: bool) -> Vec<Vec<Shot>> {
    if aggregate && !shots.is_empty() {
        return vec![shots];
    }
    shots.into_iter().map(|shot| vec![shot]).collect()
}

fn draft(
    request: &GenerateRequest,
    mut shots: Vec<Shot>,
    liveness: Option<EventLiveness>,
) -> Draft {
    // Only the pictures that this event was seen in, numbered anew.
    let mut images: Vec<Bytes> = Vec::new();
    let mut numbers: Vec<usize> = Vec::new();
    for shot in &mut shots {
        let Some(number) = shot.image else { continue };
        let place = numbers
            .iter()
            .position(|known| *known == number)
            .unwrap_or_else(|| {
                numbers.push(number);
                images.push(request.pictures[number].bytes.clone());
                numbers.len() - 1
            });
        shot.image = Some(place);
    }
    let create_time = request.details.create_time.unwrap_or_else(now);
    Draft {
        event_id: EventId(uuid::Uuid::now_v7()),
        account_id: request.account_id,
        handler: request.handler.clone(),
        details: request.details.clone(),
        create_time,
        end_time: request.details.end_time.unwrap_or(create_time),
        shots,
        bodies: Vec::new(),
        images,
        liveness,
        version: None,
        extracted: false,
    }
}
