//! Streams.

use goshawk_coordinator_core::stream::StreamRecord;
use goshawk_proto::id::{AccountId, StreamId};

use super::{
    SledStore, codec,
    keys::{Table, all_of, key, owned},
};
use crate::store::{StoreError, Stored, StreamQuery, StreamStore};

const WHAT: &str = "stream";

fn row_key(account: AccountId, id: StreamId) -> Vec<u8> {
    owned(Table::Stream, account, id.as_bytes())
}

fn owner_key(id: StreamId) -> Vec<u8> {
    key(Table::StreamOwner, &[id.as_bytes()])
}

impl SledStore {
    fn read_streams(&self, prefix: &[u8], query: &StreamQuery) -> Stored<Vec<StreamRecord>> {
        let mut out = Vec::new();
        for row in self.scan(prefix) {
            let stream: StreamRecord = codec::read(WHAT, &row?.1)?;
            if query.accept(&stream) {
                out.push(stream);
            }
        }
        out.sort_by_key(|stream| (stream.create_time, stream.stream_id));
        Ok(out)
    }
}

impl StreamStore for SledStore {
    fn create_stream(&self, stream: &StreamRecord) -> Stored<()> {
        self.write(|change| {
            if self.has(owner_key(stream.stream_id))? {
                return Err(StoreError::conflict(WHAT, "the id is taken"));
            }
            change.put(
                row_key(stream.account_id, stream.stream_id),
                codec::json(WHAT, stream)?,
            );
            change.put(owner_key(stream.stream_id), stream.account_id.as_bytes());
            self.log_made(change, stream)
        })
    }

    fn stream(&self, account: AccountId, id: StreamId) -> Stored<StreamRecord> {
        let row = self
            .get(row_key(account, id))?
            .ok_or_else(|| StoreError::not_found(WHAT, id))?;
        codec::read(WHAT, &row)
    }

    fn streams(&self, account: AccountId, query: &StreamQuery) -> Stored<Vec<StreamRecord>> {
        let all = self.read_streams(&all_of(Table::Stream, account), query)?;
        Ok(all
            .into_iter()
            .skip(query.page.skip())
            .take(query.page.size)
            .collect())
    }

    fn count_streams(&self, account: AccountId, query: &StreamQuery) -> Stored<u64> {
        Ok(self
            .read_streams(&all_of(Table::Stream, account), query)?
            .len() as u64)
    }

    fn update_stream(
        &self,
        account: AccountId,
        id: StreamId,
        update: &dyn Fn(&mut StreamRecord),
    ) -> Stored<StreamRecord> {
        self.write(|change| {
            let old = self.stream(account, id)?;
            let mut new = old.clone();
            update(&mut new);
            (new.account_id, new.stream_id) = (account, id);
            if new != old {
                change.put(row_key(account, id), codec::json(WHAT, &new)?);
                self.log_change(change, &old, &new)?;
            }
            Ok(new)
        })
    }

    fn delete_stream(&self, account: AccountId, id: StreamId) -> Stored<()> {
        self.write(|change| {
            let stream = self.stream(account, id)?;
            change.remove(row_key(account, id));
            change.remove(owner_key(id));
            self.log_removed(change, &stream)
        })
    }

    fn all_streams(&self) -> Stored<Vec<StreamRecord>> {
        self.read_streams(&key(Table::Stream, &[]), &StreamQuery::default())
    }

    fn stream_of_any(&self, id: StreamId) -> Stored<StreamRecord> {
        let owner = self
            .get(owner_key(id))?
            .and_then(|id| <[u8; 16]>::try_from(&*id).ok());
        let owner = owner.ok_or_else(|| StoreError::not_found(WHAT, id))?;
        self.stream(AccountId(uuid::Uuid::from_bytes(owner)), id)
    }
}
