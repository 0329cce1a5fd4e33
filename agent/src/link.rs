//! The link to the coordinator: keeps one connection, ships the outbox over it, takes assignments
//! from it and sends feedback.
//!
//! What to do and when is [`goshawk_proto::link::Shipper`]'s; here are the sockets, the outbox and
//! the clock around it. The link never gives up: without a coordinator events stay in the outbox,
//! the last assignments stay in force, and it dials again for ever, with growing pauses.

pub(crate) mod connect;
mod dial;
mod driver;
pub(crate) mod frames;
mod preview;
mod push;
mod store;
#[cfg(test)]
pub(crate) mod tests;

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use goshawk_proto::{
    id::AgentId,
    link::{
        ALPN_LINK, Assignments, Close, Configuration, Feedback, RecordHead, RecordSeq,
        ShipperConfig, shipper::ShipperStats,
    },
    time::Timestamp,
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use crate::{
    edge::EdgeModes,
    enrol::{Identity, IdentityError, renewal},
    pulse::Pulse,
    viewfinder::Viewfinder,
};

/// How long after the handshake a coordinator may still turn us away.
const AFTERTHOUGHT: Duration = Duration::from_millis(500);

/// An outbox that cannot be read or written. Without secrets.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct OutboxError(pub String);

/// The outbox as the link sees it. Calls may block for a disk: the link makes them on the blocking
/// pool, one `peek`, `ack` or `reject` at a time and in order, `read`s beside them.
pub trait OutboxReader: Send + Sync + 'static {
    /// Heads of records after `after` (`None`: from the oldest), oldest first, at most `max`.
    /// Fewer than `max` means that there are no more for now.
    fn peek(&self, after: Option<RecordSeq>, max: usize) -> Result<Vec<RecordHead>, OutboxError>;
    /// The encoded event; `None` when it has left the outbox.
    fn read(&self, seq: RecordSeq) -> Result<Option<Bytes>, OutboxError>;
    /// The coordinator has these: delete them. Unknown ones are skipped.
    fn ack(&self, seqs: &[RecordSeq]) -> Result<(), OutboxError>;
    /// The coordinator will never take this one: move it out of the way and count it.
    fn reject(&self, seq: RecordSeq, reason: &str) -> Result<(), OutboxError>;
    /// Changes with every append, once the record can be peeked.
    fn appended(&self) -> watch::Receiver<u64>;
}

/// Settings of the link.
#[derive(Clone)]
pub struct LinkConfig {
    /// Where the coordinator is: `host:port`; port 5443 if none is given.
    pub coordinator: String,
    /// Further ones of the same CA, tried in this order when those before do not answer;
    /// default: none.
    pub fallback: Vec<String>,
    /// How often a connection to one of these looks whether the first answers again; default 5 min.
    pub return_period: Duration,
    /// This agent's name, for people.
    pub name: String,
    /// What this agent can do, as short words.
    pub capabilities: Vec<String>,
    /// Window, time-outs and pauses.
    pub shipper: ShipperConfig,
    /// A connection that is silent so long is gone; default 30 s.
    pub idle_timeout: Duration,
    /// A silent connection is kept alive so often; default 8 s.
    pub keep_alive: Duration,
    /// At shutdown, longest wait for answers under way; default 3 s.
    pub drain: Duration,
    /// What the coordinator may look through; default: nothing.
    pub viewfinder: Option<Viewfinder>,
    /// Of which streams frames may leave the site as previews; default: of all.
    pub edge: EdgeModes,
    /// Told of every turn of the link's loop.
    pub pulse: Pulse,
    /// Folder of the identity, where a renewed one takes its place; default: none is asked for.
    pub identity_dir: Option<PathBuf>,
    /// How often a renewal is asked for at most; default a day.
    pub renewal_period: Duration,
}

impl LinkConfig {
    /// The defaults.
    pub fn new(coordinator: &str, name: &str) -> Self {
        let times = connect::Settings::default();
        Self {
            coordinator: coordinator.to_owned(),
            fallback: Vec::new(),
            return_period: Duration::from_secs(300),
            name: name.to_owned(),
            capabilities: vec!["rtsp".to_owned(), "videofile".to_owned()],
            shipper: ShipperConfig::default(),
            idle_timeout: times.idle_timeout,
            keep_alive: times.keep_alive,
            drain: Duration::from_secs(3),
            viewfinder: None,
            edge: EdgeModes::default(),
            pulse: Pulse::default(),
            identity_dir: None,
            renewal_period: renewal::PERIOD,
        }
    }
}

impl LinkConfig {
    /// Every coordinator, the first choice first.
    fn coordinators(&self) -> impl Iterator<Item = &str> {
        let further = self.fallback.iter().map(String::as_str);
        std::iter::once(self.coordinator.as_str()).chain(further)
    }
}

/// Why the link cannot be started; what happens later is in [`LinkState`].
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The agent's certificate is not usable.
    #[error(transparent)]
    Identity(#[from] IdentityError),
}

/// How the link is.
#[derive(Debug, Clone, PartialEq)]
pub struct LinkState {
    /// Who we are.
    pub agent_id: AgentId,
    /// Whether the coordinator has welcomed us and we have not lost it.
    pub connected: bool,
    /// Since when `connected` is as it is.
    pub since: Instant,
    /// The coordinator that we are connected to; `None` while not connected.
    pub coordinator: Option<String>,
    /// Round-trip time; `None` while not connected.
    pub rtt: Option<Duration>,
    /// Events sent and not answered.
    pub in_flight: usize,
    /// Their bytes.
    pub bytes_in_flight: u64,
    /// Totals: connects, pushes, acked, duplicates, retries, rejected, timeouts, interrupted.
    pub totals: ShipperStats,
    /// Revision of the newest assignments; `None` before the first.
    pub assignments_revision: Option<u64>,
    /// Coordinator's wall clock minus ours at the last welcome, in milliseconds.
    pub clock_offset_ms: Option<i64>,
    /// When this agent's certificate ends.
    pub certificate_ends: Option<Timestamp>,
    /// Certificates renewed.
    pub renewals: u64,
    /// Calls to the outbox that failed.
    pub outbox_errors: u64,
    /// Messages of kinds, and settings, that this version does not know.
    pub ignored: u64,
    /// What went wrong last, without secrets; stays after it is over.
    pub last_error: Option<String>,
}

/// A link that has been started. Ends when the token given to [`start`] is cancelled.
#[derive(Debug)]
pub struct Link {
    /// The newest assignments: `None` until the first arrive, kept over lost connections.
    pub assignments: watch::Receiver<Option<Arc<Assignments>>>,
    /// The newest settings from the coordinator.
    pub configuration: watch::Receiver<Configuration>,
    /// Takes feedback. The newest is sent, and sent again after every reconnection.
    pub feedback: mpsc::Sender<Feedback>,
    /// How the link is, refreshed at every change and once a second.
    pub state: watch::Receiver<LinkState>,
    /// Ends after the cancellation, when answers under way have come or
    /// [`LinkConfig::drain`] is over.
    pub task: JoinHandle<()>,
}

/// Starts the link. Must be called inside a tokio runtime.
pub fn start(
    config: LinkConfig,
    identity: Identity,
    outbox: Arc<dyn OutboxReader>,
    cancel: CancellationToken,
) -> Result<Link, LinkError> {
    let (assignments_in, assignments) = watch::channel(None);
    let (configuration_in, configuration) = watch::channel(Configuration::default());
    let (feedback, feedback_out) = mpsc::channel(4);
    let (state_in, state) = watch::channel(LinkState::new(identity.agent_id()));
    let ends = driver::Ends {
        assignments: assignments_in,
        configuration: configuration_in,
        feedback: feedback_out,
        state: state_in,
    };
    let driver = driver::Driver::new(config, &identity, outbox, ends)?;
    let task = tokio::spawn(driver.run(cancel));
    Ok(Link {
        assignments,
        configuration,
        feedback,
        state,
        task,
    })
}

impl LinkState {
    fn new(agent_id: AgentId) -> Self {
        Self {
            agent_id,
            connected: false,
            since: Instant::now(),
            coordinator: None,
            rtt: None,
            in_flight: 0,
            bytes_in_flight: 0,
            totals: ShipperStats::default(),
            assignments_revision: None,
            clock_offset_ms: None,
            certificate_ends: None,
            renewals: 0,
            outbox_errors: 0,
            ignored: 0,
            last_error: None,
        }
    }
}

/// Finds out whether the coordinator answers and takes this agent's certificate. Nothing is said
/// beyond the handshake, so a running agent keeps its connection.
pub(crate) async fn probe(coordinator: &str, identity: &Identity) -> Result<(), String> {
    let tls = identity.tls().map_err(|error| error.to_string())?;
    probe_with(coordinator, tls).await
}

async fn probe_with(coordinator: &str, mut tls: rustls::ClientConfig) -> Result<(), String> {
    tls.alpn_protocols = vec![ALPN_LINK.to_vec()];
    let dialled = connect::dial(coordinator, tls, &connect::Settings::default()).await;
    let connect::Dialled {
        connection,
        endpoint,
    } = dialled.map_err(|error| error.reason)?;
    // In TLS 1.3 our certificate is looked at only after our side of the handshake is done.
    let refused = tokio::time::timeout(AFTERTHOUGHT, connection.closed()).await;
    connection.close(Close::Done.code().into(), b"");
    endpoint.wait_idle().await;
    match refused {
        Ok(reason) => Err(connect::ConnectError::from(reason).reason),
        Err(_) => Ok(()),
    }
}
