//! Tokens of accounts.

use goshawk_coordinator_core::{query::Page, token::TokenRecord};
use goshawk_proto::{
    id::{AccountId, TokenId},
    time::Timestamp,
};

use super::{
    SledStore, codec,
    keys::{Table, all_of, key, owned},
};
use crate::store::{AccountStore, StoreError, Stored, TokenQuery, TokenStore};

const WHAT: &str = "token";

fn row_key(account: AccountId, id: TokenId) -> Vec<u8> {
    owned(Table::Token, account, id.as_bytes())
}

fn owner_key(id: TokenId) -> Vec<u8> {
    key(Table::TokenOwner, &[id.as_bytes()])
}

/// A page of rows, oldest first, and how many there are.
pub(super) fn oldest_first<T>(
    mut rows: Vec<T>,
    page: Page,
    age: impl Fn(&T) -> (Timestamp, [u8; 16]),
) -> (Vec<T>, u64) {
    rows.sort_by_key(age);
    let count = rows.len() as u64;
    let page = rows.into_iter().skip(page.skip()).take(page.size);
    (page.collect(), count)
}

impl SledStore {
    fn need_token(&self, account: AccountId, id: TokenId) -> Stored<()> {
        let there = self.has(row_key(account, id))?;
        let missing = || StoreError::not_found(WHAT, id);
        there.then_some(()).ok_or_else(missing)
    }
}

impl TokenStore for SledStore {
    fn create_token(&self, token: &TokenRecord) -> Stored<()> {
        let (account, id) = (token.account_id, token.token_id);
        self.write(|change| {
            self.account(account)?;
            if self.has(owner_key(id))? {
                return Err(StoreError::conflict(WHAT, "the id is taken"));
            }
            change.put(row_key(account, id), codec::json(WHAT, token)?);
            change.put(owner_key(id), account.as_bytes());
            Ok(())
        })
    }

    fn token(&self, account: AccountId, id: TokenId) -> Stored<TokenRecord> {
        let row = self
            .get(row_key(account, id))?
            .ok_or_else(|| StoreError::not_found(WHAT, id))?;
        codec::read(WHAT, &row)
    }

    fn token_of_any(&self, id: TokenId) -> Stored<TokenRecord> {
        let owner = self
            .get(owner_key(id))?
            .and_then(|owner| <[u8; 16]>::try_from(&*owner).ok());
        let owner = owner.ok_or_else(|| StoreError::not_found(WHAT, id))?;
        self.token(AccountId(uuid::Uuid::from_bytes(owner)), id)
    }

    fn tokens(
        &self,
        account: Option<AccountId>,
        query: &TokenQuery,
    ) -> Stored<(Vec<TokenRecord>, u64)> {
        let prefix = match account {
            Some(account) => all_of(Table::Token, account),
            None => key(Table::Token, &[]),
        };
        let mut found = Vec::new();
        for row in self.scan(&prefix) {
            let token: TokenRecord = codec::read(WHAT, &row?.1)?;
            if query.accept(&token) {
                found.push(token);
            }
        }
        let age = |token: &TokenRecord| (token.create_time, *token.token_id.as_bytes());
        Ok(oldest_first(found, query.page, age))
    }

    fn replace_token(&self, token: &TokenRecord) -> Stored<()> {
        let (account, id) = (token.account_id, token.token_id);
        self.write(|change| {
            self.need_token(account, id)?;
            change.put(row_key(account, id), codec::json(WHAT, token)?);
            Ok(())
        })
    }

    fn delete_token(&self, account: AccountId, id: TokenId) -> Stored<()> {
        self.write(|change| {
            self.need_token(account, id)?;
            change.remove(row_key(account, id));
            change.remove(owner_key(id));
            Ok(())
        })
    }

    fn each_token(&self, each: &mut dyn FnMut(TokenRecord)) -> Stored<()> {
        for row in self.scan(&key(Table::Token, &[])) {
            each(codec::read(WHAT, &row?.1)?);
        }
        Ok(())
    }
}
