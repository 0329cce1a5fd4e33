//! Sending a request and holding what comes back against the contract.

use bytes::Bytes;
use reqwest::{
    Client, RequestBuilder, StatusCode,
    header::{HeaderMap, HeaderValue},
};
use serde_json::Value;

use super::{Contract, Exchange, Service};

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Path of the request, for messages.
    pub path: String,
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
}

impl Answer {
    /// Itself when its status is one of success.
    ///
    /// # Errors
    /// Otherwise, with the body.
    pub fn successful(self) -> anyhow::Result<Self> {
        anyhow::ensure!(
            self.status.is_success(),
            "{}: {}: {}",
            self.path,
            self.status,
            String::from_utf8_lossy(&self.body)
        );
        Ok(self)
    }

    /// The body as JSON; null when it is none.
    pub fn json(&self) -> Value {
        let kind = self
            .headers
            .get("content-type")
            .map(HeaderValue::as_bytes)
            .unwrap_or_default();
        if kind.starts_with(b"application/json") {
            serde_json::from_slice(&self.body).unwrap_or_default()
        } else {
            Value::Null
        }
    }
}

/// Sends `request` to `service`, and panics when what was sent or answered does not fit `contract`.
///
/// # Errors
/// When nothing was answered.
pub async fn send(
    client: &Client,
    contract: Option<&Contract>,
    service: Service,
    request: RequestBuilder,
) -> reqwest::Result<Answer> {
    let request = request.build()?;
    let (method, url) = (request.method().clone(), request.url().clone());
    let asked = request.headers().clone();
    // A streamed body is not at hand.
    let sent = request.body().and_then(reqwest::Body::as_bytes);
    let sent = sent.map(Bytes::copy_from_slice);
    let response = client.execute(request).await?;
    let answer = Answer {
        path: url.path().to_owned(),
        status: response.status(),
        headers: response.headers().clone(),
        body: response.bytes().await?,
    };
    if let Some(contract) = contract {
        contract.check(&Exchange {
            service,
            method: method.as_str(),
            path: url.path(),
            query: url.query().unwrap_or_default(),
            asked: &asked,
            sent: sent.as_deref(),
            status: answer.status.as_u16(),
            headers: &answer.headers,
            body: &answer.body,
        });
    }
    Ok(answer)
}
