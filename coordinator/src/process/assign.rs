//! Streams to agents, and what agents say of them back into the streams' rows.
//!
//! The rows are the truth: who has which stream is decided by the pure planner over them, written
//! back, and only then told to agents. So after a restart agents that come back find the document
//! they had, and go on without a gap.

mod agents;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::future::BoxFuture;
use goshawk_coordinator_core::{
    assignment::{Wish, Worker, plan},
    stream::{StreamRecord, lifecycle::Input},
};
use goshawk_proto::{
    id::{AgentId, StreamId},
    link::{Assignments, Feedback, Hello},
    stream::{FailureKind, StreamSpec, VideoInfo},
};
use tokio::{
    sync::{Notify, watch},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use super::now;
use crate::{
    ingest::{AgentObserver, AssignmentSource},
    store::{StoreError, StoreHandle, Stored},
};
pub use agents::AgentStatus;
use agents::Entry;

/// How streams are assigned.
#[derive(Clone, Copy, Debug)]
pub struct AssignOptions {
    /// Streams that an agent takes which does not say how many it can (`streams=N` among its
    /// capabilities).
    pub default_capacity: u32,
    /// How often time-outs are looked at.
    pub tick: Duration,
}

impl Default for AssignOptions {
    fn default() -> Self {
        Self {
            default_capacity: 64,
            tick: Duration::from_secs(1),
        }
    }
}

/// Gives streams to agents.
pub struct Assigner {
    store: StoreHandle,
    options: AssignOptions,
    agents: Mutex<HashMap<AgentId, Entry>>,
    wake: Notify,
}

impl Assigner {
    /// Reads all streams; agents that had some when we stopped are taken as lost just now, with
    /// the usual grace to come back.
    pub async fn open(store: StoreHandle, options: AssignOptions) -> Stored<Arc<Self>> {
        let streams = store
            .run(|store| {
                for stream in store.all_streams()? {
                    let Some(agent) = stream.state.agent else {
                        continue;
                    };
                    let lost = |s: &mut StreamRecord| {
                        s.apply(now(), Input::AgentLost(agent));
                    };
                    store.update_stream(stream.account_id, stream.stream_id, &lost)?;
                }
                store.all_streams()
            })
            .await?;
        let documents = documents(&streams);
        let agents = documents
            .into_iter()
            .map(|(id, specs)| (id, Entry::new(specs)))
            .collect();
        Ok(Arc::new(Self {
            store,
            options,
            agents: Mutex::new(agents),
            wake: Notify::new(),
        }))
    }

    /// Keeps assignments up to date until cancelled.
    pub fn start(self: &Arc<Self>, cancel: CancellationToken) -> JoinHandle<()> {
        let this = self.clone();
        tokio::spawn(async move {
            loop {
                if let Err(error) = this.replan().await {
                    tracing::warn!(%error, "streams cannot be assigned now; trying again");
                }
                tokio::select! {
                    () = cancel.cancelled() => return,
                    () = this.wake.notified() => {}
                    () = tokio::time::sleep(this.options.tick) => {}
                }
            }
        })
    }

    /// Says that streams were made, changed or removed.
    pub fn changed(&self) {
        self.wake.notify_one();
    }

    /// All agents known since the start, by id.
    pub fn agents(&self) -> Vec<AgentStatus> {
        let agents = self.lock();
        let mut out: Vec<AgentStatus> = agents
            .iter()
            .map(|(id, entry)| entry.status(*id, &self.options))
            .collect();
        out.sort_by_key(|agent| agent.agent_id);
        out
    }

    /// What agents last said of the videos of these streams.
    pub fn videos<'a>(
        &self,
        streams: impl IntoIterator<Item = &'a StreamRecord>,
    ) -> Vec<Option<VideoInfo>> {
        let agents = self.lock();
        let video = |stream: &StreamRecord| {
            let feedback = agents.get(&stream.state.agent?)?.feedback.as_ref()?;
            let said = feedback.streams.iter();
            said.filter(|one| one.version == stream.version)
                .find(|one| one.stream_id == stream.stream_id)?
                .video
        };
        streams.into_iter().map(video).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<AgentId, Entry>> {
        self.agents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn workers(&self) -> Vec<Worker> {
        let agents = self.lock();
        let worker = |(id, entry): (&AgentId, &Entry)| Worker {
            agent_id: *id,
            capacity: entry.capacity(&self.options),
            connected: entry.connected,
        };
        agents.iter().map(worker).collect()
    }

    /// One round: time-outs, plan, rows, documents.
    async fn replan(&self) -> Stored<()> {
        let workers = self.workers();
        let streams = self.store.run(move |store| {
            for stream in store.all_streams()? {
                if stream
                    .state
                    .wait_for_agent_until
                    .is_some_and(|until| now() >= until)
                {
                    let tick = |s: &mut StreamRecord| {
                        s.apply(now(), Input::Tick);
                    };
                    ignore_missing(store.update_stream(
                        stream.account_id,
                        stream.stream_id,
                        &tick,
                    ))?;
                }
            }
            let streams = store.all_streams()?;
            let planned = plan(&wishes(&streams), &workers);
            for stream in &streams {
                let Some(agent) = planned.get(&stream.stream_id) else {
                    continue;
                };
                if stream.state.agent != *agent {
                    let assign = |s: &mut StreamRecord| {
                        s.apply(now(), Input::Assigned(*agent));
                    };
                    ignore_missing(store.update_stream(
                        stream.account_id,
                        stream.stream_id,
                        &assign,
                    ))?;
                }
            }
            store.all_streams()
        });
        self.publish(documents(&streams.await?));
        Ok(())
    }

    fn publish(&self, mut documents: BTreeMap<AgentId, Vec<StreamSpec>>) {
        let mut agents = self.lock();
        for id in documents.keys() {
            agents.entry(*id).or_insert_with(|| Entry::new(Vec::new()));
        }
        for (id, entry) in agents.iter() {
            let streams = documents.remove(id).unwrap_or_default();
            entry.document.send_if_modified(|document| {
                let differs = document.streams != streams;
                if differs {
                    *document = Arc::new(Assignments {
                        revision: document.revision + 1,
                        streams,
                    });
                }
                differs
            });
        }
    }

    /// Applies an input to every stream of an agent.
    async fn apply(&self, agent: AgentId, inputs: HashMap<StreamId, Input>, rest: Option<Input>) {
        let applied = self.store.run(move |store| {
            let mut changed = false;
            for stream in store.all_streams()? {
                if stream.state.agent != Some(agent) {
                    continue;
                }
                let Some(input) = inputs.get(&stream.stream_id).or(rest.as_ref()) else {
                    continue;
                };
                // Most reports say nothing new: look before taking the writer's turn.
                if !stream.clone().apply(now(), input.clone()) {
                    continue;
                }
                let apply = |s: &mut StreamRecord| {
                    s.apply(now(), input.clone());
                };
                ignore_missing(store.update_stream(stream.account_id, stream.stream_id, &apply))?;
                changed = true;
            }
            Ok(changed)
        });
        match applied.await {
            Ok(true) => self.changed(),
            Ok(false) => {}
            // The agent reports its whole state again soon.
            Err(error) => tracing::warn!(%agent, %error, "an agent's report cannot be kept"),
        }
    }
}

/// A stream may be removed while we work on it.
fn ignore_missing(result: Stored<StreamRecord>) -> Stored<()> {
    match result {
        Ok(_) | Err(StoreError::NotFound { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

fn wishes(streams: &[StreamRecord]) -> Vec<Wish> {
    let wanting = streams.iter().filter(|stream| stream.wants_agent());
    wanting
        .map(|stream| Wish {
            stream_id: stream.stream_id,
            create_time: stream.create_time,
            agent: stream.state.agent,
        })
        .collect()
}

fn documents(streams: &[StreamRecord]) -> BTreeMap<AgentId, Vec<StreamSpec>> {
    let mut out: BTreeMap<AgentId, Vec<StreamSpec>> = BTreeMap::new();
    for stream in streams.iter().filter(|stream| stream.wants_agent()) {
        if let Some(agent) = stream.state.agent {
            out.entry(agent).or_default().push(stream.spec());
        }
    }
    out
}

impl AssignmentSource for Assigner {
    fn watch(&self, agent: AgentId) -> watch::Receiver<Arc<Assignments>> {
        let mut agents = self.lock();
        agents
            .entry(agent)
            .or_insert_with(|| Entry::new(Vec::new()))
            .document
            .subscribe()
    }
}

impl AgentObserver for Assigner {
    fn connected(&self, agent: AgentId, hello: Hello) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            {
                let mut agents = self.lock();
                let entry = agents
                    .entry(agent)
                    .or_insert_with(|| Entry::new(Vec::new()));
                entry.hello = Some(hello);
                entry.connected = true;
                entry.since = now();
            }
            self.changed();
        })
    }

    fn feedback(&self, agent: AgentId, feedback: Feedback) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let report = |s: &goshawk_proto::link::StreamFeedback| Input::Report {
                agent,
                version: s.version,
                status: s.status,
                error: s.error.clone(),
                fatal: s.failure.is_some_and(FailureKind::is_fatal),
                video: s.video,
            };
            let inputs = feedback
                .streams
                .iter()
                .map(|s| (s.stream_id, report(s)))
                .collect();
            if let Some(entry) = self.lock().get_mut(&agent) {
                entry.feedback = Some(feedback);
            }
            self.apply(agent, inputs, None).await;
        })
    }

    fn lost(&self, agent: AgentId) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            if let Some(entry) = self.lock().get_mut(&agent) {
                entry.connected = false;
                entry.since = now();
            }
            self.apply(agent, HashMap::new(), Some(Input::AgentLost(agent)))
                .await;
        })
    }
}

#[cfg(test)]
mod tests;
