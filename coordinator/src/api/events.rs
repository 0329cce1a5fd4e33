//! Events: made from pictures by a handler, listed, and read one by one. The Handlers service
//! makes them under `/1`.

use std::time::Duration;

use goshawk_coordinator_core::{
    event::{MAX_LOCATION, MAX_SOURCE, MAX_TAGS, StoredEvent, view::EVENT_TARGETS},
    event_filter::EventQuery,
    handler::Handler,
};
use goshawk_proto::{
    id::{EventId, HandlerId},
    stream::{GeoPosition, Location},
};
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{
    call::{self, Call},
    detector::samples,
    query::Query,
    routes::{Access, Answer, Resource},
    upload::{self, Pictures, Purpose, Upload},
    vision,
};
use crate::{
    errors::{self, ApiError, Code},
    process::{
        EventDetails, FilteredFace, GenerateError, GenerateRequest, Generated, PictureError,
        PictureOptions, PictureOutcome, SourcePicture,
    },
};

/// The resources of the API.
pub fn resources() -> Vec<Resource> {
    let me = Access::Account;
    vec![
        Resource::at("/6/handlers/{handler_id}/events").on(Method::POST, me, generate),
        Resource::at("/6/events").on(Method::GET, me, list),
        Resource::at("/6/events/{event_id}")
            .on(Method::GET, me, get)
            .on(Method::HEAD, me, head),
    ]
}

/// The resources of the Handlers service.
pub fn internal_resources() -> Vec<Resource> {
    vec![Resource::at("/1/handlers/{handler_id}/events").on(Method::POST, Access::Header, generate)]
}

async fn list(call: Call) -> Answer {
    let account = call.owner()?;
    let query = EventQuery::from_query(call.query.pairs())?;
    let targets = query.targets.clone();
    let found = call
        .api
        .store
        .run(move |store| store.events(account, &query))
        .await?;
    let rows: Vec<_> = found.iter().map(|event| event.row(&targets)).collect();
    call::ok(&json!({"events": rows}))
}

async fn get(call: Call) -> Answer {
    let (account, id) = (call.account()?, call.id::<EventId>("event_id")?);
    let targets = call
        .query
        .targets("target", "events", &EVENT_TARGETS)?
        .unwrap_or_default();
    let targets: Vec<String> = targets.into_iter().map(str::to_owned).collect();
    let event = call
        .api
        .store
        .run(move |store| store.event(account, id))
        .await?;
    call::ok(&event.row(&targets))
}

async fn head(call: Call) -> Answer {
    get(call).await?;
    call::empty(StatusCode::OK)
}

async fn generate(call: Call) -> Answer {
    let account = call.account()?;
    let id: HandlerId = call.id("handler_id")?;
    let details = details(&call)?;
    let aggregate = call.query.flag("aggregate_attributes", false)?;
    let options = options(&call.query)?;
    let handler = call
        .api
        .store
        .run(move |store| store.handler(account, id))
        .await?;
    runnable(&handler)?;
    call.api.analyzer()?;
    let uploads = match upload::read(&call, Purpose::Events).await? {
        Pictures::Given(uploads) => uploads,
        Pictures::Samples(ids) => samples(&call.api, account, &ids).await?,
    };
    let request = GenerateRequest {
        account_id: account,
        handler,
        pictures: uploads
            .into_iter()
            .map(|upload| source(upload, options))
            .collect(),
        details,
        aggregate,
    };
    let made = call
        .api
        .processor
        .generate(request)
        .await
        .map_err(refused)?;
    call::json(StatusCode::CREATED, &answer(&made)?)
}

fn runnable(handler: &Handler) -> Result<(), ApiError> {
    match handler.is_dynamic {
        true => Err(Code::BadEventBody.at("policies", "dynamic handlers are not supported")),
        false => Ok(()),
    }
}

fn options(query: &Query) -> Result<PictureOptions, ApiError> {
    let kind = query.integer("image_type", 0..=2)?.unwrap_or(0);
    if kind == 2 {
        return Err(Code::FeatureDisabled.with("Body detection"));
    }
    Ok(PictureOptions {
        warp: kind == 1,
        use_exif: query.flag("use_exif_info", true)?,
    })
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

fn details(call: &Call) -> Result<EventDetails, ApiError> {
    let query = &call.query;
    let tags = query.list::<String>("tags")?.unwrap_or_default();
    if tags.len() > MAX_TAGS || tags.iter().any(|tag| tag.chars().count() > 36) {
        return Err(Code::BadQuery.with("tags"));
    }
    let track_id = query.text("track_id", 36)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if track_id
        .as_ref()
        .is_some_and(|id| id.is_empty() || !id.chars().all(plain))
    {
        return Err(Code::BadQuery.with("track_id"));
    }
    Ok(EventDetails {
        external_id: query.text("external_id", 36)?.unwrap_or_default(),
        user_data: query.text("user_data", 128)?.unwrap_or_default(),
        source: query.text("source", MAX_SOURCE)?,
        stream_id: query.value("stream_id")?,
        track_id,
        tags,
        location: location(query)?,
        meta: None,
        create_time: time_header(call, "luna-event-time")?,
        end_time: time_header(call, "luna-event-end-time")?,
        request_id: Some(call.origin.request_id.0.clone()),
    })
}

fn time_header(
    call: &Call,
    name: &'static str,
) -> Result<Option<goshawk_proto::time::Timestamp>, ApiError> {
    let Some(value) = call.headers.get(name) else {
        return Ok(None);
    };
    let parsed = value.to_str().ok().and_then(|text| text.parse().ok());
    parsed.map(Some).ok_or_else(|| Code::BadQuery.with(name))
}

fn location(query: &Query) -> Result<Location, ApiError> {
    let part = |name| query.text(name, MAX_LOCATION);
    let longitude = query.number("longitude", -180.0..=180.0)?;
    let latitude = query.number("latitude", -90.0..=90.0)?;
    let geo_position = match (longitude, latitude) {
        (Some(longitude), Some(latitude)) => Some(GeoPosition {
            longitude,
            latitude,
        }),
        (None, None) => None,
        (Some(_), None) => return Err(Code::BadQuery.with("latitude")),
        (None, Some(_)) => return Err(Code::BadQuery.with("longitude")),
    };
    Ok(Location {
        city: part("city")?,
        area: part("area")?,
        district: part("district")?,
        street: part("street")?,
        house_number: part("house_number")?,
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

fn answer(made: &Generated) -> Result<Value, ApiError> {
    let mut images = Vec::with_capacity(made.pictures.len());
    for picture in &made.pictures {
        images.push(image(picture)?);
    }
    let filtered: Vec<Value> = made.filtered.iter().map(filtered).collect();
    Ok(json!({
        "events": made.events.iter().map(StoredEvent::emitted).collect::<Vec<_>>(),
        "images": images,
        "filtered_detections": {"face_detections": filtered},
    }))
}

fn image(picture: &PictureOutcome) -> Result<Value, ApiError> {
    let (status, error) = match &picture.result {
        Ok(_) => (1, errors::success()),
        Err(PictureError::ManyFaces(_)) => (0, Code::ManyFaces.plain().body()),
        Err(PictureError::Extract(error)) => (0, vision::outcome(error.clone())?.body()),
    };
    Ok(json!({"filename": picture.filename, "status": status, "error": error}))
}

fn filtered(face: &FilteredFace) -> Value {
    let reasons: Vec<Value> = face
        .reasons
        .iter()
        .map(|reason| {
            json!({"filter_name": reason.name, "object_value": reason.value, "threshold_value": reason.threshold})
        })
        .collect();
    let mut detection = json!({"attributes": {}});
    if let Some(rect) = face.rect {
        detection["rect"] = json!(rect);
    }
    json!({"filter_reasons": reasons, "detection": {"filename": face.filename, "sample": {"detection": detection}}})
}
