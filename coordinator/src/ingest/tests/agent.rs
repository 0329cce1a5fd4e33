//! An agent made of the codec and a socket, that can also misbehave.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use goshawk_proto::{
    event::Event,
    id::{AgentId, EventId},
    link::{
        ALPN_ENROL, ALPN_LINK, AgentMessage, CoordinatorMessage, Feedback, FrameReader, Hello,
        JoinToken, MAX_CONTROL_BYTES, OutboxFeedback, PushHead, PushMessage, PushReply,
        SERVER_NAME, VERSIONS, VersionRange,
        enrol::{Enrol, EnrolMessage, EnrolReply},
    },
    time::Timestamp,
};
use quinn::{Connection, ConnectionError, Endpoint, RecvStream, SendStream};
use rcgen::{CertificateParams, KeyPair};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer},
    sign::{CertifiedKey, SingleCertAndKey},
};
use serde_bytes::ByteBuf;

use super::{super::frames::read_frame, rig::Rig};

pub struct Credentials {
    pub agent_id: AgentId,
    pub certificate: CertificateDer<'static>,
    pub key: PrivateKeyDer<'static>,
}

pub struct Agent {
    pub connection: Connection,
    pub send: SendStream,
    pub recv: RecvStream,
    reader: FrameReader,
}

/// Not checked to belong together, as an honest client's library would.
fn pair(credentials: &Credentials) -> CertifiedKey {
    let key = rustls::crypto::ring::sign::any_supported_type(&credentials.key).unwrap();
    CertifiedKey::new(vec![credentials.certificate.clone()], key)
}

fn tls(rig: &Rig, client: Option<&Credentials>, protocols: &[&[u8]]) -> quinn::ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(rig.authority.ca_der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match client {
        Some(c) => config.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(pair(c)))),
        None => config.with_no_client_auth(),
    };
    config.alpn_protocols = protocols.iter().map(|p| p.to_vec()).collect();
    let crypto = quinn::crypto::rustls::QuicClientConfig::try_from(config).unwrap();
    quinn::ClientConfig::new(Arc::new(crypto))
}

/// A connection, past the handshake as far as the client can tell.
pub async fn connect(
    rig: &Rig,
    client: Option<&Credentials>,
    protocols: &[&[u8]],
) -> Result<Connection, ConnectionError> {
    let endpoint = Endpoint::client(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let config = tls(rig, client, protocols);
    endpoint
        .connect_with(config, rig.address(), SERVER_NAME)
        .unwrap()
        .await
}

pub fn csr(key: &KeyPair) -> ByteBuf {
    let request = CertificateParams::default().serialize_request(key).unwrap();
    ByteBuf::from(request.der().to_vec())
}

pub async fn enrol_with(rig: &Rig, token: &JoinToken, key: &KeyPair) -> EnrolReply {
    let connection = connect(rig, None, &[ALPN_ENROL]).await.unwrap();
    let request = EnrolMessage::Enrol(Enrol {
        token_id: token.id,
        secret: token.secret.clone(),
        csr: csr(key),
        name: "tester".to_owned(),
        agent_version: "0".to_owned(),
    });
    let (mut send, mut recv) = connection.open_bi().await.unwrap();
    send.write_all(&request.encode().unwrap()).await.unwrap();
    let mut reader = FrameReader::new(MAX_CONTROL_BYTES);
    let frame = read_frame(&mut recv, &mut reader).await.unwrap().unwrap();
    EnrolReply::decode(&frame).unwrap()
}

pub async fn enrol(rig: &Rig) -> Credentials {
    let key = KeyPair::generate().unwrap();
    let EnrolReply::Enrolled(enrolled) = enrol_with(rig, &rig.token(), &key).await else {
        panic!("not enrolled");
    };
    Credentials {
        agent_id: enrolled.agent_id,
        certificate: CertificateDer::from(enrolled.certificate.into_vec()),
        key: PrivateKeyDer::Pkcs8(key.serialize_der().into()),
    }
}

pub fn hello(versions: VersionRange) -> AgentMessage {
    AgentMessage::Hello(Hello {
        versions,
        agent_version: "0".to_owned(),
        name: "tester".to_owned(),
        capabilities: vec![],
        clock: Timestamp::from_unix_micros(0),
        outbox: OutboxFeedback::default(),
    })
}

impl Agent {
    /// Connects and waits for the welcome.
    pub async fn new(rig: &Rig, credentials: &Credentials) -> Self {
        let connection = connect(rig, Some(credentials), &[ALPN_LINK]).await.unwrap();
        let (mut send, recv) = connection.open_bi().await.unwrap();
        send.write_all(&hello(VERSIONS).encode().unwrap())
            .await
            .unwrap();
        let reader = FrameReader::new(MAX_CONTROL_BYTES);
        let agent_id = credentials.agent_id;
        let mut agent = Self {
            connection,
            send,
            recv,
            reader,
        };
        let CoordinatorMessage::Welcome(welcome) = agent.hear().await else {
            panic!("no welcome");
        };
        assert_eq!(welcome.agent_id, agent_id);
        agent
    }

    pub async fn hear(&mut self) -> CoordinatorMessage {
        let frame = read_frame(&mut self.recv, &mut self.reader);
        let frame = tokio::time::timeout(Duration::from_secs(5), frame)
            .await
            .expect("in time");
        CoordinatorMessage::decode(&frame.unwrap().unwrap()).unwrap()
    }

    /// The next assignments' revision, whatever else is said before.
    pub async fn hear_revision(&mut self) -> u64 {
        loop {
            if let CoordinatorMessage::Assignments(assignments) = self.hear().await {
                return assignments.revision;
            }
        }
    }

    pub async fn say_feedback(&mut self, assignments_revision: u64) {
        let feedback = AgentMessage::Feedback(Feedback {
            at: Timestamp::from_unix_micros(0),
            assignments_revision,
            streams: vec![],
            outbox: OutboxFeedback::default(),
        });
        self.send
            .write_all(&feedback.encode().unwrap())
            .await
            .unwrap();
    }

    pub async fn push(&self, event: &Event) -> Option<PushReply> {
        let body = event.encode().unwrap();
        self.push_raw(event.event_id, body.len() as u32, body).await
    }

    /// Announces so many bytes and sends these; `None`: the stream was broken off.
    pub async fn push_raw(&self, id: EventId, bytes: u32, body: Vec<u8>) -> Option<PushReply> {
        let (send, recv) = self.start_push(id, bytes, body).await;
        drop(send);
        self.reply(recv).await
    }

    pub async fn start_push(
        &self,
        id: EventId,
        bytes: u32,
        body: Vec<u8>,
    ) -> (SendStream, RecvStream) {
        let (mut send, recv) = self.connection.open_bi().await.unwrap();
        let head = PushMessage::Push(PushHead {
            event_id: id,
            bytes,
        })
        .encode()
        .unwrap();
        send.write_all(&head).await.unwrap();
        // The coordinator may have stopped reading.
        let _ = send.write_all_chunks(&mut [Bytes::from(body)]).await;
        let _ = send.finish();
        (send, recv)
    }

    pub async fn reply(&self, mut recv: RecvStream) -> Option<PushReply> {
        let mut reader = FrameReader::new(MAX_CONTROL_BYTES);
        let frame = read_frame(&mut recv, &mut reader);
        let frame = tokio::time::timeout(Duration::from_secs(5), frame)
            .await
            .expect("in time");
        Some(PushReply::decode(&frame.ok()??).unwrap())
    }

    /// The code with which the coordinator closes the connection.
    pub async fn close_code(&self) -> u64 {
        close_code(&self.connection).await
    }
}

pub async fn close_code(connection: &Connection) -> u64 {
    let closed = tokio::time::timeout(Duration::from_secs(5), connection.closed());
    match closed.await.expect("closes in time") {
        ConnectionError::ApplicationClosed(close) => close.error_code.into_inner(),
        other => panic!("closed otherwise: {other}"),
    }
}
