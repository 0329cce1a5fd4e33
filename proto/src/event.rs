//! The event envelope: one self-contained record that travels from the edge to the store.
//!
//! On disk and on the wire it is MessagePack with named fields. Within one major version an
//! unknown field is skipped and a missing optional field takes its default, so an older
//! coordinator accepts a newer agent and the other way round.

use serde::{Deserialize, Serialize};

use crate::{
    descriptor::Descriptor,
    detection::{BasicAttributes, FaceQuality, HeadPose, Landmarks5, Liveness},
    geometry::{Rect, Size},
    id::{EventId, StreamId, TrackId},
    score::Score,
    stream::Location,
    time::Timestamp,
};

/// Major version of the envelope that this code writes and reads.
pub const ENVELOPE_VERSION: u16 = 1;
/// Largest encoded event in bytes; a larger one is refused on both sides.
pub const MAX_EVENT_BYTES: usize = 16 << 20;

/// A JPEG picture.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jpeg {
    /// Size in pixels.
    pub size: Size,
    /// The file's bytes.
    #[serde(with = "serde_bytes")]
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for Jpeg {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Jpeg({}x{}, {} bytes)",
            self.size.width,
            self.size.height,
            self.bytes.len()
        )
    }
}

/// Why an event was sent when it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SendReason {
    /// The track ended.
    TrackEnd,
    /// The search period of a track that goes on ran out.
    Period,
    /// The stream was stopped or updated with the track still open.
    StreamEnd,
}

/// Why a shot was picked as the best of its track.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShotReason {
    /// The first acceptable shot of the track, and none better came.
    #[default]
    First,
    /// Better than every earlier one.
    BetterQuality,
}

/// A picked shot of a face.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FaceShot {
    /// When the frame was captured.
    pub detect_time: Timestamp,
    /// Number of the frame in its run of the stream, from 0.
    pub frame_number: u64,
    /// Box in source pixels.
    pub rect: Rect,
    /// Five points in source pixels.
    pub landmarks: Landmarks5,
    /// The detector's certainty.
    pub score: Score,
    /// Where the head looks.
    pub head_pose: HeadPose,
    /// How fit the picture is for recognition.
    pub quality: FaceQuality,
    /// The number by which shots of a track were compared, higher is better.
    pub shot_score: Score,
    /// Why this shot.
    pub reason: ShotReason,
    /// The aligned face; `None` where no picture may leave the site.
    #[serde(default)]
    pub warp: Option<Jpeg>,
    /// When the camera says it captured the frame, where it tells.
    #[serde(default)]
    pub source_time: Option<Timestamp>,
    /// Descriptor extracted at the edge.
    #[serde(default)]
    pub descriptor: Option<Descriptor>,
    /// Age and gender estimated at the edge.
    #[serde(default)]
    pub attributes: Option<BasicAttributes>,
}

/// A picked shot of a body.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BodyShot {
    /// When the frame was captured.
    pub detect_time: Timestamp,
    /// Number of the frame in its run of the stream, from 0.
    pub frame_number: u64,
    /// Box in source pixels.
    pub rect: Rect,
    /// The detector's certainty.
    pub score: Score,
    /// The number by which shots of a track were compared, higher is better.
    #[serde(default)]
    pub shot_score: Score,
    /// Why this shot.
    #[serde(default)]
    pub reason: ShotReason,
    /// The cut-out body; `None` where no picture may leave the site.
    #[serde(default)]
    pub warp: Option<Jpeg>,
    /// When the camera says it captured the frame, where it tells.
    #[serde(default)]
    pub source_time: Option<Timestamp>,
    /// Descriptor extracted at the edge.
    #[serde(default)]
    pub descriptor: Option<Descriptor>,
}

/// One event: what was seen of one track.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// [`ENVELOPE_VERSION`] of the writer.
    pub envelope: u16,
    /// Made at the edge; the idempotency key from here to the subscriber.
    pub event_id: EventId,
    /// The stream that saw it.
    pub stream_id: StreamId,
    /// Version of the stream's specification in force.
    pub stream_version: u64,
    /// Which of the stream's analyses made it: its place in `analytics`, from 0.
    #[serde(default)]
    pub analysis: u16,
    /// The track.
    pub track_id: TrackId,
    /// Capture time of the track's first frame.
    pub track_start: Timestamp,
    /// Capture time of the track's last frame so far.
    pub track_end: Timestamp,
    /// When the agent decided to send it.
    pub decided_at: Timestamp,
    /// Why it was sent.
    pub reason: SendReason,
    /// Size of the source frames.
    pub source_size: Size,
    /// Best face shots, best first.
    #[serde(default)]
    pub faces: Vec<FaceShot>,
    /// Best body shots, best first.
    #[serde(default)]
    pub bodies: Vec<BodyShot>,
    /// The liveness vote over the track.
    #[serde(default)]
    pub liveness: Liveness,
    /// The whole frame of the best face shot or, in an event without faces, of the best body shot.
    #[serde(default)]
    pub full_frame: Option<Jpeg>,
    /// The whole frame of the best body shot, where it is another frame than that of the best face.
    #[serde(default)]
    pub body_frame: Option<Jpeg>,
    /// Name of the stream.
    #[serde(default)]
    pub source: String,
    /// Where the camera is.
    #[serde(default)]
    pub location: Option<Location>,
    /// Tags given by the stream's configuration.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Free text given by the stream's configuration.
    #[serde(default)]
    pub user_data: Option<String>,
}

/// Why bytes are no event.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Longer than [`MAX_EVENT_BYTES`].
    #[error("an event of {0} bytes is over the limit of {MAX_EVENT_BYTES}")]
    TooLarge(usize),
    /// Not MessagePack, or fields missing or of a wrong type.
    #[error("not an event: {0}")]
    Malformed(#[from] rmp_serde::decode::Error),
    /// Written by another major version.
    #[error("event envelope version {0} is not supported, want {ENVELOPE_VERSION}")]
    Version(u16),
}

impl Event {
    /// The record's bytes. Fails only when the event is over [`MAX_EVENT_BYTES`].
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        let bytes = rmp_serde::to_vec_named(self)?;
        if bytes.len() > MAX_EVENT_BYTES {
            return Err(EncodeError::TooLarge(bytes.len()));
        }
        Ok(bytes)
    }

    /// Reads a record; the version is checked before the fields.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        #[derive(Deserialize)]
        struct Head {
            envelope: u16,
        }
        if bytes.len() > MAX_EVENT_BYTES {
            return Err(DecodeError::TooLarge(bytes.len()));
        }
        let head: Head = rmp_serde::from_slice(bytes)?;
        if head.envelope != ENVELOPE_VERSION {
            return Err(DecodeError::Version(head.envelope));
        }
        Ok(rmp_serde::from_slice(bytes)?)
    }
}

/// Why an event cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// Longer than [`MAX_EVENT_BYTES`].
    #[error("an event of {0} bytes is over the limit of {MAX_EVENT_BYTES}")]
    TooLarge(usize),
    /// The encoder failed.
    #[error("event cannot be encoded: {0}")]
    Encoder(#[from] rmp_serde::encode::Error),
}
