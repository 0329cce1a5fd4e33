//! The control stream of a link: hello and welcome, then documents down and feedback up.

use std::{sync::Arc, time::Duration, time::SystemTime};

use goshawk_proto::{
    id::AgentId,
    link::{
        AgentMessage, Assignments, Close, CodecError, CoordinatorMessage, FrameReader, Hello,
        MAX_CONTROL_BYTES, MAX_HEAD_BYTES, VERSIONS, Welcome, Window, control::Refused,
    },
    time::Timestamp,
};
use quinn::{Connection, RecvStream, SendStream};
use tokio::{
    sync::{mpsc, watch},
    time::timeout,
};
use tracing::error;

use super::{frames::read_frame, listener::Shared, renewal};

/// Longest wait for an agent to take a control message.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// Why a control stream ends, and with it the link.
#[derive(Debug)]
pub(super) struct Ended {
    pub close: Close,
    pub reason: String,
}

impl Ended {
    pub fn new(close: Close, reason: impl ToString) -> Self {
        Self {
            close,
            reason: reason.to_string(),
        }
    }
}

/// Both directions of a control stream.
pub(super) struct Control {
    pub send: SendStream,
    pub recv: RecvStream,
    pub reader: FrameReader,
}

/// Hears the hello and says welcome, or says why not.
pub(super) async fn greet(
    shared: &Shared,
    connection: &Connection,
    agent_id: AgentId,
) -> Result<(Control, Hello), Ended> {
    let idle = |e: &dyn std::fmt::Display| Ended::new(Close::Idle, e);
    let (send, recv) = connection.accept_bi().await.map_err(|e| idle(&e))?;
    let mut control = Control {
        send,
        recv,
        reader: FrameReader::new(MAX_HEAD_BYTES),
    };
    let hello = match next(&mut control).await? {
        AgentMessage::Hello(hello) => hello,
        _ => return Err(Ended::new(Close::Protocol, "the first message is no hello")),
    };
    let Some(version) = VERSIONS.negotiate(hello.versions) else {
        let reason = format!(
            "the agent speaks versions {} to {}, the coordinator {} to {}",
            hello.versions.min, hello.versions.max, VERSIONS.min, VERSIONS.max
        );
        let refused = CoordinatorMessage::Refused(Refused {
            reason: reason.clone(),
        });
        let _ = write(&mut control.send, &refused).await;
        return Err(Ended::new(Close::Version, reason));
    };
    let welcome = CoordinatorMessage::Welcome(Welcome {
        version,
        agent_id,
        coordinator_version: env!("CARGO_PKG_VERSION").to_owned(),
        clock: Timestamp::from_system(SystemTime::now()),
        window: shared.config.receiver.window,
    });
    write(&mut control.send, &welcome).await?;
    control.reader.set_limit(MAX_CONTROL_BYTES);
    Ok((control, hello))
}

async fn next(control: &mut Control) -> Result<AgentMessage, Ended> {
    match read_frame(&mut control.recv, &mut control.reader).await {
        Ok(Some(frame)) => AgentMessage::decode(&frame).map_err(|e| Ended::new(Close::Protocol, e)),
        Ok(None) => Err(Ended::new(
            Close::Protocol,
            "the agent ended its control stream",
        )),
        Err(super::frames::FrameError::Read(e)) => Err(Ended::new(Close::Idle, e)),
        Err(e) => Err(Ended::new(Close::Protocol, e)),
    }
}

async fn write(send: &mut SendStream, message: &CoordinatorMessage) -> Result<(), Ended> {
    let bytes = message
        .encode()
        .map_err(|e| Ended::new(Close::Shutdown, e))?;
    match timeout(WRITE_TIMEOUT, send.write_all(&bytes)).await {
        Ok(written) => written.map_err(|e| Ended::new(Close::Idle, e)),
        Err(_) => Err(Ended::new(
            Close::Idle,
            "the agent does not read its control stream",
        )),
    }
}

/// Hears feedback until the stream ends; the observer's pace is the agent's.
pub(super) async fn listen(
    shared: Arc<Shared>,
    connection: Connection,
    agent: AgentId,
    mut control: (RecvStream, FrameReader),
    answers: mpsc::Sender<CoordinatorMessage>,
) -> Ended {
    loop {
        let frame = match read_frame(&mut control.0, &mut control.1).await {
            Ok(Some(frame)) => frame,
            Ok(None) => return Ended::new(Close::Protocol, "the agent ended its control stream"),
            Err(super::frames::FrameError::Read(e)) => return Ended::new(Close::Idle, e),
            Err(e) => return Ended::new(Close::Protocol, e),
        };
        match AgentMessage::decode(&frame) {
            Ok(AgentMessage::Feedback(feedback)) => {
                shared.presence.feedback(agent, &connection, feedback).await;
            }
            Ok(AgentMessage::Renew(request)) => {
                renewal::answer(&shared, agent, request, &answers).await;
            }
            Ok(AgentMessage::Unknown(_)) => shared.counters.unknown_messages.one(),
            Ok(AgentMessage::Hello(_)) => {
                return Ended::new(Close::Protocol, "a second hello");
            }
            Err(e) => return Ended::new(Close::Protocol, e),
        }
    }
}

/// Sends the configuration, then assignments and windows as they change, and answers.
pub(super) async fn tell(
    shared: Arc<Shared>,
    mut send: SendStream,
    mut assignments: watch::Receiver<Arc<Assignments>>,
    mut windows: mpsc::Receiver<Window>,
    mut answers: mpsc::Receiver<CoordinatorMessage>,
) -> Ended {
    let configuration = shared.config.configuration.clone();
    let mut message = CoordinatorMessage::Configuration(configuration);
    assignments.mark_changed();
    let mut no_more_assignments = false;
    loop {
        if let Err(ended) = tell_one(&shared, &mut send, &message).await {
            return ended;
        }
        message = tokio::select! {
            changed = assignments.changed(), if !no_more_assignments => {
                // The source has gone: what it last said stays.
                no_more_assignments = changed.is_err();
                if no_more_assignments {
                    continue;
                }
                let document = assignments.borrow_and_update().as_ref().clone();
                CoordinatorMessage::Assignments(document)
            }
            window = windows.recv() => match window {
                Some(window) => CoordinatorMessage::Window(window),
                None => return Ended::new(Close::Shutdown, "the session has ended"),
            },
            // Its other end is the listening half, whose end ends the session.
            Some(answer) = answers.recv() => answer,
        };
    }
}

/// A document over the limit is left out, loudly: the link is worth more than it.
async fn tell_one(
    shared: &Shared,
    send: &mut SendStream,
    message: &CoordinatorMessage,
) -> Result<(), Ended> {
    if let Err(CodecError::TooLarge { bytes, limit }) = message.encode() {
        shared.counters.oversize_documents.one();
        error!(
            bytes,
            limit, "a document for an agent is too large and is not sent"
        );
        return Ok(());
    }
    write(send, message).await
}
