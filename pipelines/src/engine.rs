//! What the kinds of source need of an engine that decodes for them.

use std::{sync::Arc, time::Duration};

use crate::{
    classify::{self, Progress},
    decode::Engine,
    error::SourceError,
    ffmpeg::Reader,
    mailbox::{Mailbox, WhenFull},
    request::SourceRequest,
    session::Session,
};

/// Something that decodes into a mailbox until it is dropped.
pub(crate) trait Running: Send {
    /// Where its frames, its error and its end arrive.
    fn mailbox(&self) -> &Arc<Mailbox>;

    /// Length of the media, once it is known.
    fn duration(&self) -> Option<Duration>;
}

/// Starts the engine that a request names; `build` makes GStreamer's pipeline.
pub(crate) fn start(
    request: &SourceRequest,
    build: impl FnOnce(&Session) -> Result<(), SourceError>,
) -> Result<Box<dyn Running>, SourceError> {
    let live = request.is_live();
    let when_full = if live {
        WhenFull::DropOldest
    } else {
        WhenFull::Wait
    };
    let mailbox = Arc::new(Mailbox::new(request.queue(), when_full));
    if request.decode.engine == Engine::Ffmpeg {
        return Ok(Box::new(Reader::start(request, mailbox)?));
    }
    let (address, seen) = (request.reference.clone(), Arc::clone(&mailbox));
    let session = Session::new(mailbox, move |error| {
        let has_frames = seen.has_frames();
        classify::explain(error, &address, Progress { live, has_frames })
    })?;
    build(&session)?;
    session.start()?;
    Ok(Box::new(session))
}
