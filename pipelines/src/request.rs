//! What a caller asks of a source.

use std::time::Duration;

use goshawk_proto::stream::{SourceKind, StreamData};

use crate::{decode::DecodeSettings, error::SourceError, redacted::Redacted};

/// Longest wait for a frame unless the stream says otherwise.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
/// Decoded frames that wait for the caller.
const DEFAULT_QUEUE: usize = 2;
/// Width of the rendition that is taken where the stream does not say; the contract's default.
const DEFAULT_RENDITION_WIDTH: u32 = 800;

/// Clockwise turn of a picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rotation {
    /// As decoded.
    #[default]
    None,
    /// By 90 degrees.
    Cw90,
    /// By 180 degrees.
    Cw180,
    /// By 270 degrees.
    Cw270,
}

impl TryFrom<u16> for Rotation {
    type Error = SourceError;

    fn try_from(degrees: u16) -> Result<Self, SourceError> {
        match degrees {
            0 => Ok(Self::None),
            90 => Ok(Self::Cw90),
            180 => Ok(Self::Cw180),
            270 => Ok(Self::Cw270),
            other => Err(SourceError::other(format!(
                "a picture can be turned by 0, 90, 180 or 270 degrees, not by {other}"
            ))),
        }
    }
}

/// A source to open.
#[derive(Clone, Debug)]
pub struct SourceRequest {
    /// How frames arrive.
    pub kind: SourceKind,
    /// Address, path or device.
    pub reference: Redacted,
    /// Turn of the picture.
    pub rotation: Rotation,
    /// Without a decoded frame for so long the source counts as stalled.
    pub timeout: Duration,
    /// Files and folders: frames a second, as a camera would give them; 0 is as fast as the
    /// caller takes them.
    pub real_time_fps: u32,
    /// Decoder threads; 0 leaves the choice to us: one for live sources, as many as the decoder
    /// likes for files.
    pub decoder_threads: u32,
    /// What decodes.
    pub decode: DecodeSettings,
    /// Sources that offer one programme in several sizes (HLS): the one whose width in pixels is
    /// nearest is taken.
    pub rendition_width: u32,
    /// Folders: pattern of file names with `*`, `?` and numbers as in `%04d`; `None` is every
    /// picture.
    pub mask: Option<String>,
    /// Folders: how long after its last picture a folder is watched for new ones, and how long a
    /// picture that is still being written is waited for; zero is not at all.
    pub linger: Duration,
    /// Decoded frames that wait for the caller, 1 to 64. Beyond it a live source forgets its
    /// oldest frame and counts it; a file waits.
    pub queue: usize,
}

impl SourceRequest {
    /// A request with the defaults.
    pub fn new(kind: SourceKind, reference: Redacted) -> Self {
        Self {
            kind,
            reference,
            rotation: Rotation::None,
            timeout: DEFAULT_TIMEOUT,
            real_time_fps: 0,
            decoder_threads: 0,
            decode: DecodeSettings::default(),
            rendition_width: DEFAULT_RENDITION_WIDTH,
            mask: None,
            linger: Duration::ZERO,
            queue: DEFAULT_QUEUE,
        }
    }

    /// The request that a stream's specification makes.
    ///
    /// # Errors
    /// When the rotation is none of 0, 90, 180 and 270.
    pub fn from_stream(data: &StreamData, timeout: Duration) -> Result<Self, SourceError> {
        Ok(Self {
            rotation: Rotation::try_from(data.rotation)?,
            timeout,
            real_time_fps: data.real_time_mode_fps,
            decoder_threads: data.ffmpeg_threads_number,
            rendition_width: data.preferred_program_stream_frame_width,
            mask: data.mask.clone(),
            ..Self::new(data.kind, Redacted::new(&data.reference))
        })
    }

    /// Whether frames come at the source's pace and are lost when nobody takes them.
    pub fn is_live(&self) -> bool {
        matches!(self.kind, SourceKind::Tcp | SourceKind::Udp)
    }

    /// Whether it is a video device of this machine.
    pub(crate) fn is_device(&self) -> bool {
        self.is_live() && self.reference.expose().starts_with("/dev/video")
    }

    /// Whether it is read over HTTP.
    pub(crate) fn is_http(&self) -> bool {
        matches!(self.reference.scheme().as_deref(), Some("http" | "https"))
    }

    pub(crate) fn queue(&self) -> usize {
        self.queue.clamp(1, 64)
    }
}
