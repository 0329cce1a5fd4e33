//! All rows as they were at one moment, read while others write.
//!
//! sled 0.34 has no snapshots. But all changes come from one writer, so a snapshot is a walk over
//! the keys in order, a little at a time, beside a note of what the writer changed ahead of it:
//! before a key that was not walked over yet is changed for the first time, its value is kept
//! aside. The writer waits only while a few hundred rows are read.
//!
//! What is kept aside is bounded: beyond [`MAX_PAST_BYTES`] the snapshot fails, never the writer.

use std::{collections::BTreeMap, ops::Bound};

use ::sled::{IVec, Tree};

use super::{SledStore, fault, pieces::Laid};
use crate::store::{StoreError, Stored};

/// Most bytes of values kept aside for one snapshot.
pub const MAX_PAST_BYTES: usize = 256 << 20;
/// Rows read at once, while the writer waits.
const ROWS: usize = 256;
/// Bytes of rows read at once.
const BYTES: usize = 1 << 20;

/// A key and its value with the checksum, as they are in the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawRow {
    /// The key.
    pub key: Vec<u8>,
    /// The value, checksum included.
    pub value: Vec<u8>,
}

/// What a snapshot under way still needs of the past.
#[derive(Debug, Default)]
pub(super) struct Past {
    /// Keys up to this one have been read.
    read: Option<Vec<u8>>,
    /// What later keys had when the snapshot began; `None`: nothing.
    kept: BTreeMap<Vec<u8>, Option<IVec>>,
    bytes: usize,
    most: usize,
}

impl Past {
    fn bounded(most: usize) -> Self {
        Self {
            most,
            ..Self::default()
        }
    }

    /// Keeps aside what is about to be changed.
    pub(super) fn keep(&mut self, laid: &Laid, rows: &Tree) -> Stored<()> {
        for (key, _) in laid {
            if self.read.as_ref().is_some_and(|read| key <= read)
                || self.kept.contains_key(key)
                || self.full()
            {
                continue;
            }
            let old = rows.get(key).map_err(fault)?;
            self.bytes += key.len() + old.as_ref().map_or(0, |old| old.len()) + 64;
            self.kept.insert(key.clone(), old);
        }
        Ok(())
    }

    fn full(&self) -> bool {
        self.bytes > self.most
    }

    /// Reads on: rows as they were, and whether there are more.
    fn read_on(&mut self, rows: &Tree) -> Stored<(Vec<RawRow>, bool)> {
        let low = match self.read.clone() {
            Some(read) => Bound::Excluded(read),
            None => Bound::Unbounded,
        };
        let mut found = BTreeMap::new();
        let (mut bytes, mut more) = (0, false);
        for row in rows.range::<Vec<u8>, _>((low, Bound::Unbounded)) {
            let (key, value) = row.map_err(fault)?;
            bytes += key.len() + value.len();
            found.insert(key.to_vec(), value);
            if found.len() >= ROWS || bytes >= BYTES {
                more = true;
                break;
            }
        }
        // Without more rows, everything that is kept aside is due.
        let end = more.then(|| found.keys().next_back().cloned()).flatten();
        let later = match &end {
            Some(end) => {
                let mut later = self.kept.split_off(end);
                if let Some(kept) = later.remove(end) {
                    self.kept.insert(end.clone(), kept);
                }
                later
            }
            None => BTreeMap::new(),
        };
        for (key, old) in std::mem::replace(&mut self.kept, later) {
            match old {
                Some(old) => found.insert(key, old),
                None => found.remove(&key),
            };
        }
        self.read = end.or_else(|| Some(vec![u8::MAX; 64]));
        let rows = found.into_iter().map(|(key, value)| RawRow {
            key,
            value: value.to_vec(),
        });
        Ok((rows.collect(), more))
    }
}

/// All rows at the moment of [`SledStore::snapshot`], in the order of their keys, a batch at a
/// time. One at a time.
pub struct Snapshot<'s> {
    store: &'s SledStore,
    done: bool,
}

impl SledStore {
    /// Begins to read all rows as they are now. [`StoreError::Conflict`] while another is read.
    pub fn snapshot(&self) -> Stored<Snapshot<'_>> {
        self.snapshot_within(MAX_PAST_BYTES)
    }

    fn snapshot_within(&self, most: usize) -> Stored<Snapshot<'_>> {
        let mut writer = self.lock();
        if writer.is_some() {
            return Err(StoreError::conflict(
                "snapshot",
                "another one is being read",
            ));
        }
        *writer = Some(Past::bounded(most));
        Ok(Snapshot {
            store: self,
            done: false,
        })
    }
}

impl Snapshot<'_> {
    /// The next rows; `None` after the last.
    pub fn read_on(&mut self) -> Stored<Option<Vec<RawRow>>> {
        if self.done {
            return Ok(None);
        }
        let mut writer = self.store.lock();
        let gone = || StoreError::unavailable("the snapshot has gone");
        let past = writer.as_mut().ok_or_else(gone)?;
        if past.full() {
            return Err(StoreError::unavailable(
                "rows change faster than the snapshot is read",
            ));
        }
        let (rows, more) = past.read_on(&self.store.rows)?;
        self.done = !more;
        Ok(Some(rows))
    }
}

impl Drop for Snapshot<'_> {
    fn drop(&mut self) {
        *self.store.lock() = None;
    }
}

#[cfg(test)]
mod tests;
