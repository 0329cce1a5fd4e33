//! Sources as a stream's thread sees them.

use std::{sync::Arc, time::Duration};

use goshawk_pipelines::{
    DecodeSettings, Decoding, Frame, Source, SourceError, SourceRequest, SourceStats,
};
use goshawk_proto::stream::{FailureKind, VideoInfo};

/// Ends a blocked [`FrameSource::next_frame`] from another thread.
pub type StopSource = Box<dyn Fn() + Send + Sync>;

/// Why there are no frames. The message holds no credentials.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// What an operator would call it.
    pub kind: FailureKind,
    /// What happened, for people.
    pub message: String,
}

impl Failure {
    pub(super) fn other(message: &str) -> Self {
        Self {
            kind: FailureKind::Other,
            message: message.to_owned(),
        }
    }
}

impl From<SourceError> for Failure {
    fn from(error: SourceError) -> Self {
        Self {
            kind: error.kind(),
            message: error.message().to_owned(),
        }
    }
}

/// What a stream's thread needs of a source; [`Source`] is one, and tests have others.
pub trait FrameSource: Send {
    /// The next frame; `None` at the end or when stopped.
    fn next_frame(&mut self) -> Result<Option<Frame>, Failure>;
    /// Counters so far.
    fn stats(&self) -> SourceStats;
    /// How to stop it.
    fn stopper(&self) -> StopSource;
    /// What its video has turned out to be by now.
    fn video(&self) -> Option<VideoInfo> {
        None
    }
    /// Which pictures are decoded from now on; a source may give more.
    fn decode(&mut self, _: Decoding) {}
}

impl FrameSource for Box<dyn Source> {
    fn next_frame(&mut self) -> Result<Option<Frame>, Failure> {
        Ok(self.as_mut().next_frame()?)
    }

    fn stats(&self) -> SourceStats {
        self.as_ref().stats()
    }

    fn stopper(&self) -> StopSource {
        let stopper = self.as_ref().stopper();
        Box::new(move || stopper.stop())
    }

    fn video(&self) -> Option<VideoInfo> {
        self.as_ref().video()
    }

    fn decode(&mut self, decoding: Decoding) {
        self.as_mut().decode(decoding);
    }
}

/// Opens a source.
pub type OpenSource =
    Arc<dyn Fn(&SourceRequest) -> Result<Box<dyn FrameSource>, Failure> + Send + Sync>;

/// How sources are opened, where the stream does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenSettings {
    /// What decodes.
    pub decode: DecodeSettings,
    /// How long a folder is watched for new pictures after its last one.
    pub folder_linger: Duration,
}

/// Opens sources of every kind that `goshawk-pipelines` knows.
pub fn open_any(settings: OpenSettings) -> OpenSource {
    Arc::new(move |request| {
        let request = SourceRequest {
            decode: settings.decode,
            linger: settings.folder_linger,
            ..request.clone()
        };
        Ok(Box::new(goshawk_pipelines::open(&request)?))
    })
}
