//! The agent: a disk that survives, a shipper that does not.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use goshawk_proto::{
    id::EventId,
    link::{
        Shipper, ShipperConfig, Window,
        backoff::Jitter,
        push::{PushReply, RecordHead, RecordSeq, Reject},
        shipper::{Disconnect, FetchId, PushId, ShipperEvent, Transmit},
    },
};

use super::{Happening, Sabotage, World};

pub struct Agent {
    config: ShipperConfig,
    /// Survives crashes.
    pub disk: BTreeMap<RecordSeq, RecordHead>,
    next_seq: u64,
    /// Rises with every crash, so that what was in memory dies with it.
    pub life: u64,
    pub shipper: Option<Shipper>,
    /// The connection that is being dialled or is up, as this side sees it.
    pub dialling: u64,
}

impl Agent {
    pub fn new(random: &mut Jitter, now: Instant) -> Self {
        let window = Window {
            events: 1 + (random.bits() % 16) as u32,
            bytes: 1 + random.bits() % 20_000,
        };
        let config = ShipperConfig {
            window,
            ..ShipperConfig::default()
        };
        let shipper = Some(Shipper::new(config, now, random.bits()));
        Self {
            config,
            disk: BTreeMap::new(),
            next_seq: 1,
            life: 1,
            shipper,
            dialling: 0,
        }
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        self.shipper.as_ref()?.poll_timeout()
    }

    pub fn timeout(&mut self, now: Instant) {
        if let Some(shipper) = &mut self.shipper {
            shipper.handle_timeout(now);
        }
    }

    pub fn check_bounds(&self) -> Result<(), String> {
        let Some(shipper) = &self.shipper else {
            return Ok(());
        };
        let Window { events, bytes } = self.config.window;
        if shipper.in_flight() > events as usize {
            return Err(format!(
                "{} events in flight of {events}",
                shipper.in_flight()
            ));
        }
        if shipper.in_flight() > 1 && shipper.bytes_in_flight() > bytes {
            return Err(format!(
                "{} bytes in flight of {bytes}",
                shipper.bytes_in_flight()
            ));
        }
        if shipper.known() > 2 * events as usize {
            return Err(format!(
                "{} records known, window {events}",
                shipper.known()
            ));
        }
        Ok(())
    }
}

impl World {
    pub(crate) fn append(&mut self) {
        let agent = &mut self.agent;
        let seq = RecordSeq(agent.next_seq);
        agent.next_seq += 1;
        let event_id = EventId(uuid::Uuid::from_u128(u128::from(seq.0)));
        let bytes = 1 + (self.random.bits() % 5_000) as u32;
        agent.disk.insert(
            seq,
            RecordHead {
                seq,
                event_id,
                bytes,
            },
        );
        self.appended.insert(event_id);
        self.report.appended += 1;
        if let Some(shipper) = &mut agent.shipper {
            shipper.handle_appended(self.now);
        }
    }

    pub(crate) fn agent_crash(&mut self) {
        if self.agent.shipper.take().is_none() {
            return;
        }
        self.report.agent_restarts += 1;
        self.agent.life += 1;
        self.agent.dialling = 0;
        if let Some(connection) = self.network.live.take() {
            let delay = self.delay(Duration::from_secs(20));
            self.at(delay, Happening::CoordinatorLearnsOfEnd(connection));
        }
        let delay = self.delay(Duration::from_secs(10));
        self.at(delay, Happening::AgentStart);
    }

    pub(crate) fn agent_start(&mut self) {
        let seed = self.random.bits();
        self.agent.shipper = Some(Shipper::new(self.agent.config, self.now, seed));
    }

    pub(crate) fn agent_lost(&mut self, connection: u64) {
        if self.agent.dialling == connection
            && let Some(shipper) = &mut self.agent.shipper
        {
            shipper.handle_disconnected(self.now, Disconnect::Lost);
        }
    }

    pub(crate) fn welcome(&mut self, connection: u64, window: Window) {
        if self.network.live == Some(connection)
            && self.agent.dialling == connection
            && let Some(shipper) = &mut self.agent.shipper
        {
            shipper.handle_connected(self.now, window);
        }
    }

    pub(crate) fn fetched(&mut self, life: u64, fetch: FetchId, heads: &[RecordHead]) {
        if life == self.agent.life
            && let Some(shipper) = &mut self.agent.shipper
        {
            shipper.handle_fetched(self.now, fetch, heads);
        }
    }

    pub(crate) fn deleted(&mut self, life: u64, seq: RecordSeq) {
        if life == self.agent.life {
            self.agent.disk.remove(&seq);
        } else {
            self.report.deletes_lost += 1;
        }
    }

    pub(crate) fn window_arrives(&mut self, connection: u64, window: Window) {
        if self.network.live == Some(connection)
            && self.agent.dialling == connection
            && let Some(shipper) = &mut self.agent.shipper
        {
            shipper.handle_window(self.now, window);
        }
    }

    pub(crate) fn reply_arrives(&mut self, connection: u64, push: PushId, reply: PushReply) {
        // What was carried before a cut may still come in after it, as long as the agent has not
        // noticed.
        if self.agent.dialling != connection {
            return;
        }
        let reply = match reply {
            PushReply::Retry(retry) if self.sabotage == Sabotage::IgnoreRetries => {
                PushReply::Reject(Reject {
                    event_id: retry.event_id,
                    reason: retry.reason,
                })
            }
            reply => reply,
        };
        if let Some(shipper) = &mut self.agent.shipper {
            shipper.handle_reply(self.now, push, reply);
        }
    }

    pub(crate) fn drive_agent(&mut self) -> Result<(), String> {
        while let Some(transmit) = self.agent.shipper.as_mut().and_then(Shipper::poll_transmit) {
            self.transmit(transmit);
        }
        while let Some(event) = self.agent.shipper.as_mut().and_then(Shipper::poll_event) {
            self.became(event)?;
        }
        Ok(())
    }

    fn transmit(&mut self, transmit: Transmit) {
        let life = self.agent.life;
        match transmit {
            Transmit::Connect => {
                self.network.newest += 1;
                self.agent.dialling = self.network.newest;
                let delay = self.delay(self.network.delay);
                let connection = self.agent.dialling;
                self.at(delay, Happening::Dial { connection });
            }
            Transmit::Disconnect => {
                if self.network.live == Some(self.agent.dialling) {
                    self.cut();
                }
                self.agent.dialling = 0;
            }
            Transmit::Fetch { fetch, after, max } => {
                let records = self.agent.disk.values();
                let heads = records
                    .filter(|r| Some(r.seq) > after)
                    .take(max)
                    .copied()
                    .collect();
                let delay = self.delay(Duration::from_millis(50));
                self.at(delay, Happening::Fetched { life, fetch, heads });
            }
            Transmit::Push { push, record } => {
                if self.sabotage == Sabotage::DeleteBeforeAck {
                    self.at(
                        Duration::ZERO,
                        Happening::Deleted {
                            life,
                            seq: record.seq,
                        },
                    );
                }
                let connection = self.agent.dialling;
                self.carry(
                    connection,
                    Happening::PushArrives {
                        connection,
                        push,
                        record,
                    },
                );
            }
            Transmit::Cancel(push) => {
                let connection = self.agent.dialling;
                self.carry(connection, Happening::PushReset { connection, push });
            }
        }
    }

    fn became(&mut self, event: ShipperEvent) -> Result<(), String> {
        match event {
            ShipperEvent::Delivered { seq, event_id, .. } => {
                if !self.coordinator.store.contains_key(&event_id) {
                    return Err(format!("{event_id} was acknowledged but is not committed"));
                }
                self.delivered.insert(event_id);
                let delay = self.delay(Duration::from_millis(500));
                self.at(
                    delay,
                    Happening::Deleted {
                        life: self.agent.life,
                        seq,
                    },
                );
                Ok(())
            }
            ShipperEvent::Rejected {
                event_id, reason, ..
            } => Err(format!("{event_id} was refused for good: {reason}")),
        }
    }
}
