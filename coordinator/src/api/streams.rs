//! `/2/streams` of the Streams service: what is watched, and how it fares.
//!
//! The service knows no accounts of its own: a body or query names the account, and the listener
//! is reachable from this machine only.

mod body;

use std::sync::Arc;

use goshawk_coordinator_core::{
    query::Page,
    stream::{MAX_DESCRIPTION, StreamRecord, lifecycle::Input, mask_credentials},
};
use goshawk_proto::{
    id::{AccountId, StreamId},
    stream::StreamStatus,
};
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{
    Api,
    call::{self, Call},
    fields::{Field, Fields},
    query::Query,
    routes::{Access, Answer, Resource},
};
use crate::{
    errors::{ApiError, Code},
    store::{Store, StoreError, Stored, StreamQuery},
};

const STATUSES: &[(&str, StreamStatus)] = &[
    ("pending", StreamStatus::Pending),
    ("in_progress", StreamStatus::InProgress),
    ("done", StreamStatus::Done),
    ("pause", StreamStatus::Pause),
    ("restart", StreamStatus::Restart),
    ("cancel", StreamStatus::Cancel),
    ("failure", StreamStatus::Failure),
    ("handler_lost", StreamStatus::HandlerLost),
];
const COMMANDS: &[(&str, StreamStatus)] = &[
    ("pending", StreamStatus::Pending),
    ("pause", StreamStatus::Pause),
    ("cancel", StreamStatus::Cancel),
];

/// The resources.
pub fn resources() -> Vec<Resource> {
    let all = Access::Open;
    vec![
        Resource::at("/2/streams")
            .on(Method::POST, all, create)
            .on(Method::GET, all, list)
            .on(Method::DELETE, all, delete_several),
        Resource::at("/2/streams/count").on(Method::GET, all, count),
        Resource::at("/2/streams/{stream_id}")
            .on(Method::GET, all, get)
            .on(Method::PUT, all, put)
            .on(Method::PATCH, all, patch)
            .on(Method::DELETE, all, delete),
    ]
}

/// The contract's object: [`StreamRecord::view`] and the fields of the body that streams here do
/// not keep, because they have one meaning only.
fn view(stream: &StreamRecord) -> Value {
    let mut view = stream.view();
    let whole = json!({"mode": "abs", "x": 0, "y": 0, "width": 0, "height": 0});
    let analytics = view
        .pointer_mut("/data/analytics")
        .and_then(Value::as_array_mut);
    for one in analytics.into_iter().flatten() {
        if one["droi"].is_null() {
            one["droi"] = whole.clone();
        }
        // Events are stored under the stream's own account, whatever token a client sent along.
        one["event_handler"]["authorization"] = json!({"account_id": stream.account_id});
        if one["healthcheck"]["timeout"].is_null()
            && let Some(healthcheck) = one["healthcheck"].as_object_mut()
        {
            healthcheck.remove("timeout");
        }
    }
    if let Some(data) = view["data"].as_object_mut() {
        let kind = data
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        data.retain(|name, _| match name.as_str() {
            "endless" => kind == "tcp" || kind == "udp",
            "mask" => kind == "images",
            _ => true,
        });
    }
    view
}

async fn create(call: Call) -> Answer {
    let new = body::read(&call).await?;
    let stream = StreamRecord::new(StreamId::random(), new, call.api.now());
    let id = stream.stream_id;
    call.api
        .store
        .run(move |store| store.create_stream(&stream))
        .await?;
    call.api.assigner.changed();
    call::created(
        &format!("/2/streams/{id}"),
        &json!({"stream_id": id, "version": 1}),
    )
}

fn stream_query(query: &Query) -> Result<StreamQuery, ApiError> {
    let statuses = query.list::<String>("statuses")?;
    let status = |name: String| {
        let found = STATUSES.iter().find(|(word, _)| *word == name);
        found
            .map(|(_, status)| *status)
            .ok_or_else(|| Code::BadQuery.with("statuses"))
    };
    Ok(StreamQuery {
        stream_ids: query.list("stream_ids")?,
        names: query.list("names")?,
        reference: query.text("reference", 512)?,
        statuses: statuses
            .map(|names| names.into_iter().map(status).collect())
            .transpose()?,
        create_time_gte: query.time("create_time__gte")?,
        create_time_lt: query.time("create_time__lt")?,
        page: query.page()?,
    })
}

fn account_filter(query: &Query) -> Result<Option<AccountId>, ApiError> {
    query.value("account_id")
}

/// Streams that pass, of one account or of all, oldest first, with the page not yet applied.
fn select(
    store: &dyn Store,
    account: Option<AccountId>,
    query: &StreamQuery,
) -> Stored<Vec<StreamRecord>> {
    let mut all = store.all_streams()?;
    all.retain(|stream| account.is_none_or(|id| stream.account_id == id) && query.accept(stream));
    Ok(all)
}

async fn list(call: Call) -> Answer {
    let (account, query) = (account_filter(&call.query)?, stream_query(&call.query)?);
    if call.query.raw("group_name").is_some() {
        return call::ok(&json!({"streams": []}));
    }
    let found = call.api.store.run(move |store| {
        let all = select(store, account, &query)?;
        Ok(all
            .into_iter()
            .skip(query.page.skip())
            .take(query.page.size)
            .collect::<Vec<_>>())
    });
    let rows: Vec<Value> = found.await?.iter().map(view).collect();
    call::ok(&json!({"streams": rows}))
}

async fn count(call: Call) -> Answer {
    let (account, query) = (account_filter(&call.query)?, stream_query(&call.query)?);
    let count = call
        .api
        .store
        .run(move |store| Ok(select(store, account, &query)?.len()))
        .await?;
    call::ok(&json!({"streams_count": count}))
}

/// The stream of the path, if it belongs to the account that the query may name.
async fn found(call: &Call) -> Result<StreamRecord, ApiError> {
    let id: StreamId = call.id("stream_id")?;
    let account = account_filter(&call.query)?;
    let stream = call
        .api
        .store
        .run(move |store| store.stream_of_any(id))
        .await?;
    if account.is_some_and(|account| account != stream.account_id) {
        return Err(Code::StreamNotFound.with(id));
    }
    Ok(stream)
}

async fn get(call: Call) -> Answer {
    call::ok(&view(&found(&call).await?))
}

async fn put(call: Call) -> Answer {
    let id: StreamId = call.id("stream_id")?;
    let mut new = body::read(&call).await?;
    let account = new.account_id;
    let old = call
        .api
        .store
        .run(move |store| store.stream_of_any(id))
        .await;
    let stream = match old {
        Ok(old) if old.account_id == account => {
            if new.data.reference == mask_credentials(&old.data.reference) {
                // A client that sends back what it read must not lose the password it was not shown.
                new.data.reference.clone_from(&old.data.reference);
            }
            let change = move |stream: &mut StreamRecord| stream.replace(new.clone());
            call.api
                .store
                .run(move |store| store.update_stream(account, id, &change))
                .await?
        }
        Ok(_) | Err(StoreError::NotFound { .. }) => return Err(Code::StreamNotFound.with(id)),
        Err(error) => return Err(error.into()),
    };
    call.api.assigner.changed();
    call::ok(&json!({"stream_id": id, "version": stream.version}))
}

async fn patch(call: Call) -> Answer {
    let body = call.json(Code::BadJson).await?;
    let mut fields = Fields::of(&body, Code::BadJson)?;
    let text = |field: Field<'_>| field.text(0..=MAX_DESCRIPTION);
    let description = fields.get("description").map(text).transpose()?;
    let status = fields
        .get("status")
        .map(|field| field.one_of(COMMANDS))
        .transpose()?;
    fields.finish()?;
    if description.is_none() && status.is_none() {
        return Err(Code::BadJson.at("", "at least one field must have a value"));
    }
    let stream = found(&call).await?;
    if let Some(status) = status {
        possible(&stream, status)?;
    }
    let (account, id, now) = (stream.account_id, stream.stream_id, call.api.now());
    let change = move |stream: &mut StreamRecord| {
        if let Some(text) = &description {
            stream.description.clone_from(text);
        }
        match status {
            Some(StreamStatus::Pause) => drop(stream.apply(now, Input::Pause)),
            Some(StreamStatus::Cancel) => drop(stream.apply(now, Input::Cancel)),
            Some(_) => drop(stream.apply(now, Input::Resume)),
            None => {}
        }
    };
    call.api
        .store
        .run(move |store| store.update_stream(account, id, &change))
        .await?;
    call.api.assigner.changed();
    call::empty(StatusCode::NO_CONTENT)
}

/// A finished stream can be neither paused nor cancelled.
fn possible(stream: &StreamRecord, wanted: StreamStatus) -> Result<(), ApiError> {
    let over = matches!(
        stream.state.status,
        StreamStatus::Done | StreamStatus::Failure | StreamStatus::Cancel
    );
    match wanted {
        StreamStatus::Cancel if over && stream.state.status != StreamStatus::Cancel => {
            Err(Code::StreamCannotCancel.with(stream.stream_id))
        }
        StreamStatus::Pause if over => Err(Code::StreamCannotStop.with(stream.stream_id)),
        _ => Ok(()),
    }
}

async fn delete(call: Call) -> Answer {
    let stream = found(&call).await?;
    let (account, id) = (stream.account_id, stream.stream_id);
    call.api
        .store
        .run(move |store| store.delete_stream(account, id))
        .await?;
    call.api.assigner.changed();
    call::empty(StatusCode::NO_CONTENT)
}

async fn delete_several(call: Call) -> Answer {
    let account = account_filter(&call.query)?;
    let body = call.json(Code::BadJson).await?;
    let mut fields = Fields::of(&body, Code::BadJson)?;
    let ids = fields
        .some("stream_ids")
        .map(|field| field.ids::<StreamId>(0..=1000))
        .transpose()?;
    let names = match fields.some("names") {
        Some(field) => Some(
            field
                .array(0..=1000)?
                .iter()
                .map(|name| name.text(0..=128))
                .collect::<Result<Vec<_>, _>>()?,
        ),
        None => None,
    };
    fields.finish()?;
    if ids.is_none() && names.is_none() {
        return Err(Code::BadJson.at("", "at least one field must have a value"));
    }
    let query = StreamQuery {
        stream_ids: ids,
        names,
        page: Page::default(),
        ..StreamQuery::default()
    };
    let api: Arc<Api> = Arc::clone(&call.api);
    api.store
        .run(move |store| {
            for stream in select(store, account, &query)? {
                match store.delete_stream(stream.account_id, stream.stream_id) {
                    Ok(()) | Err(StoreError::NotFound { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        })
        .await?;
    api.assigner.changed();
    call::empty(StatusCode::NO_CONTENT)
}
