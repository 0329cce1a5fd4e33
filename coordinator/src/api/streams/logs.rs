//! The log of streams; the same in both versions of the service.

use goshawk_coordinator_core::{
    parameters,
    query::{CommaList, Moment, Page, Target},
    stream::log::{LogEntry, LogTarget, LogView},
};
use goshawk_proto::{id::StreamId, stream::StreamStatus};
use serde::Serialize;
use utoipa::ToSchema;

use super::Owner;
use crate::{
    api::{
        call::Call,
        operation::Operation,
        payload::Params,
        reply::{Done, Shaped},
        routes::{Access, Resource},
    },
    errors::ApiError,
};

/// The resources of one version of the service.
pub fn resources(version: u8) -> Vec<Resource> {
    let (path, ids) = match version {
        1 => ("/1/streams/logs", ["getStreamsLogs", "deleteStreamsLogs"]),
        _ => (
            "/2/streams/logs",
            ["getStreamsLogsV2", "deleteStreamsLogsV2"],
        ),
    };
    vec![
        Resource::at(path)
            .tagged("streams logs")
            .serve(
                Operation::get(ids[0], Access::Open, list)
                    .about("What became of streams, newest first."),
            )
            .serve(
                Operation::delete(ids[1], Access::Open, sweep)
                    .about("Removes old entries but for the last of each stream."),
            ),
    ]
}

parameters! {
    /// Which entries.
    pub struct Filters {
        /// Of one of these streams.
        optional stream_ids: CommaList<StreamId>,
        /// That tell of one of these statuses.
        optional statuses: CommaList<super::Status>,
        /// Fields to show; all of them unless some are named.
        optional targets: CommaList<LogTarget>,
        /// Written before this moment.
        optional log_time__lt: Moment,
        /// Written at this moment or later.
        optional log_time__gte: Moment,
    }
}

parameters! {
    /// Which entries shall go.
    pub struct Old {
        /// Those written before this moment; of all times unless it is named.
        optional log_time__lt: Moment,
    }
}

impl Filters {
    fn accept(&self, entry: &LogEntry) -> bool {
        let named = |word: &super::Status| entry.status == Some(StreamStatus::from(*word));
        self.stream_ids
            .as_ref()
            .is_none_or(|ids| ids.0.contains(&entry.stream_id))
            && self
                .statuses
                .as_ref()
                .is_none_or(|statuses| statuses.0.iter().any(named))
            && self.log_time__lt.is_none_or(|end| entry.log_time < end.0)
            && self
                .log_time__gte
                .is_none_or(|start| entry.log_time >= start.0)
    }
}

/// A page of the log.
#[derive(Serialize, ToSchema)]
pub struct Logs {
    /// The entries.
    #[schema(min_items = 0)]
    pub logs: Vec<Shaped<LogView>>,
}

/// How many entries went.
#[derive(Debug, Serialize, ToSchema)]
pub struct LogsGone {
    /// How many.
    pub deleted_count: u64,
}

async fn list(
    call: Call,
    Params(((owner, filters), page)): Params<((Owner, Filters), Page)>,
) -> Result<Done<Logs>, ApiError> {
    let account = owner.account_id;
    let all = call.api.store.run(move |store| store.stream_logs(account));
    let targets: Vec<LogTarget> = match &filters.targets {
        Some(targets) => targets.0.clone(),
        None => LogTarget::ALL.iter().map(|(_, target)| *target).collect(),
    };
    let found = all.await?.into_iter().filter(|entry| filters.accept(entry));
    let page = found.skip(page.skip()).take(page.size);
    Ok(Done(Logs {
        logs: page
            .map(|entry| Shaped::new(entry.view(&targets)))
            .collect(),
    }))
}

async fn sweep(call: Call, Params(old): Params<Old>) -> Result<Done<LogsGone>, ApiError> {
    let before = old
        .log_time__lt
        .map_or_else(|| call.api.now(), |moment| moment.0);
    let gone = call
        .api
        .store
        .run(move |store| store.sweep_stream_logs(before));
    Ok(Done(LogsGone {
        deleted_count: gone.await?,
    }))
}
