//! What every store must do, as test functions over the traits. A store's own tests call [`all`]
//! with a way to make an empty one.

mod agents;
mod events;
mod faces;
mod isolation;
mod journal;
mod objects;
mod tokens;

use std::{path::Path, sync::Arc};

use goshawk_coordinator_core::{
    face::{Attributes, FaceList, FaceRecord},
    query::Page,
};
use goshawk_proto::{
    id::{AccountId, AgentId, EventId, FaceId, ListId},
    time::Timestamp,
};
use uuid::Uuid;

use super::{Store, StoreError, Stored};
pub(crate) use agents::{agent as sample_agent, token as sample_join_token};
pub(crate) use events::event as sample_event;
pub(crate) use objects::{
    account as sample_account, attribute as sample_attribute, stream as sample_stream,
};

/// The account of most tests.
pub(crate) const ACCOUNT: AccountId = AccountId(Uuid::from_u128(0xacc));
/// An account that must never see the first one's objects.
pub(crate) const STRANGER: AccountId = AccountId(Uuid::from_u128(0xbad));
/// An agent.
pub(crate) const AGENT: AgentId = AgentId(Uuid::from_u128(0xa6e));
/// A moment, in seconds from the epoch.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_micros(seconds * 1_000_000)
}

/// The id of the `n`-th event.
pub(crate) fn event_id(n: u128) -> EventId {
    EventId(Uuid::from_u128(0xe000 + n))
}

/// The id of the `n`-th face.
pub(crate) fn face_id(n: u128) -> FaceId {
    FaceId(Uuid::from_u128(0xf000 + n))
}

/// The id of the `n`-th list.
pub(crate) fn list_id(n: u128) -> ListId {
    ListId(Uuid::from_u128(0x1000 + n))
}

/// Page `number` of `size`.
pub(crate) fn page(number: u64, size: usize) -> Page {
    Page { number, size }
}

/// The `n`-th list, made in second `n`.
pub(crate) fn list(n: u128) -> FaceList {
    FaceList {
        list_id: list_id(n),
        account_id: ACCOUNT,
        user_data: format!("list {n}"),
        create_time: at(n as i64),
        last_update_time: at(n as i64),
    }
}

/// The `n`-th face, made in second `n`.
pub(crate) fn face(n: u128, lists: &[ListId]) -> FaceRecord {
    FaceRecord {
        face_id: face_id(n),
        account_id: ACCOUNT,
        event_id: None,
        user_data: format!("user {n}"),
        external_id: format!("ext-{}", n % 3),
        avatar: String::new(),
        lists: lists.to_vec(),
        create_time: at(n as i64),
        attributes: Attributes::default(),
    }
}

/// Whether it is a [`StoreError::NotFound`].
pub(crate) fn missing<T: std::fmt::Debug>(result: Stored<T>) -> bool {
    matches!(result, Err(StoreError::NotFound { .. }))
}

/// Whether it is a [`StoreError::Conflict`].
pub(crate) fn clashes<T: std::fmt::Debug>(result: Stored<T>) -> bool {
    matches!(result, Err(StoreError::Conflict { .. }))
}

/// Copies a folder as it is at this moment, as a crash would leave it.
pub(crate) fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_dir(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// An empty store that can be closed and opened again.
pub(crate) trait Fixture {
    /// Opens it; the one before has been dropped.
    fn open(&self) -> Arc<dyn Store>;
}

/// Runs the whole suite, each test on an empty store.
pub(crate) fn all<F: Fixture>(fresh: &dyn Fn() -> F) {
    isolation::accounts_do_not_meet(fresh);
    objects::accounts(fresh().open().as_ref());
    tokens::listings_of_accounts(fresh().open().as_ref());
    tokens::accounts_change_at_once(fresh().open().as_ref());
    tokens::tokens(&fresh());
    agents::join_tokens(&fresh());
    agents::join_tokens_stay_bounded(fresh().open().as_ref());
    agents::a_join_token_is_redeemed_once(fresh().open().as_ref());
    agents::agents(&fresh());
    objects::handlers(fresh().open().as_ref());
    objects::streams(fresh().open().as_ref());
    objects::groups(fresh().open().as_ref());
    objects::attributes(fresh().open().as_ref());
    faces::faces(fresh().open().as_ref());
    faces::indexes(fresh().open().as_ref());
    faces::lists(fresh().open().as_ref());
    faces::a_failed_change_changes_nothing(fresh().open().as_ref());
    events::queries(fresh().open().as_ref());
    events::an_event_goes_through_once(fresh().open().as_ref());
    events::poison_is_set_aside(fresh().open().as_ref());
    events::what_was_set_aside_can_be_tried_again(fresh().open().as_ref());
    events::a_vanished_list_is_left_out(fresh().open().as_ref());
    events::queues_survive_reopening(&fresh());
    journal::follows_commits(&fresh());
    events::many_writers_lose_nothing(fresh().open().as_ref());
}
