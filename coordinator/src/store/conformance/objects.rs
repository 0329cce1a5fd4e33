//! Accounts, handlers, streams and temporary attributes.

use goshawk_coordinator_core::{
    account::{Account, AccountType},
    face::{Attributes, TemporaryAttribute},
    handler::{Handler, NewHandler},
    stream::{Group, NewStream, StreamRecord, lifecycle::Input},
};
use goshawk_proto::{
    id::{AccountId, AttributeId, GroupId, HandlerId, StreamId},
    stream::StreamStatus,
};
use serde_json::json;
use uuid::Uuid;

use super::{ACCOUNT, STRANGER, at, clashes, missing, page};
use crate::store::{Store, StreamQuery};

pub(crate) fn account(n: u128, login: &str) -> Account {
    Account {
        account_id: AccountId(Uuid::from_u128(n)),
        login: login.into(),
        password_hash: "$argon2id$…".into(),
        account_type: AccountType::User,
        description: String::new(),
        create_time: at(1),
        last_update_time: at(1),
    }
}

pub(super) fn accounts(store: &dyn Store) {
    let (ada, bob) = (account(1, "ada@example.org"), account(2, "bob@example.org"));
    store.create_account(&ada).unwrap();
    store.create_account(&bob).unwrap();
    assert!(clashes(store.create_account(&ada)));
    assert!(clashes(
        store.create_account(&account(3, "bob@example.org"))
    ));
    assert_eq!(store.account(ada.account_id).unwrap(), ada);
    assert_eq!(store.account_by_login("bob@example.org").unwrap(), bob);
    assert!(missing(store.account_by_login("eve@example.org")));
    assert!(missing(store.account(AccountId(Uuid::from_u128(9)))));

    let renamed = Account {
        login: "ada@example.com".into(),
        ..ada.clone()
    };
    store.replace_account(&renamed).unwrap();
    assert!(missing(store.account_by_login("ada@example.org")));
    assert_eq!(store.account_by_login("ada@example.com").unwrap(), renamed);
    assert!(clashes(store.replace_account(&Account {
        login: bob.login.clone(),
        ..renamed
    })));
    assert_eq!(store.accounts(page(1, 10)).unwrap().len(), 2);
    assert_eq!(store.accounts(page(2, 1)).unwrap(), [bob]);
}

pub(super) fn handler(n: u128) -> Handler {
    let body = json!({
        "description": format!("handler {n}"),
        "policies": {"match_policy": [{
            "label": "staff",
            "candidates": {"origin": "faces", "create_time__gte": "now-1d"},
        }]},
    });
    let new: NewHandler = serde_json::from_value(body).unwrap();
    Handler::new(HandlerId(Uuid::from_u128(n)), ACCOUNT, new, at(n as i64))
}

pub(super) fn handlers(store: &dyn Store) {
    for n in 1..=3 {
        store.create_handler(&handler(n)).unwrap();
    }
    let one = handler(1);
    assert!(clashes(store.create_handler(&one)));
    assert_eq!(store.handler(ACCOUNT, one.handler_id).unwrap(), one);
    assert!(missing(store.handler(STRANGER, one.handler_id)));
    assert_eq!(
        store.handlers(ACCOUNT, None, page(1, 2)).unwrap(),
        [handler(3), handler(2)]
    );
    assert_eq!(
        store.handlers(ACCOUNT, Some("ler 2"), page(1, 9)).unwrap(),
        [handler(2)]
    );
    assert!(
        store
            .handlers(STRANGER, None, page(1, 9))
            .unwrap()
            .is_empty()
    );
    assert_eq!(store.count_handlers(ACCOUNT).unwrap(), 3);

    let changed = Handler {
        description: "new".into(),
        ..one.clone()
    };
    store.replace_handler(&changed).unwrap();
    assert_eq!(store.handler(ACCOUNT, one.handler_id).unwrap(), changed);
    assert!(missing(store.replace_handler(&handler(9))));
    assert!(missing(store.delete_handler(STRANGER, one.handler_id)));
    store.delete_handler(ACCOUNT, one.handler_id).unwrap();
    assert!(missing(store.delete_handler(ACCOUNT, one.handler_id)));
}

pub(crate) fn stream(n: u128) -> StreamRecord {
    let new: NewStream = serde_json::from_value(json!({
        "account_id": ACCOUNT,
        "name": format!("gate {n}"),
        "data": {
            "type": "tcp",
            "reference": format!("rtsp://cam/{n}"),
            "analytics": [{"event_handler": {"handler_id": Uuid::from_u128(2)}}],
            "roi": {"mode": "percent", "x": 0, "y": 0, "width": 50, "height": 50},
        },
    }))
    .unwrap();
    StreamRecord::new(StreamId(Uuid::from_u128(n)), new, at(n as i64))
}

pub(super) fn streams(store: &dyn Store) {
    for n in [2, 1, 3] {
        store.create_stream(&stream(n)).unwrap();
    }
    assert!(clashes(store.create_stream(&stream(1))));
    let foreign = StreamRecord {
        account_id: STRANGER,
        ..stream(1)
    };
    assert!(
        clashes(store.create_stream(&foreign)),
        "stream ids are unique over accounts"
    );
    let id = stream(1).stream_id;
    assert_eq!(store.stream(ACCOUNT, id).unwrap(), stream(1));
    assert!(missing(store.stream(STRANGER, id)));
    assert_eq!(store.stream_of_any(id).unwrap(), stream(1));

    let ids = |query: &StreamQuery| -> Vec<u128> {
        let found = store.streams(ACCOUNT, query).unwrap();
        found.iter().map(|s| s.stream_id.0.as_u128()).collect()
    };
    assert_eq!(ids(&StreamQuery::default()), [1, 2, 3]);
    assert_eq!(
        ids(&StreamQuery {
            page: page(2, 2),
            ..StreamQuery::default()
        }),
        [3]
    );
    let named = StreamQuery {
        names: Some(vec!["gate 2".into()]),
        ..StreamQuery::default()
    };
    assert_eq!(ids(&named), [2]);
    assert_eq!(store.all_streams().unwrap().len(), 3);

    let pause = |s: &mut StreamRecord| {
        s.apply(at(5), Input::Pause);
    };
    let paused = store.update_stream(ACCOUNT, id, &pause).unwrap();
    assert_eq!(paused.state.status, StreamStatus::Pause);
    assert_eq!(store.stream(ACCOUNT, id).unwrap(), paused);
    assert!(missing(store.update_stream(STRANGER, id, &pause)));
    let query = StreamQuery {
        statuses: Some(vec![StreamStatus::Pause]),
        ..StreamQuery::default()
    };
    assert_eq!(ids(&query), [1]);
    assert_eq!(store.count_streams(ACCOUNT, &query).unwrap(), 1);

    assert!(missing(store.delete_stream(STRANGER, id)));
    store.delete_stream(ACCOUNT, id).unwrap();
    assert!(missing(store.stream(ACCOUNT, id)) && missing(store.stream_of_any(id)));
}

/// The `n`-th group.
pub(crate) fn group(n: u128) -> Group {
    Group {
        account_id: ACCOUNT,
        group_id: GroupId(Uuid::from_u128(n)),
        group_name: format!("group-{n}"),
        description: String::new(),
        create_time: at(n as i64),
    }
}

pub(super) fn groups(store: &dyn Store) {
    for n in [2, 1] {
        store.create_group(&group(n)).unwrap();
    }
    let namesake = Group {
        group_id: group(3).group_id,
        ..group(1)
    };
    assert!(clashes(store.create_group(&namesake)));
    let foreign = Group {
        account_id: STRANGER,
        ..namesake
    };
    store.create_group(&foreign).unwrap();
    let id = group(1).group_id;
    assert_eq!(store.group(ACCOUNT, id).unwrap(), group(1));
    assert_eq!(store.groups(Some(ACCOUNT)).unwrap(), [group(1), group(2)]);
    assert_eq!(store.groups(None).unwrap().len(), 3);
    store.describe_group(ACCOUNT, id, "north").unwrap();
    assert_eq!(store.group(ACCOUNT, id).unwrap().description, "north");

    for n in [1, 2] {
        store.create_stream(&stream(n)).unwrap();
    }
    let streams = [1, 2].map(|n| stream(n).stream_id);
    let in_it = StreamQuery {
        groups: Some(vec![id]),
        ..StreamQuery::default()
    };
    let members = || store.count_streams(ACCOUNT, &in_it).unwrap();
    let one_unknown = [streams[0], stream(9).stream_id];
    assert!(missing(store.link_streams(ACCOUNT, id, &one_unknown, true)));
    assert_eq!(members(), 0, "all or none");
    store.link_streams(ACCOUNT, id, &streams, true).unwrap();
    store
        .link_streams(ACCOUNT, id, &streams[..1], true)
        .unwrap();
    assert_eq!(members(), 2);
    store
        .link_streams(ACCOUNT, id, &streams[..1], false)
        .unwrap();
    assert_eq!(members(), 1);
    assert!(missing(store.link_streams(
        STRANGER,
        foreign.group_id,
        &streams,
        true
    )));

    store.delete_group(ACCOUNT, id).unwrap();
    assert!(missing(store.group(ACCOUNT, id)));
    assert_eq!(store.stream(ACCOUNT, streams[1]).unwrap().groups, []);
}

/// The `n`-th attribute, gone in that second.
pub(crate) fn attribute(n: u128, expires: i64) -> TemporaryAttribute {
    TemporaryAttribute {
        attribute_id: AttributeId(Uuid::from_u128(n)),
        account_id: ACCOUNT,
        attributes: Attributes {
            score: Some(0.5),
            ..Attributes::default()
        },
        create_time: at(0),
        expires_at: at(expires),
    }
}

pub(super) fn attributes(store: &dyn Store) {
    store.put_attribute(&attribute(1, 10)).unwrap();
    store.put_attribute(&attribute(2, 20)).unwrap();
    let id = attribute(1, 10).attribute_id;
    assert_eq!(
        store.attribute(ACCOUNT, id, at(9)).unwrap(),
        attribute(1, 10)
    );
    assert!(missing(store.attribute(ACCOUNT, id, at(10))), "expired");
    assert!(missing(store.attribute(STRANGER, id, at(9))));
    // Renewed, the old expiry must not take it away.
    store.put_attribute(&attribute(1, 30)).unwrap();
    assert_eq!(store.sweep_attributes(at(25)).unwrap(), 1);
    assert_eq!(
        store.attribute(ACCOUNT, id, at(25)).unwrap(),
        attribute(1, 30)
    );
    assert!(missing(store.attribute(
        ACCOUNT,
        attribute(2, 20).attribute_id,
        at(0)
    )));
    store.delete_attribute(ACCOUNT, id).unwrap();
    assert!(missing(store.delete_attribute(ACCOUNT, id)));
}
