//! Events: made from pictures by a handler, listed, and read one by one. The Handlers service
//! makes them under `/1`.

mod view;

use std::time::Duration;

use goshawk_coordinator_core::{
    event::{MAX_SOURCE, StoredEvent},
    event_filter::{EventQuery, Wanted},
    formats::{ExternalId, Latitude, Longitude, Slug, Tag, Text, UserData, Whole},
    handler::Handler,
    parameters,
    permission::{Action, Resource as Kind},
    query::{CommaList, Moment, QueryValue, Switch},
};
use goshawk_proto::{
    descriptor::Descriptor,
    id::{EventId, HandlerId, StreamId},
    stream::{GeoPosition, Location},
    time::Timestamp,
};
use serde_json::json;

use utoipa::openapi::{
    Required,
    path::{Parameter, ParameterBuilder, ParameterIn},
};

use self::view::{
    EventRow, Events, FilterReason, FilteredDetection, FilteredDetections, GeneratedEvents,
    ImageOutcome,
};
use super::{
    call::Call,
    operation::Operation,
    owners,
    payload::Params,
    reply::{Done, Exists, Made, Shaped},
    routes::{Access, Resource},
    sdk::view::{PeopleView, WholeEstimations},
    upload::{self, Pictures, Purpose, Upload},
    vision,
};
use crate::{
    auth::Scope,
    blobs::BlobKind,
    errors::{self, ApiError, Code},
    process::{
        EventDetails, FilteredFace, GenerateError, GenerateRequest, Generated, PictureError,
        PictureKind, PictureOptions, PictureOutcome, Question, SourcePicture,
    },
    store::{Store, Stored},
};

/// The resources of the API.
pub fn resources() -> Vec<Resource> {
    let view = Access::May(Kind::Event, Action::View);
    vec![
        generator("/6/handlers/{handler_id}/events", Access::Account),
        Resource::at("/6/events").serve(
            Operation::get("getEvents", view, list).about("Events that meet all given conditions."),
        ),
        Resource::at("/6/events/{event_id}")
            .serve(
                Operation::get("getEvent", view, get)
                    .about("One event.")
                    .fails(&[Code::EventNotFound]),
            )
            .serve(
                Operation::head("checkEvent", view, head)
                    .about("Whether an event exists.")
                    .fails(&[Code::EventNotFound]),
            ),
    ]
}

/// The resources of the Handlers service.
pub fn internal_resources() -> Vec<Resource> {
    vec![generator("/1/handlers/{handler_id}/events", Access::Header)]
}

fn generator(template: &'static str, access: Access) -> Resource {
    Resource::at(template).tagged("events").serve(
        Operation::post("generateEvents", access, generate)
            .about("Makes events of pictures as a handler's policies say.")
            .takes(upload::event_forms)
            .reshape(|shape, _| shape.parameters.extend(times()))
            .tells(&OF_PICTURES)
            .fails(&[
                Code::HandlerNotFound,
                Code::FeatureDisabled,
                Code::HandlerDenied,
                Code::EventsDenied,
                Code::BadContentType,
                Code::BadPartContentType,
                Code::BadMultipart,
                Code::BadBase64,
                Code::BadEventBody,
                Code::BadImageUrl,
                Code::NotDynamic,
                Code::BadQuery,
                Code::PayloadTooLarge,
                Code::ImageNotFound,
                Code::BadSdkDescriptor,
                Code::BadXpk,
                Code::DescriptorVersionUnsupported,
                Code::RawAggregation,
            ]),
    )
}

/// Errors of one picture, told beside it.
const OF_PICTURES: [Code; 4] = [
    Code::ManyFaces,
    Code::BadImage,
    Code::UnsupportedImage,
    Code::InvalidImageSize,
];

/// Headers that say when an event happened.
fn times() -> [Parameter; 2] {
    let time = |name, text| {
        ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some(text))
            .schema(Some(<Moment as QueryValue>::schema()))
            .build()
    };
    [
        time(
            "Luna-Event-Time",
            "When the events happened; now unless it is given.",
        ),
        time("Luna-Event-End-Time", "When the events ended."),
    ]
}

/// The rows of an account or of all that pass, as the query sorts them.
fn select(store: &dyn Store, scope: Scope, query: &EventQuery) -> Stored<Vec<StoredEvent>> {
    if let Scope::One(account) = scope {
        return store.events(account, query);
    }
    let mut first = query.clone();
    first.page.number = 1;
    first.page.size = query.page.skip().saturating_add(query.page.size);
    let mut rows = Vec::new();
    for account in owners::accounts(store, scope)? {
        rows.extend(store.events(account, &first)?);
    }
    query.sort(&mut rows);
    let page = rows.into_iter().skip(query.page.skip());
    Ok(page.take(query.page.size).collect())
}

async fn list(call: Call, Params(query): Params<EventQuery>) -> Result<Done<Events>, ApiError> {
    let scope = call.scope(query.account_id)?;
    let targets = query.targets.clone();
    let found = call
        .api
        .store
        .run(move |store| select(store, scope, &query))
        .await?;
    let rows = found.iter().map(|event| Shaped::new(event.row(&targets)));
    Ok(Done(Events {
        events: rows.collect(),
    }))
}

async fn found(call: &Call) -> Result<StoredEvent, ApiError> {
    let (caller, id) = (call.caller()?, call.id::<EventId>("event_id")?);
    let look = move |store: &dyn Store, account| store.event(account, id);
    Ok(owners::found(&call.api.store, caller, look).await?)
}

async fn get(
    call: Call,
    Params(wanted): Params<Wanted>,
) -> Result<Done<Shaped<EventRow>>, ApiError> {
    let row = found(&call).await?.row(&wanted.fields());
    Ok(Done(Shaped::new(row)))
}

async fn head(call: Call) -> Result<Exists, ApiError> {
    found(&call).await?;
    Ok(Exists)
}

parameters! {
    /// What a client says about the events to be made.
    pub struct Details {
        /// Their name in a foreign system.
        default external_id: ExternalId = ExternalId::default(),
        /// What users write.
        default user_data: UserData = UserData::default(),
        /// Where they come from.
        optional source: Text<0, MAX_SOURCE>,
        /// The stream they were seen in.
        optional stream_id: StreamId,
        /// The track they end.
        optional track_id: Slug<36>,
        /// Labels.
        optional tags: CommaList<Tag>,
        /// Where they were seen.
        optional city: Tag,
        /// Where they were seen.
        optional area: Tag,
        /// Where they were seen.
        optional district: Tag,
        /// Where they were seen.
        optional street: Tag,
        /// Where they were seen.
        optional house_number: Tag,
        /// Where they were seen, in degrees; goes with `latitude`.
        optional longitude: Longitude,
        /// Where they were seen, in degrees; goes with `longitude`.
        optional latitude: Latitude,
        /// Whether liveness is decided over all pictures together.
        default aggregate_attributes: Switch = Switch(false),
        /// 0: whole pictures, 1: face samples, 2: body samples.
        default image_type: Whole<0, 2> = Whole::<0, 2>::of::<0>(),
        /// Whether pictures are turned as their EXIF tags say.
        default use_exif_info: Switch = Switch(true),
    }
}

async fn generate(
    call: Call,
    Params(given): Params<Details>,
) -> Result<Made<GeneratedEvents>, ApiError> {
    let (caller, id) = (call.caller()?, call.id::<HandlerId>("handler_id")?);
    caller.may_emit(id)?;
    let account = caller.account_id;
    let (aggregate, options) = (given.aggregate_attributes.0, options(&given));
    let details = details(&call, given)?;
    let handler = call
        .api
        .store
        .run(move |store| store.handler(account, id))
        .await?;
    runnable(&handler)?;
    let can = call.api.analyzer()?.can();
    let question = Question::of(&handler.policies, options, can);
    call.api.possible(&question.ask.wanted)?;
    let samples = match options.kind {
        PictureKind::BodySample => BlobKind::BodySample,
        PictureKind::Scene | PictureKind::FaceSample => BlobKind::FaceSample,
    };
    let mut descriptor = None;
    let uploads = match upload::read(&call, Purpose::Events).await? {
        Pictures::Given(uploads) => uploads,
        Pictures::Descriptor(bytes) => {
            descriptor = Some(usable(&call, &bytes, aggregate)?);
            Vec::new()
        }
        Pictures::Samples(ids) => upload::samples(&call.api, account, samples, &ids).await?,
        Pictures::Addresses(addresses) => {
            let first = addresses.first().map_or("", |address| &address.url);
            return Err(upload::unreachable(first));
        }
    };
    let count = &handler.policies.detect_policy.estimate_people_count;
    let with_coordinates = count.people_coordinates.0;
    let request = GenerateRequest {
        account_id: account,
        handler,
        pictures: uploads
            .into_iter()
            .map(|upload| source(upload, options))
            .collect(),
        descriptor,
        details,
        aggregate,
    };
    let is_descriptor = request.descriptor.is_some();
    let made = call
        .api
        .processor
        .generate(request)
        .await
        .map_err(refused)?;
    let mut answer = answer(&made, with_coordinates)?;
    if is_descriptor {
        answer.images.push(ImageOutcome::fine(upload::UNNAMED));
    }
    Ok(Made(answer))
}

/// An SDK descriptor of the version that is compared here.
fn usable(call: &Call, bytes: &[u8], aggregate: bool) -> Result<Descriptor, ApiError> {
    if aggregate {
        return Err(Code::RawAggregation.plain());
    }
    let descriptor = call.api.sdk_descriptor(bytes)?;
    match call.api.descriptor_version() {
        Some(current) if current == descriptor.version() => Ok(descriptor),
        _ => Err(Code::DescriptorVersionUnsupported.with(descriptor.version())),
    }
}

fn runnable(handler: &Handler) -> Result<(), ApiError> {
    match handler.is_dynamic {
        true => Err(Code::BadEventBody.at("policies", "dynamic handlers are not supported")),
        false => Ok(()),
    }
}

fn options(given: &Details) -> PictureOptions {
    PictureOptions {
        kind: match given.image_type.get() {
            1 => PictureKind::FaceSample,
            2 => PictureKind::BodySample,
            _ => PictureKind::Scene,
        },
        use_exif: given.use_exif_info.0,
    }
}

fn source(upload: Upload, options: PictureOptions) -> SourcePicture {
    SourcePicture {
        filename: upload.filename,
        bytes: upload.bytes,
        options,
        detect_time: upload.detect_time,
        detect_ts: upload.detect_ts,
        reference: None,
    }
}

fn details(call: &Call, given: Details) -> Result<EventDetails, ApiError> {
    let location = location(&given)?;
    let tags = given.tags.map(|tags| tags.0).unwrap_or_default();
    Ok(EventDetails {
        external_id: given.external_id.into(),
        user_data: given.user_data.into(),
        source: given.source.map(Into::into),
        stream_id: given.stream_id,
        track_id: given.track_id.map(Into::into),
        tags: tags.into_iter().map(Into::into).collect(),
        location,
        meta: None,
        create_time: time_header(call, "luna-event-time")?,
        end_time: time_header(call, "luna-event-end-time")?,
        request_id: Some(call.origin.request_id.0.clone()),
    })
}

fn time_header(call: &Call, name: &'static str) -> Result<Option<Timestamp>, ApiError> {
    let Some(value) = call.headers.get(name) else {
        return Ok(None);
    };
    let parsed = value.to_str().ok().and_then(|text| text.parse().ok());
    parsed.map(Some).ok_or_else(|| Code::BadQuery.with(name))
}

fn location(given: &Details) -> Result<Location, ApiError> {
    let part = |text: &Option<Tag>| text.as_ref().map(|text| text.as_str().to_owned());
    let geo_position = match (given.longitude, given.latitude) {
        (Some(longitude), Some(latitude)) => Some(GeoPosition {
            longitude: longitude.get(),
            latitude: latitude.get(),
        }),
        (None, None) => None,
        (Some(_), None) => return Err(Code::BadQuery.with("latitude")),
        (None, Some(_)) => return Err(Code::BadQuery.with("longitude")),
    };
    Ok(Location {
        city: part(&given.city),
        area: part(&given.area),
        district: part(&given.district),
        street: part(&given.street),
        house_number: part(&given.house_number),
        geo_position,
    })
}

fn refused(error: GenerateError) -> ApiError {
    match error {
        GenerateError::NoModels => Code::FeatureDisabled.with("Face detection and extraction"),
        GenerateError::Busy(reason) => {
            tracing::warn!("event refused for now: {reason}");
            let wait = Duration::from_secs(1);
            Code::ProcessingTimeout
                .with(wait.as_secs())
                .retry_after(wait)
        }
        GenerateError::Failed(reason) => ApiError::internal("event", &reason),
    }
}

fn answer(made: &Generated, with_coordinates: bool) -> Result<GeneratedEvents, ApiError> {
    let events = made.events.iter().map(|event| Shaped::new(event.emitted()));
    Ok(GeneratedEvents {
        events: events.collect(),
        images: made
            .pictures
            .iter()
            .map(|picture| image(picture, with_coordinates))
            .collect::<Result<_, _>>()?,
        filtered_detections: FilteredDetections {
            face_detections: made.filtered.iter().map(filtered).collect(),
        },
    })
}

fn image(picture: &PictureOutcome, with_coordinates: bool) -> Result<ImageOutcome, ApiError> {
    let (status, error) = match &picture.result {
        Ok(_) => (1, errors::success()),
        Err(PictureError::ManyFaces(_)) => (0, Code::ManyFaces.plain().body()),
        Err(PictureError::Extract(error)) => (0, vision::outcome(error.clone())?.body()),
    };
    Ok(ImageOutcome {
        filename: picture.filename.clone(),
        status,
        error: Shaped::new(error),
        exif: picture.exif.clone().map(Into::into),
        image_estimations: picture.people.as_ref().map(|places| WholeEstimations {
            people: Some(PeopleView::of(places, with_coordinates)),
        }),
    })
}

fn filtered(face: &FilteredFace) -> FilteredDetection {
    let reasons = face.reasons.iter().map(|reason| FilterReason {
        filter_name: reason.name.to_string(),
        object_value: json!(reason.value),
        threshold_value: json!(reason.threshold),
    });
    FilteredDetection {
        filter_reasons: reasons.collect(),
        detection: json!({"filename": face.filename, "sample": {"detection": face.detection}}),
    }
}
