//! Groups of streams: names under which an account finds streams again.

use goshawk_proto::{
    id::{AccountId, GroupId},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::formats::{Slug, Text};

/// A group of streams, in exactly the contract's shape.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Group {
    /// Whose it is.
    pub account_id: AccountId,
    /// Its id.
    pub group_id: GroupId,
    /// Its name, one of its kind in the account.
    #[schema(value_type = Slug<128>)]
    pub group_name: String,
    /// Free text.
    #[schema(value_type = Text<0, 256>)]
    pub description: String,
    /// When it was made.
    pub create_time: Timestamp,
}

/// A new group.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct NewGroup {
    /// Whose it is.
    pub account_id: AccountId,
    /// Its name.
    pub group_name: Slug<128>,
    /// Free text.
    #[serde(default)]
    #[schema(default = "")]
    pub description: Text<0, 256>,
}

/// A change to a group.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct GroupChange {
    /// Free text.
    pub description: Text<0, 256>,
}

impl Group {
    /// A group out of what a caller gave.
    pub fn new(group_id: GroupId, new: NewGroup, create_time: Timestamp) -> Self {
        Self {
            account_id: new.account_id,
            group_id,
            group_name: new.group_name.into(),
            description: new.description.into(),
            create_time,
        }
    }
}
