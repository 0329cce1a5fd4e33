//! The conversation, against a coordinator that does as the test says.

use std::path::Path;

use goshawk_proto::{
    id::{AgentId, JoinTokenId},
    link::{
        ALPN_ENROL, Fingerprint, FrameReader, JoinSecret, JoinToken, MAX_HEAD_BYTES, agent_uri,
        enrol::{Enrol, EnrolMessage, EnrolRefusal, EnrolRefused, EnrolReply, Enrolled},
    },
};
use quinn::Endpoint;
use rcgen::{CertificateParams, CertificateSigningRequestParams, SanType};
use rustls::pki_types::CertificateSigningRequestDer;
use serde_bytes::ByteBuf;

use crate::{
    enrol::{EnrolError, EnrolRequest, Identity, enrol},
    link::{frames::read_frame, tests::coordinator::Coordinator},
};

fn token(ca: &[u8]) -> JoinToken {
    let (ca, secret) = (Fingerprint::of(ca), JoinSecret::new([9; 32]));
    JoinToken {
        ca,
        id: JoinTokenId::random(),
        secret,
    }
}

fn request(port: &Endpoint, token: JoinToken, dir: &Path) -> EnrolRequest {
    let coordinator = port.local_addr().unwrap().to_string();
    EnrolRequest {
        coordinator,
        token,
        name: "gate".to_owned(),
        dir: dir.to_owned(),
    }
}

/// Answers one enrolment; what was asked, if anything was.
async fn serve(port: Endpoint, answer: impl FnOnce(&Enrol) -> EnrolReply) -> Option<Enrol> {
    let connection = port.accept().await?.await.ok()?;
    let (mut send, mut recv) = connection.accept_bi().await.ok()?;
    let mut reader = FrameReader::new(MAX_HEAD_BYTES);
    let frame = read_frame(&mut recv, &mut reader).await.ok()??;
    let Ok(EnrolMessage::Enrol(asked)) = EnrolMessage::decode(&frame) else {
        panic!("no request")
    };
    send.write_all(&answer(&asked).encode().unwrap())
        .await
        .ok()?;
    send.finish().ok()?;
    connection.closed().await;
    Some(asked)
}

fn certify(coordinator: &Coordinator, asked: &Enrol, agent_id: AgentId) -> Enrolled {
    let csr = CertificateSigningRequestDer::from(asked.csr.as_slice());
    let csr = CertificateSigningRequestParams::from_der(&csr).expect("a valid request");
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![SanType::URI(agent_uri(agent_id).try_into().unwrap())];
    let certificate = params
        .signed_by(&csr.public_key, coordinator.issuer())
        .unwrap();
    Enrolled {
        agent_id,
        certificate: ByteBuf::from(certificate.der().to_vec()),
        ca: ByteBuf::from(coordinator.ca().to_vec()),
    }
}

#[tokio::test]
async fn a_new_agent_gets_an_identity_and_keeps_it() {
    let coordinator = Coordinator::new().await;
    let port = coordinator.enrolment_port(ALPN_ENROL).await;
    let dir = tempfile::tempdir().unwrap();
    let request = request(&port, token(coordinator.ca()), dir.path());
    let agent = AgentId::random();
    let answer = |asked: &Enrol| EnrolReply::Enrolled(certify(&coordinator, asked, agent));
    let (identity, asked) = tokio::join!(enrol(&request), serve(port, answer));
    assert_eq!(identity.unwrap().agent_id(), agent);
    let asked = asked.unwrap();
    assert_eq!(
        (asked.name.as_str(), asked.token_id),
        ("gate", request.token.id)
    );
    assert_eq!(asked.secret, request.token.secret);
    assert_eq!(
        Identity::load(dir.path()).unwrap().unwrap().agent_id(),
        agent
    );
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_with_the_same_key() {
    let coordinator = Coordinator::new().await;
    let dir = tempfile::tempdir().unwrap();
    let token = token(coordinator.ca());
    let key = |asked: &Enrol| {
        let csr = CertificateSigningRequestDer::from(asked.csr.as_slice());
        let csr = CertificateSigningRequestParams::from_der(&csr).unwrap();
        rcgen::PublicKeyData::der_bytes(&csr.public_key).to_vec()
    };
    let mut keys = Vec::new();
    for _ in 0..2 {
        let port = coordinator.enrolment_port(ALPN_ENROL).await;
        let request = request(&port, token.clone(), dir.path());
        let busy = |_: &Enrol| refused(EnrolRefusal::Internal);
        let (outcome, asked) = tokio::join!(enrol(&request), serve(port, busy));
        assert!(outcome.unwrap_err().is_temporary());
        keys.push(key(&asked.unwrap()));
    }
    assert_eq!(keys[0], keys[1]);
}

fn refused(code: EnrolRefusal) -> EnrolReply {
    EnrolReply::Refused(EnrolRefused {
        code,
        reason: "because".to_owned(),
    })
}

#[tokio::test]
async fn every_refusal_is_an_error_of_its_own_and_shows_no_secret() {
    let coordinator = Coordinator::new().await;
    for (code, want) in [
        (EnrolRefusal::UnknownToken, "does not know this join token"),
        (EnrolRefusal::UsedToken, "has been used"),
        (EnrolRefusal::ExpiredToken, "has expired"),
        (EnrolRefusal::RevokedToken, "has been revoked"),
        (EnrolRefusal::BadRequest, "refuses the request: because"),
        (EnrolRefusal::Busy, "cannot enrol agents now"),
    ] {
        let port = coordinator.enrolment_port(ALPN_ENROL).await;
        let dir = tempfile::tempdir().unwrap();
        let request = request(&port, token(coordinator.ca()), dir.path());
        let (outcome, _) = tokio::join!(enrol(&request), serve(port, |_| refused(code)));
        let error = outcome.unwrap_err();
        let shown = format!("{error} {error:?} {request:?}");
        assert!(shown.contains(want), "{code:?}: {shown}");
        let secret = request.token.to_string();
        assert!(
            !shown.contains(secret.rsplit('.').next().unwrap()),
            "{shown}"
        );
        assert_eq!(error.is_temporary(), code == EnrolRefusal::Busy);
        assert!(Identity::load(dir.path()).unwrap().is_none());
    }
}

#[tokio::test]
async fn a_foreign_coordinator_never_sees_the_token() {
    let (ours, foreign) = (Coordinator::new().await, Coordinator::new().await);
    let port = foreign.enrolment_port(ALPN_ENROL).await;
    let dir = tempfile::tempdir().unwrap();
    let request = request(&port, token(ours.ca()), dir.path());
    let answer = |_: &Enrol| refused(EnrolRefusal::Busy);
    let (outcome, asked) = tokio::join!(enrol(&request), serve(port, answer));
    assert!(
        matches!(outcome, Err(EnrolError::WrongCoordinator { .. })),
        "{outcome:?}"
    );
    assert_eq!(asked, None);
}

#[tokio::test]
async fn answers_that_make_no_sense_are_not_kept() {
    let coordinator = Coordinator::new().await;
    let other = Coordinator::new().await;
    let bad: [&dyn Fn(Enrolled) -> Enrolled; 4] = [
        &|e| Enrolled {
            ca: ByteBuf::from(other.ca().to_vec()),
            ..e
        },
        &|e| Enrolled {
            certificate: ByteBuf::from(b"no certificate".to_vec()),
            ..e
        },
        &|e| Enrolled {
            certificate: e.ca.clone(),
            ..e
        },
        &|e| Enrolled {
            agent_id: AgentId::random(),
            ..e
        },
    ];
    for (nth, spoil) in bad.into_iter().enumerate() {
        let port = coordinator.enrolment_port(ALPN_ENROL).await;
        let dir = tempfile::tempdir().unwrap();
        let request = request(&port, token(coordinator.ca()), dir.path());
        let answer = |asked: &Enrol| {
            EnrolReply::Enrolled(spoil(certify(&coordinator, asked, AgentId::random())))
        };
        let (outcome, _) = tokio::join!(enrol(&request), serve(port, answer));
        assert!(outcome.is_err(), "answer {nth}");
        assert!(
            Identity::load(dir.path()).unwrap().is_none(),
            "answer {nth}"
        );
    }
}

#[tokio::test]
async fn a_name_that_leads_nowhere_is_temporary() {
    let dir = tempfile::tempdir().unwrap();
    let request = EnrolRequest {
        coordinator: "no such host.invalid:1".to_owned(),
        token: token(b"any"),
        name: "gate".to_owned(),
        dir: dir.path().to_owned(),
    };
    let error = enrol(&request).await.unwrap_err();
    assert!(error.is_temporary(), "{error}");
}
