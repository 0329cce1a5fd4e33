//! Previews for the coordinator: streams that it opens, as [`goshawk_proto::link::preview`] says.
//!
//! QUIC bounds how many are open at once, and the [`Viewfinder`] bounds the viewers. A picture is
//! made when the one before has been taken, so a slow reader loses frames.

use std::time::Duration;

use bytes::Bytes;
use goshawk_proto::link::{
    FrameReader, MAX_HEAD_BYTES,
    preview::{
        MAX_PICTURE_BYTES, NoPicture, PictureHead, PreviewMessage, PreviewReply, PreviewRequest,
    },
};
use quinn::{Connection, RecvStream, SendStream};
use tokio::{task::JoinSet, time::timeout};
use tracing::debug;

use super::frames::read_frame;
use crate::{
    edge::EdgeModes,
    viewfinder::{Picture, Show, Viewfinder, Wanted},
};

/// Longest wait for the request, and for the coordinator to take a picture.
const PATIENCE: Duration = Duration::from_secs(20);
/// Longest wait for the one picture.
const FRAME_PATIENCE: Duration = Duration::from_secs(5);
/// Longest wait for the next of many; a camera may need that to come back.
const LIVE_PATIENCE: Duration = Duration::from_secs(60);

/// What the coordinator may look through.
#[derive(Clone)]
pub(super) struct Window {
    pub viewfinder: Viewfinder,
    pub edge: EdgeModes,
}

/// Why a preview ends before its time.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("the coordinator does not read")]
    Slow,
    #[error("the stream broke: {0}")]
    Stream(String),
}

impl Broken {
    fn stream(error: impl ToString) -> Self {
        Self::Stream(error.to_string())
    }
}

/// Serves what the coordinator opens until the connection ends.
pub(super) async fn serve(connection: Connection, window: Window) {
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            // As many as the transport lets through.
            opened = connection.accept_bi() => match opened {
                Ok((send, recv)) => {
                    let window = window.clone();
                    open.spawn(async move {
                        if let Err(error) = show(send, recv, window).await {
                            debug!(%error, "a preview ends");
                        }
                    });
                }
                // The listener tells of it.
                Err(_) => return,
            },
            Some(_) = open.join_next() => {}
        }
    }
}

async fn show(mut send: SendStream, mut recv: RecvStream, window: Window) -> Result<(), Broken> {
    let gone = send.stopped();
    let pictures = async {
        match request(&mut recv).await? {
            Ok(request) => play(&mut send, &window, request).await?,
            Err(reason) => none(&mut send, reason).await?,
        }
        // Fails only if the stream is closed, which a write would have said.
        let _ = send.finish();
        Ok(())
    };
    tokio::select! {
        done = pictures => done,
        // The reader has seen enough, which is how a live preview ends.
        _ = gone => Ok(()),
    }
}

/// What is asked for, or why that cannot be told.
async fn request(recv: &mut RecvStream) -> Result<Result<PreviewRequest, String>, Broken> {
    let mut reader = FrameReader::new(MAX_HEAD_BYTES);
    let frame = match timeout(PATIENCE, read_frame(recv, &mut reader)).await {
        Ok(Ok(Some(frame))) => frame,
        Ok(Ok(None)) => return Ok(Err("nothing was asked for".to_owned())),
        Ok(Err(error)) => return Err(Broken::stream(error)),
        Err(_) => return Err(Broken::Slow),
    };
    Ok(match PreviewMessage::decode(&frame) {
        Ok(PreviewMessage::Show(request)) => Ok(request),
        Ok(PreviewMessage::Unknown(kind)) => Err(format!("`{kind}` is not understood")),
        Err(error) => Err(error.to_string()),
    })
}

async fn play(
    send: &mut SendStream,
    window: &Window,
    request: PreviewRequest,
) -> Result<(), Broken> {
    let wanted = Wanted {
        side: request.max_side,
        marks: request.marks,
        ..Wanted::default()
    };
    if !window.edge.of(request.stream_id).sends_frames() {
        return none(
            send,
            "no whole picture of this stream leaves its site".to_owned(),
        )
        .await;
    }
    let mut show = match window.viewfinder.show(request.stream_id, wanted) {
        Ok(show) => show,
        Err(error) => return none(send, error.to_string()).await,
    };
    if !request.live {
        return match next(&mut show, FRAME_PATIENCE).await {
            Ok(picture) => write(send, picture).await,
            Err(reason) => none(send, reason).await,
        };
    }
    loop {
        match next(&mut show, LIVE_PATIENCE).await {
            Ok(picture) => write(send, picture).await?,
            Err(reason) => return none(send, reason).await,
        }
    }
}

async fn next(show: &mut Show, patience: Duration) -> Result<Picture, String> {
    let picture = show.next(patience).await.map_err(|over| over.to_string())?;
    if picture.jpeg.bytes.len() > MAX_PICTURE_BYTES {
        return Err("the picture is too large".to_owned());
    }
    Ok(picture)
}

async fn write(send: &mut SendStream, picture: Picture) -> Result<(), Broken> {
    let Picture { jpeg, captured_at } = picture;
    let head = PreviewReply::Picture(PictureHead {
        bytes: u32::try_from(jpeg.bytes.len()).map_err(Broken::stream)?,
        size: jpeg.size,
        captured_at,
    });
    let head = head.encode().map_err(Broken::stream)?;
    put(send, &mut [head, Bytes::from(jpeg.bytes)]).await
}

async fn none(send: &mut SendStream, reason: String) -> Result<(), Broken> {
    let reply = PreviewReply::None(NoPicture { reason });
    put(send, &mut [reply.encode().map_err(Broken::stream)?]).await
}

async fn put(send: &mut SendStream, parts: &mut [Bytes]) -> Result<(), Broken> {
    match timeout(PATIENCE, send.write_all_chunks(parts)).await {
        Ok(written) => written.map_err(Broken::stream),
        Err(_) => Err(Broken::Slow),
    }
}
