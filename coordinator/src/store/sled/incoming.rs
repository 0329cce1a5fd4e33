//! Events on their way: the incoming queue, the outgoing queue and dead letters.

use std::collections::BTreeSet;

use bytes::Bytes;
use goshawk_proto::{
    id::{AccountId, AgentId, EventId},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

use super::{
    Change, SledStore, codec, fault,
    keys::{self, Table, owned, place},
};
use crate::store::{
    DeadLetter, Finish, IncomingRow, IncomingStore, Outgoing, Received, StoreError, Stored,
    incoming::{Finished, MAX_DEAD},
};

const HEAD: &str = "incoming event";
const OUTGOING: &str = "outgoing event";
/// First byte of a stored envelope.
const RAW: u8 = b'r';
const DEAD: &str = "dead letter";

/// An incoming event without its envelope.
#[derive(Serialize, Deserialize)]
pub(super) struct Head {
    pub(super) account: AccountId,
    agent: AgentId,
    pub(super) event: EventId,
    received_at: Timestamp,
    tries: u32,
}

fn seen_key(account: AccountId, event: EventId) -> Vec<u8> {
    owned(Table::Seen, account, event.as_bytes())
}

impl SledStore {
    fn head(&self, seq: u64) -> Stored<Option<Head>> {
        let row = self.get(place(Table::Incoming, seq))?;
        row.map(|row| codec::read(HEAD, &row)).transpose()
    }

    fn envelope(&self, seq: u64) -> Stored<Bytes> {
        let raw = self.get(place(Table::Envelope, seq))?;
        raw.and_then(|raw| raw.get(1..).map(Bytes::copy_from_slice))
            .ok_or_else(|| StoreError::not_found("envelope of event", seq))
    }

    /// Adds an event at the end of the queue.
    fn put_incoming(&self, change: &mut Change, head: &Head, raw: &[u8]) -> Stored<()> {
        let seq = self.next_seq()?;
        change.deltas.waits += 1;
        change.put(place(Table::Incoming, seq), codec::packed(HEAD, head)?);
        change.put(place(Table::Envelope, seq), [&[RAW], raw].concat());
        Ok(())
    }

    fn remove_incoming(change: &mut Change, seq: u64) {
        change.remove(place(Table::Incoming, seq));
        change.remove(place(Table::Envelope, seq));
        change.deltas.waits -= 1;
    }

    /// Keys of the dead letters, oldest first, without reading their envelopes.
    fn dead_keys(&self) -> Stored<Vec<::sled::IVec>> {
        let rows = self.rows.scan_prefix(keys::key(Table::Dead, &[])).keys();
        rows.map(|key| key.map_err(fault)).collect()
    }

    /// Forgets the oldest dead letters over `most`; returns how many.
    pub(super) fn drop_oldest_dead(&self, change: &mut Change, most: u64) -> Stored<u64> {
        let dead = self.dead_keys()?;
        let over = dead
            .len()
            .saturating_sub(usize::try_from(most).unwrap_or(usize::MAX));
        for key in &dead[..over] {
            change.remove(&key[..]);
        }
        change.deltas.dead -= over as i64;
        change.deltas.dead_dropped += over as u64;
        Ok(over as u64)
    }

    /// Rows of a queue after a place, in order. A damaged row must not hold up those behind it: it
    /// stays where it is, is told and counted, and left out.
    fn queue(
        &self,
        table: Table,
        after: Option<u64>,
    ) -> impl Iterator<Item = Stored<(::sled::IVec, ::sled::IVec)>> {
        let low = place(table, after.map_or(0, |seq| seq.saturating_add(1)));
        let high = keys::after(&keys::key(table, &[]));
        self.range(low, high).filter(|row| !left_out(row))
    }

    fn incoming_row(&self, key: &[u8], value: &[u8]) -> Stored<Option<IncomingRow>> {
        let Some(seq) = keys::place_of(key) else {
            return Ok(None);
        };
        let head: Head = codec::read(HEAD, value)?;
        let raw = match self.envelope(seq) {
            Ok(raw) => raw,
            // Finished by somebody else since the row was read.
            Err(StoreError::NotFound { .. }) if self.head(seq)?.is_none() => return Ok(None),
            // An envelope that is not there must not block the queue: it decodes to nothing and
            // is buried with that reason.
            Err(StoreError::NotFound { .. }) => Bytes::new(),
            Err(error) => return Err(error),
        };
        Ok(Some(IncomingRow {
            seq,
            account_id: head.account,
            agent_id: head.agent,
            event_id: head.event,
            received_at: head.received_at,
            raw,
            tries: head.tries,
        }))
    }
}

/// Whether a row is damaged; said aloud.
fn left_out<T>(row: &Stored<T>) -> bool {
    match row {
        Err(error @ StoreError::Corrupt { .. }) => {
            tracing::error!(%error, "a row of a queue is damaged and stays where it is");
            true
        }
        _ => false,
    }
}

impl IncomingStore for SledStore {
    fn receive(
        &self,
        account: AccountId,
        agent: AgentId,
        event: EventId,
        raw: &[u8],
        now: Timestamp,
    ) -> Stored<Received> {
        let outcome = self.write(|change| {
            if self.has(seen_key(account, event))? {
                return Ok(Received::Duplicate);
            }
            let head = Head {
                account,
                agent,
                event,
                received_at: now,
                tries: 0,
            };
            change.put(seen_key(account, event), []);
            self.put_incoming(change, &head, raw)?;
            Ok(Received::New)
        })?;
        if outcome == Received::Duplicate {
            // The first copy may be applied and not yet durable: answer only when it is.
            self.flusher.flush()?;
        }
        Ok(outcome)
    }

    fn was_received(&self, event: EventId) -> Stored<bool> {
        for row in self.scan(&keys::key(Table::Account, &[])) {
            let Some(account) = keys::last_id(&row?.0).map(AccountId) else {
                continue;
            };
            if self.has(seen_key(account, event))? {
                self.flusher.flush()?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn incoming(&self, after: Option<u64>, most: usize) -> Stored<Vec<IncomingRow>> {
        self.queue(Table::Incoming, after)
            .map(|row| {
                let (key, value) = row?;
                self.incoming_row(&key, &value)
            })
            .filter(|row| !left_out(row))
            .filter_map(Result::transpose)
            .take(most)
            .collect()
    }

    fn incoming_len(&self) -> Stored<u64> {
        self.count_rows(&keys::key(Table::Incoming, &[]))
    }

    fn note_failure(&self, seq: u64) -> Stored<u32> {
        self.write_relaxed(|change| {
            let head = self.head(seq)?;
            let mut head = head.ok_or_else(|| StoreError::not_found(HEAD, seq))?;
            head.tries += 1;
            change.put(place(Table::Incoming, seq), codec::packed(HEAD, &head)?);
            Ok(head.tries)
        })
    }

    fn bury(&self, seq: u64, reason: &str, now: Timestamp) -> Stored<u64> {
        self.write(|change| {
            let Some(head) = self.head(seq)? else {
                return Ok(0);
            };
            // Without its envelope it is set aside all the same.
            let raw = self
                .envelope(seq)
                .map(|raw| raw.to_vec())
                .unwrap_or_default();
            let letter = DeadLetter {
                event_id: head.event,
                account_id: head.account,
                agent_id: head.agent,
                received_at: Some(head.received_at),
                at: now,
                tries: head.tries,
                reason: reason.chars().take(1024).collect(),
                raw,
            };
            Self::remove_incoming(change, seq);
            let dropped = self.drop_oldest_dead(change, MAX_DEAD - 1)?;
            change.put(place(Table::Dead, seq), codec::packed(DEAD, &letter)?);
            change.deltas.dead += 1;
            Ok(dropped)
        })
    }

    fn dead_len(&self) -> Stored<u64> {
        Ok(self.dead_keys()?.len() as u64)
    }

    fn mark(&self) -> Stored<u64> {
        self.next_seq()
    }

    fn dead_after(&self, after: Option<u64>, most: usize) -> Stored<Vec<(u64, DeadLetter)>> {
        self.queue(Table::Dead, after)
            .map(|row| {
                let (key, value) = row?;
                let seq =
                    keys::place_of(&key).ok_or_else(|| StoreError::not_found(DEAD, "place"))?;
                Ok((seq, codec::read(DEAD, &value)?))
            })
            .filter(|row| !left_out(row))
            .take(most)
            .collect()
    }

    fn dead_letter(&self, seq: u64) -> Stored<DeadLetter> {
        let row = self.get(place(Table::Dead, seq))?;
        let row = row.ok_or_else(|| StoreError::not_found(DEAD, seq))?;
        codec::read(DEAD, &row)
    }

    fn requeue(&self, seqs: &[u64], now: Timestamp) -> Stored<u64> {
        let seqs: BTreeSet<u64> = seqs.iter().copied().collect();
        self.write(|change| {
            let mut count = 0;
            for seq in seqs {
                let letter = match self.dead_letter(seq) {
                    Err(StoreError::NotFound { .. }) => continue,
                    letter => letter?,
                };
                change.remove(place(Table::Dead, seq));
                change.deltas.dead -= 1;
                let head = Head {
                    account: letter.account_id,
                    agent: letter.agent_id,
                    event: letter.event_id,
                    received_at: now,
                    tries: 0,
                };
                self.put_incoming(change, &head, &letter.raw)?;
                count += 1;
            }
            Ok(count)
        })
    }

    fn forget_dead(&self, seq: u64) -> Stored<bool> {
        self.write(|change| {
            if !self.has(place(Table::Dead, seq))? {
                return Ok(false);
            }
            change.remove(place(Table::Dead, seq));
            change.deltas.dead -= 1;
            Ok(true)
        })
    }

    fn finish(&self, finish: &Finish) -> Stored<Option<Finished>> {
        self.write(|change| {
            if let Some(seq) = finish.incoming {
                if self.head(seq)?.is_none() {
                    return Ok(None);
                }
                Self::remove_incoming(change, seq);
            }
            let mut event = finish.event.clone();
            let account = event.account_id;
            if let Some(face) = &finish.face {
                let mut face = face.clone();
                // A list may have gone since the policies were evaluated.
                let mut kept = Vec::new();
                for list in std::mem::take(&mut face.lists) {
                    if self.find_list(account, list)?.is_some() {
                        self.touch_list(change, account, list, finish.now)?;
                        kept.push(list);
                    }
                }
                face.lists = kept;
                if let Some(made) = &mut event.face {
                    made.lists.clone_from(&face.lists);
                }
                let old = self.find_face(account, face.face_id)?;
                self.put_face(change, old.as_ref(), face)?;
            }
            if let Some(attribute) = &finish.attribute {
                self.write_attribute(change, attribute)?;
            }
            if event.stored {
                self.put_event(change, &event)?;
                self.journal_event(change, &event)?;
            }
            change.put(seen_key(account, event.event_id), []);
            let mut outgoing = None;
            if finish.notify {
                let seq = self.next_seq()?;
                change.put(
                    place(Table::Outgoing, seq),
                    codec::packed(OUTGOING, &event)?,
                );
                outgoing = Some(seq);
            }
            Ok(Some(Finished { event, outgoing }))
        })
    }

    fn outgoing(&self, after: Option<u64>, most: usize) -> Stored<Vec<Outgoing>> {
        self.queue(Table::Outgoing, after)
            .map(|row| {
                let (key, value) = row?;
                let seq =
                    keys::place_of(&key).ok_or_else(|| StoreError::not_found(OUTGOING, "place"))?;
                let event = codec::read(OUTGOING, &value)?;
                Ok(Outgoing { seq, event })
            })
            .filter(|row| !left_out(row))
            .take(most)
            .collect()
    }

    fn sent(&self, seq: u64) -> Stored<()> {
        self.write_relaxed(|change| {
            change.remove(place(Table::Outgoing, seq));
            Ok(())
        })
    }
}
