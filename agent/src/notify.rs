//! Telling a service manager how we are: the `sd_notify(3)` protocol, where `NOTIFY_SOCKET` is set.

use std::{
    os::{
        linux::net::SocketAddrExt,
        unix::{
            ffi::OsStrExt,
            net::{SocketAddr, UnixDatagram},
        },
    },
    path::Path,
    time::Duration,
};

/// A message to the service manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Started.
    Ready,
    /// On its way out.
    Stopping,
    /// Still alive.
    Watchdog,
}

impl State {
    fn text(self) -> &'static [u8] {
        match self {
            Self::Ready => b"READY=1",
            Self::Stopping => b"STOPPING=1",
            Self::Watchdog => b"WATCHDOG=1",
        }
    }
}

/// Sends `state`; without a service manager, or with a deaf one, nothing happens.
pub fn tell(state: State) {
    let Some(path) = std::env::var_os("NOTIFY_SOCKET") else {
        return;
    };
    let bytes = path.as_bytes();
    let address = match bytes.strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(Path::new(&path)),
    };
    let sent =
        UnixDatagram::unbound().and_then(|socket| socket.send_to_addr(state.text(), &address?));
    if let Err(error) = sent {
        tracing::debug!(%error, ?state, "the service manager does not listen");
    }
}

/// How often [`State::Watchdog`] must be sent: half of what the service manager allows.
pub fn watchdog_period() -> Option<Duration> {
    let micros: u64 = std::env::var("WATCHDOG_USEC").ok()?.parse().ok()?;
    (micros > 0).then(|| Duration::from_micros(micros / 2))
}
