//! Accounts: owners of every stored object.

use std::str::FromStr;

use goshawk_proto::{id::AccountId, time::Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What an account may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AccountType {
    /// Its own and, reading, those of others.
    AdvancedUser,
    /// Its own objects.
    User,
    /// Everything, and it administers the installation.
    Admin,
}

impl AccountType {
    /// The published name.
    pub fn name(self) -> &'static str {
        match self {
            Self::AdvancedUser => "advanced_user",
            Self::User => "user",
            Self::Admin => "admin",
        }
    }
}

impl FromStr for AccountType {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::AdvancedUser, Self::User, Self::Admin]
            .into_iter()
            .find(|kind| kind.name() == text)
            .ok_or("unexpected value; permitted: 'advanced_user', 'user', 'admin'")
    }
}

/// An account as stored. The hash never leaves the store's callers: no `Serialize` view holds it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Its id.
    pub account_id: AccountId,
    /// An e-mail address, unique.
    pub login: String,
    /// Password hash in PHC text form.
    pub password_hash: String,
    /// What it may see.
    pub account_type: AccountType,
    /// Free text, at most 128 characters.
    pub description: String,
    /// When it was made.
    pub create_time: Timestamp,
    /// When it was last changed.
    pub last_update_time: Timestamp,
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Account")
            .field("account_id", &self.account_id)
            .field("account_type", &self.account_type)
            .finish_non_exhaustive()
    }
}
