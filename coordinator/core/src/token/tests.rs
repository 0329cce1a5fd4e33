//! What a token may ask for, and what it stays within.

use goshawk_proto::id::TokenId;
use uuid::Uuid;

use super::*;
use crate::permission::{Action, Actions, Resource};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_micros(seconds * 1_000_000)
}

fn draft() -> TokenDraft {
    TokenDraft {
        description: String::new(),
        expiration_time: None,
        visibility_area: None,
        permissions: Permissions::default(),
    }
}

fn seal(n: u8) -> Seal {
    Seal {
        key_id: "key".to_owned(),
        digest: [n; 32],
    }
}

fn token(draft: TokenDraft) -> TokenRecord {
    let (id, account) = (TokenId(Uuid::nil()), AccountId(Uuid::nil()));
    TokenRecord::new(id, account, draft, seal(1), at(10))
}

fn by(account_type: AccountType) -> Maker<'static> {
    Maker {
        account_type,
        token: None,
    }
}

#[test]
fn nobody_gives_away_more_sight_than_they_have() {
    use VisibilityArea::{Account, All};
    for (kind, asked, granted) in [
        (AccountType::User, None, Account),
        (AccountType::User, Some(All), Account),
        (AccountType::AdvancedUser, None, All),
        (AccountType::AdvancedUser, Some(Account), Account),
        (AccountType::Admin, Some(All), All),
    ] {
        let asked = TokenDraft {
            visibility_area: asked,
            ..draft()
        };
        let found = asked.granted(by(kind)).unwrap().visibility_area;
        assert_eq!(found, Some(granted), "{kind:?}");
    }
}

#[test]
fn a_token_makes_none_that_is_more_than_itself() {
    let mut permissions = Permissions::default();
    permissions.set(Resource::Token, Actions::USUAL);
    permissions.set(Resource::Face, Actions::VIEW);
    let parent = token(TokenDraft {
        expiration_time: Some(at(100)),
        visibility_area: Some(VisibilityArea::Account),
        permissions: permissions.clone(),
        ..draft()
    });
    let maker = Maker {
        account_type: AccountType::Admin,
        token: Some(&parent),
    };
    let child = TokenDraft {
        expiration_time: Some(at(100)),
        visibility_area: Some(VisibilityArea::All),
        ..draft()
    };
    let granted = child.clone().granted(maker).unwrap();
    assert_eq!(granted.visibility_area, Some(VisibilityArea::Account));
    for end in [None, Some(at(101))] {
        let longer = TokenDraft {
            expiration_time: end,
            ..child.clone()
        };
        assert_eq!(longer.granted(maker), Err(TokenRefused::Outlives));
    }
    permissions.set(
        Resource::Face,
        Actions::of(&[Action::View, Action::Deletion]),
    );
    let more = TokenDraft {
        permissions,
        ..child
    };
    assert_eq!(
        more.granted(maker),
        Err(TokenRefused::Denied(Denied::Permission {
            resource: "face".to_owned(),
            action: "deletion"
        }))
    );
}

#[test]
fn a_replaced_token_keeps_its_birth_only() {
    let old = token(draft());
    let new = TokenDraft {
        description: "new".to_owned(),
        expiration_time: Some(at(50)),
        ..draft()
    };
    let new = old.replaced(new, seal(2), at(20));
    assert_eq!((new.create_time, new.last_update_time), (at(10), at(20)));
    assert_eq!(
        (new.token_id, new.account_id),
        (old.token_id, old.account_id)
    );
    assert_ne!(new.seal.digest, old.seal.digest);
    assert!(!new.is_expired(at(49)) && new.is_expired(at(50)));
    assert!(!old.is_expired(at(i32::MAX.into())));
}

#[test]
fn a_narrowed_account_takes_its_tokens_along() {
    let wide = token(TokenDraft {
        visibility_area: Some(VisibilityArea::All),
        ..draft()
    });
    assert_eq!(wide.visible(AccountType::Admin), VisibilityArea::All);
    assert_eq!(wide.visible(AccountType::User), VisibilityArea::Account);
}

#[test]
fn a_stored_token_reads_as_it_was_written() {
    let token = token(draft());
    let text = serde_json::to_string(&token).unwrap();
    assert_eq!(serde_json::from_str::<TokenRecord>(&text).unwrap(), token);
}

#[test]
fn long_descriptions_are_out_of_bounds() {
    let long = TokenDraft {
        description: "x".repeat(MAX_DESCRIPTION + 1),
        ..draft()
    };
    assert_eq!(long.check().unwrap_err().path, "description");
}
