//! Who gets in.

use std::time::Duration;

use goshawk_proto::{
    id::{AgentId, JoinTokenId},
    link::{
        ALPN_ENROL, ALPN_LINK, Close, JoinSecret, JoinToken, PushReply, agent_uri,
        enrol::{EnrolRefusal, EnrolReply},
    },
};
use quinn::{Connection, ConnectionError};
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyPair, SanType};
use rustls::pki_types::PrivateKeyDer;

use super::{
    agent::{Agent, Credentials, connect, enrol, enrol_with},
    rig::{Rig, event, eventually},
};

/// The TLS alert with which the server ends a handshake. The client has finished its half by then.
async fn alert(outcome: Result<Connection, ConnectionError>) -> u64 {
    let error = match outcome {
        Ok(connection) => connection.closed().await,
        Err(error) => error,
    };
    match error {
        ConnectionError::ConnectionClosed(close) => u64::from(close.error_code) - 0x100,
        other => panic!("not a TLS alert: {other}"),
    }
}

const CERTIFICATE_REVOKED: u64 = 44;
const UNKNOWN_CA: u64 = 48;
const DECRYPT_ERROR: u64 = 51;
const CERTIFICATE_REQUIRED: u64 = 116;
const NO_APPLICATION_PROTOCOL: u64 = 120;

fn self_made(agent_id: AgentId) -> Credentials {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![SanType::URI(agent_uri(agent_id).try_into().unwrap())];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let certificate = params.self_signed(&key).unwrap().der().clone();
    Credentials {
        agent_id,
        certificate,
        key: PrivateKeyDer::Pkcs8(key.serialize_der().into()),
    }
}

#[tokio::test]
async fn only_our_own_agents_pass_the_handshake() {
    let rig = Rig::new();
    let ours = enrol(&rig).await;
    let nobody = connect(&rig, None, &[ALPN_LINK]).await;
    assert_eq!(alert(nobody).await, CERTIFICATE_REQUIRED);
    // Naming the other protocol as well does not help, in neither order.
    for both in [[ALPN_ENROL, ALPN_LINK], [ALPN_LINK, ALPN_ENROL]] {
        assert_eq!(
            alert(connect(&rig, None, &both).await).await,
            CERTIFICATE_REQUIRED
        );
    }
    assert_eq!(
        alert(connect(&rig, None, &[b"h3"]).await).await,
        NO_APPLICATION_PROTOCOL
    );
    let foreign = self_made(ours.agent_id);
    let foreign = connect(&rig, Some(&foreign), &[ALPN_LINK]).await;
    assert_eq!(alert(foreign).await, UNKNOWN_CA);

    let other = Rig::new();
    let foreign = enrol(&other).await;
    let foreign = connect(&rig, Some(&foreign), &[ALPN_LINK]).await;
    assert_eq!(alert(foreign).await, UNKNOWN_CA);
    let stats = rig.ingest.stats();
    assert_eq!((stats.failed_handshakes, stats.links), (6, 0));
    let agent = Agent::new(&rig, &ours).await;
    assert!(
        matches!(agent.push(&event()).await, Some(PushReply::Ack(_))),
        "still at work"
    );
}

#[tokio::test]
async fn a_stolen_certificate_without_its_key_is_no_use() {
    let rig = Rig::new();
    let ours = enrol(&rig).await;
    let key = KeyPair::generate().unwrap();
    let thief = Credentials {
        key: PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        ..ours
    };
    let answer = alert(connect(&rig, Some(&thief), &[ALPN_LINK]).await).await;
    assert_eq!(answer, DECRYPT_ERROR);
    assert_eq!(rig.ingest.stats().links, 0);
}

#[tokio::test]
async fn a_revoked_agent_is_cut_off_and_stays_out() {
    let rig = Rig::new();
    let credentials = enrol(&rig).await;
    let agent = Agent::new(&rig, &credentials).await;
    let other = Agent::new(&rig, &enrol(&rig).await).await;
    assert!(rig.authority.revoke_agent(credentials.agent_id).unwrap());
    assert_eq!(agent.close_code().await, u64::from(Close::Revoked.code()));
    let again = connect(&rig, Some(&credentials), &[ALPN_LINK]).await;
    assert_eq!(alert(again).await, CERTIFICATE_REVOKED);
    assert!(
        matches!(other.push(&event()).await, Some(PushReply::Ack(_))),
        "others stay"
    );
    assert_eq!(rig.ingest.stats().revoked, 1);
}

#[tokio::test]
async fn every_bad_token_has_its_own_answer() {
    let rig = Rig::new();
    let code = async |token: &JoinToken| {
        let key = KeyPair::generate().unwrap();
        match enrol_with(&rig, token, &key).await {
            EnrolReply::Refused(refused) => Some(refused.code),
            _ => None,
        }
    };
    let token = rig.token();
    assert_eq!(code(&token).await, None);
    assert_eq!(code(&token).await, Some(EnrolRefusal::UsedToken));
    let (expired, _) = rig.authority.create_join_token(Duration::ZERO, "").unwrap();
    assert_eq!(code(&expired).await, Some(EnrolRefusal::ExpiredToken));
    let unknown = JoinToken {
        id: JoinTokenId::random(),
        ..rig.token()
    };
    assert_eq!(code(&unknown).await, Some(EnrolRefusal::UnknownToken));
    let wrong = JoinToken {
        secret: JoinSecret::new([1; 32]),
        ..rig.token()
    };
    assert_eq!(code(&wrong).await, Some(EnrolRefusal::UnknownToken));
    let counted = |s: super::super::IngestStats| (s.enrolled, s.enrolments_refused);
    eventually(|| counted(rig.ingest.stats()) == (1, 4)).await;
}
