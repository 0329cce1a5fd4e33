//! The shipper alone, step by step.

use super::*;
use crate::link::push::{Ack, Reject, Retry};

const WIDE: Window = Window {
    events: 32,
    bytes: 1 << 30,
};

struct Bench {
    shipper: Shipper,
    now: Instant,
}

fn head(seq: u64, bytes: u32) -> RecordHead {
    RecordHead {
        seq: RecordSeq(seq),
        event_id: id(seq),
        bytes,
    }
}

fn id(seq: u64) -> crate::id::EventId {
    crate::id::EventId(uuid::Uuid::from_u128(u128::from(seq)))
}

impl Bench {
    fn new(config: ShipperConfig) -> Self {
        let now = Instant::now();
        Self {
            shipper: Shipper::new(config, now, 1),
            now,
        }
    }

    /// Connects with `window` and feeds `records` to the first fetch; the pushes that follow.
    fn up(
        config: ShipperConfig,
        window: Window,
        records: &[RecordHead],
    ) -> (Self, Vec<(PushId, u64)>) {
        let mut bench = Self::new(config);
        bench.shipper.handle_timeout(bench.now);
        assert_eq!(bench.shipper.poll_transmit(), Some(Transmit::Connect));
        bench.shipper.handle_connected(bench.now, window);
        let pushes = bench.feed(records);
        (bench, pushes)
    }

    fn feed(&mut self, records: &[RecordHead]) -> Vec<(PushId, u64)> {
        let mut pushes = Vec::new();
        while let Some(transmit) = self.shipper.poll_transmit() {
            match transmit {
                Transmit::Fetch { fetch, after, max } => {
                    let page: Vec<_> = records
                        .iter()
                        .filter(|r| Some(r.seq) > after)
                        .take(max)
                        .copied()
                        .collect();
                    self.shipper.handle_fetched(self.now, fetch, &page);
                }
                Transmit::Push { push, record } => pushes.push((push, record.seq.0)),
                other => panic!("{other:?}"),
            }
        }
        pushes
    }

    fn ack(&mut self, push: PushId, seq: u64) {
        let ack = Ack {
            event_id: id(seq),
            duplicate: false,
        };
        self.shipper
            .handle_reply(self.now, push, PushReply::Ack(ack));
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.shipper.handle_timeout(self.now);
    }
}

fn seqs(pushes: &[(PushId, u64)]) -> Vec<u64> {
    pushes.iter().map(|(_, seq)| *seq).collect()
}

#[test]
fn the_window_bounds_events_and_bytes() {
    let records: Vec<_> = (0..100).map(|seq| head(seq, 1_000)).collect();
    let few = Window {
        events: 3,
        bytes: 1 << 30,
    };
    let (mut bench, pushes) = Bench::up(ShipperConfig::default(), few, &records);
    assert_eq!(seqs(&pushes), [0, 1, 2]);
    assert_eq!(bench.shipper.known(), 6, "two windows of heads at most");
    bench.ack(pushes[0].0, 0);
    assert_eq!(seqs(&bench.feed(&records)), [3]);

    let small = Window {
        events: 32,
        bytes: 2_500,
    };
    let (_, pushes) = Bench::up(ShipperConfig::default(), small, &records);
    assert_eq!(seqs(&pushes), [0, 1]);

    let (_, pushes) = Bench::up(
        ShipperConfig::default(),
        Window {
            events: 2,
            bytes: 10,
        },
        &records,
    );
    assert_eq!(seqs(&pushes), [0], "one may always go alone");
    let (_, pushes) = Bench::up(
        ShipperConfig::default(),
        Window {
            events: 0,
            bytes: 10,
        },
        &records,
    );
    assert!(pushes.is_empty());
}

#[test]
fn a_wider_window_lets_more_go() {
    let records: Vec<_> = (0..10).map(|seq| head(seq, 1)).collect();
    let (mut bench, pushes) = Bench::up(
        ShipperConfig::default(),
        Window {
            events: 0,
            bytes: 0,
        },
        &records,
    );
    assert!(pushes.is_empty());
    bench.shipper.handle_window(bench.now, WIDE);
    assert_eq!(bench.feed(&records).len(), 10);
}

#[test]
fn only_an_ack_of_the_same_event_delivers() {
    let (mut bench, pushes) = Bench::up(ShipperConfig::default(), WIDE, &[head(1, 5), head(2, 5)]);
    let wrong = PushReply::Ack(Ack {
        event_id: id(99),
        duplicate: false,
    });
    bench.shipper.handle_reply(bench.now, pushes[0].0, wrong);
    assert_eq!(bench.shipper.poll_event(), None);
    bench.ack(pushes[1].0, 2);
    let delivered = ShipperEvent::Delivered {
        seq: RecordSeq(2),
        event_id: id(2),
        duplicate: false,
    };
    assert_eq!(bench.shipper.poll_event(), Some(delivered));
    bench.ack(pushes[1].0, 2);
    assert_eq!(
        bench.shipper.poll_event(),
        None,
        "a second ack says nothing new"
    );
    assert_eq!(bench.shipper.known(), 1);
}

#[test]
fn a_wait_is_kept_and_the_record_goes_again() {
    let (mut bench, pushes) = Bench::up(ShipperConfig::default(), WIDE, &[head(1, 5)]);
    let retry = Retry {
        event_id: id(1),
        after_ms: 10_000,
        reason: String::new(),
    };
    bench
        .shipper
        .handle_reply(bench.now, pushes[0].0, PushReply::Retry(retry));
    bench.pass(Duration::from_millis(9_999));
    assert!(bench.feed(&[]).is_empty());
    bench.pass(Duration::from_millis(1));
    assert_eq!(seqs(&bench.feed(&[])), [1]);
}

#[test]
fn a_refusal_for_good_is_told_and_the_next_goes_on() {
    let (mut bench, pushes) = Bench::up(ShipperConfig::default(), WIDE, &[head(1, 5)]);
    let reject = Reject {
        event_id: id(1),
        reason: "no".to_owned(),
    };
    bench
        .shipper
        .handle_reply(bench.now, pushes[0].0, PushReply::Reject(reject));
    assert!(matches!(
        bench.shipper.poll_event(),
        Some(ShipperEvent::Rejected { .. })
    ));
    bench.shipper.handle_appended(bench.now);
    assert_eq!(seqs(&bench.feed(&[head(2, 5)])), [2]);
}

#[test]
fn a_lost_connection_sends_everything_again() {
    let records = [head(1, 5), head(2, 5)];
    let (mut bench, pushes) = Bench::up(ShipperConfig::default(), WIDE, &records);
    bench.ack(pushes[1].0, 2);
    bench
        .shipper
        .handle_disconnected(bench.now, Disconnect::Lost);
    assert_eq!(bench.shipper.in_flight(), 0);
    let at = bench.shipper.poll_timeout().unwrap();
    assert!(at - bench.now <= Duration::from_millis(250));
    bench.now = at;
    bench.shipper.handle_timeout(at);
    assert_eq!(bench.shipper.poll_transmit(), Some(Transmit::Connect));
    bench.shipper.handle_connected(at, WIDE);
    // The driver has deleted record 2 meanwhile.
    assert_eq!(seqs(&bench.feed(&records[..1])), [1]);
    // An answer that belongs to the lost connection is not taken for one of this.
    bench.ack(pushes[0].0, 1);
    assert_eq!(bench.shipper.in_flight(), 1);
}

#[test]
fn an_answer_to_an_old_fetch_skips_nothing() {
    let records: Vec<_> = (0..8).map(|seq| head(seq, 5)).collect();
    let mut bench = Bench::new(ShipperConfig::default());
    bench.shipper.handle_timeout(bench.now);
    bench.shipper.handle_connected(bench.now, WIDE);
    assert_eq!(bench.shipper.poll_transmit(), Some(Transmit::Connect));
    let Some(Transmit::Fetch { fetch: old, .. }) = bench.shipper.poll_transmit() else {
        panic!()
    };
    bench
        .shipper
        .handle_disconnected(bench.now, Disconnect::Lost);
    bench.pass(Duration::from_secs(60));
    assert_eq!(bench.shipper.poll_transmit(), Some(Transmit::Connect));
    bench.shipper.handle_connected(bench.now, WIDE);
    bench.shipper.handle_fetched(bench.now, old, &records[6..]);
    assert_eq!(bench.feed(&records).len(), 8);
}

#[test]
fn silence_ends_the_connection_but_one_lost_answer_does_not() {
    let config = ShipperConfig::default();
    let (mut bench, _) = Bench::up(config, WIDE, &[head(1, 5)]);
    bench.pass(config.push_timeout);
    assert_eq!(bench.shipper.poll_transmit(), Some(Transmit::Disconnect));
    assert!(!bench.shipper.is_connected());

    let (mut bench, pushes) = Bench::up(config, WIDE, &[head(1, 5), head(2, 5)]);
    bench.pass(Duration::from_secs(1));
    bench.ack(pushes[1].0, 2);
    bench.pass(config.push_timeout);
    assert_eq!(
        bench.shipper.poll_transmit(),
        Some(Transmit::Cancel(pushes[0].0))
    );
    assert!(bench.shipper.is_connected());
    bench.pass(Duration::from_secs(1));
    assert_eq!(seqs(&bench.feed(&[])), [1]);
}

#[test]
fn a_slow_uplink_gets_the_time_its_bytes_need() {
    let config = ShipperConfig::default();
    let (mut bench, _) = Bench::up(config, WIDE, &[head(1, 16 << 20)]);
    bench.pass(config.push_timeout + Duration::from_secs(900));
    assert_eq!(bench.shipper.poll_transmit(), None);
}

#[test]
fn being_turned_away_waits_long_but_not_for_ever() {
    let config = ShipperConfig::default();
    let mut bench = Bench::new(config);
    bench.shipper.handle_timeout(bench.now);
    bench
        .shipper
        .handle_disconnected(bench.now, Disconnect::Refused);
    let wait = bench.shipper.poll_timeout().unwrap() - bench.now;
    assert!(wait >= config.reconnect.limit() / 2 && wait <= config.reconnect.limit());
}

#[test]
fn dialling_has_an_end() {
    let config = ShipperConfig::default();
    let mut bench = Bench::new(config);
    bench.shipper.handle_timeout(bench.now);
    assert_eq!(bench.shipper.poll_transmit(), Some(Transmit::Connect));
    bench.pass(config.connect_timeout);
    assert_eq!(bench.shipper.poll_transmit(), Some(Transmit::Disconnect));
    assert!(bench.shipper.poll_timeout().is_some());
}

#[test]
fn draining_begins_nothing_new() {
    let (mut bench, pushes) = Bench::up(
        ShipperConfig::default(),
        Window {
            events: 1,
            bytes: 99,
        },
        &[head(1, 5), head(2, 5)],
    );
    bench.shipper.drain();
    bench.ack(pushes[0].0, 1);
    assert!(bench.feed(&[]).is_empty());
    assert_eq!(bench.shipper.in_flight(), 0);
    bench
        .shipper
        .handle_disconnected(bench.now, Disconnect::Lost);
    assert_eq!(bench.shipper.poll_timeout(), None);
}

#[test]
fn what_piled_up_goes_at_the_pace_that_was_set() {
    let config = ShipperConfig {
        max_rate: 1_000,
        ..ShipperConfig::default()
    };
    let records: Vec<_> = (1..=10).map(|seq| head(seq, 1_000)).collect();
    let (mut bench, first) = Bench::up(config, WIDE, &records);
    // Two seconds' worth and the one that tips the balance.
    assert_eq!(seqs(&first), [1, 2, 3]);
    for next in 4..=10 {
        let due = bench.shipper.poll_timeout().unwrap();
        bench.pass(Duration::from_millis(900));
        assert!(bench.feed(&records).is_empty());
        bench.pass(Duration::from_millis(100));
        assert_eq!(due, bench.now);
        assert_eq!(seqs(&bench.feed(&records)), [next]);
    }
}
