//! One client for everything the coordinator serves: addresses, credentials, requests, answers.
//!
//! A request is built by [`Client::get`] and its like and read as a type, as JSON or as text.
//! Whatever answers is bounded in size and time, and an answer that is not the contract's is told
//! apart from a refusal: it means that there is no coordinator.

mod answer;
mod pages;
mod request;

use std::path::Path;

use base64::{Engine, engine::general_purpose::STANDARD};
use reqwest::{Certificate, Method, Url, header::HeaderValue};
use serde_json::{Value, json};

pub use pages::Pages;
pub use request::Request;

use crate::{
    failure::Failure,
    settings::{Credentials, Settings},
};

/// How long a connection may take to come about.
const CONNECT: std::time::Duration = std::time::Duration::from_secs(5);

/// Whether a command can do without credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// They are needed.
    Credentials,
    /// They are sent if there are any, and where they may be sent.
    Nothing,
}

/// A coordinator and who we are there.
pub struct Client {
    http: reqwest::Client,
    api: Url,
    streams: Url,
    authorization: Option<HeaderValue>,
    credentials: Option<Credentials>,
}

impl Client {
    /// A client for these settings. Asks for a password where only the login is known.
    pub fn new(settings: &Settings, need: Need) -> Result<Self, Failure> {
        let known = settings.token.is_some() || settings.password.is_some();
        let credentials = match need {
            Need::Credentials => Some(settings.needed_credentials()?),
            Need::Nothing if known && settings.refuse_clear_text().is_ok() => {
                settings.credentials()?
            }
            Need::Nothing => None,
        };
        Self::with(settings, credentials)
    }

    /// A client with these credentials in place of those of the settings.
    pub fn with(settings: &Settings, credentials: Option<Credentials>) -> Result<Self, Failure> {
        if credentials.is_some() {
            settings.refuse_clear_text()?;
        }
        let authorization = credentials.as_ref().map(authorization).transpose()?;
        Ok(Self {
            http: http_client(settings)?,
            api: settings.api.clone(),
            streams: settings.streams.clone(),
            authorization,
            credentials,
        })
    }

    /// A request to the API service.
    pub fn request(&self, method: Method, path: impl Into<String>) -> Request<'_> {
        Request::new(&self.http, &self.api, method, path.into())
            .authorized(self.authorization.as_ref())
    }

    /// GET of the API service.
    pub fn get(&self, path: impl Into<String>) -> Request<'_> {
        self.request(Method::GET, path)
    }

    /// POST to the API service.
    pub fn post(&self, path: impl Into<String>) -> Request<'_> {
        self.request(Method::POST, path)
    }

    /// PATCH to the API service.
    pub fn patch(&self, path: impl Into<String>) -> Request<'_> {
        self.request(Method::PATCH, path)
    }

    /// PUT to the API service.
    pub fn put(&self, path: impl Into<String>) -> Request<'_> {
        self.request(Method::PUT, path)
    }

    /// DELETE of the API service.
    pub fn delete(&self, path: impl Into<String>) -> Request<'_> {
        self.request(Method::DELETE, path)
    }

    /// A request to the Streams service. It knows no passwords, so none is shown to it.
    pub fn streams(&self, method: Method, path: impl Into<String>) -> Request<'_> {
        Request::new(&self.http, &self.streams, method, path.into()).hint(
            "the Streams service is open to the coordinator's own machine unless set otherwise; \
             --streams-url says where it is",
        )
    }

    /// What the coordinator knows about our credentials. Needs nothing but them.
    pub async fn verify(&self, account_id: Option<&str>) -> Result<Value, Failure> {
        let body = match (account_id, &self.credentials) {
            (Some(id), _) => json!({"account_id": id}),
            (None, Some(Credentials::Bearer(token))) => json!({"token": token.expose()}),
            (None, Some(Credentials::Basic { login, password })) => {
                json!({"login": login, "password": password.expose()})
            }
            (None, None) => return Err(Failure::Usage("there is nothing to verify".to_owned())),
        };
        // The body says who we are; the header would have to be right before it is asked whether.
        Request::new(
            &self.http,
            &self.api,
            Method::POST,
            "/6/credentials_verifier".to_owned(),
        )
        .json(&body)?
        .value()
        .await
    }

    /// The account that the credentials belong to. A token need not be allowed to see it; then the
    /// coordinator may still say whose the token is.
    pub async fn account_id(&self) -> Result<String, Failure> {
        let refusal = match (self.get("/6/account").value().await, &self.credentials) {
            (Err(Failure::Refused(refusal)), Some(Credentials::Bearer(_)))
                if refusal.status == 403 =>
            {
                refusal
            }
            (account, _) => return text(&account?, "account_id"),
        };
        let known = self.verify(None).await?;
        text(&known, "account_id").map_err(|_| Failure::Refused(refusal))
    }
}

/// The string at `key` of an answer.
pub fn text(value: &Value, key: &str) -> Result<String, Failure> {
    let found = value.get(key).and_then(Value::as_str);
    found.map(str::to_owned).ok_or_else(|| {
        Failure::Unreachable(format!("the coordinator's answer has no text `{key}`"))
    })
}

fn authorization(credentials: &Credentials) -> Result<HeaderValue, Failure> {
    let text = match credentials {
        Credentials::Bearer(token) => format!("Bearer {}", token.expose()),
        Credentials::Basic { login, password } => {
            let pair = format!("{login}:{}", password.expose());
            format!("Basic {}", STANDARD.encode(pair))
        }
    };
    let mut value = HeaderValue::from_str(&text)
        .map_err(|_| Failure::Credentials("the token cannot be sent in a header".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

fn http_client(settings: &Settings) -> Result<reqwest::Client, Failure> {
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("goshawk/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT)
        .timeout(settings.timeout)
        // The contracts know no redirects; following one would carry requests where nobody looks.
        .redirect(reqwest::redirect::Policy::none())
        // WebSockets are asked for in the way of HTTP/1.1.
        .http1_only();
    if settings.api.scheme() == "http" {
        // A proxy would read the credentials; with https it only sees where we go.
        builder = builder.no_proxy();
    }
    if let Some(path) = &settings.ca_file {
        builder = builder.tls_built_in_root_certs(false);
        for certificate in authorities(path)? {
            builder = builder.add_root_certificate(certificate);
        }
    }
    builder
        .build()
        .map_err(|error| Failure::Usage(format!("cannot set up the connection: {error}")))
}

fn authorities(path: &Path) -> Result<Vec<Certificate>, Failure> {
    let shown = path.display();
    let pem = std::fs::read(path)
        .map_err(|error| Failure::Usage(format!("cannot read the CA file {shown}: {error}")))?;
    match Certificate::from_pem_bundle(&pem) {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(Failure::Usage(format!(
            "{shown} holds no certificate in PEM form"
        ))),
    }
}
