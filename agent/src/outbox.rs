//! Events on their way to the coordinator, kept on disk until it has them.
//!
//! An event counts as appended once it is on disk and the disk has been told to keep it; only then
//! may it be sent. It is deleted after the coordinator's acknowledgement, or when the outbox is
//! over its budget in bytes or age: then the oldest go first, with an ERROR in the log and a
//! count. [`goshawk_agent_core::outbox::Ledger`] decides; this module does.
//!
//! One writer thread owns the disk. Appends that wait while it writes are written together, with
//! one sync (group commit). When the disk refuses, events stay in memory up to a bound, are tried
//! again with growing pauses, and beyond the bound the oldest are lost and counted: a full disk
//! never stops the analysis.

use std::{
    collections::{BTreeMap, VecDeque},
    path::PathBuf,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::{Duration, Instant, SystemTime},
};

use goshawk_agent_core::outbox::{
    Ledger, LedgerSettings, Output, Priority, RecordId, RecordInfo, Removal,
};
use goshawk_proto::{
    event::Event,
    id::{EventId, StreamId},
    link::{OutboxFeedback, RecordSeq},
    time::Timestamp,
};
use tokio::sync::watch;

use crate::metrics::{EventLoss, Metrics};

pub use store::{Head, RecordStore, SledStore, StoreError};

mod ballast;
mod reader;
mod rejects;
mod store;
mod writer;

#[cfg(test)]
mod tests;

/// How much the outbox may hold.
#[derive(Clone, Debug)]
pub struct OutboxSettings {
    /// Bytes of events on disk; beyond it the oldest are dropped.
    pub max_bytes: u64,
    /// Age beyond which an event is dropped.
    pub max_age: Duration,
    /// Bytes of events kept in memory while the disk refuses them.
    pub max_deferred_bytes: usize,
    /// Where events that the coordinator refuses for good are put for people to look at.
    pub rejects: PathBuf,
}

/// Where an appended event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    /// On disk; it will be sent.
    OnDisk(RecordSeq),
    /// In memory until the disk accepts it.
    Deferred,
    /// Nowhere: it cannot be encoded or is over the whole budget.
    Lost,
}

/// The outbox. Cloning shares it.
#[derive(Clone)]
pub struct Outbox {
    shared: Arc<Shared>,
    writer: Arc<Mutex<Option<JoinHandle<()>>>>,
}

/// What the writer thread, appenders and the link share.
struct Shared {
    store: Box<dyn RecordStore>,
    settings: OutboxSettings,
    metrics: Metrics,
    state: Mutex<State>,
    /// Told when `state` has work for the writer.
    work: Condvar,
    /// Told when the writer has emptied its queues.
    idle: Condvar,
    appended: watch::Sender<u64>,
}

struct State {
    ledger: Ledger,
    /// Every record on disk that is not being deleted.
    heads: BTreeMap<u64, Head>,
    pending: VecDeque<Pending>,
    pending_bytes: usize,
    /// Records that the ledger has let go and the disk still has.
    removals: Vec<u64>,
    /// Records in the writer's hands.
    writing: usize,
    /// Not before this moment is the disk tried again.
    retry_at: Option<Instant>,
    dropped: u64,
    rejected: u64,
    closing: bool,
}

/// An event that is not on disk yet.
struct Pending {
    event_id: EventId,
    stream: StreamId,
    bytes: Vec<u8>,
    /// Told where the event is; gone once it has been told.
    reply: Option<crossbeam_channel::Sender<Appended>>,
}

/// Why an outbox cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The disk or what is on it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No thread could be started.
    #[error("cannot start the outbox's thread: {0}")]
    Thread(std::io::Error),
}

fn now() -> Timestamp {
    Timestamp::from_system(SystemTime::now())
}

impl Outbox {
    /// Takes over what `store` holds and starts the writer.
    pub fn open(
        store: Box<dyn RecordStore>,
        settings: OutboxSettings,
        metrics: Metrics,
    ) -> Result<Self, OpenError> {
        let (heads, next) = store.load()?;
        let limits = LedgerSettings {
            max_bytes: settings.max_bytes,
            max_age: settings.max_age,
            ..LedgerSettings::default()
        };
        let infos = heads.iter().map(|head| RecordInfo {
            id: RecordId(head.sequence),
            size: u64::from(head.bytes),
            appended_at: head.appended_at,
            priority: Priority::default(),
        });
        let state = State {
            ledger: Ledger::restore(limits, now(), RecordId(next), infos),
            heads: heads
                .into_iter()
                .map(|head| (head.sequence, head))
                .collect(),
            pending: VecDeque::new(),
            pending_bytes: 0,
            removals: Vec::new(),
            writing: 0,
            retry_at: None,
            dropped: 0,
            rejected: 0,
            closing: false,
        };
        let shared = Arc::new(Shared {
            store,
            settings,
            metrics,
            state: Mutex::new(state),
            work: Condvar::new(),
            idle: Condvar::new(),
            appended: watch::Sender::new(next.saturating_sub(1)),
        });
        let thread = Arc::clone(&shared);
        let writer = std::thread::Builder::new()
            .name("outbox".to_owned())
            .spawn(move || writer::run(&thread))
            .map_err(OpenError::Thread)?;
        Ok(Self {
            shared,
            writer: Arc::new(Mutex::new(Some(writer))),
        })
    }

    /// Appends an event and waits until it is on disk, or known not to get there now.
    pub fn append(&self, event: &Event) -> Appended {
        let bytes = match event.encode() {
            Ok(bytes) => bytes,
            Err(error) => {
                tracing::error!(event = %event.event_id, %error, "an event is lost");
                self.shared.metrics.count_loss(EventLoss::Encoding);
                return Appended::Lost;
            }
        };
        if bytes.len() as u64 > self.shared.settings.max_bytes {
            tracing::error!(event = %event.event_id, bytes = bytes.len(), "an event is larger than the whole outbox may be and is lost");
            let stream = Some(event.stream_id);
            self.shared.metrics.count_dropped(stream, EventLoss::Bytes);
            return Appended::Lost;
        }
        let (reply, answer) = crossbeam_channel::bounded(1);
        {
            let mut state = self.shared.lock();
            let waiting = state.retry_at.is_some() || state.closing;
            state.pending_bytes += bytes.len();
            state.pending.push_back(Pending {
                event_id: event.event_id,
                stream: event.stream_id,
                bytes,
                reply: (!waiting).then_some(reply),
            });
            self.shared.bound_pending(&mut state);
            if waiting {
                return Appended::Deferred;
            }
        }
        self.shared.work.notify_one();
        answer.recv().unwrap_or(Appended::Deferred)
    }

    /// Waits until everything appended is on disk, at most `patience`; returns how many events are
    /// still in memory.
    pub fn flush(&self, patience: Duration) -> usize {
        let until = Instant::now() + patience;
        let mut state = self.shared.lock();
        state.retry_at = None;
        self.shared.work.notify_one();
        while state.writing + state.pending.len() + state.removals.len() > 0 {
            let Some(left) = until.checked_duration_since(Instant::now()) else {
                break;
            };
            state = self
                .shared
                .idle
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        state.writing + state.pending.len()
    }

    /// Stops the writer after one last attempt; appends from then on stay in memory.
    pub fn close(&self) {
        self.shared.lock().closing = true;
        self.shared.work.notify_one();
        let writer = self
            .writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if writer.is_some_and(|writer| writer.join().is_err()) {
            tracing::error!("the outbox's thread panicked");
        }
        let lost = self.shared.lock().pending.len();
        if lost > 0 {
            tracing::error!(
                lost,
                "events are lost: the disk of the outbox did not take them before the end"
            );
        }
    }

    /// Events on disk.
    pub fn records(&self) -> usize {
        self.shared.lock().heads.len()
    }

    /// What the coordinator is told of the outbox.
    pub fn feedback(&self) -> OutboxFeedback {
        let state = self.shared.lock();
        let age = state.ledger.oldest_age(now()).unwrap_or_default();
        OutboxFeedback {
            records: state.heads.len() as u64,
            bytes: state.ledger.bytes(),
            oldest_age_ms: u64::try_from(age.as_millis()).unwrap_or(u64::MAX),
            dropped: state.dropped,
            rejected: state.rejected,
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Loses the oldest events in memory while there are too many.
    fn bound_pending(&self, state: &mut State) {
        let mut lost = 0u64;
        while state.pending_bytes > self.settings.max_deferred_bytes && state.pending.len() > 1 {
            let Some(oldest) = state.pending.pop_front() else {
                break;
            };
            state.pending_bytes -= oldest.bytes.len();
            self.metrics
                .count_dropped(Some(oldest.stream), EventLoss::Memory);
            lost += 1;
        }
        if lost > 0 {
            state.dropped += lost;
            tracing::error!(
                lost,
                "the disk of the outbox refuses events and the memory kept for them is full; the oldest are lost"
            );
        }
    }

    /// Carries out what the ledger has decided to delete.
    fn settle(&self, state: &mut State) {
        let (mut over, mut old) = (0u64, 0u64);
        while let Some(Output::Delete { id, cause }) = state.ledger.poll_output() {
            let stream = state.heads.remove(&id.0).and_then(|head| head.stream);
            state.removals.push(id.0);
            let loss = match cause {
                Removal::Acked => None,
                Removal::OverBudget => Some(EventLoss::Bytes),
                Removal::TooOld => Some(EventLoss::Age),
                Removal::Rejected => Some(EventLoss::Refused),
                Removal::Unreadable => Some(EventLoss::Unreadable),
            };
            over += u64::from(loss == Some(EventLoss::Bytes));
            old += u64::from(loss == Some(EventLoss::Age));
            if let Some(loss) = loss {
                self.metrics.count_dropped(stream, loss);
            }
        }
        state.dropped += over + old;
        if over + old > 0 {
            tracing::error!(
                over_budget = over,
                too_old = old,
                "events that the coordinator never took are dropped from the outbox"
            );
        }
        self.publish(state);
    }

    fn publish(&self, state: &State) {
        let outbox = &self.metrics.outbox;
        outbox
            .bytes
            .set(i64::try_from(state.ledger.bytes()).unwrap_or(i64::MAX));
        outbox
            .records
            .set(i64::try_from(state.heads.len()).unwrap_or(i64::MAX));
        outbox
            .deferred
            .set(i64::try_from(state.pending.len()).unwrap_or(i64::MAX));
        let age = state.ledger.oldest_age(now()).unwrap_or_default();
        outbox.oldest_age.set(age.as_secs_f64());
    }
}
