//! One push: a record over a stream of its own, and its answer.

use std::sync::Arc;

use goshawk_proto::link::{
    FrameReader, MAX_HEAD_BYTES, PushHead, PushMessage, PushReply, RecordHead,
};
use quinn::{Connection, SendStream, WriteError};

use super::{OutboxReader, frames::read_frame, store};

/// How a push ended.
#[derive(Debug)]
pub(super) enum Pushed {
    /// The coordinator answered.
    Answered(PushReply),
    /// The record has left the outbox.
    Vanished,
    /// The outbox could not be read.
    Unreadable(String),
    /// The stream broke.
    Broken(String),
}

/// Reads the record, sends it and waits for the answer.
pub(super) async fn run(
    connection: Connection,
    outbox: Arc<dyn OutboxReader>,
    record: RecordHead,
) -> Pushed {
    let event = match store::call(&outbox, move |outbox| outbox.read(record.seq)).await {
        Ok(Some(event)) => event,
        Ok(None) => return Pushed::Vanished,
        Err(error) => return Pushed::Unreadable(error.to_string()),
    };
    let Ok(bytes) = u32::try_from(event.len()) else {
        return Pushed::Unreadable(format!("a record of {} bytes", event.len()));
    };
    let head = PushMessage::Push(PushHead {
        event_id: record.event_id,
        bytes,
    });
    let exchange = async {
        let head = head.encode().map_err(|e| e.to_string())?;
        let (mut send, mut recv) = connection.open_bi().await.map_err(|e| e.to_string())?;
        match write(&mut send, head, event).await {
            // It wants no more of it: it has answered, or it resets the stream and says so below.
            Ok(()) | Err(WriteError::Stopped(_)) => {}
            Err(error) => return Err(error.to_string()),
        }
        let mut reader = FrameReader::new(MAX_HEAD_BYTES);
        let frame = read_frame(&mut recv, &mut reader)
            .await
            .map_err(|e| e.to_string())?;
        let frame = frame.ok_or("the coordinator closed the stream without an answer")?;
        PushReply::decode(&frame).map_err(|e| e.to_string())
    };
    match exchange.await {
        Ok(reply) => Pushed::Answered(reply),
        Err(reason) => Pushed::Broken(reason),
    }
}

async fn write(
    send: &mut SendStream,
    head: bytes::Bytes,
    event: bytes::Bytes,
) -> Result<(), WriteError> {
    send.write_all_chunks(&mut [head, event]).await?;
    // Fails only if the stream is closed, which a write would have said.
    let _ = send.finish();
    Ok(())
}
