//! The stream of one push, and the commit of what came over it.

use std::{sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use goshawk_proto::{
    event::{DecodeError, ENVELOPE_VERSION, Event},
    id::{AgentId, EventId},
    link::{
        FrameReader, MAX_HEAD_BYTES, PushHead, PushMessage, PushReply,
        receiver::{PushKey, Refused},
    },
};
use quinn::{RecvStream, SendStream};
use tokio::{
    sync::{OwnedSemaphorePermit, mpsc, oneshot},
    task::AbortHandle,
    time::timeout,
};
use tracing::{error, warn};

use super::{Committed, IncomingEvent, Refusal, frames::read_frame, listener::Shared};

/// How long an agent may take to fetch an answer.
const REPLY_TIMEOUT: Duration = Duration::from_secs(30);
/// When an agent may ask again about an event that only a newer coordinator can read.
const NEWER_PAUSE: Duration = Duration::from_secs(60);
/// Memory reserved for a body before its bytes come.
const FIRST_RESERVE: usize = 256 << 10;

/// What a push's tasks tell the session.
#[derive(Debug)]
pub(super) enum Input {
    Head { push: PushKey, head: PushHead },
    Body { push: PushKey, body: Bytes },
    Gone { push: PushKey },
    Committed { event_id: EventId, duplicate: bool },
    Refused { event_id: EventId, why: Refused },
}

/// A push as the session holds it.
pub(super) struct Push {
    pub send: SendStream,
    pub reading: AbortHandle,
    /// Tells the reader how many bytes to read.
    pub go: Option<oneshot::Sender<u32>>,
    pub body: Option<Bytes>,
    /// The body's share of the memory budget.
    pub memory: Option<OwnedSemaphorePermit>,
}

/// Reads a push: head, then body when told to.
pub(super) async fn read(
    push: PushKey,
    mut recv: RecvStream,
    go: oneshot::Receiver<u32>,
    inputs: mpsc::Sender<Input>,
    shared: Arc<Shared>,
) {
    let input = match read_all(push, &mut recv, go, &inputs, &shared).await {
        Some(body) => Input::Body { push, body },
        None => Input::Gone { push },
    };
    // The session may have ended.
    let _ = inputs.send(input).await;
}

async fn read_all(
    push: PushKey,
    recv: &mut RecvStream,
    go: oneshot::Receiver<u32>,
    inputs: &mpsc::Sender<Input>,
    shared: &Shared,
) -> Option<Bytes> {
    let mut reader = FrameReader::new(MAX_HEAD_BYTES);
    let frame = read_frame(recv, &mut reader).await.ok()??;
    let head = match PushMessage::decode(&frame) {
        Ok(PushMessage::Push(head)) => head,
        Ok(PushMessage::Unknown(_)) => {
            shared.counters.unknown_messages.one();
            return None;
        }
        Err(_) => {
            shared.counters.protocol_errors.one();
            return None;
        }
    };
    inputs.send(Input::Head { push, head }).await.ok()?;
    let bytes = go.await.ok()? as usize;
    let body = read_body(recv, reader.take_rest(), bytes).await?;
    shared.counters.event_bytes.add(body.len() as u64);
    Some(body)
}

/// Exactly `bytes` bytes and the end of the stream, or nothing.
async fn read_body(recv: &mut RecvStream, first: Bytes, bytes: usize) -> Option<Bytes> {
    let mut body = BytesMut::with_capacity(bytes.min(FIRST_RESERVE));
    body.extend_from_slice(&first);
    while body.len() <= bytes {
        match recv.read_chunk(bytes - body.len() + 1, true).await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk.bytes),
            Ok(None) => return (body.len() == bytes).then(|| body.freeze()),
            Err(_) => return None,
        }
    }
    None
}

/// Writes an answer and waits until the agent has it.
pub(super) async fn reply(mut send: SendStream, reply: PushReply) {
    let Ok(bytes) = reply.encode() else {
        return;
    };
    let write = async {
        send.write_all(&bytes).await.ok()?;
        send.finish().ok()?;
        send.stopped().await.ok()
    };
    let _ = timeout(REPLY_TIMEOUT, write).await;
}

/// Decodes and commits an event. Not cancelled when the agent goes away: what the sink has begun
/// it ends.
pub(super) async fn commit(
    shared: Arc<Shared>,
    agent_id: AgentId,
    event_id: EventId,
    raw: Bytes,
    memory: Option<OwnedSemaphorePermit>,
    inputs: mpsc::Sender<Input>,
) {
    let outcome = match decode(&shared, agent_id, event_id, &raw) {
        Ok(event) => {
            let event = IncomingEvent {
                agent_id,
                event_id,
                raw,
                event,
            };
            run_commit(&shared, event).await
        }
        Err(refusal) => Err(refusal),
    };
    drop(memory);
    let input = match outcome {
        Ok(Committed::New) => {
            shared.counters.committed.one();
            Input::Committed {
                event_id,
                duplicate: false,
            }
        }
        Ok(Committed::Duplicate) => {
            shared.counters.duplicates.one();
            Input::Committed {
                event_id,
                duplicate: true,
            }
        }
        Err(Refusal::Retry { after, reason }) => Input::Refused {
            event_id,
            why: Refused::Retry { after, reason },
        },
        Err(Refusal::Permanent { reason }) => {
            warn!(%agent_id, %event_id, reason, "an event is refused for good");
            Input::Refused {
                event_id,
                why: Refused::Permanent { reason },
            }
        }
    };
    // The session may have ended; the agent will ask again.
    let _ = inputs.send(input).await;
}

fn decode(
    shared: &Shared,
    agent_id: AgentId,
    event_id: EventId,
    raw: &[u8],
) -> Result<Event, Refusal> {
    let malformed = |reason: String| {
        shared.counters.malformed_events.one();
        warn!(%agent_id, %event_id, reason, "what an agent sent is no event");
        Refusal::Permanent { reason }
    };
    let event = Event::decode(raw).map_err(|error| match error {
        // The agent was updated before us: the event is good, and we can read it soon.
        DecodeError::Version(version) if version > ENVELOPE_VERSION => {
            warn!(%agent_id, %event_id, version, "an agent's events are newer than this program");
            Refusal::Retry {
                after: NEWER_PAUSE,
                reason: error.to_string(),
            }
        }
        error => malformed(error.to_string()),
    })?;
    if event.event_id != event_id {
        return Err(malformed(
            "the event's id is not the one announced".to_owned(),
        ));
    }
    Ok(event)
}

async fn run_commit(shared: &Arc<Shared>, event: IncomingEvent) -> Result<Committed, Refusal> {
    let busy = || Refusal::Retry {
        after: Duration::from_secs(5),
        reason: "the coordinator failed; its log says why".to_owned(),
    };
    let (agent_id, event_id) = (event.agent_id, event.event_id);
    let slot = shared
        .commits
        .clone()
        .acquire_owned()
        .await
        .map_err(|_| busy())?;
    let sink = shared.services.sink.clone();
    // A task of its own, so that a panic in the sink is an answer and not a silence.
    let task = tokio::spawn(async move {
        let _slot = slot;
        sink.commit(event).await
    });
    task.await.unwrap_or_else(|failure| {
        shared.counters.panics.one();
        error!(%agent_id, %event_id, %failure, "committing an event failed");
        Err(busy())
    })
}
