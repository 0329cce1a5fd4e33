//! The one door: [`open`] and the [`Source`] behind it.

use std::sync::Arc;

use goshawk_proto::stream::SourceKind;

use crate::{
    error::SourceError, file, folder, frame::Frame, live, mailbox::Mailbox, request::SourceRequest,
};

/// Frames of one camera, file or folder, in order. Blocking: give it a thread of its own.
///
/// A source lives once. After an error or the end it is dropped, and whoever wants more frames
/// opens another: a pipeline that failed is never started again.
pub trait Source: Send {
    /// Waits for the next frame. `None` is the end of the source, or that it was stopped.
    ///
    /// # Errors
    /// As classified by [`goshawk_proto::stream::FailureKind`]; frames decoded before the failure
    /// have been given out.
    fn next_frame(&mut self) -> Result<Option<Frame>, SourceError>;

    /// A handle that ends a blocked [`Source::next_frame`] from another thread.
    fn stopper(&self) -> Stopper;

    /// Counters so far.
    fn stats(&self) -> SourceStats;
}

/// Counters of one source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SourceStats {
    /// Frames given to the caller.
    pub delivered: u64,
    /// Decoded frames of a live source that newer ones pushed out before the caller came.
    pub dropped_stale: u64,
    /// Frames of a live source that were not decoded because the decoder was too far behind.
    pub dropped_late: u64,
}

/// Stops one source; see [`Source::stopper`].
#[derive(Clone)]
pub struct Stopper(Arc<Mailbox>);

impl Stopper {
    pub(crate) fn new(mailbox: Arc<Mailbox>) -> Self {
        Self(mailbox)
    }

    /// From now on `next_frame` gives `None` at once.
    pub fn stop(&self) {
        self.0.stop();
    }
}

/// Opens a source. Live sources connect in the background and tell failures through
/// [`Source::next_frame`]; a missing file, or one that is no video, is told here.
///
/// # Errors
/// See above; also when a GStreamer plug-in is missing.
pub fn open(request: &SourceRequest) -> Result<Box<dyn Source>, SourceError> {
    match request.kind {
        SourceKind::Tcp | SourceKind::Udp => live::open(request),
        SourceKind::Videofile => file::open(request),
        SourceKind::Images => folder::open(request),
    }
}
