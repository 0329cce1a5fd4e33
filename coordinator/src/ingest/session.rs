//! One agent's link: drives a [`Receiver`] with what comes over a connection.

use std::{collections::HashMap, sync::Arc, time::Instant};

use goshawk_proto::{
    id::AgentId,
    link::{
        Close, Hello, Receiver, Window,
        receiver::{Action, PushKey, ReceiverStats},
    },
};
use quinn::{Connection, RecvStream, SendStream};
use tokio::{
    sync::{OwnedSemaphorePermit, mpsc, oneshot, watch},
    task::JoinSet,
    time::{sleep_until, timeout},
};
use tracing::{Instrument, info, info_span};

use super::{
    control::{self, Control, Ended},
    listener::{BUDGET_UNIT, Shared, agent_of, trust},
    push::{self, Input, Push},
    renewal,
};

/// Messages of push tasks that may wait for the session; its tasks wait when it is full.
const INPUTS: usize = 128;

/// Serves a link until it ends; `permit` counts it among the handshakes until the welcome.
pub(super) async fn run(shared: Arc<Shared>, connection: Connection, permit: OwnedSemaphorePermit) {
    let remote = connection.remote_address();
    // The handshake lets nobody in without one.
    let Some(agent) = agent_of(&connection) else {
        connection.close(Close::Revoked.code().into(), b"no agent in the certificate");
        return;
    };
    let span = info_span!("link", agent_id = %agent, %remote);
    async {
        // Before the standing is asked once more: a revocation in between is then seen by one or
        // the other.
        let revocations = shared.authority.revocations();
        let greeting = control::greet(&shared, &connection, agent);
        let ended = match timeout(shared.config.handshake_timeout, greeting).await {
            Ok(Ok((control, hello))) => {
                drop(permit);
                serve(&shared, &connection, agent, revocations, control, hello).await
            }
            Ok(Err(ended)) => ended,
            Err(_) => Ended::new(Close::Idle, "the agent did not say hello in time"),
        };
        if ended.close == Close::Protocol {
            shared.counters.protocol_errors.one();
        }
        info!(close = ?ended.close, reason = ended.reason, "a link ended");
        connection.close(ended.close.code().into(), ended.reason.as_bytes());
    }
    .instrument(span)
    .await;
}

async fn serve(
    shared: &Arc<Shared>,
    connection: &Connection,
    agent: AgentId,
    revocations: watch::Receiver<u64>,
    control: Control,
    hello: Hello,
) -> Ended {
    shared.counters.links.one();
    info!(
        name = hello.name,
        version = hello.agent_version,
        "an agent is connected"
    );
    trust(connection, &shared.config);
    if shared.presence.enter(agent, connection, hello).await {
        shared.counters.superseded.one();
    }
    let mut session = Session::new(shared.clone(), connection.clone(), agent, control);
    let ended = session.serve(revocations).await;
    drop(session);
    shared.presence.leave(agent, connection).await;
    ended
}

struct Session {
    shared: Arc<Shared>,
    connection: Connection,
    agent: AgentId,
    receiver: Receiver,
    counted: ReceiverStats,
    pushes: HashMap<PushKey, Push>,
    next_push: u64,
    sender: mpsc::Sender<Input>,
    inputs: mpsc::Receiver<Input>,
    windows: mpsc::Sender<Window>,
    /// Readers of pushes; aborted with the session.
    readers: JoinSet<()>,
    replies: JoinSet<()>,
    /// The two halves of the control stream; the first to end ends the session.
    control: JoinSet<Ended>,
}

impl Session {
    fn new(shared: Arc<Shared>, connection: Connection, agent: AgentId, parts: Control) -> Self {
        let (sender, inputs) = mpsc::channel(INPUTS);
        let (windows, window_changes) = mpsc::channel(16);
        let (answers, to_tell) = mpsc::channel(renewal::ANSWERS);
        let mut control = JoinSet::new();
        let assignments = shared.services.assignments.watch(agent);
        control.spawn(control::tell(
            shared.clone(),
            parts.send,
            assignments,
            window_changes,
            to_tell,
        ));
        let listening = (parts.recv, parts.reader);
        control.spawn(control::listen(
            shared.clone(),
            connection.clone(),
            agent,
            listening,
            answers,
        ));
        Self {
            receiver: Receiver::new(shared.config.receiver),
            shared,
            connection,
            agent,
            counted: ReceiverStats::default(),
            pushes: HashMap::new(),
            next_push: 0,
            sender,
            inputs,
            windows,
            readers: JoinSet::new(),
            replies: JoinSet::new(),
            control,
        }
    }

    async fn serve(&mut self, mut revocations: watch::Receiver<u64>) -> Ended {
        let cancel = self.shared.cancel.clone();
        let mut draining: Option<Instant> = None;
        loop {
            if !self.shared.authority.is_welcome(self.agent) {
                self.shared.counters.revoked.one();
                return Ended::new(Close::Revoked, "the agent is revoked");
            }
            self.act();
            if draining.is_some() && self.receiver.under_way() == 0 && self.replies.is_empty() {
                return Ended::new(Close::Shutdown, "the coordinator shuts down");
            }
            let timer = self
                .receiver
                .poll_timeout()
                .into_iter()
                .chain(draining)
                .min();
            tokio::select! {
                stream = self.connection.accept_bi(), if draining.is_none() => match stream {
                    Ok((send, recv)) => self.opened(send, recv),
                    Err(error) => return Ended::new(Close::Idle, error),
                },
                Some(input) = self.inputs.recv() => self.take(input),
                Some(ended) = self.control.join_next() => {
                    return ended.unwrap_or_else(|e| Ended::new(Close::Shutdown, e));
                }
                Some(_) = self.replies.join_next() => {}
                Some(_) = self.readers.join_next() => {}
                // The authority lives as long as `shared`.
                _ = revocations.changed() => {}
                () = sleep_until(timer.unwrap_or_else(Instant::now).into()), if timer.is_some() => {
                    let now = Instant::now();
                    if draining.is_some_and(|end| end <= now) {
                        return Ended::new(Close::Shutdown, "the coordinator shuts down");
                    }
                    self.receiver.handle_timeout(now);
                }
                () = cancel.cancelled(), if draining.is_none() => {
                    draining = Some(Instant::now() + self.shared.config.drain);
                    self.receiver.set_window(Window { events: 0, bytes: 0 });
                }
            }
        }
    }

    fn opened(&mut self, send: SendStream, recv: RecvStream) {
        let key = PushKey(self.next_push);
        self.next_push += 1;
        let (go, wait) = oneshot::channel();
        let reading = push::read(key, recv, wait, self.sender.clone(), self.shared.clone());
        let reading = self.readers.spawn(reading);
        let push = Push {
            send,
            reading,
            go: Some(go),
            body: None,
            memory: None,
        };
        self.pushes.insert(key, push);
        self.receiver.handle_opened(Instant::now(), key);
    }

    fn take(&mut self, input: Input) {
        match input {
            Input::Head { push, head } => {
                self.receiver.handle_head(Instant::now(), push, head);
            }
            Input::Body { push, body } => {
                if let Some(entry) = self.pushes.get_mut(&push) {
                    entry.body = Some(body);
                    self.receiver.handle_body(push);
                }
            }
            Input::Gone { push } => self.receiver.handle_gone(push),
            Input::Committed {
                event_id,
                duplicate,
            } => {
                self.receiver.handle_committed(event_id, duplicate);
            }
            Input::Refused { event_id, why } => self.receiver.handle_refused(event_id, &why),
        }
    }

    /// Does what the receiver wants done.
    fn act(&mut self) {
        while let Some(action) = self.receiver.poll_transmit() {
            match action {
                Action::ReadBody { push, bytes } => self.read_body(push, bytes),
                Action::Commit { push, event_id } => {
                    if let Some(entry) = self.pushes.get_mut(&push)
                        && let Some(body) = entry.body.take()
                    {
                        let (shared, inputs) = (self.shared.clone(), self.sender.clone());
                        let memory = entry.memory.take();
                        let commit =
                            push::commit(shared, self.agent, event_id, body, memory, inputs);
                        self.shared.tracker.spawn(commit.in_current_span());
                    }
                }
                Action::Reply { push, reply } => {
                    if let Some(entry) = self.pushes.remove(&push) {
                        entry.reading.abort();
                        self.replies.spawn(push::reply(entry.send, reply));
                    }
                }
                Action::Abort(push) => {
                    if let Some(mut entry) = self.pushes.remove(&push) {
                        entry.reading.abort();
                        // Fails only if the stream has ended already.
                        let _ = entry.send.reset(Close::Protocol.code().into());
                    }
                }
                // A full channel holds an older window that the agent has not read either; it
                // will overrun and be told to wait.
                Action::Grant(window) => drop(self.windows.try_send(window)),
            }
        }
        self.count();
    }

    /// Lets the body be read if there is memory for it.
    fn read_body(&mut self, push: PushKey, bytes: u32) {
        let units = u64::from(bytes).div_ceil(BUDGET_UNIT);
        let units = u32::try_from(units).unwrap_or(u32::MAX);
        let memory = self.shared.budget.clone().try_acquire_many_owned(units);
        let (Some(entry), Ok(memory)) = (self.pushes.get_mut(&push), memory) else {
            self.receiver.handle_no_room(push);
            return;
        };
        entry.memory = Some(memory);
        if let Some(go) = entry.go.take() {
            // Fails only if the reader is gone, which it has said or will say.
            let _ = go.send(bytes);
        }
    }

    fn count(&mut self) {
        let (now, before, to) = (self.receiver.stats(), self.counted, &self.shared.counters);
        to.pushes.add(now.pushes - before.pushes);
        to.acked.add(now.acked - before.acked);
        to.retries.add(now.retried - before.retried);
        to.rejected.add(now.rejected - before.rejected);
        to.overruns.add(now.overruns - before.overruns);
        to.timeouts.add(now.timeouts - before.timeouts);
        to.gone.add(now.gone - before.gone);
        self.counted = now;
    }
}
