//! Accounts: owners of every stored object.

use goshawk_proto::{id::AccountId, time::Timestamp};
use serde::{Deserialize, Serialize};

/// What an account may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountType {
    /// Its own objects.
    User,
    /// Its own and, reading, those of others.
    AdvancedUser,
    /// Everything.
    Admin,
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
