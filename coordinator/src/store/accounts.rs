//! Accounts and their tokens.

use goshawk_coordinator_core::{
    account::{Account, AccountType},
    query::Page,
    token::TokenRecord,
};
use goshawk_proto::{
    id::{AccountId, TokenId},
    time::Timestamp,
};

use super::Stored;

/// What a listing of accounts asks for; an absent condition holds.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs, reason = "each is named as its query parameter")]
pub struct AccountQuery {
    /// Only this one.
    pub account_id: Option<AccountId>,
    pub login: Option<String>,
    pub account_type: Option<AccountType>,
    pub create_time_gte: Option<Timestamp>,
    pub create_time_lt: Option<Timestamp>,
    pub page: Page,
}

impl AccountQuery {
    /// Whether an account meets it.
    pub fn accept(&self, account: &Account) -> bool {
        let time = account.create_time;
        self.account_id.is_none_or(|id| account.account_id == id)
            && self.login.as_ref().is_none_or(|l| account.login == *l)
            && self.account_type.is_none_or(|t| account.account_type == t)
            && self.create_time_gte.is_none_or(|least| time >= least)
            && self.create_time_lt.is_none_or(|end| time < end)
    }
}

/// Accounts.
pub trait AccountStore {
    /// Keeps a new account; [`StoreError::Conflict`](super::StoreError) when id or login is taken.
    fn create_account(&self, account: &Account) -> Stored<()>;
    /// The account of that id.
    fn account(&self, id: AccountId) -> Stored<Account>;
    /// The account of that login.
    fn account_by_login(&self, login: &str) -> Stored<Account>;
    /// All accounts by id, for administrators.
    fn accounts(&self, page: Page) -> Stored<Vec<Account>>;
    /// A page of the accounts that meet the query, oldest first, and how many do.
    fn find_accounts(&self, query: &AccountQuery) -> Stored<(Vec<Account>, u64)>;
    /// Replaces an account of the same id; a changed login must be free.
    fn replace_account(&self, account: &Account) -> Stored<()>;
    /// Changes an account in one atomic step and returns it; a changed login must be free.
    /// `change` may run more than once.
    fn update_account(&self, id: AccountId, change: &dyn Fn(&mut Account)) -> Stored<Account>;
}

/// What a listing of tokens asks for; an absent condition holds.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs, reason = "each is named as its query parameter")]
pub struct TokenQuery {
    pub create_time_gte: Option<Timestamp>,
    pub create_time_lt: Option<Timestamp>,
    pub page: Page,
}

impl TokenQuery {
    /// Whether a token meets it.
    pub fn accept(&self, token: &TokenRecord) -> bool {
        let time = token.create_time;
        self.create_time_gte.is_none_or(|least| time >= least)
            && self.create_time_lt.is_none_or(|end| time < end)
    }
}

/// Tokens.
pub trait TokenStore {
    /// Keeps a new token; its account must exist.
    fn create_token(&self, token: &TokenRecord) -> Stored<()>;
    /// One token.
    fn token(&self, account: AccountId, id: TokenId) -> Stored<TokenRecord>;
    /// One token whoever owns it, for those who may see all.
    fn token_of_any(&self, id: TokenId) -> Stored<TokenRecord>;
    /// A page of the account's tokens that meet the query, oldest first, and how many do. Without
    /// an account: everybody's, for those who may see all.
    fn tokens(
        &self,
        account: Option<AccountId>,
        query: &TokenQuery,
    ) -> Stored<(Vec<TokenRecord>, u64)>;
    /// Replaces the token of the same id and account. When this returns the old one is gone.
    fn replace_token(&self, token: &TokenRecord) -> Stored<()>;
    /// Removes a token. When this returns it is gone.
    fn delete_token(&self, account: AccountId, id: TokenId) -> Stored<()>;
    /// Calls `each` with every token of every account.
    fn each_token(&self, each: &mut dyn FnMut(TokenRecord)) -> Stored<()>;
}
