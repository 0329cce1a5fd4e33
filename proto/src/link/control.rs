//! Messages of the control stream: the first stream of a connection, opened by the agent.
//!
//! The agent says [`Hello`] and waits; the coordinator answers [`Welcome`] or [`Refused`]. Then
//! both sides send what they have: full desired state downwards, full observed state upwards, so
//! that a lost connection needs no catching up beyond the newest document.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, de::IgnoredAny};
use serde_bytes::ByteBuf;

use super::codec::{MAX_CONTROL_BYTES, messages};
use crate::{
    id::{AgentId, StreamId},
    stream::{FailureKind, StreamSpec, StreamStatus, VideoInfo},
    time::Timestamp,
};

/// Versions of the messages inside `goshawk/1` that a side speaks, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionRange {
    /// Oldest.
    pub min: u16,
    /// Newest.
    pub max: u16,
}

/// What this code speaks.
pub const VERSIONS: VersionRange = VersionRange { min: 1, max: 1 };

impl VersionRange {
    /// The newest version that both speak.
    pub fn negotiate(self, other: Self) -> Option<u16> {
        let newest = self.max.min(other.max);
        (newest >= self.min.max(other.min)).then_some(newest)
    }
}

/// The agent's first message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hello {
    /// Message versions it speaks.
    pub versions: VersionRange,
    /// Its software's version, for people.
    #[serde(default)]
    pub agent_version: String,
    /// Its name, for people.
    #[serde(default)]
    pub name: String,
    /// What it can do, as short words such as `rtsp`; unknown words mean nothing.
    #[serde(default)]
    pub capabilities: Vec<String>,
    /// Its wall clock when it wrote this.
    pub clock: Timestamp,
    /// What waits in its outbox.
    #[serde(default)]
    pub outbox: OutboxFeedback,
}

/// How much may be under way to the coordinator at once. Absolute: a new one replaces the old.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Events sent and not answered; 0: send nothing.
    pub events: u32,
    /// Their bytes together. A single event may always go alone, however large.
    pub bytes: u64,
}

/// The coordinator's answer to [`Hello`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Welcome {
    /// The version both use from now on.
    pub version: u16,
    /// Who the coordinator takes the agent for, read from its certificate.
    pub agent_id: AgentId,
    /// The coordinator's software version, for people.
    #[serde(default)]
    pub coordinator_version: String,
    /// The coordinator's wall clock when it wrote this.
    pub clock: Timestamp,
    /// How much may be under way.
    pub window: Window,
}

/// The coordinator will not talk to this agent; it closes the connection after this.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Refused {
    /// Why, for people.
    pub reason: String,
}

/// Everything the agent shall do: streams that are not in it are to be stopped.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Assignments {
    /// Rises with every change while the coordinator runs. Within a connection an agent ignores
    /// one that is not newer; the first of a connection always counts.
    pub revision: u64,
    /// The streams.
    #[serde(default)]
    pub streams: Vec<StreamSpec>,
}

/// Settings that the coordinator pushes. Keys that this version does not know are kept by name so
/// that they can be counted.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Configuration {
    /// Rises with every change.
    #[serde(default)]
    pub revision: u64,
    /// How often the agent shall send [`Feedback`], in milliseconds.
    #[serde(default = "default_feedback_period_ms")]
    pub feedback_period_ms: u32,
    /// Keys from a newer coordinator.
    #[serde(flatten, skip_serializing)]
    unknown: BTreeMap<String, IgnoredAny>,
}

fn default_feedback_period_ms() -> u32 {
    5_000
}

impl Default for Configuration {
    fn default() -> Self {
        Self {
            revision: 0,
            feedback_period_ms: default_feedback_period_ms(),
            unknown: BTreeMap::new(),
        }
    }
}

impl PartialEq for Configuration {
    fn eq(&self, other: &Self) -> bool {
        self.revision == other.revision && self.feedback_period_ms == other.feedback_period_ms
    }
}

impl Configuration {
    /// Names of the keys that were ignored.
    pub fn unknown_keys(&self) -> impl Iterator<Item = &str> {
        self.unknown.keys().map(String::as_str)
    }
}

/// The agent's whole observed state; a newer one replaces the older.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Feedback {
    /// The agent's wall clock when it was made.
    pub at: Timestamp,
    /// Revision of the assignments it answers to; 0: none yet.
    #[serde(default)]
    pub assignments_revision: u64,
    /// Every stream the agent has.
    #[serde(default)]
    pub streams: Vec<StreamFeedback>,
    /// What waits on the agent's disk.
    #[serde(default)]
    pub outbox: OutboxFeedback,
}

/// How one stream fares.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StreamFeedback {
    /// The stream.
    pub stream_id: StreamId,
    /// Version of the specification in force.
    pub version: u64,
    /// Status as the agent sees it.
    pub status: StreamStatus,
    /// Last error for people, without credentials.
    #[serde(default)]
    pub error: Option<String>,
    /// Kind of the last error.
    #[serde(default, deserialize_with = "failure_or_other")]
    pub failure: Option<FailureKind>,
    /// Numbers since the stream was started.
    #[serde(default)]
    pub counters: StreamCounters,
    /// When the newest frame was captured.
    #[serde(default)]
    pub last_frame_at: Option<Timestamp>,
    /// What is known of the video; `None` before the first frame.
    #[serde(default)]
    pub video: Option<VideoInfo>,
}

/// Longest error text in [`StreamFeedback`], in bytes; longer ones are cut when sent.
pub const MAX_ERROR_BYTES: usize = 1_024;

impl StreamFeedback {
    /// Cuts the error text to [`MAX_ERROR_BYTES`].
    pub fn bounded(mut self) -> Self {
        if let Some(error) = &mut self.error {
            truncate(error, MAX_ERROR_BYTES);
        }
        self
    }
}

/// Cuts `text` to at most `limit` bytes without cutting a character in two.
pub(crate) fn truncate(text: &mut String, limit: usize) {
    if text.len() > limit {
        let end = (0..=limit)
            .rev()
            .find(|&at| text.is_char_boundary(at))
            .unwrap_or(0);
        text.truncate(end);
    }
}

/// A failure kind of a newer agent reads as [`FailureKind::Other`].
fn failure_or_other<'de, D: Deserializer<'de>>(d: D) -> Result<Option<FailureKind>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Tolerant {
        Known(FailureKind),
        Newer(IgnoredAny),
    }
    Ok(Option::<Tolerant>::deserialize(d)?.map(|kind| match kind {
        Tolerant::Known(kind) => kind,
        Tolerant::Newer(_) => FailureKind::Other,
    }))
}

/// Numbers of one stream since it was started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamCounters {
    /// Frames decoded.
    pub frames: u64,
    /// Frames dropped because the agent was behind.
    pub dropped_frames: u64,
    /// Detections that passed the filters.
    pub detections: u64,
    /// Tracks begun.
    pub tracks: u64,
    /// Events appended to the outbox.
    pub events: u64,
    /// How often the source was opened again.
    pub restarts: u64,
    /// Frames a second, lately.
    pub fps: f32,
}

/// What waits on the agent's disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OutboxFeedback {
    /// Events.
    pub records: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Age of the oldest in milliseconds.
    pub oldest_age_ms: u64,
    /// Events dropped for want of space or for age, since the agent was installed.
    pub dropped: u64,
    /// Events that the coordinator will never take, since the agent was installed.
    pub rejected: u64,
}

/// An agent asks for a new certificate over the link, whose certificate says who it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renew {
    /// PKCS#10 request in DER, signed with a new key that the agent made and keeps.
    pub csr: ByteBuf,
}

/// The agent's new certificate. The old one stays good until it ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renewed {
    /// The certificate in DER.
    pub certificate: ByteBuf,
    /// The coordinator's CA certificate in DER.
    pub ca: ByteBuf,
}

messages! {
    /// What an agent says on the control stream.
    pub enum AgentMessage (limit MAX_CONTROL_BYTES) {
        /// The first message.
        Hello(Hello) = "hello",
        /// State of the streams.
        Feedback(Feedback) = "feedback",
        /// A new certificate is wanted.
        Renew(Renew) = "renew",
    }
}

messages! {
    /// What a coordinator says on the control stream.
    pub enum CoordinatorMessage (limit MAX_CONTROL_BYTES) {
        /// The agent is known and may go on.
        Welcome(Welcome) = "welcome",
        /// The agent may not go on.
        Refused(Refused) = "refused",
        /// New desired state.
        Assignments(Assignments) = "assignments",
        /// New settings.
        Configuration(Configuration) = "configuration",
        /// New window.
        Window(Window) = "window",
        /// A new certificate.
        Renewed(Renewed) = "renewed",
        /// No new certificate, and why.
        RenewalRefused(Refused) = "renewal_refused",
    }
}
