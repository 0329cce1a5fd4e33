//! An agent gets a new certificate over its link.

use goshawk_proto::link::{ALPN_LINK, AgentMessage, CoordinatorMessage, control::Renew};
use rcgen::KeyPair;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_bytes::ByteBuf;

use super::{
    agent::{Agent, Credentials, connect, csr, enrol},
    rig::Rig,
};

/// Asks, and gives the answer among whatever else is said.
async fn ask(agent: &mut Agent, csr: ByteBuf) -> CoordinatorMessage {
    let message = AgentMessage::Renew(Renew { csr });
    agent
        .send
        .write_all(&message.encode().unwrap())
        .await
        .unwrap();
    loop {
        let heard = agent.hear().await;
        if let CoordinatorMessage::Renewed(_) | CoordinatorMessage::RenewalRefused(_) = heard {
            return heard;
        }
    }
}

#[tokio::test]
async fn a_new_key_is_signed_for_the_same_agent() {
    let rig = Rig::new();
    let old = enrol(&rig).await;
    let mut agent = Agent::new(&rig, &old).await;
    let key = KeyPair::generate().unwrap();
    let CoordinatorMessage::Renewed(renewed) = ask(&mut agent, csr(&key)).await else {
        panic!("not renewed");
    };
    assert_eq!(renewed.ca.as_slice(), rig.authority.ca_der().as_ref());
    let new = Credentials {
        agent_id: old.agent_id,
        certificate: CertificateDer::from(renewed.certificate.into_vec()),
        key: PrivateKeyDer::Pkcs8(key.serialize_der().into()),
    };
    assert_ne!(new.certificate, old.certificate);
    // The welcome names the agent that the certificate is of; the old one is still good.
    drop(Agent::new(&rig, &new).await);
    drop(Agent::new(&rig, &old).await);
    assert_eq!(rig.ingest.stats().renewed, 1);

    // Revoked, neither of the two gets in.
    assert!(rig.authority.revoke_agent(old.agent_id).unwrap());
    for credentials in [&old, &new] {
        let refused = match connect(&rig, Some(credentials), &[ALPN_LINK]).await {
            Ok(connection) => connection.closed().await,
            Err(error) => error,
        };
        drop(refused);
    }
    assert_eq!(rig.authority.agents().unwrap().len(), 1);
}

#[tokio::test]
async fn nonsense_is_refused_and_the_link_goes_on() {
    let rig = Rig::new();
    let mut agent = Agent::new(&rig, &enrol(&rig).await).await;
    for csr in [
        ByteBuf::new(),
        ByteBuf::from(vec![7; 100]),
        ByteBuf::from(vec![0; 40_000]),
    ] {
        let answer = ask(&mut agent, csr).await;
        assert!(matches!(answer, CoordinatorMessage::RenewalRefused(_)));
    }
    assert_eq!(rig.ingest.stats().renewals_refused, 3);
    let key = KeyPair::generate().unwrap();
    let answer = ask(&mut agent, csr(&key)).await;
    assert!(matches!(answer, CoordinatorMessage::Renewed(_)));
}
