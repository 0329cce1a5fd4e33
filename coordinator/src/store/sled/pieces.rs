//! Values of any size in a database that wants them small.
//!
//! A leaf page of sled 0.34 holds up to 17 values before it splits, and a page over 128 KiB (a
//! quarter of a log segment) is written to a file of its own that is never synced. So a value
//! over [`PIECE_BYTES`] is cut: under its key is only a head (mark, generation, number of pieces),
//! and the pieces are rows of their own under key, generation and number. Head and pieces are
//! written in one atomic batch.
//!
//! Readers take no lock, so a reader may hold a head whose pieces were replaced meanwhile; the
//! generation tells, and it reads the head again.

use std::collections::BTreeMap;

use ::sled::{Batch, IVec};

use super::{
    SledStore, fault,
    keys::{self, Table, key},
    seal,
};
use crate::store::{StoreError, Stored};

/// Largest value given to sled: 17 of them and their keys stay below 128 KiB.
pub(super) const PIECE_BYTES: usize = 6 * 1024;
/// First byte of a head. No encoding of rows begins with it.
const CUT: u8 = b'c';
/// Tables whose values may be large.
const LARGE: &[Table] = &[
    Table::Account,
    Table::Stream,
    Table::Handler,
    Table::List,
    Table::Face,
    Table::Attribute,
    Table::Event,
    Table::Envelope,
    Table::Outgoing,
    Table::Dead,
];
/// How often a reader follows a value that is being replaced before it gives up.
const CHASES: usize = 16;

/// The changes of one atomic step: the last word on each key.
pub(super) type Changes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;
/// The same as they go into the database: large values cut, all with their checksums.
pub(super) type Laid = Vec<(Vec<u8>, Option<Vec<u8>>)>;

pub(super) fn may_be_large(key: &[u8]) -> bool {
    key.first()
        .is_some_and(|first| LARGE.iter().any(|table| *table as u8 == *first))
}

/// Generation and number of pieces, if it is a head.
pub(super) fn head(value: &[u8]) -> Option<([u8; 8], u32)> {
    let (mark, rest) = value.split_first()?;
    let (generation, count) = rest.split_first_chunk::<8>()?;
    let count = count.try_into().ok().map(u32::from_be_bytes)?;
    (*mark == CUT).then_some((*generation, count))
}

pub(super) fn piece_key(whole: &[u8], generation: [u8; 8], number: u32) -> Vec<u8> {
    key(Table::Piece, &[whole, &generation, &number.to_be_bytes()])
}

/// The key of the value that a piece belongs to, its generation and number.
pub(super) fn owner(piece: &[u8]) -> Option<(&[u8], [u8; 8], u32)> {
    let rest = piece.get(1..)?;
    let (rest, number) = rest.split_last_chunk::<4>()?;
    let (whole, generation) = rest.split_last_chunk::<8>()?;
    Some((whole, *generation, u32::from_be_bytes(*number)))
}

/// The batch that makes these changes.
pub(super) fn batch(laid: Laid) -> Batch {
    let mut batch = Batch::default();
    for (key, value) in laid {
        match value {
            Some(value) => batch.insert(key, value),
            None => batch.remove(key),
        }
    }
    batch
}

impl SledStore {
    /// The changes as the database takes them. To be called by the writer only.
    pub(super) fn lay(&self, changes: Changes) -> Stored<Laid> {
        let mut laid = Laid::with_capacity(changes.len());
        for (key, value) in changes {
            let large = may_be_large(&key);
            // A head that is damaged names no pieces: they stay behind and `verify` finds them.
            if large
                && let Some(old) = self.rows.get(&key).map_err(fault)?
                && let Some(length) = seal::content_len(&key, &old)
                && let Some((generation, count)) = head(&old[..length])
            {
                laid.extend((0..count).map(|n| (piece_key(&key, generation, n), None)));
            }
            let mut put = |key: Vec<u8>, content: Vec<u8>| {
                let value = seal::seal(&key, content);
                laid.push((key, Some(value)));
            };
            match value {
                None => laid.push((key, None)),
                Some(value) if large && value.len() > PIECE_BYTES => {
                    let generation = self.next_seq()?.to_be_bytes();
                    let mut count = 0u32;
                    for piece in value.chunks(PIECE_BYTES) {
                        put(piece_key(&key, generation, count), piece.to_vec());
                        count += 1;
                    }
                    let head = [&[CUT][..], &generation, &count.to_be_bytes()].concat();
                    put(key, head);
                }
                Some(value) => put(key, value),
            }
        }
        Ok(laid)
    }

    /// The whole of a value that was read; `None` when it has gone meanwhile.
    pub(super) fn whole(&self, key: &[u8], mut value: IVec) -> Stored<Option<IVec>> {
        if !may_be_large(key) {
            return Ok(Some(value));
        }
        for _ in 0..CHASES {
            let Some((generation, count)) = head(&value) else {
                return Ok(Some(value));
            };
            if let Some(whole) = self.gather(key, generation, count)? {
                return Ok(Some(whole.into()));
            }
            let now = self.rows.get(key).map_err(fault)?;
            match now.map(|now| self.unseal(key, &now)).transpose()? {
                None => return Ok(None),
                Some(now) if now == value => {
                    let message = "a piece is missing".to_owned();
                    return Err(StoreError::Corrupt {
                        what: keys::what(key),
                        message,
                    });
                }
                Some(now) => value = now,
            }
        }
        Err(StoreError::unavailable(
            "a row changes faster than it can be read",
        ))
    }

    fn gather(&self, key: &[u8], generation: [u8; 8], count: u32) -> Stored<Option<Vec<u8>>> {
        let mut whole = Vec::with_capacity(count as usize * PIECE_BYTES);
        for number in 0..count {
            let piece_key = piece_key(key, generation, number);
            match self.rows.get(&piece_key).map_err(fault)? {
                Some(piece) => whole.extend_from_slice(&self.unseal(&piece_key, &piece)?),
                None => return Ok(None),
            }
        }
        Ok(Some(whole))
    }
}
