//! Groups of streams.

use goshawk_coordinator_core::stream::Group;
use goshawk_proto::id::{AccountId, GroupId, StreamId};

use super::Stored;

/// Groups of streams. Which streams are in a group is said by the streams' rows.
pub trait GroupStore {
    /// Keeps a new group; its name must be new to its account.
    fn create_group(&self, group: &Group) -> Stored<()>;
    /// One group.
    fn group(&self, account: AccountId, id: GroupId) -> Stored<Group>;
    /// Groups of an account, or of all, oldest first.
    fn groups(&self, account: Option<AccountId>) -> Stored<Vec<Group>>;
    /// Changes a group's description.
    fn describe_group(&self, account: AccountId, id: GroupId, text: &str) -> Stored<()>;
    /// Removes a group; its streams stay.
    fn delete_group(&self, account: AccountId, id: GroupId) -> Stored<()>;
    /// Attaches streams to a group or detaches them, all or none.
    fn link_streams(
        &self,
        account: AccountId,
        id: GroupId,
        streams: &[StreamId],
        attach: bool,
    ) -> Stored<()>;
}
