//! The coordinator: a store that survives, receivers that do not.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use goshawk_proto::{
    id::EventId,
    link::{
        Receiver, ReceiverConfig, Window,
        push::{PushHead, PushReply, RecordHead},
        receiver::{Action, PushKey, Refused},
        shipper::PushId,
    },
};

use super::{Happening, Sabotage, World};

const WIDE: Window = Window {
    events: 8,
    bytes: 30_000,
};

struct Session {
    receiver: Receiver,
    /// The agent's names of the streams, for the answers.
    streams: BTreeMap<PushKey, PushId>,
    next_key: u64,
    /// The oracle's own books of what the receiver has asked to commit.
    committing: BTreeSet<EventId>,
}

#[derive(Default)]
pub struct Coordinator {
    up: bool,
    life: u64,
    /// Survives crashes: how often each event was committed as new.
    pub store: BTreeMap<EventId, u32>,
    narrow: bool,
    /// By connection; an old one may linger until its end is noticed.
    sessions: BTreeMap<u64, Session>,
}

impl Coordinator {
    pub fn is_up(&self) -> bool {
        self.up
    }

    pub fn window(&self) -> Window {
        if self.narrow {
            Window {
                events: 0,
                bytes: 0,
            }
        } else {
            WIDE
        }
    }

    pub fn set_narrow(&mut self, narrow: bool) {
        self.narrow = narrow;
        let window = self.window();
        for session in self.sessions.values_mut() {
            session.receiver.set_window(window);
        }
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        self.sessions
            .values()
            .filter_map(|session| session.receiver.poll_timeout())
            .min()
    }

    pub fn timeout(&mut self, now: Instant) {
        for session in self.sessions.values_mut() {
            session.receiver.handle_timeout(now);
        }
    }

    pub fn check_bounds(&self) -> Result<(), String> {
        for session in self.sessions.values() {
            let (held, bytes) = (session.receiver.under_way(), session.receiver.bytes());
            if bytes > WIDE.bytes || held > WIDE.events as usize {
                return Err(format!("the receiver holds {held} pushes, {bytes} bytes"));
            }
        }
        Ok(())
    }
}

impl World {
    pub(crate) fn coordinator_crash(&mut self) {
        if !self.coordinator.up {
            return;
        }
        self.report.coordinator_restarts += 1;
        self.coordinator.up = false;
        self.coordinator.life += 1;
        self.coordinator.sessions.clear();
        if self.sabotage == Sabotage::StoreForgets {
            self.coordinator.store.clear();
        }
        if let Some(connection) = self.network.live.take() {
            let delay = self.delay(Duration::from_secs(20));
            self.at(delay, Happening::AgentLearnsOfEnd(connection));
        }
        let delay = self.delay(Duration::from_secs(10));
        self.at(delay, Happening::CoordinatorStart);
    }

    pub(crate) fn coordinator_start(&mut self) {
        self.coordinator.up = true;
    }

    pub(crate) fn coordinator_connected(&mut self, connection: u64) -> Window {
        let window = self.coordinator.window();
        let config = ReceiverConfig {
            window,
            ..ReceiverConfig::default()
        };
        let session = Session {
            receiver: Receiver::new(config),
            streams: BTreeMap::new(),
            next_key: 0,
            committing: BTreeSet::new(),
        };
        self.coordinator.sessions.insert(connection, session);
        window
    }

    pub(crate) fn coordinator_lost(&mut self, connection: u64) {
        self.coordinator.sessions.remove(&connection);
    }

    pub(crate) fn push_arrives(&mut self, connection: u64, push: PushId, record: RecordHead) {
        let Some(session) = self.coordinator.sessions.get_mut(&connection) else {
            return;
        };
        let key = PushKey(session.next_key);
        session.next_key += 1;
        session.streams.insert(key, push);
        session.receiver.handle_opened(self.now, key);
        let head = PushHead {
            event_id: record.event_id,
            bytes: record.bytes,
        };
        session.receiver.handle_head(self.now, key, head);
    }

    pub(crate) fn body_arrives(&mut self, connection: u64, key: PushKey) {
        if let Some(session) = self.coordinator.sessions.get_mut(&connection) {
            let before = session.receiver.stats().joined;
            session.receiver.handle_body(key);
            self.report.joined += session.receiver.stats().joined - before;
        }
    }

    pub(crate) fn push_reset(&mut self, connection: u64, push: PushId) {
        let Some(session) = self.coordinator.sessions.get_mut(&connection) else {
            return;
        };
        let key = session
            .streams
            .iter()
            .find(|(_, p)| **p == push)
            .map(|(key, _)| *key);
        if let Some(key) = key {
            session.receiver.handle_gone(key);
        }
    }

    pub(crate) fn commit_runs(&mut self, life: u64, connection: u64, event: EventId) {
        if life != self.coordinator.life || !self.coordinator.up {
            return;
        }
        let result = if self.chance(0.15) {
            self.report.failed_commits += 1;
            Err(self.delay(Duration::from_secs(3)))
        } else {
            let times = self.coordinator.store.entry(event).or_insert(0);
            let duplicate = *times > 0;
            if !duplicate || self.sabotage == Sabotage::StoreCountsTwice {
                *times += 1;
            }
            self.report.commits += 1;
            self.report.duplicate_commits += u64::from(duplicate);
            Ok(duplicate)
        };
        // A crash in this gap is the interesting one: committed, and nobody was told.
        let delay = self.delay(Duration::from_millis(300));
        self.at(
            delay,
            Happening::CommitDone {
                connection,
                event,
                result,
            },
        );
    }

    pub(crate) fn commit_done(
        &mut self,
        connection: u64,
        event: EventId,
        result: Result<bool, Duration>,
    ) {
        let Some(session) = self.coordinator.sessions.get_mut(&connection) else {
            return;
        };
        session.committing.remove(&event);
        match result {
            Ok(duplicate) => session.receiver.handle_committed(event, duplicate),
            Err(after) => {
                let reason = "the store is busy".to_owned();
                session
                    .receiver
                    .handle_refused(event, &Refused::Retry { after, reason });
            }
        }
    }

    pub(crate) fn drive_coordinator(&mut self) -> Result<(), String> {
        for connection in self
            .coordinator
            .sessions
            .keys()
            .copied()
            .collect::<Vec<_>>()
        {
            while let Some(action) = self
                .coordinator
                .sessions
                .get_mut(&connection)
                .and_then(|session| session.receiver.poll_transmit())
            {
                self.act(connection, action)?;
            }
        }
        Ok(())
    }

    fn act(&mut self, connection: u64, action: Action) -> Result<(), String> {
        match action {
            Action::ReadBody { push: key, .. } => {
                if self.chance(self.network.loss / 4.0) {
                    return Ok(()); // the rest never comes; the receiver cuts it off
                }
                let delay = self.delay(self.network.delay);
                self.at(delay, Happening::BodyArrives { connection, key });
            }
            Action::Commit {
                event_id: event, ..
            } => {
                let session = self.coordinator.sessions.get_mut(&connection);
                if session.is_some_and(|session| !session.committing.insert(event)) {
                    return Err(format!("{event} is committed twice at the same time"));
                }
                let life = self.coordinator.life;
                if self.sabotage == Sabotage::AckBeforeCommit {
                    let result = Ok(false);
                    self.at(
                        Duration::ZERO,
                        Happening::CommitDone {
                            connection,
                            event,
                            result,
                        },
                    );
                }
                let delay = self.delay(Duration::from_millis(1_500));
                self.at(
                    delay,
                    Happening::CommitRuns {
                        life,
                        connection,
                        event,
                    },
                );
            }
            Action::Reply { push: key, reply } => self.reply(connection, key, reply),
            Action::Abort(key) => {
                if let Some(session) = self.coordinator.sessions.get_mut(&connection) {
                    session.streams.remove(&key);
                }
            }
            Action::Grant(window) => {
                // In order, and never before the welcome.
                self.at(
                    self.network.delay,
                    Happening::WindowArrives { connection, window },
                );
            }
        }
        Ok(())
    }

    fn reply(&mut self, connection: u64, key: PushKey, reply: PushReply) {
        let Some(session) = self.coordinator.sessions.get_mut(&connection) else {
            return;
        };
        if let Some(push) = session.streams.remove(&key) {
            self.carry(
                connection,
                Happening::ReplyArrives {
                    connection,
                    push,
                    reply,
                },
            );
        }
    }
}
