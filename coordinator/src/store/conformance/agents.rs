//! Join tokens and agents.

use std::time::Duration;

use goshawk_proto::{
    id::{AgentId, JoinTokenId},
    link::Fingerprint,
};
use uuid::Uuid;

use super::{Fixture, at, clashes, missing};
use crate::{
    pki::{AgentRecord, JoinTokenRecord, Redeemed, TokenProblem},
    store::Store,
};

const DIGEST: [u8; 32] = [9; 32];

fn token_id(n: u128) -> JoinTokenId {
    JoinTokenId(Uuid::from_u128(0x90_000 + n))
}

/// The `n`-th token, made in second `n` and good for an hour.
pub(crate) fn token(n: u128) -> JoinTokenRecord {
    JoinTokenRecord {
        id: token_id(n),
        digest: DIGEST,
        label: format!("gate {n}"),
        created_at: at(n as i64),
        expires_at: at(n as i64).after(Duration::from_secs(3600)),
        used: None,
        revoked_at: None,
    }
}

/// The `n`-th agent.
pub(crate) fn agent(n: u128) -> AgentRecord {
    AgentRecord {
        agent_id: AgentId(Uuid::from_u128(0xa0_000 + n)),
        name: format!("agent {n}"),
        enrolled_at: at(n as i64),
        certificate_expires_at: at(1_000_000),
        join_token_id: token_id(n),
        revoked_at: None,
    }
}

fn ids(store: &dyn Store) -> Vec<JoinTokenId> {
    let tokens = store.join_tokens().unwrap();
    tokens.iter().map(|token| token.id).collect()
}

pub(super) fn join_tokens<F: Fixture>(fixture: &F) {
    let store = fixture.open();
    assert!(store.join_tokens().unwrap().is_empty());
    for n in [2, 1] {
        assert!(store.create_join_token(&token(n), 10).unwrap());
    }
    assert!(clashes(store.create_join_token(&token(1), 10)));
    assert_eq!(store.join_token(token_id(1)).unwrap(), token(1));
    assert!(missing(store.join_token(token_id(7))));
    assert!(missing(store.update_join_token(token_id(7), &mut |_| {})));

    let revoked = store
        .update_join_token(token_id(1), &mut |token| token.revoked_at = Some(at(5)))
        .unwrap();
    assert_eq!(revoked.revoked_at, Some(at(5)));
    assert_eq!(store.join_token(token_id(1)).unwrap(), revoked);
    drop(store);
    let store = fixture.open();
    assert_eq!(store.join_tokens().unwrap(), [revoked, token(2)]);
}

pub(super) fn join_tokens_stay_bounded(store: &dyn Store) {
    for n in 1..=3 {
        assert!(store.create_join_token(&token(n), 3).unwrap());
    }
    assert!(
        !store.create_join_token(&token(4), 3).unwrap(),
        "all are good"
    );
    assert_eq!(ids(store), [1, 2, 3].map(token_id));
    store
        .update_join_token(token_id(2), &mut |token| token.revoked_at = Some(at(4)))
        .unwrap();
    assert!(store.create_join_token(&token(4), 3).unwrap());
    assert_eq!(
        ids(store),
        [1, 3, 4].map(token_id),
        "the spent one made room"
    );
    // An hour later all have ended; only as many go as must, the oldest first.
    let late = token(4000);
    assert!(store.create_join_token(&late, 3).unwrap());
    assert_eq!(ids(store), [token_id(3), token_id(4), late.id]);
}

/// Many at once redeem one token, each with a key of its own: one of them gets it.
pub(super) fn a_join_token_is_redeemed_once(store: &dyn Store) {
    store.create_join_token(&token(1), 10).unwrap();
    let redeem = |key: u8| {
        let fresh = agent(u128::from(key)).agent_id;
        let mut outcome = Err(TokenProblem::Unknown);
        let changed = store.update_join_token(token_id(1), &mut |token| {
            outcome = token.redeem(at(2), &DIGEST, Fingerprint([key; 32]), fresh);
        });
        changed.unwrap();
        outcome
    };
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let redeem = &redeem;
        let threads: Vec<_> = (0..8).map(|key| scope.spawn(move || redeem(key))).collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    let first: Vec<u8> = (0..8)
        .filter(|key| outcomes[usize::from(*key)].is_ok())
        .collect();
    assert_eq!(first.len(), 1, "{outcomes:?}");
    let others = outcomes.iter().filter(|o| **o == Err(TokenProblem::Used));
    assert_eq!(others.count(), 7);
    let holder = agent(u128::from(first[0])).agent_id;
    assert_eq!(redeem(first[0]), Ok(Redeemed::Again(holder)));
    let used = store.join_token(token_id(1)).unwrap().used.unwrap();
    assert_eq!(used.agent_id, holder);
}

pub(super) fn agents<F: Fixture>(fixture: &F) {
    let store = fixture.open();
    for n in [2, 1] {
        store.put_agent(&agent(n)).unwrap();
    }
    let again = AgentRecord {
        name: "renamed".to_owned(),
        ..agent(2)
    };
    store.put_agent(&again).unwrap();
    assert_eq!(store.agents().unwrap(), [agent(1), again.clone()]);
    let id = agent(1).agent_id;
    let revoked = store
        .update_agent(id, &mut |agent| agent.revoked_at = Some(at(9)))
        .unwrap();
    assert_eq!(revoked.revoked_at, Some(at(9)));
    let nobody = agent(7).agent_id;
    assert!(missing(store.update_agent(nobody, &mut |_| {})));
    drop(store);

    // What comes from elsewhere does not undo what was done here.
    let store = fixture.open();
    store.create_join_token(&token(1), 10).unwrap();
    let unspent = JoinTokenRecord {
        label: "of old".to_owned(),
        ..token(1)
    };
    store
        .take_over(&[unspent, token(2)], &[agent(1), agent(3)])
        .unwrap();
    assert_eq!(store.join_tokens().unwrap(), [token(1), token(2)]);
    assert_eq!(store.agents().unwrap(), [revoked, again, agent(3)]);
}
