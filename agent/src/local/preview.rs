//! `/preview/<stream id>/frame` and `/preview/<stream id>/live`: a JPEG file, and JPEG files one
//! after the other (`multipart/x-mixed-replace`, which browsers show as a moving picture).

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::stream;
use http::{
    HeaderName, HeaderValue, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER},
};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;

use super::{Body, Lease, whole};
use crate::{
    health::say,
    viewfinder::{LookError, MIN_SIDE, Over, Picture, Show, Viewfinder, Wanted},
};
use goshawk_proto::{id::StreamId, link::preview::MAX_SIDE};

/// Longest wait for the one picture.
const FRAME_PATIENCE: Duration = Duration::from_secs(5);
/// Longest wait for the next of many; a camera may need that to come back.
const LIVE_PATIENCE: Duration = Duration::from_secs(60);
/// How long a reader may take for one picture, beyond the wait for it.
const READ_PATIENCE: Duration = Duration::from_secs(20);
/// What stands between the pictures.
const BOUNDARY: &str = "goshawk-picture";
/// When a refused viewer may come again, in seconds.
const COME_AGAIN: HeaderValue = HeaderValue::from_static("5");
const CAPTURED_AT: HeaderName = HeaderName::from_static("x-captured-at");

/// What is asked for below `/preview/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Frame,
    Live,
}

/// The stream and what is asked of it; `None` where the path says neither.
pub(super) fn route(path: &str) -> Option<(StreamId, Kind)> {
    let (stream, kind) = path.strip_prefix("/preview/")?.split_once('/')?;
    let kind = match kind {
        "frame" => Kind::Frame,
        "live" => Kind::Live,
        _ => return None,
    };
    Some((stream.parse().ok()?, kind))
}

/// Reads the query: `side`, `marks`, `fps`.
fn wanted(query: Option<&str>) -> Result<Wanted, String> {
    let mut wanted = Wanted::default();
    for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        match name.as_ref() {
            "side" => {
                let side = value.parse().ok();
                let side = side.filter(|side| (MIN_SIDE..=MAX_SIDE).contains(side));
                wanted.side =
                    side.ok_or_else(|| format!("side: want {MIN_SIDE} to {MAX_SIDE} pixels"))?;
            }
            "marks" => {
                wanted.marks = value
                    .parse()
                    .map_err(|_| "marks: want true or false".to_owned())?;
            }
            "fps" => {
                let fps = value.parse().ok();
                let fps = fps.filter(|fps| (0.05..=100.0).contains(fps));
                wanted.fps = fps.ok_or("fps: want 0.05 to 100 pictures a second")?;
            }
            _ => return Err("want the parameters side, marks and fps".to_owned()),
        }
    }
    Ok(wanted)
}

/// The answer to a request for pictures.
pub(super) async fn answer(
    viewfinder: &Viewfinder,
    (stream, kind): (StreamId, Kind),
    query: Option<&str>,
    lease: Arc<Lease>,
) -> Response<Body> {
    let wanted = match wanted(query) {
        Ok(wanted) => wanted,
        Err(reason) => return whole(say(StatusCode::BAD_REQUEST, &reason)),
    };
    match (viewfinder.show(stream, wanted), kind) {
        (Err(error @ LookError::NoStream), _) => {
            whole(say(StatusCode::NOT_FOUND, &error.to_string()))
        }
        (Err(error @ LookError::Full), _) => later(&error.to_string()),
        (Ok(show), Kind::Frame) => frame(show).await,
        (Ok(show), Kind::Live) => live(show, lease),
    }
}

fn later(reason: &str) -> Response<Body> {
    let mut answer = say(StatusCode::SERVICE_UNAVAILABLE, reason);
    answer.headers_mut().insert(RETRY_AFTER, COME_AGAIN);
    whole(answer)
}

async fn frame(mut show: Show) -> Response<Body> {
    let Picture { jpeg, captured_at } = match show.next(FRAME_PATIENCE).await {
        Ok(picture) => picture,
        Err(error @ (Over::Gone | Over::NoFrames(_))) => return later(&error.to_string()),
        Err(error) => {
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            return whole(say(status, &error.to_string()));
        }
    };
    let mut answer = Response::new(Full::new(Bytes::from(jpeg.bytes)).boxed_unsync());
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("image/jpeg"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(at) = HeaderValue::from_str(&captured_at.to_string()) {
        headers.insert(CAPTURED_AT, at);
    }
    answer
}

/// Pictures as the connection takes them: the next is made when the last has gone out.
fn live(show: Show, lease: Arc<Lease>) -> Response<Body> {
    let parts = stream::unfold((show, lease), |(mut show, lease)| async move {
        lease.extend(LIVE_PATIENCE + READ_PATIENCE);
        let picture = show.next(LIVE_PATIENCE).await.ok()?;
        lease.extend(READ_PATIENCE);
        Some((
            Ok::<_, Infallible>(Frame::data(part(&picture))),
            (show, lease),
        ))
    });
    let mut answer = Response::new(StreamBody::new(parts).boxed_unsync());
    let kind = format!("multipart/x-mixed-replace; boundary={BOUNDARY}");
    let headers = answer.headers_mut();
    if let Ok(kind) = HeaderValue::try_from(kind) {
        headers.insert(CONTENT_TYPE, kind);
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

fn part(picture: &Picture) -> Bytes {
    let head = format!(
        "--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\nX-Captured-At: {}\r\n\r\n",
        picture.jpeg.bytes.len(),
        picture.captured_at
    );
    let mut part = head.into_bytes();
    part.extend_from_slice(&picture.jpeg.bytes);
    part.extend_from_slice(b"\r\n");
    part.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_these_paths_are_pictures() {
        let stream = StreamId::random();
        let at = |tail: &str| route(&format!("/preview/{stream}{tail}"));
        assert_eq!(at("/frame"), Some((stream, Kind::Frame)));
        assert_eq!(at("/live"), Some((stream, Kind::Live)));
        for other in ["", "/", "/frames", "/live/", "/frame/x"] {
            assert_eq!(at(other), None, "{other}");
        }
        assert_eq!(route("/preview/../frame"), None);
    }

    #[test]
    fn a_query_is_read_or_refused() {
        assert_eq!(wanted(None), Ok(Wanted::default()));
        let read = wanted(Some("side=320&marks=false&fps=2.5")).unwrap();
        assert_eq!((read.side, read.marks, read.fps), (320, false, 2.5));
        for wrong in [
            "side=5",
            "side=4000",
            "side=x",
            "marks=2",
            "fps=0",
            "fps=-1",
            "fps=NaN",
            "color=1",
        ] {
            assert!(wanted(Some(wrong)).is_err(), "{wrong}");
        }
    }
}
