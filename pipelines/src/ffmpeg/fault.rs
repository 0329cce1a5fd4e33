//! FFmpeg's errors, sorted as an operator would.

use ffmpeg_next::{
    Error,
    error::{
        EACCES, ECONNREFUSED, ECONNRESET, EHOSTUNREACH, EIO, EISDIR, ENETUNREACH, ENOENT, EPIPE,
        ETIMEDOUT,
    },
};
use goshawk_proto::stream::FailureKind;

use crate::{classify::Progress, error::SourceError, redacted::Redacted};

/// The error of a source, for an operator.
pub(super) fn explain(error: Error, address: &Redacted, progress: Progress) -> SourceError {
    let kind = kind(error, progress);
    let said = address.scrub(&error.to_string());
    let plain = crate::classify::plain(kind, progress);
    SourceError::new(kind, format!("{address}: {plain} ({said})"))
}

fn kind(error: Error, progress: Progress) -> FailureKind {
    match error {
        Error::HttpUnauthorized | Error::HttpForbidden => FailureKind::Unauthorized,
        Error::HttpNotFound | Error::HttpOther4xx => FailureKind::NotFound,
        // A wait that was broken off.
        Error::Exit if progress.has_frames => FailureKind::Stalled,
        Error::Exit => FailureKind::Unreachable,
        _ if progress.has_frames => FailureKind::Truncated,
        Error::HttpServerError => FailureKind::Unreachable,
        Error::InvalidData
        | Error::Eof
        | Error::StreamNotFound
        | Error::DecoderNotFound
        | Error::DemuxerNotFound
        | Error::ProtocolNotFound => FailureKind::NotMedia,
        Error::Other { errno } => system(errno, progress),
        _ => FailureKind::Other,
    }
}

fn system(errno: i32, progress: Progress) -> FailureKind {
    match errno {
        ENOENT | EACCES | EISDIR => FailureKind::NotFound,
        ECONNREFUSED | ECONNRESET | EHOSTUNREACH | ENETUNREACH | ETIMEDOUT | EPIPE => {
            FailureKind::Unreachable
        }
        // What a name that does not resolve gives, among others.
        EIO if progress.live => FailureKind::Unreachable,
        _ => FailureKind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_sorted_like_gstreamers() {
        let sorted = |error, live, has_frames| kind(error, Progress { live, has_frames });
        let system = |errno| Error::Other { errno };
        for (error, live, has_frames, expect) in [
            (
                Error::HttpUnauthorized,
                true,
                false,
                FailureKind::Unauthorized,
            ),
            (Error::HttpNotFound, false, false, FailureKind::NotFound),
            (Error::InvalidData, false, false, FailureKind::NotMedia),
            (Error::InvalidData, false, true, FailureKind::Truncated),
            (system(ECONNREFUSED), true, false, FailureKind::Unreachable),
            (system(EIO), true, false, FailureKind::Unreachable),
            (system(ECONNRESET), true, true, FailureKind::Truncated),
            (system(ENOENT), false, false, FailureKind::NotFound),
            (Error::Exit, true, true, FailureKind::Stalled),
        ] {
            assert_eq!(sorted(error, live, has_frames), expect, "{error}");
        }
    }

    #[test]
    fn errors_quote_no_secrets() {
        let address = Redacted::new("rtsp://u:hunter@host/x");
        let progress = Progress {
            live: true,
            has_frames: false,
        };
        let error = explain(Error::InvalidData, &address, progress);
        assert!(!error.message().contains("hunter"), "{error}");
        assert!(error.message().contains("host"), "{error}");
    }
}
