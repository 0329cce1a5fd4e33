//! From `host:port` to a QUIC connection.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use goshawk_proto::link::{Close, DEFAULT_PORT, SERVER_NAME, shipper::Disconnect};
use quinn::{
    ClientConfig, Connection, ConnectionError, Endpoint, IdleTimeout, TransportConfig,
    crypto::rustls::QuicClientConfig,
};
use tokio::{task::JoinSet, time::sleep};

/// Pause before the next of several addresses is tried beside the ones before it.
const STAGGER: Duration = Duration::from_millis(250);
/// Most addresses of a name that are tried.
const MAX_ADDRESSES: usize = 8;
/// QUIC's numbers for failed handshakes: 0x100 and the TLS alert (RFC 9001, 4.8).
const CRYPTO_ERRORS: std::ops::RangeInclusive<u64> = 0x100..=0x1ff;

/// Times of a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    /// A connection that is silent so long is gone.
    pub idle_timeout: Duration,
    /// A silent connection is kept alive so often.
    pub keep_alive: Duration,
    /// Longest dial, name lookup included.
    pub timeout: Duration,
    /// Streams that the coordinator may open at a time.
    pub incoming: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            idle_timeout: Duration::from_secs(30),
            keep_alive: Duration::from_secs(8),
            timeout: Duration::from_secs(10),
            incoming: 0,
        }
    }
}

/// A connection and the socket under it.
pub(crate) struct Dialled {
    pub connection: Connection,
    pub endpoint: Endpoint,
}

/// Why there is no connection, or no more.
#[derive(Debug, Clone)]
pub(crate) struct ConnectError {
    pub how: Disconnect,
    pub reason: String,
}

impl ConnectError {
    pub fn lost(reason: impl ToString) -> Self {
        Self {
            how: Disconnect::Lost,
            reason: reason.to_string(),
        }
    }

    pub fn refused(reason: impl ToString) -> Self {
        Self {
            how: Disconnect::Refused,
            reason: reason.to_string(),
        }
    }
}

impl From<ConnectionError> for ConnectError {
    /// Tells being turned away, by either side, from bad luck.
    fn from(error: ConnectionError) -> Self {
        match &error {
            ConnectionError::ApplicationClosed(close) => {
                let code = close.error_code.into_inner();
                let reason = String::from_utf8_lossy(&close.reason).into_owned();
                let reason = format!("closed by the coordinator: {reason}");
                if Close::turns_away(code) {
                    Self::refused(reason)
                } else {
                    Self::lost(reason)
                }
            }
            ConnectionError::ConnectionClosed(theirs) => match alert(theirs.error_code.into()) {
                Some(alert) => Self::refused(turned_away(alert, &error)),
                None => Self::lost(error),
            },
            ConnectionError::TransportError(ours) if alert(ours.code.into()).is_some() => {
                Self::refused(format!(
                    "this agent does not trust the coordinator there: {error}"
                ))
            }
            _ => Self::lost(error),
        }
    }
}

/// The TLS alert in a QUIC error code.
fn alert(code: u64) -> Option<u64> {
    CRYPTO_ERRORS
        .contains(&code)
        .then(|| code - CRYPTO_ERRORS.start())
}

/// What a coordinator means by an alert.
fn turned_away(alert: u64, error: &ConnectionError) -> String {
    match alert {
        44 => "the coordinator has revoked this agent".to_owned(),
        45 => "the coordinator says that this agent's certificate has expired; check both clocks"
            .to_owned(),
        // 51 (a signature that does not fit): two CAs of the same name.
        48 | 51 => "this agent's certificate is of another coordinator".to_owned(),
        _ => format!("the coordinator does not trust this agent: {error}"),
    }
}

/// Connects to the coordinator; of several addresses the first that answers wins.
pub(crate) async fn dial(
    coordinator: &str,
    tls: rustls::ClientConfig,
    settings: &Settings,
) -> Result<Dialled, ConnectError> {
    let client = client(tls, settings)?;
    match tokio::time::timeout(settings.timeout, race(coordinator, client)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(ConnectError::lost("no answer in time")),
    }
}

async fn race(coordinator: &str, client: ClientConfig) -> Result<Dialled, ConnectError> {
    let addresses = resolve(coordinator).await?;
    let mut attempts = JoinSet::new();
    for (nth, address) in addresses.into_iter().enumerate() {
        let client = client.clone();
        let pause = STAGGER * u32::try_from(nth).unwrap_or(u32::MAX);
        attempts.spawn(async move {
            sleep(pause).await;
            attempt(address, client).await
        });
    }
    let mut worst = ConnectError::lost("the name has no address");
    while let Some(attempt) = attempts.join_next().await {
        match attempt.unwrap_or_else(|e| Err(ConnectError::lost(e))) {
            Ok(dialled) => return Ok(dialled),
            Err(error) => worst = error,
        }
    }
    Err(worst)
}

async fn attempt(address: SocketAddr, client: ClientConfig) -> Result<Dialled, ConnectError> {
    let any: IpAddr = if address.is_ipv4() {
        Ipv4Addr::UNSPECIFIED.into()
    } else {
        Ipv6Addr::UNSPECIFIED.into()
    };
    let endpoint = Endpoint::client(SocketAddr::new(any, 0)).map_err(ConnectError::lost)?;
    let connecting = endpoint
        .connect_with(client, address, SERVER_NAME)
        .map_err(ConnectError::lost)?;
    Ok(Dialled {
        connection: connecting.await?,
        endpoint,
    })
}

/// The addresses of `host:port`, `[v6]:port`, or either without a port.
async fn resolve(coordinator: &str) -> Result<Vec<SocketAddr>, ConnectError> {
    let with_port = with_port(coordinator);
    let found = tokio::net::lookup_host(&with_port)
        .await
        .map_err(|e| ConnectError::lost(format!("`{with_port}`: {e}")))?;
    Ok(found.take(MAX_ADDRESSES).collect())
}

fn with_port(coordinator: &str) -> String {
    if let Ok(ip) = coordinator.parse::<IpAddr>() {
        return SocketAddr::new(ip, DEFAULT_PORT).to_string();
    }
    // A bracket at the end closes an IPv6 address; else a colon begins a port.
    let has_port = coordinator
        .rfind(':')
        .is_some_and(|at| !coordinator[at..].contains(']'));
    if has_port {
        coordinator.to_owned()
    } else {
        format!("{coordinator}:{DEFAULT_PORT}")
    }
}

fn client(tls: rustls::ClientConfig, settings: &Settings) -> Result<ClientConfig, ConnectError> {
    let crypto = QuicClientConfig::try_from(tls).map_err(ConnectError::refused)?;
    let mut transport = TransportConfig::default();
    let idle = IdleTimeout::try_from(settings.idle_timeout).map_err(ConnectError::refused)?;
    transport
        .max_idle_timeout(Some(idle))
        .keep_alive_interval(Some(settings.keep_alive))
        // The coordinator opens no streams.
        .max_concurrent_bidi_streams(settings.incoming.into())
        .max_concurrent_uni_streams(0u32.into())
        .datagram_receive_buffer_size(None);
    let mut client = ClientConfig::new(Arc::new(crypto));
    client.transport_config(Arc::new(transport));
    Ok(client)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_added_where_there_is_none() {
        for (given, want) in [
            ("gate.example", "gate.example:5443"),
            ("gate.example:7", "gate.example:7"),
            ("10.0.0.1", "10.0.0.1:5443"),
            ("::1", "[::1]:5443"),
            ("[::1]", "[::1]:5443"),
            ("[::1]:7", "[::1]:7"),
        ] {
            assert_eq!(with_port(given), want, "{given}");
        }
    }
}
