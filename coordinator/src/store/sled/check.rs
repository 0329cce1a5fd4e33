//! Looks whether all rows fit each other: every checksum, every index against its rows both ways,
//! every cut value against its pieces, every row against its type.
//!
//! A [`Checker`] is given all rows of one moment in the order of their keys, from a snapshot or
//! from a backup, and needs no access of its own. In that order indexes and pieces come before
//! what they belong to. Of an index it remembers a hash of each row until the row it belongs to
//! comes by: about 20 bytes a row.

mod rules;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde::Serialize;
use twox_hash::XxHash3_64;

use super::{
    keys::{self, Table},
    pieces, seal,
};
use crate::blobs::BlobKey;

/// Most findings that are told one by one; all are counted.
const MOST_TOLD: usize = 50;
/// Most bytes of pieces that wait for the value they belong to.
const MOST_WAITING: usize = 512 << 20;

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The kind of row.
    pub what: String,
    /// What is wrong with it.
    pub message: String,
}

/// What a check has found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CheckReport {
    /// Rows that were looked at, by kind.
    pub rows: BTreeMap<&'static str, u64>,
    /// Rows that could not be looked into, only at their checksums: too many pieces at once.
    pub unread: u64,
    /// How much is wrong.
    pub faults: u64,
    /// What is wrong, the first of it.
    pub findings: Vec<Finding>,
}

impl CheckReport {
    /// Notes that something is wrong.
    pub fn fault(&mut self, what: impl Into<String>, message: impl Into<String>) {
        self.faults += 1;
        if self.findings.len() < MOST_TOLD {
            self.findings.push(Finding {
                what: what.into(),
                message: message.into(),
            });
        }
    }
}

/// An index row that is there without its row (+1) or missing though its row is there (-1).
#[derive(Default)]
struct Open {
    balance: i32,
    table: Option<Table>,
}

/// Pieces of one value by generation and number.
type Pieces = BTreeMap<([u8; 8], u32), Option<Vec<u8>>>;

/// See the module.
#[derive(Default)]
pub struct Checker {
    report: CheckReport,
    open: HashMap<u64, Open>,
    /// Hashes of the events that were taken in.
    seen: HashSet<u64>,
    /// Pieces that wait for their head: by the key of the value, then generation and number.
    pieces: BTreeMap<Vec<u8>, Pieces>,
    waiting: usize,
    lists_named: BTreeSet<Vec<u8>>,
    lists: BTreeSet<Vec<u8>>,
    blobs: HashSet<BlobKey>,
}

impl Checker {
    /// Looks at the next row, with its checksum.
    pub fn row(&mut self, key: &[u8], value: &[u8]) {
        if key.first() == Some(&keys::META) {
            return;
        }
        let Some(table) = Table::of(key) else {
            let shown = keys::shown(key);
            self.report
                .fault("row", format!("{shown} is of no known kind"));
            return;
        };
        *self.report.rows.entry(table.what()).or_default() += 1;
        let Some(length) = seal::content_len(key, value) else {
            let shown = keys::shown(key);
            self.report
                .fault(table.what(), format!("the checksum of {shown} is wrong"));
            // Its index rows would all be told as well; the row itself is the fault.
            return;
        };
        let content = &value[..length];
        match table {
            Table::Piece => self.piece(key, content),
            _ if pieces::may_be_large(key) => self.large(table, key, content),
            _ => self.content(table, key, content),
        }
    }

    fn piece(&mut self, key: &[u8], content: &[u8]) {
        let Some((whole, generation, number)) = pieces::owner(key) else {
            let shown = keys::shown(key);
            self.report
                .fault("piece of a value", format!("{shown} belongs to nothing"));
            return;
        };
        let fits = self.waiting + content.len() <= MOST_WAITING;
        let kept = (fits && rules::looks_into(whole)).then(|| content.to_vec());
        self.waiting += kept.as_ref().map_or(0, Vec::len);
        let of = self.pieces.entry(whole.to_vec()).or_default();
        of.insert((generation, number), kept);
    }

    fn large(&mut self, table: Table, key: &[u8], content: &[u8]) {
        if table == Table::Envelope {
            // Its head comes later and asks for it, whatever is in it.
            self.found(table, key, &[]);
        }
        if table == Table::List {
            self.lists.insert(key.to_vec());
        }
        let mut pieces = self.pieces.remove(key).unwrap_or_default();
        let Some((generation, count)) = pieces::head(content) else {
            self.left_over(table, key, pieces.len());
            return self.content(table, key, content);
        };
        let (mut whole, mut all, mut readable) = (Vec::new(), true, true);
        for number in 0..count {
            match pieces.remove(&(generation, number)) {
                Some(Some(piece)) => {
                    self.waiting = self.waiting.saturating_sub(piece.len());
                    whole.extend_from_slice(&piece);
                }
                Some(None) => readable = false,
                None => all = false,
            }
        }
        self.left_over(table, key, pieces.len());
        if !all {
            let shown = keys::shown(key);
            self.report.fault(
                table.what(),
                format!("a piece of {shown} is missing or damaged"),
            );
        } else if readable {
            self.content(table, key, &whole);
        } else if rules::looks_into(key) {
            self.report.unread += 1;
        }
    }

    fn left_over(&mut self, table: Table, key: &[u8], pieces: usize) {
        if pieces > 0 {
            let shown = keys::shown(key);
            self.report.fault(
                table.what(),
                format!("{pieces} pieces of {shown} belong to no value"),
            );
        }
    }

    /// An index row that is there.
    fn found(&mut self, table: Table, key: &[u8], content: &[u8]) {
        self.balance(table, key, content, 1);
    }

    /// An index row that must be there.
    fn wanted(&mut self, key: &[u8], content: &[u8]) {
        if let Some(table) = Table::of(key) {
            self.balance(table, key, content, -1);
        }
    }

    fn balance(&mut self, table: Table, key: &[u8], content: &[u8], step: i32) {
        let hash = hash(key, content);
        let open = self.open.entry(hash).or_default();
        open.balance += step;
        open.table = Some(table);
        if open.balance == 0 {
            self.open.remove(&hash);
        }
    }

    /// The report, and the blobs that rows name as kept. Those may have been removed since by
    /// their owners, so a missing one is no fault of the rows.
    pub fn finish(mut self) -> (CheckReport, HashSet<BlobKey>) {
        for whole in self.pieces.keys() {
            let shown = keys::shown(whole);
            self.report
                .fault("piece of a value", format!("its value {shown} is missing"));
        }
        for list in self.lists_named.difference(&self.lists) {
            let shown = keys::shown(list);
            self.report
                .fault("face", format!("is in list {shown}, which does not exist"));
        }
        let mut open: BTreeMap<(&str, bool), u64> = BTreeMap::new();
        for Open { balance, table } in self.open.values() {
            let what = table.map_or("index", Table::what);
            *open.entry((what, *balance > 0)).or_default() += 1;
        }
        for ((what, there), count) in open {
            let message = if there {
                format!("{count} belong to no row")
            } else {
                format!("{count} are missing")
            };
            self.report.faults += count - 1;
            self.report.fault(what, message);
        }
        (self.report, self.blobs)
    }
}

fn hash(key: &[u8], content: &[u8]) -> u64 {
    XxHash3_64::oneshot_with_seed(XxHash3_64::oneshot(key), content)
}

#[cfg(test)]
mod tests;
