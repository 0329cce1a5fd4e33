//! Accounts in listings and their tokens.

use goshawk_coordinator_core::{
    account::{Account, AccountType},
    permission::{Action, Actions, Permissions, Resource},
    token::{Seal, TokenDraft, TokenRecord, VisibilityArea},
};
use goshawk_proto::id::{AccountId, TokenId};
use uuid::Uuid;

use super::{ACCOUNT, Fixture, STRANGER, at, clashes, missing, page, sample_account};
use crate::store::{AccountQuery, Store, TokenQuery};

fn id(n: u128) -> TokenId {
    TokenId(Uuid::from_u128(0x70_000 + n))
}

/// The `n`-th token, made in second `n`.
pub(super) fn token(account: AccountId, n: u128) -> TokenRecord {
    let mut permissions = Permissions::default();
    permissions.set(Resource::Face, Actions::of(&[Action::View]));
    let draft = TokenDraft {
        description: format!("token {n}"),
        expiration_time: n.is_multiple_of(2).then(|| at(1000)),
        visibility_area: Some(VisibilityArea::All),
        permissions,
    };
    TokenRecord::new(id(n), account, draft, seal(n as u8), at(n as i64))
}

fn seal(n: u8) -> Seal {
    Seal {
        key_id: format!("key {n}"),
        digest: [n; 32],
    }
}

fn account(id: AccountId, login: &str, seconds: i64) -> Account {
    Account {
        account_id: id,
        create_time: at(seconds),
        ..sample_account(1, login)
    }
}

fn two_accounts(store: &dyn Store) {
    for account in [
        account(ACCOUNT, "mia@example.com", 2),
        account(STRANGER, "tom@example.com", 1),
    ] {
        store.create_account(&account).unwrap();
    }
}

pub(super) fn listings_of_accounts(store: &dyn Store) {
    two_accounts(store);
    let found = |query: AccountQuery| {
        let (rows, count) = store.find_accounts(&query).unwrap();
        let ids: Vec<_> = rows.iter().map(|account| account.account_id).collect();
        (ids, count)
    };
    let all = AccountQuery::default();
    assert_eq!(found(all.clone()), (vec![STRANGER, ACCOUNT], 2));
    let second = AccountQuery {
        page: page(2, 1),
        ..all.clone()
    };
    assert_eq!(found(second), (vec![ACCOUNT], 2));
    let late = AccountQuery {
        create_time_gte: Some(at(2)),
        ..all.clone()
    };
    assert_eq!(found(late), (vec![ACCOUNT], 1));
    let early = AccountQuery {
        create_time_lt: Some(at(2)),
        ..all.clone()
    };
    assert_eq!(found(early), (vec![STRANGER], 1));
    let own = AccountQuery {
        account_id: Some(ACCOUNT),
        login: Some("tom@example.com".to_owned()),
        ..all
    };
    assert_eq!(found(own), (vec![], 0));
}

pub(super) fn accounts_change_at_once(store: &dyn Store) {
    two_accounts(store);
    let changed = store
        .update_account(ACCOUNT, &|account| {
            account.login = "new@example.com".to_owned();
            account.account_type = AccountType::AdvancedUser;
        })
        .unwrap();
    assert_eq!(store.account(ACCOUNT).unwrap(), changed);
    assert_eq!(store.account_by_login("new@example.com").unwrap(), changed);
    assert!(missing(store.account_by_login("mia@example.com")));
    let taken = store.update_account(STRANGER, &|account| {
        account.login = "new@example.com".to_owned();
    });
    assert!(clashes(taken));
    let tom = store.account_by_login("tom@example.com").unwrap();
    assert_eq!(tom.account_id, STRANGER);
    let nobody = AccountId(Uuid::from_u128(9));
    assert!(missing(store.update_account(nobody, &|_| {})));
}

pub(super) fn tokens<F: Fixture>(fixture: &F) {
    let store = fixture.open();
    two_accounts(store.as_ref());
    for token in [token(ACCOUNT, 2), token(ACCOUNT, 1), token(STRANGER, 3)] {
        store.create_token(&token).unwrap();
    }
    assert!(clashes(store.create_token(&token(STRANGER, 1))));
    let nobody = AccountId(Uuid::from_u128(9));
    assert!(missing(store.create_token(&token(nobody, 4))));

    // Nothing is seen or changed through another account.
    assert_eq!(store.token(ACCOUNT, id(1)).unwrap(), token(ACCOUNT, 1));
    assert!(missing(store.token(STRANGER, id(1))));
    assert!(missing(store.delete_token(STRANGER, id(1))));
    assert!(missing(store.replace_token(&token(STRANGER, 1))));
    assert_eq!(store.token_of_any(id(3)).unwrap().account_id, STRANGER);

    let query = TokenQuery::default();
    let listed = |account, query: &TokenQuery| {
        let (rows, count) = store.tokens(account, query).unwrap();
        let ids: Vec<_> = rows.iter().map(|token| token.token_id).collect();
        (ids, count)
    };
    assert_eq!(listed(Some(ACCOUNT), &query), (vec![id(1), id(2)], 2));
    assert_eq!(listed(None, &query), (vec![id(1), id(2), id(3)], 3));
    let window = TokenQuery {
        create_time_gte: Some(at(2)),
        create_time_lt: Some(at(3)),
        page: page(1, 10),
    };
    assert_eq!(listed(None, &window), (vec![id(2)], 1));
    let last = TokenQuery {
        page: page(2, 1),
        ..query
    };
    assert_eq!(listed(Some(ACCOUNT), &last), (vec![id(2)], 2));

    let new = token(ACCOUNT, 1).replaced(
        TokenDraft {
            description: "new".to_owned(),
            expiration_time: None,
            visibility_area: None,
            permissions: Permissions::all(),
        },
        seal(7),
        at(50),
    );
    store.replace_token(&new).unwrap();
    assert_eq!(store.token(ACCOUNT, id(1)).unwrap(), new);
    store.delete_token(ACCOUNT, id(2)).unwrap();
    assert!(missing(store.token(ACCOUNT, id(2))));
    assert!(missing(store.token_of_any(id(2))));
    assert!(missing(store.delete_token(ACCOUNT, id(2))));
    drop(store);

    let store = fixture.open();
    let mut left = Vec::new();
    store
        .each_token(&mut |token| left.push(token.token_id))
        .unwrap();
    left.sort();
    assert_eq!(left, [id(1), id(3)]);
    assert_eq!(store.token(ACCOUNT, id(1)).unwrap(), new);
}
