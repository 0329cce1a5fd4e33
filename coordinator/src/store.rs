//! The durable store: one trait per aggregate, every method bound to an account.
//!
//! Methods block (disk, locks) and are durable when they return `Ok`: the change would survive a
//! loss of power. `Unavailable` from a change means that it was not acknowledged; it may be there
//! after the next start, as a whole or not at all, unless the disk is full: then it was refused
//! before anything was written. Async code reaches them through [`StoreHandle`], which bounds how
//! many run at once. [`sled`] is the embedded implementation; `conformance` is what every one must pass.

pub mod accounts;
pub mod agents;
#[cfg(test)]
pub(crate) mod conformance;
pub mod groups;
pub mod handle;
pub mod incoming;
pub mod journal;
pub mod sled;

use std::{sync::Arc, time::Duration};

use goshawk_coordinator_core::{
    candidates::FaceFilters,
    event::StoredEvent,
    event_filter::{EventFilters, EventQuery},
    face::{Attributes, FaceList, FacePatch, FaceRecord, TemporaryAttribute},
    handler::Handler,
    query::Page,
    stream::StreamRecord,
};
use goshawk_proto::{
    id::{AccountId, AttributeId, EventId, FaceId, GroupId, HandlerId, ListId, StreamId},
    stream::StreamStatus,
    time::Timestamp,
};

pub use accounts::{AccountQuery, AccountStore, TokenQuery, TokenStore};
pub use agents::{AgentRegistry, JoinTokenStore};
pub use groups::GroupStore;
pub use handle::StoreHandle;
pub use incoming::{DeadLetter, Finish, IncomingRow, IncomingStore, MAX_DEAD, Outgoing, Received};
pub use journal::{EventJournal, JOURNAL_MAX, JournalEntry};

/// Why the store did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// There is no such object in this account.
    #[error("{what} {id} not found")]
    NotFound {
        /// What kind of object: `face`, `list`, `event`, …
        what: &'static str,
        /// Its id as text.
        id: String,
    },
    /// It clashes with something stored.
    #[error("{what}: {message}")]
    Conflict {
        /// What kind of object.
        what: &'static str,
        /// How it clashes.
        message: String,
    },
    /// Not now: overloaded, shutting down, or the disk fails.
    #[error("the store is not available: {message}")]
    Unavailable {
        /// When to try again.
        after: Duration,
        /// Why.
        message: String,
    },
    /// Stored bytes cannot be read.
    #[error("stored {what} cannot be read: {message}")]
    Corrupt {
        /// What kind of object.
        what: &'static str,
        /// Why.
        message: String,
    },
}

impl StoreError {
    /// There is no such object.
    pub fn not_found(what: &'static str, id: impl std::fmt::Display) -> Self {
        Self::NotFound {
            what,
            id: id.to_string(),
        }
    }

    /// It clashes with something stored.
    pub fn conflict(what: &'static str, message: impl Into<String>) -> Self {
        Self::Conflict {
            what,
            message: message.into(),
        }
    }

    /// Not now.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::Unavailable {
            after: Duration::from_secs(1),
            message: message.into(),
        }
    }
}

/// What a store method returns.
pub type Stored<T> = Result<T, StoreError>;

/// What a listing of streams asks for; an absent condition holds.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs, reason = "each is named as its query parameter")]
pub struct StreamQuery {
    pub stream_ids: Option<Vec<StreamId>>,
    pub names: Option<Vec<String>>,
    pub reference: Option<String>,
    pub statuses: Option<Vec<StreamStatus>>,
    pub create_time_gte: Option<Timestamp>,
    pub create_time_lt: Option<Timestamp>,
    /// In one of these.
    pub groups: Option<Vec<GroupId>>,
    pub page: Page,
}

impl StreamQuery {
    /// Whether a stream meets it.
    pub fn accept(&self, stream: &StreamRecord) -> bool {
        self.stream_ids
            .as_ref()
            .is_none_or(|ids| ids.contains(&stream.stream_id))
            && self
                .names
                .as_ref()
                .is_none_or(|names| names.contains(&stream.name))
            && self
                .reference
                .as_ref()
                .is_none_or(|r| *r == stream.data.reference)
            && self
                .statuses
                .as_ref()
                .is_none_or(|s| s.contains(&stream.state.status))
            && self
                .create_time_gte
                .is_none_or(|least| stream.create_time >= least)
            && self
                .create_time_lt
                .is_none_or(|end| stream.create_time < end)
            && self
                .groups
                .as_ref()
                .is_none_or(|groups| groups.iter().any(|group| stream.groups.contains(group)))
    }
}

/// Streams.
pub trait StreamStore {
    /// Keeps a new stream.
    fn create_stream(&self, stream: &StreamRecord) -> Stored<()>;
    /// One stream.
    fn stream(&self, account: AccountId, id: StreamId) -> Stored<StreamRecord>;
    /// A page of streams, oldest first.
    fn streams(&self, account: AccountId, query: &StreamQuery) -> Stored<Vec<StreamRecord>>;
    /// How many streams meet the query, its page aside.
    fn count_streams(&self, account: AccountId, query: &StreamQuery) -> Stored<u64>;
    /// Changes a stream in one atomic step and returns it. `change` may run more than once.
    fn update_stream(
        &self,
        account: AccountId,
        id: StreamId,
        change: &dyn Fn(&mut StreamRecord),
    ) -> Stored<StreamRecord>;
    /// Removes a stream.
    fn delete_stream(&self, account: AccountId, id: StreamId) -> Stored<()>;
    /// Every account's streams, for the planner, oldest first.
    fn all_streams(&self) -> Stored<Vec<StreamRecord>>;
    /// One stream whoever owns it, for ingest: the event of an agent names no account.
    fn stream_of_any(&self, id: StreamId) -> Stored<StreamRecord>;
}

/// Handlers.
pub trait HandlerStore {
    /// Keeps a new handler.
    fn create_handler(&self, handler: &Handler) -> Stored<()>;
    /// One handler.
    fn handler(&self, account: AccountId, id: HandlerId) -> Stored<Handler>;
    /// A page of handlers, newest first, whose description contains the text.
    fn handlers(
        &self,
        account: AccountId,
        description: Option<&str>,
        page: Page,
    ) -> Stored<Vec<Handler>>;
    /// How many there are.
    fn count_handlers(&self, account: AccountId) -> Stored<u64>;
    /// Replaces the handler of the same id and account.
    fn replace_handler(&self, handler: &Handler) -> Stored<()>;
    /// Removes a handler.
    fn delete_handler(&self, account: AccountId, id: HandlerId) -> Stored<()>;
}

/// A listing of faces: by id when a bound on ids is given, else newest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FaceQuery {
    /// Which.
    pub filters: FaceFilters,
    /// Which page.
    pub page: Page,
}

/// Faces.
pub trait FaceStore {
    /// Keeps a new face; its lists must exist.
    fn create_face(&self, face: &FaceRecord) -> Stored<()>;
    /// One face.
    fn face(&self, account: AccountId, id: FaceId) -> Stored<FaceRecord>;
    /// A page of faces.
    fn faces(
        &self,
        account: AccountId,
        query: &FaceQuery,
        now: Timestamp,
    ) -> Stored<Vec<FaceRecord>>;
    /// How many faces meet the filters.
    fn count_faces(&self, account: AccountId, filters: &FaceFilters, now: Timestamp)
    -> Stored<u64>;
    /// Changes a face.
    fn patch_face(&self, account: AccountId, id: FaceId, patch: &FacePatch) -> Stored<FaceRecord>;
    /// Replaces a face's descriptor, age and gender.
    fn set_face_attributes(
        &self,
        account: AccountId,
        id: FaceId,
        attributes: &Attributes,
    ) -> Stored<()>;
    /// Removes a face.
    fn delete_face(&self, account: AccountId, id: FaceId) -> Stored<()>;
    /// Calls `each` with every face of every account, for rebuilding the matcher. A damaged one
    /// is logged, counted and left out.
    fn each_face(&self, each: &mut dyn FnMut(FaceRecord)) -> Stored<()>;
}

/// Lists of faces.
pub trait ListStore {
    /// Keeps a new list.
    fn create_list(&self, list: &FaceList) -> Stored<()>;
    /// One list.
    fn list(&self, account: AccountId, id: ListId) -> Stored<FaceList>;
    /// A page of lists, newest first.
    fn lists(&self, account: AccountId, page: Page) -> Stored<Vec<FaceList>>;
    /// How many lists there are.
    fn count_lists(&self, account: AccountId) -> Stored<u64>;
    /// Changes a list's text.
    fn rename_list(
        &self,
        account: AccountId,
        id: ListId,
        user_data: &str,
        now: Timestamp,
    ) -> Stored<()>;
    /// Removes a list. Its faces stay and lose it, or go with it where `with_faces` says so.
    fn delete_list(&self, account: AccountId, id: ListId, with_faces: bool) -> Stored<()>;
    /// Attaches faces to and detaches faces from a list in one atomic step; all must exist.
    fn attach(
        &self,
        account: AccountId,
        list: ListId,
        change: &ListChange,
        now: Timestamp,
    ) -> Stored<()>;
}

/// Faces to attach to and to detach from a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListChange {
    /// Faces to attach.
    pub attach: Vec<FaceId>,
    /// Faces to detach.
    pub detach: Vec<FaceId>,
}

/// Temporary attributes. One that has expired does not exist.
pub trait AttributeStore {
    /// Keeps an attribute until it expires, replacing one of the same id.
    fn put_attribute(&self, attribute: &TemporaryAttribute) -> Stored<()>;
    /// One attribute.
    fn attribute(
        &self,
        account: AccountId,
        id: AttributeId,
        now: Timestamp,
    ) -> Stored<TemporaryAttribute>;
    /// Removes an attribute.
    fn delete_attribute(&self, account: AccountId, id: AttributeId) -> Stored<()>;
    /// Removes what has expired; says how many.
    fn sweep_attributes(&self, now: Timestamp) -> Stored<u64>;
}

/// Stored events. They are written by [`IncomingStore::finish`] only.
pub trait EventStore {
    /// One event.
    fn event(&self, account: AccountId, id: EventId) -> Stored<StoredEvent>;
    /// A page of events.
    fn events(&self, account: AccountId, query: &EventQuery) -> Stored<Vec<StoredEvent>>;
    /// How many events meet the filters.
    fn count_events(&self, account: AccountId, filters: &EventFilters) -> Stored<u64>;
}

/// The whole store.
pub trait Store:
    AccountStore
    + TokenStore
    + StreamStore
    + GroupStore
    + HandlerStore
    + FaceStore
    + ListStore
    + AttributeStore
    + EventStore
    + EventJournal
    + IncomingStore
    + JoinTokenStore
    + AgentRegistry
    + Send
    + Sync
{
}

impl<T> Store for T where
    T: AccountStore
        + TokenStore
        + StreamStore
        + GroupStore
        + GroupStore
        + HandlerStore
        + FaceStore
        + ListStore
        + AttributeStore
        + EventStore
        + EventJournal
        + IncomingStore
        + JoinTokenStore
        + AgentRegistry
        + Send
        + Sync
{
}

/// A change to faces, told in commit order while the commit's lock is held: be quick.
#[derive(Clone, Debug, PartialEq)]
pub enum FaceChange {
    /// Made or changed.
    Put(Arc<FaceRecord>),
    /// Removed.
    Removed(AccountId, FaceId),
}

/// Somebody who follows changes to faces, in commit order.
pub trait FaceObserver: Send + Sync {
    /// What one commit changed.
    fn changed(&self, changes: &[FaceChange]);
}
