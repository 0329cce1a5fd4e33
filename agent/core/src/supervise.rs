//! Whether a stream's source is open, retried, restarted, paused or given up.
//!
//! The contract's two policies work one inside the other. *Healthcheck*: after an error the source
//! is opened anew after `retry_delay`; `max_error_count` errors within `period` are a failure.
//! *Autorestart*: a failure that is not fatal is followed, after `delay`, by a restart, at most
//! `attempt_count` times; a stream that then runs for `delay` without failing has all attempts
//! back. A fatal error (not a video at all) is a failure at once and denies restarts.
//!
//! A machine on monotonic time since any fixed moment. It also watches for stalls: an open source
//! that has given no frame for the time-out plus a grace counts as failed, so a source whose own
//! time-out hangs is torn down all the same. Pauses are jittered with a number given by the
//! caller, so that many streams of one dead camera server do not come back in step.

mod policy;
#[cfg(test)]
mod tests;

use std::{collections::VecDeque, time::Duration};

use goshawk_proto::stream::{FailureKind, StreamStatus};

pub use policy::{
    Command, Counters, Output, Report, RestartState, RestartStatus, STALL_GRACE, SupervisePolicy,
};

/// Most error times kept, whatever `max_error_count` says.
const MAX_ERRORS: usize = 1_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Not started yet, paused, cancelled, done or failed: nothing runs and nothing is due.
    Idle(StreamStatus),
    /// The source is being opened or gives frames; the watchdog barks at the deadline.
    Open { deadline: Duration, confirmed: bool },
    /// Opened again at the given time.
    Retry { at: Duration },
    /// Restarted at the given time.
    Restart { at: Duration },
}

/// Supervises one stream.
#[derive(Clone, Debug)]
pub struct Supervisor {
    version: u64,
    policy: SupervisePolicy,
    phase: Phase,
    errors: VecDeque<Duration>,
    last_error: Option<FailureKind>,
    attempt: u32,
    restart: RestartState,
    counters: Counters,
    outputs: VecDeque<Output>,
    reported: Option<(StreamStatus, Option<FailureKind>, RestartState)>,
}

impl Supervisor {
    /// A stream that waits for [`Command::Start`]; `paused` streams wait for
    /// [`Command::Resume`].
    pub fn new(version: u64, policy: SupervisePolicy, paused: bool) -> Self {
        let status = if paused {
            StreamStatus::Pause
        } else {
            StreamStatus::Pending
        };
        let restart = RestartState::new(&policy);
        Self {
            version,
            policy,
            phase: Phase::Idle(status),
            errors: VecDeque::new(),
            last_error: None,
            attempt: 0,
            restart,
            counters: Counters::default(),
            outputs: VecDeque::new(),
            reported: None,
        }
    }

    /// What a user or the coordinator wants. A command that changes nothing is ignored, so it
    /// may be repeated; an update with an older or the same version too.
    pub fn handle_command(&mut self, now: Duration, command: Command) {
        match command {
            Command::Start if self.phase == Phase::Idle(StreamStatus::Pending) => self.begin(now),
            Command::Resume if self.phase == Phase::Idle(StreamStatus::Pause) => self.begin(now),
            Command::Pause if self.status() != StreamStatus::Cancel => {
                self.halt(StreamStatus::Pause);
            }
            Command::Stop => self.halt(StreamStatus::Cancel),
            Command::Update { version, policy } if version > self.version => {
                self.update(now, version, policy);
            }
            _ => {}
        }
    }

    /// The source has been opened; frames are still to come.
    pub fn handle_opened(&mut self, now: Duration) {
        if let Phase::Open { confirmed, .. } = self.phase {
            self.phase = Phase::Open {
                deadline: self.deadline(now),
                confirmed,
            };
        }
    }

    /// A frame arrived.
    pub fn handle_frame(&mut self, now: Duration) {
        let Phase::Open { confirmed, .. } = self.phase else {
            return;
        };
        self.phase = Phase::Open {
            deadline: self.deadline(now),
            confirmed: true,
        };
        if !confirmed {
            self.last_error = None;
            self.attempt = 0;
            self.report();
        }
        self.forgive(now);
    }

    /// The source ended as it should: a file is done. An endless source has no business to end: by
    /// the contract that is an error like any other.
    pub fn handle_ended(&mut self, now: Duration, jitter: f32) {
        let Phase::Open { confirmed, .. } = self.phase else {
            return;
        };
        if !self.policy.endless {
            self.outputs.push_back(Output::Close);
            self.settle(StreamStatus::Done);
        } else {
            self.counters.ended += u64::from(confirmed);
            self.handle_failed(now, FailureKind::Truncated, jitter);
        }
    }

    /// The source failed to open, or failed later. `jitter` is a random number from 0 to 1.
    pub fn handle_failed(&mut self, now: Duration, kind: FailureKind, jitter: f32) {
        if !matches!(self.phase, Phase::Open { .. }) {
            return;
        }
        self.outputs.push_back(Output::Close);
        self.counters.failures += 1;
        self.last_error = Some(kind);
        self.errors.push_back(now);
        self.forget_errors(now);
        if kind.is_fatal() {
            self.deny();
        } else if self.errors.len() >= self.policy.max_error_count.max(1) as usize {
            self.fail(now, jitter);
        } else {
            self.phase = Phase::Retry {
                at: now + jittered(self.policy.retry_delay, jitter),
            };
            self.report();
        }
    }

    /// When [`Supervisor::handle_timeout`] is to be called next.
    pub fn poll_timeout(&self) -> Option<Duration> {
        match self.phase {
            Phase::Idle(_) => None,
            Phase::Open { deadline, .. } => Some(deadline),
            Phase::Retry { at } | Phase::Restart { at } => Some(at),
        }
    }

    /// Lets time pass.
    pub fn handle_timeout(&mut self, now: Duration, jitter: f32) {
        match self.phase {
            Phase::Open { deadline, .. } if now >= deadline => {
                self.counters.stalls += 1;
                self.handle_failed(now, FailureKind::Stalled, jitter);
            }
            Phase::Retry { at } if now >= at => {
                self.counters.retries += 1;
                self.open(now);
            }
            Phase::Restart { at } if now >= at => {
                self.counters.restarts += 1;
                self.errors.clear();
                self.restart.begin(now);
                self.open(now);
                self.report();
            }
            _ => {}
        }
    }

    /// What the driver is to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// The version of the specification in force.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// How the stream fares.
    pub fn status(&self) -> StreamStatus {
        match self.phase {
            Phase::Idle(status) => status,
            Phase::Open { .. } | Phase::Retry { .. } => StreamStatus::InProgress,
            Phase::Restart { .. } => StreamStatus::Restart,
        }
    }

    /// The full report as of now.
    pub fn current_report(&self) -> Report {
        Report {
            status: self.status(),
            error: self.last_error,
            version: self.version,
            restart: self.restart,
            counters: self.counters,
        }
    }

    fn begin(&mut self, now: Duration) {
        self.errors.clear();
        self.last_error = None;
        self.attempt = 0;
        self.restart = RestartState::new(&self.policy);
        self.open(now);
        self.report();
    }

    fn open(&mut self, now: Duration) {
        self.attempt = self.attempt.saturating_add(1);
        self.phase = Phase::Open {
            deadline: self.deadline(now),
            confirmed: false,
        };
        self.outputs.push_back(Output::Open {
            attempt: self.attempt,
            version: self.version,
        });
    }

    fn update(&mut self, now: Duration, version: u64, policy: SupervisePolicy) {
        self.version = version;
        self.policy = policy;
        self.restart = RestartState::new(&self.policy);
        self.counters.updates += 1;
        match self.phase {
            // A user's decision outlives a change of the specification.
            Phase::Idle(StreamStatus::Pending | StreamStatus::Pause | StreamStatus::Cancel) => {
                self.report();
            }
            Phase::Open { .. } => {
                self.outputs.push_back(Output::Close);
                self.begin(now);
            }
            // Whatever failed or ended may go differently now.
            Phase::Idle(_) | Phase::Retry { .. } | Phase::Restart { .. } => self.begin(now),
        }
    }

    fn halt(&mut self, status: StreamStatus) {
        if matches!(self.phase, Phase::Open { .. }) {
            self.outputs.push_back(Output::Close);
        }
        self.settle(status);
    }

    fn settle(&mut self, status: StreamStatus) {
        self.phase = Phase::Idle(status);
        self.report();
    }

    fn deny(&mut self) {
        if self.restart.status != RestartStatus::Disabled {
            self.restart.status = RestartStatus::Denied;
        }
        self.settle(StreamStatus::Failure);
    }

    fn fail(&mut self, now: Duration, jitter: f32) {
        if self.restart.may_begin(&self.policy) {
            let at = now + jittered(self.policy.restart_delay, jitter);
            self.phase = Phase::Restart { at };
            self.report();
        } else {
            if self.restart.status != RestartStatus::Disabled {
                self.restart.status = RestartStatus::Failed;
            }
            self.settle(StreamStatus::Failure);
        }
    }

    /// A restarted stream that has run for `delay` counts as recovered.
    fn forgive(&mut self, now: Duration) {
        if self.restart.status == RestartStatus::InProgress
            && self
                .restart
                .last_attempt
                .is_some_and(|at| now >= at + self.policy.restart_delay)
        {
            self.restart = RestartState::new(&self.policy);
            self.report();
        }
    }

    fn forget_errors(&mut self, now: Duration) {
        let period = self.policy.period;
        while self
            .errors
            .front()
            .is_some_and(|at| now.saturating_sub(*at) > period)
            || self.errors.len() > MAX_ERRORS
        {
            self.errors.pop_front();
        }
    }

    fn deadline(&self, now: Duration) -> Duration {
        now + self.policy.timeout + STALL_GRACE
    }

    /// Reports only what has changed.
    fn report(&mut self) {
        let key = (self.status(), self.last_error, self.restart);
        if self.reported != Some(key) {
            self.reported = Some(key);
            self.outputs
                .push_back(Output::Report(self.current_report()));
        }
    }
}

/// Lengthened by up to a fifth.
fn jittered(pause: Duration, jitter: f32) -> Duration {
    let jitter = if jitter.is_nan() {
        0.0
    } else {
        jitter.clamp(0.0, 1.0)
    };
    pause + pause.mul_f32(jitter / 5.0)
}
