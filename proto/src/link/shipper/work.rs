//! What a shipper does by itself once it has been told something.

use std::time::{Duration, Instant};

use super::{
    Disconnect, FetchId, Fetching, Link, PushId, Record, Shipper, ShipperEvent, State, Transmit,
};
use crate::link::push::RecordSeq;

impl Shipper {
    pub(super) fn deliver(&mut self, seq: RecordSeq, record: Record, duplicate: bool) {
        self.records.remove(&seq);
        self.failures = 0;
        self.stats.acked += 1;
        self.stats.duplicates += u64::from(duplicate);
        let event_id = record.head.event_id;
        self.events.push_back(ShipperEvent::Delivered {
            seq,
            event_id,
            duplicate,
        });
    }

    /// Takes an attempt off the books; its record stays known.
    pub(super) fn end_push(&mut self, push: PushId) -> Option<(RecordSeq, Record)> {
        let seq = self.pushes.remove(&push)?;
        let record = self.records.get_mut(&seq)?;
        self.bytes_in_flight -= u64::from(record.head.bytes);
        record.state = State::Ready;
        Some((seq, *record))
    }

    pub(super) fn postpone(&mut self, now: Instant, seq: RecordSeq, at_least: Duration) {
        if let Some(record) = self.records.get_mut(&seq) {
            let wait = self
                .config
                .retry
                .wait(record.attempts, &mut self.random)
                .max(at_least);
            record.attempts = record.attempts.saturating_add(1);
            record.state = State::Waiting { until: now + wait };
        }
    }

    pub(super) fn expire_pushes(&mut self, now: Instant) {
        let late: Vec<(PushId, Instant)> = self
            .records
            .values()
            .filter_map(|record| match record.state {
                State::InFlight {
                    push,
                    since,
                    deadline,
                } if deadline <= now => Some((push, since)),
                _ => None,
            })
            .collect();
        let Link::Up { last_reply, .. } = self.link else {
            return;
        };
        // Not one answer since a push went out that is now late: the connection is dead even if
        // the transport does not know it.
        if late
            .iter()
            .any(|(_, since)| last_reply.is_none_or(|reply| reply < *since))
        {
            self.stats.timeouts += late.len() as u64;
            self.transmits.push_back(Transmit::Disconnect);
            self.go_down(now, Disconnect::Lost);
            return;
        }
        for (push, _) in late {
            self.stats.timeouts += 1;
            self.transmits.push_back(Transmit::Cancel(push));
            if let Some((seq, _)) = self.end_push(push) {
                self.postpone(now, seq, Duration::ZERO);
            }
        }
    }

    pub(super) fn go_down(&mut self, now: Instant, how: Disconnect) {
        if let Link::Up { since, .. } = self.link
            && now.saturating_duration_since(since) >= self.config.reconnect.limit()
        {
            self.failures = 0;
        }
        let wait = match how {
            Disconnect::Lost => self.config.reconnect.wait(self.failures, &mut self.random),
            Disconnect::Refused => self.config.reconnect.longest(&mut self.random),
        };
        self.failures = self.failures.saturating_add(1);
        self.link = Link::Waiting { until: now + wait };
        self.stats.interrupted += self.pushes.len() as u64;
        self.pushes.clear();
        self.bytes_in_flight = 0;
        self.records.clear();
        self.paced_until = None;
        self.fetching = None;
        // What was asked for but not yet taken up belongs to the connection that is gone.
        self.transmits.retain(|t| matches!(t, Transmit::Disconnect));
    }

    /// Pushes what may be pushed and fetches what may be needed.
    pub(super) fn work(&mut self, now: Instant) {
        let Link::Up { window, .. } = self.link else {
            return;
        };
        if self.draining {
            return;
        }
        let events = window.events.min(self.config.window.events) as usize;
        let bytes = window.bytes.min(self.config.window.bytes);
        let ready: Vec<RecordSeq> = self
            .records
            .iter()
            .filter(|(_, record)| matches!(record.state, State::Ready))
            .map(|(seq, _)| *seq)
            .take(events.saturating_sub(self.pushes.len()))
            .collect();
        for seq in ready {
            if !self.push(now, seq, bytes) {
                break;
            }
        }
        self.fetch(events);
    }

    /// Whether there was room in bytes. Order is kept: a large event is not overtaken for ever by
    /// small ones.
    pub(super) fn push(&mut self, now: Instant, seq: RecordSeq, window_bytes: u64) -> bool {
        let Some(record) = self.records.get_mut(&seq) else {
            return true;
        };
        self.paced_until = self.pace.wait(now);
        if self.paced_until.is_some() {
            return false;
        }
        let total = self.bytes_in_flight + u64::from(record.head.bytes);
        if total > window_bytes && !self.pushes.is_empty() {
            return false;
        }
        let push = PushId(self.next_id);
        self.next_id += 1;
        let on_the_wire = Duration::from_secs(total / self.config.slowest_rate.max(1));
        let deadline = now + self.config.push_timeout + on_the_wire;
        record.state = State::InFlight {
            push,
            since: now,
            deadline,
        };
        self.pace.spend(now, u64::from(record.head.bytes));
        self.bytes_in_flight = total;
        self.pushes.insert(push, seq);
        self.stats.pushes += 1;
        self.transmits.push_back(Transmit::Push {
            push,
            record: record.head,
        });
        true
    }

    pub(super) fn fetch(&mut self, window_events: usize) {
        let room = (2 * window_events).saturating_sub(self.records.len());
        // Half a window at a time, so that a full outbox is not read record by record.
        let worth_it = room >= window_events.div_ceil(2) && room > 0;
        if worth_it && self.fetching.is_none() && self.appends != self.appends_seen {
            let fetch = FetchId(self.next_id);
            self.next_id += 1;
            self.fetching = Some(Fetching {
                fetch,
                asked: room,
                appends: self.appends,
            });
            self.transmits.push_back(Transmit::Fetch {
                fetch,
                after: self.cursor,
                max: room,
            });
        }
    }
}
