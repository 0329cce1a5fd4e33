//! Agents as the assigner knows them.

use std::sync::Arc;

use goshawk_proto::{
    id::{AgentId, StreamId},
    link::{Assignments, Feedback, Hello},
    stream::StreamSpec,
    time::Timestamp,
};
use tokio::sync::watch;

use super::{AssignOptions, now};

/// An agent as operators see it.
#[derive(Clone, Debug)]
pub struct AgentStatus {
    /// The agent.
    pub agent_id: AgentId,
    /// Its own name; empty before its first connection since our start.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Whether it is connected now.
    pub connected: bool,
    /// When that last changed.
    pub since: Timestamp,
    /// Streams it has.
    pub streams: Vec<StreamId>,
    /// How many it can take.
    pub capacity: u32,
    /// What it last said.
    pub last_feedback: Option<Feedback>,
}

/// What is known of an agent since the start.
pub(super) struct Entry {
    pub hello: Option<Hello>,
    pub connected: bool,
    pub since: Timestamp,
    pub feedback: Option<Feedback>,
    pub document: watch::Sender<Arc<Assignments>>,
}

impl Entry {
    pub fn new(streams: Vec<StreamSpec>) -> Self {
        let document = Arc::new(Assignments {
            revision: 1,
            streams,
        });
        Self {
            hello: None,
            connected: false,
            since: now(),
            feedback: None,
            document: watch::Sender::new(document),
        }
    }

    /// How many streams it takes.
    pub fn capacity(&self, options: &AssignOptions) -> u32 {
        let said = self.hello.iter().flat_map(|hello| &hello.capabilities);
        said.filter_map(|c| c.strip_prefix("streams=")?.parse().ok())
            .next()
            .unwrap_or(options.default_capacity)
    }

    /// As operators see it.
    pub fn status(&self, id: AgentId, options: &AssignOptions) -> AgentStatus {
        AgentStatus {
            agent_id: id,
            name: self
                .hello
                .as_ref()
                .map(|h| h.name.clone())
                .unwrap_or_default(),
            version: self
                .hello
                .as_ref()
                .map(|h| h.agent_version.clone())
                .unwrap_or_default(),
            connected: self.connected,
            since: self.since,
            streams: self
                .document
                .borrow()
                .streams
                .iter()
                .map(|s| s.stream_id)
                .collect(),
            capacity: self.capacity(options),
            last_feedback: self.feedback.clone(),
        }
    }
}
