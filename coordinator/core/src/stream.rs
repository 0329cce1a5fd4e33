//! Streams: what a user asked for, and the state machine that follows what becomes of it.
//!
//! Statuses move by these inputs and by no other way:
//!
//! | from \ input | assigned | running | ended | failed | agent lost | user |
//! | --- | --- | --- | --- | --- | --- | --- |
//! | pending | – | in_progress | done | failure or restart | pending | pause, cancel |
//! | in_progress | – | – | done | failure or restart | handler_lost | pause, cancel |
//! | handler_lost | pending | in_progress | done | failure or restart | – | pause, cancel |
//! | restart | – | in_progress | done | failure or restart | restart | pause, cancel |
//! | done, failure, cancel, pause | – | – | – | – | – | resume, update: pending |

mod check;
mod group;
pub mod lifecycle;
pub mod v1;
mod view;

use goshawk_proto::{
    id::{AccountId, AgentId, GroupId, StreamId},
    stream::{
        AutoRestart, Location, StreamData, StreamSpec, StreamStatus, VideoInfo as VideoFacts,
    },
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::formats::Slug;

pub use check::check_location;
pub use group::{Group, GroupChange, NewGroup};
pub use v1::FirstVersion;
pub use view::{LocationView, Preview, RestartView, StreamView, VideoInfo};

/// Longest stream name in characters.
pub const MAX_NAME: usize = 128;
/// Longest description in characters.
pub const MAX_DESCRIPTION: usize = 512;
/// Longest source reference in characters.
pub const MAX_REFERENCE: usize = 512;
/// Longest text of a last error in characters.
pub const MAX_ERROR: usize = 512;

/// A new stream, or what shall replace one.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NewStream {
    /// Who it belongs to.
    pub account_id: AccountId,
    /// Name; the source of every event.
    #[serde(default)]
    #[schema(max_length = 128, default = "")]
    pub name: String,
    /// Free text.
    #[serde(default)]
    #[schema(max_length = 512, default = "")]
    pub description: String,
    /// The source and what to do with it.
    pub data: StreamData,
    /// Where the camera is.
    #[serde(default)]
    #[schema(nullable = false)]
    pub location: Option<Location>,
    /// Restarting after a fatal failure.
    #[serde(default)]
    pub autorestart: AutoRestart,
    /// Whether it starts at once.
    #[serde(default)]
    #[schema(default = "pending")]
    pub status: StartStatus,
    /// The group that it shall be in, by its name; not together with `group_id`.
    #[serde(default)]
    #[schema(value_type = Slug<128>, required = false, nullable = false)]
    pub group_name: Option<Slug<128>>,
    /// The group that it shall be in.
    #[serde(default)]
    #[schema(required = false, nullable = false)]
    pub group_id: Option<GroupId>,
    /// What only the contract's first version can say of it.
    #[serde(skip)]
    pub first_version: Option<FirstVersion>,
}

/// Whether a new stream starts at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StartStatus {
    /// As soon as an agent is found.
    #[default]
    Pending,
    /// When somebody resumes it.
    Pause,
}

/// A stream as stored.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct StreamRecord {
    /// Its id.
    pub stream_id: StreamId,
    /// Owner.
    pub account_id: AccountId,
    /// Name.
    pub name: String,
    /// Free text.
    pub description: String,
    /// The source and what to do with it. Holds credentials: see [`StreamView`].
    pub data: StreamData,
    /// Where the camera is.
    pub location: Location,
    /// Restarting after a fatal failure.
    pub autorestart: AutoRestart,
    /// 1 at first, rises with every change of `data`.
    pub version: u64,
    /// When it was made.
    pub create_time: Timestamp,
    /// How it fares.
    pub state: StreamState,
    /// The groups that it is in, ascending.
    #[serde(default)]
    pub groups: Vec<GroupId>,
    /// What only the contract's first version can say of it.
    #[serde(default)]
    pub first_version: Option<FirstVersion>,
}

impl std::fmt::Debug for StreamRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StreamRecord")
            .field("stream_id", &self.stream_id)
            .field("version", &self.version)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for NewStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewStream")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// How a stream fares.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StreamState {
    /// The contract's status.
    pub status: StreamStatus,
    /// The agent that works on it or is to.
    #[serde(default)]
    pub agent: Option<AgentId>,
    /// Every agent that ever had it, ascending: events of these may still be on their way when
    /// another works on it or nobody does.
    #[serde(default)]
    pub holders: Vec<AgentId>,
    /// Until when the lost agent may come back before another takes over.
    #[serde(default)]
    pub wait_for_agent_until: Option<Timestamp>,
    /// Why it failed, without credentials.
    #[serde(default)]
    pub last_error: Option<String>,
    /// Automatic restarts so far; 0 after the source ran well again.
    #[serde(default)]
    pub restart_attempt: u32,
    /// When the last automatic restart was tried.
    #[serde(default)]
    pub last_attempt_time: Option<Timestamp>,
    /// How automatic restarting fares.
    #[serde(default)]
    pub restart_status: RestartStatus,
    /// What was known of the video when the status last changed or the video became another.
    #[serde(default)]
    pub video: Option<VideoFacts>,
}

impl Default for StreamState {
    fn default() -> Self {
        Self {
            status: StreamStatus::Pending,
            agent: None,
            holders: Vec::new(),
            wait_for_agent_until: None,
            last_error: None,
            restart_attempt: 0,
            last_attempt_time: None,
            restart_status: RestartStatus::Disabled,
            video: None,
        }
    }
}

/// How automatic restarting fares, in the contract's names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RestartStatus {
    /// Switched off by the user.
    #[default]
    Disabled,
    /// Will restart when it fails.
    Enabled,
    /// Restarting now.
    InProgress,
    /// Attempts are used up.
    Failed,
    /// The failure is of a kind that restarting cannot help.
    Denied,
}

impl StreamRecord {
    /// A stream out of what a caller gave.
    pub fn new(id: StreamId, new: NewStream, now: Timestamp) -> Self {
        let restart_on = new.autorestart.restart == 1;
        let paused = new.status == StartStatus::Pause;
        Self {
            stream_id: id,
            account_id: new.account_id,
            name: new.name,
            description: new.description,
            data: new.data,
            location: new.location.unwrap_or_default(),
            autorestart: new.autorestart,
            version: 1,
            create_time: now,
            state: StreamState {
                status: if paused {
                    StreamStatus::Pause
                } else {
                    StreamStatus::Pending
                },
                restart_status: if restart_on {
                    RestartStatus::Enabled
                } else {
                    RestartStatus::Disabled
                },
                ..StreamState::default()
            },
            groups: Vec::new(),
            first_version: new.first_version,
        }
    }

    /// Puts it into a group; says whether it was not in it.
    pub fn join(&mut self, group: GroupId) -> bool {
        let place = self.groups.binary_search(&group);
        if let Err(at) = place {
            self.groups.insert(at, group);
        }
        place.is_err()
    }

    /// Takes it out of a group; says whether it was in it.
    pub fn leave(&mut self, group: GroupId) -> bool {
        let place = self.groups.binary_search(&group);
        if let Ok(at) = place {
            self.groups.remove(at);
        }
        place.is_ok()
    }

    /// Takes a new specification over and starts again with it.
    pub fn replace(&mut self, new: NewStream) {
        let fresh = Self::new(self.stream_id, new, self.create_time);
        let holders = std::mem::take(&mut self.state.holders);
        let groups = std::mem::take(&mut self.groups);
        // It stays with its agent as long as it wants one, to save a gap in the video.
        let agent = self.state.agent.filter(|_| fresh.wants_agent());
        *self = Self {
            version: self.version + 1,
            groups,
            ..fresh
        };
        self.state.agent = agent;
        self.state.holders = holders;
    }

    /// Whether this agent has it or ever had it.
    pub fn was_held_by(&self, agent: AgentId) -> bool {
        self.state.holders.binary_search(&agent).is_ok()
    }

    /// What the agent is sent.
    pub fn spec(&self) -> StreamSpec {
        StreamSpec {
            stream_id: self.stream_id,
            version: self.version,
            name: self.name.clone(),
            location: Some(self.location.clone()),
            autorestart: self.autorestart,
            data: self.data.clone(),
        }
    }
}

/// An address with its user and password replaced by `***`; everything else as it is.
pub fn mask_credentials(reference: &str) -> String {
    let Some((scheme, rest)) = reference.split_once("://") else {
        return reference.to_owned();
    };
    let authority_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..authority_end].rfind('@') {
        Some(at) => format!("{scheme}://***@{}", &rest[at + 1..]),
        None => reference.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bounds::Check;

    #[test]
    fn passwords_do_not_show() {
        for (given, shown) in [
            ("rtsp://admin:p%40ss@cam/1?a=b@c", "rtsp://***@cam/1?a=b@c"),
            ("rtsp://u:p@ss@cam:554/1", "rtsp://***@cam:554/1"),
            ("rtsp://cam/1", "rtsp://cam/1"),
            ("/videos/a@b.mp4", "/videos/a@b.mp4"),
        ] {
            assert_eq!(mask_credentials(given), shown);
        }
        let stream = crate::testing::stream(1, "rtsp://admin:secret@cam/1");
        let view = serde_json::to_string(&StreamView::of(&stream)).unwrap();
        assert!(view.contains("***") && !view.contains("secret"));
        assert!(!format!("{stream:?}").contains("secret"));
    }

    #[test]
    fn bounds_name_the_path() {
        let mut new = crate::testing::new_stream("rtsp://cam/1");
        assert!(new.check().is_ok());
        new.data.rotation = 45;
        assert_eq!(new.check().unwrap_err().path, "data.rotation");
        new.data.rotation = 90;
        new.data.analytics[0].filtering.detection_yaw_threshold = 181.0;
        let path = "data.analytics.0.filtering.detection_yaw_threshold";
        assert_eq!(new.check().unwrap_err().path, path);
    }
}
