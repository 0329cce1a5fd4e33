//! The one door: [`open`] and the [`Source`] behind it.

use std::sync::Arc;

use goshawk_proto::stream::{SourceKind, VideoInfo};

use crate::{
    attempts, decode::Decoding, error::SourceError, folder, frame::Frame, mailbox::Mailbox,
    request::SourceRequest,
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

    /// What the video has turned out to be by now; `None` before the first frame.
    fn video(&self) -> Option<VideoInfo>;

    /// Which pictures are decoded from now on. Only live sources follow: of a file every frame
    /// is wanted.
    fn decode(&mut self, decoding: Decoding);
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
pub struct Stopper(Arc<dyn Fn() + Send + Sync>);

impl Stopper {
    /// A handle that does `stop`.
    pub(crate) fn new(stop: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(stop))
    }

    pub(crate) fn of(mailbox: &Arc<Mailbox>) -> Self {
        let mailbox = Arc::clone(mailbox);
        Self::new(move || mailbox.stop())
    }

    /// From now on `next_frame` gives `None` at once.
    pub fn stop(&self) {
        (self.0)();
    }
}

/// Opens a source. Live sources connect in the background and tell failures through
/// [`Source::next_frame`]; a missing file, or one that is no video, is told here.
///
/// # Errors
/// See above; also when a GStreamer plug-in is missing.
pub fn open(request: &SourceRequest) -> Result<Box<dyn Source>, SourceError> {
    match request.kind {
        SourceKind::Tcp | SourceKind::Udp | SourceKind::Videofile => attempts::open(request),
        SourceKind::Images => folder::open(request),
    }
}
