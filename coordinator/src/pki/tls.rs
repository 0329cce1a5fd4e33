//! TLS of the agents' port: one port, two protocols, two rules.
//!
//! A client that offers `goshawk/1` must show a certificate of our CA that names an agent of good
//! standing, or the handshake fails; only a client that offers `goshawk-enrol/1` alone may come
//! without one. Which of the two it is stands in its first message, which rustls shows to the
//! certificate resolver and not to the verifier; so each connection gets its own pair of the two
//! that share a flag.
//!
//! There are no session tickets and no 0-RTT: a resumed session would not ask the verifier again,
//! and a revoked agent could come back.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use goshawk_proto::{
    id::AgentId,
    link::{ALPN_ENROL, ALPN_LINK, agent_of_uri},
};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, ServerConfig,
    SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, UnixTime},
    server::{
        ClientHello, NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
    sign::CertifiedKey,
};
use x509_parser::{extensions::GeneralName, prelude::FromDer};

use super::authority::{Authority, PkiError};

/// Makes the TLS settings of one connection after the other.
pub(crate) struct TlsSettings {
    authority: Arc<Authority>,
    provider: Arc<CryptoProvider>,
    verifier: Arc<dyn ClientCertVerifier>,
}

impl TlsSettings {
    /// Trusts the authority's CA and nothing else.
    pub fn new(authority: Arc<Authority>) -> Result<Self, PkiError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(authority.ca_der().clone())?;
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
                .build()
                .map_err(|_| PkiError::Ca("its certificate cannot be trusted"))?;
        Ok(Self {
            authority,
            provider,
            verifier,
        })
    }

    /// Settings for one incoming connection.
    pub fn for_connection(&self) -> Result<Arc<ServerConfig>, Error> {
        let is_link = Arc::new(AtomicBool::new(true));
        let verifier = AgentVerifier {
            inner: self.verifier.clone(),
            authority: self.authority.clone(),
            is_link: is_link.clone(),
        };
        let resolver = Resolver {
            key: self.authority.server_key(),
            is_link,
        };
        let mut config = ServerConfig::builder_with_provider(self.provider.clone())
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_client_cert_verifier(Arc::new(verifier))
            .with_cert_resolver(Arc::new(resolver));
        config.alpn_protocols = vec![ALPN_LINK.to_vec(), ALPN_ENROL.to_vec()];
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        config.max_early_data_size = 0;
        Ok(Arc::new(config))
    }
}

#[derive(Debug)]
struct Resolver {
    key: Arc<CertifiedKey>,
    is_link: Arc<AtomicBool>,
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // Of two names that a client offers rustls takes our first, `goshawk/1`: so must we.
        let offers_link = hello
            .alpn()
            .is_none_or(|mut names| names.any(|name| name == ALPN_LINK));
        self.is_link.store(offers_link, Ordering::Relaxed);
        Some(self.key.clone())
    }
}

#[derive(Debug)]
struct AgentVerifier {
    inner: Arc<dyn ClientCertVerifier>,
    authority: Arc<Authority>,
    is_link: Arc<AtomicBool>,
}

impl ClientCertVerifier for AgentVerifier {
    fn client_auth_mandatory(&self) -> bool {
        self.is_link.load(Ordering::Relaxed)
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.inner.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self
            .inner
            .verify_client_cert(end_entity, intermediates, now)?;
        let agent = agent_of_certificate(end_entity)
            .ok_or(CertificateError::ApplicationVerificationFailure)?;
        if !self.authority.is_welcome(agent) {
            return Err(CertificateError::Revoked.into());
        }
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// The agent that a certificate names: in exactly one URI among its alternative names. Says
/// nothing about who signed it.
pub(crate) fn agent_of_certificate(der: &CertificateDer<'_>) -> Option<AgentId> {
    let (_, certificate) = x509_parser::certificate::X509Certificate::from_der(der).ok()?;
    let names = certificate.subject_alternative_name().ok()??;
    let mut agents = names
        .value
        .general_names
        .iter()
        .filter_map(|name| match name {
            GeneralName::URI(uri) => agent_of_uri(uri),
            _ => None,
        });
    let agent = agents.next()?;
    agents.next().is_none().then_some(agent)
}
