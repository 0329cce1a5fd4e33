//! What every request of a service passes through: its id and span, the rules for web pages, what
//! no operation takes, the time limit, the counters and the access log.

use std::{
    future::Future,
    net::IpAddr,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use goshawk_proto::time::Timestamp;
use http::{HeaderMap, HeaderValue, Method, Request, Version, header};
use http_body_util::BodyStream;
use hyper::{
    body::{Body as _, Incoming},
    service::Service,
};
use hyper_util::service::TowerToHyperService;
use tracing::{Instrument, Span, field};
use warp::reply::Response;

use super::{Pages, Server};
use crate::{
    api::{
        body::linger,
        call::{self, Origin, RequestId, Scheme},
        routes::RouteLabel,
    },
    audit::{Audit, AuditEntry},
    auth::Claim,
    errors::{ApiError, Code},
    metrics::HttpMetrics,
};

/// Route of requests that no operation was found for.
const UNKNOWN: &str = "(unknown)";
/// Target of the access log's lines.
const ACCESS: &str = "goshawk_coordinator::access";

type Inner =
    Arc<dyn Fn(Request<Incoming>) -> Pin<Box<dyn Future<Output = Response> + Send>> + Send + Sync>;

/// The way in. Cheap to clone.
#[derive(Clone)]
pub struct Front {
    service: &'static str,
    inner: Inner,
    processing: Duration,
    pages: Pages,
    audit: Audit,
    log_access: bool,
    metrics: Arc<HttpMetrics>,
}

impl Front {
    /// Of one server.
    pub fn new(server: &Server) -> Self {
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
        Self {
            service: server.name,
            inner,
            processing: server.limits.processing,
            pages: server.pages,
            audit: server.audit.clone(),
            log_access: server.log_access,
            metrics: Arc::clone(&server.metrics),
        }
    }

    /// Answers one request.
    pub async fn answer(
        self,
        mut request: Request<Incoming>,
        peer: IpAddr,
        scheme: Scheme,
    ) -> Response {
        let started = Instant::now();
        let method = request.method().clone();
        let request_id = RequestId::of(request.headers(), now_s());
        let span = self.span(&request_id, &method);
        let is_continued = request.version() < Version::HTTP_2 && expects_continue(&request);
        name_host(&mut request);
        request.extensions_mut().insert(Origin {
            peer,
            scheme,
            request_id: request_id.clone(),
        });
        let mut response = self.respond(request).instrument(span.clone()).await;
        self.stamp(&mut response, &method, &request_id);
        if is_continued && !response.status().is_success() {
            // Whether the client sends its body nevertheless is not known, so what would follow
            // on this connection could be taken for one thing or the other.
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
        }
        self.account(&response, &method, &span, peer, started.elapsed());
        response
    }

    /// Everything that is logged on behalf of the request is logged in it. Of the highest level,
    /// so that no setting of the log turns it off before what happens in it. Dispatch fills in
    /// the route and the account.
    fn span(&self, request_id: &RequestId, method: &Method) -> Span {
        tracing::error_span!(
            "request",
            id = request_id.0,
            service = self.service,
            %method,
            route = field::Empty,
            account = field::Empty,
        )
    }

    async fn respond(&self, request: Request<Incoming>) -> Response {
        if let Err(error) = self.check(&request) {
            let mut response = call::refused(&error);
            if error.code() == Code::NotAcceptable {
                let identity = HeaderValue::from_static("identity");
                response
                    .headers_mut()
                    .insert(header::ACCEPT_ENCODING, identity);
            }
            if !request.body().is_end_stream() && !expects_continue(&request) {
                linger(BodyStream::new(request.into_body()));
            }
            return response;
        }
        match tokio::time::timeout(self.processing, (self.inner)(request)).await {
            Ok(response) => response,
            Err(_) => call::refused(&Code::ProcessingTimeout.with(self.processing.as_secs())),
        }
    }

    /// Refuses what no operation takes.
    fn check(&self, request: &Request<Incoming>) -> Result<(), ApiError> {
        if self.pages.refuses(request.headers()) {
            let detail = "Requests of web pages are not served here";
            let error = Code::AccessDenied.with(detail);
            self.note(request, &error);
            return Err(error);
        }
        if request.method() == Method::CONNECT {
            return Err(Code::MethodNotAllowed.plain());
        }
        if is_encoded(request.headers()) && !request.body().is_end_stream() {
            let detail = "Encoded request bodies are not taken";
            return Err(ApiError::new(Code::NotAcceptable, detail));
        }
        Ok(())
    }

    /// Writes down a request that was refused before any operation was looked for.
    fn note(&self, request: &Request<Incoming>, error: &ApiError) {
        let Some(origin) = request.extensions().get::<Origin>() else {
            return;
        };
        self.audit.record(AuditEntry {
            time: now(),
            request_id: origin.request_id.0.clone(),
            account_id: None,
            token_id: None,
            claimed: Claim::of(request.headers()),
            peer: origin.peer,
            operation: UNKNOWN,
            route: UNKNOWN,
            object: None,
            status: error.status().as_u16(),
            error_code: Some(error.code().number()),
            retry_after_s: None,
        });
    }

    /// Puts the id and what browsers want to know on an answer.
    fn stamp(&self, response: &mut Response, method: &Method, request_id: &RequestId) {
        let status = response.status();
        let headers = response.headers_mut();
        if let Ok(value) = HeaderValue::from_str(&request_id.0) {
            headers.insert("luna-request-id", value);
        }
        self.pages.tell(method, status, headers);
    }

    /// Counts and logs an answer.
    fn account(
        &self,
        response: &Response,
        method: &Method,
        span: &Span,
        peer: IpAddr,
        took: Duration,
    ) {
        let route = match response.extensions().get::<RouteLabel>() {
            Some(label) => label.0,
            None => {
                span.record("route", UNKNOWN);
                UNKNOWN
            }
        };
        let status = response.status().as_u16();
        self.metrics
            .record(self.service, method, route, status, took);
        if self.log_access {
            let ms = took.as_micros() as f64 / 1000.0;
            // Not told for an answer that is made while it is sent.
            let bytes = response.body().size_hint().exact();
            span.in_scope(|| tracing::info!(target: ACCESS, status, ms, bytes, %peer, "answered"));
        }
    }

    /// The whole answer, as bytes, to a request whose head did not arrive within `longest`.
    pub fn late(&self, longest: Duration) -> Vec<u8> {
        let mut response = call::refused(&Code::RequestTimeout.with(longest.as_secs()));
        let request_id = RequestId::of(&HeaderMap::new(), now_s());
        self.stamp(&mut response, &Method::GET, &request_id);
        let body = Code::RequestTimeout.with(longest.as_secs()).body();
        let body = body.to_string();
        let mut text = String::from("HTTP/1.1 408 Request Timeout\r\nconnection: close\r\n");
        for (name, value) in response.headers() {
            if let Ok(value) = value.to_str() {
                text.push_str(&format!("{name}: {value}\r\n"));
            }
        }
        text.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
        text.into_bytes()
    }
}

fn now() -> Timestamp {
    Timestamp::from_system(std::time::SystemTime::now())
}

fn now_s() -> u64 {
    u64::try_from(now().unix_micros() / 1_000_000).unwrap_or(0)
}

fn expects_continue(request: &Request<Incoming>) -> bool {
    request.headers().contains_key(header::EXPECT)
}

/// Whether a body is not on the wire as it is meant, apart from its chunks. (Whose last coding is
/// not `chunked` has been refused before.)
fn is_encoded(headers: &HeaderMap) -> bool {
    let is_one_of = |value: &HeaderValue, plain: &[&str]| {
        let text = value.as_bytes().trim_ascii();
        let mut plain = plain.iter();
        plain.any(|word| text.eq_ignore_ascii_case(word.as_bytes()))
    };
    let mut content = headers.get_all(header::CONTENT_ENCODING).iter();
    let mut transfer = headers.get_all(header::TRANSFER_ENCODING).iter();
    !content.all(|value| is_one_of(value, &["identity", ""]))
        || !transfer.all(|value| is_one_of(value, &["chunked"]))
}

/// Sets `Host` where the target itself names it: in HTTP/2, and in requests as proxies get them.
fn name_host(request: &mut Request<Incoming>) {
    let Some(authority) = request.uri().authority() else {
        return;
    };
    let host = authority.as_str();
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    if let Ok(host) = HeaderValue::from_str(host) {
        request.headers_mut().insert(header::HOST, host);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_identity_is_no_encoding() {
        let with = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                let value = HeaderValue::from_static(value);
                headers.append(header::CONTENT_ENCODING, value);
            }
            is_encoded(&headers)
        };
        assert!(!with(&[]) && !with(&["identity"]) && !with(&[" Identity ", ""]));
        assert!(with(&["gzip"]) && with(&["identity", "br"]) && with(&["identity, gzip"]));
        let mut headers = HeaderMap::new();
        headers.insert(
            header::TRANSFER_ENCODING,
            HeaderValue::from_static("Chunked"),
        );
        assert!(!is_encoded(&headers));
        let squeezed = HeaderValue::from_static("gzip, chunked");
        headers.insert(header::TRANSFER_ENCODING, squeezed);
        assert!(is_encoded(&headers));
    }
}
