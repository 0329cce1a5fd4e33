//! Who is connected: one link per agent, the newest.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use goshawk_proto::{
    id::AgentId,
    link::{Close, Feedback, Hello},
};
use quinn::Connection;
use tokio::sync::Mutex as AsyncMutex;

use super::{AgentObserver, ConnectedAgent};

pub(super) struct Presence {
    observer: Arc<dyn AgentObserver>,
    /// One entry per agent ever seen, so at most as many as are enrolled.
    agents: Mutex<HashMap<AgentId, Entry>>,
}

#[derive(Default)]
struct Entry {
    /// Held while the observer is told something, so that it hears things in order.
    turn: Arc<AsyncMutex<()>>,
    link: Option<Link>,
}

struct Link {
    connection: Connection,
    hello: Hello,
    since: Instant,
}

impl Presence {
    pub fn new(observer: Arc<dyn AgentObserver>) -> Self {
        Self {
            observer,
            agents: Mutex::new(HashMap::new()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<AgentId, Entry>> {
        self.agents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn turn(&self, agent: AgentId) -> Arc<AsyncMutex<()>> {
        self.lock().entry(agent).or_default().turn.clone()
    }

    fn is_current(&self, agent: AgentId, connection: &Connection) -> bool {
        let agents = self.lock();
        let link = agents.get(&agent).and_then(|entry| entry.link.as_ref());
        link.is_some_and(|link| link.connection.stable_id() == connection.stable_id())
    }

    /// The agent came; an older link of it is closed. Says whether there was one.
    pub async fn enter(&self, agent: AgentId, connection: &Connection, hello: Hello) -> bool {
        let turn = self.turn(agent);
        let _turn = turn.lock().await;
        let link = Link {
            connection: connection.clone(),
            hello: hello.clone(),
            since: Instant::now(),
        };
        let old = self.lock().entry(agent).or_default().link.replace(link);
        if let Some(old) = &old {
            let why = Close::Superseded;
            old.connection
                .close(why.code().into(), b"the same agent has connected again");
        }
        self.observer.connected(agent, hello).await;
        old.is_some()
    }

    /// The agent said how it fares; nothing happens if a newer link has taken over.
    pub async fn feedback(&self, agent: AgentId, connection: &Connection, feedback: Feedback) {
        let turn = self.turn(agent);
        let _turn = turn.lock().await;
        if self.is_current(agent, connection) {
            self.observer.feedback(agent, feedback).await;
        }
    }

    /// The link ended; nothing happens if a newer one has taken over.
    pub async fn leave(&self, agent: AgentId, connection: &Connection) {
        let turn = self.turn(agent);
        let _turn = turn.lock().await;
        if self.is_current(agent, connection) {
            self.lock().entry(agent).or_default().link = None;
            self.observer.lost(agent).await;
        }
    }

    /// The connection of an agent that is there and says that it can do `capability`.
    pub fn link(&self, agent: AgentId, capability: &str) -> Option<Connection> {
        let agents = self.lock();
        let link = agents.get(&agent)?.link.as_ref()?;
        let can = link
            .hello
            .capabilities
            .iter()
            .any(|word| word == capability);
        can.then(|| link.connection.clone())
    }

    pub fn agents(&self) -> Vec<ConnectedAgent> {
        let agents = self.lock();
        let links = agents
            .iter()
            .filter_map(|(id, entry)| Some((*id, entry.link.as_ref()?)));
        let mut connected: Vec<_> = links
            .map(|(agent_id, link)| ConnectedAgent {
                agent_id,
                name: link.hello.name.clone(),
                agent_version: link.hello.agent_version.clone(),
                remote: link.connection.remote_address(),
                since: link.since,
                rtt: link.connection.rtt(),
            })
            .collect();
        connected.sort_by_key(|agent| agent.agent_id);
        connected
    }
}
