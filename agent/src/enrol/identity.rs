//! The agent's key and certificates on disk.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use goshawk_proto::{id::AgentId, link::agent_of_uri, time::Timestamp};
use rcgen::{KeyPair, PublicKeyData};
use rustls::{
    ClientConfig, RootCertStore,
    client::Resumption,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use x509_parser::{extensions::GeneralName, parse_x509_certificate};

use crate::files;

/// Why the identity on disk cannot be used or written.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        source: io::Error,
    },
    /// A file holds something else than it should.
    #[error("{path}: {reason}; if it cannot be restored, empty the folder and enrol again")]
    Content {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// TLS cannot be set up with it.
    #[error("TLS cannot be set up with the agent's certificate: {0}")]
    Tls(#[from] rustls::Error),
}

impl IdentityError {
    fn content(path: &Path, reason: impl ToString) -> Self {
        Self::Content {
            path: path.to_owned(),
            reason: reason.to_string(),
        }
    }
}

/// Who this agent is: its certificate, its key and the CA that it trusts.
pub struct Identity {
    agent_id: AgentId,
    certificate: CertificateDer<'static>,
    ca: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({})", self.agent_id)
    }
}

const KEY: &str = "agent.key.pem";
/// The key of the certificate, while it takes the place of the one before.
const NEXT_KEY: &str = "agent.next.key.pem";
const CA: &str = "ca.crt.pem";
const CERTIFICATE: &str = "agent.crt.pem";

impl Identity {
    /// Reads the identity in `dir`; `None` when the agent is not enrolled yet.
    pub fn load(dir: &Path) -> Result<Option<Self>, IdentityError> {
        let path = dir.join(CERTIFICATE);
        let Some(certificate) = read(&path)? else {
            return Ok(None);
        };
        let certificate = parse_certificate(&path, &certificate)?;
        let ca_path = dir.join(CA);
        let ca = read(&ca_path)?.ok_or_else(|| IdentityError::content(&ca_path, "is missing"))?;
        let ca = parse_certificate(&ca_path, &ca)?;
        let key_path = dir.join(KEY);
        let key = match read_key(&dir.join(NEXT_KEY))? {
            // A renewal was cut off between the certificate and the last step.
            Some(next) if fits(&certificate, &next) => next,
            _ => read_key(&key_path)?
                .ok_or_else(|| IdentityError::content(&key_path, "is missing"))?,
        };
        Self::assemble(certificate, ca, &key)
            .map(Some)
            .map_err(|reason| IdentityError::content(&path, reason))
    }

    /// Puts the parts together if they fit.
    pub(super) fn assemble(
        certificate: CertificateDer<'static>,
        ca: CertificateDer<'static>,
        key: &KeyPair,
    ) -> Result<Self, &'static str> {
        let (agent_id, public_key) =
            agent_and_key(&certificate).ok_or("the certificate names no agent")?;
        if public_key != key.subject_public_key_info() {
            return Err("the certificate is not for this agent's key");
        }
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        Ok(Self {
            agent_id,
            certificate,
            ca,
            key,
        })
    }

    /// The agent's id, as its certificate says.
    pub fn agent_id(&self) -> AgentId {
        self.agent_id
    }

    /// The CA that it trusts.
    pub(crate) fn ca(&self) -> &CertificateDer<'static> {
        &self.ca
    }

    /// When the certificate begins to count, and when it ends.
    pub fn validity(&self) -> Option<(Timestamp, Timestamp)> {
        let (_, certificate) = parse_x509_certificate(&self.certificate).ok()?;
        let validity = certificate.validity();
        let at = |time: x509_parser::time::ASN1Time| {
            Timestamp::from_unix_micros(time.timestamp().saturating_mul(1_000_000))
        };
        Some((at(validity.not_before), at(validity.not_after)))
    }

    /// TLS as this agent, trusting its coordinator's CA alone. No session is resumed and nothing
    /// is sent early: every connection proves everything anew.
    pub(crate) fn tls(&self) -> Result<ClientConfig, IdentityError> {
        let mut roots = RootCertStore::empty();
        roots.add(self.ca.clone())?;
        let mut config = tls13()?
            .with_root_certificates(roots)
            .with_client_auth_cert(vec![self.certificate.clone()], self.key.clone_key())?;
        config.resumption = Resumption::disabled();
        Ok(config)
    }
}

/// TLS 1.3 on *ring* and nothing else.
pub(super) fn tls13()
-> Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider).with_protocol_versions(&[&rustls::version::TLS13])
}

/// The agent that a certificate names, and its public key.
fn agent_and_key(der: &CertificateDer<'_>) -> Option<(AgentId, Vec<u8>)> {
    let (_, certificate) = parse_x509_certificate(der).ok()?;
    let names = certificate.subject_alternative_name().ok()??;
    let agent = names
        .value
        .general_names
        .iter()
        .find_map(|name| match name {
            GeneralName::URI(uri) => agent_of_uri(uri),
            _ => None,
        });
    Some((agent?, certificate.public_key().raw.to_vec()))
}

fn read(path: &Path) -> Result<Option<String>, IdentityError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(IdentityError::File {
            path: path.to_owned(),
            source,
        }),
    }
}

fn read_key(path: &Path) -> Result<Option<KeyPair>, IdentityError> {
    let Some(text) = read(path)? else {
        return Ok(None);
    };
    // The parser's own message could quote the key.
    let key = KeyPair::from_pem(&text)
        .map_err(|_| IdentityError::content(path, "is no private key that we can use"))?;
    Ok(Some(key))
}

fn parse_certificate(path: &Path, text: &str) -> Result<CertificateDer<'static>, IdentityError> {
    CertificateDer::from_pem_slice(text.as_bytes())
        .map_err(|_| IdentityError::content(path, "is no certificate in PEM"))
}

fn write(path: &Path, text: &str) -> Result<(), IdentityError> {
    files::write_whole(path, text.as_bytes()).map_err(|source| IdentityError::File {
        path: path.to_owned(),
        source,
    })
}

/// The key in `dir`, made there if there is none: it must be on disk before it is certified.
pub(super) fn key_in(dir: &Path) -> Result<KeyPair, IdentityError> {
    files::private_folder(dir).map_err(|source| IdentityError::File {
        path: dir.to_owned(),
        source,
    })?;
    let path = dir.join(KEY);
    if let Some(key) = read_key(&path)? {
        return Ok(key);
    }
    let key = KeyPair::generate().map_err(|e| IdentityError::content(&path, e))?;
    write(&path, &key.serialize_pem())?;
    Ok(key)
}

/// Keeps what the coordinator signed, beside the key; the certificate is written last.
pub(super) fn keep(dir: &Path, identity: &Identity) -> Result<(), IdentityError> {
    write(&dir.join(CA), &pem("CERTIFICATE", &identity.ca))?;
    write(
        &dir.join(CERTIFICATE),
        &pem("CERTIFICATE", &identity.certificate),
    )
}

/// Puts a certificate and its key in place of those before. After a crash at any point the folder
/// holds one pair or the other: the next key is written first, the certificate decides which of
/// the two keys counts, and the old key goes last.
pub(super) fn replace(dir: &Path, identity: &Identity, key: &str) -> Result<(), IdentityError> {
    settle(dir)?;
    write(&dir.join(NEXT_KEY), key)?;
    write(
        &dir.join(CERTIFICATE),
        &pem("CERTIFICATE", &identity.certificate),
    )?;
    settle(dir)
}

/// Gives the next key its place if the certificate is for it.
fn settle(dir: &Path) -> Result<(), IdentityError> {
    let (path, next) = (dir.join(CERTIFICATE), dir.join(NEXT_KEY));
    let (Some(text), Some(key)) = (read(&path)?, read_key(&next)?) else {
        return Ok(());
    };
    if !fits(&parse_certificate(&path, &text)?, &key) {
        return Ok(());
    }
    let renamed =
        std::fs::rename(&next, dir.join(KEY)).and_then(|()| std::fs::File::open(dir)?.sync_all());
    renamed.map_err(|source| IdentityError::File { path: next, source })
}

fn fits(certificate: &CertificateDer<'_>, key: &KeyPair) -> bool {
    agent_and_key(certificate).is_some_and(|(_, public)| public == key.subject_public_key_info())
}

/// RFC 7468: base64 in lines of 64 characters between two labels.
fn pem(label: &str, der: &[u8]) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let base64 = STANDARD.encode(der);
    let mut text = format!("-----BEGIN {label}-----\n");
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        // Base64 is ASCII: every index is between two characters.
        let (line, more) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = more;
    }
    text + &format!("-----END {label}-----\n")
}

#[cfg(test)]
impl Identity {
    /// An identity that is on no disk.
    pub(crate) fn for_test(
        certificate: CertificateDer<'static>,
        ca: CertificateDer<'static>,
        key: &KeyPair,
    ) -> Self {
        Self::assemble(certificate, ca, key).unwrap()
    }

    /// A certificate as it lies in the folder.
    pub(crate) fn pem_for_test(der: &[u8]) -> String {
        pem("CERTIFICATE", der)
    }
}
