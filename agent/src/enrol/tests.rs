//! The identity folder, and in a module of its own the conversation.

mod conversation;

use std::{os::unix::fs::PermissionsExt, path::Path};

use goshawk_proto::{id::AgentId, link::agent_uri};
use rcgen::{CertificateParams, KeyPair, SanType};
use rustls::pki_types::CertificateDer;

use super::{
    identity::{keep, key_in},
    *,
};

fn certificate(key: &KeyPair, uri: &str) -> CertificateDer<'static> {
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![SanType::URI(uri.try_into().unwrap())];
    params.self_signed(key).unwrap().der().clone()
}

fn enrolled(dir: &Path) -> AgentId {
    let agent = AgentId::random();
    let key = key_in(dir).unwrap();
    let own = certificate(&key, &agent_uri(agent));
    keep(dir, &Identity::assemble(own.clone(), own, &key).unwrap()).unwrap();
    agent
}

#[test]
fn an_identity_reads_back() {
    let dir = tempfile::tempdir().unwrap();
    assert!(Identity::load(dir.path()).unwrap().is_none());
    let agent = enrolled(dir.path());
    let identity = Identity::load(dir.path()).unwrap().unwrap();
    assert_eq!(identity.agent_id(), agent);
    assert!(identity.tls().is_ok());
    let mode = std::fs::metadata(dir.path().join("agent.key.pem"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn the_key_is_made_once_and_shown_nowhere() {
    let dir = tempfile::tempdir().unwrap();
    let first = key_in(dir.path()).unwrap();
    assert!(
        Identity::load(dir.path()).unwrap().is_none(),
        "a key alone is no identity"
    );
    assert_eq!(
        key_in(dir.path()).unwrap().serialize_pem(),
        first.serialize_pem()
    );
    enrolled(dir.path());
    let shown = format!("{:?}", Identity::load(dir.path()).unwrap().unwrap());
    assert!(shown.len() < 60, "{shown}");
}

#[test]
fn a_folder_that_does_not_fit_together_is_refused() {
    let spoil = |change: &dyn Fn(&Path)| {
        let dir = tempfile::tempdir().unwrap();
        enrolled(dir.path());
        change(dir.path());
        Identity::load(dir.path()).unwrap_err().to_string()
    };
    let other = KeyPair::generate().unwrap().serialize_pem();
    let error = spoil(&|dir| std::fs::write(dir.join("agent.key.pem"), &other).unwrap());
    assert!(error.contains("not for this agent's key"), "{error}");
    let error = spoil(&|dir| std::fs::write(dir.join("agent.key.pem"), "secret words").unwrap());
    assert!(
        error.contains("no private key") && !error.contains("secret words"),
        "{error}"
    );
    let error = spoil(&|dir| std::fs::remove_file(dir.join("ca.crt.pem")).unwrap());
    assert!(error.contains("is missing"), "{error}");
    let error = spoil(&|dir| std::fs::write(dir.join("agent.crt.pem"), "").unwrap());
    assert!(error.contains("no certificate"), "{error}");
}

#[test]
fn a_certificate_without_an_agent_is_no_identity() {
    let key = KeyPair::generate().unwrap();
    let nobody = certificate(&key, "urn:somebody:else");
    assert!(Identity::assemble(nobody.clone(), nobody, &key).is_err());
}
