//! A connection of a new agent: one request, one answer.

use std::{sync::Arc, time::Duration};

use goshawk_proto::link::{
    Close, FrameReader, MAX_HEAD_BYTES,
    enrol::{Enrol, EnrolMessage, EnrolRefusal, EnrolRefused, EnrolReply},
};
use quinn::{Connection, SendStream};
use tokio::{sync::OwnedSemaphorePermit, time::timeout};
use tracing::{info, warn};

use super::{frames::read_frame, listener::Shared};
use crate::blocking;

/// Serves one enrolment; `_permit` counts it until it ends.
pub(super) async fn run(
    shared: &Arc<Shared>,
    connection: &Connection,
    _permit: OwnedSemaphorePermit,
) {
    let remote = connection.remote_address();
    let outcome = timeout(shared.config.handshake_timeout, serve(shared, connection)).await;
    match outcome.unwrap_or_else(|_| Err("took too long".to_owned())) {
        Ok(EnrolReply::Enrolled(agent)) => {
            shared.counters.enrolled.one();
            info!(%remote, agent_id = %agent.agent_id, "an agent is enrolled");
        }
        Ok(EnrolReply::Refused(refused)) => {
            shared.counters.enrolments_refused.one();
            warn!(%remote, code = ?refused.code, reason = refused.reason, "an enrolment is refused");
        }
        Ok(EnrolReply::Unknown(_)) => {}
        Err(reason) => {
            shared.counters.enrolments_refused.one();
            info!(%remote, reason, "an enrolment broke off");
        }
    }
    connection.close(Close::Done.code().into(), b"");
}

async fn serve(shared: &Arc<Shared>, connection: &Connection) -> Result<EnrolReply, String> {
    let (mut send, mut recv) = connection.accept_bi().await.map_err(|e| e.to_string())?;
    let mut reader = FrameReader::new(MAX_HEAD_BYTES);
    let frame = read_frame(&mut recv, &mut reader)
        .await
        .map_err(|e| e.to_string())?;
    let frame = frame.ok_or("the agent said nothing")?;
    let reply = match EnrolMessage::decode(&frame) {
        Ok(EnrolMessage::Enrol(request)) => enrol(shared, request).await,
        Ok(EnrolMessage::Unknown(_)) => bad_request("another kind of request"),
        Err(_) => bad_request("not an enrolment request"),
    };
    answer(&mut send, &reply).await?;
    Ok(reply)
}

async fn enrol(shared: &Arc<Shared>, request: Enrol) -> EnrolReply {
    let authority = shared.authority.clone();
    // Signs and writes files.
    let enrolled = blocking::spawn(move || authority.enrol(&request)).await;
    match enrolled {
        Ok(Ok(enrolled)) => EnrolReply::Enrolled(enrolled),
        Ok(Err(refused)) => EnrolReply::Refused(refused),
        Err(_) => EnrolReply::Refused(EnrolRefused {
            code: EnrolRefusal::Internal,
            reason: "the coordinator failed; its log says why".to_owned(),
        }),
    }
}

fn bad_request(reason: &str) -> EnrolReply {
    let (code, reason) = (EnrolRefusal::BadRequest, reason.to_owned());
    EnrolReply::Refused(EnrolRefused { code, reason })
}

/// Writes the answer and waits until the agent has it: closing at once could overtake it.
async fn answer(send: &mut SendStream, reply: &EnrolReply) -> Result<(), String> {
    let bytes = reply.encode().map_err(|e| e.to_string())?;
    send.write_all(&bytes).await.map_err(|e| e.to_string())?;
    send.finish().map_err(|e| e.to_string())?;
    let _ = timeout(Duration::from_secs(2), send.stopped()).await;
    Ok(())
}
