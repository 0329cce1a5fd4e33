//! The connection to the broker: TCP, with TLS where the address says so.

use std::{io, path::Path, sync::Arc, time::Duration};

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

/// Longest wait for a connection, each for TCP and for TLS.
const CONNECT: Duration = Duration::from_secs(10);

/// A byte stream in both directions.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// How the broker is reached.
pub(super) struct Link {
    host: String,
    port: u16,
    tls: Option<TlsConnector>,
}

impl Link {
    /// Reads the certificates' file, where one is given.
    pub(super) fn new(
        host: &str,
        port: u16,
        tls: bool,
        ca_file: Option<&Path>,
    ) -> io::Result<Self> {
        let tls = match tls {
            true => Some(TlsConnector::from(Arc::new(client_config(ca_file)?))),
            false => None,
        };
        Ok(Self {
            host: host.to_owned(),
            port,
            tls,
        })
    }

    /// Connects.
    pub(super) async fn open(&self) -> io::Result<Box<dyn Stream>> {
        let tcp = in_time(TcpStream::connect((self.host.as_str(), self.port))).await?;
        tcp.set_nodelay(true)?;
        let Some(tls) = &self.tls else {
            return Ok(Box::new(tcp));
        };
        let name = ServerName::try_from(self.host.clone()).map_err(io::Error::other)?;
        Ok(Box::new(in_time(tls.connect(name, tcp)).await?))
    }
}

async fn in_time<T>(work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    tokio::time::timeout(CONNECT, work)
        .await
        .unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "no answer in time")))
}

fn client_config(ca_file: Option<&Path>) -> io::Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    match ca_file {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(path) => {
            let named = |error: &dyn std::fmt::Display| {
                let text = format!("{}: {error}", path.display());
                io::Error::new(io::ErrorKind::InvalidData, text)
            };
            let found = CertificateDer::pem_file_iter(path).map_err(|error| named(&error))?;
            for certificate in found {
                let certificate = certificate.map_err(|error| named(&error))?;
                roots.add(certificate).map_err(|error| named(&error))?;
            }
            if roots.is_empty() {
                return Err(named(&"holds no certificate in PEM"));
            }
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
