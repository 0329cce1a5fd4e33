//! Temporary attributes, with their index by expiry.

use goshawk_coordinator_core::face::TemporaryAttribute;
use goshawk_proto::{
    id::{AccountId, AttributeId},
    time::Timestamp,
};

use super::{
    Change, SledStore, codec,
    keys::{Table, key, moment, owned},
};
use crate::store::{AttributeStore, StoreError, Stored};

const WHAT: &str = "attribute";
/// Expired attributes removed in one step, so that a sweep never holds the writer for long.
const SWEEP: usize = 1000;

fn row_key(account: AccountId, id: AttributeId) -> Vec<u8> {
    owned(Table::Attribute, account, id.as_bytes())
}

fn expiry_key(attribute: &TemporaryAttribute) -> Vec<u8> {
    let (account, id) = (attribute.account_id, attribute.attribute_id);
    let expiry = moment(attribute.expires_at);
    key(Table::Expiry, &[&expiry, account.as_bytes(), id.as_bytes()])
}

impl SledStore {
    fn find_attribute(
        &self,
        account: AccountId,
        id: AttributeId,
    ) -> Stored<Option<TemporaryAttribute>> {
        self.get(row_key(account, id))?
            .map(|row| codec::read(WHAT, &row))
            .transpose()
    }

    pub(super) fn write_attribute(
        &self,
        change: &mut Change,
        attribute: &TemporaryAttribute,
    ) -> Stored<()> {
        let (account, id) = (attribute.account_id, attribute.attribute_id);
        if let Some(old) = self.find_attribute(account, id)? {
            change.remove(expiry_key(&old));
        }
        change.put(row_key(account, id), codec::packed(WHAT, attribute)?);
        change.put(expiry_key(attribute), []);
        Ok(())
    }
}

impl AttributeStore for SledStore {
    fn put_attribute(&self, attribute: &TemporaryAttribute) -> Stored<()> {
        self.write(|change| self.write_attribute(change, attribute))
    }

    fn attribute(
        &self,
        account: AccountId,
        id: AttributeId,
        now: Timestamp,
    ) -> Stored<TemporaryAttribute> {
        self.find_attribute(account, id)?
            .filter(|attribute| attribute.expires_at > now)
            .ok_or_else(|| StoreError::not_found(WHAT, id))
    }

    fn delete_attribute(&self, account: AccountId, id: AttributeId) -> Stored<()> {
        self.write(|change| {
            let old = self.find_attribute(account, id)?;
            let old = old.ok_or_else(|| StoreError::not_found(WHAT, id))?;
            change.remove(row_key(account, id));
            change.remove(expiry_key(&old));
            Ok(())
        })
    }

    fn sweep_attributes(&self, now: Timestamp) -> Stored<u64> {
        self.write(|change| {
            let end = key(Table::Expiry, &[&moment(now)]);
            let mut count = 0;
            for row in self.rows.range(key(Table::Expiry, &[])..=end).take(SWEEP) {
                let (expiry, _) = row.map_err(super::fault)?;
                let Some(rest) = expiry.get(9..) else {
                    continue;
                };
                change.remove(key(Table::Attribute, &[rest]));
                change.remove(expiry.to_vec());
                count += 1;
            }
            Ok(count)
        })
    }
}
