//! QUIC and TLS below the messages.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context;
use bytes::Bytes;
use goshawk_proto::link::{Fingerprint, FrameReader, SERVER_NAME};
use quinn::{
    ClientConfig, Connection, Endpoint, RecvStream, TransportConfig,
    crypto::rustls::QuicClientConfig,
};
use rustls::{
    CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        Resumption, WantsClientCert, WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};

/// Longest dial.
const DIAL: Duration = Duration::from_secs(10);
/// A silent connection is kept alive so often.
const KEEP_ALIVE: Duration = Duration::from_secs(5);
/// Bytes taken from a stream at once.
const CHUNK: usize = 64 << 10;

/// TLS 1.3 that trusts coordinators under the CA certificate with fingerprint `ca`.
pub(super) fn trusting(
    ca: Fingerprint,
) -> anyhow::Result<rustls::ConfigBuilder<rustls::ClientConfig, WantsClientCert>> {
    let provider = Arc::new(ring::default_provider());
    let pinned = PinnedCa {
        want: ca,
        provider: provider.clone(),
    };
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(pinned));
    Ok(builder)
}

/// Connects to the coordinator at `coordinator`, speaking `protocol`. A client certificate is
/// judged after that: a refusal shows in [`Connection::closed`].
pub async fn dial(
    coordinator: SocketAddr,
    mut tls: rustls::ClientConfig,
    protocol: &[u8],
) -> anyhow::Result<(Endpoint, Connection)> {
    tls.alpn_protocols = vec![protocol.to_vec()];
    tls.resumption = Resumption::disabled();
    let mut transport = TransportConfig::default();
    transport.keep_alive_interval(Some(KEEP_ALIVE));
    let mut client = ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls)?));
    client.transport_config(Arc::new(transport));
    let endpoint = Endpoint::client("127.0.0.1:0".parse()?)?;
    let connecting = endpoint.connect_with(client, coordinator, SERVER_NAME)?;
    let connection = tokio::time::timeout(DIAL, connecting)
        .await
        .context("the coordinator does not answer")??;
    Ok((endpoint, connection))
}

/// The next frame; `None`: the stream ended after a whole one. Dropping the future loses nothing:
/// what was read is in `reader`.
pub async fn read_frame(
    stream: &mut RecvStream,
    reader: &mut FrameReader,
) -> anyhow::Result<Option<Bytes>> {
    loop {
        if let Some(frame) = reader.next_frame()? {
            return Ok(Some(frame));
        }
        match stream.read_chunk(CHUNK, true).await? {
            Some(chunk) => reader.push(&chunk.bytes),
            None if reader.is_empty() => return Ok(None),
            None => anyhow::bail!("the stream ended in the middle of a message"),
        }
    }
}

/// Accepts a server whose chain ends in the CA certificate with the wanted fingerprint.
#[derive(Debug)]
struct PinnedCa {
    want: Fingerprint,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for PinnedCa {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let ca = intermediates
            .iter()
            .find(|der| Fingerprint::of(der) == self.want)
            .ok_or(CertificateError::UnknownIssuer)?;
        let mut roots = RootCertStore::empty();
        roots.add(ca.clone().into_owned())?;
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), self.provider.clone())
                .build()
                .map_err(|e| Error::General(e.to_string()))?;
        verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
