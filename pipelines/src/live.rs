//! Live sources: RTSP cameras, HTTP streams and local video devices.

use std::time::Duration;

use goshawk_proto::stream::{FailureKind, SourceKind, VideoInfo};
use gstreamer::prelude::*;

use crate::{
    automatic,
    clock::FrameClock,
    decode::Decoding,
    engine::{self, Running},
    error::SourceError,
    frame::Frame,
    plugins,
    redacted::Redacted,
    request::SourceRequest,
    rtsp,
    session::Session,
    source::{Source, SourceStats, Stopper},
};

struct LiveSource {
    engine: Box<dyn Running>,
    address: Redacted,
    timeout: Duration,
}

/// Builds the pipeline and starts to connect.
pub(crate) fn open(request: &SourceRequest) -> Result<Box<dyn Source>, SourceError> {
    let rtsp = is_rtsp(request);
    let http = request.is_http() && request.kind == SourceKind::Tcp;
    if !rtsp && !http && !request.is_device() {
        return Err(SourceError::new(
            FailureKind::NotMedia,
            format!(
                "{}: a live source is rtsp://, rtsps://, http://, https:// or /dev/videoN",
                request.reference
            ),
        ));
    }
    let engine = engine::start(request, |session| {
        if rtsp {
            rtsp::build(session, request)
        } else if http {
            // What comes over HTTP may be a recording: the clock keeps it from running at full
            // speed.
            automatic::build_http(session, request, FrameClock::live(), true)
        } else {
            build_device(session, request)
        }
    })?;
    Ok(Box::new(LiveSource {
        engine,
        address: request.reference.clone(),
        timeout: request.timeout,
    }))
}

/// Whether it is a camera that speaks RTSP.
pub(crate) fn is_rtsp(request: &SourceRequest) -> bool {
    let scheme = request.reference.scheme();
    matches!(
        scheme.as_deref(),
        Some("rtsp" | "rtsps" | "rtspt" | "rtspu")
    )
}

fn build_device(session: &Session, request: &SourceRequest) -> Result<(), SourceError> {
    let (source, decoder) = (plugins::make("v4l2src")?, plugins::make("decodebin")?);
    source.set_property("device", request.reference.expose());
    automatic::decode(session, request, &decoder, (FrameClock::live(), false))?;
    session.add_row(&[&source, &decoder])
}

impl Source for LiveSource {
    fn next_frame(&mut self) -> Result<Option<Frame>, SourceError> {
        self.engine.mailbox().take(self.timeout).map_err(|error| {
            // The watchdog does not know whom it watches.
            let named = error.message().starts_with(&self.address.to_string());
            if named {
                return error;
            }
            SourceError::new(error.kind(), format!("{}: {error}", self.address))
        })
    }

    fn stopper(&self) -> Stopper {
        Stopper::of(self.engine.mailbox())
    }

    fn stats(&self) -> SourceStats {
        self.engine.mailbox().stats()
    }

    fn video(&self) -> Option<VideoInfo> {
        self.engine.mailbox().gauge().video()
    }

    fn decode(&mut self, decoding: Decoding) {
        self.engine.mailbox().want(decoding);
    }
}
