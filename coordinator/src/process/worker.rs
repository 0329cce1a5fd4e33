//! The durable worker: takes events from the queue in order, several at once, until each is
//! stored or set aside.

use std::{
    collections::{BTreeMap, VecDeque},
    panic::AssertUnwindSafe,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use futures_util::FutureExt;
use goshawk_proto::event::Event;
use tokio::{task::JoinSet, time::Instant};
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
/// Failed events that wait for another try, without their envelopes. When so many fail, the fault
/// is hardly theirs: no further ones are begun before some of these succeed.
const MOST_LATER: usize = 4096;
/// How often it is looked whether anybody listens.
const LISTENER_POLL: Duration = Duration::from_millis(200);

/// Runs until cancelled.
pub(super) async fn run(processor: Arc<Processor>, cancel: CancellationToken) {
    let upto = tokio::select! {
        () = cancel.cancelled() => return,
        upto = processor.begin() => upto,
    };
    let resend = {
        let (processor, cancel) = (processor.clone(), cancel.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = cancel.cancelled() => {}
                () = processor.resend(upto) => {}
            }
        })
    };
    work(&processor, &cancel).await;
    if let Err(error) = resend.await {
        tracing::error!(%error, "sending messages again broke off");
    }
}

async fn work(processor: &Arc<Processor>, cancel: &CancellationToken) {
    let most = processor.options.concurrency.max(1);
    let mut queue = Queue::default();
    let mut tasks = JoinSet::new();
    let mut sweep = tokio::time::interval(SWEEP_PERIOD);
    loop {
        while tasks.len() < most {
            let Some((row, pause)) = queue.next(processor, tasks.len()).await else {
                break;
            };
            let processor = processor.clone();
            tasks.spawn(async move { processor.see_through(row, pause).await });
        }
        let full = tasks.len() >= most;
        let idle = queue.due().unwrap_or(IDLE).min(IDLE);
        tokio::select! {
            () = cancel.cancelled() => break,
            Some(done) = tasks.join_next() => match done {
                Ok(Some(again)) => queue.put_off(again),
                Ok(None) => {}
                Err(error) => {
                    tracing::error!(%error, "a processing task broke off");
                    // Its row is still in the queue: begin again from the front.
                    queue = Queue::default();
                    tasks.shutdown().await;
                }
            },
            () = processor.wake.notified(), if !full => {}
            () = tokio::time::sleep(idle), if !full => {}
            _ = sweep.tick() => processor.sweep().await,
        }
    }
    let drained = async { while tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN, drained).await.is_err() {
        tracing::warn!("events in work are left for the next start");
    }
}

/// An event to be tried again.
struct Again {
    seq: u64,
    at: Instant,
    /// The pause before the try after that.
    pause: Duration,
}

/// What is to be done: rows read ahead, and failed ones whose time comes later.
#[derive(Default)]
struct Queue {
    rows: VecDeque<IncomingRow>,
    after: Option<u64>,
    /// By time, then place; with the pause after the next try.
    later: BTreeMap<(Instant, u64), Duration>,
}

impl Queue {
    /// The next event and the pause if it fails: one whose time has come, else a new one.
    async fn next(
        &mut self,
        processor: &Processor,
        at_work: usize,
    ) -> Option<(IncomingRow, Duration)> {
        while let Some(((at, seq), pause)) = self.take_due() {
            match processor.row(seq).await {
                Ok(Some(row)) => return Some((row, pause)),
                Ok(None) => processor.one_less(),
                Err(error) => {
                    tracing::warn!(%error, "a waiting event cannot be read; trying again");
                    self.later.insert((at + IDLE, seq), pause);
                    return None;
                }
            }
        }
        if self.later.len() + at_work >= MOST_LATER {
            return None;
        }
        let row = self.fresh(processor).await?;
        Some((row, processor.options.first_pause))
    }

    fn take_due(&mut self) -> Option<((Instant, u64), Duration)> {
        let first = self.later.first_entry()?;
        (first.key().0 <= Instant::now()).then(|| first.remove_entry())
    }

    fn put_off(&mut self, again: Again) {
        self.later.insert((again.at, again.seq), again.pause);
    }

    /// Time until the first of the failed ones is due.
    fn due(&self) -> Option<Duration> {
        let ((at, _), _) = self.later.first_key_value()?;
        Some(at.saturating_duration_since(Instant::now()))
    }

    async fn fresh(&mut self, processor: &Processor) -> Option<IncomingRow> {
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
    /// Counts what the life before left; returns a place above all of that.
    async fn begin(&self) -> u64 {
        loop {
            let found = self.store.run(|store| {
                let counts = (store.incoming_len()?, store.dead_len()?);
                Ok((store.mark()?, counts))
            });
            match found.await {
                Ok((upto, (waiting, dead))) => {
                    // At least: events may have been taken in already.
                    self.counters.pending.fetch_max(waiting, Ordering::Relaxed);
                    self.counters.dead.store(dead, Ordering::Relaxed);
                    return upto;
                }
                Err(error) => {
                    tracing::warn!(%error, "the queue cannot be read; trying again");
                    tokio::time::sleep(IDLE).await;
                }
            }
        }
    }

    /// Sends what may not have been sent before the last stop: the messages below `upto`. Waits
    /// for somebody who listens, since subscribers come back only after we are up.
    async fn resend(&self, upto: u64) {
        let end = Instant::now() + self.options.resend_grace;
        while !self.executor.is_heard() && Instant::now() < end {
            tokio::time::sleep(LISTENER_POLL).await;
        }
        while let Err(error) = self.resend_once(upto).await {
            tracing::warn!(%error, "messages cannot be sent again; trying later");
            tokio::time::sleep(IDLE).await;
        }
    }

    async fn resend_once(&self, upto: u64) -> Result<(), StoreError> {
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
                if message.seq >= upto {
                    return Ok(());
                }
                self.executor.publish(Arc::new(message.event));
                count(&self.counters.resent);
                self.store.run(move |store| store.sent(message.seq)).await?;
            }
        }
    }

    /// The row at a place of the queue, if it is still there.
    async fn row(&self, seq: u64) -> Result<Option<IncomingRow>, StoreError> {
        let after = seq.checked_sub(1);
        let rows = self
            .store
            .run(move |store| store.incoming(after, 1))
            .await?;
        Ok(rows.into_iter().find(|row| row.seq == seq))
    }

    async fn sweep(&self) {
        if let Err(error) = self.store.run(|store| store.sweep_attributes(now())).await {
            tracing::warn!(%error, "expired attributes cannot be removed");
        }
    }

    /// Tries an event; returns when to try again unless it is stored, set aside, or time to stop.
    async fn see_through(&self, row: IncomingRow, pause: Duration) -> Option<Again> {
        // A panic in a model or a policy is the event's fault until shown otherwise.
        let tried = AssertUnwindSafe(self.attempt(&row)).catch_unwind().await;
        let tried = tried.unwrap_or_else(|_| Err(ProcessError::Broken("a panic".into())));
        let error = match tried {
            Ok(outcome) => {
                self.settled(&outcome);
                return None;
            }
            Err(error) => error,
        };
        let (reason, mut wait) = (error.to_string(), pause);
        let over = match error.verdict() {
            Verdict::Stop => true,
            Verdict::Hopeless => self.hopeless(&row, &reason).await,
            Verdict::Retry => self.failed(&row, &reason).await,
            Verdict::Wait(after) => {
                tracing::warn!(event_id = %row.event_id, %reason, "an event waits");
                count(&self.counters.waits);
                wait = after.max(pause);
                false
            }
        };
        if over {
            return None;
        }
        count(&self.counters.retries);
        let longest = self.options.longest_pause;
        Some(Again {
            seq: row.seq,
            at: Instant::now() + wait.min(longest),
            pause: (pause * 2).min(longest),
        })
    }

    fn settled(&self, outcome: &Outcome) {
        count(&self.counters.processed);
        if matches!(outcome, Outcome::Filtered) {
            count(&self.counters.filtered);
        }
        self.one_less();
    }

    pub(super) fn one_less(&self) {
        let less = |n: u64| Some(n.saturating_sub(1));
        let _ = self
            .counters
            .pending
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }

    /// Notes a failure; says whether the event is set aside.
    async fn failed(&self, row: &IncomingRow, reason: &str) -> bool {
        let seq = row.seq;
        tracing::warn!(event_id = %row.event_id, %reason, "an event failed");
        match self.store.run(move |store| store.note_failure(seq)).await {
            Ok(tries)
                if tries >= self.options.max_tries
                    && now().since(row.received_at) >= self.options.min_age =>
            {
                self.bury(row, reason).await
            }
            Ok(_) => false,
            // Gone: somebody else has settled it.
            Err(StoreError::NotFound { .. }) => true,
            Err(error) => {
                tracing::warn!(%error, "a failure cannot be noted");
                false
            }
        }
    }

    /// Sets an event aside that no further try can help; says whether that is done.
    async fn hopeless(&self, row: &IncomingRow, reason: &str) -> bool {
        let seq = row.seq;
        // For people who look at it; it is set aside whether the try is counted or not.
        if let Err(error) = self.store.run(move |store| store.note_failure(seq)).await {
            tracing::debug!(%error, "a failure cannot be noted");
        }
        self.bury(row, reason).await
    }

    /// Sets an event aside; says whether that is done.
    async fn bury(&self, row: &IncomingRow, reason: &str) -> bool {
        let (seq, text) = (row.seq, reason.to_owned());
        match self
            .store
            .run(move |store| store.bury(seq, &text, now()))
            .await
        {
            Ok(dropped) => {
                tracing::error!(event_id = %row.event_id, %reason, "an event was set aside");
                count(&self.counters.buried);
                self.counters.dead.fetch_add(1, Ordering::Relaxed);
                if dropped > 0 {
                    tracing::error!(dropped, "too many events are set aside: forgot the oldest");
                    self.fewer_dead(dropped);
                    self.counters
                        .dead_dropped
                        .fetch_add(dropped, Ordering::Relaxed);
                }
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
        let (account, stream_id, analysis) = (row.account_id, event.stream_id, event.analysis);
        let found = self.store.run(move |store| {
            let stream = store.stream(account, stream_id)?;
            let handler = handler_of(&stream, analysis)
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
