//! Events made of pictures: what `/6/handlers/{id}/events` does.

use bytes::Bytes;
use goshawk_coordinator_core::{
    code::Multiface,
    event::StoredEvent,
    handler::{Handler, Policies},
    policy::FilterReason,
};
use goshawk_models::{
    ExifTags,
    estimate::{BodyReport, Capabilities, FaceReport},
};
use goshawk_proto::{
    descriptor::Descriptor,
    geometry::Point,
    id::{AccountId, EventId, StreamId},
    stream::Location,
    time::Timestamp,
};
use serde_json::Value;

use super::{
    ProcessError, Processor, Question, Verdict, count,
    draft::{BodyView, Draft, Shot},
    execute::Outcome,
    extract::{Analyzer, ExtractError, PictureKind, PictureOptions, Seen},
    now,
    telling::{Sighting, Teller},
};
use crate::estimations::{checks::chosen::Chosen, event};

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
    /// A descriptor in place of pictures, of the version in use.
    pub descriptor: Option<Descriptor>,
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
    /// How many faces were found that the handler's rule for several faces leaves.
    pub result: Result<usize, PictureError>,
    /// How it was taken, where the handler asks for that.
    pub exif: Option<ExifTags>,
    /// Where people are, where the handler has them counted.
    pub people: Option<Vec<Point>>,
}

/// A face that the handler's filters did not let through.
#[derive(Clone, Debug, PartialEq)]
pub struct FilteredFace {
    /// Name of its picture.
    pub filename: String,
    /// Where it is and what was estimated of it, as the contract writes it.
    pub detection: Value,
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
        let policies = &request.handler.policies;
        let checks = checks(policies)?;
        let mut out = Generated::default();
        let mut sightings = Vec::new();
        for (number, picture) in request.pictures.iter().enumerate() {
            let question = Question::of(policies, picture.options, analyzer.can());
            let teller = Teller {
                policies,
                checks: checks.as_ref(),
                picture,
                number,
                shown: &question.shown,
            };
            let seen = look(&analyzer, policies, &question, picture).await;
            if let Err(PictureError::Extract(ExtractError::Busy)) = &seen {
                return Err(GenerateError::Busy(ExtractError::Busy.to_string()));
            }
            out.pictures.push(outcome(picture, &seen));
            let Ok(mut seen) = seen else { continue };
            for person in std::mem::take(&mut seen.people) {
                match teller.person(person, &seen) {
                    Ok(sighting) => sightings.push(sighting),
                    Err(filtered) => out.filtered.push(*filtered),
                }
            }
        }
        let mut groups = groups(sightings, request.aggregate);
        if request.descriptor.is_some() {
            groups.push(Vec::new());
        }
        for group in groups {
            let draft = draft(&request, group, analyzer.can());
            if let Outcome::Done(event) = self.executor.run(draft, None).await? {
                count(&self.counters.generated);
                out.events.push(*event);
            }
        }
        Ok(out)
    }
}

/// The checks of face quality that a handler asks for. They were looked at when it was made.
fn checks(policies: &Policies) -> Result<Option<Chosen>, GenerateError> {
    let policy = &policies.detect_policy.face_quality;
    match policy.estimate.0 {
        true => match Chosen::of(policy) {
            Ok(chosen) => Ok(Some(chosen)),
            Err(invalid) => Err(GenerateError::Failed(format!(
                "{}: {}",
                invalid.path, invalid.message
            ))),
        },
        false => Ok(None),
    }
}

/// The people of a picture that the handler takes.
async fn look(
    analyzer: &Analyzer,
    policies: &Policies,
    question: &Question,
    picture: &SourcePicture,
) -> Result<Seen, PictureError> {
    let detect = &policies.detect_policy;
    let mut seen = analyzer
        .look(picture.bytes.clone(), question.ask.clone())
        .await?;
    let faces = seen.faces();
    if detect.multiface_policy == Multiface::Refuse && faces > 1 {
        return Err(PictureError::ManyFaces(faces));
    }
    let by_face =
        picture.options.kind == PictureKind::Scene && detect.multiface_policy != Multiface::All;
    if by_face {
        // Under these policies bodies count only with their faces.
        seen.people.retain(|person| person.face.is_some());
    }
    Ok(seen)
}

fn outcome(picture: &SourcePicture, seen: &Result<Seen, PictureError>) -> PictureOutcome {
    let (exif, people) = match seen {
        Ok(seen) => (seen.exif.clone(), seen.count.clone()),
        Err(_) => (None, None),
    };
    PictureOutcome {
        filename: picture.filename.clone(),
        result: seen.as_ref().map(Seen::faces).map_err(Clone::clone),
        exif,
        people,
    }
}

fn groups(sightings: Vec<Sighting>, aggregate: bool) -> Vec<Vec<Sighting>> {
    let mut people: Vec<Sighting> = sightings;
    people.retain(|one| one.face.is_some() || one.body.is_some());
    if aggregate && !people.is_empty() {
        return vec![people];
    }
    people.into_iter().map(|one| vec![one]).collect()
}

fn draft(request: &GenerateRequest, group: Vec<Sighting>, can: &Capabilities) -> Draft {
    let detect = &request.handler.policies.detect_policy;
    let options = request.pictures.first().map(|picture| picture.options);
    let shown = Question::of(&request.handler.policies, options.unwrap_or_default(), can).shown;
    let faces: Vec<&FaceReport> = group
        .iter()
        .filter_map(|one| one.face.as_ref().map(|(_, report)| report))
        .collect();
    let bodies: Vec<&BodyReport> = group
        .iter()
        .filter_map(|one| one.body.as_ref().map(|(_, report)| report))
        .collect();
    let estimated = event::together(&faces, &bodies, &shown, detect);
    let live = detect.estimate_liveness.estimate.0;
    let liveness = live.then(|| event::liveness(faces.iter().copied(), detect));
    let (mut shots, mut bodies) = (Vec::new(), Vec::new());
    for one in group {
        shots.extend(one.face.map(|(shot, _)| shot));
        bodies.extend(one.body.and_then(|(view, _)| view));
    }
    let images = images(request, &mut shots, &mut bodies);
    let create_time = request.details.create_time.unwrap_or_else(now);
    Draft {
        event_id: EventId(uuid::Uuid::now_v7()),
        account_id: request.account_id,
        handler: request.handler.clone(),
        details: request.details.clone(),
        create_time,
        end_time: request.details.end_time.unwrap_or(create_time),
        shots,
        given: request.descriptor.clone(),
        bodies,
        images,
        liveness,
        estimated,
        version: None,
        extracted: false,
    }
}

/// Only the pictures that this event was seen in, numbered anew.
fn images(request: &GenerateRequest, shots: &mut [Shot], bodies: &mut [BodyView]) -> Vec<Bytes> {
    let (mut images, mut numbers) = (Vec::new(), Vec::new());
    let of_shots = shots.iter_mut().map(|shot| &mut shot.image);
    for image in of_shots.chain(bodies.iter_mut().map(|body| &mut body.image)) {
        let Some(number) = *image else { continue };
        let known = numbers.iter().position(|known| *known == number);
        *image = Some(known.unwrap_or_else(|| {
            numbers.push(number);
            images.push(request.pictures[number].bytes.clone());
            numbers.len() - 1
        }));
    }
    images
}
