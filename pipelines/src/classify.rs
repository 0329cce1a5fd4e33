//! From GStreamer's errors to the kinds that an operator knows.

use goshawk_proto::stream::FailureKind;
use gstreamer::{self as gst, prelude::*};

use crate::{error::SourceError, redacted::Redacted};

/// How far a source had come when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Progress {
    /// A live source, as opposed to a file.
    pub live: bool,
    /// Frames have come.
    pub has_frames: bool,
}

/// What a pipeline may report.
#[derive(Clone, Copy)]
pub(crate) enum Trouble<'a> {
    /// An error, which ends it.
    Error(&'a gst::message::Error),
    /// The peer closed the connection without a farewell.
    Broken,
}

/// Whether rtspsrc warns that the server hung up. It ends the stream then as if it were over.
pub(crate) fn is_broken_connection(warning: &gst::message::Warning) -> bool {
    let read = warning.error().matches(gst::ResourceError::Read);
    read && warning
        .debug()
        .is_some_and(|details| details.contains("closed the connection"))
}

/// Explains a trouble of a pipeline.
pub(crate) fn explain(trouble: Trouble<'_>, address: &Redacted, progress: Progress) -> SourceError {
    let Trouble::Error(error) = trouble else {
        let kind = if progress.has_frames {
            FailureKind::Truncated
        } else {
            FailureKind::Unreachable
        };
        return SourceError::new(kind, format!("{address}: the connection broke off"));
    };
    let glib_error = error.error();
    let details = error
        .debug()
        .map(|details| details.to_string())
        .unwrap_or_default();
    tracing::debug!(
        element = error.src().map(|source| source.name().to_string()),
        error = address.scrub(glib_error.message()),
        details = address.scrub(&details),
        "a pipeline failed"
    );
    let kind = kind(&glib_error, &details, progress);
    let said = address.scrub(glib_error.message());
    SourceError::new(
        kind,
        format!("{address}: {} ({})", plain(kind, progress), said.trim()),
    )
}

fn kind(error: &gst::glib::Error, debug: &str, progress: Progress) -> FailureKind {
    if let Some(code) = rtsp_status(&format!("{} {debug}", error.message())) {
        match code {
            401 | 403 | 407 => return FailureKind::Unauthorized,
            404 | 410 | 454 => return FailureKind::NotFound,
            _ => {}
        }
    }
    if let Some(resource) = error.kind::<gst::ResourceError>() {
        return resource_kind(resource, progress);
    }
    if let Some(stream) = error.kind::<gst::StreamError>() {
        return stream_kind(stream, progress);
    }
    match error.kind::<gst::CoreError>() {
        Some(gst::CoreError::MissingPlugin) if !progress.has_frames => FailureKind::NotMedia,
        _ => FailureKind::Other,
    }
}

fn resource_kind(error: gst::ResourceError, progress: Progress) -> FailureKind {
    use gst::ResourceError as E;
    match error {
        E::NotAuthorized => FailureKind::Unauthorized,
        E::NotFound => FailureKind::NotFound,
        _ if progress.has_frames => FailureKind::Truncated,
        E::OpenRead | E::OpenWrite | E::OpenReadWrite | E::Read | E::Write | E::Busy
            if progress.live =>
        {
            FailureKind::Unreachable
        }
        _ => FailureKind::Other,
    }
}

fn stream_kind(error: gst::StreamError, progress: Progress) -> FailureKind {
    use gst::StreamError as E;
    match error {
        _ if progress.has_frames => FailureKind::Truncated,
        E::TypeNotFound
        | E::WrongType
        | E::CodecNotFound
        | E::Decode
        | E::Demux
        | E::Format
        | E::Failed => FailureKind::NotMedia,
        E::Decrypt | E::DecryptNokey => FailureKind::Unauthorized,
        _ => FailureKind::Other,
    }
}

/// The status of an RTSP or HTTP answer that a message quotes.
fn rtsp_status(text: &str) -> Option<u16> {
    ["error response: ", "response: ", "status "]
        .iter()
        .find_map(|mark| {
            let after = &text[text.find(mark)? + mark.len()..];
            let digits = after.get(..3)?;
            digits.parse().ok().filter(|code| (300..600).contains(code))
        })
}

/// What an operator is told.
pub(crate) fn plain(kind: FailureKind, progress: Progress) -> &'static str {
    match kind {
        FailureKind::Unreachable => "the host or port does not answer",
        FailureKind::Unauthorized => "user name or password refused",
        FailureKind::NotFound if progress.live => "the address has no such stream",
        FailureKind::NotFound => "no such file",
        FailureKind::NotMedia => "not a video that can be read",
        FailureKind::Stalled => "no frame within the time allowed",
        FailureKind::Truncated if progress.live => "the connection broke off",
        FailureKind::Truncated => "the file ends in the middle",
        FailureKind::Other => "failed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(error: gst::glib::Error, debug: &str, live: bool, has_frames: bool) -> FailureKind {
        kind(&error, debug, Progress { live, has_frames })
    }

    #[test]
    fn errors_are_sorted_as_an_operator_would() {
        use gst::{ResourceError as R, StreamError as S, glib::Error};
        let resource = |code| Error::new::<R>(code, "x");
        let stream = |code| Error::new::<S>(code, "x");
        assert_eq!(
            check(resource(R::OpenRead), "", true, false),
            FailureKind::Unreachable
        );
        assert_eq!(
            check(resource(R::OpenReadWrite), "", true, false),
            FailureKind::Unreachable
        );
        assert_eq!(
            check(resource(R::NotAuthorized), "", true, false),
            FailureKind::Unauthorized
        );
        assert_eq!(
            check(resource(R::NotFound), "", true, false),
            FailureKind::NotFound
        );
        assert_eq!(
            check(resource(R::Read), "", true, true),
            FailureKind::Truncated
        );
        assert_eq!(
            check(stream(S::TypeNotFound), "", false, false),
            FailureKind::NotMedia
        );
        assert_eq!(
            check(stream(S::Demux), "", false, true),
            FailureKind::Truncated
        );
        let forbidden = "Got error response: 403 (Forbidden).";
        assert_eq!(
            check(resource(R::Read), forbidden, true, false),
            FailureKind::Unauthorized
        );
    }
}
