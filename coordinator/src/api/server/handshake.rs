//! TLS handshakes: bounded in time, in number, and for one address.
//!
//! A client that has said nothing yet costs no turn: turns are for the work that follows its
//! first message.

use std::{io, net::IpAddr, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::Semaphore,
};
use tokio_rustls::{LazyConfigAcceptor, server::TlsStream};

use super::{ServerLimits, crowd::Crowd};
use crate::{metrics::ListenerMetrics, tls::Tls};

/// Takes TLS connections.
pub struct Handshakes {
    tls: Arc<Tls>,
    turns: Semaphore,
    crowd: Arc<Crowd>,
    longest: Duration,
    metrics: ListenerMetrics,
}

impl Handshakes {
    /// With the certificate of `tls`, whatever it is at the time.
    pub fn new(tls: Arc<Tls>, limits: &ServerLimits, metrics: ListenerMetrics) -> Self {
        let turns = limits.handshakes.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            tls,
            turns: Semaphore::new(turns),
            crowd: Crowd::new(turns / 4),
            longest: limits.handshake,
            metrics,
        }
    }

    /// The connection behind a handshake that succeeds.
    pub async fn shake<S>(&self, stream: S, peer: IpAddr) -> Option<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let (result, stream) =
            match tokio::time::timeout(self.longest, self.negotiate(stream, peer)).await {
                Ok(Ok(stream)) => ("done", Some(stream)),
                Ok(Err(error)) => {
                    tracing::debug!(%peer, "TLS handshake failed: {error}");
                    ("failed", None)
                }
                Err(_) => ("timeout", None),
            };
        self.metrics.handshake(result);
        stream
    }

    async fn negotiate<S>(&self, stream: S, peer: IpAddr) -> io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let acceptor = rustls::server::Acceptor::default();
        let hello = LazyConfigAcceptor::new(acceptor, stream).await?;
        let _place = self.crowd.enter(peer).await;
        let _turn = self.turns.acquire().await;
        hello.into_stream(self.tls.config()).await
    }
}
