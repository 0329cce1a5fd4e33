//! One connection from its first byte to its end: HTTP/1.1, or HTTP/2 where TLS agreed on it.

use std::{
    convert::Infallible,
    error::Error as _,
    future::Future,
    io,
    net::IpAddr,
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use http::Request;
use hyper::{
    body::Incoming,
    server::conn::{http1, http2},
    service::Service,
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use warp::reply::Response;

use super::{
    Server, ServerLimits,
    front::Front,
    handshake::Handshakes,
    wire::{Pulse, Wire},
};
use crate::{api::call::Scheme, metrics::ListenerMetrics};

/// Longest head of a request in bytes.
const MAX_HEAD: usize = 64 << 10;
/// Headers of one request.
const MAX_HEADERS: usize = 100;
/// Requests at once on one HTTP/2 connection.
const MAX_STREAMS: u32 = 32;
/// Bytes of bodies that an HTTP/2 client may send ahead on one request, and on all.
const STREAM_WINDOW: u32 = 256 << 10;
const CONNECTION_WINDOW: u32 = 1 << 20;
/// Bytes of one answer kept for an HTTP/2 client that is not ready for them.
const SEND_BUFFER: usize = 256 << 10;
/// Requests that an HTTP/2 client may take back before they were looked at, and errors of its own
/// on single requests, before the connection ends.
const MAX_RESETS: usize = 32;
/// Time for an idle HTTP/2 client to close after it was told to.
const GOODBYE: Duration = Duration::from_secs(5);

/// What ended a connection, for the counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Client or service closed it in good order, or it became a WebSocket.
    Done,
    /// No request for too long.
    Idle,
    /// The head of a request did not arrive in time.
    SlowHead,
    /// The client did not read its answer.
    SlowReader,
    /// What arrived was not HTTP, or over a limit on heads.
    BadRequest,
    /// It broke off.
    Broken,
    /// No TLS handshake came to pass.
    NoTls,
}

impl End {
    fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Idle => "idle",
            Self::SlowHead => "slow_head",
            Self::SlowReader => "slow_reader",
            Self::BadRequest => "bad_request",
            Self::Broken => "broken",
            Self::NoTls => "no_tls",
        }
    }

    fn of(error: &hyper::Error) -> Self {
        let cause = error.source().and_then(|cause| cause.downcast_ref());
        let is_stalled =
            cause.is_some_and(|cause: &io::Error| cause.kind() == io::ErrorKind::TimedOut);
        if is_stalled {
            Self::SlowReader
        } else if error.is_timeout() {
            Self::SlowHead
        } else if error.is_parse() {
            Self::BadRequest
        } else {
            Self::Broken
        }
    }
}

/// What all connections of a listener share.
pub struct Port {
    front: Front,
    limits: ServerLimits,
    handshakes: Option<Handshakes>,
    metrics: ListenerMetrics,
}

impl Port {
    /// Of one server.
    pub fn new(server: &Server) -> Self {
        let metrics = server.metrics.listener(server.name);
        let tls = server.tls.clone();
        Self {
            front: Front::new(server),
            limits: server.limits,
            handshakes: tls.map(|tls| Handshakes::new(tls, &server.limits, metrics.clone())),
            metrics,
        }
    }

    /// Serves one client until it is done or `stop`.
    pub async fn serve(&self, stream: TcpStream, peer: IpAddr, stop: CancellationToken) {
        // Without it answers only come later.
        let _ = stream.set_nodelay(true);
        let wire = Wire::new(stream, self.limits.send);
        let end = match &self.handshakes {
            None => {
                self.http1(wire, self.visitor(peer, Scheme::Http), &stop)
                    .await
            }
            Some(handshakes) => {
                let pulse = wire.pulse();
                let secured = tokio::select! {
                    secured = handshakes.shake(wire, peer) => secured,
                    () = stop.cancelled() => None,
                };
                let visitor = self.visitor(peer, Scheme::Https);
                match secured {
                    None => End::NoTls,
                    Some(stream) if stream.get_ref().1.alpn_protocol() == Some(b"h2") => {
                        self.http2(stream, visitor, pulse, &stop).await
                    }
                    Some(stream) => self.http1(stream, visitor, &stop).await,
                }
            }
        };
        self.metrics.ended(end.as_str());
    }

    fn visitor(&self, peer: IpAddr, scheme: Scheme) -> Visitor {
        Visitor {
            front: self.front.clone(),
            peer,
            scheme,
            busy: Arc::default(),
        }
    }

    async fn http1<S>(&self, stream: S, visitor: Visitor, stop: &CancellationToken) -> End
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let peer = visitor.peer;
        let mut connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.head)
            .max_headers(MAX_HEADERS)
            .max_buf_size(MAX_HEAD)
            .half_close(true)
            .serve_connection(TokioIo::new(stream), visitor)
            .with_upgrades();
        let ended = tokio::select! {
            ended = &mut connection => ended,
            () = stop.cancelled() => {
                Pin::new(&mut connection).graceful_shutdown();
                (&mut connection).await
            }
        };
        let Err(error) = ended else {
            return End::Done;
        };
        tracing::debug!(%peer, "connection ended: {error}");
        let end = End::of(&error);
        let parts = match end {
            End::SlowHead => connection.into_parts(),
            _ => None,
        };
        match parts {
            Some(parts) if parts.read_buf.is_empty() => End::Idle,
            Some(parts) => {
                let answer = self.front.late(self.limits.head);
                last_words(parts.io.into_inner(), &answer).await;
                end
            }
            None => end,
        }
    }

    async fn http2<S>(
        &self,
        stream: S,
        visitor: Visitor,
        pulse: Pulse,
        stop: &CancellationToken,
    ) -> End
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (peer, busy) = (visitor.peer, Arc::clone(&visitor.busy));
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_concurrent_streams(MAX_STREAMS)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_send_buf_size(SEND_BUFFER)
            .max_header_list_size(MAX_HEAD as u32)
            .max_pending_accept_reset_streams(MAX_RESETS)
            .max_local_error_reset_streams(MAX_RESETS)
            .serve_connection(TokioIo::new(stream), visitor);
        let mut connection = pin!(connection);
        let idle = idle(busy, pulse, self.limits.head);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
            () = idle => {
                connection.as_mut().graceful_shutdown();
                // One that does not close now has had its time to read as well.
                let _ = tokio::time::timeout(GOODBYE, connection).await;
                return End::Idle;
            }
        };
        match ended {
            Ok(()) => End::Done,
            Err(error) => {
                tracing::debug!(%peer, "connection ended: {error}");
                End::of(&error)
            }
        }
    }
}

/// Returns when for `longest` no request was under way and nothing was sent.
async fn idle(busy: Arc<()>, pulse: Pulse, longest: Duration) {
    let mut quiet_since = Instant::now();
    loop {
        // One count is ours, one is the visitor's.
        let is_busy = Arc::strong_count(&busy) > 2;
        let now = Instant::now();
        quiet_since = if is_busy {
            now
        } else {
            quiet_since.max(pulse.last())
        };
        let until = quiet_since + longest;
        if now >= until {
            return;
        }
        tokio::time::sleep_until(until).await;
    }
}

/// Sends `answer` to a client that will not be listened to any more.
async fn last_words<S: AsyncWrite + Unpin>(mut stream: S, answer: &[u8]) {
    let send = async {
        stream.write_all(answer).await?;
        stream.shutdown().await
    };
    // It is closed now, whether or not the client wanted to know why.
    let _ = tokio::time::timeout(Duration::from_secs(1), send).await;
}

/// The requests of one connection.
struct Visitor {
    front: Front,
    peer: IpAddr,
    scheme: Scheme,
    /// Shared by every request under way.
    busy: Arc<()>,
}

impl Service<Request<Incoming>> for Visitor {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let (front, peer, scheme) = (self.front.clone(), self.peer, self.scheme);
        let busy = Arc::clone(&self.busy);
        Box::pin(async move {
            let response = front.answer(request, peer, scheme).await;
            drop(busy);
            Ok(response)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_idle_when_nothing_is_asked_and_nothing_sent() {
        let began = Instant::now();
        let busy: Arc<()> = Arc::default();
        let visitor = Arc::clone(&busy);
        let wire = Wire::new(tokio::io::sink(), Duration::from_secs(9));
        let waiting = tokio::spawn(idle(busy, wire.pulse(), Duration::from_secs(60)));
        let request = Arc::clone(&visitor);
        tokio::time::sleep(Duration::from_secs(100)).await;
        drop(request);
        waiting.await.unwrap();
        let waited = began.elapsed().as_secs();
        assert!((120..=180).contains(&waited), "{waited}");
    }
}
