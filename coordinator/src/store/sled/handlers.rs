//! Handlers.

use std::cmp::Reverse;

use goshawk_coordinator_core::{handler::Handler, query::Page};
use goshawk_proto::id::{AccountId, HandlerId};

use super::{
    SledStore, codec,
    keys::{Table, all_of, owned},
};
use crate::store::{HandlerStore, StoreError, Stored};

const WHAT: &str = "handler";

fn row_key(account: AccountId, id: HandlerId) -> Vec<u8> {
    owned(Table::Handler, account, id.as_bytes())
}

impl HandlerStore for SledStore {
    fn create_handler(&self, handler: &Handler) -> Stored<()> {
        let key = row_key(handler.account_id, handler.handler_id);
        self.write(|change| {
            if self.has(&key)? {
                return Err(StoreError::conflict(WHAT, "the id is taken"));
            }
            change.put(key, codec::json(WHAT, handler)?);
            Ok(())
        })
    }

    fn handler(&self, account: AccountId, id: HandlerId) -> Stored<Handler> {
        let row = self
            .get(row_key(account, id))?
            .ok_or_else(|| StoreError::not_found(WHAT, id))?;
        codec::read(WHAT, &row)
    }

    fn handlers(
        &self,
        account: AccountId,
        description: Option<&str>,
        page: Page,
    ) -> Stored<Vec<Handler>> {
        let mut all = Vec::new();
        for row in self.scan(&all_of(Table::Handler, account)) {
            let handler: Handler = codec::read(WHAT, &row?.1)?;
            if description.is_none_or(|part| handler.description.contains(part)) {
                all.push(handler);
            }
        }
        all.sort_by_key(|handler| (Reverse(handler.create_time), handler.handler_id));
        Ok(all.into_iter().skip(page.skip()).take(page.size).collect())
    }

    fn count_handlers(&self, account: AccountId) -> Stored<u64> {
        self.count_rows(&all_of(Table::Handler, account))
    }

    fn replace_handler(&self, handler: &Handler) -> Stored<()> {
        let key = row_key(handler.account_id, handler.handler_id);
        self.write(|change| {
            if !self.has(&key)? {
                return Err(StoreError::not_found(WHAT, handler.handler_id));
            }
            change.put(key, codec::json(WHAT, handler)?);
            Ok(())
        })
    }

    fn delete_handler(&self, account: AccountId, id: HandlerId) -> Stored<()> {
        self.write(|change| {
            if !self.has(row_key(account, id))? {
                return Err(StoreError::not_found(WHAT, id));
            }
            change.remove(row_key(account, id));
            Ok(())
        })
    }
}

impl SledStore {
    /// How many rows begin with `prefix`.
    pub(super) fn count_rows(&self, prefix: &[u8]) -> Stored<u64> {
        let mut count = 0;
        for row in self.scan(prefix) {
            row?;
            count += 1;
        }
        Ok(count)
    }
}
