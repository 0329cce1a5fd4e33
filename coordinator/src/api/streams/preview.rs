//! Looking through a stream's camera: one picture, or pictures as they come.
//!
//! The coordinator asks the agent that has the stream, over the link. Nothing is kept: a picture
//! goes from the agent to the client who asked.

use std::convert::Infallible;

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::stream;
use goshawk_proto::{
    id::StreamId,
    link::preview::{MAX_SIDE, PreviewRequest},
};
use http::{HeaderValue, StatusCode, header};
use warp::{Reply as _, reply::Response};

use crate::{
    api::{
        call::{self, Call},
        openapi,
        operation::Operation,
        routes::{Access, Resource},
    },
    errors::{ApiError, Code},
    ingest::{Pictures, PreviewError},
};

/// Between the pictures of a live preview.
const BOUNDARY: &str = "picture";
/// The media type of a live preview: pictures one after the other, each replacing the last.
const LIVE: &str = "multipart/x-mixed-replace; boundary=picture";
const JPEG: &str = "image/jpeg";

/// The resources of one version of the service.
pub fn resources(version: u8) -> Vec<Resource> {
    let (paths, ids) = match version {
        1 => (
            [
                "/1/streams/{stream_id}/preview/handler/frame",
                "/1/streams/{stream_id}/preview/handler/live",
            ],
            ["previewFrameProxy", "previewLiveProxy"],
        ),
        _ => (
            [
                "/2/streams/{stream_id}/preview/handler/frame",
                "/2/streams/{stream_id}/preview/handler/live",
            ],
            ["previewFrameProxyV2", "previewLiveProxyV2"],
        ),
    };
    let codes = &[
        Code::StreamNotFound,
        Code::PreviewNotFound,
        Code::PreviewFailed,
    ];
    vec![
        Resource::at(paths[0]).tagged("preview").serve(
            Operation::get(ids[0], Access::Open, frame)
                .about("The newest frame of a stream, with boxes and track ids.")
                .gives(StatusCode::OK, "The picture.", &[JPEG], openapi::raw)
                .fails(codes),
        ),
        Resource::at(paths[1]).tagged("preview").serve(
            Operation::get(ids[1], Access::Open, live)
                .about("Frames of a stream as they come, with boxes and track ids.")
                .gives(
                    StatusCode::OK,
                    "Pictures until the client goes.",
                    &["multipart/x-mixed-replace"],
                    openapi::raw,
                )
                .fails(codes),
        ),
    ]
}

/// Asks the agent that has the stream of the path.
async fn pictures(call: &Call, live: bool) -> Result<Pictures, ApiError> {
    let stream_id: StreamId = call.id("stream_id")?;
    let find = move |store: &dyn crate::store::Store| store.stream_of_any(stream_id);
    let stream = call.api.store.run(find).await?;
    let kind = if live { "live" } else { "last_frame" };
    let none = || Code::PreviewNotFound.fill(&[&kind, &stream_id]);
    let agent = stream.state.agent.ok_or_else(none)?;
    let request = PreviewRequest {
        stream_id,
        live,
        marks: true,
        max_side: MAX_SIDE,
    };
    match call.api.ingest.preview(agent, request).await {
        Ok(pictures) => Ok(pictures),
        Err(PreviewError::Absent) => Err(none()),
        Err(error) => Err(Code::PreviewFailed.with(error)),
    }
}

async fn frame(call: Call) -> Result<Response, ApiError> {
    let mut pictures = pictures(&call, false).await?;
    let picture = first(&mut pictures).await?;
    call::bytes(JPEG, picture)
}

/// The first picture; without one there is no answer but an error.
async fn first(pictures: &mut Pictures) -> Result<Bytes, ApiError> {
    match pictures.next().await {
        Ok(Some((_, picture))) => Ok(picture),
        Ok(None) => Err(Code::PreviewFailed.with("the agent gave no picture")),
        Err(error) => Err(Code::PreviewFailed.with(error)),
    }
}

async fn live(call: Call) -> Result<Response, ApiError> {
    let mut pictures = pictures(&call, true).await?;
    let picture = first(&mut pictures).await?;
    // The client's pace is the agent's: the next picture is read when this one is taken.
    let parts = stream::unfold((pictures, Some(picture)), |(mut pictures, ready)| async {
        let picture = match ready {
            Some(picture) => picture,
            None => match pictures.next().await {
                Ok(next) => next?.1,
                Err(error) => {
                    tracing::debug!(%error, "a live preview ends");
                    return None;
                }
            },
        };
        Some((Ok::<_, Infallible>(part(&picture)), (pictures, None)))
    });
    let mut response = warp::reply::stream(parts).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(LIVE));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// A picture as a part of a live preview.
fn part(picture: &[u8]) -> Bytes {
    let head = format!(
        "--{BOUNDARY}\r\nContent-Type: {JPEG}\r\nContent-Length: {}\r\n\r\n",
        picture.len()
    );
    let mut bytes = BytesMut::with_capacity(head.len() + picture.len() + 2);
    bytes.put_slice(head.as_bytes());
    bytes.put_slice(picture);
    bytes.put_slice(b"\r\n");
    bytes.freeze()
}
