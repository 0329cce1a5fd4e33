//! Live sources: RTSP cameras, HTTP streams and local video devices.

use std::{sync::Arc, time::Duration};

use goshawk_proto::stream::{FailureKind, SourceKind};
use gstreamer::{self as gst, prelude::*};

use crate::{
    classify::{self, Progress},
    clock::FrameClock,
    error::SourceError,
    frame::Frame,
    mailbox::{Mailbox, WhenFull},
    plugins,
    redacted::Redacted,
    request::SourceRequest,
    rtsp,
    session::{self, Session},
    source::{Source, SourceStats, Stopper},
};

struct LiveSource {
    session: Session,
    address: Redacted,
    timeout: Duration,
}

/// Builds the pipeline and starts to connect.
pub(crate) fn open(request: &SourceRequest) -> Result<Box<dyn Source>, SourceError> {
    let mailbox = Arc::new(Mailbox::new(request.queue(), WhenFull::DropOldest));
    let (address, seen) = (request.reference.clone(), Arc::clone(&mailbox));
    let session = Session::new(mailbox, move |error| {
        let progress = Progress {
            live: true,
            has_frames: seen.has_frames(),
        };
        classify::explain(error, &address, progress)
    })?;
    match request.reference.scheme().as_deref() {
        Some("rtsp" | "rtsps" | "rtspt" | "rtspu") => rtsp::build(&session, request)?,
        Some("http" | "https") if request.kind == SourceKind::Tcp => build_http(&session, request)?,
        None if request.reference.expose().starts_with("/dev/video") => {
            build_device(&session, request)?;
        }
        _ => {
            return Err(SourceError::new(
                FailureKind::NotMedia,
                format!(
                    "{}: a live source is rtsp://, rtsps://, http://, https:// or /dev/videoN",
                    request.reference
                ),
            ));
        }
    }
    session.start()?;
    let (address, timeout) = (request.reference.clone(), request.timeout);
    Ok(Box::new(LiveSource {
        session,
        address,
        timeout,
    }))
}

fn build_http(session: &Session, request: &SourceRequest) -> Result<(), SourceError> {
    let source = plugins::make("uridecodebin")?;
    source.set_property("uri", request.reference.expose());
    // What comes over HTTP may be a recording: the clock keeps it from running at full speed.
    decode(session, request, &source, true)?;
    session
        .pipeline
        .add(&source)
        .map_err(|_| SourceError::other("the pipeline refuses its source"))
}

fn build_device(session: &Session, request: &SourceRequest) -> Result<(), SourceError> {
    let (source, decoder) = (plugins::make("v4l2src")?, plugins::make("decodebin")?);
    source.set_property("device", request.reference.expose());
    decode(session, request, &decoder, false)?;
    session.add_row(&[&source, &decoder])
}

/// Connects an automatic decoder to the end of the pipeline.
fn decode(
    session: &Session,
    request: &SourceRequest,
    decoder: &gst::Element,
    paced_by_clock: bool,
) -> Result<(), SourceError> {
    let bin = session.pipeline.upcast_ref();
    let mailbox = &session.mailbox;
    let end = session::end_in_mailbox(bin, mailbox, request, FrameClock::live(), paced_by_clock)?;
    decoder.set_property("force-sw-decoders", true);
    let mailbox = Arc::clone(mailbox);
    decoder.connect_pad_added(move |_, pad| {
        mailbox.contact();
        session::link_first_video(pad, &end);
    });
    Ok(())
}

impl Source for LiveSource {
    fn next_frame(&mut self) -> Result<Option<Frame>, SourceError> {
        self.session.mailbox.take(self.timeout).map_err(|error| {
            // The watchdog does not know whom it watches.
            let named = error.message().starts_with(&self.address.to_string());
            if named {
                return error;
            }
            SourceError::new(error.kind(), format!("{}: {error}", self.address))
        })
    }

    fn stopper(&self) -> Stopper {
        Stopper::new(Arc::clone(&self.session.mailbox))
    }

    fn stats(&self) -> SourceStats {
        self.session.mailbox.stats()
    }
}
