//! How a stream's status moves. See the table in [`super`].

use std::time::Duration;

use goshawk_proto::{
    id::AgentId,
    stream::{StreamStatus, VideoInfo},
    time::Timestamp,
};

use super::{MAX_ERROR, RestartStatus, StreamRecord};

/// How long a lost agent may take to come back before its streams go to another.
pub const LOST_GRACE: Duration = Duration::from_secs(15);

/// Something that happened to a stream.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// The planner gave it to an agent, or took it from all.
    Assigned(Option<AgentId>),
    /// Its agent reports on it.
    Report {
        /// Who reports.
        agent: AgentId,
        /// The specification's version that the report is about.
        version: u64,
        /// How it fares there.
        status: StreamStatus,
        /// Why, without credentials.
        error: Option<String>,
        /// Whether trying again cannot help until someone changes something.
        fatal: bool,
        /// What is known of the video.
        video: Option<VideoInfo>,
    },
    /// The connection to this agent is gone.
    AgentLost(AgentId),
    /// The user halts it.
    Pause,
    /// The user gives it up.
    Cancel,
    /// The user sets it going again.
    Resume,
    /// Time went by.
    Tick,
}

impl StreamRecord {
    /// Whether an agent should have it now.
    pub fn wants_agent(&self) -> bool {
        use StreamStatus as S;
        matches!(
            self.state.status,
            S::Pending | S::InProgress | S::HandlerLost | S::Restart
        )
    }

    /// Takes note of what happened; says whether anything changed.
    pub fn apply(&mut self, now: Timestamp, input: Input) -> bool {
        let before = self.state.clone();
        match input {
            Input::Assigned(agent) => self.assigned(agent),
            Input::Report {
                agent,
                version,
                status,
                error,
                fatal,
                video,
            } => {
                if self.state.agent == Some(agent) && version == self.version && self.wants_agent()
                {
                    let before = self.state.status;
                    self.report(now, status, error, fatal);
                    self.note_video(video, self.state.status != before);
                }
            }
            Input::AgentLost(agent) if self.state.agent == Some(agent) => self.agent_lost(now),
            Input::AgentLost(_) => {}
            Input::Pause => self.halt(StreamStatus::Pause),
            Input::Cancel => self.halt(StreamStatus::Cancel),
            Input::Resume => self.resume(),
            Input::Tick => self.tick(now),
        }
        self.state != before
    }

    fn assigned(&mut self, agent: Option<AgentId>) {
        if self.state.agent == agent || !self.wants_agent() {
            return;
        }
        self.state.agent = agent;
        if let Some(agent) = agent
            && let Err(at) = self.state.holders.binary_search(&agent)
        {
            self.state.holders.insert(at, agent);
        }
        self.state.wait_for_agent_until = None;
        if matches!(
            self.state.status,
            StreamStatus::InProgress | StreamStatus::HandlerLost
        ) {
            self.state.status = StreamStatus::Pending;
        }
    }

    fn report(&mut self, now: Timestamp, status: StreamStatus, error: Option<String>, fatal: bool) {
        use StreamStatus as S;
        self.state.wait_for_agent_until = None;
        if let Some(error) = error {
            self.state.last_error = Some(error.chars().take(MAX_ERROR).collect());
        }
        match status {
            S::InProgress => {
                self.state.status = S::InProgress;
                self.state.last_error = None;
                if self.state.restart_status == RestartStatus::InProgress {
                    self.state.restart_status = RestartStatus::Enabled;
                    self.state.restart_attempt = 0;
                }
            }
            S::Done => self.finish(S::Done),
            S::Failure => self.failed(now, fatal),
            // The agent tries again by itself: from here it is a stream that does not run yet.
            S::Pending | S::Restart => {
                if self.state.status != S::Restart {
                    self.state.status = S::Pending;
                }
            }
            S::Pause | S::Cancel | S::HandlerLost => {}
        }
    }

    /// Keeps what is known of the video where that is news: rates and progress differ in every
    /// report, and a row is not written for them.
    fn note_video(&mut self, video: Option<VideoInfo>, moved: bool) {
        let Some(video) = video else { return };
        let same = |known: VideoInfo| {
            (known.size, known.start_time, known.duration)
                == (video.size, video.start_time, video.duration)
        };
        if moved || !self.state.video.is_some_and(same) {
            self.state.video = Some(video);
        }
    }

    fn failed(&mut self, now: Timestamp, fatal: bool) {
        if self.autorestart.restart != 1 {
            return self.finish(StreamStatus::Failure);
        }
        if fatal {
            self.state.restart_status = RestartStatus::Denied;
            return self.finish(StreamStatus::Failure);
        }
        if self.state.restart_attempt >= self.autorestart.attempt_count {
            self.state.restart_status = RestartStatus::Failed;
            return self.finish(StreamStatus::Failure);
        }
        // Each attempt has `delay` seconds to succeed; reports within them change nothing.
        let delay = Duration::from_secs(u64::from(self.autorestart.delay));
        let due = self
            .state
            .last_attempt_time
            .is_none_or(|last| now.since(last) >= delay);
        self.state.status = StreamStatus::Restart;
        self.state.restart_status = RestartStatus::InProgress;
        if due {
            self.state.restart_attempt += 1;
            self.state.last_attempt_time = Some(now);
            // A new version makes the agent start the stream afresh.
            self.version += 1;
        }
    }

    fn finish(&mut self, status: StreamStatus) {
        self.state.status = status;
        self.state.agent = None;
        self.state.wait_for_agent_until = None;
    }

    fn halt(&mut self, status: StreamStatus) {
        let ended = matches!(self.state.status, StreamStatus::Done | StreamStatus::Cancel);
        if !ended || status == StreamStatus::Cancel {
            self.finish(status);
        }
    }

    fn resume(&mut self) {
        if self.wants_agent() {
            return;
        }
        self.state.status = StreamStatus::Pending;
        self.state.last_error = None;
        self.state.restart_attempt = 0;
        self.state.last_attempt_time = None;
        let on = self.autorestart.restart == 1;
        self.state.restart_status = if on {
            RestartStatus::Enabled
        } else {
            RestartStatus::Disabled
        };
    }

    fn agent_lost(&mut self, now: Timestamp) {
        if !self.wants_agent() {
            return;
        }
        if self.state.status == StreamStatus::InProgress {
            self.state.status = StreamStatus::HandlerLost;
        }
        self.state.wait_for_agent_until = Some(now.after(LOST_GRACE));
    }

    fn tick(&mut self, now: Timestamp) {
        if self
            .state
            .wait_for_agent_until
            .is_some_and(|until| now >= until)
        {
            self.state.wait_for_agent_until = None;
            self.state.agent = None;
        }
    }
}

#[cfg(test)]
mod tests;
