//! No method shows or changes what another account has. Two accounts hold random objects, some
//! under the same ids; each tries every method on every id, and afterwards the other one's
//! objects are what they were.

use std::collections::BTreeSet;

use goshawk_coordinator_core::{
    candidates::FaceFilters,
    event_filter::{EventFilters, EventQuery},
    face::{Attributes, FaceList, FacePatch},
};
use goshawk_proto::id::{AccountId, AttributeId, StreamId, TokenId};
use proptest::{prelude::*, test_runner::TestRunner};
use uuid::Uuid;

use super::{
    ACCOUNT, AGENT, Fixture, STRANGER, at, event_id, events, face, face_id, list, list_id, missing,
    objects, page, tokens,
};
use crate::store::{FaceQuery, Finish, ListChange, Received, Store, StreamQuery, TokenQuery};

/// Ids that objects are made under.
const IDS: u128 = 4;

/// Every method that names an account, and so is tried by [`try_everything`] or listed by
/// [`everything`]. A method that is missing here fails [`every_method_is_tried`].
const TRIED: &[&str] = &[
    "stream",
    "streams",
    "count_streams",
    "update_stream",
    "delete_stream",
    "group",
    "groups",
    "describe_group",
    "delete_group",
    "link_streams",
    "stream_logs",
    "handler",
    "handlers",
    "count_handlers",
    "delete_handler",
    "face",
    "faces",
    "count_faces",
    "patch_face",
    "set_face_attributes",
    "delete_face",
    "list",
    "lists",
    "count_lists",
    "rename_list",
    "delete_list",
    "attach",
    "attribute",
    "delete_attribute",
    "event",
    "events",
    "count_events",
    "token",
    "tokens",
    "delete_token",
    "receive",
];

/// Which objects an account has. Ids of streams and tokens are unique over all accounts.
#[derive(Clone, Debug, Default)]
struct Has {
    objects: BTreeSet<u128>,
    unique: BTreeSet<u128>,
}

fn has() -> impl Strategy<Value = (Has, Has)> {
    let ids = || prop::collection::btree_set(0..IDS, 0..=IDS as usize);
    (ids(), ids(), ids()).prop_map(|(ours, theirs, unique)| {
        let rest = (0..IDS).filter(|n| !unique.contains(n)).collect();
        let ours = Has {
            objects: ours,
            unique,
        };
        let theirs = Has {
            objects: theirs,
            unique: rest,
        };
        (ours, theirs)
    })
}

fn make(store: &dyn Store, account: AccountId, has: &Has) {
    for n in has.objects.iter().copied() {
        let list = FaceList {
            account_id: account,
            ..list(n)
        };
        store.create_list(&list).unwrap();
        let mut face = face(n, &[list_id(n)]);
        face.account_id = account;
        store.create_face(&face).unwrap();
        let mut attribute = objects::attribute(n, 1_000);
        attribute.account_id = account;
        store.put_attribute(&attribute).unwrap();
        let mut handler = objects::handler(n);
        handler.account_id = account;
        store.create_handler(&handler).unwrap();
        let mut group = objects::group(n);
        group.account_id = account;
        store.create_group(&group).unwrap();
        let mut event = events::event(n);
        event.account_id = account;
        let finish = Finish {
            incoming: None,
            event,
            face: None,
            attribute: None,
            notify: false,
            now: at(9),
        };
        store.finish(&finish).unwrap();
    }
    for n in has.unique.iter().copied() {
        let mut stream = objects::stream(n);
        stream.account_id = account;
        store.create_stream(&stream).unwrap();
        store.create_token(&tokens::token(account, n)).unwrap();
    }
}

/// All that an account can see.
fn everything(store: &dyn Store, account: AccountId) -> String {
    let all = page(1, 1_000);
    let faces = FaceQuery {
        page: all,
        ..FaceQuery::default()
    };
    let events = EventQuery {
        page: all,
        ..EventQuery::default()
    };
    let streams = StreamQuery {
        page: all,
        ..StreamQuery::default()
    };
    let attributes: Vec<_> = (0..IDS)
        .map(|n| {
            store
                .attribute(account, AttributeId(Uuid::from_u128(n)), at(10))
                .ok()
        })
        .collect();
    let whole: Vec<_> = (0..IDS)
        .map(|n| store.face(account, face_id(n)).ok())
        .collect();
    let counts = (
        store
            .count_faces(account, &FaceFilters::default(), at(10))
            .unwrap(),
        store.count_lists(account).unwrap(),
        store.count_handlers(account).unwrap(),
        store
            .count_events(account, &EventFilters::default())
            .unwrap(),
        store
            .count_streams(account, &StreamQuery::default())
            .unwrap(),
    );
    format!(
        "{counts:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{attributes:?}\n{whole:?}\n{:?}",
        store.groups(Some(account)).unwrap(),
        store.stream_logs(Some(account)).unwrap(),
        store.lists(account, all).unwrap(),
        store.faces(account, &faces, at(10)).unwrap(),
        store.handlers(account, None, all).unwrap(),
        store.events(account, &events).unwrap(),
        store.streams(account, &streams).unwrap(),
        store.tokens(Some(account), &TokenQuery::default()).unwrap(),
    )
}

/// Tries every method on one id; those that must say that there is no such object.
fn try_everything(store: &dyn Store, account: AccountId, n: u128) -> Vec<(&'static str, bool)> {
    let attribute = AttributeId(Uuid::from_u128(n));
    let handler = objects::handler(n).handler_id;
    let group = objects::group(n).group_id;
    let patch = FacePatch {
        user_data: Some("taken".into()),
        ..FacePatch::default()
    };
    let change = ListChange {
        attach: vec![face_id(n)],
        detach: Vec::new(),
    };
    vec![
        ("face", missing(store.face(account, face_id(n)))),
        (
            "patch_face",
            missing(store.patch_face(account, face_id(n), &patch)),
        ),
        (
            "set_face_attributes",
            missing(store.set_face_attributes(account, face_id(n), &Attributes::default())),
        ),
        (
            "attach",
            missing(store.attach(account, list_id(n), &change, at(11))),
        ),
        (
            "delete_face",
            missing(store.delete_face(account, face_id(n))),
        ),
        ("list", missing(store.list(account, list_id(n)))),
        (
            "rename_list",
            missing(store.rename_list(account, list_id(n), "taken", at(11))),
        ),
        (
            "delete_list",
            missing(store.delete_list(account, list_id(n), true)),
        ),
        (
            "attribute",
            missing(store.attribute(account, attribute, at(11))),
        ),
        (
            "delete_attribute",
            missing(store.delete_attribute(account, attribute)),
        ),
        ("group", missing(store.group(account, group))),
        (
            "describe_group",
            missing(store.describe_group(account, group, "taken")),
        ),
        (
            "link_streams",
            missing(store.link_streams(account, group, &[], true)),
        ),
        ("delete_group", missing(store.delete_group(account, group))),
        ("handler", missing(store.handler(account, handler))),
        (
            "delete_handler",
            missing(store.delete_handler(account, handler)),
        ),
        ("event", missing(store.event(account, event_id(n)))),
    ]
}

/// The same for ids that are unique over all accounts.
fn try_unique(store: &dyn Store, account: AccountId, n: u128) -> Vec<(&'static str, bool)> {
    let stream: StreamId = objects::stream(n).stream_id;
    let token: TokenId = tokens::token(account, n).token_id;
    let rename =
        &|stream: &mut goshawk_coordinator_core::stream::StreamRecord| stream.name = "taken".into();
    vec![
        ("stream", missing(store.stream(account, stream))),
        (
            "update_stream",
            missing(store.update_stream(account, stream, rename)),
        ),
        (
            "delete_stream",
            missing(store.delete_stream(account, stream)),
        ),
        ("token", missing(store.token(account, token))),
        ("delete_token", missing(store.delete_token(account, token))),
    ]
}

/// One account tries everything; the other one has what it had.
fn cross(store: &dyn Store, who: AccountId, has: &Has, victim: AccountId) {
    let before = everything(store, victim);
    for n in 0..IDS {
        // Without it these say nothing; with it they change its own, and still nobody else's.
        let answers = try_everything(store, who, n);
        if !has.objects.contains(&n) {
            for (method, refused) in answers {
                assert!(refused, "{method} of {n} by {who}, who has {has:?}");
            }
        }
        if !has.unique.contains(&n) {
            for (method, refused) in try_unique(store, who, n) {
                assert!(refused, "{method} of {n} by {who}, who has {has:?}");
            }
        }
        assert_eq!(everything(store, victim), before, "after {who} tried {n}");
    }
    // An event that one account had is new to the other.
    let fresh = event_id(900);
    let receive = |account| store.receive(account, AGENT, fresh, b"x", at(12)).unwrap();
    assert_eq!(receive(who), Received::New);
    assert_eq!(receive(who), Received::Duplicate);
    assert_eq!(everything(store, victim), before);
}

/// What one account has is nobody else's, whatever either does.
pub(super) fn accounts_do_not_meet<F: Fixture>(fresh: &dyn Fn() -> F) {
    every_method_is_tried();
    let mut runner = TestRunner::new(ProptestConfig::with_cases(12));
    let outcome = runner.run(&has(), |(ours, theirs)| {
        let fixture = fresh();
        let store = fixture.open();
        for (n, account) in [(1, ACCOUNT), (2, STRANGER)] {
            let mut row = objects::account(n, &format!("isolation-{n}@example.org"));
            row.account_id = account;
            store.create_account(&row).unwrap();
        }
        make(store.as_ref(), ACCOUNT, &ours);
        make(store.as_ref(), STRANGER, &theirs);
        cross(store.as_ref(), STRANGER, &theirs, ACCOUNT);
        cross(store.as_ref(), ACCOUNT, &ours, STRANGER);
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

/// Reads the traits: a method that names an account and is not tried here fails.
fn every_method_is_tried() {
    let traits = [
        include_str!("../../store.rs"),
        include_str!("../accounts.rs"),
        include_str!("../groups.rs"),
        include_str!("../incoming.rs"),
        include_str!("../journal.rs"),
        include_str!("../stream_logs.rs"),
    ];
    let mut found = BTreeSet::new();
    for text in traits {
        for method in text.split("\n    fn ").skip(1) {
            let name = method.split(['(', '<']).next().unwrap_or_default();
            let signature = method.split(';').next().unwrap_or_default();
            if signature.contains("account: AccountId")
                || signature.contains("account: Option<AccountId>")
            {
                found.insert(name);
            }
        }
    }
    let tried: BTreeSet<&str> = TRIED.iter().copied().collect();
    assert_eq!(
        found, tried,
        "methods that name an account, and those that are tried"
    );
}
