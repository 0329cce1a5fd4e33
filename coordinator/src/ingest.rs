//! Ingest: the agents' port. Takes connections in, enrols new agents, receives events and
//! acknowledges each only after the sink has committed it.
//!
//! The logic of a connection is [`goshawk_proto::link::Receiver`]; here are the sockets around it.
//! What is full and what happens then:
//!
//! | bound | when it is full |
//! |---|---|
//! | [`IngestConfig::max_connections`] | new connections are refused |
//! | [`IngestConfig::max_handshakes`] | from half on, addresses must prove themselves; then refused |
//! | [`IngestConfig::max_enrolments`] | closed as busy; agents come again |
//! | window of an agent (events, bytes) | the push is answered with a wait, unread |
//! | [`IngestConfig::total_bytes`] of all agents | the same |
//! | [`IngestConfig::max_commits`] of all agents | commits wait in turn; agents' windows fill |
//!
//! Every case has a counter in [`IngestStats`].

mod control;
mod counters;
mod enrolment;
mod frames;
mod listener;
mod presence;
mod preview;
mod push;
mod renewal;
mod session;
#[cfg(test)]
mod tests;

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use goshawk_proto::{
    event::Event,
    id::{AgentId, EventId},
    link::{Assignments, Configuration, Feedback, Hello, ReceiverConfig},
};
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use counters::IngestStats;
pub use preview::{Pictures, PreviewError};

use crate::pki::{Authority, PkiError};
use listener::Shared;

/// An event as it came in.
#[derive(Debug, Clone)]
pub struct IncomingEvent {
    /// The agent that sent it, by its certificate.
    pub agent_id: AgentId,
    /// The event's id, the same as in `event`.
    pub event_id: EventId,
    /// The record as it was sent.
    pub raw: Bytes,
    /// The record, read.
    pub event: Event,
}

/// An event is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Committed {
    /// Now.
    New,
    /// It was before.
    Duplicate,
}

/// An event is not durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The agent shall keep it and send it again.
    Retry {
        /// Not sooner than this.
        after: Duration,
        /// For people on the agent's side: no secrets.
        reason: String,
    },
    /// The agent shall give it up: the same bytes can never be taken.
    Permanent {
        /// For people on the agent's side: no secrets.
        reason: String,
    },
}

/// Where events go.
pub trait IngestSink: Send + Sync + 'static {
    /// Makes the event durable; only then is `Ok` returned, and the agent deletes its copy.
    /// Idempotent by event id. The future is driven to its end even if the agent goes away.
    fn commit(&self, event: IncomingEvent) -> BoxFuture<'_, Result<Committed, Refusal>>;
}

/// What each agent shall do.
pub trait AssignmentSource: Send + Sync + 'static {
    /// The agent's full desired state, and its changes. The revision rises with every change while
    /// the coordinator runs.
    fn watch(&self, agent: AgentId) -> watch::Receiver<Arc<Assignments>>;
}

/// Who wants to know how agents fare. Calls for one agent come one after the other and in order:
/// `connected`, any number of `feedback`, `lost`; a newer connection of the same agent replaces
/// the older with another `connected` and no `lost` between them.
pub trait AgentObserver: Send + Sync + 'static {
    /// The agent is there.
    fn connected(&self, agent: AgentId, hello: Hello) -> BoxFuture<'_, ()>;
    /// The agent's whole state.
    fn feedback(&self, agent: AgentId, feedback: Feedback) -> BoxFuture<'_, ()>;
    /// The agent is gone.
    fn lost(&self, agent: AgentId) -> BoxFuture<'_, ()>;
}

/// The neighbours of ingest.
#[derive(Clone)]
pub struct IngestServices {
    /// Takes events.
    pub sink: Arc<dyn IngestSink>,
    /// Says what agents shall do.
    pub assignments: Arc<dyn AssignmentSource>,
    /// Hears how they fare.
    pub observer: Arc<dyn AgentObserver>,
}

/// Limits of the agents' port.
#[derive(Debug, Clone)]
pub struct IngestConfig {
    /// Where to listen (UDP); port 0 takes a free one.
    pub listen: SocketAddr,
    /// Most connections at once; default 1024.
    pub max_connections: usize,
    /// Most handshakes at once; default 64.
    pub max_handshakes: usize,
    /// Most enrolments at once; default 16.
    pub max_enrolments: usize,
    /// Longest handshake, hello included, and longest enrolment; default 10 s.
    pub handshake_timeout: Duration,
    /// A connection that is silent so long is gone (agents keep theirs alive); default 30 s.
    pub idle_timeout: Duration,
    /// Window and time-outs of each agent.
    pub receiver: ReceiverConfig,
    /// Most bytes of events in memory, all agents together; default 512 MiB.
    pub total_bytes: u64,
    /// Most commits at once, all agents together; default 64.
    pub max_commits: usize,
    /// At shutdown, longest wait for commits and answers under way; default 2 s.
    pub drain: Duration,
    /// Settings pushed to every agent.
    pub configuration: Configuration,
}

impl IngestConfig {
    /// The defaults, listening at `listen`.
    pub fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            max_connections: 1_024,
            max_handshakes: 64,
            max_enrolments: 16,
            handshake_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(30),
            receiver: ReceiverConfig::default(),
            total_bytes: 512 << 20,
            max_commits: 64,
            drain: Duration::from_secs(2),
            configuration: Configuration::default(),
        }
    }
}

/// Why the agents' port cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The address cannot be listened on.
    #[error("cannot listen on UDP {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// TLS cannot be set up.
    #[error(transparent)]
    Pki(#[from] PkiError),
    /// A time-out or limit is out of range for QUIC.
    #[error("limits of the agents' port are out of range: {0}")]
    Limits(String),
}

/// An agent that is connected now.
#[derive(Debug, Clone)]
pub struct ConnectedAgent {
    /// The agent.
    pub agent_id: AgentId,
    /// Its name, as it says.
    pub name: String,
    /// Its software's version, as it says.
    pub agent_version: String,
    /// Where it comes from.
    pub remote: SocketAddr,
    /// Since when it has been connected.
    pub since: Instant,
    /// Round-trip time.
    pub rtt: Duration,
}

/// The agents' port, open. Ends when the token given to [`start`] is cancelled.
pub struct Ingest {
    shared: Arc<Shared>,
    tracker: TaskTracker,
    local_addr: SocketAddr,
}

/// Opens the agents' port. Must be called inside a tokio runtime. When `cancel` is cancelled,
/// takes nothing new, answers what is under way for at most [`IngestConfig::drain`], and ends.
pub fn start(
    config: IngestConfig,
    authority: Arc<Authority>,
    services: IngestServices,
    cancel: CancellationToken,
) -> Result<Ingest, IngestError> {
    let tracker = TaskTracker::new();
    let shared = Shared::open(config, authority, services, cancel, tracker.clone())?;
    let local_addr = shared.local_addr()?;
    tracker.spawn(listener::run(shared.clone()));
    Ok(Ingest {
        shared,
        tracker,
        local_addr,
    })
}

impl Ingest {
    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Totals since the start.
    pub fn stats(&self) -> IngestStats {
        self.shared.counters.snapshot()
    }

    /// Who is connected, by id.
    pub fn agents(&self) -> Vec<ConnectedAgent> {
        self.shared.presence.agents()
    }

    /// Returns when everything has ended after a cancellation.
    pub async fn closed(&self) {
        self.tracker.wait().await;
    }
}
