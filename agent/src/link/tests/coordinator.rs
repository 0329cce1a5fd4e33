//! A coordinator made of the codec and a socket, that does as it is told.

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use goshawk_proto::{
    id::{AgentId, EventId},
    link::{
        ALPN_LINK, Ack, AgentMessage, Close, CoordinatorMessage, FrameReader, MAX_CONTROL_BYTES,
        MAX_HEAD_BYTES, PushMessage, PushReply, Reject, Retry, SERVER_NAME, Welcome, Window,
        agent_uri,
        control::{Refused, Renewed},
        preview::{PreviewMessage, PreviewReply, PreviewRequest},
    },
    time::Timestamp,
};
use quinn::{Connection, Endpoint, EndpointConfig, RecvStream, SendStream};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, IsCa, Issuer, KeyPair,
    SanType,
};
use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer},
    server::WebPkiClientVerifier,
};
use serde_bytes::ByteBuf;
use tokio::sync::broadcast;

use super::super::frames::read_frame;
use crate::enrol::Identity;

/// How pushes are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    Ack,
    LateAck,
    /// An ack of another event.
    OtherAck,
    Retry,
    Reject,
    Silent,
    /// The stream is reset.
    Broken,
    Garbage,
}

struct World {
    port: UdpSocket,
    ca: CertificateDer<'static>,
    issuer: Arc<Issuer<'static, KeyPair>>,
    mood: Mutex<Mood>,
    committed: Mutex<BTreeSet<EventId>>,
    feedback: Mutex<Vec<u64>>,
    heard: AtomicUsize,
    hellos: AtomicUsize,
    capabilities: Mutex<Vec<String>>,
    /// Who gets renewed certificates.
    renewed: Mutex<Option<AgentId>>,
    renewals: AtomicUsize,
    shown: Mutex<Vec<Vec<u8>>>,
    messages: broadcast::Sender<CoordinatorMessage>,
    connections: Mutex<Vec<Connection>>,
}

/// What is left of a coordinator that was stopped.
pub struct Stopped {
    world: Arc<World>,
}

pub struct Coordinator {
    world: Arc<World>,
    endpoint: Endpoint,
}

fn named(agent: AgentId) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![SanType::URI(agent_uri(agent).as_str().try_into().unwrap())];
    params
}

impl World {
    fn renew(&self, csr: &[u8]) -> CoordinatorMessage {
        let Some(agent) = *self.renewed.lock().unwrap() else {
            let reason = "as the test wants".to_owned();
            return CoordinatorMessage::RenewalRefused(Refused { reason });
        };
        let csr = CertificateSigningRequestParams::from_der(&csr.into()).unwrap();
        let certificate = named(agent)
            .signed_by(&csr.public_key, &*self.issuer)
            .unwrap();
        CoordinatorMessage::Renewed(Renewed {
            certificate: ByteBuf::from(certificate.der().to_vec()),
            ca: ByteBuf::from(self.ca.to_vec()),
        })
    }

    fn leaf(&self, san: SanType) -> (CertificateDer<'static>, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![san];
        (
            params.signed_by(&key, &*self.issuer).unwrap().der().clone(),
            key,
        )
    }

    /// TLS settings of a server with this CA; `agents_only`: ask for certificates.
    fn tls(&self, alpn: &[u8], agents_only: bool) -> ServerConfig {
        let (certificate, key) = self.leaf(SanType::DnsName(SERVER_NAME.try_into().unwrap()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap();
        let builder = if agents_only {
            let mut roots = RootCertStore::empty();
            roots.add(self.ca.clone()).unwrap();
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.unwrap())
        } else {
            builder.with_no_client_auth()
        };
        let chain = vec![certificate, self.ca.clone()];
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let mut config = builder.with_single_cert(chain, key).unwrap();
        config.alpn_protocols = vec![alpn.to_vec()];
        config
    }
}

/// A server on a port that stays taken after its end, so that nobody else gets it meanwhile.
fn listen(tls: ServerConfig, port: &UdpSocket) -> Endpoint {
    let crypto = quinn::crypto::rustls::QuicServerConfig::try_from(tls).unwrap();
    let config = quinn::ServerConfig::with_crypto(Arc::new(crypto));
    let (port, runtime) = (port.try_clone().unwrap(), Arc::new(quinn::TokioRuntime));
    Endpoint::new(EndpointConfig::default(), Some(config), port, runtime).unwrap()
}

fn free_port() -> UdpSocket {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()
}

impl Coordinator {
    pub async fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = params.self_signed(&key).unwrap().der().clone();
        Self::of(ca, Arc::new(Issuer::new(params, key))).await
    }

    /// Another one of the same CA.
    pub async fn sibling(&self) -> Self {
        Self::of(self.world.ca.clone(), self.world.issuer.clone()).await
    }

    async fn of(ca: CertificateDer<'static>, issuer: Arc<Issuer<'static, KeyPair>>) -> Self {
        let world = Arc::new(World {
            port: free_port(),
            ca,
            issuer,
            mood: Mutex::new(Mood::Ack),
            committed: Mutex::default(),
            feedback: Mutex::default(),
            heard: AtomicUsize::new(0),
            hellos: AtomicUsize::new(0),
            capabilities: Mutex::default(),
            renewed: Mutex::default(),
            renewals: AtomicUsize::new(0),
            shown: Mutex::default(),
            messages: broadcast::channel(16).0,
            connections: Mutex::default(),
        });
        Stopped { world }.start().await
    }

    /// A server that only enrols, with this coordinator's CA.
    pub async fn enrolment_port(&self, alpn: &[u8]) -> Endpoint {
        listen(self.world.tls(alpn, false), &free_port())
    }

    pub fn ca(&self) -> &CertificateDer<'static> {
        &self.world.ca
    }

    pub fn issuer(&self) -> &Issuer<'static, KeyPair> {
        &self.world.issuer
    }

    pub fn address(&self) -> SocketAddr {
        self.endpoint.local_addr().unwrap()
    }

    /// An agent of this coordinator.
    pub fn identity(&self) -> Identity {
        let uri = agent_uri(AgentId::random());
        let (certificate, key) = self.world.leaf(SanType::URI(uri.try_into().unwrap()));
        Identity::for_test(certificate, self.world.ca.clone(), &key)
    }

    /// An agent in `dir` whose certificate is of the year 2000 and ends next year.
    pub fn old_identity(&self, dir: &Path) -> Identity {
        let agent = AgentId::random();
        let key = KeyPair::generate().unwrap();
        let mut params = named(agent);
        let since_1970 = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
        let year = 1970 + (since_1970.as_secs() / 31_556_952) as i32;
        params.not_before = rcgen::date_time_ymd(2000, 1, 1);
        params.not_after = rcgen::date_time_ymd(year + 1, 12, 31);
        let certificate = params.signed_by(&key, &*self.world.issuer).unwrap();
        std::fs::write(dir.join("agent.key.pem"), key.serialize_pem()).unwrap();
        std::fs::write(dir.join("agent.crt.pem"), certificate.pem()).unwrap();
        let ca = self.world.ca.clone();
        std::fs::write(dir.join("ca.crt.pem"), Identity::pem_for_test(&ca)).unwrap();
        *self.world.renewed.lock().unwrap() = Some(agent);
        Identity::load(dir).unwrap().unwrap()
    }

    /// Renewals are for this agent from now on; `None`: refused.
    pub fn renew_for(&self, agent: Option<AgentId>) {
        *self.world.renewed.lock().unwrap() = agent;
    }

    /// Certificates asked for.
    pub fn renewals(&self) -> usize {
        self.world.renewals.load(Ordering::SeqCst)
    }

    /// Certificates that agents have shown, newest last.
    pub fn shown(&self) -> Vec<Vec<u8>> {
        self.world.shown.lock().unwrap().clone()
    }

    pub fn set_mood(&self, mood: Mood) {
        *self.world.mood.lock().unwrap() = mood;
    }

    pub fn committed(&self) -> BTreeSet<EventId> {
        self.world.committed.lock().unwrap().clone()
    }

    pub fn feedback(&self) -> Vec<u64> {
        self.world.feedback.lock().unwrap().clone()
    }

    pub fn heard(&self) -> usize {
        self.world.heard.load(Ordering::SeqCst)
    }

    pub fn hellos(&self) -> usize {
        self.world.hellos.load(Ordering::SeqCst)
    }

    pub fn say(&self, message: CoordinatorMessage) {
        self.world.messages.send(message).unwrap();
    }

    /// Opens a preview over the newest connection.
    pub async fn preview(&self, request: PreviewRequest) -> Preview {
        let connection = self.world.connections.lock().unwrap().last().cloned();
        let (mut send, recv) = connection.unwrap().open_bi().await.unwrap();
        let message = PreviewMessage::Show(request).encode().unwrap();
        send.write_all(&message).await.unwrap();
        send.finish().unwrap();
        Preview {
            recv,
            reader: FrameReader::new(MAX_HEAD_BYTES),
            rest: Vec::new(),
        }
    }

    /// What the last agent said that it can do.
    pub fn capabilities(&self) -> Vec<String> {
        self.world.capabilities.lock().unwrap().clone()
    }

    /// Closes every connection.
    pub fn send_away(&self, why: Close) {
        for connection in self.world.connections.lock().unwrap().drain(..) {
            connection.close(why.code().into(), b"as the test wants");
        }
    }

    pub async fn stop(self) -> Stopped {
        self.endpoint.close(0u32.into(), b"stopped");
        self.endpoint.wait_idle().await;
        self.world.connections.lock().unwrap().clear();
        Stopped { world: self.world }
    }

    pub async fn restart(self) -> Self {
        self.stop().await.start().await
    }
}

/// The answers to one preview.
pub struct Preview {
    recv: RecvStream,
    reader: FrameReader,
    rest: Vec<u8>,
}

impl Preview {
    /// The next answer, with the bytes of its picture; `None` at the end.
    pub async fn next(&mut self) -> Option<(PreviewReply, Vec<u8>)> {
        self.reader.push(&std::mem::take(&mut self.rest));
        let frame = read_frame(&mut self.recv, &mut self.reader).await.ok()??;
        let reply = PreviewReply::decode(&frame).unwrap();
        let PreviewReply::Picture(head) = &reply else {
            return Some((reply, Vec::new()));
        };
        let mut bytes = self.reader.take_rest().to_vec();
        while bytes.len() < head.bytes as usize {
            let chunk = self.recv.read_chunk(1 << 16, true).await.unwrap();
            bytes.extend_from_slice(&chunk.expect("the whole picture").bytes);
        }
        self.rest = bytes.split_off(head.bytes as usize);
        Some((reply, bytes))
    }

    /// Reads no more.
    pub fn stop(mut self) {
        self.recv.stop(0u32.into()).unwrap();
    }
}

impl Stopped {
    pub async fn start(self) -> Coordinator {
        let endpoint = listen(self.world.tls(ALPN_LINK, true), &self.world.port);
        let (world, accepting) = (self.world.clone(), endpoint.clone());
        tokio::spawn(async move {
            while let Some(incoming) = accepting.accept().await {
                tokio::spawn(serve(world.clone(), incoming));
            }
        });
        Coordinator {
            world: self.world,
            endpoint,
        }
    }
}

async fn serve(world: Arc<World>, incoming: quinn::Incoming) -> Option<()> {
    let connection = incoming.await.ok()?;
    let (mut send, mut recv) = connection.accept_bi().await.ok()?;
    let mut reader = FrameReader::new(MAX_CONTROL_BYTES);
    let frame = read_frame(&mut recv, &mut reader).await.ok()??;
    let Ok(AgentMessage::Hello(hello)) = AgentMessage::decode(&frame) else {
        panic!("no hello")
    };
    *world.capabilities.lock().unwrap() = hello.capabilities;
    let chain = connection.peer_identity().unwrap();
    let chain = chain.downcast::<Vec<CertificateDer<'static>>>().unwrap();
    world.shown.lock().unwrap().push(chain[0].to_vec());
    world.hellos.fetch_add(1, Ordering::SeqCst);
    let messages = world.messages.subscribe();
    let welcome = CoordinatorMessage::Welcome(Welcome {
        version: 1,
        agent_id: AgentId::random(),
        coordinator_version: "0".to_owned(),
        clock: Timestamp::default(),
        window: Window {
            events: 8,
            bytes: 1 << 20,
        },
    });
    send.write_all(&welcome.encode().unwrap()).await.ok()?;
    world.connections.lock().unwrap().push(connection.clone());
    tokio::spawn(talk(send, messages));
    tokio::spawn(hear(world.clone(), recv, reader));
    loop {
        let (send, recv) = connection.accept_bi().await.ok()?;
        tokio::spawn(answer(world.clone(), send, recv));
    }
}

async fn talk(
    mut send: SendStream,
    mut messages: broadcast::Receiver<CoordinatorMessage>,
) -> Option<()> {
    loop {
        let message = messages.recv().await.ok()?;
        send.write_all(&message.encode().unwrap()).await.ok()?;
    }
}

async fn hear(world: Arc<World>, mut recv: RecvStream, mut reader: FrameReader) -> Option<()> {
    loop {
        let frame = read_frame(&mut recv, &mut reader).await.ok()??;
        match AgentMessage::decode(&frame).unwrap() {
            AgentMessage::Feedback(feedback) => {
                let mut heard = world.feedback.lock().unwrap();
                heard.push(feedback.assignments_revision);
            }
            AgentMessage::Renew(request) => {
                world.renewals.fetch_add(1, Ordering::SeqCst);
                let answer = world.renew(&request.csr);
                world.messages.send(answer).unwrap();
            }
            other => panic!("{other:?}"),
        }
    }
}

async fn answer(world: Arc<World>, mut send: SendStream, mut recv: RecvStream) -> Option<()> {
    let mut reader = FrameReader::new(MAX_CONTROL_BYTES);
    let frame = read_frame(&mut recv, &mut reader).await.ok()??;
    let Ok(PushMessage::Push(head)) = PushMessage::decode(&frame) else {
        panic!("no push")
    };
    let mut body = reader.take_rest().to_vec();
    body.extend(recv.read_to_end(1 << 20).await.ok()?);
    assert_eq!(
        body,
        head.event_id.as_bytes().repeat(64),
        "the event, whole and nothing else"
    );
    assert_eq!(body.len(), head.bytes as usize);
    world.heard.fetch_add(1, Ordering::SeqCst);
    let event_id = head.event_id;
    let mood = *world.mood.lock().unwrap();
    let reason = String::new();
    let reply = match mood {
        Mood::Ack | Mood::LateAck => {
            if mood == Mood::LateAck {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            let duplicate = !world.committed.lock().unwrap().insert(event_id);
            PushReply::Ack(Ack {
                event_id,
                duplicate,
            })
        }
        Mood::OtherAck => PushReply::Ack(Ack {
            event_id: EventId::random(),
            duplicate: false,
        }),
        Mood::Retry => PushReply::Retry(Retry {
            event_id,
            after_ms: 10,
            reason,
        }),
        Mood::Reject => PushReply::Reject(Reject { event_id, reason }),
        Mood::Silent => return std::future::pending().await,
        Mood::Broken => return send.reset(1u32.into()).ok(),
        Mood::Garbage => return send.write_all(&[0, 0, 0, 3, 1, 2, 3]).await.ok(),
    };
    send.write_all(&reply.encode().unwrap()).await.ok()
}
