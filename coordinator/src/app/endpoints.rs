//! `endpoints.json` in the data folder: where the services listen, for tools on this machine.

use std::{
    fs, io,
    io::Write,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
};

use serde::Serialize;

use crate::api::call::Scheme;

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
        write_whole(&data_dir.join(FILE), &text, 0o644)
    }
}

/// Removes the file at shutdown, so that nobody is sent to a closed port.
pub fn remove(data_dir: &Path) {
    if let Err(error) = fs::remove_file(data_dir.join(FILE)) {
        tracing::debug!("{FILE} not removed: {error}");
    }
}

/// Replaces a file atomically; `mode` are its permissions.
pub fn write_whole(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let temporary = path.with_extension("new");
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    match path.parent() {
        Some(folder) => fs::File::open(folder)?.sync_all(),
        None => Ok(()),
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
