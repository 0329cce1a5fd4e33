//! The second engine: FFmpeg, on a thread of its own.
//!
//! It knows containers and codecs that GStreamer lacks plug-ins for, and needs none installed.
//! It reads files, HTTP (with HLS) and RTSP; its frames have the same clock, order and errors.

mod arrivals;
mod fault;
mod input;
mod pictures;
mod reader;

use std::{sync::Arc, thread::JoinHandle, time::Duration};

use crate::{engine::Running, error::SourceError, mailbox::Mailbox, request::SourceRequest};

/// A thread that reads and decodes one source into a mailbox. Dropping it stops and joins it.
pub(crate) struct Reader {
    mailbox: Arc<Mailbox>,
    thread: Option<JoinHandle<()>>,
}

impl Reader {
    /// Starts to read.
    pub fn start(request: &SourceRequest, mailbox: Arc<Mailbox>) -> Result<Self, SourceError> {
        input::initialise()?;
        let work = reader::Work::new(request, Arc::clone(&mailbox))?;
        let thread = std::thread::Builder::new()
            .name("ffmpeg".to_owned())
            .spawn(move || work.run())
            .map_err(|error| SourceError::other(format!("no thread to decode in: {error}")))?;
        Ok(Self {
            mailbox,
            thread: Some(thread),
        })
    }
}

impl Running for Reader {
    fn mailbox(&self) -> &Arc<Mailbox> {
        &self.mailbox
    }

    fn duration(&self) -> Option<Duration> {
        // The thread has told the gauge already, if there is any.
        None
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.mailbox.stop();
        if self
            .thread
            .take()
            .is_some_and(|thread| thread.join().is_err())
        {
            tracing::error!("FFmpeg's thread panicked");
        }
    }
}
