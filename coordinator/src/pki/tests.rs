//! The authority without a network.

use std::{
    os::unix::fs::PermissionsExt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use goshawk_proto::{
    id::{AgentId, JoinTokenId},
    link::{
        JoinSecret, JoinToken,
        enrol::{Enrol, EnrolRefusal},
    },
};
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::CertificateDer;
use serde_bytes::ByteBuf;

use super::{tls::agent_of_certificate, *};
use crate::store::{
    AgentRegistry, JoinTokenStore,
    sled::{SledOptions, SledStore},
};

/// A data folder and its store.
pub(super) struct House {
    pub dir: tempfile::TempDir,
    pub store: Arc<SledStore>,
}

impl House {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = SledStore::open(&dir.path().join("store"), SledOptions::default()).unwrap();
        Self { dir, store }
    }

    /// The authority as it is after a start.
    pub fn authority(&self) -> Arc<Authority> {
        Authority::open(self.dir.path(), self.store.clone()).unwrap()
    }
}

pub(super) fn key() -> KeyPair {
    KeyPair::generate().unwrap()
}

/// Enrols an agent with a key.
pub(super) fn enrolled(authority: &Authority, token: &JoinToken, key: &KeyPair) -> AgentId {
    authority.enrol(&request(token, key)).unwrap().agent_id
}

fn csr(key: &KeyPair) -> ByteBuf {
    let request = CertificateParams::default().serialize_request(key).unwrap();
    ByteBuf::from(request.der().to_vec())
}

pub(super) fn request(token: &JoinToken, key: &KeyPair) -> Enrol {
    Enrol {
        token_id: token.id,
        secret: token.secret.clone(),
        csr: csr(key),
        name: "gate 3".to_owned(),
        agent_version: String::new(),
    }
}

const HOUR: Duration = Duration::from_secs(3_600);

#[test]
fn the_ca_outlives_a_restart_and_its_key_is_private() {
    let house = House::new();
    let first = house.authority().ca_fingerprint();
    assert_eq!(house.authority().ca_fingerprint(), first);
    let key = house.dir.path().join("pki/ca.key.pem");
    assert_eq!(
        std::fs::metadata(&key).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let folder = std::fs::metadata(house.dir.path().join("pki")).unwrap();
    assert_eq!(folder.permissions().mode() & 0o777, 0o700);

    std::fs::write(&key, KeyPair::generate().unwrap().serialize_pem()).unwrap();
    let error = Authority::open(house.dir.path(), house.store.clone()).unwrap_err();
    assert!(matches!(error, PkiError::Ca(_)), "a foreign key: {error}");
}

#[test]
fn an_agent_is_enrolled_once_and_for_good() {
    let house = House::new();
    let authority = house.authority();
    let (token, info) = authority.create_join_token(HOUR, "gate").unwrap();
    assert_eq!(
        (info.state, info.label.as_str()),
        (JoinTokenState::Unused, "gate")
    );
    assert_eq!(token.ca, authority.ca_fingerprint());

    let key = KeyPair::generate().unwrap();
    let enrolled = authority.enrol(&request(&token, &key)).unwrap();
    let certificate = CertificateDer::from(enrolled.certificate.to_vec());
    assert_eq!(agent_of_certificate(&certificate), Some(enrolled.agent_id));
    assert!(authority.is_welcome(enrolled.agent_id));

    // The answer was lost; the same key asks again, also after a restart.
    let authority = house.authority();
    let again = authority.enrol(&request(&token, &key)).unwrap();
    assert_eq!(again.agent_id, enrolled.agent_id);
    assert_eq!(authority.agents().unwrap().len(), 1);

    let thief = KeyPair::generate().unwrap();
    let refused = authority.enrol(&request(&token, &thief)).unwrap_err();
    assert_eq!(refused.code, EnrolRefusal::UsedToken);

    assert!(authority.revoke_agent(enrolled.agent_id).unwrap());
    assert!(!authority.is_welcome(enrolled.agent_id));
    let refused = authority.enrol(&request(&token, &key)).unwrap_err();
    assert_eq!(
        refused.code,
        EnrolRefusal::RevokedToken,
        "no way back in with the old token"
    );
    assert!(
        !house.authority().is_welcome(enrolled.agent_id),
        "revocation outlives a restart"
    );
}

#[test]
fn every_bad_token_has_its_own_answer() {
    let house = House::new();
    let authority = house.authority();
    let key = KeyPair::generate().unwrap();
    let code = |token: &JoinToken| authority.enrol(&request(token, &key)).unwrap_err().code;

    let (expired, _) = authority.create_join_token(Duration::ZERO, "").unwrap();
    assert_eq!(code(&expired), EnrolRefusal::ExpiredToken);
    let (revoked, _) = authority.create_join_token(HOUR, "").unwrap();
    assert!(authority.revoke_join_token(revoked.id).unwrap());
    assert_eq!(code(&revoked), EnrolRefusal::RevokedToken);
    let (good, _) = authority.create_join_token(HOUR, "").unwrap();
    let wrong = JoinToken {
        secret: JoinSecret::new([0; 32]),
        ..good.clone()
    };
    assert_eq!(code(&wrong), EnrolRefusal::UnknownToken);
    let nobody = JoinToken {
        id: JoinTokenId::random(),
        ..good
    };
    assert_eq!(code(&nobody), EnrolRefusal::UnknownToken);
    assert!(authority.agents().unwrap().is_empty());
}

#[test]
fn a_bad_request_does_not_use_the_token_up() {
    let house = House::new();
    let authority = house.authority();
    let (token, _) = authority.create_join_token(HOUR, "").unwrap();
    let key = KeyPair::generate().unwrap();
    let good = request(&token, &key);
    let mut forged = good.csr.to_vec();
    let last = forged.len() - 1;
    forged[last] ^= 1;
    for bad in [
        Enrol {
            name: " ".to_owned(),
            ..good.clone()
        },
        Enrol {
            name: "x".repeat(129),
            ..good.clone()
        },
        Enrol {
            name: "a\nb".to_owned(),
            ..good.clone()
        },
        Enrol {
            csr: ByteBuf::from(b"no request".to_vec()),
            ..good.clone()
        },
        Enrol {
            csr: ByteBuf::from(forged),
            ..good.clone()
        },
        Enrol {
            csr: ByteBuf::from(vec![0x30; 1 << 20]),
            ..good.clone()
        },
    ] {
        assert_eq!(
            authority.enrol(&bad).unwrap_err().code,
            EnrolRefusal::BadRequest
        );
    }
    assert!(authority.enrol(&good).is_ok());
}

#[test]
fn secrets_are_neither_stored_nor_listed() {
    let house = House::new();
    let authority = house.authority();
    let (token, _) = authority.create_join_token(HOUR, "").unwrap();
    let text = token.to_string();
    let secret = text.rsplit('.').next().unwrap();
    let raw = format!("{:?}", authority.join_tokens().unwrap());
    assert!(!raw.contains(secret));
    let record = house.store.join_token(token.id).unwrap();
    let stored = serde_json::to_string(&record).unwrap();
    assert!(stored.contains(&token.id.to_string()) && !stored.contains(secret));
}

#[test]
fn a_token_is_used_by_one_of_many_at_once() {
    let house = House::new();
    let authority = house.authority();
    let (token, _) = authority.create_join_token(HOUR, "").unwrap();
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let (authority, token) = (authority.clone(), token.clone());
            std::thread::spawn(move || {
                let key = KeyPair::generate().unwrap();
                authority.enrol(&request(&token, &key)).is_ok()
            })
        })
        .collect();
    let won = threads
        .into_iter()
        .map(|t| t.join().unwrap())
        .filter(|ok| *ok)
        .count();
    assert_eq!(won, 1);
    assert_eq!(authority.agents().unwrap().len(), 1);
}

#[test]
fn a_revocation_is_not_undone_by_an_enrolment_at_the_same_time() {
    let house = House::new();
    let authority = house.authority();
    let (token, _) = authority.create_join_token(HOUR, "").unwrap();
    let key = KeyPair::generate().unwrap();
    let request = request(&token, &key);
    let id = authority.enrol(&request).unwrap().agent_id;
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..10 {
                    let _ = authority.enrol(&request);
                }
            });
        }
        std::thread::sleep(Duration::from_millis(5));
        assert!(authority.revoke_agent(id).unwrap());
    });
    assert!(!authority.is_welcome(id));
    assert!(authority.agents().unwrap()[0].revoked_at.is_some());
    assert!(!house.authority().is_welcome(id), "nor after a restart");
}

#[test]
fn the_server_certificate_is_renewed_before_its_end() {
    let house = House::new();
    let authority = house.authority();
    let now = SystemTime::now();
    let day = Duration::from_secs(24 * 3_600);
    let first = authority.server_key_at(now);
    assert_eq!(
        authority.server_key_at(now + 59 * day).cert[0],
        first.cert[0]
    );
    let renewed = authority.server_key_at(now + 61 * day);
    assert_ne!(renewed.cert[0], first.cert[0]);
    assert_eq!(renewed.cert[1], first.cert[1], "the CA stays");
}

#[test]
fn spent_tokens_make_room() {
    let house = House::new();
    let authority = house.authority();
    let (oldest, _) = authority
        .create_join_token(Duration::ZERO, "oldest")
        .unwrap();
    // Filled in one step: a thousand would take the test too long.
    let sample = house.store.join_token(oldest.id).unwrap();
    let good = |_| JoinTokenRecord {
        id: JoinTokenId::random(),
        expires_at: sample.created_at.after(HOUR),
        ..sample.clone()
    };
    let good: Vec<_> = (1..MAX_JOIN_TOKENS).map(good).collect();
    house.store.take_over(&good, &[]).unwrap();
    authority.create_join_token(HOUR, "one more").unwrap();
    assert!(
        authority
            .join_tokens()
            .unwrap()
            .iter()
            .all(|token| token.id != oldest.id)
    );
    assert!(matches!(
        authority.create_join_token(HOUR, ""),
        Err(PkiError::TooManyTokens)
    ));
}
