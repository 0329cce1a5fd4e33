//! Takes connections in and hands each to what its protocol asks for.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use goshawk_proto::link::{ALPN_ENROL, ALPN_LINK, Close};
use quinn::{
    Connection, Endpoint, IdleTimeout, Incoming, ServerConfig, TransportConfig, VarInt,
    crypto::rustls::{HandshakeData, QuicServerConfig},
};
use rustls::pki_types::CertificateDer;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, info};

use super::{
    IngestConfig, IngestError, IngestServices, counters::Counters, enrolment, presence::Presence,
    session,
};
use crate::pki::{Authority, tls};

/// What a stranger may have under way before it is known: a hello or an enrolment.
const STRANGERS_WINDOW: u32 = 256 << 10;
/// Bytes that one stream may run ahead of its reader.
const STREAM_WINDOW: u32 = 1 << 20;
/// Unit of the memory budget.
pub(super) const BUDGET_UNIT: u64 = 1 << 10;

/// What all connections share.
pub(super) struct Shared {
    pub config: IngestConfig,
    pub authority: Arc<Authority>,
    pub services: IngestServices,
    pub counters: Counters,
    pub presence: Presence,
    pub cancel: CancellationToken,
    pub tracker: TaskTracker,
    /// Memory for events of all agents, in units of [`BUDGET_UNIT`].
    pub budget: Arc<Semaphore>,
    pub commits: Arc<Semaphore>,
    endpoint: Endpoint,
    handshakes: Arc<Semaphore>,
    /// Apart from the handshakes: strangers who enrol slowly must not keep agents out.
    enrolments: Arc<Semaphore>,
    tls: tls::TlsSettings,
    /// Settings of every connection but for TLS.
    quic: ServerConfig,
}

impl Shared {
    pub fn open(
        config: IngestConfig,
        authority: Arc<Authority>,
        services: IngestServices,
        cancel: CancellationToken,
        tracker: TaskTracker,
    ) -> Result<Arc<Self>, IngestError> {
        let tls = tls::TlsSettings::new(authority.clone())?;
        let quic = quic_settings(&config, &tls)?;
        let listen = config.listen;
        let endpoint =
            Endpoint::server(quic.clone(), listen).map_err(|source| IngestError::Listen {
                address: listen,
                source,
            })?;
        let units = usize::try_from(config.total_bytes / BUDGET_UNIT).unwrap_or(usize::MAX);
        Ok(Arc::new(Self {
            presence: Presence::new(services.observer.clone()),
            counters: Counters::default(),
            budget: Arc::new(Semaphore::new(units.min(Semaphore::MAX_PERMITS))),
            commits: Arc::new(Semaphore::new(config.max_commits.max(1))),
            handshakes: Arc::new(Semaphore::new(config.max_handshakes.max(1))),
            enrolments: Arc::new(Semaphore::new(config.max_enrolments.max(1))),
            config,
            authority,
            services,
            cancel,
            tracker,
            endpoint,
            tls,
            quic,
        }))
    }

    pub fn local_addr(&self) -> Result<SocketAddr, IngestError> {
        let address = self.config.listen;
        self.endpoint
            .local_addr()
            .map_err(|source| IngestError::Listen { address, source })
    }

    fn settings_for_connection(&self) -> Option<Arc<ServerConfig>> {
        let tls = self.tls.for_connection().ok()?;
        let mut quic = self.quic.clone();
        quic.crypto = Arc::new(QuicServerConfig::try_from(tls).ok()?);
        Some(Arc::new(quic))
    }

    /// Lets a connection begin its handshake, or does not.
    fn admit(self: &Arc<Self>, incoming: Incoming) {
        self.counters.incoming.one();
        let full = self.endpoint.open_connections() >= self.config.max_connections;
        let busy = self.handshakes.available_permits() <= self.config.max_handshakes / 2;
        if busy && !full && incoming.may_retry() && !incoming.remote_address_validated() {
            self.counters.retried.one();
            // Cannot fail: we have just asked whether it may.
            let _ = incoming.retry();
            return;
        }
        match self.handshakes.clone().try_acquire_owned() {
            Ok(permit) if !full => {
                self.tracker.spawn(self.clone().handshake(incoming, permit));
            }
            _ => {
                self.counters.refused_full.one();
                incoming.refuse();
            }
        }
    }

    async fn handshake(self: Arc<Self>, incoming: Incoming, permit: OwnedSemaphorePermit) {
        let remote = incoming.remote_address();
        let connection = match self.shake_hands(incoming).await {
            Ok(connection) => connection,
            Err(reason) => {
                self.counters.failed_handshakes.one();
                info!(%remote, reason, "an agent's handshake failed");
                return;
            }
        };
        let protocol = connection
            .handshake_data()
            .and_then(|data| data.downcast::<HandshakeData>().ok())
            .and_then(|data| data.protocol);
        match protocol.as_deref() {
            Some(ALPN_LINK) => session::run(self, connection, permit).await,
            Some(ALPN_ENROL) => {
                drop(permit);
                match self.enrolments.clone().try_acquire_owned() {
                    Ok(permit) => enrolment::run(&self, &connection, permit).await,
                    Err(_) => {
                        self.counters.enrolments_refused.one();
                        let why = b"too many agents enrol at once";
                        connection.close(Close::Busy.code().into(), why);
                    }
                }
            }
            // Without a protocol in common TLS has failed already.
            _ => connection.close(Close::Protocol.code().into(), b"no protocol"),
        }
    }

    async fn shake_hands(&self, incoming: Incoming) -> Result<Connection, String> {
        let settings = self.settings_for_connection().ok_or("no TLS settings")?;
        let connecting = incoming.accept_with(settings).map_err(|e| e.to_string())?;
        match timeout(self.config.handshake_timeout, connecting).await {
            Ok(connection) => connection.map_err(|e| e.to_string()),
            Err(_) => Err("took too long".to_owned()),
        }
    }
}

/// The agent that a connection's certificate names; the handshake has verified it.
pub(super) fn agent_of(connection: &Connection) -> Option<goshawk_proto::id::AgentId> {
    let identity = connection.peer_identity()?;
    let chain = identity.downcast::<Vec<CertificateDer<'static>>>().ok()?;
    tls::agent_of_certificate(chain.first()?)
}

fn quic_settings(
    config: &IngestConfig,
    tls: &tls::TlsSettings,
) -> Result<ServerConfig, IngestError> {
    let limits = |e: &dyn std::fmt::Display| IngestError::Limits(e.to_string());
    let crypto = tls
        .for_connection()
        .map_err(|e| IngestError::Pki(e.into()))?;
    let crypto = QuicServerConfig::try_from(crypto).map_err(|e| limits(&e))?;
    let mut transport = TransportConfig::default();
    let idle = IdleTimeout::try_from(config.idle_timeout).map_err(|e| limits(&e))?;
    transport
        .max_idle_timeout(Some(idle))
        // One stream and little memory for strangers; raised once an agent is known.
        .max_concurrent_bidi_streams(1u32.into())
        .max_concurrent_uni_streams(0u32.into())
        .stream_receive_window(STREAM_WINDOW.into())
        .receive_window(STRANGERS_WINDOW.into())
        .datagram_receive_buffer_size(None);
    let mut quic = ServerConfig::with_crypto(Arc::new(crypto));
    quic.transport_config(Arc::new(transport))
        .max_incoming(config.max_handshakes.max(1) * 4)
        .incoming_buffer_size(64 << 10)
        .incoming_buffer_size_total(4 << 20);
    Ok(quic)
}

/// Lifts the limits for strangers: this is an agent of ours.
pub(super) fn trust(connection: &Connection, config: &IngestConfig) {
    let window = config.receiver.window;
    // Some more than the window: a stream still closing must not hold up the next.
    let streams = window.events.saturating_mul(2).saturating_add(16);
    connection.set_max_concurrent_bi_streams(streams.into());
    let bytes = window.bytes.clamp(u64::from(STRANGERS_WINDOW), 16 << 20);
    connection.set_receive_window(VarInt::from_u64(bytes).unwrap_or(STRANGERS_WINDOW.into()));
}

/// Takes connections in until cancelled, then ends in order.
pub(super) async fn run(shared: Arc<Shared>) {
    loop {
        tokio::select! {
            () = shared.cancel.cancelled() => break,
            incoming = shared.endpoint.accept() => match incoming {
                Some(incoming) => shared.admit(incoming),
                None => break,
            },
        }
    }
    shared.endpoint.set_server_config(None);
    // This task itself is tracked: wait for the others by their connections.
    let grace = shared.config.drain + Duration::from_secs(1);
    if timeout(grace, shared.endpoint.wait_idle()).await.is_err() {
        debug!("connections are closed with answers under way");
    }
    shared
        .endpoint
        .close(Close::Shutdown.code().into(), b"the coordinator shuts down");
    let _ = timeout(Duration::from_secs(1), shared.endpoint.wait_idle()).await;
    shared.tracker.close();
}
