//! Lists of faces.

use std::cmp::Reverse;

use goshawk_coordinator_core::{face::FaceList, query::Page};
use goshawk_proto::{
    id::{AccountId, FaceId, ListId},
    time::Timestamp,
};

use super::{
    Change, SledStore, codec,
    keys::{self, Table, all_of, owned},
};
use crate::store::{FaceStore, ListChange, ListStore, StoreError, Stored};

const WHAT: &str = "list";

fn row_key(account: AccountId, id: ListId) -> Vec<u8> {
    owned(Table::List, account, id.as_bytes())
}

impl SledStore {
    pub(super) fn find_list(&self, account: AccountId, id: ListId) -> Stored<Option<FaceList>> {
        self.get(row_key(account, id))?
            .map(|row| codec::read(WHAT, &row))
            .transpose()
    }

    /// Notes that a list's faces change; it must exist.
    pub(super) fn touch_list(
        &self,
        change: &mut Change,
        account: AccountId,
        id: ListId,
        now: Timestamp,
    ) -> Stored<()> {
        let mut list = self.list(account, id)?;
        list.last_update_time = list.last_update_time.max(now);
        change.put(row_key(account, id), codec::json(WHAT, &list)?);
        Ok(())
    }

    fn members(&self, account: AccountId, id: ListId) -> Stored<Vec<FaceId>> {
        let prefix = keys::key(Table::ListFace, &[account.as_bytes(), id.as_bytes()]);
        let mut out = Vec::new();
        for row in self.scan(&prefix) {
            out.extend(keys::last_id(&row?.0).map(FaceId));
        }
        Ok(out)
    }
}

impl ListStore for SledStore {
    fn create_list(&self, list: &FaceList) -> Stored<()> {
        let key = row_key(list.account_id, list.list_id);
        self.write(|change| {
            if self.has(&key)? {
                return Err(StoreError::conflict(WHAT, "the id is taken"));
            }
            change.put(key, codec::json(WHAT, list)?);
            Ok(())
        })
    }

    fn list(&self, account: AccountId, id: ListId) -> Stored<FaceList> {
        self.find_list(account, id)?
            .ok_or_else(|| StoreError::not_found(WHAT, id))
    }

    fn lists(&self, account: AccountId, page: Page) -> Stored<Vec<FaceList>> {
        let mut all: Vec<FaceList> = self
            .scan(&all_of(Table::List, account))
            .map(|row| codec::read(WHAT, &row?.1))
            .collect::<Stored<_>>()?;
        all.sort_by_key(|list| (Reverse(list.create_time), list.list_id));
        Ok(all.into_iter().skip(page.skip()).take(page.size).collect())
    }

    fn count_lists(&self, account: AccountId) -> Stored<u64> {
        self.count_rows(&all_of(Table::List, account))
    }

    fn rename_list(
        &self,
        account: AccountId,
        id: ListId,
        user_data: &str,
        now: Timestamp,
    ) -> Stored<()> {
        self.write(|change| {
            let mut list = self.list(account, id)?;
            list.user_data = user_data.to_owned();
            list.last_update_time = list.last_update_time.max(now);
            change.put(row_key(account, id), codec::json(WHAT, &list)?);
            Ok(())
        })
    }

    fn delete_list(&self, account: AccountId, id: ListId, with_faces: bool) -> Stored<()> {
        self.write(|change| {
            self.list(account, id)?;
            for face_id in self.members(account, id)? {
                let old = self.face(account, face_id)?;
                if with_faces {
                    self.remove_face(change, &old);
                } else {
                    let mut new = old.clone();
                    new.detach(id);
                    self.put_face(change, Some(&old), new)?;
                }
            }
            change.remove(row_key(account, id));
            Ok(())
        })
    }

    fn attach(
        &self,
        account: AccountId,
        list: ListId,
        wanted: &ListChange,
        now: Timestamp,
    ) -> Stored<()> {
        self.write(|change| {
            self.touch_list(change, account, list, now)?;
            let mut done = std::collections::BTreeMap::new();
            let steps = wanted.attach.iter().map(|id| (id, true));
            for (face_id, attach) in steps.chain(wanted.detach.iter().map(|id| (id, false))) {
                // A face named twice is read once, so that the later step sees the earlier one.
                let (_, new) = match done.entry(*face_id) {
                    std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
                    std::collections::btree_map::Entry::Vacant(entry) => {
                        let old = self.face(account, *face_id)?;
                        entry.insert((old.clone(), old))
                    }
                };
                if attach {
                    new.attach(list)
                } else {
                    new.detach(list)
                };
            }
            for (old, new) in done.into_values().filter(|(old, new)| old != new) {
                self.put_face(change, Some(&old), new)?;
            }
            Ok(())
        })
    }
}
