//! One listener: accepts connections up to its limits, over TLS where it has a certificate, and
//! wraps every request of its service once (`front`).

pub mod connection;
mod crowd;
mod front;
mod handshake;
mod pages;
mod wire;

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use warp::{filters::BoxedFilter, reply::Response};

use crate::{
    audit::Audit,
    metrics::{HttpMetrics, ListenerMetrics},
    tls::Tls,
};
use connection::Port;
use crowd::Crowd;
pub use pages::Pages;

/// Least time between two warnings about crowded addresses.
const WARN_EVERY: Duration = Duration::from_secs(10);

/// Limits of one listener.
#[derive(Debug, Clone, Copy)]
pub struct ServerLimits {
    /// Connections served at once; more wait in the kernel's queue.
    pub connections: usize,
    /// Connections from one address at once; more are closed.
    pub per_address: usize,
    /// TLS handshakes under way at once, a quarter of them for one address; more wait.
    pub handshakes: usize,
    /// Longest TLS handshake, the wait for its turn included.
    pub handshake: Duration,
    /// Longest wait for the head of a request on an open connection.
    pub head: Duration,
    /// Longest wait for a client that does not read.
    pub send: Duration,
    /// Longest processing of one request.
    pub processing: Duration,
    /// Longest wait for requests in flight at shutdown.
    pub drain: Duration,
}

/// A service on its listener.
pub struct Server {
    /// Name in logs and metrics.
    pub name: &'static str,
    /// Where it listens.
    pub listener: TcpListener,
    /// Its certificate; without one it speaks plain HTTP.
    pub tls: Option<Arc<Tls>>,
    /// What it answers.
    pub tree: BoxedFilter<(Response,)>,
    /// Its limits.
    pub limits: ServerLimits,
    /// Its rule for web pages.
    pub pages: Pages,
    /// Where it notes the web pages that it refused.
    pub audit: Audit,
    /// Whether every request is logged.
    pub log_access: bool,
    /// The counters of all services.
    pub metrics: Arc<HttpMetrics>,
}

impl Server {
    /// Serves until `stop`, then lets requests in flight finish.
    pub async fn run(self, stop: CancellationToken) {
        let mut door = Door::new(&self);
        let connections = TaskTracker::new();
        let port = Arc::new(Port::new(&self));
        loop {
            let entered = tokio::select! {
                () = stop.cancelled() => break,
                entered = door.next(&self.listener) => entered,
            };
            let Some((stream, peer, visit)) = entered else {
                continue;
            };
            let (port, stop) = (Arc::clone(&port), stop.clone());
            connections.spawn(async move {
                port.serve(stream, peer, stop).await;
                drop(visit);
            });
        }
        drop(self.listener);
        connections.close();
        let all = connections.wait();
        if tokio::time::timeout(self.limits.drain, all).await.is_err() {
            tracing::warn!(
                service = self.name,
                open = connections.len(),
                "connections cut at shutdown"
            );
        }
    }
}

/// Lets clients in, as many as there is room for.
struct Door {
    service: &'static str,
    slots: Arc<Semaphore>,
    crowd: Arc<Crowd>,
    metrics: ListenerMetrics,
    warned: Option<Instant>,
}

/// One connection's share of the limits, until dropped.
struct Visit {
    _slot: OwnedSemaphorePermit,
    _place: crowd::Place,
    metrics: ListenerMetrics,
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.metrics.open.dec();
    }
}

impl Door {
    fn new(server: &Server) -> Self {
        let limits = &server.limits;
        let most = limits.connections.clamp(1, Semaphore::MAX_PERMITS);
        let metrics = server.metrics.listener(server.name);
        metrics.limit.set(i64::try_from(most).unwrap_or(i64::MAX));
        Self {
            service: server.name,
            slots: Arc::new(Semaphore::new(most)),
            crowd: Crowd::new(limits.per_address),
            metrics,
            warned: None,
        }
    }

    /// The next client, or nothing when one could not be let in.
    async fn next(&mut self, listener: &TcpListener) -> Option<(TcpStream, IpAddr, Visit)> {
        let slot = self.slot().await?;
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file handles, mostly: waiting lets connections end.
                tracing::warn!(service = self.service, "accept failed: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
                return None;
            }
        };
        let peer = peer.ip().to_canonical();
        let Some(place) = self.crowd.try_enter(peer) else {
            self.metrics.crowded.inc();
            self.warn(peer);
            return None;
        };
        self.metrics.accepted.inc();
        self.metrics.open.inc();
        let visit = Visit {
            _slot: slot,
            _place: place,
            metrics: self.metrics.clone(),
        };
        Some((stream, peer, visit))
    }

    async fn slot(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() {
            return Some(slot);
        }
        self.metrics.waits.inc();
        Arc::clone(&self.slots).acquire_owned().await.ok()
    }

    fn warn(&mut self, peer: IpAddr) {
        if self.warned.is_none_or(|at| at.elapsed() >= WARN_EVERY) {
            self.warned = Some(Instant::now());
            let service = self.service;
            tracing::warn!(service, %peer, "too many connections from one address, closing more");
        }
    }
}
