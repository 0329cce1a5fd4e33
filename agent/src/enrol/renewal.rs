//! A new key and certificate before the old certificate ends.
//!
//! With a third of its life left the agent makes a key, asks over its link for a certificate of
//! it, and puts both in place of the old ones; the next connection uses them. Until then, and
//! whenever anything goes wrong, the old pair stays as it is. Asked for once a day at most.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use goshawk_proto::{
    id::AgentId,
    link::control::{Renew, Renewed},
    time::Timestamp,
};
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::CertificateDer;
use serde_bytes::ByteBuf;

use super::identity::{self, Identity, IdentityError};

/// How often a certificate is asked for at most, where the settings do not say.
pub(crate) const PERIOD: Duration = Duration::from_secs(24 * 60 * 60);

/// A certificate that was accepted, and its key.
pub(crate) struct Fresh {
    identity: Identity,
    key: String,
}

impl Fresh {
    /// Puts it in place of what is in `dir`. Blocks for the disk.
    pub fn keep(self, dir: &Path) -> Result<Identity, IdentityError> {
        identity::replace(dir, &self.identity, &self.key)?;
        Ok(self.identity)
    }
}

/// When to ask, and what was asked for.
pub(crate) struct Renewal {
    dir: PathBuf,
    period: Duration,
    agent: AgentId,
    ca: CertificateDer<'static>,
    due_at: Option<Timestamp>,
    asked_at: Option<Instant>,
    /// Of the request under way.
    key: Option<KeyPair>,
}

impl Renewal {
    /// For the identity that lies in `dir`.
    pub fn new(dir: PathBuf, period: Duration, identity: &Identity) -> Self {
        Self {
            dir,
            period,
            agent: identity.agent_id(),
            ca: identity.ca().clone(),
            due_at: identity.validity().map(due_at),
            asked_at: None,
            key: None,
        }
    }

    /// Where the identity lies.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What to ask the coordinator for, when it is time.
    pub fn request(&mut self, now: Instant, wall: Timestamp) -> Option<Result<Renew, String>> {
        let recently = |at: Instant| now.saturating_duration_since(at) < self.period;
        if self.due_at.is_none_or(|at| wall < at) || self.asked_at.is_some_and(recently) {
            return None;
        }
        self.asked_at = Some(now);
        Some(self.ask().map_err(|error| error.to_string()))
    }

    fn ask(&mut self) -> Result<Renew, rcgen::Error> {
        let key = KeyPair::generate()?;
        // Who the agent is says the coordinator; the request proves only that we have the key.
        let csr = CertificateParams::default().serialize_request(&key)?;
        self.key = Some(key);
        Ok(Renew {
            csr: ByteBuf::from(csr.der().to_vec()),
        })
    }

    /// Looks at the coordinator's answer. Only a certificate of the same agent, of the same CA and
    /// for the key of the request is taken.
    pub fn accept(&mut self, renewed: Renewed) -> Result<Fresh, &'static str> {
        let key = self.key.take().ok_or("nothing was asked for")?;
        let ca = CertificateDer::from(renewed.ca.into_vec());
        if ca != self.ca {
            return Err("it comes with another CA");
        }
        let certificate = CertificateDer::from(renewed.certificate.into_vec());
        let identity = Identity::assemble(certificate, ca, &key)?;
        if identity.agent_id() != self.agent {
            return Err("it is for another agent");
        }
        Ok(Fresh {
            identity,
            key: key.serialize_pem(),
        })
    }

    /// The new identity is in place.
    pub fn kept(&mut self, identity: &Identity) {
        self.due_at = identity.validity().map(due_at);
    }
}

/// When a third of a certificate's life is left.
fn due_at((from, until): (Timestamp, Timestamp)) -> Timestamp {
    until.before(until.since(from) / 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_time_with_a_third_left() {
        let at = |seconds: i64| Timestamp::from_unix_micros(seconds * 1_000_000);
        assert_eq!(due_at((at(0), at(90))), at(60));
        // One that ends before it begins is due since it began to be wrong.
        assert_eq!(due_at((at(90), at(0))), at(0));
    }
}
