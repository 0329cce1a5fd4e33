//! `endpoints.json` in the data folder: where the services listen, for tools of the same user.

use std::{
    fs, io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
};

use serde::Serialize;

use crate::{api::call::Scheme, files};

/// Name of the file.
pub const FILE: &str = "endpoints.json";

/// Where the services listen. An unspecified address is written as loopback.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Endpoints {
    /// The API's origin.
    pub api: String,
    /// The Sender's origin.
    pub sender: String,
    /// The Handlers service's origin.
    pub handlers: String,
    /// The Streams service's origin.
    pub streams: String,
    /// Address and port for agents (UDP).
    pub agents: String,
}

/// An address that can be connected to from this machine.
pub fn reachable(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        ip if !ip.is_unspecified() => address,
        IpAddr::V4(_) => SocketAddr::new(Ipv4Addr::LOCALHOST.into(), address.port()),
        IpAddr::V6(_) => SocketAddr::new(std::net::Ipv6Addr::LOCALHOST.into(), address.port()),
    }
}

/// The origin of an HTTP service.
pub fn origin(scheme: Scheme, address: SocketAddr) -> String {
    format!("{}://{}", scheme.as_str(), reachable(address))
}

impl Endpoints {
    /// Writes the file as a whole or not at all.
    pub fn write(&self, data_dir: &Path) -> io::Result<()> {
        let text = serde_json::to_vec_pretty(self)?;
        files::write_whole(&data_dir.join(FILE), &text)
    }
}

/// Removes the file at shutdown, so that nobody is sent to a closed port.
pub fn remove(data_dir: &Path) {
    if let Err(error) = fs::remove_file(data_dir.join(FILE)) {
        tracing::debug!("{FILE} not removed: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unspecified_addresses_are_written_as_loopback() {
        assert_eq!(
            origin(Scheme::Http, "0.0.0.0:5000".parse().unwrap()),
            "http://127.0.0.1:5000"
        );
        assert_eq!(
            origin(Scheme::Https, "10.1.2.3:80".parse().unwrap()),
            "https://10.1.2.3:80"
        );
        assert_eq!(reachable("[::]:7".parse().unwrap()).to_string(), "[::1]:7");
    }
}
