//! Looks at the certificate files every few seconds, and at once on SIGHUP.
//!
//! Who renews a certificate writes two files, one after the other: a change is acted on when the
//! files have stayed the same for one look.

use std::{fs, os::unix::fs::MetadataExt, path::Path, sync::Arc, time::Duration};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::{PairFiles, Tls};

/// What tells one state of a file from another, links followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp {
    modified: (i64, i64),
    length: u64,
    inode: u64,
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let file = fs::metadata(path).ok()?;
        Some(Self {
            modified: (file.mtime(), file.mtime_nsec()),
            length: file.len(),
            inode: file.ino(),
        })
    }
}

/// The certificate and the key.
pub(super) type Look = [Option<Stamp>; 2];

pub(super) fn look(files: &PairFiles) -> Look {
    [&files.certificate, &files.key].map(|path| Stamp::of(path))
}

/// One pair under watch.
struct Watched {
    tls: Arc<Tls>,
    /// The files as they were when they were last read.
    taken: Look,
    /// The files as they were at the last look.
    seen: Look,
}

impl Watched {
    fn new(tls: Arc<Tls>) -> Self {
        let first = tls.first_look.clone();
        Self {
            tls,
            taken: first.clone(),
            seen: first,
        }
    }

    fn check(&mut self) {
        let now = look(&self.tls.files);
        let is_settled = now == self.seen;
        self.seen = now;
        if is_settled && self.seen != self.taken {
            self.reload();
        }
    }

    fn reload(&mut self) {
        // Looked at before the files are read: a change in between is then seen later.
        self.taken = look(&self.tls.files);
        self.seen = self.taken.clone();
        self.tls.reload();
    }
}

/// Watches until `stop`. SIGHUP means "read again what can be read again", also where that is
/// nothing: it never ends the process.
pub async fn watch(all: Vec<Arc<Tls>>, every: Duration, stop: CancellationToken) {
    let mut hangup = signal(SignalKind::hangup())
        .inspect_err(|error| tracing::warn!("SIGHUP cannot be caught: {error}"))
        .ok();
    let mut all: Vec<Watched> = all.into_iter().map(Watched::new).collect();
    loop {
        let act: fn(&mut Watched) = tokio::select! {
            () = stop.cancelled() => return,
            () = hung_up(&mut hangup) => {
                let services = all.len();
                tracing::info!(services, "SIGHUP: certificates are read again; settings are not");
                Watched::reload
            }
            () = tokio::time::sleep(every), if !all.is_empty() => Watched::check,
        };
        let work = tokio::task::spawn_blocking(move || {
            all.iter_mut().for_each(act);
            all
        });
        match work.await {
            Ok(looked_at) => all = looked_at,
            Err(error) => {
                tracing::error!("certificates are not watched any more: {error}");
                return;
            }
        }
    }
}

async fn hung_up(hangup: &mut Option<Signal>) {
    if let Some(signal) = hangup
        && signal.recv().await.is_some()
    {
        return;
    }
    std::future::pending().await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::tests::{Files, opened};

    fn serial(watched: &Watched) -> i64 {
        *watched.tls.read().valid_s.end()
    }

    #[test]
    fn a_change_is_taken_when_it_has_settled_and_only_once() {
        let files = Files::new(100);
        let mut watched = Watched::new(opened(&files).0);
        let first = serial(&watched);
        watched.check();
        assert_eq!(serial(&watched), first);
        files.write(200);
        watched.check();
        assert_eq!(serial(&watched), first, "taken before it settled");
        watched.check();
        let second = serial(&watched);
        assert_ne!(second, first);
        // Broken: the old one stays, and what was passed over is not tried again and again.
        files.write_certificate_of_other_key(300);
        watched.check();
        watched.check();
        watched.check();
        assert_eq!(serial(&watched), second);
        files.write(400);
        watched.reload();
        assert_ne!(serial(&watched), second);
    }
}
