//! Connecting and the control stream: hello and welcome, then feedback up and documents down.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use goshawk_proto::{
    link::{
        ALPN_LINK, AgentMessage, Close, CoordinatorMessage, Feedback, FrameReader, Hello,
        MAX_CONTROL_BYTES, OutboxFeedback, VERSIONS, Welcome,
        preview::{self, MAX_PREVIEWS},
        shipper::Disconnect,
    },
    time::Timestamp,
};
use quinn::{Connection, RecvStream, SendStream};
use tokio::{
    sync::{mpsc, watch},
    time::{sleep, timeout},
};
use tracing::error;

use super::{
    LinkConfig,
    connect::{self, ConnectError, Dialled},
    driver::{Epoch, Input},
    frames::{FrameError, read_frame},
};

/// Longest wait for the coordinator to take feedback.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// A welcomed connection.
#[derive(Debug)]
pub(super) struct Welcomed {
    pub connection: Connection,
    pub endpoint: quinn::Endpoint,
    pub welcome: Welcome,
    pub send: SendStream,
    pub recv: RecvStream,
    pub reader: FrameReader,
    /// As it was dialled.
    pub coordinator: String,
    /// Whether it is the first choice.
    pub first: bool,
}

/// Dials one coordinator after the other, each as long as the settings allow, and says hello to
/// the first that answers.
pub(super) async fn run(
    config: Arc<LinkConfig>,
    mut tls: rustls::ClientConfig,
    outbox: OutboxFeedback,
) -> Result<Box<Welcomed>, ConnectError> {
    tls.alpn_protocols = vec![ALPN_LINK.to_vec()];
    let alone = config.fallback.is_empty();
    let mut failures = Vec::new();
    for (nth, coordinator) in config.coordinators().enumerate() {
        let greeted = greet(&config, coordinator, tls.clone(), outbox);
        let mut error = match timeout(config.shipper.connect_timeout, greeted).await {
            Ok(Ok(mut welcomed)) => {
                welcomed.first = nth == 0;
                return Ok(welcomed);
            }
            Ok(Err(error)) => error,
            Err(_) => ConnectError::lost("no welcome in time"),
        };
        if !alone {
            error.reason = format!("{coordinator}: {}", error.reason);
        }
        failures.push(error);
    }
    Err(all(failures))
}

/// One error of several. To be turned away by all is to be turned away.
fn all(failures: Vec<ConnectError>) -> ConnectError {
    let refused = failures
        .iter()
        .all(|error| error.how == Disconnect::Refused);
    let reasons: Vec<String> = failures.into_iter().map(|error| error.reason).collect();
    let reason = reasons.join("; ");
    if refused {
        ConnectError::refused(reason)
    } else {
        ConnectError::lost(reason)
    }
}

async fn greet(
    config: &LinkConfig,
    coordinator: &str,
    tls: rustls::ClientConfig,
    outbox: OutboxFeedback,
) -> Result<Box<Welcomed>, ConnectError> {
    let settings = connect::Settings {
        idle_timeout: config.idle_timeout,
        keep_alive: config.keep_alive,
        timeout: config.shipper.connect_timeout,
        incoming: config.viewfinder.as_ref().map_or(0, |_| MAX_PREVIEWS),
    };
    let Dialled {
        connection,
        endpoint,
    } = connect::dial(coordinator, tls, &settings).await?;
    let (send, mut recv) = connection.open_bi().await?;
    let mut send = send;
    let mut capabilities = config.capabilities.clone();
    if config.viewfinder.is_some() {
        capabilities.push(preview::CAPABILITY.to_owned());
    }
    let hello = AgentMessage::Hello(Hello {
        versions: VERSIONS,
        agent_version: env!("CARGO_PKG_VERSION").to_owned(),
        name: config.name.clone(),
        capabilities,
        clock: Timestamp::from_system(SystemTime::now()),
        outbox,
    });
    let hello = hello.encode().map_err(ConnectError::refused)?;
    send.write_all(&hello)
        .await
        .map_err(|e| why(&connection, &e))?;
    let mut reader = FrameReader::new(MAX_CONTROL_BYTES);
    let frame = match read_frame(&mut recv, &mut reader).await {
        Ok(Some(frame)) => frame,
        Ok(None) => return Err(why(&connection, &"the coordinator said nothing")),
        Err(error) => return Err(why(&connection, &error)),
    };
    match CoordinatorMessage::decode(&frame) {
        Ok(CoordinatorMessage::Welcome(welcome)) => Ok(Box::new(Welcomed {
            connection,
            endpoint,
            welcome,
            send,
            recv,
            reader,
            coordinator: coordinator.to_owned(),
            first: true,
        })),
        Ok(CoordinatorMessage::Refused(refused)) => Err(ConnectError::refused(refused.reason)),
        Ok(_) => Err(ConnectError::refused(
            "the coordinator's first message is no welcome",
        )),
        Err(error) => Err(ConnectError::refused(error)),
    }
}

/// Waits until the first coordinator answers again; then this connection to another is over.
pub(super) async fn home(
    epoch: Epoch,
    config: Arc<LinkConfig>,
    tls: rustls::ClientConfig,
    inputs: mpsc::Sender<Input>,
) {
    loop {
        sleep(config.return_period).await;
        if super::probe_with(&config.coordinator, tls.clone())
            .await
            .is_ok()
        {
            break;
        }
    }
    let error = ConnectError::lost("the first coordinator answers again");
    // The driver may be gone.
    let _ = inputs.send(Input::Ended { epoch, error }).await;
}

/// Why the connection ended, if it has; else what a stream said.
fn why(connection: &Connection, error: &dyn std::fmt::Display) -> ConnectError {
    connection
        .close_reason()
        .map_or_else(|| ConnectError::lost(error), ConnectError::from)
}

/// Hands on what the coordinator says until the connection ends.
pub(super) async fn listen(
    epoch: Epoch,
    connection: Connection,
    mut recv: RecvStream,
    mut reader: FrameReader,
    inputs: mpsc::Sender<Input>,
) {
    let ended = loop {
        let message = match read_frame(&mut recv, &mut reader).await {
            Ok(Some(frame)) => CoordinatorMessage::decode(&frame).map_err(FrameError::from),
            Ok(None) => break why(&connection, &"the coordinator ended the control stream"),
            Err(error) => Err(error),
        };
        match message {
            Ok(message) => {
                if inputs.send(Input::Said { epoch, message }).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                let ended = why(&connection, &error);
                connection.close(Close::Protocol.code().into(), b"not understood");
                break ended;
            }
        }
    };
    // The driver may be gone.
    let _ = inputs
        .send(Input::Ended {
            epoch,
            error: ended,
        })
        .await;
}

/// Sends requests, and the newest feedback whenever there is newer.
pub(super) async fn tell(
    mut send: SendStream,
    mut newest: watch::Receiver<Option<Arc<Feedback>>>,
    mut requests: mpsc::Receiver<AgentMessage>,
) {
    newest.mark_changed();
    loop {
        let message = tokio::select! {
            Some(request) = requests.recv() => request,
            changed = newest.changed() => match changed {
                Ok(()) => match newest.borrow_and_update().as_deref() {
                    Some(feedback) => AgentMessage::Feedback(bounded(feedback)),
                    None => continue,
                },
                Err(_) => return,
            },
        };
        let bytes = match message.encode() {
            Ok(bytes) => bytes,
            Err(error) => {
                error!(%error, "a message to the coordinator is not sent");
                continue;
            }
        };
        // A broken stream means a broken connection, which the listener tells.
        if !matches!(
            timeout(WRITE_TIMEOUT, send.write_all(&bytes)).await,
            Ok(Ok(()))
        ) {
            return;
        }
    }
}

fn bounded(feedback: &Feedback) -> Feedback {
    let mut feedback = feedback.clone();
    feedback.streams = feedback.streams.into_iter().map(|s| s.bounded()).collect();
    feedback
}
