//! The public API as a client sees it.

use std::time::Duration;

use anyhow::Context;
use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::{SinkExt, StreamExt};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest},
};

use crate::contract::{
    Contract, Service,
    client::{Answer, send},
};

/// Addresses of a coordinator's services.
#[derive(Debug, Clone)]
pub struct Endpoints {
    /// `http://…` of the API service.
    pub api: String,
    /// `http://…` of the Streams service.
    pub streams: String,
    /// `http://…` of the Handlers service.
    pub handlers: String,
    /// `http://…` of the Sender.
    pub sender: String,
    /// `host:port` for agents.
    pub agents: String,
}

/// A client with an account's credentials. Every exchange is held against the contract.
#[derive(Clone)]
pub struct Api {
    http: reqwest::Client,
    contract: Option<&'static Contract>,
    /// Where the services are.
    pub endpoints: Endpoints,
    authorization: String,
}

impl Api {
    /// A client of `endpoints`.
    pub fn new(endpoints: Endpoints, login: &str, password: &str) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(60))
            .build()?;
        let authorization = format!("Basic {}", STANDARD.encode(format!("{login}:{password}")));
        Ok(Self {
            http,
            contract: Some(Contract::load()),
            endpoints,
            authorization,
        })
    }

    /// The same without the look at the contract, which would be measured along.
    pub fn unchecked(&self) -> Self {
        Self {
            contract: None,
            ..self.clone()
        }
    }

    /// Sends a request to the API and gives the whole answer.
    pub async fn send(&self, request: RequestBuilder) -> anyhow::Result<Answer> {
        self.ask(Service::Api, request).await
    }

    async fn ask(&self, service: Service, request: RequestBuilder) -> anyhow::Result<Answer> {
        Ok(send(&self.http, self.contract, service, request).await?)
    }

    /// A request to the API service, not sent yet.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.endpoints.api);
        self.http
            .request(method, url)
            .header("Authorization", &self.authorization)
    }

    /// A request without credentials.
    pub fn anonymous(&self, method: Method, path: &str) -> RequestBuilder {
        self.http
            .request(method, format!("{}{path}", self.endpoints.api))
    }

    /// GET, expecting success.
    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        success(self.send(self.request(Method::GET, path)).await?)
    }

    /// POST of JSON, expecting success.
    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        success(
            self.send(self.request(Method::POST, path).json(body))
                .await?,
        )
    }

    /// POST of a picture, expecting success.
    pub async fn post_picture(
        &self,
        path: &str,
        kind: &str,
        bytes: Vec<u8>,
    ) -> anyhow::Result<Value> {
        let request = self
            .request(Method::POST, path)
            .header("Content-Type", kind)
            .body(bytes);
        success(self.send(request).await?)
    }

    /// A request to the Streams service as `account`.
    pub async fn streams(
        &self,
        method: Method,
        path: &str,
        account: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Value> {
        let url = format!("{}{path}", self.endpoints.streams);
        let mut request = self
            .http
            .request(method, url)
            .header("Luna-Account-Id", account);
        if let Some(body) = body {
            request = request.json(body);
        }
        success(self.ask(Service::Streams, request).await?)
    }

    /// The account of the credentials.
    pub async fn account(&self) -> anyhow::Result<String> {
        text(&self.get("/6/account").await?, "account_id")
    }

    /// A join token for one agent.
    pub async fn join_token(&self, valid_for: u64) -> anyhow::Result<String> {
        let answer = self
            .post(
                "/goshawk/1/agents/join-tokens",
                &json!({"valid_for": valid_for}),
            )
            .await?;
        text(&answer, "token")
    }

    /// Makes a list with a face out of a picture; gives the list's and the face's id.
    pub async fn enrol(&self, name: &str, picture: Vec<u8>) -> anyhow::Result<(String, String)> {
        let list = text(
            &self.post("/6/lists", &json!({"user_data": name})).await?,
            "list_id",
        )?;
        let detected = self
            .post_picture("/6/detector", "image/jpeg", picture)
            .await?;
        let sample = detected
            .pointer("/images/0/detections/samples/0/face/sample_id")
            .and_then(Value::as_str)
            .with_context(|| format!("no face found: {detected}"))?;
        let extracted = self.post("/6/extractor", &json!([sample])).await?;
        let attribute = text(&extracted[0], "attribute_id")?;
        let face =
            json!({"attribute": {"attribute_id": attribute}, "user_data": name, "lists": [list]});
        let face = text(&self.post("/6/faces", &face).await?, "face_id")?;
        Ok((list, face))
    }

    /// A handler that extracts, matches against `list` and stores everything.
    pub async fn handler(&self, list: &str) -> anyhow::Result<String> {
        let body = json!({
            "description": "end-to-end",
            "policies": {
                "detect_policy": {"detect_face": 1},
                "extract_policy": {"extract_face_descriptor": 1, "extract_basic_attributes": 1},
                "match_policy": [{
                    "label": "list",
                    "candidates": {"origin": "faces", "list_id": list},
                    "limit": 3,
                    "threshold": 0.6,
                }],
                "storage_policy": {
                    "event_policy": {"store_event": 1},
                    "face_sample_policy": {"store_sample": 1},
                },
            },
        });
        text(&self.post("/6/handlers", &body).await?, "handler_id")
    }

    /// Creates a stream of faces; `sending` overrides the contract's defaults.
    pub async fn stream(
        &self,
        account: &str,
        kind: &str,
        reference: &str,
        handler: &str,
        sending: Value,
    ) -> anyhow::Result<String> {
        let body = json!({
            "account_id": account,
            "name": "e2e",
            "data": {
                "type": kind,
                "reference": reference,
                "analytics": [{
                    "mode": 1,
                    "sending": sending,
                    "healthcheck": {"max_error_count": 3, "period": 60, "retry_delay": 1, "timeout": 5000},
                    "event_handler": {
                        "type": "luna_handler",
                        "handler_id": handler,
                        "frame_store": null,
                        "authorization": {"account_id": account},
                    },
                }],
            },
        });
        let answer = self
            .streams(Method::POST, "/2/streams", account, Some(&body))
            .await?;
        text(&answer, "stream_id")
    }

    /// A stream's status and, when it failed, the reason.
    pub async fn stream_state(&self, account: &str, id: &str) -> anyhow::Result<Value> {
        self.streams(Method::GET, &format!("/2/streams/{id}"), account, None)
            .await
    }

    /// Every stored event's id, page by page.
    pub async fn event_ids(&self) -> anyhow::Result<Vec<String>> {
        let mut found = Vec::new();
        for page in 1.. {
            let answer = self
                .get(&format!("/6/events?page={page}&page_size=100"))
                .await?;
            let events = answer
                .get("events")
                .and_then(Value::as_array)
                .context("no `events`")?;
            for event in events {
                found.push(text(event, "event_id")?);
            }
            if events.len() < 100 {
                break;
            }
        }
        Ok(found)
    }

    /// Subscribes to everything.
    pub async fn subscribe(&self) -> anyhow::Result<Subscriber> {
        let url = format!("{}/6/ws", self.endpoints.api.replacen("http", "ws", 1));
        let mut request = url.into_client_request()?;
        request
            .headers_mut()
            .insert("Authorization", self.authorization.parse()?);
        let (socket, _) = connect_async(request).await?;
        Ok(Subscriber { socket })
    }
}

/// A WebSocket subscription.
pub struct Subscriber {
    socket: WebSocketStream<MaybeTlsStream<tokio::net::TcpStream>>,
}

impl Subscriber {
    /// The next event within `limit`; `None` when the connection closed.
    pub async fn next(&mut self, limit: Duration) -> anyhow::Result<Option<Value>> {
        let wait = async {
            loop {
                match self.socket.next().await {
                    None | Some(Err(_) | Ok(Message::Close(_))) => return Ok(None),
                    Some(Ok(Message::Text(text))) => return Ok(Some(serde_json::from_str(&text)?)),
                    Some(Ok(Message::Ping(data))) => self.socket.send(Message::Pong(data)).await?,
                    Some(Ok(_)) => {}
                }
            }
        };
        tokio::time::timeout(limit, wait)
            .await
            .context("no event within the time limit")?
    }
}

/// The string at `key`.
pub fn text(value: &Value, key: &str) -> anyhow::Result<String> {
    let found = value.get(key).and_then(Value::as_str);
    found
        .map(str::to_owned)
        .with_context(|| format!("no `{key}` in {value}"))
}

/// The answer's JSON; an error when the status is none of success.
pub fn success(answer: Answer) -> anyhow::Result<Value> {
    let body = answer.successful()?.body;
    if body.is_empty() {
        Ok(Value::Null)
    } else {
        Ok(serde_json::from_slice(&body)?)
    }
}

/// The answer's status and the contract's error code.
pub fn refusal(answer: &Answer) -> anyhow::Result<(u16, i64)> {
    let body: Value = serde_json::from_slice(&answer.body).context("the error is not JSON")?;
    let code = body
        .get("error_code")
        .and_then(Value::as_i64)
        .with_context(|| format!("no error_code in {body}"))?;
    for key in ["desc", "detail", "link"] {
        text(&body, key)?;
    }
    Ok((answer.status.as_u16(), code))
}
