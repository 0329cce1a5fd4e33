//! Requests to the coordinator: credentials, addresses, and errors in people's words.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use base64::{Engine, engine::general_purpose::STANDARD};
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::Value;

use crate::args::Server;

/// Most results that one page of the contracts holds.
const PAGE_SIZE: usize = 100;

/// A coordinator and who we are there.
pub struct Client {
    http: reqwest::Client,
    api: String,
    streams: String,
    login: String,
    password: String,
}

#[derive(Deserialize)]
struct Credentials {
    login: String,
    password: String,
}

impl Client {
    /// A client for `server`, with credentials from the environment or a file.
    pub fn new(server: &Server) -> anyhow::Result<Self> {
        let credentials = credentials(server.credentials.as_deref())?;
        Self::with_credentials(server, credentials.login, credentials.password)
    }

    /// A client with the given credentials.
    pub fn with_credentials(
        server: &Server,
        login: String,
        password: String,
    ) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .connect_timeout(std::time::Duration::from_secs(5))
            .timeout(std::time::Duration::from_secs(60))
            .build()?;
        let trim = |address: &str| address.trim_end_matches('/').to_owned();
        Ok(Self {
            http,
            api: trim(&server.api),
            streams: trim(&server.streams),
            login,
            password,
        })
    }

    /// A request to the API service with a JSON body; the answer's JSON, null when there is none.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Value> {
        let mut request = self.request(method.clone(), path);
        if let Some(body) = body {
            request = request.json(body);
        }
        answer(request, &method, path).await
    }

    /// A request to the API service with a body of another kind.
    pub async fn send(
        &self,
        path: &str,
        content_type: &str,
        body: Vec<u8>,
    ) -> anyhow::Result<Value> {
        let request = self
            .request(Method::POST, path)
            .header("Content-Type", content_type)
            .body(body);
        answer(request, &Method::POST, path).await
    }

    /// A request to the Streams service about the streams of `account` alone. That service asks for
    /// no password: the account is part of the question, and of a new stream's body.
    pub async fn call_streams(
        &self,
        method: Method,
        path: &str,
        account: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Value> {
        let url = format!("{}{path}", self.streams);
        let mut request = self.http.request(method.clone(), url);
        match body {
            Some(body) => request = request.json(body),
            None => request = request.query(&[("account_id", account)]),
        }
        answer(request, &method, path).await
    }

    /// Everything of a paged collection of the API service; see [`Self::pages`].
    pub async fn all(&self, path: &str, key: &str) -> anyhow::Result<Vec<Value>> {
        self.pages(None, path, key).await
    }

    /// Everything of a paged collection of the Streams service that belongs to `account`.
    pub async fn all_streams(
        &self,
        account: &str,
        path: &str,
        key: &str,
    ) -> anyhow::Result<Vec<Value>> {
        self.pages(Some(account), path, key).await
    }

    /// Page after page: each is an array, under `key` where the contract wraps it in an object.
    /// With an account the Streams service is asked, else the API.
    async fn pages(
        &self,
        account: Option<&str>,
        path: &str,
        key: &str,
    ) -> anyhow::Result<Vec<Value>> {
        let mut found = Vec::new();
        for page in 1.. {
            let glue = if path.contains('?') { '&' } else { '?' };
            let path = format!("{path}{glue}page={page}&page_size={PAGE_SIZE}");
            let mut answer = match account {
                Some(account) => self.call_streams(Method::GET, &path, account, None).await?,
                None => self.call(Method::GET, &path, None).await?,
            };
            let items = if answer.is_array() {
                Some(&mut answer)
            } else {
                answer.get_mut(key)
            };
            let Some(items) = items.and_then(Value::as_array_mut) else {
                bail!("the answer to GET {path} has no `{key}`");
            };
            let count = items.len();
            found.append(items);
            if count < PAGE_SIZE {
                break;
            }
        }
        Ok(found)
    }

    /// The account that the credentials belong to.
    pub async fn account_id(&self) -> anyhow::Result<String> {
        let account = self.call(Method::GET, "/6/account", None).await?;
        text(&account, "account_id")
    }

    /// The `Authorization` header's value.
    pub fn authorization(&self) -> String {
        format!(
            "Basic {}",
            STANDARD.encode(format!("{}:{}", self.login, self.password))
        )
    }

    /// Address of a WebSocket of the API service.
    pub fn websocket(&self, path: &str) -> String {
        let base = self.api.replacen("http", "ws", 1);
        format!("{base}{path}")
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http
            .request(method, format!("{}{path}", self.api))
            .header("Authorization", self.authorization())
    }
}

/// The string at `key` of an answer.
pub fn text(value: &Value, key: &str) -> anyhow::Result<String> {
    match value.get(key).and_then(Value::as_str) {
        Some(text) => Ok(text.to_owned()),
        None => bail!("the coordinator's answer has no `{key}`"),
    }
}

async fn answer(
    request: reqwest::RequestBuilder,
    method: &Method,
    path: &str,
) -> anyhow::Result<Value> {
    let response = request.send().await.map_err(|error| {
        // The address may hold a password; reqwest's text would show it.
        anyhow::anyhow!(error.without_url()).context(format!(
            "cannot reach the coordinator for {method} {path}: is it running?"
        ))
    })?;
    let status = response.status();
    let body = response.bytes().await.context("the answer broke off")?;
    if status.is_success() {
        return if body.is_empty() {
            Ok(Value::Null)
        } else {
            serde_json::from_slice(&body).context("the coordinator's answer is not JSON")
        };
    }
    if status == StatusCode::UNAUTHORIZED {
        bail!("login or password is wrong (set GOSHAWK_LOGIN and GOSHAWK_PASSWORD)");
    }
    let error: Value = serde_json::from_slice(&body).unwrap_or_default();
    let detail = error
        .get("detail")
        .and_then(Value::as_str)
        .unwrap_or("no details");
    let code = error
        .get("error_code")
        .and_then(Value::as_i64)
        .unwrap_or_default();
    bail!("{method} {path} was refused with {status}, code {code}: {detail}")
}

fn credentials(file: Option<&Path>) -> anyhow::Result<Credentials> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    if let (None, Some(login), Some(password)) = (
        file,
        variable("GOSHAWK_LOGIN"),
        variable("GOSHAWK_PASSWORD"),
    ) {
        return Ok(Credentials { login, password });
    }
    let path = match file {
        Some(path) => path.to_owned(),
        None => default_file().context("neither HOME nor XDG_CONFIG_HOME is set")?,
    };
    if !path.exists() && file.is_none() {
        let login = match variable("GOSHAWK_LOGIN") {
            Some(login) => login,
            None => bail!(
                "no credentials: set GOSHAWK_LOGIN and GOSHAWK_PASSWORD, or write `login` and \
                 `password` into {}",
                path.display()
            ),
        };
        let password = rpassword::prompt_password(format!("Password of {login}: "))?;
        return Ok(Credentials { login, password });
    }
    refuse_readable_by_others(&path)?;
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read credentials from {}", path.display()))?;
    // The parser's own message would quote the line, and with it the password.
    toml::from_str(&text).map_err(|_| {
        anyhow::anyhow!(
            "{} must have `login = \"…\"` and `password = \"…\"`",
            path.display()
        )
    })
}

fn default_file() -> Option<PathBuf> {
    let config = match std::env::var_os("XDG_CONFIG_HOME") {
        Some(config) => PathBuf::from(config),
        None => PathBuf::from(std::env::var_os("HOME")?).join(".config"),
    };
    Some(config.join("goshawk").join("credentials.toml"))
}

fn refuse_readable_by_others(path: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = std::fs::metadata(path)
        .with_context(|| format!("cannot read credentials from {}", path.display()))?;
    if metadata.permissions().mode() & 0o077 != 0 {
        bail!(
            "{} can be read by others: run `chmod 600 {0}`",
            path.display()
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("credentials.toml");
        std::fs::write(&path, "login = 'a'\npassword = 'b'").unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
        let error = credentials(Some(&path)).err().unwrap().to_string();
        assert!(error.contains("chmod 600"), "{error}");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        assert_eq!(credentials(Some(&path)).unwrap().login, "a");
    }

    #[tokio::test]
    async fn only_streams_of_the_account_are_asked_for() {
        use warp::Filter;
        let echo = warp::query::raw()
            .map(|query: String| warp::reply::json(&serde_json::json!({"query": query})));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(warp::serve(echo).incoming(listener).run());
        let server = Server {
            api: address.clone(),
            streams: address,
            credentials: None,
        };
        let client = Client::with_credentials(&server, "a".to_owned(), "b".to_owned()).unwrap();
        let answer = client
            .call_streams(Method::GET, "/2/streams?page=1", "me", None)
            .await
            .unwrap();
        assert_eq!(answer["query"], "page=1&account_id=me");
    }

    #[test]
    fn a_broken_file_does_not_show_its_lines() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("credentials.toml");
        std::fs::write(&path, "password = hunter2").unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        let error = format!("{:#}", credentials(Some(&path)).err().unwrap());
        assert!(!error.contains("hunter2"), "{error}");
    }
}
