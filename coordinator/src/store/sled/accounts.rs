//! Accounts and their logins.

use goshawk_coordinator_core::{account::Account, query::Page};
use goshawk_proto::id::AccountId;

use super::{
    Change, SledStore, codec,
    keys::{Table, key},
    tokens::oldest_first,
};
use crate::store::{AccountQuery, AccountStore, StoreError, Stored};

const WHAT: &str = "account";

fn row_key(id: AccountId) -> Vec<u8> {
    key(Table::Account, &[id.as_bytes()])
}

fn login_key(login: &str) -> Vec<u8> {
    key(Table::Login, &[login.as_bytes()])
}

impl AccountStore for SledStore {
    fn create_account(&self, account: &Account) -> Stored<()> {
        self.write(|change| {
            if self.has(row_key(account.account_id))? {
                return Err(StoreError::conflict(WHAT, "the id is taken"));
            }
            if self.has(login_key(&account.login))? {
                return Err(StoreError::conflict(WHAT, "the login is taken"));
            }
            change.put(row_key(account.account_id), codec::json(WHAT, account)?);
            change.put(login_key(&account.login), account.account_id.as_bytes());
            Ok(())
        })
    }

    fn account(&self, id: AccountId) -> Stored<Account> {
        let row = self
            .get(row_key(id))?
            .ok_or_else(|| StoreError::not_found(WHAT, id))?;
        codec::read(WHAT, &row)
    }

    fn account_by_login(&self, login: &str) -> Stored<Account> {
        let id = self
            .get(login_key(login))?
            .and_then(|id| <[u8; 16]>::try_from(&*id).ok());
        // The login is not named: an error text must not tell which logins exist.
        let id = id.ok_or_else(|| StoreError::not_found(WHAT, "of that login"))?;
        self.account(AccountId(uuid::Uuid::from_bytes(id)))
    }

    fn accounts(&self, page: Page) -> Stored<Vec<Account>> {
        self.scan(&key(Table::Account, &[]))
            .skip(page.skip())
            .take(page.size)
            .map(|row| codec::read(WHAT, &row?.1))
            .collect()
    }

    fn find_accounts(&self, query: &AccountQuery) -> Stored<(Vec<Account>, u64)> {
        let mut found = Vec::new();
        for row in self.scan(&key(Table::Account, &[])) {
            let account: Account = codec::read(WHAT, &row?.1)?;
            if query.accept(&account) {
                found.push(account);
            }
        }
        let age = |account: &Account| (account.create_time, *account.account_id.as_bytes());
        Ok(oldest_first(found, query.page, age))
    }

    fn replace_account(&self, account: &Account) -> Stored<()> {
        self.write(|change| {
            let old = self.account(account.account_id)?;
            self.put_account(change, &old, account)
        })
    }

    fn update_account(&self, id: AccountId, edit: &dyn Fn(&mut Account)) -> Stored<Account> {
        self.write(|change| {
            let old = self.account(id)?;
            let mut new = old.clone();
            edit(&mut new);
            self.put_account(change, &old, &new)?;
            Ok(new)
        })
    }
}

impl SledStore {
    fn put_account(&self, change: &mut Change, old: &Account, new: &Account) -> Stored<()> {
        if old.login != new.login {
            if self.has(login_key(&new.login))? {
                return Err(StoreError::conflict(WHAT, "the login is taken"));
            }
            change.remove(login_key(&old.login));
            change.put(login_key(&new.login), new.account_id.as_bytes());
        }
        change.put(row_key(new.account_id), codec::json(WHAT, new)?);
        Ok(())
    }
}
