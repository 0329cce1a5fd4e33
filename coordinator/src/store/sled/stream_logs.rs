//! The log of streams.

use std::{collections::HashSet, time::SystemTime};

use goshawk_coordinator_core::stream::{
    StreamRecord,
    log::{LogEntry, MAX_LOG_ENTRIES},
};
use goshawk_proto::{
    id::{AccountId, StreamId},
    time::Timestamp,
};

use super::{
    Change, SledStore, codec,
    keys::{self, Table, all_of, key},
};
use crate::store::{Stored, StreamLogs};

const WHAT: &str = "stream log";

fn prefix(account: AccountId, stream: StreamId) -> Vec<u8> {
    key(Table::StreamLog, &[account.as_bytes(), stream.as_bytes()])
}

fn row_key(entry: &LogEntry) -> Vec<u8> {
    let mut key = prefix(entry.account_id, entry.stream_id);
    key.extend_from_slice(&keys::moment(entry.log_time));
    key
}

impl SledStore {
    /// Notes that a stream was made.
    pub(super) fn log_made(&self, change: &mut Change, stream: &StreamRecord) -> Stored<()> {
        self.log(change, LogEntry::of(stream, now()))
    }

    /// Notes what of a change is worth it.
    pub(super) fn log_change(
        &self,
        change: &mut Change,
        old: &StreamRecord,
        new: &StreamRecord,
    ) -> Stored<()> {
        if !LogEntry::is_due(old, new) {
            return Ok(());
        }
        self.log(change, LogEntry::of(new, now()))
    }

    /// Notes that a stream was removed.
    pub(super) fn log_removed(&self, change: &mut Change, stream: &StreamRecord) -> Stored<()> {
        self.log(change, LogEntry::removed(stream, now()))
    }

    fn log(&self, change: &mut Change, mut entry: LogEntry) -> Stored<()> {
        let mut known = Vec::new();
        for row in self.scan(&prefix(entry.account_id, entry.stream_id)) {
            known.push(row?.0);
        }
        // A clock that was set back, or two changes of one moment, must not lose their order.
        if let Some(last) = known.last().and_then(|key| keys::moment_of(key)) {
            entry.log_time = entry
                .log_time
                .max(last.after(std::time::Duration::from_micros(1)));
        }
        let over = (known.len() + 1).saturating_sub(MAX_LOG_ENTRIES);
        for old in known.into_iter().take(over) {
            change.remove(old.as_ref());
        }
        change.put(row_key(&entry), codec::json(WHAT, &entry)?);
        Ok(())
    }
}

fn now() -> Timestamp {
    Timestamp::from_system(SystemTime::now())
}

impl StreamLogs for SledStore {
    fn stream_logs(&self, account: Option<AccountId>) -> Stored<Vec<LogEntry>> {
        let prefix = match account {
            Some(account) => all_of(Table::StreamLog, account),
            None => key(Table::StreamLog, &[]),
        };
        let mut all: Vec<LogEntry> = self
            .scan(&prefix)
            .map(|row| codec::read(WHAT, &row?.1))
            .collect::<Stored<_>>()?;
        all.sort_by_key(|entry| std::cmp::Reverse((entry.log_time, entry.stream_id)));
        Ok(all)
    }

    fn sweep_stream_logs(&self, before: Timestamp) -> Stored<u64> {
        self.write(|change| {
            let mut last_seen = HashSet::new();
            let mut gone = 0;
            for entry in self.stream_logs(None)? {
                // Newest first: the first of a stream is its last.
                let is_last = last_seen.insert((entry.account_id, entry.stream_id));
                if !is_last && entry.log_time < before {
                    change.remove(row_key(&entry));
                    gone += 1;
                }
            }
            Ok(gone)
        })
    }
}
