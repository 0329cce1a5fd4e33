//! A welcomed connection: the control stream is kept as an agent keeps it, and events are pushed.

use std::time::{Duration, SystemTime};

use anyhow::{Context, bail};
use bytes::Bytes;
use goshawk_proto::{
    id::StreamId,
    link::{
        ALPN_LINK, AgentMessage, Assignments, Close, CoordinatorMessage, Feedback, FrameReader,
        Hello, MAX_CONTROL_BYTES, MAX_HEAD_BYTES, OutboxFeedback, PushHead, PushMessage, PushReply,
        StreamCounters, StreamFeedback, VERSIONS, Welcome, Window,
    },
    stream::StreamStatus,
    time::Timestamp,
};
use quinn::{Connection, Endpoint, RecvStream, SendStream, WriteError};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{interval, timeout},
};

use super::{
    event::Parcel,
    identity::Identity,
    wire::{dial, read_frame},
};

/// How often it is told how the streams fare.
const FEEDBACK_PERIOD: Duration = Duration::from_millis(500);
/// Longest wait for an answer.
const ANSWER: Duration = Duration::from_secs(30);

/// A connection that the coordinator has welcomed. Closed when dropped.
pub struct Link {
    /// The connection, for what no agent would do.
    pub connection: Connection,
    /// How much may be under way.
    pub window: Window,
    endpoint: Endpoint,
    assignments: watch::Receiver<Assignments>,
    control: JoinHandle<anyhow::Result<()>>,
}

impl Link {
    /// Connects as `identity` and says hello. From then on every assigned stream is reported to be
    /// in progress.
    pub async fn connect(identity: &Identity, name: &str) -> anyhow::Result<Self> {
        let (endpoint, connection) = dial(identity.coordinator, identity.tls()?, ALPN_LINK).await?;
        let (mut send, mut recv) = connection.open_bi().await?;
        let hello = AgentMessage::Hello(Hello {
            versions: VERSIONS,
            agent_version: env!("CARGO_PKG_VERSION").to_owned(),
            name: name.to_owned(),
            capabilities: Vec::new(),
            clock: now(),
            outbox: OutboxFeedback::default(),
        });
        send.write_all(&hello.encode()?).await?;
        let mut reader = FrameReader::new(MAX_CONTROL_BYTES);
        let welcome = welcome(&mut recv, &mut reader).await?;
        if welcome.agent_id != identity.agent_id {
            bail!(
                "taken for {} in place of {}",
                welcome.agent_id,
                identity.agent_id
            );
        }
        let (document, assignments) = watch::channel(Assignments::default());
        let control = tokio::spawn(keep(send, recv, reader, document));
        Ok(Self {
            connection,
            window: welcome.window,
            endpoint,
            assignments,
            control,
        })
    }

    /// Whether the coordinator has given `stream` to this agent.
    pub fn holds(&self, stream: StreamId) -> bool {
        held(&self.assignments.borrow(), stream)
    }

    /// Waits until the coordinator gives `stream` to this agent.
    pub async fn assigned(&mut self, stream: StreamId, limit: Duration) -> anyhow::Result<()> {
        let found = self.assignments.wait_for(|document| held(document, stream));
        timeout(limit, found)
            .await
            .with_context(|| format!("stream {stream} was not assigned"))??;
        Ok(())
    }

    /// Pushes an event and waits for the answer to it.
    pub async fn push(&self, parcel: &Parcel) -> anyhow::Result<PushReply> {
        let head = PushHead {
            event_id: parcel.event_id,
            bytes: u32::try_from(parcel.bytes.len())?,
        };
        let head = PushMessage::Push(head).encode()?;
        self.say(&mut [head, parcel.bytes.clone()]).await
    }

    /// Writes `chunks` on a stream of their own, ends it and waits for the answer.
    pub async fn say(&self, chunks: &mut [Bytes]) -> anyhow::Result<PushReply> {
        timeout(ANSWER, self.exchange(chunks))
            .await
            .context("no answer in time")?
    }

    async fn exchange(&self, chunks: &mut [Bytes]) -> anyhow::Result<PushReply> {
        let (mut send, mut recv) = self.connection.open_bi().await?;
        match send.write_all_chunks(chunks).await {
            // It wants no more of it: it has answered, or it resets the stream.
            Ok(()) | Err(WriteError::Stopped(_)) => {}
            Err(error) => return Err(error.into()),
        }
        // Fails only if the stream is closed, which reading shows as well.
        let _ = send.finish();
        let mut reader = FrameReader::new(MAX_HEAD_BYTES);
        let frame = read_frame(&mut recv, &mut reader)
            .await?
            .context("the stream was closed without an answer")?;
        Ok(PushReply::decode(&frame)?)
    }

    /// Closes the connection and waits until the coordinator knows.
    pub async fn close(self) {
        self.connection.close(Close::Shutdown.code().into(), b"");
        self.endpoint.wait_idle().await;
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.control.abort();
        self.connection.close(Close::Shutdown.code().into(), b"");
    }
}

async fn welcome(recv: &mut RecvStream, reader: &mut FrameReader) -> anyhow::Result<Welcome> {
    let frame = timeout(ANSWER, read_frame(recv, reader))
        .await
        .context("no welcome in time")??
        .context("the coordinator ended the control stream")?;
    match CoordinatorMessage::decode(&frame)? {
        CoordinatorMessage::Welcome(welcome) => Ok(welcome),
        other => bail!("not welcome: {other:?}"),
    }
}

/// Hears assignments and reports on them until the connection ends.
async fn keep(
    mut send: SendStream,
    mut recv: RecvStream,
    mut reader: FrameReader,
    document: watch::Sender<Assignments>,
) -> anyhow::Result<()> {
    let mut period = interval(FEEDBACK_PERIOD);
    loop {
        tokio::select! {
            frame = read_frame(&mut recv, &mut reader) => {
                let frame = frame?.context("the coordinator ended the control stream")?;
                if let CoordinatorMessage::Assignments(newer) = CoordinatorMessage::decode(&frame)? {
                    document.send_replace(newer);
                }
            }
            _ = period.tick() => {
                let feedback = feedback(&document.borrow());
                send.write_all(&AgentMessage::Feedback(feedback).encode()?).await?;
            }
        }
    }
}

fn feedback(document: &Assignments) -> Feedback {
    let streams = document.streams.iter().map(|stream| StreamFeedback {
        stream_id: stream.stream_id,
        version: stream.version,
        status: StreamStatus::InProgress,
        error: None,
        failure: None,
        counters: StreamCounters::default(),
        last_frame_at: Some(now()),
        video: None,
    });
    Feedback {
        at: now(),
        assignments_revision: document.revision,
        streams: streams.collect(),
        outbox: OutboxFeedback::default(),
    }
}

fn held(document: &Assignments, stream: StreamId) -> bool {
    document
        .streams
        .iter()
        .any(|assigned| assigned.stream_id == stream)
}

fn now() -> Timestamp {
    Timestamp::from_system(SystemTime::now())
}
