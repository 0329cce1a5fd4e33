//! Layout versions of the database, and the steps from each to the next.
//!
//! Steps run at opening, before anybody else reads or writes, in batches of which each is atomic
//! and holds the place it has come to: after a crash in the middle the step goes on there. A
//! database of a newer layout is refused as it is.
//!
//! | layout | since |
//! | --- | --- |
//! | 1 | values without checksums |
//! | 2 | every value ends in a checksum, see `seal` |
//! | 3 | agents and join tokens are rows; before, they were files (`pki`'s business) |

use std::ops::Bound;

use ::sled::{Batch, Tree};

use super::{fault, flusher::Flusher, keys, seal};
use crate::store::{StoreError, Stored};

/// Layout that this program reads and writes.
pub const SCHEMA: u32 = 3;
/// Rows changed in one batch.
const ROWS: usize = 512;
/// Bytes changed in one batch.
const BYTES: usize = 1 << 20;

type ChangeRows = fn(&Tree, &mut Batch, Option<Vec<u8>>) -> Stored<Option<Vec<u8>>>;

/// One step.
struct Step {
    /// The layout that it leads to.
    to: u32,
    what: &'static str,
    /// Changes some rows into `batch`, after the key given; the last key that it looked at, or
    /// `None` when there are no more.
    batch: ChangeRows,
}

/// Every step, in order; the first leads from layout 1.
const STEPS: &[Step] = &[
    Step {
        to: 2,
        what: "checksums on values",
        batch: add_checksums,
    },
    Step {
        to: 3,
        what: "agents and join tokens",
        batch: change_nothing,
    },
];

/// Brings the database up to [`SCHEMA`].
pub(super) fn run(rows: &Tree, flusher: &Flusher) -> Stored<()> {
    let Some(found) = layout(rows)? else {
        rows.insert(keys::SCHEMA, &SCHEMA.to_be_bytes())
            .map_err(fault)?;
        return flusher.flush();
    };
    if found > SCHEMA {
        return Err(wrong(format!(
            "the database has layout {found} and this program knows layouts up to {SCHEMA}; \
             use the program that wrote it, or a newer one"
        )));
    }
    for step in STEPS.iter().filter(|step| step.to > found) {
        tracing::info!(to = step.to, "database layout: {}", step.what);
        while batch(rows, flusher, step)? {}
        flusher.flush()?;
        tracing::info!(to = step.to, "database layout: done");
    }
    Ok(())
}

/// The layout of the database; `None` for a new one.
fn layout(rows: &Tree) -> Stored<Option<u32>> {
    match rows.get(keys::SCHEMA).map_err(fault)? {
        Some(bytes) => match <[u8; 4]>::try_from(&*bytes).map(u32::from_be_bytes) {
            Ok(version) if version > 0 => Ok(Some(version)),
            _ => Err(wrong("it cannot be read".to_owned())),
        },
        None if rows.is_empty() => Ok(None),
        None => Err(wrong("the database has rows and no layout".to_owned())),
    }
}

fn wrong(message: String) -> StoreError {
    StoreError::Corrupt {
        what: "schema version",
        message,
    }
}

/// One atomic batch of a step; whether there is more to do.
fn batch(rows: &Tree, flusher: &Flusher, step: &Step) -> Stored<bool> {
    let after = rows.get(keys::CURSOR).map_err(fault)?;
    let mut batch = Batch::default();
    let reached = (step.batch)(rows, &mut batch, after.map(|key| key.to_vec()))?;
    let more = reached.is_some();
    match reached {
        Some(key) => batch.insert(keys::CURSOR, key),
        None => {
            batch.remove(keys::CURSOR);
            batch.insert(keys::SCHEMA, &step.to.to_be_bytes());
        }
    }
    flusher.apply(rows, batch)?;
    Ok(more)
}

fn add_checksums(
    rows: &Tree,
    batch: &mut Batch,
    after: Option<Vec<u8>>,
) -> Stored<Option<Vec<u8>>> {
    let low = after.map_or(Bound::Unbounded, Bound::Excluded);
    let mut bytes = 0;
    for (n, row) in rows
        .range::<Vec<u8>, _>((low, Bound::Unbounded))
        .enumerate()
    {
        let (key, value) = row.map_err(fault)?;
        // The second half guards against a layout row that was damaged into an older number.
        if key.first() != Some(&keys::META) && seal::content_len(&key, &value).is_none() {
            bytes += value.len();
            batch.insert(&key, seal::seal(&key, value.to_vec()));
        }
        if n + 1 >= ROWS || bytes >= BYTES {
            return Ok(Some(key.to_vec()));
        }
    }
    Ok(None)
}

/// The rows stay as they are; but a program of the layout before, which looks for agents elsewhere,
/// would take every agent for a stranger and must not open them.
fn change_nothing(_: &Tree, _: &mut Batch, _: Option<Vec<u8>>) -> Stored<Option<Vec<u8>>> {
    Ok(None)
}

#[cfg(test)]
mod tests;
