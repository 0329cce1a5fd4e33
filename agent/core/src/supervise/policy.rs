//! The supervisor's words: policy, commands, outputs and reports.

use std::time::Duration;

use goshawk_proto::stream::{FailureKind, SourceKind, StreamSpec, StreamStatus};

/// Wait for a frame where the contract gives no time-out.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
/// How much later than the source's own time-out the watchdog steps in.
pub const STALL_GRACE: Duration = Duration::from_secs(5);
/// Shortest pause before a retry, so that a pause of 0 does not spin.
const MIN_RETRY_DELAY: Duration = Duration::from_millis(100);

/// How failures are dealt with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SupervisePolicy {
    /// Errors within `period` that make a failure.
    pub max_error_count: u32,
    /// Window in which errors are counted.
    pub period: Duration,
    /// Pause before the source is opened again.
    pub retry_delay: Duration,
    /// Longest wait for a frame.
    pub timeout: Duration,
    /// Whether the end of the source is an error, after which it is opened again.
    pub endless: bool,
    /// Whether failures are followed by restarts.
    pub restart: bool,
    /// How many restarts.
    pub restart_attempts: u32,
    /// Pause before each.
    pub restart_delay: Duration,
}

impl SupervisePolicy {
    /// The policy of a stream. With several analyses the first enabled one's healthcheck counts,
    /// since they share one source. The contract's time-out is in milliseconds; 0 is none given.
    pub fn from_spec(spec: &StreamSpec) -> Self {
        let analytics = &spec.data.analytics;
        let first = analytics.iter().find(|a| a.enabled).or(analytics.first());
        let health = first.map(|a| a.healthcheck).unwrap_or_default();
        let seconds = |s: u32| Duration::from_secs(u64::from(s));
        let timeout = health.timeout.filter(|ms| *ms > 0);
        let live = matches!(spec.data.kind, SourceKind::Tcp | SourceKind::Udp);
        Self {
            max_error_count: health.max_error_count,
            period: seconds(health.period),
            retry_delay: seconds(health.retry_delay).max(MIN_RETRY_DELAY),
            timeout: timeout.map_or(DEFAULT_TIMEOUT, |ms| Duration::from_millis(ms.into())),
            endless: live && spec.data.endless,
            restart: spec.autorestart.restart == 1,
            restart_attempts: spec.autorestart.attempt_count,
            restart_delay: seconds(spec.autorestart.delay),
        }
    }
}

/// What a user or the coordinator wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Begin work.
    Start,
    /// Stop until resumed.
    Pause,
    /// Go on after a pause.
    Resume,
    /// Stop for good.
    Stop,
    /// Work to a new specification, if it is newer.
    Update {
        /// Version of the specification.
        version: u64,
        /// Its policy.
        policy: SupervisePolicy,
    },
}

/// What the driver is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Open the source.
    Open {
        /// Attempts since the last frame, from 1.
        attempt: u32,
        /// Version of the specification to open it by.
        version: u64,
    },
    /// Close the source; without effect where it has closed by itself.
    Close,
    /// Tell the coordinator.
    Report(Report),
}

/// How a stream fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// In the contract's names.
    pub status: StreamStatus,
    /// The last error, until frames come again.
    pub error: Option<FailureKind>,
    /// Version of the specification in force.
    pub version: u64,
    /// How restarts stand.
    pub restart: RestartState,
    /// What happened so far.
    pub counters: Counters,
}

/// The contract's autorestart status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RestartStatus {
    /// Switched off.
    Disabled,
    /// Ready to restart.
    Enabled,
    /// Restarted, not yet known with what success.
    InProgress,
    /// All attempts used up.
    Failed,
    /// Ruled out by a fatal error.
    Denied,
}

/// How restarts stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestartState {
    /// Its status.
    pub status: RestartStatus,
    /// The current attempt; 0 before the first.
    pub attempt: u32,
    /// When it began, on the supervisor's clock.
    pub last_attempt: Option<Duration>,
}

impl RestartState {
    pub(super) fn new(policy: &SupervisePolicy) -> Self {
        let status = if policy.restart {
            RestartStatus::Enabled
        } else {
            RestartStatus::Disabled
        };
        Self {
            status,
            attempt: 0,
            last_attempt: None,
        }
    }

    pub(super) fn may_begin(&self, policy: &SupervisePolicy) -> bool {
        matches!(
            self.status,
            RestartStatus::Enabled | RestartStatus::InProgress
        ) && self.attempt < policy.restart_attempts
    }

    pub(super) fn begin(&mut self, now: Duration) {
        self.status = RestartStatus::InProgress;
        self.attempt = self.attempt.saturating_add(1);
        self.last_attempt = Some(now);
    }
}

/// What happened so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Errors of the source.
    pub failures: u64,
    /// Of these, stalls that the watchdog found.
    pub stalls: u64,
    /// Endless sources that ended after frames, also counted as failures.
    pub ended: u64,
    /// Times the source was opened again after an error or an end.
    pub retries: u64,
    /// Automatic restarts.
    pub restarts: u64,
    /// New specifications taken over.
    pub updates: u64,
}
