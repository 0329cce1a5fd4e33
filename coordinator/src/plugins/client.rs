//! Posting to one HTTP receiver that the operator named: no redirects, no proxies, bounded in time,
//! and only to addresses that the settings allow. The address is checked after the name is
//! resolved, for every connection, so that a name that comes to mean another machine is noticed.

use std::{io, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use goshawk_coordinator_core::plugin::{reach::Reach, retry::Retry};
use reqwest::{
    Certificate, Client, StatusCode,
    dns::{Addrs, Name, Resolve, Resolving},
    header::{HeaderMap, RETRY_AFTER},
    redirect::Policy,
};

use super::settings::Target;

/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// Of an answer's body so much is read, to use the connection again; more closes it.
const MAX_ANSWER: usize = 16 << 10;

/// What the receiver said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It has it.
    Accepted,
    /// It answers and does not take it.
    Refused(StatusCode),
    /// It cannot be reached, or is too busy; it may have said for how long.
    Unavailable(Option<Duration>, String),
}

/// A receiver.
pub(super) struct Receiver {
    client: Client,
    target: Target,
    retry: Retry,
}

impl Receiver {
    /// Prepares the client; connects to nobody. Reads the certificates' file.
    pub(super) fn new(target: &Target, timeout: Duration, retry: Retry) -> io::Result<Self> {
        let mut client = Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .referer(false)
            .connect_timeout(CONNECT.min(timeout))
            .timeout(timeout)
            .pool_max_idle_per_host(4)
            .https_only(target.url.scheme() == "https")
            .user_agent(concat!("goshawk/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(Arc::new(Bounded(target.reach)));
        if let Some(path) = &target.ca_file {
            client = client.tls_built_in_root_certs(false);
            for certificate in certificates(path)? {
                client = client.add_root_certificate(certificate);
            }
        }
        Ok(Self {
            client: client
                .build()
                .map_err(|error| io::Error::other(told(error)))?,
            target: target.clone(),
            retry,
        })
    }

    /// Posts a body.
    pub(super) async fn post(&self, headers: HeaderMap, body: Bytes) -> Answer {
        let request = self
            .client
            .post(self.target.url.clone())
            .headers(headers)
            .body(body);
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => return Answer::Unavailable(None, told(error)),
        };
        let status = response.status();
        let after = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok())
            .and_then(|text| self.retry.asked_for(text));
        drain(response).await;
        match status {
            _ if status.is_success() => Answer::Accepted,
            StatusCode::REQUEST_TIMEOUT
            | StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => {
                Answer::Unavailable(after, format!("the receiver answers {status}"))
            }
            _ => Answer::Refused(status),
        }
    }
}

async fn drain(mut response: reqwest::Response) {
    let mut left = MAX_ANSWER;
    while let Ok(Some(chunk)) = response.chunk().await {
        match left.checked_sub(chunk.len()) {
            Some(rest) => left = rest,
            None => return,
        }
    }
}

fn certificates(path: &Path) -> io::Result<Vec<Certificate>> {
    let named = |error: &dyn std::fmt::Display| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!("{}: {error}", path.display()),
        )
    };
    let pem = std::fs::read(path).map_err(|error| named(&error))?;
    let found = Certificate::from_pem_bundle(&pem).map_err(|error| named(&error))?;
    if found.is_empty() {
        return Err(named(&"holds no certificate in PEM"));
    }
    Ok(found)
}

/// The error with its causes, without the address, which may hold a token.
fn told(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    text
}

/// Resolves names to the addresses that are allowed.
struct Bounded(Reach);

impl Resolve for Bounded {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0;
        Box::pin(async move {
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let allowed: Vec<SocketAddr> = found
                .iter()
                .copied()
                .filter(|address| reach.allows(address.ip()))
                .collect();
            if allowed.is_empty() {
                let text = format!(
                    "none of the receiver's {} addresses is allowed by the settings",
                    found.len()
                );
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, text).into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}
