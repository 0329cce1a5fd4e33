//! Faces, with their indexes by time, list and external id.

use std::{cmp::Reverse, sync::Arc};

use goshawk_coordinator_core::{
    candidates::FaceFilters,
    face::{Attributes, FacePatch, FaceRecord},
};
use goshawk_proto::{
    id::{AccountId, FaceId},
    time::Timestamp,
};

use super::{
    Change, SledStore, codec,
    keys::{self, Table, all_of, owned},
};
use crate::store::{FaceChange, FaceQuery, FaceStore, StoreError, Stored};

const WHAT: &str = "face";

pub(super) fn row_key(account: AccountId, id: FaceId) -> Vec<u8> {
    owned(Table::Face, account, id.as_bytes())
}

impl SledStore {
    pub(super) fn find_face(&self, account: AccountId, id: FaceId) -> Stored<Option<FaceRecord>> {
        self.get(row_key(account, id))?
            .map(|row| codec::read(WHAT, &row))
            .transpose()
    }

    /// Writes a face and its index rows; `old` is what they were before.
    pub(super) fn put_face(
        &self,
        change: &mut Change,
        old: Option<&FaceRecord>,
        face: FaceRecord,
    ) -> Stored<()> {
        if let Some(old) = old {
            remove_index(change, old);
        }
        let (account, id) = (face.account_id, face.face_id);
        change.put(row_key(account, id), codec::packed(WHAT, &face)?);
        change.put(keys::face_time(account, face.create_time, id), []);
        change.put(keys::external_face(account, &face.external_id, id), []);
        for list in &face.lists {
            change.put(keys::list_face(account, *list, id), []);
        }
        change.faces.push(FaceChange::Put(Arc::new(face)));
        Ok(())
    }

    /// Removes a face and its index rows.
    pub(super) fn remove_face(&self, change: &mut Change, face: &FaceRecord) {
        remove_index(change, face);
        change.remove(row_key(face.account_id, face.face_id));
        change
            .faces
            .push(FaceChange::Removed(face.account_id, face.face_id));
    }

    fn change_face(
        &self,
        account: AccountId,
        id: FaceId,
        edit: impl FnOnce(&mut FaceRecord),
    ) -> Stored<FaceRecord> {
        self.write(|change| {
            let old = self.face(account, id)?;
            let mut new = old.clone();
            edit(&mut new);
            self.put_face(change, Some(&old), new.clone())?;
            Ok(new)
        })
    }

    /// Faces that may meet the filters, by the narrowest index, in no particular order.
    fn face_ids(&self, account: AccountId, filters: &FaceFilters) -> Stored<Vec<FaceId>> {
        if let Some(ids) = &filters.face_ids {
            let mut ids = ids.clone();
            ids.sort_unstable();
            ids.dedup();
            return Ok(ids);
        }
        let prefixes = match (&filters.external_ids, filters.list_id) {
            (Some(ids), _) => {
                let mut ids: Vec<&String> = ids.iter().collect();
                ids.sort_unstable();
                ids.dedup();
                ids.iter()
                    .map(|id| keys::external_prefix(account, id))
                    .collect()
            }
            (None, Some(list)) => {
                vec![keys::key(
                    Table::ListFace,
                    &[account.as_bytes(), list.as_bytes()],
                )]
            }
            (None, None) => vec![all_of(Table::Face, account)],
        };
        let mut out = Vec::new();
        for prefix in prefixes {
            for row in self.scan(&prefix) {
                out.extend(keys::last_id(&row?.0).map(FaceId));
            }
        }
        Ok(out)
    }

    /// Every face that meets the filters, in the listing's order.
    fn select_faces(
        &self,
        account: AccountId,
        filters: &FaceFilters,
        now: Timestamp,
    ) -> Stored<Vec<FaceRecord>> {
        let mut out = Vec::new();
        for id in self.face_ids(account, filters)? {
            let Some(mut face) = self.find_face(account, id)? else {
                continue;
            };
            if filters.accept((&face).into(), now) {
                // A listing shows no descriptors; without them a page of many is small.
                face.attributes = Attributes::default();
                out.push(face);
            }
        }
        if filters.face_id_gte.is_some() || filters.face_id_lt.is_some() {
            out.sort_by_key(|face| face.face_id);
        } else {
            out.sort_by_key(|face| (Reverse(face.create_time), face.face_id));
        }
        Ok(out)
    }

    /// A page of all faces by the time index, without reading the others.
    fn newest_faces(&self, account: AccountId, query: &FaceQuery) -> Stored<Vec<FaceRecord>> {
        let page = query.page;
        let rows = self.scan(&all_of(Table::FaceTime, account)).rev();
        let mut out = Vec::new();
        for row in rows.skip(page.skip()).take(page.size) {
            let Some(id) = keys::last_id(&row?.0).map(FaceId) else {
                continue;
            };
            if let Some(mut face) = self.find_face(account, id)? {
                face.attributes = Attributes::default();
                out.push(face);
            }
        }
        Ok(out)
    }
}

fn remove_index(change: &mut Change, face: &FaceRecord) {
    let (account, id) = (face.account_id, face.face_id);
    change.remove(keys::face_time(account, face.create_time, id));
    change.remove(keys::external_face(account, &face.external_id, id));
    for list in &face.lists {
        change.remove(keys::list_face(account, *list, id));
    }
}

impl FaceStore for SledStore {
    fn create_face(&self, face: &FaceRecord) -> Stored<()> {
        self.write(|change| {
            if self.has(row_key(face.account_id, face.face_id))? {
                return Err(StoreError::conflict(WHAT, "the id is taken"));
            }
            for list in &face.lists {
                self.touch_list(change, face.account_id, *list, face.create_time)?;
            }
            self.put_face(change, None, face.clone())
        })
    }

    fn face(&self, account: AccountId, id: FaceId) -> Stored<FaceRecord> {
        self.find_face(account, id)?
            .ok_or_else(|| StoreError::not_found(WHAT, id))
    }

    fn faces(
        &self,
        account: AccountId,
        query: &FaceQuery,
        now: Timestamp,
    ) -> Stored<Vec<FaceRecord>> {
        if query.filters == FaceFilters::default() {
            return self.newest_faces(account, query);
        }
        let all = self.select_faces(account, &query.filters, now)?;
        Ok(all
            .into_iter()
            .skip(query.page.skip())
            .take(query.page.size)
            .collect())
    }

    fn count_faces(
        &self,
        account: AccountId,
        filters: &FaceFilters,
        now: Timestamp,
    ) -> Stored<u64> {
        if *filters == FaceFilters::default() {
            return self.count_rows(&all_of(Table::Face, account));
        }
        Ok(self.select_faces(account, filters, now)?.len() as u64)
    }

    fn patch_face(&self, account: AccountId, id: FaceId, patch: &FacePatch) -> Stored<FaceRecord> {
        self.change_face(account, id, |face| face.patch(patch))
    }

    fn set_face_attributes(
        &self,
        account: AccountId,
        id: FaceId,
        attributes: &Attributes,
    ) -> Stored<()> {
        self.change_face(account, id, |face| face.attributes = attributes.clone())
            .map(|_| ())
    }

    fn delete_face(&self, account: AccountId, id: FaceId) -> Stored<()> {
        self.write(|change| {
            let face = self.face(account, id)?;
            self.remove_face(change, &face);
            Ok(())
        })
    }

    fn each_face(&self, each: &mut dyn FnMut(FaceRecord)) -> Stored<()> {
        for row in self.scan(&keys::key(Table::Face, &[])) {
            match row.and_then(|(_, value)| codec::read(WHAT, &value)) {
                Ok(face) => each(face),
                // One bad sector must not keep everybody else from being recognised.
                Err(error @ StoreError::Corrupt { .. }) => {
                    tracing::error!(%error, "a face is damaged and cannot be matched");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
