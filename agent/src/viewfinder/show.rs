//! Pictures for one viewer, at its pace.

use std::time::Duration;

use goshawk_models::JpegError;
use goshawk_proto::{event::Jpeg, link::preview::MAX_SIDE, time::Timestamp};
use tokio::time::{Instant, sleep_until, timeout};

use super::{MIN_SIDE, Viewer, Viewfinder};

/// Longest side of a preview where nobody says.
const DEFAULT_SIDE: u32 = 960;

/// What pictures somebody wants.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wanted {
    /// Longest side in pixels; smaller frames are not enlarged.
    pub side: u32,
    /// Boxes and track ids.
    pub marks: bool,
    /// Pictures a second; no more than the settings allow are made.
    pub fps: f32,
}

impl Default for Wanted {
    fn default() -> Self {
        Self {
            side: DEFAULT_SIDE,
            marks: true,
            fps: f32::INFINITY,
        }
    }
}

/// A picture.
#[derive(Clone, Debug)]
pub struct Picture {
    /// The file.
    pub jpeg: Jpeg,
    /// When its frame was captured.
    pub captured_at: Timestamp,
}

/// Why there are no more pictures.
#[derive(Debug, thiserror::Error)]
pub enum Over {
    /// The stream is no longer assigned, or the agent stops.
    #[error("the stream is no longer here")]
    Gone,
    /// No frame came for so long.
    #[error("the stream has given no frame for {0:?}")]
    NoFrames(Duration),
    /// The frame cannot be a picture.
    #[error(transparent)]
    Jpeg(#[from] JpegError),
    /// Painting panicked; a defect.
    #[error("the picture could not be made")]
    Failed,
}

/// Pictures of one stream for one viewer.
pub struct Show {
    viewfinder: Viewfinder,
    viewer: Viewer,
    wanted: Wanted,
    period: Duration,
    next_at: Instant,
}

impl Show {
    pub(super) fn new(viewfinder: Viewfinder, viewer: Viewer, wanted: Wanted) -> Self {
        let fps = wanted.fps.min(viewfinder.settings().max_fps).max(0.01);
        let side = wanted.side.clamp(MIN_SIDE, MAX_SIDE);
        Self {
            viewfinder,
            viewer,
            wanted: Wanted { side, ..wanted },
            period: Duration::from_secs_f32(fps.recip()),
            next_at: Instant::now(),
        }
    }

    /// The next picture: of the newest frame, not before its time, with at most `patience` for a
    /// frame to come.
    pub async fn next(&mut self, patience: Duration) -> Result<Picture, Over> {
        sleep_until(self.next_at).await;
        let view = match timeout(patience, self.viewer.look()).await {
            Ok(Some(view)) => view,
            Ok(None) => return Err(Over::Gone),
            Err(_) => return Err(Over::NoFrames(patience)),
        };
        self.next_at = Instant::now() + self.period;
        let captured_at = view.frame.captured_at();
        let jpeg = self.viewfinder.paint(view, self.wanted).await?;
        Ok(Picture { jpeg, captured_at })
    }
}
