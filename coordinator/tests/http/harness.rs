//! A coordinator of its own for every test, on free ports and in a folder of its own.

use std::path::{Path, PathBuf};

use base64::{Engine, engine::general_purpose::STANDARD};
use goshawk_coordinator::{
    app::App,
    config::{Config, PREFIX},
};
use goshawk_e2e::contract::{Contract, Service, client};
use reqwest::{Client, Method, StatusCode};
use serde_json::Value;

pub const LOGIN: &str = "admin@goshawk.local";
pub const PASSWORD: &str = "a good password";

pub struct Coordinator {
    pub app: App,
    pub http: Client,
    pub api: String,
    pub streams: String,
    pub handlers: String,
    pub sender: String,
    contract: &'static Contract,
    dir: tempfile::TempDir,
}

/// An answer that was checked against the contract.
pub struct Reply {
    pub status: StatusCode,
    pub headers: reqwest::header::HeaderMap,
    pub body: Value,
    pub bytes: Vec<u8>,
}

impl Reply {
    pub fn code(&self) -> u64 {
        self.body["error_code"]
            .as_u64()
            .unwrap_or_else(|| panic!("no error: {} {}", self.status, self.body))
    }

    pub fn detail(&self) -> &str {
        self.body["detail"].as_str().unwrap_or_default()
    }

    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        self
    }

    #[track_caller]
    pub fn refused(self, status: u16, code: u64) -> Self {
        assert_eq!(
            (self.status.as_u16(), self.code()),
            (status, code),
            "{}",
            self.body
        );
        self
    }

    #[track_caller]
    pub fn id(&self, name: &str) -> String {
        self.body[name]
            .as_str()
            .unwrap_or_else(|| panic!("no {name} in {}", self.body))
            .to_owned()
    }
}

/// Folder of installed models; tests that need one are skipped without it.
pub fn models_home() -> Option<PathBuf> {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.goshawk");
    let home = std::env::var_os("GOSHAWK_HOME").map_or(default, PathBuf::from);
    let there = home.join("models").is_dir() && home.join("onnxruntime/libonnxruntime.so").exists();
    if !there {
        println!(
            "SKIPPED: no model pack in {} (make setup installs it)",
            home.display()
        );
    }
    there.then_some(home)
}

impl Coordinator {
    /// Without models.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    pub async fn start_with(settings: &[(&str, &str)]) -> Self {
        Self::open(tempfile::tempdir().unwrap(), settings).await
    }

    /// On a data folder with what `prepare` puts into it.
    pub async fn start_after(prepare: impl FnOnce(&Path)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        std::fs::create_dir(&data).unwrap();
        prepare(&data);
        Self::open(dir, &[]).await
    }

    /// Stops, and starts again on the same data.
    pub async fn restart(self) -> Self {
        self.app.stop().await;
        Self::open(self.dir, &[]).await
    }

    async fn open(dir: tempfile::TempDir, settings: &[(&str, &str)]) -> Self {
        let data = dir.path().join("data");
        let nowhere = dir.path().join("no-models");
        let mut flags: Vec<(String, String)> = [
            ("data_dir", data.to_str().unwrap()),
            ("models.home", nowhere.to_str().unwrap()),
            ("api.listen", "127.0.0.1:0"),
            ("sender.listen", "127.0.0.1:0"),
            ("handlers.listen", "127.0.0.1:0"),
            ("streams.listen", "127.0.0.1:0"),
            ("agents.listen", "127.0.0.1:0"),
            ("bootstrap.login", LOGIN),
            ("bootstrap.password", PASSWORD),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
        flags.extend(
            settings
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned())),
        );
        let config = Config::load(PREFIX, None, [], flags)
            .and_then(Config::check)
            .unwrap();
        let app = App::start(config).await.unwrap();
        let ends = app.endpoints().clone();
        Self {
            app,
            http: Client::new(),
            api: ends.api,
            streams: ends.streams,
            handlers: ends.handlers,
            sender: ends.sender,
            contract: Contract::load(),
            dir,
        }
    }

    pub fn data_dir(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    pub fn basic(login: &str, password: &str) -> String {
        format!("Basic {}", STANDARD.encode(format!("{login}:{password}")))
    }

    /// A request to the API with the administrator's credentials.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http
            .request(method, format!("{}{path}", self.api))
            .header("Authorization", Self::basic(LOGIN, PASSWORD))
    }

    /// A request to the API that shows nothing.
    pub fn bare(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.api))
    }

    /// A request to the API with a token.
    pub fn bearing(&self, token: &str, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.bare(method, path).bearer_auth(token)
    }

    /// A new account; gives its id.
    pub async fn account(&self, login: &str, password: &str, kind: &str) -> String {
        let body = serde_json::json!({"login": login, "password": password, "account_type": kind});
        let made = self.post("createAccount", "/6/accounts", body).await;
        made.expect(201).id("account_id")
    }

    /// Sends, and holds request and answer against the contract. `operation` is the id which the
    /// published contract gives to what is at that address; empty where it has none.
    pub async fn send(&self, operation: &str, request: reqwest::RequestBuilder) -> Reply {
        let (service, path, method) = self.asked(&request);
        let answer = client::send(&self.http, Some(self.contract), service, request)
            .await
            .unwrap();
        if let (Some(id), false) = (
            self.contract.operation_id(service, &method, &path),
            operation.is_empty(),
        ) {
            assert_eq!(id, operation, "{method} {path}");
        }
        assert!(
            answer.headers.contains_key("luna-request-id"),
            "no Luna-Request-Id"
        );
        Reply {
            status: answer.status,
            body: answer.json(),
            headers: answer.headers,
            bytes: answer.body.to_vec(),
        }
    }

    /// Which service a request goes to, its path and its method.
    fn asked(&self, request: &reqwest::RequestBuilder) -> (Service, String, String) {
        // Bodies of tests are bytes, so the request can be looked at without being sent.
        let request = request.try_clone().unwrap().build().unwrap();
        let url = request.url().as_str();
        let services = [
            (&self.api, Service::Api),
            (&self.streams, Service::Streams),
            (&self.handlers, Service::Handlers),
            (&self.sender, Service::Sender),
        ];
        let service = services.iter().find(|(base, _)| url.starts_with(*base));
        let (_, service) = service.unwrap_or_else(|| panic!("{url} is none of ours"));
        (
            *service,
            request.url().path().to_owned(),
            request.method().to_string(),
        )
    }

    pub async fn get(&self, operation: &str, path: &str) -> Reply {
        self.send(operation, self.request(Method::GET, path)).await
    }

    pub async fn post(&self, operation: &str, path: &str, body: Value) -> Reply {
        self.send(operation, self.request(Method::POST, path).json(&body))
            .await
    }

    pub async fn with_body(
        &self,
        operation: &str,
        method: Method,
        path: &str,
        body: Value,
    ) -> Reply {
        self.send(operation, self.request(method, path).json(&body))
            .await
    }

    pub async fn delete(&self, operation: &str, path: &str) -> Reply {
        self.send(operation, self.request(Method::DELETE, path))
            .await
    }

    /// Like [`Self::send`], to the Streams service; without a body where it is null.
    pub async fn stream_call(
        &self,
        operation: &str,
        method: Method,
        path: &str,
        body: Value,
    ) -> Reply {
        let mut request = self.http.request(method, format!("{}{path}", self.streams));
        if !body.is_null() {
            request = request.json(&body);
        }
        self.send(operation, request).await
    }

    pub async fn account_id(&self) -> String {
        self.get("getAccount", "/6/account")
            .await
            .expect(200)
            .id("account_id")
    }

    pub async fn stop(self) {
        self.app.stop().await;
    }
}
