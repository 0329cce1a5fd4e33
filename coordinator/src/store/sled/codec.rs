//! Values of rows: one byte that names the encoding, then the row.
//!
//! Rows that are mostly contract bodies (accounts, streams, handlers, lists) are JSON text, since
//! their types are made for it; rows that are many or hold bytes (faces, attributes, events) are
//! MessagePack with named fields. Both skip unknown fields and default missing ones.

use serde::{Serialize, de::DeserializeOwned};

use super::super::{StoreError, Stored};

const JSON: u8 = b'j';
const PACKED: u8 = b'p';

/// A row as JSON.
pub(super) fn json(what: &'static str, row: &impl Serialize) -> Stored<Vec<u8>> {
    let mut out = vec![JSON];
    serde_json::to_writer(&mut out, row).map_err(|e| corrupt(what, &e))?;
    Ok(out)
}

/// A row as MessagePack.
pub(super) fn packed(what: &'static str, row: &impl Serialize) -> Stored<Vec<u8>> {
    let mut out = vec![PACKED];
    rmp_serde::encode::write_named(&mut out, row).map_err(|e| corrupt(what, &e))?;
    Ok(out)
}

/// A row of either encoding.
pub(super) fn read<T: DeserializeOwned>(what: &'static str, bytes: &[u8]) -> Stored<T> {
    match bytes.split_first() {
        Some((&JSON, row)) => serde_json::from_slice(row).map_err(|e| corrupt(what, &e)),
        Some((&PACKED, row)) => rmp_serde::from_slice(row).map_err(|e| corrupt(what, &e)),
        _ => Err(StoreError::Corrupt {
            what,
            message: "unknown encoding".into(),
        }),
    }
}

fn corrupt(what: &'static str, error: &dyn std::fmt::Display) -> StoreError {
    StoreError::Corrupt {
        what,
        message: error.to_string(),
    }
}
