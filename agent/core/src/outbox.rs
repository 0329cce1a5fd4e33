//! The outbox's ledger: which records wait for the coordinator, which are on their way, and which
//! must go when disk space or patience runs out.
//!
//! A pure machine beside the store that holds the bytes. The driver writes a record to disk under
//! [`Ledger::next_id`] and tells the ledger; the ledger says what to send and, through
//! [`Ledger::poll_output`], what to delete from disk. After a restart it is rebuilt from the
//! records found there.
//!
//! What it keeps to:
//!
//! * a record is on disk before it is sent and until it is acknowledged, refused for good, or
//!   dropped by retention; nothing else deletes it;
//! * an acknowledged record is never sent again; one whose answer is late may be sent twice;
//! * retention drops the least urgent first, and among those the oldest, whether on its way or
//!   not; every drop is an output with its cause, and counted;
//! * a refused attempt backs off, doubling with jitter, without holding other records up and
//!   without ever giving up.
//!
//! Times are wall-clock times, since ages outlive a restart. A clock set back makes records
//! younger and never stalls retries for longer than the longest back-off.

mod settings;
#[cfg(test)]
mod tests;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use goshawk_proto::time::Timestamp;

pub use settings::{
    AppendError, LedgerCounters, LedgerSettings, Output, Priority, RecordId, RecordInfo, Removal,
};

/// Where a record stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Ready,
    Waiting { until: Timestamp },
    InFlight { deadline: Timestamp },
}

#[derive(Clone, Debug)]
struct Entry {
    size: u64,
    appended_at: Timestamp,
    priority: Priority,
    attempts: u32,
    state: State,
}

/// The ledger; see the module's header.
#[derive(Clone, Debug)]
pub struct Ledger {
    settings: LedgerSettings,
    entries: BTreeMap<RecordId, Entry>,
    /// Ready to be sent, most urgent and then oldest first.
    ready: BTreeSet<(Reverse<Priority>, RecordId)>,
    /// In the order in which retention drops them.
    droppable: BTreeSet<(Priority, RecordId)>,
    /// Waiting or on their way, by the time at which that ends.
    timers: BTreeSet<(Timestamp, RecordId)>,
    by_age: BTreeSet<(Timestamp, RecordId)>,
    bytes: u64,
    in_flight: usize,
    in_flight_bytes: u64,
    next: u64,
    outputs: VecDeque<Output>,
    counters: LedgerCounters,
}

impl Ledger {
    /// A ledger over the records found on disk, which need not be sorted; of a repeated id the
    /// first counts. New ids begin at `next`, the lowest id never given, which the driver keeps
    /// on disk too, or above the highest one stored. Limits hold at once: what is over them comes
    /// out as deletions.
    pub fn restore(
        settings: LedgerSettings,
        now: Timestamp,
        next: RecordId,
        stored: impl IntoIterator<Item = RecordInfo>,
    ) -> Self {
        let mut ledger = Self {
            settings,
            entries: BTreeMap::new(),
            ready: BTreeSet::new(),
            droppable: BTreeSet::new(),
            timers: BTreeSet::new(),
            by_age: BTreeSet::new(),
            bytes: 0,
            in_flight: 0,
            in_flight_bytes: 0,
            next: next.0,
            outputs: VecDeque::new(),
            counters: LedgerCounters::default(),
        };
        for record in stored {
            if !ledger.entries.contains_key(&record.id) {
                ledger.insert(record);
            }
        }
        ledger.handle_timeout(now);
        ledger.make_room(0);
        ledger
    }

    /// The id that the next append takes: the record goes to disk under it first.
    pub fn next_id(&self) -> RecordId {
        RecordId(self.next)
    }

    /// Takes a record of `size` bytes in that lies on disk under [`Ledger::next_id`]. Older or
    /// less urgent ones are dropped where the budget asks for it. Fails when the record alone is
    /// over the budget; the driver then deletes it.
    pub fn handle_append(
        &mut self,
        now: Timestamp,
        size: u64,
        priority: Priority,
    ) -> Result<RecordId, AppendError> {
        if size > self.settings.max_bytes || self.settings.max_records == 0 {
            self.counters.too_large += 1;
            return Err(AppendError::TooLarge {
                size,
                max_bytes: self.settings.max_bytes,
            });
        }
        self.handle_timeout(now);
        self.make_room(size);
        let id = RecordId(self.next);
        self.insert(RecordInfo {
            id,
            size,
            appended_at: now,
            priority,
        });
        self.counters.appended += 1;
        Ok(id)
    }

    /// The record to send now, which is on its way from then on; `None` when the window is full
    /// or nothing is due. A record larger than the window goes alone.
    pub fn next_to_send(&mut self, now: Timestamp) -> Option<RecordId> {
        self.handle_timeout(now);
        if self.in_flight >= self.settings.window_records.max(1) {
            return None;
        }
        let &(_, id) = self.ready.first()?;
        let deadline = now.after(self.settings.ack_timeout);
        let size = self.entries.get(&id)?.size;
        if self.in_flight > 0 && self.in_flight_bytes + size > self.settings.window_bytes {
            return None;
        }
        self.set_state(id, State::InFlight { deadline });
        self.counters.sent += 1;
        Some(id)
    }

    /// Up to `max` records above `after` that are not yet delivered, oldest first, whatever their
    /// state: for a sender that keeps its own window.
    pub fn peek(&self, after: Option<RecordId>, max: usize) -> Vec<RecordInfo> {
        let from = after.map_or(RecordId(0), |id| RecordId(id.0.saturating_add(1)));
        self.entries
            .range(from..)
            .take(max)
            .map(|(id, e)| e.info(*id))
            .collect()
    }

    /// A record, if it is still here.
    pub fn get(&self, id: RecordId) -> Option<RecordInfo> {
        self.entries.get(&id).map(|e| e.info(id))
    }

    /// The coordinator has it: it may go. False when it is not here, e.g. acknowledged before.
    pub fn handle_ack(&mut self, id: RecordId) -> bool {
        self.remove(id, Removal::Acked)
    }

    /// The coordinator could not take it now. It is due again after a back-off that doubles with
    /// every attempt; `jitter` from 0 to 1 shortens it by up to half.
    pub fn handle_nack(&mut self, now: Timestamp, id: RecordId, jitter: f32) -> bool {
        let Some(entry) = self.entries.get_mut(&id) else {
            return false;
        };
        entry.attempts = entry.attempts.saturating_add(1);
        let pause = self.settings.pause(entry.attempts, jitter);
        self.set_state(
            id,
            State::Waiting {
                until: now.after(pause),
            },
        );
        self.counters.nacked += 1;
        true
    }

    /// The coordinator will never take it.
    pub fn handle_reject(&mut self, id: RecordId) -> bool {
        self.remove(id, Removal::Rejected)
    }

    /// Its bytes cannot be read back.
    pub fn handle_unreadable(&mut self, id: RecordId) -> bool {
        self.remove(id, Removal::Unreadable)
    }

    /// The link is down: all that was on its way is due again at once, as nobody was at fault.
    pub fn handle_disconnect(&mut self) {
        let flying = |e: &Entry| matches!(e.state, State::InFlight { .. });
        let ids: Vec<RecordId> = self
            .entries
            .iter()
            .filter(|(_, e)| flying(e))
            .map(|(id, _)| *id)
            .collect();
        for id in ids {
            self.set_state(id, State::Ready);
        }
    }

    /// When something happens by itself next: a retry, a missing answer, or a record too old.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        let aged = self
            .by_age
            .first()
            .map(|(at, _)| at.after(self.settings.max_age));
        let timer = self.timers.first().map(|(at, _)| *at);
        aged.into_iter().chain(timer).min()
    }

    /// Lets time pass.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        while let Some(&(at, id)) = self.timers.first() {
            // A timer further ahead than any that can be set was set before the clock went back.
            if at > now && at <= now.after(self.settings.longest_timer()) {
                break;
            }
            if at > now {
                self.counters.clock_steps += 1;
            }
            if matches!(
                self.entries.get(&id).map(|e| e.state),
                Some(State::InFlight { .. })
            ) {
                self.counters.unanswered += 1;
            }
            self.set_state(id, State::Ready);
        }
        while let Some(&(at, id)) = self.by_age.first() {
            if now.since(at) < self.settings.max_age || at >= now {
                break;
            }
            self.remove(id, Removal::TooOld);
        }
    }

    /// What the driver is to delete from disk.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Records here.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Their bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Records on their way.
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Age of the oldest record.
    pub fn oldest_age(&self, now: Timestamp) -> Option<Duration> {
        self.by_age.first().map(|(at, _)| now.since(*at))
    }

    /// The counters since the start.
    pub fn counters(&self) -> LedgerCounters {
        self.counters
    }

    fn insert(&mut self, record: RecordInfo) {
        let RecordInfo {
            id,
            size,
            appended_at,
            priority,
        } = record;
        self.next = self.next.max(id.0.saturating_add(1));
        self.bytes += size;
        self.ready.insert((Reverse(priority), id));
        self.droppable.insert((priority, id));
        self.by_age.insert((appended_at, id));
        let entry = Entry {
            size,
            appended_at,
            priority,
            attempts: 0,
            state: State::Ready,
        };
        self.entries.insert(id, entry);
    }

    fn make_room(&mut self, size: u64) {
        let spare = usize::from(size > 0);
        while self.bytes.saturating_add(size) > self.settings.max_bytes
            || self.entries.len() + spare > self.settings.max_records
        {
            let Some(&(_, id)) = self.droppable.first() else {
                return;
            };
            self.remove(id, Removal::OverBudget);
        }
    }

    fn remove(&mut self, id: RecordId, cause: Removal) -> bool {
        if !self.entries.contains_key(&id) {
            return false;
        }
        self.set_state(id, State::Ready);
        if let Some(entry) = self.entries.remove(&id) {
            self.ready.remove(&(Reverse(entry.priority), id));
            self.droppable.remove(&(entry.priority, id));
            self.by_age.remove(&(entry.appended_at, id));
            self.bytes -= entry.size;
            self.counters.count_removal(cause, entry.size);
            self.outputs.push_back(Output::Delete { id, cause });
        }
        true
    }

    /// The one place where an entry's state and the indices over it change together.
    fn set_state(&mut self, id: RecordId, state: State) {
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        match entry.state {
            State::Ready => {
                self.ready.remove(&(Reverse(entry.priority), id));
            }
            State::Waiting { until } => {
                self.timers.remove(&(until, id));
            }
            State::InFlight { deadline } => {
                self.timers.remove(&(deadline, id));
                self.in_flight -= 1;
                self.in_flight_bytes -= entry.size;
            }
        }
        match state {
            State::Ready => {
                self.ready.insert((Reverse(entry.priority), id));
            }
            State::Waiting { until } => {
                self.timers.insert((until, id));
            }
            State::InFlight { deadline } => {
                self.timers.insert((deadline, id));
                self.in_flight += 1;
                self.in_flight_bytes += entry.size;
            }
        }
        entry.state = state;
    }
}

impl Entry {
    fn info(&self, id: RecordId) -> RecordInfo {
        let Self {
            size,
            appended_at,
            priority,
            ..
        } = *self;
        RecordInfo {
            id,
            size,
            appended_at,
            priority,
        }
    }
}
