//! The authenticator over the store's accounts and tokens.

use std::{collections::HashSet, future::ready, path::Path, sync::Arc};

use futures_util::future::BoxFuture;
use goshawk_coordinator_core::{account::Account, token::TokenRecord};
use goshawk_proto::{
    id::{AccountId, TokenId},
    time::Timestamp,
};

use super::StartError;
use crate::{
    auth::{Authenticator, Credentials, Role, Stored, keys::KeyRing, metrics::AuthMetrics},
    errors::{ApiError, Code},
    metrics::Metrics,
    store::{self, Store, StoreError, StoreHandle},
};

/// Opens the keys in the data folder `dir` and checks against `store`. Blocks.
pub fn open(
    dir: &Path,
    store: &StoreHandle,
    metrics: &Metrics,
    now: Timestamp,
) -> Result<Authenticator, StartError> {
    let keys = KeyRing::open(dir, &needed_keys(store.blocking().as_ref(), now)?, now)?;
    let metrics = AuthMetrics::new(metrics);
    Authenticator::new(Arc::new(store.clone()), keys, metrics)
        .map_err(|error| StartError::Bootstrap(format!("password hashing: {error}")))
}

/// The keys that tokens which have not ended were signed with.
fn needed_keys(store: &dyn Store, now: Timestamp) -> Result<HashSet<String>, StoreError> {
    let mut needed = HashSet::new();
    store.each_token(&mut |token| {
        if !token.is_expired(now) {
            needed.insert(token.seal.key_id);
        }
    })?;
    Ok(needed)
}

impl Credentials for StoreHandle {
    fn by_login<'a>(&'a self, login: &'a str) -> BoxFuture<'a, Result<Option<Stored>, ApiError>> {
        let account = self.look(|store| store.account_by_login(login));
        Box::pin(ready(found(account)))
    }

    fn by_id(&self, id: AccountId) -> BoxFuture<'_, Result<Option<Stored>, ApiError>> {
        let account = self.look(|store| store.account(id));
        Box::pin(ready(found(account)))
    }

    fn by_token(
        &self,
        account: AccountId,
        id: TokenId,
    ) -> BoxFuture<'_, Result<Option<(TokenRecord, Role)>, ApiError>> {
        let both = self.look(|store| {
            let token = store.token(account, id)?;
            Ok((token, store.account(account)?.account_type))
        });
        Box::pin(ready(match both {
            Err(error @ StoreError::Corrupt { what: "token", .. }) => {
                tracing::error!(token_id = %id, "{error}");
                Err(Code::TokenUnreadable.plain())
            }
            other => there(other),
        }))
    }
}

fn found(account: store::Stored<Account>) -> Result<Option<Stored>, ApiError> {
    let account = there(account)?;
    Ok(account.map(|account| Stored {
        account_id: account.account_id,
        role: account.account_type,
        password_hash: account.password_hash,
    }))
}

fn there<T>(row: store::Stored<T>) -> Result<Option<T>, ApiError> {
    match row {
        Ok(row) => Ok(Some(row)),
        Err(StoreError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
