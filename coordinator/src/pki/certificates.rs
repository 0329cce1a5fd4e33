//! Keys and certificates: the CA on disk, server and agent certificates out of it.
//!
//! All keys are ECDSA on P-256. The CA lasts 20 years and an agent's certificate 5: what ends an
//! agent sooner is revocation, which takes effect at once. Every certificate begins an hour before
//! it is made, so that an agent whose clock is a little behind can use it.

use std::{
    path::Path,
    time::{Duration, SystemTime},
};

use goshawk_proto::{
    id::AgentId,
    link::{Fingerprint, SERVER_NAME, agent_uri},
};
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertificateSigningRequestParams, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PublicKeyData, SanType,
    SerialNumber,
};
use rustls::{
    pki_types::{CertificateDer, CertificateSigningRequestDer, PrivateKeyDer, pem::PemObject},
    sign::CertifiedKey,
};
use time::OffsetDateTime;

use super::authority::PkiError;
use crate::files;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const CA_LASTS: Duration = Duration::from_secs(20 * 365 * 24 * 60 * 60);
const AGENT_LASTS: Duration = Duration::from_secs(5 * 365 * 24 * 60 * 60);
const SERVER_LASTS: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// Left of a server certificate's time when a new one is made.
const SERVER_RENEWED_BEFORE: Duration = Duration::from_secs(30 * 24 * 60 * 60);
const CLOCK_SLACK: Duration = Duration::from_secs(60 * 60);
/// Largest signing request in bytes; ours have about 250.
const MAX_CSR_BYTES: usize = 16 << 10;

/// The CA's certificate and the key that signs.
pub(super) struct CertificateAuthority {
    der: CertificateDer<'static>,
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// What a new agent shall be certified for.
pub(super) struct SigningRequest {
    csr: CertificateSigningRequestParams,
}

impl CertificateAuthority {
    /// Reads the CA from `dir`, or makes it there. The key is written before the certificate, so
    /// a crash in between starts over and never leaves a certificate without its key.
    pub fn open(dir: &Path) -> Result<Self, PkiError> {
        let (cert_path, key_path) = (dir.join("ca.crt.pem"), dir.join("ca.key.pem"));
        let cert = files::read_if_there(&cert_path).map_err(|e| PkiError::file(&cert_path, &e))?;
        if let Some(cert) = cert {
            let key =
                std::fs::read_to_string(&key_path).map_err(|e| PkiError::file(&key_path, &e))?;
            let key = KeyPair::from_pem(&key).map_err(|e| PkiError::file(&key_path, &e))?;
            return Self::assemble(cert, key);
        }
        let key = KeyPair::generate()?;
        let cert = ca_params(&key)?.self_signed(&key)?.pem();
        files::write_whole(&key_path, key.serialize_pem().as_bytes())
            .map_err(|e| PkiError::file(&key_path, &e))?;
        files::write_whole(&cert_path, cert.as_bytes())
            .map_err(|e| PkiError::file(&cert_path, &e))?;
        Self::assemble(cert, key)
    }

    fn assemble(pem: String, key: KeyPair) -> Result<Self, PkiError> {
        let der = CertificateDer::from_pem_slice(pem.as_bytes())
            .map_err(|_| PkiError::Ca("ca.crt.pem holds no certificate"))?;
        let (_, parsed) = x509_parser::parse_x509_certificate(&der)
            .map_err(|_| PkiError::Ca("ca.crt.pem holds no certificate"))?;
        if parsed.public_key().raw != key.subject_public_key_info() {
            return Err(PkiError::Ca(
                "ca.crt.pem and ca.key.pem do not belong together",
            ));
        }
        let issuer = Issuer::from_ca_cert_der(&der, key)?;
        Ok(Self { der, pem, issuer })
    }

    pub fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A fresh server certificate with a fresh key, neither ever on disk, and when to make the
    /// next.
    pub fn issue_server(&self, now: SystemTime) -> Result<(CertifiedKey, SystemTime), PkiError> {
        let key = KeyPair::generate()?;
        let mut params = leaf_params(SERVER_NAME, now, SERVER_LASTS)?;
        let name = SERVER_NAME
            .try_into()
            .map_err(|_| PkiError::Ca("the server's name is none"))?;
        params.subject_alt_names = vec![SanType::DnsName(name)];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = self.sign(&params, &key)?;
        let chain = vec![certificate.der().clone(), self.der.clone()];
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let key = rustls::crypto::ring::sign::any_supported_type(&key)?;
        let renew_at = now + SERVER_LASTS.saturating_sub(SERVER_RENEWED_BEFORE);
        Ok((CertifiedKey::new(chain, key), renew_at))
    }

    /// A certificate whose identity is `agent`, over the key of the request. Of the request only
    /// the key is taken: what else it may ask for is the coordinator's to say.
    pub fn issue_agent(
        &self,
        agent: AgentId,
        request: &SigningRequest,
        now: SystemTime,
    ) -> Result<(CertificateDer<'static>, SystemTime), PkiError> {
        let mut params = leaf_params(&agent.to_string(), now, AGENT_LASTS)?;
        let uri = agent_uri(agent)
            .try_into()
            .map_err(|_| PkiError::Ca("an agent's URI is none"))?;
        params.subject_alt_names = vec![SanType::URI(uri)];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = self.sign(&params, &request.csr.public_key)?;
        Ok((certificate.der().clone(), now + AGENT_LASTS))
    }

    fn sign(
        &self,
        params: &CertificateParams,
        key: &impl PublicKeyData,
    ) -> Result<Certificate, PkiError> {
        Ok(params.signed_by(key, &self.issuer)?)
    }
}

impl SigningRequest {
    /// Reads a PKCS#10 request in DER and checks that it is signed with its own key.
    pub fn parse(der: &[u8]) -> Result<Self, &'static str> {
        if der.len() > MAX_CSR_BYTES {
            return Err("the signing request is too large");
        }
        let der = CertificateSigningRequestDer::from(der);
        let csr = CertificateSigningRequestParams::from_der(&der)
            .map_err(|_| "not a valid PKCS#10 signing request")?;
        let allowed = [
            &rcgen::PKCS_ECDSA_P256_SHA256,
            &rcgen::PKCS_ECDSA_P384_SHA384,
            &rcgen::PKCS_ED25519,
        ];
        if !allowed.contains(&csr.public_key.algorithm()) {
            return Err("the key must be ECDSA P-256 or P-384, or Ed25519");
        }
        Ok(Self { csr })
    }

    /// SHA-256 of the public key.
    pub fn key(&self) -> Fingerprint {
        Fingerprint::of(self.csr.public_key.der_bytes())
    }
}

/// Two coordinators' CAs never have the same name: an issuer is looked up by name, and a foreign
/// certificate shall be known as foreign and not as forged.
fn ca_params(key: &KeyPair) -> Result<CertificateParams, PkiError> {
    let mut name = Fingerprint::of(&key.subject_public_key_info()).to_string();
    name.truncate(16);
    let name = format!("Goshawk coordinator CA {name}");
    let mut params = params(&name, SystemTime::now(), CA_LASTS)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

fn leaf_params(
    name: &str,
    now: SystemTime,
    lasts: Duration,
) -> Result<CertificateParams, PkiError> {
    let mut params = params(name, now, lasts)?;
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

fn params(name: &str, now: SystemTime, lasts: Duration) -> Result<CertificateParams, PkiError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = OffsetDateTime::from(now.checked_sub(CLOCK_SLACK).unwrap_or(now));
    params.not_after = OffsetDateTime::from(now + lasts.max(DAY));
    // RFC 5280 wants a positive number of at most 20 octets.
    let mut serial: [u8; 16] = rand::random();
    serial[0] = serial[0] & 0x7f | 0x01;
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    Ok(params)
}
