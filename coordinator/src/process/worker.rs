//! The durable worker: takes events from the queue in order, several at once, until each is
//! stored or set aside.

use std::{collections::VecDeque, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt;
use goshawk_proto::event::Event;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{
    ProcessError, Processor, Verdict, count,
    execute::Outcome,
    now,
    stream_event::{draft, handler_of},
};
use crate::store::{IncomingRow, StoreError};

/// Rows read at once. Each holds an envelope, so this bounds memory as well.
const BATCH: usize = 16;
/// How long an idle worker waits before it looks again.
const IDLE: Duration = Duration::from_secs(1);
/// How often expired attributes are removed.
const SWEEP_PERIOD: Duration = Duration::from_secs(30);
/// How long events in work may take to finish at shutdown; they are done again after a restart.
const DRAIN: Duration = Duration::from_secs(5);

/// Runs until cancelled.
pub(super) async fn run(processor: Arc<Processor>, cancel: CancellationToken) {
    tokio::select! {
        () = cancel.cancelled() => return,
        () = processor.resend() => {}
    }
    let mut queue = Queue::default();
    let mut tasks = JoinSet::new();
    let mut sweep = tokio::time::interval(SWEEP_PERIOD);
    loop {
        while tasks.len() < processor.options.concurrency.max(1) {
            let Some(row) = queue.next(&processor).await else {
                break;
            };
            let (processor, cancel) = (processor.clone(), cancel.clone());
            tasks.spawn(async move { processor.see_through(row, &cancel).await });
        }
        let full = tasks.len() >= processor.options.concurrency.max(1);
        tokio::select! {
            () = cancel.cancelled() => break,
            Some(done) = tasks.join_next() => {
                if let Err(error) = done {
                    tracing::error!(%error, "a processing task broke off");
                    // Its row is still in the queue: begin again from the front.
                    queue = Queue::default();
                    tasks.shutdown().await;
                }
            }
            () = processor.wake.notified(), if !full => {}
            () = tokio::time::sleep(IDLE), if !full => {}
            _ = sweep.tick() => processor.sweep().await,
        }
    }
    let drained = async { while tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN, drained).await.is_err() {
        tracing::warn!("events in work are left for the next start");
    }
}

/// Rows read ahead.
#[derive(Default)]
struct Queue {
    rows: VecDeque<IncomingRow>,
    after: Option<u64>,
}

impl Queue {
    async fn next(&mut self, processor: &Processor) -> Option<IncomingRow> {
        if self.rows.is_empty() {
            let after = self.after;
            match processor
                .store
                .run(move |store| store.incoming(after, BATCH))
                .await
            {
                Ok(rows) => self.rows.extend(rows),
                Err(error) => tracing::warn!(%error, "the queue cannot be read; trying again"),
            }
        }
        let row = self.rows.pop_front()?;
        self.after = Some(row.seq);
        Some(row)
    }
}

impl Processor {
    /// Sends what may not have been sent before the last stop, and counts what waits.
    async fn resend(&self) {
        loop {
            match self.resend_once().await {
                Ok(()) => return,
                Err(error) => {
                    tracing::warn!(%error, "messages cannot be sent again; trying later");
                    tokio::time::sleep(IDLE).await;
                }
            }
        }
    }

    async fn resend_once(&self) -> Result<(), StoreError> {
        let waiting = self.store.run(|store| store.incoming_len()).await?;
        // At least: events may have been taken in already.
        self.counters
            .pending
            .fetch_max(waiting, std::sync::atomic::Ordering::Relaxed);
        let mut after = None;
        loop {
            let batch = self
                .store
                .run(move |store| store.outgoing(after, BATCH))
                .await?;
            let Some(last) = batch.last() else {
                return Ok(());
            };
            after = Some(last.seq);
            for message in batch {
                self.executor.publish(Arc::new(message.event));
                count(&self.counters.resent);
                self.store.run(move |store| store.sent(message.seq)).await?;
            }
        }
    }

    async fn sweep(&self) {
        if let Err(error) = self.store.run(|store| store.sweep_attributes(now())).await {
            tracing::warn!(%error, "expired attributes cannot be removed");
        }
    }

    /// Tries an event until it is stored, set aside, or time to stop.
    async fn see_through(&self, row: IncomingRow, cancel: &CancellationToken) {
        let mut pause = self.options.first_pause;
        loop {
            // A panic in a model or a policy is the event's fault until shown otherwise.
            let tried = AssertUnwindSafe(self.attempt(&row)).catch_unwind().await;
            let tried = tried.unwrap_or_else(|_| Err(ProcessError::Broken("a panic".into())));
            let error = match tried {
                Ok(outcome) => return self.settled(&outcome),
                Err(error) => error,
            };
            let (reason, mut wait) = (error.to_string(), pause);
            let over = match error.verdict() {
                Verdict::Stop => true,
                Verdict::Hopeless => self.bury(&row, &reason).await,
                Verdict::Retry => self.failed(&row, &reason).await,
                Verdict::Wait(after) => {
                    tracing::warn!(event_id = %row.event_id, %reason, "an event waits");
                    wait = after.max(pause);
                    false
                }
            };
            if over {
                return;
            }
            count(&self.counters.retries);
            tokio::select! {
                () = cancel.cancelled() => return,
                () = tokio::time::sleep(wait.min(self.options.longest_pause)) => {}
            }
            pause = (pause * 2).min(self.options.longest_pause);
        }
    }

    fn settled(&self, outcome: &Outcome) {
        count(&self.counters.processed);
        if matches!(outcome, Outcome::Filtered) {
            count(&self.counters.filtered);
        }
        self.one_less();
    }

    fn one_less(&self) {
        use std::sync::atomic::Ordering::Relaxed;
        let _ = self
            .counters
            .pending
            .fetch_update(Relaxed, Relaxed, |n| Some(n.saturating_sub(1)));
    }

    /// Notes a failure; says whether the event is set aside.
    async fn failed(&self, row: &IncomingRow, reason: &str) -> bool {
        let seq = row.seq;
        tracing::warn!(event_id = %row.event_id, %reason, "an event failed");
        match self.store.run(move |store| store.note_failure(seq)).await {
            Ok(tries) if tries >= self.options.max_tries => self.bury(row, reason).await,
            Ok(_) => false,
            // Gone: somebody else has settled it.
            Err(StoreError::NotFound { .. }) => true,
            Err(error) => {
                tracing::warn!(%error, "a failure cannot be noted");
                false
            }
        }
    }

    /// Sets an event aside; says whether that is done.
    async fn bury(&self, row: &IncomingRow, reason: &str) -> bool {
        let (seq, text) = (row.seq, reason.to_owned());
        match self
            .store
            .run(move |store| store.bury(seq, &text, now()))
            .await
        {
            Ok(()) => {
                tracing::error!(event_id = %row.event_id, %reason, "an event was set aside");
                count(&self.counters.buried);
                self.one_less();
                true
            }
            Err(error) => {
                tracing::warn!(%error, "an event cannot be set aside");
                false
            }
        }
    }

    async fn attempt(&self, row: &IncomingRow) -> Result<Outcome, ProcessError> {
        let event = Event::decode(&row.raw)?;
        let (account, stream_id) = (row.account_id, event.stream_id);
        let found = self.store.run(move |store| {
            let stream = store.stream(account, stream_id)?;
            let handler = handler_of(&stream)
                .ok_or_else(|| StoreError::not_found("handler of stream", stream_id))
                .and_then(|id| store.handler(account, id))?;
            Ok((stream, handler))
        });
        let (stream, handler) = found.await?;
        self.executor
            .run(draft(event, &stream, handler), Some(row.seq))
            .await
    }
}
