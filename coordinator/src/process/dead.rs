//! Events that were set aside, once an operator has mended what they failed by: back into the
//! queue, or forgotten.

use std::sync::atomic::Ordering;

use super::{Processor, now};
use crate::store::StoreError;

/// Events put back in one step. Their envelopes are in memory together, each of up to
/// [`goshawk_proto::event::MAX_EVENT_BYTES`].
const AT_ONCE: usize = 8;

impl Processor {
    /// Puts the event set aside at a place back at the end of the queue, to be processed as if it
    /// had just come. `false`: there is none.
    pub async fn retry(&self, seq: u64) -> Result<bool, StoreError> {
        self.put_back(vec![seq]).await.map(|count| count == 1)
    }

    /// Puts everything back that is set aside now; says how many events that are. What fails again
    /// meanwhile stays set aside. Where this is broken off, a part was put back.
    pub async fn retry_all(&self) -> Result<u64, StoreError> {
        let upto = self.store.run(|store| store.mark()).await?;
        let (mut after, mut count) = (None, 0);
        loop {
            let found = self
                .store
                .run(move |store| {
                    let few = store.dead_after(after, AT_ONCE)?;
                    Ok(few.into_iter().map(|(seq, _)| seq).collect::<Vec<_>>())
                })
                .await?;
            let seqs: Vec<u64> = found.into_iter().take_while(|seq| *seq < upto).collect();
            let Some(last) = seqs.last().copied() else {
                return Ok(count);
            };
            after = Some(last);
            count += self.put_back(seqs).await?;
        }
    }

    /// Forgets the event set aside at a place for good. `false`: there is none.
    pub async fn forget(&self, seq: u64) -> Result<bool, StoreError> {
        let gone = self.store.run(move |store| store.forget_dead(seq)).await?;
        if gone {
            self.fewer_dead(1);
        }
        Ok(gone)
    }

    async fn put_back(&self, seqs: Vec<u64>) -> Result<u64, StoreError> {
        // Counted before: an event may be through before we hear that it waits.
        let asked = seqs.len() as u64;
        self.counters.pending.fetch_add(asked, Ordering::Relaxed);
        let back = self.store.run(move |store| store.requeue(&seqs, now()));
        let back = back.await;
        let count = *back.as_ref().unwrap_or(&0);
        for _ in count..asked {
            self.one_less();
        }
        if count > 0 {
            tracing::info!(count, "events that were set aside are tried again");
            self.fewer_dead(count);
            self.wake.notify_one();
        }
        back
    }

    pub(super) fn fewer_dead(&self, fewer: u64) {
        let less = |n: u64| Some(n.saturating_sub(fewer));
        let dead = &self.counters.dead;
        let _ = dead.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }
}
