//! Events, and the queues that they go through.

use std::collections::BTreeSet;

use goshawk_coordinator_core::{
    event::{EventEstimations, EventFace, StoredEvent},
    event_filter::{Direction, EventFilters, EventQuery},
    query::{Pairs, Parameters},
};
use goshawk_proto::{id::HandlerId, stream::Location};
use uuid::Uuid;

use super::{
    ACCOUNT, AGENT, Fixture, STRANGER, at, event_id, face, face_id, list, list_id, missing, page,
};
use crate::store::{Finish, Received, Store};

pub(crate) fn event(n: u128) -> StoredEvent {
    StoredEvent {
        event_id: event_id(n),
        account_id: ACCOUNT,
        handler_id: HandlerId(Uuid::from_u128(1)),
        create_time: at(n as i64),
        end_time: at(n as i64 + 1),
        external_id: String::new(),
        user_data: String::new(),
        source: Some(if n.is_multiple_of(2) { "even" } else { "odd" }.into()),
        stream_id: None,
        track_id: None,
        location: Location::default(),
        tags: vec!["tag".into()],
        meta: Some(serde_json::json!({"deep": [1, 2.5, "x", null]})),
        detections: Vec::new(),
        attributes: None,
        liveness: None,
        estimated: EventEstimations::default(),
        matches: None,
        top_match: None,
        face: None,
        stored: true,
        request_id: None,
    }
}

fn finish(n: u128, incoming: Option<u64>) -> Finish {
    Finish {
        incoming,
        event: event(n),
        face: None,
        attribute: None,
        notify: true,
        now: at(90),
    }
}

fn numbers(store: &dyn Store, query: &EventQuery) -> Vec<u128> {
    let found = store.events(ACCOUNT, query).unwrap();
    found
        .iter()
        .map(|e| e.event_id.0.as_u128() - 0xe000)
        .collect()
}

pub(super) fn queries(store: &dyn Store) {
    for n in [3, 1, 4, 2, 5] {
        store.finish(&finish(n, None)).unwrap().unwrap();
    }
    assert_eq!(store.event(ACCOUNT, event_id(3)).unwrap(), event(3));
    assert!(missing(store.event(STRANGER, event_id(3))));
    let newest = EventQuery::default();
    assert_eq!(numbers(store, &newest), [5, 4, 3, 2, 1]);
    assert_eq!(
        numbers(
            store,
            &EventQuery {
                page: page(2, 2),
                ..newest.clone()
            }
        ),
        [3, 2]
    );
    assert!(store.events(STRANGER, &newest).unwrap().is_empty());
    let with = |filters: EventFilters| EventQuery {
        filters,
        direction: Direction::Ascending,
        ..EventQuery::default()
    };
    let times = EventFilters {
        create_time_gte: Some(at(2)),
        create_time_lt: Some(at(4)),
        ..EventFilters::default()
    };
    assert_eq!(store.count_events(ACCOUNT, &times).unwrap(), 2);
    assert_eq!(numbers(store, &with(times)), [2, 3]);
    let ids = EventFilters {
        event_id_gte: Some(event_id(4)),
        ..EventFilters::default()
    };
    assert_eq!(numbers(store, &with(ids)), [4, 5]);
    let named = EventFilters {
        event_ids: Some(vec![event_id(5), event_id(1), event_id(9)]),
        ..EventFilters::default()
    };
    assert_eq!(numbers(store, &with(named)), [1, 5]);
    let empty = EventFilters {
        create_time_gte: Some(at(4)),
        create_time_lt: Some(at(2)),
        ..EventFilters::default()
    };
    assert!(numbers(store, &with(empty)).is_empty());
    let odd = EventQuery::read(Pairs(&[("sources".into(), "odd".into())])).unwrap();
    assert_eq!(numbers(store, &odd), [5, 3, 1]);
    assert_eq!(
        store
            .count_events(ACCOUNT, &EventFilters::default())
            .unwrap(),
        5
    );
}

fn receive(store: &dyn Store, n: u128) -> Received {
    store
        .receive(ACCOUNT, AGENT, event_id(n), &[n as u8; 100], at(10))
        .unwrap()
}

pub(super) fn an_event_goes_through_once(store: &dyn Store) {
    assert_eq!(receive(store, 1), Received::New);
    assert_eq!(receive(store, 1), Received::Duplicate);
    assert_eq!(receive(store, 2), Received::New);
    let rows = store.incoming(None, 10).unwrap();
    assert_eq!(
        rows.iter().map(|r| r.event_id).collect::<Vec<_>>(),
        [event_id(1), event_id(2)]
    );
    assert_eq!(
        (rows[0].account_id, rows[0].agent_id, rows[0].tries),
        (ACCOUNT, AGENT, 0)
    );
    assert_eq!(&rows[1].raw[..], &[2; 100]);
    assert_eq!(store.incoming(Some(rows[0].seq), 10).unwrap().len(), 1);
    assert_eq!(store.incoming_len().unwrap(), 2);

    let done = store
        .finish(&finish(1, Some(rows[0].seq)))
        .unwrap()
        .unwrap();
    assert!(
        store
            .finish(&finish(1, Some(rows[0].seq)))
            .unwrap()
            .is_none(),
        "a second time"
    );
    assert_eq!(
        receive(store, 1),
        Received::Duplicate,
        "processed ones are known as well"
    );
    assert_eq!(store.incoming_len().unwrap(), 1);
    assert_eq!(store.event(ACCOUNT, event_id(1)).unwrap(), event(1));

    let outgoing = store.outgoing(None, 10).unwrap();
    assert_eq!(outgoing.len(), 1);
    assert_eq!(
        (Some(outgoing[0].seq), &outgoing[0].event),
        (done.outgoing, &event(1))
    );
    store.sent(outgoing[0].seq).unwrap();
    assert!(store.outgoing(None, 10).unwrap().is_empty());

    let mut unkept = finish(2, Some(rows[1].seq));
    unkept.event.stored = false;
    store.finish(&unkept).unwrap().unwrap();
    assert!(
        missing(store.event(ACCOUNT, event_id(2))),
        "sent but not kept"
    );
    assert_eq!(store.outgoing(None, 10).unwrap().len(), 1);
    assert_eq!(receive(store, 2), Received::Duplicate);
}

pub(super) fn poison_is_set_aside(store: &dyn Store) {
    receive(store, 1);
    let seq = store.incoming(None, 1).unwrap()[0].seq;
    assert_eq!(store.note_failure(seq).unwrap(), 1);
    assert_eq!(store.note_failure(seq).unwrap(), 2);
    assert_eq!(store.incoming(None, 1).unwrap()[0].tries, 2);
    store.bury(seq, "cannot be read", at(20)).unwrap();
    store.bury(seq, "again", at(21)).unwrap();
    assert_eq!(store.incoming_len().unwrap(), 0);
    assert_eq!(store.dead_len().unwrap(), 1);
    let letters = store.dead_after(None, 10).unwrap();
    assert_eq!(letters.len(), 1);
    let letter = store.dead_letter(seq).unwrap();
    assert_eq!(letters[0], (seq, letter.clone()));
    assert_eq!(
        (letter.event_id, letter.reason.as_str()),
        (event_id(1), "cannot be read")
    );
    assert_eq!(
        (letter.received_at, letter.at, letter.tries),
        (Some(at(10)), at(20), 2)
    );
    assert_eq!(letter.raw, [1; 100]);
    assert_eq!(
        receive(store, 1),
        Received::Duplicate,
        "what was set aside does not come back"
    );
    assert!(missing(store.note_failure(seq)));
    assert!(store.mark().unwrap() > seq);
}

pub(super) fn what_was_set_aside_can_be_tried_again(store: &dyn Store) {
    for n in 1..=5 {
        receive(store, n);
        let seq = store.incoming(None, 1).unwrap()[0].seq;
        store.note_failure(seq).unwrap();
        store.bury(seq, "bad", at(20)).unwrap();
    }
    let dead = store.dead_after(None, 10).unwrap();
    assert_eq!(dead.len(), 5);
    assert!(dead.windows(2).all(|pair| pair[0].0 < pair[1].0));
    let (first, letter) = &dead[0];
    assert_eq!(letter.event_id, event_id(1));
    assert_eq!(store.dead_after(Some(*first), 1).unwrap(), dead[1..2]);
    assert_eq!(store.requeue(&[*first], at(30)).unwrap(), 1);
    assert_eq!(
        store.requeue(&[*first], at(31)).unwrap(),
        0,
        "it is there no more"
    );
    assert!(missing(store.dead_letter(*first)));
    let waits = store.incoming(None, 10).unwrap();
    assert_eq!(waits.len(), 1);
    assert_eq!(
        (waits[0].event_id, waits[0].tries, waits[0].received_at),
        (event_id(1), 0, at(30))
    );
    assert_eq!(waits[0].raw[..], [1; 100]);
    assert!(waits[0].seq > dead[4].0, "at the end");
    assert!(store.forget_dead(dead[1].0).unwrap());
    assert!(!store.forget_dead(dead[1].0).unwrap());
    assert_eq!(store.dead_len().unwrap(), 3);
    let done = store.finish(&finish(1, Some(waits[0].seq))).unwrap();
    assert!(done.is_some());
    assert_eq!(receive(store, 2), Received::Duplicate);
    // Several at once, some of them named twice, some of them gone.
    let places = [dead[3].0, dead[2].0, dead[1].0, dead[3].0];
    assert_eq!(store.requeue(&places, at(40)).unwrap(), 2);
    let waits = store.incoming(None, 10).unwrap();
    let ids: Vec<_> = waits.iter().map(|row| row.event_id).collect();
    assert_eq!(ids, [event_id(3), event_id(4)]);
    assert_eq!(store.dead_len().unwrap(), 1);
}

pub(super) fn a_vanished_list_is_left_out(store: &dyn Store) {
    store.create_list(&list(1)).unwrap();
    let mut finish = finish(1, None);
    finish.face = Some(face(1, &[list_id(1), list_id(2)]));
    finish.event.face = Some(EventFace {
        face_id: face_id(1),
        external_id: String::new(),
        user_data: String::new(),
        avatar: String::new(),
        lists: vec![list_id(1), list_id(2)],
    });
    let done = store.finish(&finish).unwrap().unwrap();
    assert_eq!(done.event.face.unwrap().lists, [list_id(1)]);
    assert_eq!(store.face(ACCOUNT, face_id(1)).unwrap().lists, [list_id(1)]);
    assert_eq!(
        store.list(ACCOUNT, list_id(1)).unwrap().last_update_time,
        at(90)
    );
}

pub(super) fn queues_survive_reopening<F: Fixture>(fixture: &F) {
    {
        let store = fixture.open();
        receive(store.as_ref(), 1);
        receive(store.as_ref(), 2);
        let first = store.incoming(None, 1).unwrap()[0].seq;
        store.finish(&finish(1, Some(first))).unwrap().unwrap();
    }
    let store = fixture.open();
    assert_eq!(store.incoming(None, 10).unwrap().len(), 1);
    assert_eq!(store.outgoing(None, 10).unwrap().len(), 1);
    receive(store.as_ref(), 3);
    let rows = store.incoming(None, 10).unwrap();
    assert_eq!(
        rows.iter().map(|r| r.event_id).collect::<Vec<_>>(),
        [event_id(2), event_id(3)]
    );
}

pub(super) fn many_writers_lose_nothing(store: &dyn Store) {
    const EACH: u128 = 25;
    let new = std::sync::atomic::AtomicU32::new(0);
    std::thread::scope(|scope| {
        for thread in 0..4u128 {
            let new = &new;
            scope.spawn(move || {
                for n in 0..EACH {
                    // Neighbouring threads hand in half of the same events.
                    let id = thread / 2 * EACH + n;
                    if receive(store, id) == Received::New {
                        new.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let rows = store.incoming(None, 1000).unwrap();
    let ids: BTreeSet<_> = rows.iter().map(|r| r.event_id).collect();
    assert_eq!(
        (rows.len(), ids.len()),
        (2 * EACH as usize, 2 * EACH as usize)
    );
    assert_eq!(new.into_inner(), 2 * EACH as u32);
    assert!(rows.windows(2).all(|w| w[0].seq < w[1].seq));
}
