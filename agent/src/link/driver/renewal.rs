//! Renewing the certificate over the link.

use std::time::{Instant, SystemTime};

use goshawk_proto::{
    link::{AgentMessage, control::Renewed},
    time::Timestamp,
};
use tracing::{error, info, warn};

use super::{Driver, Input};
use crate::enrol::{Identity, IdentityError};

impl Driver {
    /// Asks for a new certificate when it is time and somebody is there to be asked.
    pub(super) fn renew(&mut self) {
        let (Some(session), Some(renewal)) = (&self.session, &mut self.renewal) else {
            return;
        };
        let wall = Timestamp::from_system(SystemTime::now());
        match renewal.request(Instant::now(), wall) {
            None => {}
            Some(Ok(request)) => {
                info!("asking for a new certificate");
                // Full or gone: the next period asks again.
                let _ = session.requests.try_send(AgentMessage::Renew(request));
            }
            Some(Err(reason)) => error!(reason, "a new certificate cannot be asked for"),
        }
    }

    pub(super) fn renewed(&mut self, renewed: Renewed) {
        let Some(renewal) = &mut self.renewal else {
            self.state.ignored += 1;
            return;
        };
        let fresh = match renewal.accept(renewed) {
            Ok(fresh) => fresh,
            Err(reason) => {
                error!(reason, "the coordinator's new certificate is not usable");
                return;
            }
        };
        let (dir, inputs) = (renewal.dir().to_owned(), self.sender.clone());
        tokio::spawn(async move {
            let kept = tokio::task::spawn_blocking(move || fresh.keep(&dir)).await;
            if let Ok(outcome) = kept {
                // The driver may be gone; the new pair is in place all the same.
                let _ = inputs.send(Input::Renewed(outcome)).await;
            }
        });
    }

    /// What the disk made of it. The next connection shows the new certificate.
    pub(super) fn kept(&mut self, outcome: Result<Identity, IdentityError>) {
        let taken = outcome.and_then(|identity| Ok((identity.tls()?, identity)));
        match taken {
            Ok((tls, identity)) => {
                self.tls = tls;
                self.state.renewals += 1;
                self.state.certificate_ends = identity.validity().map(|(_, until)| until);
                if let Some(renewal) = &mut self.renewal {
                    renewal.kept(&identity);
                }
                info!("the certificate is renewed");
            }
            Err(error) => warn!(%error, "the new certificate cannot be kept; the old one stays"),
        }
    }
}
