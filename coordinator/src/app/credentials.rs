//! Accounts of the store as the authenticator wants them.

use futures_util::future::BoxFuture;
use goshawk_coordinator_core::account::{Account, AccountType};
use goshawk_proto::id::AccountId;

use crate::{
    auth::{Credentials, Role, Stored},
    errors::ApiError,
    store::{self, StoreError, StoreHandle},
};

impl Credentials for StoreHandle {
    fn by_login<'a>(&'a self, login: &'a str) -> BoxFuture<'a, Result<Option<Stored>, ApiError>> {
        let login = login.to_owned();
        Box::pin(async move { found(self.run(move |store| store.account_by_login(&login)).await) })
    }

    fn by_id(&self, id: AccountId) -> BoxFuture<'_, Result<Option<Stored>, ApiError>> {
        Box::pin(async move { found(self.run(move |store| store.account(id)).await) })
    }
}

fn found(account: store::Stored<Account>) -> Result<Option<Stored>, ApiError> {
    match account {
        Ok(account) => Ok(Some(Stored {
            account_id: account.account_id,
            role: match account.account_type {
                AccountType::User => Role::User,
                AccountType::AdvancedUser => Role::AdvancedUser,
                AccountType::Admin => Role::Admin,
            },
            password_hash: account.password_hash,
        })),
        Err(StoreError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
