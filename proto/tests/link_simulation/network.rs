//! The network: one connection at a time, with loss, doubling, reordering and delay per push, and
//! cuts that the two sides learn of at different times.

use std::time::Duration;

use goshawk_proto::link::backoff::Jitter;

use super::{Happening, World};

pub struct Network {
    pub delay: Duration,
    pub loss: f64,
    pub doubling: f64,
    /// Newest connection; 0: none ever.
    pub newest: u64,
    /// The connection that carries messages now.
    pub live: Option<u64>,
}

impl Network {
    pub fn new(random: &mut Jitter) -> Self {
        Self {
            delay: Duration::from_millis(1 + random.bits() % 800),
            loss: random.unit() * 0.3,
            doubling: random.unit() * 0.3,
            newest: 0,
            live: None,
        }
    }
}

impl World {
    /// Carries a message of a push there or back: perhaps not at all, perhaps twice, each time
    /// with its own delay, so that messages overtake each other.
    pub(crate) fn carry(&mut self, connection: u64, what: Happening) {
        if self.network.live != Some(connection) {
            return;
        }
        if self.chance(self.network.loss) {
            self.report.lost += 1;
            return;
        }
        if self.chance(self.network.doubling) {
            self.report.doubled += 1;
            let delay = self.delay(self.network.delay * 4);
            self.at(delay, what.clone());
        }
        let delay = self.delay(self.network.delay);
        self.at(delay, what);
    }

    /// The connection carries nothing from now on; each side learns of it in its own time.
    pub(crate) fn cut(&mut self) {
        let Some(connection) = self.network.live.take() else {
            return;
        };
        self.report.cuts += 1;
        // An idle time-out at the latest.
        let longest = Duration::from_secs(20);
        let (agent, coordinator) = (self.delay(longest), self.delay(longest));
        self.at(agent, Happening::AgentLearnsOfEnd(connection));
        self.at(coordinator, Happening::CoordinatorLearnsOfEnd(connection));
    }

    pub(crate) fn dial(&mut self, connection: u64) {
        if self.agent.dialling != connection || self.agent.shipper.is_none() {
            return;
        }
        if !self.coordinator.is_up() || self.chance(self.network.loss) {
            let delay = self.delay(Duration::from_secs(2));
            self.at(delay, Happening::AgentLearnsOfEnd(connection));
            return;
        }
        // The coordinator may still hold an older connection of this agent; the newest wins.
        if let Some(old) = self.network.live.take() {
            self.coordinator_lost(old);
        }
        self.network.live = Some(connection);
        let window = self.coordinator_connected(connection);
        let delay = self.delay(self.network.delay);
        self.at(delay, Happening::Welcome { connection, window });
    }
}
