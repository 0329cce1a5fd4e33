//! One request on its way through a service, and the answers that leave it.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use goshawk_proto::id::AccountId;
use http::{HeaderMap, HeaderValue, Method, Response as HttpResponse, StatusCode, header};
use tokio::sync::OwnedSemaphorePermit;
use warp::{reply::Response, ws::Ws};

use super::{Api, body::Body, query::Query};
use crate::{
    auth::{Caller, Scope},
    errors::{ApiError, Code},
};

/// The identifier of a request: `{timestamp},{uuid}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(pub String);

impl RequestId {
    /// The client's own id when it has the contract's form, a fresh one otherwise.
    pub fn of(headers: &HeaderMap, now_s: u64) -> Self {
        let given = headers
            .get("luna-request-id")
            .and_then(|value| value.to_str().ok());
        match given.filter(|text| is_request_id(text)) {
            Some(text) => Self(text.to_owned()),
            None => Self(format!("{now_s:010},{}", uuid::Uuid::new_v4())),
        }
    }
}

fn is_request_id(text: &str) -> bool {
    let Some((stamp, id)) = text.split_once(',') else {
        return false;
    };
    let hex = |c: char| matches!(c, '0'..='9' | 'a'..='f' | '-');
    stamp.len() == 10
        && stamp.bytes().all(|b| b.is_ascii_digit())
        && id.len() == 36
        && id.chars().all(hex)
        && uuid::Uuid::try_parse(id).is_ok()
}

/// How a client reaches a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// In the clear.
    Http,
    /// Over TLS.
    Https,
}

impl Scheme {
    /// As it stands in a URL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// Whether what is sent back may hold what others must not read, such as a login cookie.
    pub fn is_secure(self) -> bool {
        self == Self::Https
    }
}

/// Where a request came from and how it is called in logs.
#[derive(Debug, Clone)]
pub struct Origin {
    /// Address of the client.
    pub peer: IpAddr,
    /// How it reached us.
    pub scheme: Scheme,
    /// Its identifier.
    pub request_id: RequestId,
}

/// One request.
pub struct Call {
    /// Everything a handler may need.
    pub api: Arc<Api>,
    /// The method.
    pub method: Method,
    /// Values of the path's `{…}` segments.
    pub params: HashMap<&'static str, String>,
    /// Query parameters.
    pub query: Query,
    /// Headers.
    pub headers: HeaderMap,
    /// Where it came from.
    pub origin: Origin,
    /// Who asks; present unless the operation is open to all.
    pub caller: Option<Caller>,
    /// The WebSocket that the client wants to open, if it does.
    pub socket: Mutex<Option<Ws>>,
    pub(super) body: Body,
    pub(super) rooms: Mutex<Vec<OwnedSemaphorePermit>>,
}

impl Call {
    /// Who asks.
    pub fn caller(&self) -> Result<Caller, ApiError> {
        self.caller
            .clone()
            .ok_or_else(|| Code::AuthorizationNeeded.plain())
    }

    /// Whose objects are asked for.
    pub fn account(&self) -> Result<AccountId, ApiError> {
        Ok(self.caller()?.account_id)
    }

    /// Whose objects a listing shows that asks for those of `wanted`.
    pub fn scope(&self, wanted: Option<AccountId>) -> Result<Scope, ApiError> {
        Ok(self.caller()?.scope(wanted))
    }

    /// The whole address of a path, as the client reaches us.
    pub fn external(&self, path: &str) -> String {
        let host = self
            .headers
            .get(header::HOST)
            .and_then(|value| value.to_str().ok());
        let plain = |c: char| c.is_ascii_alphanumeric() || ".-_:[]".contains(c);
        match host {
            Some(host) if !host.is_empty() && host.chars().all(plain) => {
                format!("{}://{host}{path}", self.origin.scheme.as_str())
            }
            _ => path.to_owned(),
        }
    }

    /// A UUID out of the path; templates only match UUIDs there.
    pub fn id<T: std::str::FromStr>(&self, name: &str) -> Result<T, ApiError> {
        self.params
            .get(name)
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| Code::PageNotFound.plain())
    }

    /// The media type of the body without parameters, in lower case.
    pub fn content_type(&self) -> Option<String> {
        let text = self.headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
        Some(
            text.split(';')
                .next()
                .unwrap_or_default()
                .trim()
                .to_ascii_lowercase(),
        )
    }

    fn declared_length(&self) -> Option<u64> {
        self.headers
            .get(header::CONTENT_LENGTH)?
            .to_str()
            .ok()?
            .parse()
            .ok()
    }

    /// The whole body, at most as long as images may be.
    pub async fn bytes(&self) -> Result<Bytes, ApiError> {
        self.read(self.api.limits.image).await
    }

    /// The whole body, at most `limit` bytes. Its share of the memory for bodies is held for as
    /// long as the call lives.
    async fn read(&self, limit: usize) -> Result<Bytes, ApiError> {
        let (declared, timeout) = (self.declared_length(), self.api.limits.read_timeout);
        let expected = declared
            .map_or(limit, |bytes| usize::try_from(bytes).unwrap_or(limit))
            .min(limit);
        let room = self.api.body_memory.room(expected, timeout).await?;
        self.rooms
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(room);
        self.body.read(limit, declared, timeout).await
    }

    /// The whole body, at most as long as those without images may be.
    pub async fn small_body(&self) -> Result<Bytes, ApiError> {
        self.read(self.api.limits.json).await
    }
}

/// An answer without a body.
pub fn empty(status: StatusCode) -> Result<Response, ApiError> {
    let mut response = HttpResponse::new(Vec::<u8>::new().into());
    *response.status_mut() = status;
    Ok(response)
}

/// Text of some media type.
pub fn text(content_type: &'static str, body: String) -> Result<Response, ApiError> {
    bytes(content_type, body.into_bytes().into())
}

/// Bytes of some media type.
pub fn bytes(content_type: &'static str, body: Bytes) -> Result<Response, ApiError> {
    let mut response = HttpResponse::new(body.into());
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    Ok(response)
}

/// The answer to an error.
pub fn refused(error: &ApiError) -> Response {
    let bytes = error.body().to_string().into_bytes();
    let mut response = HttpResponse::new(bytes.into());
    *response.status_mut() = error.status();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    if error.status() == StatusCode::UNAUTHORIZED {
        headers.insert(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static(error.challenge().header()),
        );
    }
    if let Some(seconds) = error.retry_after_s() {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_ids_are_kept_when_they_have_the_form() {
        let mut headers = HeaderMap::new();
        let good = "1536751345,8b8b5937-2e9c-4e8b-a7a7-5caf86621b5a";
        headers.insert("luna-request-id", HeaderValue::from_static(good));
        assert_eq!(RequestId::of(&headers, 7).0, good);
        for bad in ["1,2", "1536751345,8B8B5937-2e9c-4e8b-a7a7-5caf86621b5a", ""] {
            headers.insert("luna-request-id", HeaderValue::from_str(bad).unwrap());
            let made = RequestId::of(&headers, 7).0;
            assert!(
                is_request_id(&made) && made.starts_with("0000000007,"),
                "{made}"
            );
        }
    }
}
