//! An outbox in memory that can fail.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

use bytes::Bytes;
use goshawk_proto::{
    id::EventId,
    link::{RecordHead, RecordSeq},
};
use tokio::sync::watch;

use super::super::{OutboxError, OutboxReader};

#[derive(Default)]
pub struct MemoryOutbox {
    records: Mutex<BTreeMap<RecordSeq, (EventId, Bytes)>>,
    rejected: Mutex<Vec<EventId>>,
    appended: watch::Sender<u64>,
    peeks_to_fail: AtomicU32,
    hide: AtomicBool,
}

impl MemoryOutbox {
    pub fn append(&self) -> EventId {
        let id = EventId::random();
        let mut seq = 0;
        self.appended.send_modify(|last| {
            *last += 1;
            seq = *last;
            // The link does not look inside; the id lets the coordinator check what came.
            let event = Bytes::copy_from_slice(&id.as_bytes().repeat(64));
            self.records
                .lock()
                .unwrap()
                .insert(RecordSeq(seq), (id, event));
        });
        id
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn len(&self) -> usize {
        self.records.lock().unwrap().len()
    }

    pub fn has(&self, id: EventId) -> bool {
        self.records
            .lock()
            .unwrap()
            .values()
            .any(|(record, _)| *record == id)
    }

    pub fn rejected(&self) -> Vec<EventId> {
        self.rejected.lock().unwrap().clone()
    }

    pub fn fail_peeks(&self, times: u32) {
        self.peeks_to_fail.store(times, Ordering::SeqCst);
    }

    pub fn hide_next_read(&self) {
        self.hide.store(true, Ordering::SeqCst);
    }
}

impl OutboxReader for MemoryOutbox {
    fn peek(&self, after: Option<RecordSeq>, max: usize) -> Result<Vec<RecordHead>, OutboxError> {
        let failing = |left: u32| left.checked_sub(1);
        if self
            .peeks_to_fail
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, failing)
            .is_ok()
        {
            return Err(OutboxError("the disk is on fire".to_owned()));
        }
        let records = self.records.lock().unwrap();
        let later = records
            .iter()
            .filter(|(seq, _)| Some(**seq) > after)
            .take(max);
        let head = |(seq, (event_id, event)): (&RecordSeq, &(EventId, Bytes))| RecordHead {
            seq: *seq,
            event_id: *event_id,
            bytes: event.len() as u32,
        };
        Ok(later.map(head).collect())
    }

    fn read(&self, seq: RecordSeq) -> Result<Option<Bytes>, OutboxError> {
        if self.hide.swap(false, Ordering::SeqCst) {
            return Ok(None);
        }
        Ok(self
            .records
            .lock()
            .unwrap()
            .get(&seq)
            .map(|(_, event)| event.clone()))
    }

    fn ack(&self, seqs: &[RecordSeq]) -> Result<(), OutboxError> {
        let mut records = self.records.lock().unwrap();
        for seq in seqs {
            records.remove(seq);
        }
        Ok(())
    }

    fn reject(&self, seq: RecordSeq, _reason: &str) -> Result<(), OutboxError> {
        if let Some((id, _)) = self.records.lock().unwrap().remove(&seq) {
            self.rejected.lock().unwrap().push(id);
        }
        Ok(())
    }

    fn appended(&self) -> watch::Receiver<u64> {
        self.appended.subscribe()
    }
}
