//! The receiver alone, step by step.

use super::*;

fn id(n: u128) -> EventId {
    EventId(uuid::Uuid::from_u128(n))
}

fn receiver(events: u32, bytes: u64) -> (Receiver, Instant) {
    let window = Window { events, bytes };
    (
        Receiver::new(ReceiverConfig {
            window,
            ..ReceiverConfig::default()
        }),
        Instant::now(),
    )
}

fn open(
    receiver: &mut Receiver,
    now: Instant,
    key: u64,
    event: u128,
    bytes: u32,
) -> Option<Action> {
    receiver.handle_opened(now, PushKey(key));
    receiver.handle_head(
        now,
        PushKey(key),
        PushHead {
            event_id: id(event),
            bytes,
        },
    );
    receiver.poll_transmit()
}

fn is_retry(action: &Option<Action>) -> bool {
    matches!(
        action,
        Some(Action::Reply {
            reply: PushReply::Retry(_),
            ..
        })
    )
}

#[test]
fn the_ack_comes_after_the_commit_and_not_before() {
    let (mut r, now) = receiver(4, 1_000);
    let push = PushKey(1);
    assert_eq!(
        open(&mut r, now, 1, 1, 10),
        Some(Action::ReadBody { push, bytes: 10 })
    );
    r.handle_body(push);
    assert_eq!(
        r.poll_transmit(),
        Some(Action::Commit {
            push,
            event_id: id(1)
        })
    );
    assert_eq!(r.poll_transmit(), None);
    r.handle_committed(id(1), false);
    let reply = PushReply::Ack(Ack {
        event_id: id(1),
        duplicate: false,
    });
    assert_eq!(r.poll_transmit(), Some(Action::Reply { push, reply }));
    assert_eq!((r.under_way(), r.bytes()), (0, 0));
}

#[test]
fn a_refused_commit_is_no_ack() {
    let (mut r, now) = receiver(4, 1_000);
    open(&mut r, now, 1, 1, 10);
    r.handle_body(PushKey(1));
    r.poll_transmit();
    let why = Refused::Retry {
        after: Duration::from_secs(2),
        reason: "full".to_owned(),
    };
    r.handle_refused(id(1), &why);
    let reply = PushReply::Retry(Retry {
        event_id: id(1),
        after_ms: 2_000,
        reason: "full".to_owned(),
    });
    assert_eq!(
        r.poll_transmit(),
        Some(Action::Reply {
            push: PushKey(1),
            reply
        })
    );
}

#[test]
fn a_second_push_of_an_event_waits_for_the_first() {
    let (mut r, now) = receiver(4, 1_000);
    for key in [1, 2] {
        open(&mut r, now, key, 7, 10);
    }
    r.handle_body(PushKey(1));
    r.handle_body(PushKey(2));
    assert!(matches!(
        r.poll_transmit(),
        Some(Action::Commit {
            push: PushKey(1),
            ..
        })
    ));
    assert_eq!(r.poll_transmit(), None, "not committed twice");
    r.handle_gone(PushKey(1));
    assert_eq!(r.poll_transmit(), Some(Action::Abort(PushKey(1))));
    r.handle_committed(id(7), false);
    assert!(matches!(
        r.poll_transmit(),
        Some(Action::Reply {
            push: PushKey(2),
            ..
        })
    ));
    assert_eq!(r.poll_transmit(), None);
    assert_eq!((r.under_way(), r.bytes()), (0, 0));
}

#[test]
fn the_window_holds_even_for_streams_that_went_away() {
    let (mut r, now) = receiver(1, 1_000);
    open(&mut r, now, 1, 1, 10);
    r.handle_body(PushKey(1));
    r.poll_transmit();
    r.handle_gone(PushKey(1));
    r.poll_transmit();
    assert!(
        is_retry(&open(&mut r, now, 2, 2, 10)),
        "the commit still holds its bytes"
    );
    r.handle_committed(id(1), false);
    assert_eq!(r.poll_transmit(), None, "nobody is there to be told");
    assert!(matches!(
        open(&mut r, now, 3, 2, 10),
        Some(Action::ReadBody { .. })
    ));
}

#[test]
fn bytes_are_bounded_but_one_event_may_go_alone() {
    let (mut r, now) = receiver(4, 100);
    assert!(matches!(
        open(&mut r, now, 1, 1, 500),
        Some(Action::ReadBody { .. })
    ));
    assert!(is_retry(&open(&mut r, now, 2, 2, 1)));
    assert_eq!(r.stats().overruns, 1);
}

#[test]
fn sizes_that_cannot_be_are_refused_for_good() {
    let (mut r, now) = receiver(4, 100);
    for bytes in [0, MAX_EVENT_BYTES as u32 + 1, u32::MAX] {
        let action = open(&mut r, now, u64::from(bytes), 1, bytes);
        assert!(
            matches!(
                action,
                Some(Action::Reply {
                    reply: PushReply::Reject(_),
                    ..
                })
            ),
            "{bytes}"
        );
    }
    assert_eq!(r.under_way(), 0);
}

#[test]
fn slow_heads_and_bodies_are_cut_off() {
    let (mut r, now) = receiver(4, 1_000);
    let wait = ReceiverConfig::default().read_timeout;
    r.handle_opened(now, PushKey(1));
    open(&mut r, now, 2, 2, 10);
    assert_eq!(r.poll_timeout(), Some(now + wait));
    r.handle_timeout(now + wait);
    assert_eq!(r.poll_transmit(), Some(Action::Abort(PushKey(1))));
    assert_eq!(r.poll_transmit(), Some(Action::Abort(PushKey(2))));
    assert_eq!((r.under_way(), r.bytes(), r.stats().timeouts), (0, 0, 2));
    r.handle_body(PushKey(2));
    assert_eq!(r.poll_transmit(), None, "too late");
}

#[test]
fn a_new_window_is_told_once() {
    let (mut r, _) = receiver(4, 100);
    let less = Window {
        events: 1,
        bytes: 50,
    };
    r.set_window(less);
    r.set_window(less);
    assert_eq!(r.poll_transmit(), Some(Action::Grant(less)));
    assert_eq!(r.poll_transmit(), None);
}

#[test]
fn without_memory_a_body_is_not_read() {
    let (mut r, now) = receiver(4, 1_000);
    open(&mut r, now, 1, 1, 10);
    r.handle_no_room(PushKey(1));
    assert!(is_retry(&r.poll_transmit()));
    assert_eq!((r.under_way(), r.bytes()), (0, 0));
}
