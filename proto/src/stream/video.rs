//! What is known of a source's video.

use serde::{Deserialize, Serialize};

use crate::{geometry::Size, time::Timestamp};

/// What an agent found out about a source. What it cannot know yet is `None`, never a guess.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct VideoInfo {
    /// Of the frames as they are analysed, after rotation, in pixels.
    pub size: Size,
    /// Frames a second, as they come rather than as declared.
    #[serde(default)]
    pub frame_rate: Option<f32>,
    /// Bits a second of the compressed video.
    #[serde(default)]
    pub bit_rate: Option<u64>,
    /// Frames from one key frame to the next, the first included.
    #[serde(default)]
    pub gop_size: Option<u32>,
    /// When this run of the source began.
    pub start_time: Timestamp,
    /// Of a file or folder with an end, in seconds.
    #[serde(default)]
    pub duration: Option<f64>,
    /// How much of it is done, 0 to 1.
    #[serde(default)]
    pub progress: Option<f64>,
}
