//! Who a load client is.

use std::net::SocketAddr;

use anyhow::{Context, bail};
use goshawk_proto::{
    id::AgentId,
    link::{
        ALPN_ENROL, Close, Fingerprint, FrameReader, JoinToken, MAX_HEAD_BYTES, agent_uri,
        enrol::{Enrol, EnrolMessage, EnrolReply},
    },
};
use quinn::Connection;
use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_bytes::ByteBuf;

use super::wire::{dial, read_frame, trusting};
use crate::api::Api;

/// A key, the certificate over it, and the coordinator that it is for.
pub struct Identity {
    /// Whom the certificate names.
    pub agent_id: AgentId,
    /// Where the coordinator is.
    pub coordinator: SocketAddr,
    ca: Fingerprint,
    certificate: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
}

impl Identity {
    /// Enrols with a fresh key and a fresh join token, as a new agent does.
    pub async fn enrol(api: &Api, name: &str) -> anyhow::Result<Self> {
        let coordinator = api.endpoints.agents.parse()?;
        let token: JoinToken = api.join_token(60).await?.parse()?;
        let key = KeyPair::generate()?;
        let csr = CertificateParams::default().serialize_request(&key)?;
        let request = EnrolMessage::Enrol(Enrol {
            token_id: token.id,
            secret: token.secret.clone(),
            csr: ByteBuf::from(csr.der().to_vec()),
            name: name.to_owned(),
            agent_version: env!("CARGO_PKG_VERSION").to_owned(),
        });
        let tls = trusting(token.ca)?.with_no_client_auth();
        let (endpoint, connection) = dial(coordinator, tls, ALPN_ENROL).await?;
        let reply = ask(&connection, &request).await?;
        connection.close(Close::Done.code().into(), b"");
        endpoint.wait_idle().await;
        let enrolled = match reply {
            EnrolReply::Enrolled(enrolled) => enrolled,
            other => bail!("not enrolled: {other:?}"),
        };
        let chain = vec![CertificateDer::from(enrolled.certificate.into_vec())];
        Ok(Self {
            agent_id: enrolled.agent_id,
            coordinator,
            ca: token.ca,
            certificate: Some((chain, PrivateKeyDer::Pkcs8(key.serialize_der().into()))),
        })
    }

    /// The same agent by name, but certified by a CA of our own that is called `ca`.
    pub fn forged(&self, ca: &str) -> anyhow::Result<Self> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, ca);
        let issuer = Issuer::new(params, KeyPair::generate()?);
        let key = KeyPair::generate()?;
        let mut leaf = CertificateParams::default();
        leaf.subject_alt_names = vec![SanType::URI(agent_uri(self.agent_id).try_into()?)];
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = leaf.signed_by(&key, &issuer)?;
        Ok(Self {
            agent_id: self.agent_id,
            coordinator: self.coordinator,
            ca: self.ca,
            certificate: Some((
                vec![certificate.der().clone()],
                PrivateKeyDer::Pkcs8(key.serialize_der().into()),
            )),
        })
    }

    /// Trusts the coordinator of `other` from now on.
    pub fn trust(&mut self, other: &Self) {
        (self.coordinator, self.ca) = (other.coordinator, other.ca);
    }

    /// The same coordinator, but nobody.
    pub fn without_certificate(&self) -> Self {
        Self {
            agent_id: self.agent_id,
            coordinator: self.coordinator,
            ca: self.ca,
            certificate: None,
        }
    }

    /// TLS as this client.
    pub fn tls(&self) -> anyhow::Result<rustls::ClientConfig> {
        let builder = trusting(self.ca)?;
        Ok(match &self.certificate {
            Some((chain, key)) => builder.with_client_auth_cert(chain.clone(), key.clone_key())?,
            None => builder.with_no_client_auth(),
        })
    }
}

async fn ask(connection: &Connection, request: &EnrolMessage) -> anyhow::Result<EnrolReply> {
    let (mut send, mut recv) = connection.open_bi().await?;
    send.write_all(&request.encode()?).await?;
    send.finish()?;
    let mut reader = FrameReader::new(MAX_HEAD_BYTES);
    let frame = read_frame(&mut recv, &mut reader)
        .await?
        .context("no answer to the enrolment")?;
    Ok(EnrolReply::decode(&frame)?)
}
