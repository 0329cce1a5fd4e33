//! Frames over QUIC streams.

use bytes::Bytes;
use goshawk_proto::link::{CodecError, FrameReader};
use quinn::{ReadError, RecvStream};

/// Bytes taken from a stream at once.
const CHUNK: usize = 64 << 10;

/// Why no frame came.
#[derive(Debug, thiserror::Error)]
pub(super) enum FrameError {
    #[error(transparent)]
    Codec(#[from] CodecError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("the stream ended in the middle of a message")]
    Cut,
}

/// The next frame; `None`: the stream ended after a whole one. Dropping the future loses nothing
/// that was read: it is in `reader`.
pub(super) async fn read_frame(
    stream: &mut RecvStream,
    reader: &mut FrameReader,
) -> Result<Option<Bytes>, FrameError> {
    loop {
        if let Some(frame) = reader.next_frame()? {
            return Ok(Some(frame));
        }
        match stream.read_chunk(CHUNK, true).await? {
            Some(chunk) => reader.push(&chunk.bytes),
            None if reader.is_empty() => return Ok(None),
            None => return Err(FrameError::Cut),
        }
    }
}
