//! One listener: accepts connections up to a limit, and wraps every request of its service once
//! with a request id, a time limit, the rules for web pages and metrics.

use std::{
    convert::Infallible,
    future::Future,
    net::{IpAddr, SocketAddr},
    pin::{Pin, pin},
    sync::Arc,
    time::{Duration, Instant},
};

use goshawk_proto::time::Timestamp;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use hyper::{body::Incoming, server::conn::http1, service::Service};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use warp::{filters::BoxedFilter, reply::Response};

use super::{
    call::{self, Origin, RequestId},
    routes::RouteLabel,
};
use crate::{errors::Code, metrics::HttpMetrics};

/// Longest wait for the head of a request on an open connection.
const HEADER_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest head of a request in bytes.
const MAX_HEAD: usize = 64 << 10;

/// Limits of one listener.
#[derive(Debug, Clone, Copy)]
pub struct ServerLimits {
    /// Connections served at once; more wait in the kernel's queue.
    pub connections: usize,
    /// Longest processing of one request.
    pub processing: Duration,
    /// Longest wait for requests in flight at shutdown.
    pub drain: Duration,
}

/// What web pages of other origins may do with a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pages {
    /// Call it, as its clients prove who they are: the API.
    Welcome,
    /// Nothing: any request with an `Origin` header is refused. For services whose only protection
    /// is that they listen on loopback, where the browser of this machine gets through.
    Refused,
    /// Nothing is said to browsers and nothing refused: a proxy before the service decides.
    Unguarded,
}

impl Pages {
    fn refuses(self, headers: &HeaderMap) -> bool {
        self == Self::Refused && headers.contains_key(header::ORIGIN)
    }

    fn tell(self, method: &Method, status: StatusCode, headers: &mut HeaderMap) {
        if self != Self::Welcome {
            return;
        }
        let any = HeaderValue::from_static("*");
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, any.clone());
        if *method == Method::OPTIONS && status == StatusCode::OK {
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, any.clone());
            headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, any);
            let day = HeaderValue::from_static("86400");
            headers.insert(header::ACCESS_CONTROL_MAX_AGE, day);
        }
    }
}

/// A service on its listener.
pub struct Server {
    /// Name in logs and metrics.
    pub name: &'static str,
    /// Where it listens.
    pub listener: TcpListener,
    /// What it answers.
    pub tree: BoxedFilter<(Response,)>,
    /// Its limits.
    pub limits: ServerLimits,
    /// Its rule for web pages.
    pub pages: Pages,
    /// Its counters.
    pub metrics: Arc<HttpMetrics>,
}

impl Server {
    /// Serves until `stop`, then lets requests in flight finish.
    pub async fn run(self, stop: CancellationToken) {
        let slots = Arc::new(Semaphore::new(self.limits.connections));
        let connections = TaskTracker::new();
        let front = Front::new(&self);
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                accepted = accept(&self.listener, &slots) => accepted,
            };
            let Some((stream, peer, slot)) = accepted else {
                continue;
            };
            let (front, stop) = (front.clone(), stop.clone());
            connections.spawn(async move {
                serve(stream, peer, front, stop).await;
                drop(slot);
            });
        }
        drop(self.listener);
        connections.close();
        if tokio::time::timeout(self.limits.drain, connections.wait())
            .await
            .is_err()
        {
            tracing::warn!(
                service = self.name,
                open = connections.len(),
                "connections cut at shutdown"
            );
        }
    }
}

async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => Some((stream, peer, slot)),
        Err(error) => {
            // Out of file handles, mostly: waiting lets connections end.
            tracing::warn!("accept failed: {error}");
            tokio::time::sleep(Duration::from_millis(100)).await;
            None
        }
    }
}

async fn serve(stream: TcpStream, peer: SocketAddr, front: Front, stop: CancellationToken) {
    let _ = stream.set_nodelay(true);
    let front = Peered {
        front,
        peer: peer.ip(),
    };
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(MAX_HEAD)
        .half_close(true)
        .serve_connection(TokioIo::new(stream), front)
        .with_upgrades();
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, "connection ended: {error}");
    }
}

type Inner =
    Arc<dyn Fn(Request<Incoming>) -> Pin<Box<dyn Future<Output = Response> + Send>> + Send + Sync>;

/// What every request of a service passes through.
#[derive(Clone)]
struct Front {
    service: &'static str,
    inner: Inner,
    processing: Duration,
    pages: Pages,
    metrics: Arc<HttpMetrics>,
}

impl Front {
    fn new(server: &Server) -> Self {
        let service = TowerToHyperService::new(warp::service(server.tree.clone()));
        let inner: Inner = Arc::new(move |request| {
            let answer = service.call(request);
            Box::pin(async move {
                match answer.await {
                    Ok(response) => response,
                    Err(never) => match never {},
                }
            })
        });
        let metrics = Arc::clone(&server.metrics);
        Self {
            service: server.name,
            inner,
            processing: server.limits.processing,
            pages: server.pages,
            metrics,
        }
    }

    async fn answer(self, mut request: Request<Incoming>, peer: IpAddr) -> Response {
        let started = Instant::now();
        let method = request.method().clone();
        let now = Timestamp::from_system(std::time::SystemTime::now());
        let now_s = u64::try_from(now.unix_micros() / 1_000_000).unwrap_or(0);
        let request_id = RequestId::of(request.headers(), now_s);
        let origin = Origin {
            peer,
            scheme: call::Scheme::Http,
            request_id: request_id.clone(),
        };
        request.extensions_mut().insert(origin);
        let mut response = self.respond(request).await;
        let status = response.status();
        let headers = response.headers_mut();
        if let Ok(value) = HeaderValue::from_str(&request_id.0) {
            headers.insert("luna-request-id", value);
        }
        self.pages.tell(&method, status, headers);
        let route = response
            .extensions()
            .get::<RouteLabel>()
            .map_or("(unknown)", |label| label.0);
        let (status, took) = (status.as_u16(), started.elapsed());
        self.metrics
            .record(self.service, &method, route, status, took);
        let took_ms = took.as_millis() as u64;
        tracing::debug!(service = self.service, %method, route, status, took_ms, request_id = request_id.0);
        response
    }

    async fn respond(&self, request: Request<Incoming>) -> Response {
        if self.pages.refuses(request.headers()) {
            let detail = "Requests of web pages are not served here";
            return call::refused(&Code::AccessDenied.with(detail));
        }
        match tokio::time::timeout(self.processing, (self.inner)(request)).await {
            Ok(response) => response,
            Err(_) => call::refused(&Code::ProcessingTimeout.with(self.processing.as_secs())),
        }
    }
}

struct Peered {
    front: Front,
    peer: IpAddr,
}

impl Service<Request<Incoming>> for Peered {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let (front, peer) = (self.front.clone(), self.peer);
        Box::pin(async move { Ok(front.answer(request, peer).await) })
    }
}
