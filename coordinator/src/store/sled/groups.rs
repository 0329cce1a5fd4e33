//! Groups of streams.

use goshawk_coordinator_core::stream::{Group, StreamRecord};
use goshawk_proto::id::{AccountId, GroupId, StreamId};

use super::{
    SledStore, codec,
    keys::{Table, all_of, key, owned},
};
use crate::store::{GroupStore, StoreError, Stored, StreamStore};

const WHAT: &str = "group";

fn row_key(account: AccountId, id: GroupId) -> Vec<u8> {
    owned(Table::Group, account, id.as_bytes())
}

fn stream_key(stream: &StreamRecord) -> Vec<u8> {
    owned(
        Table::Stream,
        stream.account_id,
        stream.stream_id.as_bytes(),
    )
}

impl GroupStore for SledStore {
    fn create_group(&self, group: &Group) -> Stored<()> {
        let key = row_key(group.account_id, group.group_id);
        self.write(|change| {
            let mut others = self.groups(Some(group.account_id))?.into_iter();
            if others.any(|other| {
                other.group_name == group.group_name || other.group_id == group.group_id
            }) {
                return Err(StoreError::conflict(WHAT, "the name is taken"));
            }
            change.put(key, codec::json(WHAT, group)?);
            Ok(())
        })
    }

    fn group(&self, account: AccountId, id: GroupId) -> Stored<Group> {
        let row = self
            .get(row_key(account, id))?
            .ok_or_else(|| StoreError::not_found(WHAT, id))?;
        codec::read(WHAT, &row)
    }

    fn groups(&self, account: Option<AccountId>) -> Stored<Vec<Group>> {
        let prefix = match account {
            Some(account) => all_of(Table::Group, account),
            None => key(Table::Group, &[]),
        };
        let mut all: Vec<Group> = self
            .scan(&prefix)
            .map(|row| codec::read(WHAT, &row?.1))
            .collect::<Stored<_>>()?;
        all.sort_by_key(|group| (group.create_time, group.group_id));
        Ok(all)
    }

    fn describe_group(&self, account: AccountId, id: GroupId, text: &str) -> Stored<()> {
        self.write(|change| {
            let mut group = self.group(account, id)?;
            text.clone_into(&mut group.description);
            change.put(row_key(account, id), codec::json(WHAT, &group)?);
            Ok(())
        })
    }

    fn delete_group(&self, account: AccountId, id: GroupId) -> Stored<()> {
        self.write(|change| {
            self.group(account, id)?;
            for row in self.scan(&all_of(Table::Stream, account)) {
                let mut stream: StreamRecord = codec::read("stream", &row?.1)?;
                if stream.leave(id) {
                    change.put(stream_key(&stream), codec::json("stream", &stream)?);
                }
            }
            change.remove(row_key(account, id));
            Ok(())
        })
    }

    fn link_streams(
        &self,
        account: AccountId,
        id: GroupId,
        streams: &[StreamId],
        attach: bool,
    ) -> Stored<()> {
        self.write(|change| {
            self.group(account, id)?;
            for stream in streams {
                let mut stream = self.stream(account, *stream)?;
                let changed = if attach {
                    stream.join(id)
                } else {
                    stream.leave(id)
                };
                if changed {
                    change.put(stream_key(&stream), codec::json("stream", &stream)?);
                }
            }
            Ok(())
        })
    }
}
