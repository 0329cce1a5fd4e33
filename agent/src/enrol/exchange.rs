//! The conversation with the coordinator.

use std::{path::PathBuf, sync::Arc, sync::atomic::Ordering, time::Duration};

use goshawk_proto::link::{
    ALPN_ENROL, Close, Fingerprint, FrameReader, JoinToken, MAX_HEAD_BYTES,
    enrol::{Enrol, EnrolMessage, EnrolRefusal, EnrolReply, Enrolled},
};
use quinn::Connection;
use rcgen::{CertificateParams, KeyPair};
use rustls::{client::Resumption, pki_types::CertificateDer};
use serde_bytes::ByteBuf;
use tokio::time::timeout;

use super::{
    identity::{self, Identity, IdentityError},
    pin::PinnedCa,
};
use crate::link::{
    connect::{self, ConnectError, Dialled},
    frames::read_frame,
};

/// Longest wait for the coordinator's answer once connected.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);

/// What an agent needs to enrol.
#[derive(Debug, Clone)]
pub struct EnrolRequest {
    /// Where the coordinator is: `host:port`; port 5443 if none is given.
    pub coordinator: String,
    /// The token that an operator made there.
    pub token: JoinToken,
    /// Name for people, 1 to 128 characters.
    pub name: String,
    /// The identity folder; made if it is not there.
    pub dir: PathBuf,
}

/// Why an agent is not enrolled. Never holds the token's secret.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// The coordinator does not know the token.
    #[error(
        "the coordinator does not know this join token; make one with `goshawk agents join-token`"
    )]
    TokenUnknown,
    /// Another agent has used it.
    #[error("the join token has been used by another agent; every agent needs its own")]
    TokenUsed,
    /// Its time is over.
    #[error("the join token has expired; make a new one with `goshawk agents join-token`")]
    TokenExpired,
    /// An operator took it, or the agent that it made, back.
    #[error("the join token has been revoked; make a new one with `goshawk agents join-token`")]
    TokenRevoked,
    /// The coordinator there is not the one that made the token. Its secret was not sent.
    #[error(
        "{coordinator} is not the coordinator that made this join token (its CA is not {want}); the token was not sent"
    )]
    WrongCoordinator {
        /// Who was asked.
        coordinator: String,
        /// The CA that the token names.
        want: Fingerprint,
    },
    /// Nobody answers there, or the network breaks.
    #[error("cannot reach the coordinator at {coordinator}: {reason}")]
    Unreachable {
        /// Who was asked.
        coordinator: String,
        /// What happened.
        reason: String,
    },
    /// The coordinator cannot now.
    #[error("the coordinator cannot enrol agents now: {0}")]
    Unavailable(String),
    /// The coordinator does not like the request.
    #[error("the coordinator refuses the request: {0}")]
    BadRequest(String),
    /// The coordinator's answer makes no sense.
    #[error("the coordinator's answer is not usable: {0}")]
    BadAnswer(String),
    /// The identity folder cannot be used.
    #[error(transparent)]
    Identity(#[from] IdentityError),
}

impl EnrolError {
    /// Whether trying again later can help without anyone changing anything.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Unavailable(_))
    }
}

/// Enrols the agent and keeps its identity in [`EnrolRequest::dir`].
pub async fn enrol(request: &EnrolRequest) -> Result<Identity, EnrolError> {
    let dir = request.dir.clone();
    let key = blocking(move || identity::key_in(&dir)).await?;
    let dialled = dial(request).await?;
    let answer = timeout(ANSWER_TIMEOUT, ask(&dialled.connection, request, &key)).await;
    dialled.connection.close(Close::Done.code().into(), b"");
    let unreachable = |reason: String| EnrolError::Unreachable {
        coordinator: request.coordinator.clone(),
        reason,
    };
    let reply = answer
        .map_err(|_| unreachable("it does not answer".to_owned()))?
        .map_err(|failed| match failed {
            Failed::Network(reason) => unreachable(reason),
            Failed::Enrol(error) => error,
        })?;
    let enrolled = judge(reply)?;
    keep(request, key, enrolled).await
}

/// Finds out whether the coordinator of the token answers. Nothing is asked of it, and the token is
/// not shown.
pub(crate) async fn probe(request: &EnrolRequest) -> Result<(), EnrolError> {
    let dialled = dial(request).await?;
    dialled.connection.close(Close::Done.code().into(), b"");
    dialled.endpoint.wait_idle().await;
    Ok(())
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, IdentityError> + Send + 'static,
) -> Result<T, EnrolError> {
    let done = tokio::task::spawn_blocking(work).await;
    Ok(done.map_err(|e| EnrolError::Unavailable(e.to_string()))??)
}

async fn dial(request: &EnrolRequest) -> Result<Dialled, EnrolError> {
    let (pin, foreign) = PinnedCa::new(request.token.ca);
    let mut tls = identity::tls13()
        .map_err(IdentityError::from)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(pin))
        .with_no_client_auth();
    tls.alpn_protocols = vec![ALPN_ENROL.to_vec()];
    tls.resumption = Resumption::disabled();
    let coordinator = request.coordinator.clone();
    let settings = connect::Settings::default();
    connect::dial(&coordinator, tls, &settings)
        .await
        .map_err(|error: ConnectError| {
            if foreign.load(Ordering::Relaxed) {
                return EnrolError::WrongCoordinator {
                    coordinator,
                    want: request.token.ca,
                };
            }
            EnrolError::Unreachable {
                coordinator,
                reason: error.reason,
            }
        })
}

enum Failed {
    Network(String),
    Enrol(EnrolError),
}

impl Failed {
    fn network(error: impl ToString) -> Self {
        Self::Network(error.to_string())
    }
}

async fn ask(
    connection: &Connection,
    request: &EnrolRequest,
    key: &KeyPair,
) -> Result<EnrolReply, Failed> {
    let message = message(request, key).map_err(Failed::Enrol)?;
    let (mut send, mut recv) = connection.open_bi().await.map_err(Failed::network)?;
    send.write_all(&message).await.map_err(Failed::network)?;
    send.finish().map_err(Failed::network)?;
    let mut reader = FrameReader::new(MAX_HEAD_BYTES);
    let frame = read_frame(&mut recv, &mut reader)
        .await
        .map_err(Failed::network)?;
    let frame = frame.ok_or(Failed::Network("it closed without an answer".to_owned()))?;
    EnrolReply::decode(&frame).map_err(|e| Failed::Enrol(EnrolError::BadAnswer(e.to_string())))
}

fn message(request: &EnrolRequest, key: &KeyPair) -> Result<bytes::Bytes, EnrolError> {
    // Who the agent is says the coordinator; the request proves only that we have the key.
    let csr = CertificateParams::default()
        .serialize_request(key)
        .map_err(|e| EnrolError::BadRequest(e.to_string()))?;
    let enrol = EnrolMessage::Enrol(Enrol {
        token_id: request.token.id,
        secret: request.token.secret.clone(),
        csr: ByteBuf::from(csr.der().to_vec()),
        name: request.name.clone(),
        agent_version: env!("CARGO_PKG_VERSION").to_owned(),
    });
    enrol
        .encode()
        .map_err(|e| EnrolError::BadRequest(e.to_string()))
}

fn judge(reply: EnrolReply) -> Result<Enrolled, EnrolError> {
    let refused = match reply {
        EnrolReply::Enrolled(enrolled) => return Ok(enrolled),
        EnrolReply::Unknown(kind) => {
            return Err(EnrolError::BadAnswer(format!("a message of kind `{kind}`")));
        }
        EnrolReply::Refused(refused) => refused,
    };
    Err(match refused.code {
        EnrolRefusal::UnknownToken => EnrolError::TokenUnknown,
        EnrolRefusal::UsedToken => EnrolError::TokenUsed,
        EnrolRefusal::ExpiredToken => EnrolError::TokenExpired,
        EnrolRefusal::RevokedToken => EnrolError::TokenRevoked,
        EnrolRefusal::BadRequest => EnrolError::BadRequest(refused.reason),
        EnrolRefusal::Busy | EnrolRefusal::Internal => EnrolError::Unavailable(refused.reason),
    })
}

async fn keep(
    request: &EnrolRequest,
    key: KeyPair,
    enrolled: Enrolled,
) -> Result<Identity, EnrolError> {
    if Fingerprint::of(&enrolled.ca) != request.token.ca {
        return Err(EnrolError::BadAnswer(
            "its CA is not the one of the token".to_owned(),
        ));
    }
    let certificate = CertificateDer::from(enrolled.certificate.into_vec());
    let ca = CertificateDer::from(enrolled.ca.into_vec());
    let identity = Identity::assemble(certificate, ca, &key)
        .map_err(|reason| EnrolError::BadAnswer(reason.to_owned()))?;
    if identity.agent_id() != enrolled.agent_id {
        return Err(EnrolError::BadAnswer(
            "its certificate is for another agent".to_owned(),
        ));
    }
    let dir = request.dir.clone();
    blocking(move || identity::keep(&dir, &identity).map(|()| identity)).await
}
