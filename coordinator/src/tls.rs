//! TLS of the HTTP listeners: a certificate and its key in PEM files, read again when they
//! change.
//!
//! A pair that cannot be used never replaces one that can: it is logged, counted and passed over.
//! With every new pair comes a new configuration, and with it an empty session cache, so that
//! no client resumes under the old certificate. (The agents' port has rules of its own: `pki`.)

pub mod watch;

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use rustls::{
    ServerConfig,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
    version::{TLS12, TLS13},
};
use x509_parser::prelude::FromDer;

use crate::metrics::ListenerMetrics;

/// Largest file that is read as a certificate chain or key.
const MAX_FILE: u64 = 1 << 20;
/// Remaining life of a certificate at which its end is warned of, in seconds.
const NEAR_END_S: i64 = 14 * 86_400;

/// Why a pair cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{path}: {source}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("{path}: {reason}", path = path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The two do not belong together, or TLS cannot use them.
    #[error("certificate {certificate} and key {key}: {source}", certificate = files.certificate.display(), key = files.key.display())]
    Pair {
        /// The files.
        files: PairFiles,
        /// Why not.
        source: rustls::Error,
    },
}

/// Where a certificate and its key lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairFiles {
    /// The chain in PEM, the server's own certificate first.
    pub certificate: PathBuf,
    /// The private key in PEM.
    pub key: PathBuf,
}

/// A pair that TLS can use.
struct Pair {
    config: Arc<ServerConfig>,
    /// Validity of the server's own certificate, in seconds since 1970.
    valid_s: std::ops::RangeInclusive<i64>,
}

/// TLS of one listener.
pub struct Tls {
    service: &'static str,
    files: PairFiles,
    /// The files before they were first read.
    first_look: watch::Look,
    pair: RwLock<Pair>,
    metrics: ListenerMetrics,
}

impl Tls {
    /// Reads the pair for the first time. One out of its validity is used nevertheless, with an
    /// error in the log: there is none better to go on with.
    pub fn open(
        service: &'static str,
        files: PairFiles,
        metrics: ListenerMetrics,
    ) -> Result<Arc<Self>, TlsError> {
        let first_look = watch::look(&files);
        let pair = Pair::read(&files)?;
        let this = Self {
            service,
            files,
            first_look,
            pair: RwLock::new(pair),
            metrics,
        };
        this.report();
        Ok(Arc::new(this))
    }

    /// The configuration for the next connection.
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.read().config)
    }

    /// Reads the pair again and takes it, if it can be used and is valid now.
    fn reload(&self) {
        let files = &self.files;
        let read = Pair::read(files).and_then(|pair| match pair.is_valid(now_s()) {
            true => Ok(pair),
            false => Err(TlsError::Content {
                path: files.certificate.clone(),
                reason: "not valid today".to_owned(),
            }),
        });
        self.metrics.reloaded(read.is_ok());
        match read {
            Ok(pair) => {
                *self.pair.write().unwrap_or_else(PoisonError::into_inner) = pair;
                tracing::info!(service = self.service, "new TLS certificate taken");
                self.report();
            }
            Err(error) => tracing::error!(
                service = self.service,
                "new TLS certificate not taken, the old one stays: {error}"
            ),
        }
    }

    fn report(&self) {
        let valid_s = self.read().valid_s.clone();
        self.metrics.certificate_expires(*valid_s.end());
        let (service, now) = (self.service, now_s());
        let left_days = (*valid_s.end() - now) / 86_400;
        if !valid_s.contains(&now) {
            tracing::error!(service, "the TLS certificate is not valid today");
        } else if *valid_s.end() - now < NEAR_END_S {
            tracing::warn!(service, left_days, "the TLS certificate ends soon");
        }
        if is_readable_by_all(&self.files.key) {
            let path = self.files.key.display();
            tracing::warn!(service, "everybody on this machine can read {path}");
        }
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Pair> {
        self.pair.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pair {
    fn read(files: &PairFiles) -> Result<Self, TlsError> {
        let chain = chain(&files.certificate)?;
        let valid_s = validity(&chain[0]).map_err(|reason| TlsError::Content {
            path: files.certificate.clone(),
            reason,
        })?;
        let key = PrivateKeyDer::from_pem_slice(&contents(&files.key)?)
            .map_err(|error| pem_error(&files.key, "private key", &error))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13, &TLS12])
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
            .map_err(|source| TlsError::Pair {
                files: files.clone(),
                source,
            })?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self {
            config: Arc::new(config),
            valid_s,
        })
    }

    fn is_valid(&self, now_s: i64) -> bool {
        self.valid_s.contains(&now_s)
    }
}

/// At least one certificate.
fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = contents(path)?;
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<_, _>>()
        .map_err(|error| pem_error(path, "certificate", &error))?;
    if chain.is_empty() {
        return Err(pem_error(path, "certificate", &pem::Error::NoItemsFound));
    }
    Ok(chain)
}

fn contents(path: &Path) -> Result<Vec<u8>, TlsError> {
    let read = || {
        let length = fs::metadata(path)?.len();
        if length > MAX_FILE {
            let reason = format!("{length} bytes are more than {MAX_FILE}");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, reason));
        }
        fs::read(path)
    };
    read().map_err(|source| TlsError::Read {
        path: path.to_owned(),
        source,
    })
}

fn pem_error(path: &Path, wanted: &str, error: &pem::Error) -> TlsError {
    let reason = match error {
        pem::Error::NoItemsFound => format!("holds no {wanted} in PEM"),
        // The error's own text may quote the line, which here may be part of a key.
        _ => format!("a {wanted} in it is no PEM"),
    };
    TlsError::Content {
        path: path.to_owned(),
        reason,
    }
}

fn validity(certificate: &CertificateDer<'_>) -> Result<std::ops::RangeInclusive<i64>, String> {
    let (_, certificate) = x509_parser::certificate::X509Certificate::from_der(certificate)
        .map_err(|error| format!("the first certificate cannot be read: {error}"))?;
    let validity = certificate.validity();
    Ok(validity.not_before.timestamp()..=validity.not_after.timestamp())
}

fn is_readable_by_all(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o004 != 0)
}

fn now_s() -> i64 {
    let now = goshawk_proto::time::Timestamp::from_system(std::time::SystemTime::now());
    now.unix_micros() / 1_000_000
}

#[cfg(test)]
mod tests;
