//! Fills a new database with rows as another one had them.

use std::path::Path;

use ::sled::{Batch, Db, Tree};

use super::{
    RawRow, SledOptions, fault,
    flusher::Flusher,
    keys::{self, Table},
    open_database, pieces, seal,
};
use crate::store::{StoreError, Stored};

/// Puts rows into a new database. Nothing is durable before [`Self::finish`].
pub struct Loader {
    db: Db,
    rows: Tree,
    flusher: Flusher,
    /// Highest place in the queues, and generation of pieces, that a row has.
    highest: u64,
}

impl Loader {
    /// A new database in `dir`; one that has rows is refused.
    pub fn create(dir: &Path) -> Stored<Self> {
        let db = open_database(dir, SledOptions::default()).map_err(fault)?;
        let rows = db.open_tree("rows").map_err(fault)?;
        if !rows.is_empty() {
            return Err(StoreError::conflict("database", "it has rows already"));
        }
        let flusher = Flusher::start(db.clone(), dir)?;
        Ok(Self {
            db,
            rows,
            flusher,
            highest: 0,
        })
    }

    /// Puts rows, with their checksums as they are.
    pub fn put(&mut self, rows: Vec<RawRow>) -> Stored<()> {
        let mut batch = Batch::default();
        for row in rows {
            self.highest = self.highest.max(place(&row.key));
            batch.insert(row.key, row.value);
        }
        self.flusher.apply(&self.rows, batch)
    }

    /// Makes all durable. Places that will be given out are higher than `mark` and than all that
    /// rows have.
    pub fn finish(self, mark: u64) -> Stored<()> {
        let floor = self.highest.max(mark);
        while self.db.generate_id().map_err(fault)? <= floor {}
        self.flusher.flush()
    }
}

/// The place or generation that a key holds; 0 for other keys.
fn place(key: &[u8]) -> u64 {
    match Table::of(key) {
        Some(
            Table::Incoming | Table::Envelope | Table::Outgoing | Table::Dead | Table::Journal,
        ) => keys::place_of(key).unwrap_or(0),
        Some(Table::Piece) => {
            pieces::owner(key).map_or(0, |(_, generation, _)| u64::from_be_bytes(generation))
        }
        _ => 0,
    }
}

/// Whether a row's checksum is right; rows about the database itself have none.
pub fn is_whole(row: &RawRow) -> bool {
    row.key.first() == Some(&keys::META) || seal::content_len(&row.key, &row.value).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{
        FaceStore, IncomingStore,
        conformance::{ACCOUNT, AGENT, at, event_id, face, face_id},
        sled::SledStore,
    };

    #[test]
    fn a_copy_has_all_rows_and_gives_out_higher_places() {
        let dirs = tempfile::tempdir().unwrap();
        let (from, to) = (dirs.path().join("from"), dirs.path().join("to"));
        let store = SledStore::open(&from, SledOptions::default()).unwrap();
        for n in 1..=20 {
            store.create_face(&face(n, &[])).unwrap();
            store
                .receive(ACCOUNT, AGENT, event_id(n), &[9; 20_000], at(1))
                .unwrap();
        }
        let last = store.incoming(None, 99).unwrap().last().unwrap().seq;
        let mut loader = Loader::create(&to).unwrap();
        let mut snapshot = store.snapshot().unwrap();
        let mark = store.mark().unwrap() + 1000;
        while let Some(rows) = snapshot.read_on().unwrap() {
            assert!(rows.iter().all(is_whole));
            loader.put(rows).unwrap();
        }
        loader.finish(mark).unwrap();
        assert!(Loader::create(&to).is_err(), "not over another one");
        let copy = SledStore::open(&to, SledOptions::default()).unwrap();
        assert_eq!(
            copy.face(ACCOUNT, face_id(7)),
            store.face(ACCOUNT, face_id(7))
        );
        assert_eq!(copy.incoming(None, 99), store.incoming(None, 99));
        assert!(copy.mark().unwrap() > mark && mark > last);
    }
}
