//! The driver: one task that feeds a [`Shipper`] with what happens and does what it says.

mod happened;
mod renewal;

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use goshawk_proto::link::{
    AgentMessage, Assignments, Close, Configuration, CoordinatorMessage, Feedback, Shipper,
    ShipperConfig,
    shipper::{PushId, ShipperEvent, Transmit},
};
use quinn::{Connection, Endpoint};
use tokio::{
    sync::{mpsc, watch},
    task::{AbortHandle, JoinHandle, JoinSet},
    time::{sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::enrol::{Identity, IdentityError, renewal::Renewal};

use super::{
    LinkConfig, LinkState, OutboxReader,
    connect::ConnectError,
    dial::{self, Welcomed},
    push::{self, Pushed},
    store::{self, Answer, Wish},
};

/// Messages of the link's tasks that may wait for the driver; they wait when it is full.
const INPUTS: usize = 128;
/// How often the state is refreshed, and the least often that the loop turns.
const TICK: Duration = Duration::from_secs(1);
/// Pause before an outbox that could not be read is tried again.
const REFETCH: Duration = Duration::from_secs(5);
/// What dialling may take beyond its time before it is given up from outside.
const DIAL_SLACK: Duration = Duration::from_millis(500);
/// Longest turn of the loop; nothing in it waits.
const LONGEST_TURN: Duration = Duration::from_secs(60);
/// Longest wait at shutdown for deletions to reach the disk.
const LAST_WISHES: Duration = Duration::from_secs(5);

/// Numbers the connections, so that news of an older one is known as such.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Epoch(u64);

/// What happened on a connection.
#[derive(Debug)]
pub(super) enum Input {
    Dialled {
        epoch: Epoch,
        outcome: Result<Box<Welcomed>, ConnectError>,
    },
    Said {
        epoch: Epoch,
        message: CoordinatorMessage,
    },
    Ended {
        epoch: Epoch,
        error: ConnectError,
    },
    Pushed {
        epoch: Epoch,
        push: PushId,
        outcome: Pushed,
    },
    /// A renewed identity is on disk, or is not.
    Renewed(Result<Identity, IdentityError>),
}

/// The driver's ends of the channels in [`super::Link`].
pub(super) struct Ends {
    pub assignments: watch::Sender<Option<Arc<Assignments>>>,
    pub configuration: watch::Sender<Configuration>,
    pub feedback: mpsc::Receiver<Feedback>,
    pub state: watch::Sender<LinkState>,
}

struct Session {
    connection: Connection,
    endpoint: Endpoint,
    pushes: HashMap<PushId, AbortHandle>,
    tasks: JoinSet<()>,
    /// Revision of the assignments that came over this connection.
    revision: Option<u64>,
    /// The coordinator as it was dialled.
    coordinator: String,
    requests: mpsc::Sender<AgentMessage>,
}

pub(super) struct Driver {
    config: Arc<LinkConfig>,
    tls: rustls::ClientConfig,
    renewal: Option<Renewal>,
    outbox: Arc<dyn OutboxReader>,
    shipper: Shipper,
    ends: Ends,
    state: LinkState,
    epoch: Epoch,
    dialling: Option<AbortHandle>,
    session: Option<Session>,
    sender: mpsc::Sender<Input>,
    inputs: mpsc::Receiver<Input>,
    wishes: mpsc::Sender<Wish>,
    answers: mpsc::Receiver<Answer>,
    store: JoinHandle<()>,
    newest_feedback: watch::Sender<Option<Arc<Feedback>>>,
    refetch_at: Option<Instant>,
}

impl Driver {
    pub fn new(
        config: LinkConfig,
        identity: &Identity,
        outbox: Arc<dyn OutboxReader>,
        ends: Ends,
    ) -> Result<Self, IdentityError> {
        let (sender, inputs) = mpsc::channel(INPUTS);
        // Acks come for records under way, and no more are fetched before they are done, because
        // fetches wait in the same queue: twice the window of known records and a fetch.
        let window = config.shipper.window.events as usize;
        let (wishes, to_store) = mpsc::channel(4 * window + 16);
        let (from_store, answers) = mpsc::channel(16);
        let store = tokio::spawn(store::run(outbox.clone(), to_store, from_store));
        let mut state = ends.state.borrow().clone();
        state.certificate_ends = identity.validity().map(|(_, until)| until);
        let renewal = config
            .identity_dir
            .clone()
            .map(|dir| Renewal::new(dir, config.renewal_period, identity));
        // Each of several coordinators has its time.
        let tries = u32::try_from(config.coordinators().count()).unwrap_or(u32::MAX);
        let connect_timeout = config.shipper.connect_timeout.saturating_mul(tries) + DIAL_SLACK;
        let shipper = ShipperConfig {
            connect_timeout,
            ..config.shipper
        };
        Ok(Self {
            shipper: Shipper::new(shipper, Instant::now(), rand::random()),
            config: Arc::new(config),
            tls: identity.tls()?,
            renewal,
            outbox,
            ends,
            state,
            epoch: Epoch(0),
            dialling: None,
            session: None,
            sender,
            inputs,
            wishes,
            answers,
            store,
            newest_feedback: watch::Sender::new(None),
            refetch_at: None,
        })
    }

    /// Runs until cancelled, and then until what is under way is answered or time is up.
    pub async fn run(mut self, cancel: CancellationToken) {
        let mut appended = self.outbox.appended();
        let (mut appends, mut feedback) = (true, true);
        let mut end: Option<Instant> = None;
        let beat = self.config.pulse.watch("the link");
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            beat.turn(Instant::now(), LONGEST_TURN);
            self.act();
            self.publish();
            if end.is_some() && self.shipper.in_flight() == 0 {
                break;
            }
            let timer = [self.shipper.poll_timeout(), self.refetch_at, end];
            let timer = timer.into_iter().flatten().min();
            tokio::select! {
                // The driver holds a sender of each, so neither channel closes.
                Some(input) = self.inputs.recv() => self.take(input),
                Some(answer) = self.answers.recv() => self.stored(answer),
                changed = appended.changed(), if appends => {
                    appends = changed.is_ok();
                    self.shipper.handle_appended(Instant::now());
                }
                newest = self.ends.feedback.recv(), if feedback => match newest {
                    Some(newest) => drop(self.newest_feedback.send_replace(Some(Arc::new(newest)))),
                    None => feedback = false,
                },
                _ = tick.tick() => self.renew(),
                () = sleep_until(timer.unwrap_or_else(Instant::now).into()), if timer.is_some() => {
                    let now = Instant::now();
                    if end.is_some_and(|end| end <= now) {
                        break;
                    }
                    if self.refetch_at.is_some_and(|at| at <= now) {
                        self.refetch_at = None;
                        self.shipper.handle_appended(now);
                    }
                    self.shipper.handle_timeout(now);
                }
                () = cancel.cancelled(), if end.is_none() => {
                    self.shipper.drain();
                    end = Some(Instant::now() + self.config.drain);
                }
            }
        }
        self.finish().await;
    }

    /// Hangs up and waits until the deletions asked for are on disk.
    async fn finish(mut self) {
        self.hang_up(Close::Shutdown);
        self.publish();
        drop(self.wishes);
        // Its answers interest nobody any more, but must not hold it up.
        self.answers.close();
        if timeout(LAST_WISHES, self.store).await.is_err() {
            warn!("the outbox is slow; some delivered events will be sent again");
        }
    }

    /// Does what the shipper says.
    fn act(&mut self) {
        while let Some(transmit) = self.shipper.poll_transmit() {
            match transmit {
                Transmit::Connect => self.dial(),
                Transmit::Disconnect => {
                    self.state.last_error = Some("the coordinator does not answer".to_owned());
                    self.hang_up(Close::Idle);
                }
                Transmit::Fetch { fetch, after, max } => {
                    if !self.wish(Wish::Fetch { fetch, after, max }) {
                        self.shipper.handle_fetch_failed(fetch);
                        self.refetch_at = Some(Instant::now() + REFETCH);
                    }
                }
                Transmit::Push { push, record } => {
                    let (epoch, inputs) = (self.epoch, self.sender.clone());
                    let outbox = self.outbox.clone();
                    if let Some(session) = &mut self.session {
                        let connection = session.connection.clone();
                        let task = session.tasks.spawn(async move {
                            let outcome = push::run(connection, outbox, record).await;
                            let _ = inputs
                                .send(Input::Pushed {
                                    epoch,
                                    push,
                                    outcome,
                                })
                                .await;
                        });
                        session.pushes.insert(push, task);
                    }
                }
                Transmit::Cancel(push) => {
                    if let Some(session) = &mut self.session
                        && let Some(task) = session.pushes.remove(&push)
                    {
                        task.abort();
                    }
                }
            }
        }
        while let Some(event) = self.shipper.poll_event() {
            match event {
                ShipperEvent::Delivered { seq, .. } => _ = self.wish(Wish::Ack(seq)),
                ShipperEvent::Rejected {
                    seq,
                    event_id,
                    reason,
                } => {
                    error!(%event_id, reason, "the coordinator will never take an event");
                    self.wish(Wish::Reject(seq, reason));
                }
            }
        }
        if let Some(session) = &mut self.session {
            // Forgets tasks that have ended.
            while session.tasks.try_join_next().is_some() {}
        }
    }

    /// Queues a wish. There is room for all that can be under way (see `new`) unless the disk
    /// hangs over many connections; a record whose deletion is lost then is acknowledged again on
    /// a later one.
    fn wish(&mut self, wish: Wish) -> bool {
        let queued = self.wishes.try_send(wish);
        if let Err(error) = &queued {
            error!(%error, "the queue to the outbox is full");
            self.state.outbox_errors += 1;
        }
        queued.is_ok()
    }

    fn dial(&mut self) {
        self.epoch.0 += 1;
        let (epoch, inputs) = (self.epoch, self.sender.clone());
        let outbox = self
            .newest_feedback
            .borrow()
            .as_ref()
            .map(|feedback| feedback.outbox);
        let dial = dial::run(
            self.config.clone(),
            self.tls.clone(),
            outbox.unwrap_or_default(),
        );
        let task = tokio::spawn(async move {
            let outcome = dial.await;
            let _ = inputs.send(Input::Dialled { epoch, outcome }).await;
        });
        self.dialling = Some(task.abort_handle());
    }

    /// Shows the state to whom it may concern.
    fn publish(&mut self) {
        let connected = self.session.is_some();
        if connected != self.state.connected {
            self.state.connected = connected;
            self.state.since = Instant::now();
        }
        self.state.coordinator = self
            .session
            .as_ref()
            .map(|session| session.coordinator.clone());
        self.state.rtt = self
            .session
            .as_ref()
            .map(|session| session.connection.rtt());
        self.state.in_flight = self.shipper.in_flight();
        self.state.bytes_in_flight = self.shipper.bytes_in_flight();
        self.state.totals = self.shipper.stats();
        self.ends.state.send_if_modified(|shown| {
            let changed = *shown != self.state;
            if changed {
                shown.clone_from(&self.state);
            }
            changed
        });
    }
}
