//! A whole world in one thread: agent, its disk, network, coordinator, its store, and a clock.

#[path = "agent.rs"]
mod agent;
#[path = "coordinator.rs"]
mod coordinator;
#[path = "network.rs"]
mod network;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use goshawk_proto::{
    id::EventId,
    link::{
        Window,
        backoff::Jitter,
        push::{PushReply, RecordHead, RecordSeq},
        receiver::PushKey,
        shipper::{FetchId, PushId},
    },
};

/// A fault that the oracle must find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    None,
    /// The coordinator tells its receiver "committed" when the commit is only asked for.
    AckBeforeCommit,
    /// The agent deletes a record when it is pushed.
    DeleteBeforeAck,
    /// The store loses what it committed when it restarts.
    StoreForgets,
    /// The store is not idempotent.
    StoreCountsTwice,
    /// The agent takes every wait for a refusal for good.
    IgnoreRetries,
}

/// What happened in a run.
#[derive(Debug, Clone, Copy, Default)]
pub struct Report {
    pub appended: u64,
    pub agent_restarts: u64,
    pub coordinator_restarts: u64,
    pub cuts: u64,
    pub lost: u64,
    pub doubled: u64,
    pub commits: u64,
    pub duplicate_commits: u64,
    pub failed_commits: u64,
    pub deletes_lost: u64,
    pub joined: u64,
    pub steps: u64,
}

impl Report {
    pub fn add(&mut self, other: &Self) {
        let pairs: [(&mut u64, u64); 12] = [
            (&mut self.appended, other.appended),
            (&mut self.agent_restarts, other.agent_restarts),
            (&mut self.coordinator_restarts, other.coordinator_restarts),
            (&mut self.cuts, other.cuts),
            (&mut self.lost, other.lost),
            (&mut self.doubled, other.doubled),
            (&mut self.commits, other.commits),
            (&mut self.duplicate_commits, other.duplicate_commits),
            (&mut self.failed_commits, other.failed_commits),
            (&mut self.deletes_lost, other.deletes_lost),
            (&mut self.joined, other.joined),
            (&mut self.steps, other.steps),
        ];
        for (sum, more) in pairs {
            *sum += more;
        }
    }
}

/// Something that will happen.
#[derive(Debug, Clone)]
pub enum Happening {
    /// A camera made an event.
    Append,
    AgentCrash,
    AgentStart,
    CoordinatorCrash,
    CoordinatorStart,
    /// The network cuts the connection.
    Cut,
    /// A side learns that connection `.0` is over.
    AgentLearnsOfEnd(u64),
    CoordinatorLearnsOfEnd(u64),
    /// A dial reaches the coordinator.
    Dial {
        connection: u64,
    },
    /// The welcome reaches the agent.
    Welcome {
        connection: u64,
        window: Window,
    },
    /// The agent's disk answers.
    Fetched {
        life: u64,
        fetch: FetchId,
        heads: Vec<RecordHead>,
    },
    /// The agent's disk has deleted a record.
    Deleted {
        life: u64,
        seq: RecordSeq,
    },
    /// A push is coming in.
    PushArrives {
        connection: u64,
        push: PushId,
        record: RecordHead,
    },
    BodyArrives {
        connection: u64,
        key: PushKey,
    },
    PushReset {
        connection: u64,
        push: PushId,
    },
    /// The store finishes a commit (or fails); the receiver hears of it later.
    CommitRuns {
        life: u64,
        connection: u64,
        event: EventId,
    },
    CommitDone {
        connection: u64,
        event: EventId,
        result: Result<bool, Duration>,
    },
    ReplyArrives {
        connection: u64,
        push: PushId,
        reply: PushReply,
    },
    WindowArrives {
        connection: u64,
        window: Window,
    },
    /// The coordinator closes (or opens) its window.
    WindowChanges {
        narrow: bool,
    },
}

pub struct World {
    pub(crate) sabotage: Sabotage,
    pub(crate) random: Jitter,
    pub(crate) start: Instant,
    pub(crate) now: Instant,
    pub(crate) faults_end: Instant,
    queue: BTreeMap<(Instant, u64), Happening>,
    next: u64,
    trace: bool,
    pub(crate) report: Report,
    pub(crate) network: network::Network,
    pub(crate) agent: agent::Agent,
    pub(crate) coordinator: coordinator::Coordinator,
    /// Everything ever appended.
    pub(crate) appended: BTreeSet<EventId>,
    /// Everything that the agent deleted because it was told that it was delivered.
    pub(crate) delivered: BTreeSet<EventId>,
}

impl World {
    pub fn new(seed: u64, sabotage: Sabotage, trace: bool) -> Self {
        let mut random = Jitter::new(seed);
        let start = Instant::now();
        let faults_end = start + Duration::from_secs(60 + random.bits() % 120);
        let agent = agent::Agent::new(&mut random, start);
        let network = network::Network::new(&mut random);
        let mut world = Self {
            sabotage,
            start,
            now: start,
            faults_end,
            queue: BTreeMap::new(),
            next: 0,
            trace,
            report: Report::default(),
            network,
            agent,
            coordinator: coordinator::Coordinator::default(),
            appended: BTreeSet::new(),
            delivered: BTreeSet::new(),
            random,
        };
        world.plan();
        world
    }

    /// Lays out appends and faults.
    fn plan(&mut self) {
        let window = self.faults_end - self.start;
        let faults: [(Happening, u64); 6] = [
            (Happening::Append, 30 + self.random.bits() % 90),
            (Happening::AgentCrash, self.random.bits() % 6),
            (Happening::CoordinatorCrash, self.random.bits() % 6),
            (Happening::Cut, self.random.bits() % 8),
            (
                Happening::WindowChanges { narrow: true },
                self.random.bits() % 4,
            ),
            (
                Happening::WindowChanges { narrow: false },
                self.random.bits() % 4,
            ),
        ];
        self.at(Duration::ZERO, Happening::CoordinatorStart);
        for (what, count) in faults {
            for _ in 0..count {
                let after = window.mul_f64(self.random.unit());
                self.at(after, what.clone());
            }
        }
        self.at(window, Happening::WindowChanges { narrow: false });
        // A fresh event passes after the faults have stopped.
        self.at(window + Duration::from_secs(1), Happening::Append);
    }

    pub(crate) fn at(&mut self, after: Duration, what: Happening) {
        self.next += 1;
        self.queue.insert((self.now + after, self.next), what);
    }

    /// A delay of the network or a disk.
    pub(crate) fn delay(&mut self, longest: Duration) -> Duration {
        longest.mul_f64(self.random.unit())
    }

    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.now < self.faults_end && self.random.unit() < probability
    }

    pub fn run(mut self) -> Result<Report, String> {
        // Long enough for the longest waits after the last fault, several times over.
        let end = self.faults_end + Duration::from_secs(1_800);
        loop {
            let event = self.queue.first_key_value().map(|((at, _), _)| *at);
            let timer = [self.agent.poll_timeout(), self.coordinator.poll_timeout()];
            let Some(at) = timer.into_iter().flatten().chain(event).min() else {
                break;
            };
            if at > end || self.is_done() {
                break;
            }
            self.report.steps += 1;
            if self.report.steps > 2_000_000 {
                return Err("does not come to rest".to_owned());
            }
            self.now = self.now.max(at);
            if event.is_some_and(|event| event <= at) {
                let (_, what) = self.queue.pop_first().expect("peeked");
                self.log(&what);
                self.happen(what)?;
            } else {
                self.agent.timeout(self.now);
                self.coordinator.timeout(self.now);
            }
            self.drive_coordinator()?;
            self.drive_agent()?;
            self.check()?;
        }
        self.verdict()?;
        Ok(self.report)
    }

    #[expect(
        clippy::print_stdout,
        reason = "the trace of a seed that someone replays"
    )]
    fn log(&self, what: &Happening) {
        if self.trace {
            println!("{:>10.3} {what:?}", (self.now - self.start).as_secs_f64());
        }
    }

    fn is_done(&self) -> bool {
        self.now > self.faults_end + Duration::from_secs(60)
            && self.agent.disk.is_empty()
            && self.delivered.len() == self.appended.len()
    }

    fn happen(&mut self, what: Happening) -> Result<(), String> {
        match what {
            Happening::Append => self.append(),
            Happening::AgentCrash => self.agent_crash(),
            Happening::AgentStart => self.agent_start(),
            Happening::CoordinatorCrash => self.coordinator_crash(),
            Happening::CoordinatorStart => self.coordinator_start(),
            Happening::Cut => self.cut(),
            Happening::AgentLearnsOfEnd(connection) => self.agent_lost(connection),
            Happening::CoordinatorLearnsOfEnd(connection) => self.coordinator_lost(connection),
            Happening::Dial { connection } => self.dial(connection),
            Happening::Welcome { connection, window } => self.welcome(connection, window),
            Happening::Fetched { life, fetch, heads } => self.fetched(life, fetch, &heads),
            Happening::Deleted { life, seq } => self.deleted(life, seq),
            Happening::PushArrives {
                connection,
                push,
                record,
            } => {
                self.push_arrives(connection, push, record);
            }
            Happening::BodyArrives { connection, key } => self.body_arrives(connection, key),
            Happening::PushReset { connection, push } => self.push_reset(connection, push),
            Happening::CommitRuns {
                life,
                connection,
                event,
            } => {
                self.commit_runs(life, connection, event);
            }
            Happening::CommitDone {
                connection,
                event,
                result,
            } => {
                self.commit_done(connection, event, result);
            }
            Happening::ReplyArrives {
                connection,
                push,
                reply,
            } => {
                self.reply_arrives(connection, push, reply);
            }
            Happening::WindowArrives { connection, window } => {
                self.window_arrives(connection, window);
            }
            Happening::WindowChanges { narrow } => self.coordinator.set_narrow(narrow),
        }
        Ok(())
    }

    /// What must hold at every moment.
    fn check(&self) -> Result<(), String> {
        self.agent.check_bounds()?;
        self.coordinator.check_bounds()?;
        if let Some(event) = self
            .coordinator
            .store
            .keys()
            .find(|e| !self.appended.contains(e))
        {
            return Err(format!("{event} was committed but never appended"));
        }
        Ok(())
    }

    /// What must hold in the end.
    fn verdict(&self) -> Result<(), String> {
        for event in &self.appended {
            match self.coordinator.store.get(event) {
                Some(1) => {}
                Some(times) => return Err(format!("{event} was committed {times} times")),
                None => return Err(format!("{event} was appended but never committed")),
            }
            if !self.delivered.contains(event) {
                return Err(format!("{event} was committed but never acknowledged"));
            }
        }
        if !self.agent.disk.is_empty() {
            return Err(format!(
                "{} records stay in the outbox",
                self.agent.disk.len()
            ));
        }
        Ok(())
    }
}
