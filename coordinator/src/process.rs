//! What happens to an event once it has arrived.
//!
//! [`Processor`] takes events from agents in (durably, once each), works the queue of them, and
//! makes events of pictures; both go through the same `execute`. [`assign`] gives streams to
//! agents and follows how they fare.
//!
//! What is full and what happens then: over [`ProcessOptions::max_pending`] waiting events, agents
//! are told to try later (they keep theirs on disk); over the analyzer's or the matcher's queue,
//! an event waits and is tried again, as it does for every fault that is not its own, for as long
//! as that takes; waiting, it holds up nobody. An event that fails by its own fault
//! [`ProcessOptions::max_tries`] times, and for [`ProcessOptions::min_age`] at least, is set aside
//! with the reason, until an operator has it tried again or forgotten (`dead`).

mod assemble;
pub mod assign;
mod dead;
mod draft;
mod execute;
pub mod extract;
pub mod generate;
mod ids;
pub mod models;
mod question;
mod stream_event;
mod telling;
mod worker;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use futures_util::future::BoxFuture;
use goshawk_proto::{event::DecodeError, id::EventId, time::Timestamp};
use tokio::{sync::Notify, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    blobs::{BlobError, Blobs},
    bus::Bus,
    ingest::{Committed, IncomingEvent, IngestSink, Refusal},
    matcher::{MatchError, Matching, MatchingError},
    store::{Received, StoreError, StoreHandle},
};
pub use assign::{AgentStatus, AssignOptions, Assigner};
use execute::Executor;
pub use extract::{
    Analyzer, Ask, ExtractError, Extractor, MOST_FACES, PictureFault, PictureKind, PictureOptions,
    Seen, SeenPerson, applicable,
};
pub use generate::{
    EventDetails, FilteredFace, GenerateError, GenerateRequest, Generated, PictureError,
    PictureOutcome, SourcePicture,
};
pub use models::ModelExtractor;
pub use question::{Question, estimation};

/// A point between two steps of processing an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// The event was taken from the queue.
    Taken,
    /// Descriptors are there and matching is done; nothing is written yet.
    Decided,
    /// Samples and images are written.
    BlobsStored,
    /// Rows are written; nobody has been told.
    Finished,
    /// Subscribers have been told; the outgoing row is still there.
    Published,
}

/// Asked at every [`Step`]; an error stops processing there and then, as a crash would.
pub trait Checkpoint: Send + Sync {
    /// Whether to go on.
    fn reached(&self, step: Step, event: EventId) -> Result<(), Interrupted>;
}

/// Processing was told to stop at a [`Step`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("interrupted after {0:?}")]
pub struct Interrupted(pub Step);

/// How events are processed.
#[derive(Clone)]
pub struct ProcessOptions {
    /// Events processed at once.
    pub concurrency: usize,
    /// How often an event may fail by its own fault.
    pub max_tries: u32,
    /// How long after its arrival at the earliest it is set aside for failing, so that a fault of
    /// ours that looks like the event's own can be mended before anything is lost.
    pub min_age: Duration,
    /// How long messages left by the life before wait for somebody who listens.
    pub resend_grace: Duration,
    /// Events that may wait; over this, agents are told to try later.
    pub max_pending: u64,
    /// First pause before another try; doubles up to [`Self::longest_pause`].
    pub first_pause: Duration,
    /// Longest pause before another try.
    pub longest_pause: Duration,
    /// Asked between steps; for tests.
    pub checkpoint: Option<Arc<dyn Checkpoint>>,
}

impl Default for ProcessOptions {
    fn default() -> Self {
        Self {
            concurrency: 8,
            max_tries: 3,
            min_age: Duration::from_secs(600),
            resend_grace: Duration::from_secs(30),
            max_pending: 100_000,
            first_pause: Duration::from_millis(100),
            longest_pause: Duration::from_secs(30),
            checkpoint: None,
        }
    }
}

/// What processing works with.
pub struct ProcessParts {
    /// Rows.
    pub store: StoreHandle,
    /// Images and samples.
    pub blobs: Blobs,
    /// Comparing descriptors.
    pub matching: Arc<Matching>,
    /// Telling subscribers.
    pub bus: Bus,
    /// The models; without them, events live by what agents extracted.
    pub analyzer: Option<Analyzer>,
}

/// Counters since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProcessStats {
    /// Events that wait now.
    pub pending: u64,
    /// Events taken in.
    pub received: u64,
    /// Events that were here before.
    pub duplicates: u64,
    /// Events that agents were told to send later or never.
    pub refused: u64,
    /// Events whose processing is done.
    pub processed: u64,
    /// Events of which no detection passed the handler's filters.
    pub filtered: u64,
    /// Tries that failed and were repeated.
    pub retries: u64,
    /// Tries that failed by no fault of the event.
    pub waits: u64,
    /// Events set aside.
    pub buried: u64,
    /// Events that are set aside now.
    pub dead: u64,
    /// Events set aside that were forgotten to make room for later ones.
    pub dead_dropped: u64,
    /// Messages sent again after a restart.
    pub resent: u64,
    /// Events made of pictures.
    pub generated: u64,
}

#[derive(Default)]
struct Counters {
    pending: AtomicU64,
    received: AtomicU64,
    duplicates: AtomicU64,
    refused: AtomicU64,
    processed: AtomicU64,
    filtered: AtomicU64,
    retries: AtomicU64,
    waits: AtomicU64,
    buried: AtomicU64,
    dead: AtomicU64,
    dead_dropped: AtomicU64,
    resent: AtomicU64,
    generated: AtomicU64,
}

/// One more.
fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Why processing an event did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// The store failed or does not have what the event needs.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Matching failed.
    #[error(transparent)]
    Match(#[from] MatchingError),
    /// The image store failed or does not take a picture.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// The models failed.
    #[error(transparent)]
    Extract(#[from] ExtractError),
    /// The envelope cannot be read.
    #[error(transparent)]
    Envelope(#[from] DecodeError),
    /// Something broke off.
    #[error("{0}")]
    Broken(String),
    /// A [`Checkpoint`] said stop.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
}

/// What to do about a [`ProcessError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// Not the event's fault: try again after this, as often as it takes.
    Wait(Duration),
    /// It may be the event's fault: try again a few times, and for some minutes.
    Retry,
    /// Trying again cannot help: set it aside.
    Hopeless,
    /// Stop here.
    Stop,
}

impl ProcessError {
    fn verdict(&self) -> Verdict {
        const SHORT: Duration = Duration::from_millis(200);
        match self {
            Self::Store(error) | Self::Match(MatchingError::Store(error)) => match error {
                StoreError::Unavailable { after, .. } => Verdict::Wait(*after),
                StoreError::NotFound { .. } => Verdict::Hopeless,
                StoreError::Corrupt { .. } => Verdict::Wait(SHORT),
                StoreError::Conflict { .. } => Verdict::Retry,
            },
            Self::Match(MatchingError::Match(error)) => match error {
                MatchError::Timeout(_) | MatchError::Busy | MatchError::Stopped => {
                    Verdict::Wait(SHORT)
                }
            },
            Self::Blob(error) => match error {
                BlobError::Full(_) => Verdict::Wait(crate::room::RETRY_WHEN_FULL),
                BlobError::Storage(_) | BlobError::NotFound(_) | BlobError::Corrupt(_) => {
                    Verdict::Wait(SHORT)
                }
                BlobError::NotPicture | BlobError::TooLarge(_) => Verdict::Hopeless,
            },
            Self::Extract(ExtractError::Busy | ExtractError::Model(_)) => Verdict::Wait(SHORT),
            Self::Extract(ExtractError::Picture { .. }) | Self::Broken(_) => Verdict::Retry,
            Self::Envelope(_) => Verdict::Hopeless,
            Self::Interrupted(_) => Verdict::Stop,
        }
    }
}

/// Processes events. See the module's text.
pub struct Processor {
    store: StoreHandle,
    executor: Executor,
    options: ProcessOptions,
    counters: Arc<Counters>,
    wake: Notify,
}

impl Processor {
    /// A processor that does nothing before [`Self::start`], except take events in.
    pub fn new(parts: ProcessParts, options: ProcessOptions) -> Arc<Self> {
        let counters = Arc::new(Counters::default());
        let store = parts.store.clone();
        let executor = Executor::new(parts, options.checkpoint.clone());
        Arc::new(Self {
            store,
            executor,
            options,
            counters,
            wake: Notify::new(),
        })
    }

    /// Works the queue until cancelled; beside it, sends again what may not have been sent, as
    /// soon as somebody listens.
    pub fn start(self: &Arc<Self>, cancel: CancellationToken) -> JoinHandle<()> {
        tokio::spawn(worker::run(self.clone(), cancel))
    }

    /// Counters since the start.
    pub fn stats(&self) -> ProcessStats {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let c = &self.counters;
        ProcessStats {
            pending: get(&c.pending),
            received: get(&c.received),
            duplicates: get(&c.duplicates),
            refused: get(&c.refused),
            processed: get(&c.processed),
            filtered: get(&c.filtered),
            retries: get(&c.retries),
            waits: get(&c.waits),
            buried: get(&c.buried),
            dead: get(&c.dead),
            dead_dropped: get(&c.dead_dropped),
            resent: get(&c.resent),
            generated: get(&c.generated),
        }
    }

    async fn receive(&self, incoming: IncomingEvent) -> Result<Committed, Refusal> {
        if self.counters.pending.load(Ordering::Relaxed) >= self.options.max_pending {
            let reason = "the coordinator has too many events to process".to_owned();
            return Err(Refusal::Retry {
                after: Duration::from_secs(1),
                reason,
            });
        }
        let (agent, event_id) = (incoming.agent_id, incoming.event_id);
        let (stream_id, raw) = (incoming.event.stream_id, incoming.raw);
        let received = self.store.run(move |store| {
            let stream = match store.stream_of_any(stream_id) {
                // An agent that asks again about what we took must hear that we have it, also when
                // the stream has gone since.
                Err(StoreError::NotFound { .. }) if store.was_received(event_id)? => {
                    return Ok(Received::Duplicate);
                }
                other => other?,
            };
            if !stream.was_held_by(agent) {
                // The same answer as for a stream that does not exist: nothing to be probed.
                return Err(StoreError::not_found("stream", stream_id));
            }
            store.receive(stream.account_id, agent, event_id, &raw, now())
        });
        match received.await {
            Ok(Received::New) => {
                count(&self.counters.received);
                count(&self.counters.pending);
                self.wake.notify_one();
                Ok(Committed::New)
            }
            Ok(Received::Duplicate) => {
                count(&self.counters.duplicates);
                Ok(Committed::Duplicate)
            }
            Err(error @ StoreError::NotFound { .. }) => Err(Refusal::Permanent {
                reason: error.to_string(),
            }),
            Err(StoreError::Unavailable { after, message }) => Err(Refusal::Retry {
                after,
                reason: message,
            }),
            Err(error) => Err(Refusal::Retry {
                after: Duration::from_secs(5),
                reason: error.to_string(),
            }),
        }
    }
}

impl IngestSink for Processor {
    fn commit(&self, event: IncomingEvent) -> BoxFuture<'_, Result<Committed, Refusal>> {
        Box::pin(async move {
            let outcome = self.receive(event).await;
            if outcome.is_err() {
                count(&self.counters.refused);
            }
            outcome
        })
    }
}

/// The wall clock.
fn now() -> Timestamp {
    Timestamp::from_system(SystemTime::now())
}

#[cfg(test)]
mod tests;
