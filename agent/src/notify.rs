//! Telling a service manager how we are: the `sd_notify(3)` protocol, where `NOTIFY_SOCKET` is set.

use std::{
    borrow::Cow,
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
pub enum State<'a> {
    /// Started.
    Ready,
    /// On its way out.
    Stopping,
    /// Still alive.
    Watchdog,
    /// How it is, in one line for people.
    Status(&'a str),
}

impl State<'_> {
    fn text(self) -> Cow<'static, [u8]> {
        match self {
            Self::Ready => Cow::Borrowed(b"READY=1"),
            Self::Stopping => Cow::Borrowed(b"STOPPING=1"),
            Self::Watchdog => Cow::Borrowed(b"WATCHDOG=1"),
            Self::Status(line) => Cow::Owned(format!("STATUS={line}").into_bytes()),
        }
    }
}

/// Sends `state`; without a service manager, or with a deaf one, nothing happens.
pub fn tell(state: State<'_>) {
    let Some(path) = std::env::var_os("NOTIFY_SOCKET") else {
        return;
    };
    let bytes = path.as_bytes();
    let address = match bytes.strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(Path::new(&path)),
    };
    let sent =
        UnixDatagram::unbound().and_then(|socket| socket.send_to_addr(&state.text(), &address?));
    if let Err(error) = sent {
        tracing::debug!(%error, ?state, "the service manager does not listen");
    }
}

/// How often [`State::Watchdog`] must be sent: half of what the service manager allows. `None` when
/// nobody watches, or somebody watches another process (`sd_watchdog_enabled(3)`).
pub fn watchdog_period() -> Option<Duration> {
    if let Ok(watched) = std::env::var("WATCHDOG_PID")
        && watched != std::process::id().to_string()
    {
        return None;
    }
    let micros: u64 = std::env::var("WATCHDOG_USEC").ok()?.parse().ok()?;
    (micros > 0).then(|| Duration::from_micros(micros / 2))
}
