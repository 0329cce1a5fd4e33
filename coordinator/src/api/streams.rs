//! `/2/streams` of the Streams service: what is watched, and how it fares.
//!
//! The service knows no accounts of its own: a body or query names the account, and the listener
//! is reachable from this machine only.

mod body;
mod groups;
mod preview;
mod v1;

use std::collections::HashMap;

use goshawk_coordinator_core::{
    formats::{Slug, Text},
    parameters, published,
    query::{CommaList, Moment, Page},
    stream::{NewStream, Preview, StreamRecord, StreamView, lifecycle::Input, mask_credentials},
    words,
};
use goshawk_proto::{
    id::{AccountId, StreamId},
    stream::{StreamStatus, VideoInfo},
};
use serde::Serialize;
use utoipa::ToSchema;

use self::body::{Command, StreamPatch, StreamsToDelete, group_of, handlers_exist};
use super::{
    Api,
    call::Call,
    operation::Operation,
    payload::{Json, Params},
    reply::{Created, Done, NoContent},
    routes::{Access, Resource},
};
use crate::{
    errors::{ApiError, Code},
    store::{Store, StoreError, Stored, StreamQuery},
};

/// The resources.
pub fn resources() -> Vec<Resource> {
    let all = Access::Open;
    let mut resources = vec![
        Resource::at("/2/streams")
            .tagged("streams")
            .serve(
                Operation::post("createStreamV2", all, create)
                    .about("Makes a stream; an agent takes it up as soon as one has room."),
            )
            .serve(
                Operation::get("getStreamsV2", all, list)
                    .about("Streams that meet all given conditions, oldest first."),
            )
            .serve(
                Operation::delete("deleteStreamsV2", all, delete_several)
                    .about("Removes streams; those that are gone already are no mistake."),
            ),
        Resource::at("/2/streams/count").tagged("streams").serve(
            Operation::get("countStreamsV2", all, count)
                .about("How many streams meet all given conditions."),
        ),
        Resource::at("/2/streams/{stream_id}")
            .tagged("streams")
            .serve(
                Operation::get("getStreamV2", all, get)
                    .about("One stream.")
                    .fails(&[Code::StreamNotFound]),
            )
            .serve(
                Operation::put("putStreamV2", all, put)
                    .about("Replaces a stream and starts it again.")
                    .fails(&[Code::StreamNotFound]),
            )
            .serve(
                Operation::patch("patchStreamV2", all, patch)
                    .about("Pauses, resumes or ends a stream, or changes its description.")
                    .fails(&[
                        Code::StreamNotFound,
                        Code::StreamCannotStop,
                        Code::StreamCannotCancel,
                    ]),
            )
            .serve(
                Operation::delete("removeStreamV2", all, delete)
                    .about("Removes a stream.")
                    .fails(&[Code::StreamNotFound]),
            ),
    ];
    resources.extend(v1::resources());
    for version in [1, 2] {
        resources.extend(preview::resources(version));
        resources.extend(groups::resources(version));
    }
    resources
}

words! {
    /// How a stream fares.
    pub enum Status: "streams" {
        Pending = "pending",
        InProgress = "in_progress",
        Done = "done",
        Pause = "pause",
        Restart = "restart",
        Cancel = "cancel",
        Failure = "failure",
        HandlerLost = "handler_lost",
    }
}

impl From<Status> for StreamStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Pending => Self::Pending,
            Status::InProgress => Self::InProgress,
            Status::Done => Self::Done,
            Status::Pause => Self::Pause,
            Status::Restart => Self::Restart,
            Status::Cancel => Self::Cancel,
            Status::Failure => Self::Failure,
            Status::HandlerLost => Self::HandlerLost,
        }
    }
}

parameters! {
    /// Whose streams.
    pub struct Owner {
        /// Streams of this account only.
        optional account_id: AccountId,
    }
}

parameters! {
    /// Which streams.
    pub struct Filters {
        /// One of these streams.
        optional stream_ids: CommaList<StreamId>,
        /// With one of these names.
        optional names: CommaList<Text<0, 128>>,
        /// From this source.
        optional reference: Text<0, 512>,
        /// With one of these statuses.
        optional statuses: CommaList<Status>,
        /// Made before this moment.
        optional create_time__lt: Moment,
        /// Made at this moment or later.
        optional create_time__gte: Moment,
    }
}

parameters! {
    /// Of which group.
    pub struct Group {
        /// In the group of this name.
        optional group_name: Slug<128>,
    }
}

impl Filters {
    fn query(self, page: Page) -> StreamQuery {
        StreamQuery {
            stream_ids: self.stream_ids.map(|ids| ids.0),
            names: self
                .names
                .map(|names| names.0.into_iter().map(Into::into).collect()),
            reference: self.reference.map(Into::into),
            statuses: self
                .statuses
                .map(|statuses| statuses.0.into_iter().map(Into::into).collect()),
            create_time_gte: self.create_time__gte.map(|moment| moment.0),
            create_time_lt: self.create_time__lt.map(|moment| moment.0),
            groups: None,
            page,
        }
    }
}

/// A stream that was made.
#[derive(Debug, Serialize, ToSchema)]
pub struct StreamMade {
    /// The stream.
    pub stream_id: StreamId,
    /// Its first version.
    #[schema(value_type = First)]
    pub version: u64,
}

/// The number of every first version.
pub struct First;

published!(
    First,
    "FirstVersion",
    utoipa::openapi::ObjectBuilder::new()
        .schema_type(utoipa::openapi::Type::Integer)
        .enum_values(Some([1]))
);

/// A stream that was replaced.
#[derive(Debug, Serialize, ToSchema)]
pub struct StreamReplaced {
    /// The stream.
    pub stream_id: StreamId,
    /// Its version from now on.
    #[schema(minimum = 1)]
    pub version: u64,
}

/// A page of streams.
#[derive(Debug, Serialize, ToSchema)]
pub struct Streams {
    /// The streams.
    #[schema(min_items = 0)]
    pub streams: Vec<StreamView>,
}

/// How many streams.
#[derive(Debug, Serialize, ToSchema)]
pub struct StreamCount {
    /// How many.
    pub streams_count: usize,
}

async fn create(call: Call, Json(new): Json<NewStream>) -> Result<Created<StreamMade>, ApiError> {
    let body = make(&call, new).await?;
    Ok(Created {
        location: format!("/2/streams/{}", body.stream_id),
        body,
    })
}

async fn make(call: &Call, new: NewStream) -> Result<StreamMade, ApiError> {
    handlers_exist(&call.api, &new).await?;
    let group = group_of(&call.api, &new).await?;
    let mut stream = StreamRecord::new(StreamId::random(), new, call.api.now());
    stream.groups.extend(group);
    let stream_id = stream.stream_id;
    call.api
        .store
        .run(move |store| store.create_stream(&stream))
        .await?;
    call.api.assigner.changed();
    Ok(StreamMade {
        stream_id,
        version: 1,
    })
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

/// What a client sees of streams: their rows, and what their agents say right now.
async fn views(api: &Api, streams: &[StreamRecord]) -> Result<Vec<StreamView>, ApiError> {
    let mut names = HashMap::new();
    if streams.iter().any(|stream| !stream.groups.is_empty()) {
        let groups = api.store.run(move |store| store.groups(None)).await?;
        names.extend(
            groups
                .into_iter()
                .map(|group| (group.group_id, group.group_name)),
        );
    }
    let groups = |stream: &StreamRecord| {
        let names = stream.groups.iter().filter_map(|id| names.get(id).cloned());
        names.collect()
    };
    let videos = api.assigner.videos(streams);
    let view = |(stream, video): (&StreamRecord, Option<VideoInfo>)| {
        let view = StreamView::of(stream).with_video(video);
        let view = view.with_groups(groups(stream));
        let running = stream.state.status == StreamStatus::InProgress;
        let agent = stream.state.agent.filter(|_| running);
        match agent {
            Some(agent) if api.ingest.shows_pictures(agent) => {
                view.with_preview(Preview::below(&format!("/2/streams/{}", stream.stream_id)))
            }
            _ => view,
        }
    };
    Ok(streams.iter().zip(videos).map(view).collect())
}

/// Streams that pass, oldest first, before the page.
async fn selected(
    api: &Api,
    owner: Owner,
    filters: Filters,
    group: Group,
) -> Result<Vec<StreamRecord>, ApiError> {
    let mut query = filters.query(Page::default());
    let found = api.store.run(move |store| {
        if let Some(name) = group.group_name {
            let groups = store.groups(owner.account_id)?.into_iter();
            let named = groups.filter(|group| group.group_name == name.as_str());
            query.groups = Some(named.map(|group| group.group_id).collect());
        }
        select(store, owner.account_id, &query)
    });
    Ok(found.await?)
}

async fn list(
    call: Call,
    Params(((owner, filters), (group, page))): Params<((Owner, Filters), (Group, Page))>,
) -> Result<Done<Streams>, ApiError> {
    let found = selected(&call.api, owner, filters, group).await?;
    let page: Vec<_> = found
        .into_iter()
        .skip(page.skip())
        .take(page.size)
        .collect();
    Ok(Done(Streams {
        streams: views(&call.api, &page).await?,
    }))
}

async fn count(
    call: Call,
    Params((owner, filters)): Params<(Owner, Filters)>,
) -> Result<Done<StreamCount>, ApiError> {
    let query = filters.query(Page::default());
    let count = call
        .api
        .store
        .run(move |store| Ok(select(store, owner.account_id, &query)?.len()));
    Ok(Done(StreamCount {
        streams_count: count.await?,
    }))
}

/// The stream of the path, if it belongs to the account that the query may name.
fn found(call: &Call, owner: &Owner) -> Result<StreamRecord, ApiError> {
    let (id, account) = (call.id::<StreamId>("stream_id")?, owner.account_id);
    let stream = call.api.store.look(|store| store.stream_of_any(id))?;
    if account.is_some_and(|account| account != stream.account_id) {
        return Err(Code::StreamNotFound.with(id));
    }
    Ok(stream)
}

async fn get(call: Call, Params(owner): Params<Owner>) -> Result<Done<StreamView>, ApiError> {
    let stream = found(&call, &owner)?;
    let mut views = views(&call.api, std::slice::from_ref(&stream)).await?;
    Ok(Done(views.remove(0)))
}

async fn put(call: Call, Json(new): Json<NewStream>) -> Result<Done<StreamReplaced>, ApiError> {
    replace(&call, new).await.map(Done)
}

async fn replace(call: &Call, mut new: NewStream) -> Result<StreamReplaced, ApiError> {
    let stream_id: StreamId = call.id("stream_id")?;
    handlers_exist(&call.api, &new).await?;
    let group = group_of(&call.api, &new).await?;
    let account = new.account_id;
    let old = call
        .api
        .store
        .run(move |store| store.stream_of_any(stream_id))
        .await;
    let stream = match old {
        Ok(old) if old.account_id == account => {
            if new.data.reference == mask_credentials(&old.data.reference) {
                // A client that sends back what it read must not lose the password it was not shown.
                new.data.reference.clone_from(&old.data.reference);
            }
            let change = move |stream: &mut StreamRecord| {
                stream.replace(new.clone());
                if let Some(group) = group {
                    stream.groups = vec![group];
                }
            };
            call.api
                .store
                .run(move |store| store.update_stream(account, stream_id, &change))
                .await?
        }
        Ok(_) | Err(StoreError::NotFound { .. }) => {
            return Err(Code::StreamNotFound.with(stream_id));
        }
        Err(error) => return Err(error.into()),
    };
    call.api.assigner.changed();
    Ok(StreamReplaced {
        stream_id,
        version: stream.version,
    })
}

async fn patch(
    call: Call,
    Params(owner): Params<Owner>,
    Json(patch): Json<StreamPatch>,
) -> Result<NoContent, ApiError> {
    let stream = found(&call, &owner)?;
    let command = patch.status.into_inner();
    if let Some(command) = command {
        possible(&stream, command)?;
    }
    let description = patch.description.into_inner();
    let (account, id, now) = (stream.account_id, stream.stream_id, call.api.now());
    let change = move |stream: &mut StreamRecord| {
        if let Some(text) = &description {
            text.as_str().clone_into(&mut stream.description);
        }
        if let Some(command) = command {
            let input = match command {
                Command::Pending => Input::Resume,
                Command::Pause => Input::Pause,
                Command::Cancel => Input::Cancel,
            };
            stream.apply(now, input);
        }
    };
    call.api
        .store
        .run(move |store| store.update_stream(account, id, &change))
        .await?;
    call.api.assigner.changed();
    Ok(NoContent)
}

/// A finished stream can be neither paused nor cancelled.
fn possible(stream: &StreamRecord, wanted: Command) -> Result<(), ApiError> {
    let status = stream.state.status;
    let over = matches!(
        status,
        StreamStatus::Done | StreamStatus::Failure | StreamStatus::Cancel
    );
    match wanted {
        Command::Cancel if over && status != wanted.status() => {
            Err(Code::StreamCannotCancel.with(stream.stream_id))
        }
        Command::Pause if over => Err(Code::StreamCannotStop.with(stream.stream_id)),
        _ => Ok(()),
    }
}

async fn delete(call: Call, Params(owner): Params<Owner>) -> Result<NoContent, ApiError> {
    let stream = found(&call, &owner)?;
    let (account, id) = (stream.account_id, stream.stream_id);
    call.api
        .store
        .run(move |store| store.delete_stream(account, id))
        .await?;
    call.api.assigner.changed();
    Ok(NoContent)
}

async fn delete_several(
    call: Call,
    Params(owner): Params<Owner>,
    Json(which): Json<StreamsToDelete>,
) -> Result<NoContent, ApiError> {
    let names = which.names.value();
    let query = StreamQuery {
        stream_ids: which.stream_ids.value().map(|ids| ids.into_inner()),
        names: names.map(|names| names.into_iter().map(Into::into).collect()),
        ..StreamQuery::default()
    };
    let gone = call.api.store.run(move |store| {
        for stream in select(store, owner.account_id, &query)? {
            match store.delete_stream(stream.account_id, stream.stream_id) {
                Ok(()) | Err(StoreError::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    });
    gone.await?;
    call.api.assigner.changed();
    Ok(NoContent)
}
