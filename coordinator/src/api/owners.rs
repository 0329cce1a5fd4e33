//! Whose objects a request sees.
//!
//! What changes something is always bound to the caller's own account. What reads is bound to it
//! as well, unless the account or its token sees everybody's objects.

use goshawk_coordinator_core::query::Page;
use goshawk_proto::id::AccountId;

use crate::{
    auth::{Caller, Scope},
    store::{Store, StoreError, StoreHandle, Stored},
};

/// Accounts read at a time.
const STEP: usize = 1000;

/// The accounts whose objects a listing shows.
pub fn accounts(store: &dyn Store, scope: Scope) -> Stored<Vec<AccountId>> {
    let Scope::One(account) = scope else {
        return every(store);
    };
    Ok(vec![account])
}

fn every(store: &dyn Store) -> Stored<Vec<AccountId>> {
    let mut all = Vec::new();
    for number in 1.. {
        let rows = store.accounts(Page { number, size: STEP })?;
        all.extend(rows.iter().map(|account| account.account_id));
        if rows.len() < STEP {
            break;
        }
    }
    Ok(all)
}

/// The one row that `look` finds by its key, as [`find`] does. The caller's own is looked for where
/// it is; those of everybody, which are many, on the blocking pool.
pub async fn found<T: Send + 'static>(
    store: &StoreHandle,
    caller: Caller,
    look: impl Fn(&dyn Store, AccountId) -> Stored<T> + Send + 'static,
) -> Stored<T> {
    match store.look(|store| look(store, caller.account_id)) {
        Err(StoreError::NotFound { .. }) if caller.sees_all() => {
            let find =
                move |store: &dyn Store| find(store, &caller, |account| look(store, account));
            store.run(find).await
        }
        found => found,
    }
}

/// What `look` finds in the caller's account, or in another one where the caller sees all.
pub fn find<T>(
    store: &dyn Store,
    caller: &Caller,
    look: impl Fn(AccountId) -> Stored<T>,
) -> Stored<T> {
    match look(caller.account_id) {
        Err(missing @ StoreError::NotFound { .. }) if caller.sees_all() => {
            for account in every(store)? {
                match look(account) {
                    Err(StoreError::NotFound { .. }) => {}
                    found => return found,
                }
            }
            Err(missing)
        }
        found => found,
    }
}

/// A page out of all that the accounts of a listing have. `of_one` gives the first rows of one
/// account in the order of `before`.
pub fn page<T, K: Ord>(
    store: &dyn Store,
    scope: Scope,
    page: Page,
    of_one: impl Fn(AccountId, Page) -> Stored<Vec<T>>,
    order: impl Fn(&T) -> K,
) -> Stored<Vec<T>> {
    if let Scope::One(account) = scope {
        return of_one(account, page);
    }
    let first = Page {
        number: 1,
        size: page.skip().saturating_add(page.size),
    };
    let mut rows = Vec::new();
    for account in every(store)? {
        rows.extend(of_one(account, first)?);
    }
    rows.sort_by_key(order);
    Ok(rows.into_iter().skip(page.skip()).take(page.size).collect())
}
