//! Tokens: what an account hands out so that programs may act for it, within limits.
//!
//! A token is never more than its account: whatever it says, an account that sees only its own
//! objects has tokens that see only these. A token made with the help of another token is never
//! more than that one.

use goshawk_proto::{
    id::{AccountId, TokenId},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use utoipa::openapi::{ObjectBuilder, Type};

use crate::{
    account::AccountType,
    bounds::{self, Check, Invalid},
    permission::{Denied, Permissions},
};

/// Longest description in characters.
pub const MAX_DESCRIPTION: usize = 128;

/// Whose objects a token shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VisibilityArea {
    /// Those of its account.
    Account,
    /// Those of all accounts, where its account may see them.
    All,
}

crate::published!(
    VisibilityArea,
    "VisibilityArea",
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(["account", "all"]))
);

impl VisibilityArea {
    /// The widest that an account of that type has.
    pub fn of(kind: AccountType) -> Self {
        match kind {
            AccountType::User => Self::Account,
            AccountType::AdvancedUser | AccountType::Admin => Self::All,
        }
    }
}

/// A token as it is asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenDraft {
    /// Free text, at most 128 characters.
    pub description: String,
    /// From when on it is worth nothing; `None`: never.
    pub expiration_time: Option<Timestamp>,
    /// Whose objects it shows; `None`: all that its account sees.
    pub visibility_area: Option<VisibilityArea>,
    /// What it may do.
    pub permissions: Permissions,
}

impl Check for TokenDraft {
    fn check(&self) -> Result<(), Invalid> {
        bounds::text("description", &self.description, MAX_DESCRIPTION)
    }
}

/// A token as stored. Its text is not: what is kept of that is in [`Seal`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRecord {
    /// Its id.
    pub token_id: TokenId,
    /// Whose it is.
    pub account_id: AccountId,
    /// Free text, at most 128 characters.
    pub description: String,
    /// From when on it is worth nothing; `None`: never.
    pub expiration_time: Option<Timestamp>,
    /// Whose objects it shows, as far as its account sees them.
    pub visibility_area: VisibilityArea,
    /// What it may do.
    pub permissions: Permissions,
    /// By what its text is recognised.
    pub seal: Seal,
    /// When it was made.
    pub create_time: Timestamp,
    /// When it was made or replaced last.
    pub last_update_time: Timestamp,
}

/// By what a token's text is recognised without keeping it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seal {
    /// The signing key's id.
    pub key_id: String,
    /// SHA-256 of the text.
    pub digest: [u8; 32],
}

impl std::fmt::Debug for TokenRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenRecord")
            .field("token_id", &self.token_id)
            .field("account_id", &self.account_id)
            .finish_non_exhaustive()
    }
}

/// Why a token may not be made as asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefused {
    /// The token that asks has not got a permission that the new one should have.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The new one would outlive the token that asks.
    #[error("the token would outlive the one that makes it")]
    Outlives,
}

/// Who makes a token.
#[derive(Clone, Copy, Debug)]
pub struct Maker<'a> {
    /// The type of the account that it will belong to.
    pub account_type: AccountType,
    /// The token that asks; `None` where the account itself does.
    pub token: Option<&'a TokenRecord>,
}

impl TokenDraft {
    /// The draft as it is stored: no more than its maker is.
    pub fn granted(mut self, by: Maker<'_>) -> Result<Self, TokenRefused> {
        let mut widest = VisibilityArea::of(by.account_type);
        if let Some(token) = by.token {
            self.permissions.within(&token.permissions)?;
            let outlives = match (self.expiration_time, token.expiration_time) {
                (_, None) => false,
                (None, Some(_)) => true,
                (Some(new), Some(old)) => new > old,
            };
            if outlives {
                return Err(TokenRefused::Outlives);
            }
            widest = widest.min(token.visibility_area);
        }
        self.visibility_area = Some(self.visibility_area.unwrap_or(widest).min(widest));
        Ok(self)
    }
}

impl TokenRecord {
    /// A new token.
    pub fn new(
        token_id: TokenId,
        account_id: AccountId,
        draft: TokenDraft,
        seal: Seal,
        now: Timestamp,
    ) -> Self {
        Self {
            token_id,
            account_id,
            description: draft.description,
            expiration_time: draft.expiration_time,
            visibility_area: draft.visibility_area.unwrap_or(VisibilityArea::Account),
            permissions: draft.permissions,
            seal,
            create_time: now,
            last_update_time: now,
        }
    }

    /// The token that takes this one's place: all but its id, its account and its birth is new,
    /// the text with it.
    pub fn replaced(&self, draft: TokenDraft, seal: Seal, now: Timestamp) -> Self {
        let fresh = Self::new(self.token_id, self.account_id, draft, seal, now);
        Self {
            create_time: self.create_time,
            ..fresh
        }
    }

    /// Whether it is worth nothing any more.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expiration_time.is_some_and(|end| now >= end)
    }

    /// Whose objects it shows while its account is of that type: an account that was narrowed
    /// takes its tokens along.
    pub fn visible(&self, kind: AccountType) -> VisibilityArea {
        self.visibility_area.min(VisibilityArea::of(kind))
    }
}

#[cfg(test)]
mod tests;
