//! The agent's half of the link: decides when to dial, what to read from the outbox, what to push
//! and when to push it again. Pure: it is told the time, and it says what to do.
//!
//! A driver calls [`Shipper::handle_timeout`] when [`Shipper::poll_timeout`] has passed, any other
//! `handle_*` when something happened, and after each of them drains [`Shipper::poll_transmit`]
//! and [`Shipper::poll_event`].
//!
//! What holds, whatever the network does:
//! * a record leaves the machine only by an [`Ack`](super::push::Ack) (then
//!   [`ShipperEvent::Delivered`]), by a refusal for good ([`ShipperEvent::Rejected`]) or because
//!   the outbox itself dropped it; there is no count of attempts that runs out;
//! * at most the window is under way: the smaller of our own and the coordinator's, except that
//!   one event may always go alone;
//! * memory is bounded: at most [`ShipperConfig::window`] events twice over are known by head.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use super::{
    backoff::Jitter,
    control::Window,
    pace::Pace,
    push::{PushReply, RecordHead, RecordSeq},
};

mod terms;
#[cfg(test)]
mod tests;
mod work;

pub use terms::{Disconnect, FetchId, PushId, ShipperConfig, ShipperEvent, ShipperStats, Transmit};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    Waiting {
        until: Instant,
    },
    Dialling {
        deadline: Instant,
    },
    Up {
        since: Instant,
        window: Window,
        last_reply: Option<Instant>,
    },
}

#[derive(Debug, Clone, Copy)]
enum State {
    Ready,
    InFlight {
        push: PushId,
        since: Instant,
        deadline: Instant,
    },
    Waiting {
        until: Instant,
    },
}

#[derive(Debug, Clone, Copy)]
struct Fetching {
    fetch: FetchId,
    asked: usize,
    /// [`Shipper::appends`] when it was asked.
    appends: u64,
}

#[derive(Debug, Clone, Copy)]
struct Record {
    head: RecordHead,
    state: State,
    attempts: u32,
}

/// See the module.
#[derive(Debug)]
pub struct Shipper {
    config: ShipperConfig,
    random: Jitter,
    link: Link,
    failures: u32,
    records: BTreeMap<RecordSeq, Record>,
    pushes: BTreeMap<PushId, RecordSeq>,
    bytes_in_flight: u64,
    cursor: Option<RecordSeq>,
    fetching: Option<Fetching>,
    /// Counts appends; differs from `appends_seen` while there may be records beyond the cursor.
    appends: u64,
    appends_seen: u64,
    /// Source of push and fetch ids.
    next_id: u64,
    draining: bool,
    pace: Pace,
    /// Until when a record that could go waits for the pace.
    paced_until: Option<Instant>,
    transmits: VecDeque<Transmit>,
    events: VecDeque<ShipperEvent>,
    stats: ShipperStats,
}

impl Shipper {
    /// A machine that will dial at `now`. `seed` spreads its waits among many agents.
    pub fn new(config: ShipperConfig, now: Instant, seed: u64) -> Self {
        Self {
            config,
            random: Jitter::new(seed),
            link: Link::Waiting { until: now },
            failures: 0,
            records: BTreeMap::new(),
            pushes: BTreeMap::new(),
            bytes_in_flight: 0,
            cursor: None,
            fetching: None,
            appends: 1,
            appends_seen: 0,
            next_id: 0,
            draining: false,
            pace: Pace::new(config.max_rate),
            paced_until: None,
            transmits: VecDeque::new(),
            events: VecDeque::new(),
            stats: ShipperStats::default(),
        }
    }

    /// The coordinator welcomed us.
    pub fn handle_connected(&mut self, now: Instant, window: Window) {
        if !matches!(self.link, Link::Dialling { .. }) {
            return;
        }
        self.stats.connects += 1;
        self.link = Link::Up {
            since: now,
            window,
            last_reply: None,
        };
        // Start over from the oldest record: whatever went astray before is picked up now.
        self.cursor = None;
        self.appends_seen = self.appends.wrapping_sub(1);
        self.fetching = None;
        self.work(now);
    }

    /// The connection ended or could not be made. Everything under way counts as not sent.
    pub fn handle_disconnected(&mut self, now: Instant, how: Disconnect) {
        if !matches!(self.link, Link::Waiting { .. }) {
            self.go_down(now, how);
        }
    }

    /// The coordinator changed its window.
    pub fn handle_window(&mut self, now: Instant, granted: Window) {
        if let Link::Up { window, .. } = &mut self.link {
            *window = granted;
            self.work(now);
        }
    }

    /// The outbox has a new record.
    pub fn handle_appended(&mut self, now: Instant) {
        self.appends = self.appends.wrapping_add(1);
        self.work(now);
    }

    /// The answer to [`Transmit::Fetch`]: oldest first. Fewer than asked for means that there are
    /// no more for now.
    pub fn handle_fetched(&mut self, now: Instant, fetch: FetchId, heads: &[RecordHead]) {
        let Some(fetching) = self.fetching.take_if(|fetching| fetching.fetch == fetch) else {
            return;
        };
        for head in heads.iter().take(fetching.asked) {
            if self.cursor.is_none_or(|cursor| head.seq > cursor) {
                self.cursor = Some(head.seq);
                let record = Record {
                    head: *head,
                    state: State::Ready,
                    attempts: 0,
                };
                self.records.entry(head.seq).or_insert(record);
            }
        }
        if heads.len() < fetching.asked {
            self.appends_seen = fetching.appends;
        }
        self.work(now);
    }

    /// The outbox could not be read. Asked again at the next append or connection.
    pub fn handle_fetch_failed(&mut self, fetch: FetchId) {
        if let Some(fetching) = self.fetching.take_if(|fetching| fetching.fetch == fetch) {
            self.appends_seen = fetching.appends;
        }
    }

    /// The coordinator answered. An answer to an attempt that was given up is ignored: the record
    /// is pushed again and the coordinator knows a duplicate when it sees one.
    pub fn handle_reply(&mut self, now: Instant, push: PushId, reply: PushReply) {
        let Some((seq, record)) = self.end_push(push) else {
            return;
        };
        if let Link::Up { last_reply, .. } = &mut self.link {
            *last_reply = Some(now);
        }
        match reply {
            PushReply::Ack(ack) if ack.event_id == record.head.event_id => {
                self.deliver(seq, record, ack.duplicate);
            }
            PushReply::Reject(reject) if reject.event_id == record.head.event_id => {
                self.records.remove(&seq);
                self.stats.rejected += 1;
                let event_id = record.head.event_id;
                self.events.push_back(ShipperEvent::Rejected {
                    seq,
                    event_id,
                    reason: reject.reason,
                });
            }
            PushReply::Retry(retry) => {
                self.stats.retries += 1;
                // An hour at most: a broken peer must not park a record for good.
                let asked = Duration::from_millis(retry.after_ms).min(Duration::from_secs(3_600));
                self.postpone(now, seq, asked);
            }
            // A newer kind of answer, or one about another event: neither tells us anything.
            PushReply::Ack(_) | PushReply::Reject(_) | PushReply::Unknown(_) => {
                self.stats.retries += 1;
                self.postpone(now, seq, Duration::ZERO);
            }
        }
        self.work(now);
    }

    /// The stream of an attempt broke, or its record could not be read; the connection may live.
    pub fn handle_push_failed(&mut self, now: Instant, push: PushId) {
        if let Some((seq, _)) = self.end_push(push) {
            self.stats.interrupted += 1;
            self.postpone(now, seq, Duration::ZERO);
            self.work(now);
        }
    }

    /// The outbox has dropped the record of this attempt.
    pub fn handle_vanished(&mut self, now: Instant, push: PushId) {
        if let Some((seq, _)) = self.end_push(push) {
            self.records.remove(&seq);
            self.work(now);
        }
    }

    /// Begins nothing new; what is under way may finish. For shutting down.
    pub fn drain(&mut self) {
        self.draining = true;
    }

    /// When [`Shipper::handle_timeout`] is due next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let link = match self.link {
            Link::Waiting { until } => (!self.draining).then_some(until),
            Link::Dialling { deadline } => Some(deadline),
            Link::Up { .. } => None,
        };
        let up = matches!(self.link, Link::Up { .. });
        let records = self
            .records
            .values()
            .filter_map(|record| match record.state {
                State::InFlight { deadline, .. } => Some(deadline),
                State::Waiting { until } if up && !self.draining => Some(until),
                State::Waiting { .. } | State::Ready => None,
            });
        let paced = self.paced_until.filter(|_| up && !self.draining);
        records.chain(link).chain(paced).min()
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        match self.link {
            Link::Waiting { until } if until <= now && !self.draining => {
                self.link = Link::Dialling {
                    deadline: now + self.config.connect_timeout,
                };
                self.transmits.push_back(Transmit::Connect);
            }
            Link::Dialling { deadline } if deadline <= now => {
                self.transmits.push_back(Transmit::Disconnect);
                self.go_down(now, Disconnect::Lost);
            }
            _ => {}
        }
        self.expire_pushes(now);
        for record in self.records.values_mut() {
            if matches!(record.state, State::Waiting { until } if until <= now) {
                record.state = State::Ready;
            }
        }
        self.work(now);
    }

    /// The next thing to do.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// The next thing that became of a record.
    pub fn poll_event(&mut self) -> Option<ShipperEvent> {
        self.events.pop_front()
    }

    /// Whether the coordinator has welcomed us and we have not lost it.
    pub fn is_connected(&self) -> bool {
        matches!(self.link, Link::Up { .. })
    }

    /// Events under way.
    pub fn in_flight(&self) -> usize {
        self.pushes.len()
    }

    /// Bytes under way.
    pub fn bytes_in_flight(&self) -> u64 {
        self.bytes_in_flight
    }

    /// Records known by head.
    pub fn known(&self) -> usize {
        self.records.len()
    }

    /// Totals.
    pub fn stats(&self) -> ShipperStats {
        self.stats
    }
}
