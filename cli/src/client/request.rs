//! A request that is being put together.

use reqwest::{
    Method, Url,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio_tungstenite::tungstenite::handshake::{client::generate_key, derive_accept_key};

use super::{Pages, answer};
use crate::failure::Failure;

/// A request, not sent yet.
#[derive(Clone)]
pub struct Request<'a> {
    http: &'a reqwest::Client,
    base: &'a Url,
    method: Method,
    path: String,
    query: Vec<(String, String)>,
    headers: HeaderMap,
    body: Vec<u8>,
    /// Why nobody may listen there.
    hint: &'static str,
}

impl<'a> Request<'a> {
    pub(super) fn new(
        http: &'a reqwest::Client,
        base: &'a Url,
        method: Method,
        path: String,
    ) -> Self {
        Self {
            http,
            base,
            method,
            path,
            query: Vec::new(),
            headers: HeaderMap::new(),
            body: Vec::new(),
            hint: "is it running, and is the address right?",
        }
    }

    pub(super) fn hint(mut self, hint: &'static str) -> Self {
        self.hint = hint;
        self
    }

    pub(super) fn authorized(mut self, value: Option<&HeaderValue>) -> Self {
        if let Some(value) = value {
            self.headers.insert(AUTHORIZATION, value.clone());
        }
        self
    }

    /// With a query parameter.
    pub fn query(mut self, name: &str, value: impl ToString) -> Self {
        self.query.push((name.to_owned(), value.to_string()));
        self
    }

    /// With a query parameter where there is a value.
    pub fn query_some(self, name: &str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.query(name, value),
            None => self,
        }
    }

    /// With query parameters as the user wrote them.
    pub fn filters(mut self, filters: &[(String, String)]) -> Self {
        self.query.extend_from_slice(filters);
        self
    }

    /// With a JSON body.
    pub fn json(self, body: &impl Serialize) -> Result<Self, Failure> {
        let bytes = serde_json::to_vec(body)
            .map_err(|error| Failure::Failed(format!("the request cannot be written: {error}")))?;
        Ok(self.bytes(HeaderValue::from_static("application/json"), bytes))
    }

    /// With a body of another kind.
    pub fn bytes(mut self, kind: HeaderValue, body: Vec<u8>) -> Self {
        self.headers.insert(CONTENT_TYPE, kind);
        self.body = body;
        self
    }

    /// Asks for an answer of this media type.
    pub fn accept(mut self, kind: &'static str) -> Self {
        self.headers.insert(ACCEPT, HeaderValue::from_static(kind));
        self
    }

    /// Method and path, for messages. The query may name persons, so it is left out.
    pub fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Sends it; the answer's JSON as a type.
    pub async fn read<T: DeserializeOwned>(self) -> Result<T, Failure> {
        let name = self.name();
        let bytes = self.send().await?;
        serde_json::from_slice(&bytes).map_err(|error| {
            Failure::Unreachable(format!(
                "the answer to {name} is not what a coordinator says ({}): is the address right?",
                // The parser's own text may quote the answer.
                if error.is_data() {
                    "another shape of JSON"
                } else {
                    "not JSON"
                }
            ))
        })
    }

    /// Sends it; the answer's JSON.
    pub async fn value(self) -> Result<Value, Failure> {
        self.read().await
    }

    /// Sends it; the answer as text.
    pub async fn text(self) -> Result<String, Failure> {
        let name = self.name();
        String::from_utf8(self.send().await?)
            .map_err(|_| Failure::Unreachable(format!("the answer to {name} is not text")))
    }

    /// Sends it and wants no answer but success.
    pub async fn done(self) -> Result<(), Failure> {
        self.send().await.map(drop)
    }

    /// Reads a paged collection: an array, under `key` where the contract wraps it in an object.
    pub fn pages(self, key: &'static str, limit: Option<u64>) -> Pages<'a> {
        Pages::new(self, key, limit)
    }

    /// Opens a WebSocket with it.
    pub async fn upgrade(mut self) -> Result<reqwest::Upgraded, Failure> {
        let key = generate_key();
        for (name, value) in [
            ("connection", "Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", &key),
        ] {
            let value = HeaderValue::from_str(value)
                .map_err(|_| Failure::Failed(format!("the header {name} cannot be sent")))?;
            self.headers.insert(name, value);
        }
        let name = self.name();
        let response = self.response().await?;
        answer::upgraded(response, &name, &derive_accept_key(key.as_bytes())).await
    }

    async fn send(self) -> Result<Vec<u8>, Failure> {
        let name = self.name();
        let response = self.response().await?;
        answer::body(response, &name).await
    }

    async fn response(self) -> Result<reqwest::Response, Failure> {
        let name = self.name();
        let base = self.base.as_str().trim_end_matches('/');
        let request = self
            .http
            .request(self.method, format!("{base}{}", self.path))
            .query(&self.query)
            .headers(self.headers)
            .body(self.body);
        let sent = request.send().await;
        sent.map_err(|error| answer::unreachable(&name, self.base, self.hint, error))
    }
}
