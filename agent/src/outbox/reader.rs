//! The outbox as the link sees it.

use bytes::Bytes;
use goshawk_agent_core::outbox::RecordId;
use goshawk_proto::link::{RecordHead, RecordSeq};
use tokio::sync::watch;

use super::{Outbox, StoreError, now, rejects};
use crate::link::{OutboxError, OutboxReader};

impl Outbox {
    /// Records after `after`, oldest first, at most `max`.
    pub fn heads(&self, after: Option<RecordSeq>, max: usize) -> Vec<RecordHead> {
        let state = self.shared.lock();
        let from = after.map_or(0, |seq| seq.0.saturating_add(1));
        let heads = state.heads.range(from..).take(max);
        heads
            .map(|(_, head)| RecordHead {
                seq: RecordSeq(head.sequence),
                event_id: head.event_id,
                bytes: head.bytes,
            })
            .collect()
    }

    /// The encoded event; `None` when it has left the outbox.
    pub fn event(&self, seq: RecordSeq) -> Result<Option<Bytes>, StoreError> {
        match self.shared.store.read(seq.0) {
            Ok(Some(bytes)) if self.shared.lock().heads.contains_key(&seq.0) => {
                Ok(Some(bytes.into()))
            }
            Ok(_) => Ok(None),
            Err(StoreError::Damaged(what)) => {
                tracing::error!(
                    record = seq.0,
                    what,
                    "a record of the outbox cannot be read back and is dropped"
                );
                self.settle_with(|state| _ = state.ledger.handle_unreadable(RecordId(seq.0)));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The coordinator has these: they go. Those that have gone before are skipped.
    pub fn acknowledge(&self, seqs: &[RecordSeq]) {
        let now = now();
        let link = &self.shared.metrics.link;
        self.settle_with(|state| {
            for seq in seqs {
                // False for one acknowledged before.
                if !state.ledger.handle_ack(RecordId(seq.0)) {
                    continue;
                }
                link.acknowledged.inc();
                if let Some(head) = state.heads.get(&seq.0) {
                    link.latency
                        .observe(now.since(head.appended_at).as_secs_f64());
                }
            }
        });
    }

    /// The coordinator will never take this one: it is put aside and counted. When the disk does
    /// not give it now, it stays.
    pub fn refuse(&self, seq: RecordSeq, reason: &str) -> Result<(), StoreError> {
        let head = self.shared.lock().heads.get(&seq.0).copied();
        let Some(head) = head else { return Ok(()) };
        match self.shared.store.read(seq.0) {
            Ok(Some(bytes)) => {
                rejects::keep(&self.shared.settings.rejects, head.event_id, &bytes);
            }
            // There is nothing to put aside, and never will be.
            Ok(None) | Err(StoreError::Damaged(_)) => {}
            Err(error) => return Err(error),
        }
        tracing::error!(event = %head.event_id, reason, "the coordinator refuses an event for good");
        self.settle_with(|state| {
            state.rejected += 1;
            state.ledger.handle_reject(RecordId(seq.0));
        });
        Ok(())
    }

    /// Changes with every append.
    pub fn watch_appends(&self) -> watch::Receiver<u64> {
        self.shared.appended.subscribe()
    }

    fn settle_with(&self, change: impl FnOnce(&mut super::State)) {
        let mut state = self.shared.lock();
        change(&mut state);
        self.shared.settle(&mut state);
        drop(state);
        self.shared.work.notify_one();
    }
}

impl OutboxReader for Outbox {
    fn peek(&self, after: Option<RecordSeq>, max: usize) -> Result<Vec<RecordHead>, OutboxError> {
        Ok(self.heads(after, max))
    }

    fn read(&self, seq: RecordSeq) -> Result<Option<Bytes>, OutboxError> {
        self.event(seq)
            .map_err(|error| OutboxError(error.to_string()))
    }

    fn ack(&self, seqs: &[RecordSeq]) -> Result<(), OutboxError> {
        self.acknowledge(seqs);
        Ok(())
    }

    fn reject(&self, seq: RecordSeq, reason: &str) -> Result<(), OutboxError> {
        self.refuse(seq, reason)
            .map_err(|error| OutboxError(error.to_string()))
    }

    fn appended(&self) -> watch::Receiver<u64> {
        self.watch_appends()
    }
}
