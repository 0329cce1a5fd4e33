//! The coordinator's half of the link, for one agent's connection: which pushes are read, which
//! are committed and how each is answered. Pure: it is told the time, and it says what to do.
//!
//! What holds, whatever the agent does:
//! * an ack goes out only after [`Receiver::handle_committed`] for that event;
//! * one event is never committed twice at the same time: a second push of it waits for the
//!   outcome of the first (a push of an event committed earlier reaches the store, which answers
//!   that it is a duplicate);
//! * at most the window is held in memory, also while a commit outlasts the stream that asked for
//!   it; what comes beyond is answered with a wait, unread;
//! * a push that sends its bytes too slowly is cut off.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    time::{Duration, Instant},
};

use super::{
    control::Window,
    push::{Ack, PushHead, PushReply, Reject, Retry},
};
use crate::{event::MAX_EVENT_BYTES, id::EventId};

mod terms;
#[cfg(test)]
mod tests;

pub use terms::{Action, PushKey, ReceiverConfig, ReceiverStats, Refused};

#[derive(Debug, Clone, Copy)]
enum Phase {
    Head {
        deadline: Instant,
    },
    Body {
        deadline: Instant,
    },
    Committing,
    /// Waits for the commit that another push of the same event started.
    Joined,
    /// The stream is gone but its commit goes on and its bytes are still held.
    Orphan,
}

#[derive(Debug, Clone, Copy)]
struct Push {
    head: Option<PushHead>,
    phase: Phase,
}

/// See the module.
#[derive(Debug)]
pub struct Receiver {
    config: ReceiverConfig,
    window: Window,
    pushes: BTreeMap<PushKey, Push>,
    /// The push whose body is being committed, by event.
    committing: HashMap<EventId, PushKey>,
    bytes: u64,
    actions: VecDeque<Action>,
    stats: ReceiverStats,
}

impl Receiver {
    /// A machine for a fresh connection; its welcome carries [`ReceiverConfig::window`].
    pub fn new(config: ReceiverConfig) -> Self {
        Self {
            config,
            window: config.window,
            pushes: BTreeMap::new(),
            committing: HashMap::new(),
            bytes: 0,
            actions: VecDeque::new(),
            stats: ReceiverStats::default(),
        }
    }

    /// The agent opened a stream.
    pub fn handle_opened(&mut self, now: Instant, push: PushKey) {
        let deadline = now + self.config.read_timeout;
        self.pushes.entry(push).or_insert(Push {
            head: None,
            phase: Phase::Head { deadline },
        });
    }

    /// A stream's head came.
    pub fn handle_head(&mut self, now: Instant, push: PushKey, head: PushHead) {
        let in_head = |p: &Push| matches!(p.phase, Phase::Head { .. });
        if !self.pushes.get(&push).is_some_and(in_head) {
            return;
        }
        self.stats.pushes += 1;
        if head.bytes == 0 || head.bytes as usize > MAX_EVENT_BYTES {
            let reason = format!(
                "{} bytes are no event: want 1 to {MAX_EVENT_BYTES}",
                head.bytes
            );
            self.answer(push, &Refused::Permanent { reason }, head.event_id);
            return;
        }
        if !self.has_room(head.bytes) {
            self.stats.overruns += 1;
            let after = self.config.overrun_wait;
            let reason = "more is under way than was granted".to_owned();
            self.answer(push, &Refused::Retry { after, reason }, head.event_id);
            return;
        }
        self.bytes += u64::from(head.bytes);
        let slowest = Duration::from_secs(self.bytes / self.config.slowest_rate.max(1));
        let deadline = now + self.config.read_timeout + slowest;
        self.pushes.insert(
            push,
            Push {
                head: Some(head),
                phase: Phase::Body { deadline },
            },
        );
        self.actions.push_back(Action::ReadBody {
            push,
            bytes: head.bytes,
        });
    }

    /// The coordinator as a whole has no memory left for this body: the agent shall come again.
    pub fn handle_no_room(&mut self, push: PushKey) {
        if let Some(Push {
            head: Some(head),
            phase: Phase::Body { .. },
        }) = self.pushes.get(&push).copied()
        {
            self.stats.overruns += 1;
            let after = self.config.overrun_wait;
            let reason = "the coordinator is busy".to_owned();
            self.answer(push, &Refused::Retry { after, reason }, head.event_id);
        }
    }

    /// A stream's body is there, whole.
    pub fn handle_body(&mut self, push: PushKey) {
        let Some(Push {
            head: Some(head),
            phase: phase @ Phase::Body { .. },
        }) = self.pushes.get_mut(&push)
        else {
            return;
        };
        let event_id = head.event_id;
        if self.committing.contains_key(&event_id) {
            *phase = Phase::Joined;
            self.stats.joined += 1;
            return;
        }
        *phase = Phase::Committing;
        self.committing.insert(event_id, push);
        self.actions.push_back(Action::Commit { push, event_id });
    }

    /// A stream broke: reset by the agent, ended early, or with more bytes than announced.
    pub fn handle_gone(&mut self, push: PushKey) {
        let Some(entry) = self.pushes.get_mut(&push) else {
            return;
        };
        if matches!(entry.phase, Phase::Orphan) {
            return;
        }
        self.stats.gone += 1;
        if matches!(entry.phase, Phase::Committing) {
            entry.phase = Phase::Orphan;
        } else {
            self.forget(push);
        }
        self.actions.push_back(Action::Abort(push));
    }

    /// The event is durable.
    pub fn handle_committed(&mut self, event_id: EventId, duplicate: bool) {
        for push in self.end_commit(event_id) {
            self.stats.acked += 1;
            self.stats.duplicates += u64::from(duplicate);
            let reply = PushReply::Ack(Ack {
                event_id,
                duplicate,
            });
            self.actions.push_back(Action::Reply { push, reply });
        }
    }

    /// The event is not committed.
    pub fn handle_refused(&mut self, event_id: EventId, why: &Refused) {
        for push in self.end_commit(event_id) {
            self.answer(push, why, event_id);
        }
    }

    /// Grants another window; what is already under way stays.
    pub fn set_window(&mut self, window: Window) {
        if self.window != window {
            self.window = window;
            self.actions.push_back(Action::Grant(window));
        }
    }

    /// When [`Receiver::handle_timeout`] is due next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.pushes
            .values()
            .filter_map(|push| deadline(push.phase))
            .min()
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        let is_late = |p: &Push| deadline(p.phase).is_some_and(|deadline| deadline <= now);
        let late: Vec<PushKey> = self
            .pushes
            .iter()
            .filter(|(_, p)| is_late(p))
            .map(|(key, _)| *key)
            .collect();
        for push in late {
            self.stats.timeouts += 1;
            self.forget(push);
            self.actions.push_back(Action::Abort(push));
        }
    }

    /// The next thing to do.
    pub fn poll_transmit(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// Streams not answered, commits without a stream included.
    pub fn under_way(&self) -> usize {
        self.pushes.len()
    }

    /// Bytes of events held or about to be.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Totals.
    pub fn stats(&self) -> ReceiverStats {
        self.stats
    }

    /// Just after the window shrank, an honest agent may overrun it; it is asked to wait as well.
    fn has_room(&self, bytes: u32) -> bool {
        let (events, held) = self
            .pushes
            .values()
            .filter_map(|push| push.head)
            .fold((0u32, 0u64), |(n, sum), head| {
                (n + 1, sum + u64::from(head.bytes))
            });
        events < self.window.events && (events == 0 || held + u64::from(bytes) <= self.window.bytes)
    }

    fn answer(&mut self, push: PushKey, why: &Refused, event_id: EventId) {
        self.forget(push);
        let reply = match why {
            Refused::Retry { after, reason } => {
                self.stats.retried += 1;
                let after_ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
                PushReply::Retry(Retry {
                    event_id,
                    after_ms,
                    reason: reason.clone(),
                })
            }
            Refused::Permanent { reason } => {
                self.stats.rejected += 1;
                PushReply::Reject(Reject {
                    event_id,
                    reason: reason.clone(),
                })
            }
        };
        self.actions.push_back(Action::Reply { push, reply });
    }

    fn forget(&mut self, push: PushKey) {
        if let Some(Push {
            head: Some(head), ..
        }) = self.pushes.remove(&push)
        {
            self.bytes -= u64::from(head.bytes);
        }
    }

    /// Ends the commit of an event; the pushes that are still there to be answered.
    fn end_commit(&mut self, event_id: EventId) -> Vec<PushKey> {
        let Some(leader) = self.committing.remove(&event_id) else {
            return Vec::new();
        };
        let waits = |key: PushKey, push: &Push| match push.phase {
            Phase::Committing | Phase::Orphan => key == leader,
            Phase::Joined => push.head.is_some_and(|head| head.event_id == event_id),
            Phase::Head { .. } | Phase::Body { .. } => false,
        };
        let ended: Vec<(PushKey, Phase)> = self
            .pushes
            .iter()
            .filter(|(key, push)| waits(**key, push))
            .map(|(key, push)| (*key, push.phase))
            .collect();
        for (push, _) in &ended {
            self.forget(*push);
        }
        let there = |phase: &Phase| !matches!(phase, Phase::Orphan);
        ended
            .into_iter()
            .filter(|(_, phase)| there(phase))
            .map(|(push, _)| push)
            .collect()
    }
}

fn deadline(phase: Phase) -> Option<Instant> {
    match phase {
        Phase::Head { deadline } | Phase::Body { deadline } => Some(deadline),
        Phase::Committing | Phase::Joined | Phase::Orphan => None,
    }
}
