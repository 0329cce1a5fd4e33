//! `/healthz`, `/readyz` and `/metrics` over HTTP on loopback.

use std::{
    convert::Infallible,
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::registry::Registry;
use tokio::{net::TcpListener, sync::Semaphore};
use tokio_util::sync::CancellationToken;

/// Connections at once; further ones wait to be accepted.
const MAX_CONNECTIONS: usize = 32;
/// How long a client may take to send a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection may live.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(60);
/// File in the state folder that names the chosen address.
const ENDPOINTS_FILE: &str = "endpoints.json";

/// Parts that must be up before the agent is ready.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Readiness {
    /// The models are loaded.
    pub models: bool,
    /// The outbox is open.
    pub outbox: bool,
    /// The agent has a certificate of its coordinator.
    pub enrolled: bool,
    /// On its way out.
    pub stopping: bool,
}

impl Readiness {
    /// Whether the agent can do its work; the coordinator may be away.
    pub fn is_ready(self) -> bool {
        self.models && self.outbox && self.enrolled && !self.stopping
    }
}

/// What the HTTP endpoints show.
pub struct Health {
    readiness: Mutex<Readiness>,
    registry: Registry,
}

impl Health {
    /// Nothing is ready yet.
    pub fn new(registry: Registry) -> Arc<Self> {
        Arc::new(Self {
            readiness: Mutex::default(),
            registry,
        })
    }

    /// Changes what is ready.
    pub fn update(&self, change: impl FnOnce(&mut Readiness)) {
        change(
            &mut self
                .readiness
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        );
    }

    fn readiness(&self) -> Readiness {
        *self
            .readiness
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, method: &Method, path: &str) -> Response<Full<Bytes>> {
        if method != Method::GET && method != Method::HEAD {
            return reply(
                StatusCode::METHOD_NOT_ALLOWED,
                "text/plain",
                "only GET is allowed\n".to_owned(),
            );
        }
        match path {
            "/healthz" => reply(StatusCode::OK, "text/plain", "ok\n".to_owned()),
            "/readyz" => {
                let readiness = self.readiness();
                let status = if readiness.is_ready() {
                    StatusCode::OK
                } else {
                    StatusCode::SERVICE_UNAVAILABLE
                };
                let body = serde_json::to_string(&readiness).unwrap_or_default();
                reply(status, "application/json", body)
            }
            "/metrics" => {
                let mut text = String::new();
                match prometheus_client::encoding::text::encode(&mut text, &self.registry) {
                    Ok(()) => reply(
                        StatusCode::OK,
                        "application/openmetrics-text; version=1.0.0; charset=utf-8",
                        text,
                    ),
                    Err(_) => reply(
                        StatusCode::INTERNAL_SERVER_ERROR,
                        "text/plain",
                        "metrics cannot be written\n".to_owned(),
                    ),
                }
            }
            _ => reply(
                StatusCode::NOT_FOUND,
                "text/plain",
                "have /healthz, /readyz and /metrics\n".to_owned(),
            ),
        }
    }
}

fn reply(status: StatusCode, kind: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, http::HeaderValue::from_static(kind));
    response
}

/// Serves until `cancel`.
pub async fn serve(listener: TcpListener, health: Arc<Health>, cancel: CancellationToken) {
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
                tracing::warn!(%error, "the health endpoint cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let health = Arc::clone(&health);
        tokio::spawn(async move {
            let service = service_fn(|request: Request<Incoming>| {
                let response = health.answer(request.method(), request.uri().path());
                async move { Ok::<_, Infallible>(response) }
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIMEOUT)
                .serve_connection(TokioIo::new(stream), service);
            // A client that breaks off concerns nobody.
            let _ = tokio::time::timeout(CONNECTION_TIMEOUT, connection).await;
            drop(permit);
        });
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

#[cfg(test)]
mod tests {
    use super::*;

    fn check(change: impl FnOnce(&mut Readiness), path: &str, want: StatusCode) {
        let health = Health::new(crate::metrics::Metrics::new().1);
        health.update(change);
        assert_eq!(health.answer(&Method::GET, path).status(), want, "{path}");
    }

    #[test]
    fn ready_means_all_parts_are() {
        let all = |readiness: &mut Readiness| {
            *readiness = Readiness {
                models: true,
                outbox: true,
                enrolled: true,
                stopping: false,
            };
        };
        check(|_| {}, "/healthz", StatusCode::OK);
        check(|_| {}, "/readyz", StatusCode::SERVICE_UNAVAILABLE);
        check(all, "/readyz", StatusCode::OK);
        check(
            |readiness| {
                all(readiness);
                readiness.stopping = true;
            },
            "/readyz",
            StatusCode::SERVICE_UNAVAILABLE,
        );
        check(|_| {}, "/metrics", StatusCode::OK);
        check(|_| {}, "/etc/passwd", StatusCode::NOT_FOUND);
    }

    #[tokio::test]
    async fn it_answers_over_a_socket() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let cancel = CancellationToken::new();
        let health = Health::new(crate::metrics::Metrics::new().1);
        let server = tokio::spawn(serve(listener, health, cancel.clone()));
        let mut client = tokio::net::TcpStream::connect(address).await.unwrap();
        client
            .write_all(b"GET /metrics HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
            .await
            .unwrap();
        let mut text = String::new();
        client.read_to_string(&mut text).await.unwrap();
        assert!(text.starts_with("HTTP/1.1 200"), "{text}");
        assert!(text.contains("goshawk_agent_outbox_bytes 0"), "{text}");
        cancel.cancel();
        server.await.unwrap();
    }
}
