//! Looking through a camera: asks the agent that has it for pictures, on a stream of its own.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use goshawk_proto::{
    id::AgentId,
    link::{
        CodecError, FrameReader, MAX_HEAD_BYTES,
        preview::{
            CAPABILITY, MAX_PICTURE_BYTES, PictureHead, PreviewMessage, PreviewReply,
            PreviewRequest,
        },
    },
};
use quinn::{Connection, RecvStream};
use tokio::time::timeout;

use super::{
    Ingest,
    frames::{FrameError, read_frame},
};

/// Longest wait for an agent to take a request. It takes a few at a time only.
const ASK_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest wait for a picture. A camera that gives none for so long shows nothing.
const PICTURE_TIMEOUT: Duration = Duration::from_secs(10);

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub enum PreviewError {
    /// The agent is not connected or cannot show what it sees.
    #[error("the agent of the stream shows no pictures now")]
    Absent,
    /// The agent has none, and says why.
    #[error("{0}")]
    None(String),
    /// The agent is busy with other previews, or the camera gives nothing.
    #[error("no picture came in time")]
    TimedOut,
    /// The connection broke.
    #[error("the connection to the agent broke: {0}")]
    Broken(String),
    /// The agent broke the protocol.
    #[error("the agent answered nonsense: {0}")]
    Nonsense(String),
}

impl From<CodecError> for PreviewError {
    fn from(error: CodecError) -> Self {
        Self::Nonsense(error.to_string())
    }
}

impl From<FrameError> for PreviewError {
    fn from(error: FrameError) -> Self {
        match error {
            FrameError::Read(error) => Self::Broken(error.to_string()),
            FrameError::Codec(_) | FrameError::Cut => Self::Nonsense(error.to_string()),
        }
    }
}

impl From<tokio::time::error::Elapsed> for PreviewError {
    fn from(_: tokio::time::error::Elapsed) -> Self {
        Self::TimedOut
    }
}

/// Pictures of a camera as they come. Dropping it tells the agent to stop.
#[derive(Debug)]
pub struct Pictures {
    recv: RecvStream,
    reader: FrameReader,
}

impl Ingest {
    /// Asks an agent for what `request` wants to see.
    ///
    /// # Errors
    /// When the agent is not connected, cannot do it, or has too many previews to take this one in
    /// time.
    pub async fn preview(
        &self,
        agent: AgentId,
        request: PreviewRequest,
    ) -> Result<Pictures, PreviewError> {
        let connection = self.shared.presence.link(agent, CAPABILITY);
        let connection = connection.ok_or(PreviewError::Absent)?;
        timeout(ASK_TIMEOUT, ask(&connection, request)).await?
    }

    /// Whether an agent is connected that can show what it sees.
    pub fn shows_pictures(&self, agent: AgentId) -> bool {
        self.shared.presence.link(agent, CAPABILITY).is_some()
    }
}

async fn ask(connection: &Connection, request: PreviewRequest) -> Result<Pictures, PreviewError> {
    let broken = |error: &dyn std::fmt::Display| PreviewError::Broken(error.to_string());
    let (mut send, recv) = connection.open_bi().await.map_err(|e| broken(&e))?;
    let message = PreviewMessage::Show(request).encode()?;
    send.write_all(&message).await.map_err(|e| broken(&e))?;
    send.finish().map_err(|e| broken(&e))?;
    Ok(Pictures {
        recv,
        reader: FrameReader::new(MAX_HEAD_BYTES),
    })
}

impl Pictures {
    /// The next picture, as JPEG; `None`: there will be no more.
    ///
    /// # Errors
    /// When none comes within ten seconds, or the agent has none to give.
    pub async fn next(&mut self) -> Result<Option<(PictureHead, Bytes)>, PreviewError> {
        timeout(PICTURE_TIMEOUT, self.read()).await?
    }

    async fn read(&mut self) -> Result<Option<(PictureHead, Bytes)>, PreviewError> {
        let Some(frame) = read_frame(&mut self.recv, &mut self.reader).await? else {
            return Ok(None);
        };
        let head = match PreviewReply::decode(&frame)? {
            PreviewReply::Picture(head) => head,
            PreviewReply::None(none) => return Err(PreviewError::None(none.reason)),
            _ => return Err(PreviewError::Nonsense("an unknown answer".to_owned())),
        };
        let bytes = usize::try_from(head.bytes).unwrap_or(usize::MAX);
        if bytes > MAX_PICTURE_BYTES {
            let reason = format!("a picture of {bytes} bytes");
            return Err(PreviewError::Nonsense(reason));
        }
        let mut rest = self.reader.take_rest();
        let mut picture = BytesMut::from(rest.split_to(bytes.min(rest.len())));
        self.reader.push(&rest);
        while picture.len() < bytes {
            let wanted = bytes - picture.len();
            match self.recv.read_chunk(wanted, true).await {
                Ok(Some(chunk)) => picture.extend_from_slice(&chunk.bytes),
                Ok(None) => return Err(FrameError::Cut.into()),
                Err(error) => return Err(FrameError::Read(error).into()),
            }
        }
        Ok(Some((head, picture.freeze())))
    }
}
