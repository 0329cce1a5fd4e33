//! `/1/streams`: the same streams in the shape of the contract's first version.

use std::cmp::Ordering;

use goshawk_coordinator_core::{
    parameters,
    query::Page,
    stream::{
        NewStream, StreamRecord,
        v1::{NewStreamV1, StreamViewV1},
    },
    words,
};
use goshawk_proto::id::StreamId;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Filters, Group, Owner, StreamMade, StreamReplaced, count, delete, delete_several, found, make,
    patch, replace, selected, views,
};
use crate::{
    api::{
        Api,
        call::Call,
        operation::Operation,
        payload::{Body, Json, Params},
        reply::{Created, Done},
        routes::{Access, Resource},
    },
    errors::{ApiError, Code},
};

/// The resources.
pub fn resources() -> Vec<Resource> {
    let all = Access::Open;
    vec![
        Resource::at("/1/streams")
            .tagged("streams of the first version")
            .serve(
                Operation::post("createStream", all, create)
                    .about("Makes a stream; an agent takes it up as soon as one has room."),
            )
            .serve(
                Operation::get("getStreams", all, list)
                    .about("Streams that meet all given conditions."),
            )
            .serve(
                Operation::delete("deleteStreams", all, delete_several)
                    .about("Removes streams; those that are gone already are no mistake."),
            ),
        Resource::at("/1/streams/count")
            .tagged("streams of the first version")
            .serve(
                Operation::get("countStreams", all, count)
                    .about("How many streams meet all given conditions."),
            ),
        Resource::at("/1/streams/{stream_id}")
            .tagged("streams of the first version")
            .serve(
                Operation::get("getStream", all, get)
                    .about("One stream.")
                    .fails(&[Code::StreamNotFound]),
            )
            .serve(
                Operation::put("putStream", all, put)
                    .about("Replaces a stream and starts it again.")
                    .fails(&[Code::StreamNotFound]),
            )
            .serve(
                Operation::patch("patchStream", all, patch)
                    .about("Pauses, resumes or ends a stream, or changes its description.")
                    .fails(&[
                        Code::StreamNotFound,
                        Code::StreamCannotStop,
                        Code::StreamCannotCancel,
                    ]),
            )
            .serve(
                Operation::delete("removeStream", all, delete)
                    .about("Removes a stream.")
                    .fails(&[Code::StreamNotFound]),
            ),
    ]
}

words! {
    /// By which end a list of streams begins.
    pub enum Direction: "orders" {
        /// With the oldest.
        Ascending = "asc",
        /// With the newest.
        Descending = "desc",
    }
}

parameters! {
    /// Which ids, and in which order.
    pub struct Range {
        /// Not below this id; the list is then in the order of ids.
        optional stream_id__gte: StreamId,
        /// Below this id; the list is then in the order of ids.
        optional stream_id__lt: StreamId,
        /// By which end to begin; the oldest come first where it is not said.
        optional order: Direction,
    }
}

impl Range {
    fn accept(&self, stream: &StreamRecord) -> bool {
        self.stream_id__gte.is_none_or(|id| stream.stream_id >= id)
            && self.stream_id__lt.is_none_or(|id| stream.stream_id < id)
    }

    fn compare(&self, one: &StreamRecord, other: &StreamRecord) -> Ordering {
        let by_id = self.stream_id__gte.is_some() || self.stream_id__lt.is_some();
        let key = |stream: &StreamRecord| {
            let time = (!by_id).then_some(stream.create_time);
            (time, stream.stream_id)
        };
        let order = key(one).cmp(&key(other));
        match self.order {
            Some(Direction::Descending) => order.reverse(),
            _ => order,
        }
    }
}

/// A page of streams.
#[derive(Serialize, ToSchema)]
pub struct StreamsV1 {
    /// The streams.
    #[schema(min_items = 0)]
    pub streams: Vec<StreamViewV1>,
}

impl Body for NewStreamV1 {
    fn check(&self) -> Result<(), goshawk_coordinator_core::bounds::Invalid> {
        goshawk_coordinator_core::bounds::Check::check(self)
    }
}

async fn create(call: Call, Json(new): Json<NewStreamV1>) -> Result<Created<StreamMade>, ApiError> {
    let body = make(&call, NewStream::from(new)).await?;
    Ok(Created {
        location: format!("/1/streams/{}", body.stream_id),
        body,
    })
}

async fn put(call: Call, Json(new): Json<NewStreamV1>) -> Result<Done<StreamReplaced>, ApiError> {
    replace(&call, NewStream::from(new)).await.map(Done)
}

async fn shown(api: &Api, streams: &[StreamRecord]) -> Result<Vec<StreamViewV1>, ApiError> {
    let views = views(api, streams).await?;
    let both = streams.iter().zip(views);
    Ok(both
        .filter_map(|(stream, view)| StreamViewV1::of(stream, view))
        .collect())
}

/// All that a list may be asked for by.
type Listing = ((Owner, Filters), ((Group, Range), Page));

async fn list(
    call: Call,
    Params(((owner, filters), ((group, range), page))): Params<Listing>,
) -> Result<Done<StreamsV1>, ApiError> {
    let mut found = selected(&call.api, owner, filters, group).await?;
    found.retain(|stream| range.accept(stream));
    found.sort_by(|one, other| range.compare(one, other));
    let streams: Vec<_> = found
        .into_iter()
        .skip(page.skip())
        .take(page.size)
        .collect();
    Ok(Done(StreamsV1 {
        streams: shown(&call.api, &streams).await?,
    }))
}

async fn get(call: Call, Params(owner): Params<Owner>) -> Result<Done<StreamViewV1>, ApiError> {
    let stream = found(&call, &owner)?;
    let mut shown = shown(&call.api, std::slice::from_ref(&stream)).await?;
    shown
        .pop()
        .map(Done)
        .ok_or_else(|| Code::StreamNotFound.with(stream.stream_id))
}
