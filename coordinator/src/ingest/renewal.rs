//! New certificates for agents whose old one comes to its end.

use std::sync::Arc;

use goshawk_proto::{
    id::AgentId,
    link::{
        CoordinatorMessage,
        control::{Refused, Renew},
    },
};
use tokio::sync::mpsc;
use tracing::{info, warn};

use super::listener::Shared;
use crate::{blocking, pki::RenewError};

/// Answers to an agent that wait to be sent. An agent that asks faster than it reads waits.
pub(super) const ANSWERS: usize = 4;

/// Signs the agent's new key, or says why not. The link that it came over shows who it is.
pub(super) async fn answer(
    shared: &Arc<Shared>,
    agent: AgentId,
    request: Renew,
    answers: &mpsc::Sender<CoordinatorMessage>,
) {
    let authority = shared.authority.clone();
    // Signs, and writes to the disk.
    let renewed = blocking::spawn(move || authority.renew(agent, &request)).await;
    let refuse = |reason: String| {
        shared.counters.renewals_refused.one();
        CoordinatorMessage::RenewalRefused(Refused { reason })
    };
    let message = match renewed {
        Ok(Ok(renewed)) => {
            info!("an agent's certificate is renewed");
            shared.counters.renewed.one();
            CoordinatorMessage::Renewed(renewed)
        }
        Ok(Err(RenewError::Request(reason))) => refuse(reason.to_owned()),
        Ok(Err(error)) => {
            warn!(%error, "an agent's certificate cannot be renewed");
            refuse("the coordinator failed; its log says why".to_owned())
        }
        Err(_) => refuse("the coordinator failed; its log says why".to_owned()),
    };
    // Fails only if the session has ended.
    let _ = answers.send(message).await;
}
