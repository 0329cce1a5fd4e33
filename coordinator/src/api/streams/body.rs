//! Reading what a client asks of a stream.

use goshawk_coordinator_core::{
    bounds::{Check, Invalid},
    formats::{AtMost, Description, Nullable, Optional, Text},
    stream::NewStream,
};
use goshawk_proto::{
    id::{GroupId, HandlerId, StreamId},
    stream::StreamStatus,
};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    api::{Api, payload::Body},
    errors::{ApiError, Code},
    store::StoreError,
};

/// Refuses a body that names a handler that its account does not have.
pub async fn handlers_exist(api: &Api, new: &NewStream) -> Result<(), ApiError> {
    let account = new.account_id;
    let handlers = handlers_named(new);
    let missing = api.store.run(move |store| {
        for (path, id) in handlers {
            match store.handler(account, id) {
                Ok(_) => {}
                Err(StoreError::NotFound { .. }) => return Ok(Some(path)),
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    });
    match missing.await? {
        None => Ok(()),
        Some(path) => Err(Code::BadJson.at(&path, "handler not found in this account")),
    }
}

/// The handlers that a body names, each with its path in the version that it was written in.
fn handlers_named(new: &NewStream) -> Vec<(String, HandlerId)> {
    let all = new
        .data
        .analytics
        .iter()
        .map(|one| one.event_handler.handler_id);
    let Some(first) = &new.first_version else {
        let path = |at| format!("data.analytics.{at}.event_handler.handler_id");
        return all.enumerate().map(|(at, id)| (path(at), id)).collect();
    };
    let best = all.map(|id| ("event_handler.bestshot_handler.handler_id", id));
    let bodies = first
        .detection_handler
        .map(|id| ("event_handler.detection_handler.handler_id", id));
    best.chain(bodies)
        .map(|(path, id)| (path.to_owned(), id))
        .collect()
}

/// The group that a body names; one that its account does not have is refused.
pub async fn group_of(api: &Api, new: &NewStream) -> Result<Option<GroupId>, ApiError> {
    let (name, id) = (new.group_name.clone(), new.group_id);
    let path = match (&name, id) {
        (None, None) => return Ok(None),
        (Some(_), _) => "group_name",
        (None, Some(_)) => "group_id",
    };
    let account = new.account_id;
    let groups = api.store.run(move |store| store.groups(Some(account)));
    let mut groups = groups.await?.into_iter();
    let group = groups.find(|group| {
        let named = name
            .as_ref()
            .is_some_and(|name| group.group_name == name.as_str());
        named || Some(group.group_id) == id
    });
    match group {
        Some(group) => Ok(Some(group.group_id)),
        None => Err(Code::BadJson.at(path, "group not found in this account")),
    }
}

/// What a client may do to a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Start it, or start it again.
    Pending,
    /// Stop it for now.
    Pause,
    /// Stop it for good.
    Cancel,
}

impl Command {
    /// The status that the stream will have.
    pub fn status(self) -> StreamStatus {
        match self {
            Self::Pending => StreamStatus::Pending,
            Self::Pause => StreamStatus::Pause,
            Self::Cancel => StreamStatus::Cancel,
        }
    }
}

/// What shall change about a stream; at least one of these.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(min_properties = 1)]
pub struct StreamPatch {
    /// Free text.
    #[serde(default)]
    pub description: Optional<Description>,
    /// What shall become of it.
    #[serde(default)]
    pub status: Optional<Command>,
}

impl Body for StreamPatch {
    fn check(&self) -> Result<(), Invalid> {
        some_of(&[self.description.is_none(), self.status.is_none()])
    }
}

/// Which streams shall go: those that both lists allow, where both are given.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub struct StreamsToDelete {
    /// These.
    #[serde(default)]
    pub stream_ids: Nullable<AtMost<StreamId, 1000>>,
    /// Those with these names.
    #[serde(default)]
    pub names: Nullable<AtMost<Text<0, 128>, 1000>>,
}

impl Body for StreamsToDelete {
    fn check(&self) -> Result<(), Invalid> {
        some_of(&[
            !matches!(self.stream_ids, Nullable::Value(_)),
            !matches!(self.names, Nullable::Value(_)),
        ])
    }
}

fn some_of(absent: &[bool]) -> Result<(), Invalid> {
    if absent.iter().all(|absent| *absent) {
        return Err(Invalid::new("", "at least one field must have a value"));
    }
    Ok(())
}

impl Body for NewStream {
    fn check(&self) -> Result<(), Invalid> {
        Check::check(self)
    }
}
