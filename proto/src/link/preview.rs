//! Looking through a camera: the one stream that the coordinator opens.
//!
//! The coordinator opens a stream, writes one [`PreviewRequest`] frame and ends its side. The agent
//! answers with a [`PreviewReply::Picture`] frame and exactly [`PictureHead::bytes`] bytes of JPEG,
//! once or, for a live preview, again and again until the coordinator stops reading; or with one
//! [`PreviewReply::None`]. Pictures are never queued: one that the reader is too slow for is not
//! made. Only agents with the capability [`CAPABILITY`] understand it.

use serde::{Deserialize, Serialize};

use super::codec::{MAX_HEAD_BYTES, messages};
use crate::{geometry::Size, id::StreamId, time::Timestamp};

/// The word in [`super::Hello::capabilities`].
pub const CAPABILITY: &str = "preview";
/// Previews that one connection carries at a time.
pub const MAX_PREVIEWS: u32 = 8;
/// Largest picture of a preview in bytes.
pub const MAX_PICTURE_BYTES: usize = 4 << 20;
/// Largest side of a preview's pictures in pixels.
pub const MAX_SIDE: u32 = 1920;

/// What is to be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviewRequest {
    /// The stream.
    pub stream_id: StreamId,
    /// Pictures until the reader goes, rather than one.
    #[serde(default)]
    pub live: bool,
    /// Whether boxes and track ids are drawn.
    #[serde(default)]
    pub marks: bool,
    /// Longest side of the pictures, at most [`MAX_SIDE`].
    pub max_side: u32,
}

/// A picture follows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PictureHead {
    /// Bytes of JPEG that follow, at most [`MAX_PICTURE_BYTES`].
    pub bytes: u32,
    /// Its size.
    pub size: Size,
    /// When it was captured.
    pub captured_at: Timestamp,
}

/// There is nothing to be seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoPicture {
    /// Why, for people.
    #[serde(default)]
    pub reason: String,
}

messages! {
    /// What the coordinator asks.
    pub enum PreviewMessage (limit MAX_HEAD_BYTES) {
        /// Show a stream.
        Show(PreviewRequest) = "show",
    }
}

messages! {
    /// What the agent answers.
    pub enum PreviewReply (limit MAX_HEAD_BYTES) {
        /// A picture follows.
        Picture(PictureHead) = "picture",
        /// There is none, and none will come.
        None(NoPicture) = "none",
    }
}
