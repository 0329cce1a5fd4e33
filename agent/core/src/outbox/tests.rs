//! The ledger against a model that scans a plain list, and a few cases by hand.

use proptest::prelude::*;

use super::*;

fn at(millis: u64) -> Timestamp {
    Timestamp::from_unix_micros(1_700_000_000_000_000).after(Duration::from_millis(millis))
}

fn settings() -> LedgerSettings {
    LedgerSettings {
        max_bytes: 1_000,
        max_records: 8,
        max_age: Duration::from_secs(60),
        window_records: 3,
        window_bytes: 500,
        ack_timeout: Duration::from_secs(10),
        retry_first: Duration::from_secs(1),
        retry_max: Duration::from_secs(8),
    }
}

fn empty() -> Ledger {
    Ledger::restore(settings(), at(0), RecordId(0), [])
}

fn drain(ledger: &mut Ledger) -> Vec<(RecordId, Removal)> {
    std::iter::from_fn(|| ledger.poll_output())
        .map(|Output::Delete { id, cause }| (id, cause))
        .collect()
}

#[derive(Clone, Debug)]
enum Step {
    Append(u64, Priority),
    Send,
    Ack(u64),
    Nack(u64, f32),
    Reject(u64),
    Disconnect,
    Wait(u64),
    Restart,
}

fn any_step() -> impl Strategy<Value = Step> {
    let priority = prop_oneof![
        Just(Priority::Low),
        Just(Priority::Normal),
        Just(Priority::High)
    ];
    let id = 0u64..30;
    prop_oneof![
        4 => (1u64..600, priority).prop_map(|(size, p)| Step::Append(size, p)),
        4 => Just(Step::Send),
        3 => id.clone().prop_map(Step::Ack),
        2 => (id.clone(), 0.0f32..1.0).prop_map(|(id, j)| Step::Nack(id, j)),
        1 => id.prop_map(Step::Reject),
        1 => Just(Step::Disconnect),
        3 => (1u64..20_000).prop_map(Step::Wait),
        1 => Just(Step::Restart),
    ]
}

/// A record of the model: when it may be sent, and until when it is on its way.
#[derive(Clone, Debug)]
struct Record {
    info: RecordInfo,
    attempts: u32,
    due: u64,
    flying_until: Option<u64>,
}

#[derive(Default)]
struct Model {
    now: u64,
    next: u64,
    records: Vec<Record>,
    removed: Vec<(RecordId, Removal)>,
}

impl Model {
    fn remove(&mut self, position: usize, cause: Removal) {
        let record = self.records.remove(position);
        self.removed.push((record.info.id, cause));
    }

    fn find(&self, id: u64) -> Option<usize> {
        self.records.iter().position(|r| r.info.id.0 == id)
    }

    fn pass_time(&mut self) {
        for record in &mut self.records {
            if record.flying_until.is_some_and(|until| until <= self.now) {
                record.flying_until = None;
                record.due = self.now;
            }
        }
        let now = at(self.now);
        let old = |r: &Record| now.since(r.info.appended_at) >= settings().max_age;
        while let Some(position) = self.records.iter().position(old) {
            self.remove(position, Removal::TooOld);
        }
    }

    fn append(&mut self, size: u64, priority: Priority) {
        self.pass_time();
        let sum = |records: &[Record]| records.iter().map(|r| r.info.size).sum::<u64>();
        while sum(&self.records) + size > settings().max_bytes
            || self.records.len() + 1 > settings().max_records
        {
            let least = self
                .records
                .iter()
                .map(|r| (r.info.priority, r.info.id))
                .min()
                .unwrap();
            let position = self.find(least.1.0).unwrap();
            self.remove(position, Removal::OverBudget);
        }
        let info = RecordInfo {
            id: RecordId(self.next),
            size,
            appended_at: at(self.now),
            priority,
        };
        self.next += 1;
        self.records.push(Record {
            info,
            attempts: 0,
            due: 0,
            flying_until: None,
        });
    }

    fn send(&mut self) -> Option<RecordId> {
        self.pass_time();
        let flying = self.records.iter().filter(|r| r.flying_until.is_some());
        let (count, bytes) = flying.fold((0, 0), |(n, b), r| (n + 1, b + r.info.size));
        let due = |r: &&Record| r.flying_until.is_none() && r.due <= self.now;
        let ready = self.records.iter().filter(due);
        let id = ready
            .map(|r| (Reverse(r.info.priority), r.info.id))
            .min()?
            .1;
        let position = self.find(id.0)?;
        let fits = count == 0 || bytes + self.records[position].info.size <= 500;
        if count >= 3 || !fits {
            return None;
        }
        self.records[position].flying_until = Some(self.now + 10_000);
        Some(id)
    }

    fn nack(&mut self, id: u64, jitter: f32) {
        if let Some(position) = self.find(id) {
            let record = &mut self.records[position];
            record.attempts += 1;
            let pause = settings().pause(record.attempts, jitter);
            record.due = self.now + pause.as_micros().div_ceil(1_000) as u64;
            record.flying_until = None;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_ledger_does_what_the_model_does(steps in prop::collection::vec(any_step(), 1..120)) {
        let (mut ledger, mut model) = (empty(), Model::default());
        let (mut gone, mut sent_after_gone) = (Vec::new(), false);
        for step in steps {
            match step {
                Step::Append(size, priority) => {
                    prop_assert_eq!(ledger.next_id().0, model.next);
                    ledger.handle_append(at(model.now), size, priority).unwrap();
                    model.append(size, priority);
                }
                Step::Send => {
                    let id = ledger.next_to_send(at(model.now));
                    prop_assert_eq!(id, model.send());
                    sent_after_gone |= id.is_some_and(|id| gone.contains(&id));
                }
                Step::Ack(id) | Step::Reject(id) => {
                    let ack = matches!(step, Step::Ack(_));
                    let cause = if ack { Removal::Acked } else { Removal::Rejected };
                    let known = model.find(id);
                    let id = RecordId(id);
                    let done = if ack { ledger.handle_ack(id) } else { ledger.handle_reject(id) };
                    prop_assert_eq!(done, known.is_some());
                    known.into_iter().for_each(|position| model.remove(position, cause));
                }
                Step::Nack(id, jitter) => {
                    ledger.handle_nack(at(model.now), RecordId(id), jitter);
                    model.nack(id, jitter);
                }
                Step::Disconnect => {
                    ledger.handle_disconnect();
                    for record in &mut model.records {
                        if record.flying_until.take().is_some() {
                            record.due = 0;
                        }
                    }
                }
                Step::Wait(millis) => {
                    model.now += millis;
                    model.pass_time();
                    ledger.handle_timeout(at(model.now));
                }
                Step::Restart => {
                    let stored: Vec<_> = model.records.iter().rev().map(|r| r.info).collect();
                    let next = RecordId(model.next);
                    ledger = Ledger::restore(settings(), at(model.now), next, stored);
                    model.pass_time();
                    for record in &mut model.records {
                        (record.attempts, record.due, record.flying_until) = (0, 0, None);
                    }
                }
            }
            let mut removed = drain(&mut ledger);
            let mut expected = std::mem::take(&mut model.removed);
            removed.sort_by_key(|r| r.0);
            expected.sort_by_key(|r| r.0);
            prop_assert_eq!(&removed, &expected);
            gone.extend(removed.into_iter().map(|r| r.0));
            prop_assert_eq!(ledger.len(), model.records.len());
            prop_assert_eq!(ledger.bytes(), model.records.iter().map(|r| r.info.size).sum::<u64>());
            prop_assert!(ledger.bytes() <= 1_000 && ledger.len() <= 8);
            let flying = model.records.iter().filter(|r| r.flying_until.is_some()).count();
            prop_assert_eq!(ledger.in_flight(), flying);
        }
        prop_assert!(!sent_after_gone);
    }

    #[test]
    fn every_record_is_accounted_for(steps in prop::collection::vec(any_step(), 1..200)) {
        let mut ledger = empty();
        let mut now = 0;
        for step in steps {
            match step {
                Step::Append(size, p) => { ledger.handle_append(at(now), size, p).unwrap(); }
                Step::Send => { ledger.next_to_send(at(now)); }
                Step::Ack(id) => { ledger.handle_ack(RecordId(id)); }
                Step::Nack(id, j) => { ledger.handle_nack(at(now), RecordId(id), j); }
                Step::Reject(id) => { ledger.handle_reject(RecordId(id)); }
                Step::Disconnect | Step::Restart => ledger.handle_disconnect(),
                // Also backwards: a clock that is set anew must not stall or lose anything.
                Step::Wait(millis) if millis % 5 == 0 => now = u64::saturating_sub(now, millis),
                Step::Wait(millis) => now += millis,
            }
            let c = ledger.counters();
            let left = c.acked + c.over_budget + c.too_old + c.rejected + c.unreadable;
            prop_assert_eq!(c.appended, left + ledger.len() as u64);
        }
        while !ledger.is_empty() {
            match ledger.next_to_send(at(now)) {
                Some(id) => { ledger.handle_ack(id); }
                None => now += 1_000,
            }
            prop_assert!(now < 10_000_000, "everything is delivered in the end");
        }
    }
}

#[test]
fn urgent_records_go_first_and_stay_longest() {
    let mut ledger = empty();
    let mut append = |p| ledger.handle_append(at(0), 400, p).unwrap();
    let (low, high) = (append(Priority::Low), append(Priority::High));
    let normal = append(Priority::Normal);
    assert_eq!(drain(&mut ledger), [(low, Removal::OverBudget)]);
    assert_eq!(ledger.next_to_send(at(0)), Some(high));
    assert_eq!(ledger.next_to_send(at(0)), None, "the window has 500 bytes");
    ledger.handle_ack(high);
    assert_eq!(ledger.next_to_send(at(0)), Some(normal));
}

#[test]
fn a_refused_record_backs_off_and_lets_others_pass() {
    let mut ledger = empty();
    let first = ledger.handle_append(at(0), 10, Priority::Normal).unwrap();
    let second = ledger.handle_append(at(0), 10, Priority::Normal).unwrap();
    let mut now = 0;
    let mut pauses = Vec::new();
    for _ in 0..6 {
        assert_eq!(ledger.next_to_send(at(now)), Some(first));
        ledger.handle_nack(at(now), first, 0.0);
        let until = ledger.poll_timeout().unwrap().since(at(0)).as_millis() as u64;
        pauses.push(until - now);
        if now == 0 {
            assert_eq!(ledger.next_to_send(at(now)), Some(second));
            ledger.handle_ack(second);
        }
        assert_eq!(ledger.next_to_send(at(until - 1)), None);
        now = until;
    }
    assert_eq!(pauses, [1_000, 2_000, 4_000, 8_000, 8_000, 8_000]);
}

#[test]
fn a_record_over_the_budget_is_refused_without_harm() {
    let mut ledger = empty();
    ledger.handle_append(at(0), 900, Priority::Normal).unwrap();
    let refused = ledger.handle_append(at(0), 1_001, Priority::High);
    assert_eq!(
        refused,
        Err(AppendError::TooLarge {
            size: 1_001,
            max_bytes: 1_000
        })
    );
    assert_eq!((ledger.len(), drain(&mut ledger).len()), (1, 0));
}

#[test]
fn peeking_sees_what_is_undelivered() {
    let mut ledger = empty();
    let ids = [0; 3].map(|_| ledger.handle_append(at(0), 1, Priority::Normal).unwrap());
    ledger.handle_ack(ids[1]);
    let peek = |after, max| {
        ledger
            .peek(after, max)
            .iter()
            .map(|r| r.id)
            .collect::<Vec<_>>()
    };
    assert_eq!(peek(None, 9), [ids[0], ids[2]]);
    assert_eq!(peek(Some(ids[0]), 9), [ids[2]]);
    assert_eq!(peek(None, 1), [ids[0]]);
    assert_eq!(ledger.oldest_age(at(5_000)), Some(Duration::from_secs(5)));
}
