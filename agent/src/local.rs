//! The agent's own HTTP address: health, metrics and previews, on loopback unless told otherwise.

mod guard;
mod preview;
#[cfg(test)]
mod tests;

use std::{
    convert::Infallible,
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{
    HeaderName, HeaderValue, Method, Request, Response, StatusCode, header::X_CONTENT_TYPE_OPTIONS,
};
use http_body_util::{BodyExt, combinators::UnsyncBoxBody};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use crate::{
    health::{Answer, Health, say},
    viewfinder::Viewfinder,
};

pub use guard::{Guard, TokenError};

/// Connections at once; further ones wait to be accepted.
const MAX_CONNECTIONS: usize = 32;
/// How long a client may take to send a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection may live, unless live pictures flow over it.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(60);
/// Bytes that wait for a reader; beyond it nothing more is made for it.
const WRITE_BUFFER: usize = 64 << 10;
/// File in the state folder that names the chosen address.
const ENDPOINTS_FILE: &str = "endpoints.json";
/// Pages of other origins may not show what this one has.
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

type Body = UnsyncBoxBody<Bytes, Infallible>;

fn whole(answer: Answer) -> Response<Body> {
    answer.map(BodyExt::boxed_unsync)
}

/// What the address serves.
pub struct Local {
    /// Health and metrics.
    pub health: Arc<Health>,
    /// Previews.
    pub viewfinder: Viewfinder,
    /// Who may ask.
    pub guard: Guard,
}

impl Local {
    async fn answer<B>(&self, request: &Request<B>, lease: Arc<Lease>) -> Response<Body> {
        let mut answer = self.route(request, lease).await;
        let headers = answer.headers_mut();
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
        answer
    }

    async fn route<B>(&self, request: &Request<B>, lease: Arc<Lease>) -> Response<Body> {
        if request.method() != Method::GET && request.method() != Method::HEAD {
            return whole(say(StatusCode::METHOD_NOT_ALLOWED, "only GET is allowed"));
        }
        match request.uri().path() {
            "/healthz" => return whole(self.health.alive()),
            "/readyz" => return whole(self.health.ready()),
            _ => {}
        }
        if let Err(refusal) = self.guard.admit(request.headers()) {
            return whole(*refusal);
        }
        match (request.uri().path(), preview::route(request.uri().path())) {
            ("/metrics", _) => whole(self.health.metrics()),
            (_, Some(place)) => match self.guard.admit_viewer(request.headers()) {
                Ok(()) => {
                    preview::answer(&self.viewfinder, place, request.uri().query(), lease).await
                }
                Err(refusal) => whole(*refusal),
            },
            _ => whole(say(
                StatusCode::NOT_FOUND,
                "have /healthz, /readyz, /metrics, /preview/STREAM_ID/frame and /preview/STREAM_ID/live",
            )),
        }
    }
}

/// Until when a connection may live.
struct Lease(Mutex<Instant>);

impl Lease {
    fn new(time: Duration) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Instant::now() + time)))
    }

    /// At least so long from now.
    fn extend(&self, time: Duration) {
        let mut end = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *end = (*end).max(Instant::now() + time);
    }

    fn end(&self) -> Instant {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn expired(&self) {
        while self.end() > Instant::now() {
            sleep_until(self.end()).await;
        }
    }
}

/// Serves until `cancel`.
pub async fn serve(listener: TcpListener, local: Arc<Local>, cancel: CancellationToken) {
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else {
            return;
        };
        let accepted = tokio::select! {
            () = cancel.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "the local address cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let local = Arc::clone(&local);
        tokio::spawn(async move {
            talk(stream, local).await;
            drop(permit);
        });
    }
}

/// One connection until it ends or its time is up.
async fn talk(stream: TcpStream, local: Arc<Local>) {
    let lease = Lease::new(CONNECTION_TIMEOUT);
    let service = service_fn(|request: Request<Incoming>| {
        let (local, lease) = (Arc::clone(&local), Arc::clone(&lease));
        async move { Ok::<_, Infallible>(local.answer(&request, lease).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(WRITE_BUFFER)
        .serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        // A client that breaks off concerns nobody.
        _ = connection => {}
        () = lease.expired() => {}
    }
}

/// Writes where the endpoints are to the state folder, for scripts that let us pick the port.
pub fn write_endpoints(state_dir: &Path, address: SocketAddr) -> std::io::Result<()> {
    let host = if address.ip().is_unspecified() {
        "127.0.0.1".to_owned()
    } else {
        address.ip().to_string()
    };
    let host = if host.contains(':') {
        format!("[{host}]")
    } else {
        host
    };
    let text =
        serde_json::json!({ "local": format!("http://{host}:{}", address.port()) }).to_string();
    crate::files::write_whole(&state_dir.join(ENDPOINTS_FILE), text.as_bytes())
}
