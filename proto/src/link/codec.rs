//! Framing and envelopes of the link.
//!
//! Every message is one **frame**: a big-endian `u32` length and that many bytes. The bytes are a
//! MessagePack map `{kind, body}` in which `body` is again MessagePack with named fields, kept as
//! an opaque byte string. So a reader learns the kind first, skips kinds that it does not know and
//! within a known kind skips fields that it does not know; that is what lets versions differ.
//!
//! [`FrameReader`] never reserves memory for a length that was only announced.

use bytes::{Buf, Bytes, BytesMut};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// Bytes of a frame's length field.
pub const FRAME_HEADER_BYTES: usize = 4;
/// Largest frame on the control stream once the peer is known: 4 MiB, over a thousand streams.
pub const MAX_CONTROL_BYTES: usize = 4 << 20;
/// Largest first frame of a peer, push head, push reply and enrolment frame: 64 KiB.
pub const MAX_HEAD_BYTES: usize = 64 << 10;
/// Longest name of a message kind in bytes.
const MAX_KIND_BYTES: usize = 64;

/// Why bytes are no message, or a message cannot become bytes.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// The announced or made frame is over the limit of its place.
    #[error("a frame of {bytes} bytes is over the limit of {limit}")]
    TooLarge {
        /// Size of the frame's body.
        bytes: usize,
        /// What is allowed here.
        limit: usize,
    },
    /// A frame of length zero.
    #[error("an empty frame")]
    Empty,
    /// Not a `{kind, body}` map, or a kind of absurd length.
    #[error("not an envelope: {0}")]
    Envelope(String),
    /// A known kind with a body that is not what the kind promises.
    #[error("malformed `{kind}` message: {reason}")]
    Body {
        /// The message's kind.
        kind: &'static str,
        /// What the decoder says.
        reason: String,
    },
    /// The encoder failed.
    #[error("a `{kind}` message cannot be encoded: {reason}")]
    Encode {
        /// The message's kind.
        kind: String,
        /// What the encoder says.
        reason: String,
    },
}

#[derive(Serialize, Deserialize)]
struct Envelope<'a> {
    kind: &'a str,
    #[serde(with = "serde_bytes", default)]
    body: &'a [u8],
}

/// One whole frame, header included, with `body` as a `kind` message.
pub(crate) fn encode<T: Serialize>(
    kind: &str,
    body: &T,
    limit: usize,
) -> Result<Bytes, CodecError> {
    let fail = |e: rmp_serde::encode::Error| CodecError::Encode {
        kind: kind.to_owned(),
        reason: e.to_string(),
    };
    let body = rmp_serde::to_vec_named(body).map_err(fail)?;
    let frame = rmp_serde::to_vec_named(&Envelope { kind, body: &body }).map_err(fail)?;
    if frame.len() > limit {
        return Err(CodecError::TooLarge {
            bytes: frame.len(),
            limit,
        });
    }
    let length = u32::try_from(frame.len()).map_err(|_| CodecError::TooLarge {
        bytes: frame.len(),
        limit: u32::MAX as usize,
    })?;
    let mut bytes = Vec::with_capacity(FRAME_HEADER_BYTES + frame.len());
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(&frame);
    Ok(bytes.into())
}

/// Kind and body of a frame that came without its header.
pub(crate) fn open(frame: &[u8]) -> Result<(&str, &[u8]), CodecError> {
    let envelope: Envelope<'_> =
        rmp_serde::from_slice(frame).map_err(|e| CodecError::Envelope(e.to_string()))?;
    if envelope.kind.is_empty() || envelope.kind.len() > MAX_KIND_BYTES {
        return Err(CodecError::Envelope(format!(
            "a kind of {} bytes",
            envelope.kind.len()
        )));
    }
    Ok((envelope.kind, envelope.body))
}

/// The body of a known kind.
pub(crate) fn body<T: DeserializeOwned>(kind: &'static str, body: &[u8]) -> Result<T, CodecError> {
    rmp_serde::from_slice(body).map_err(|e| CodecError::Body {
        kind,
        reason: e.to_string(),
    })
}

/// Cuts a byte stream into frames.
#[derive(Debug)]
pub struct FrameReader {
    buffer: BytesMut,
    limit: usize,
}

impl FrameReader {
    /// A reader that refuses frames over `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            buffer: BytesMut::new(),
            limit,
        }
    }

    /// Raises or lowers the limit for frames not yet cut, for example after a first message.
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Takes bytes as they came.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole frame without its header; `None` until more bytes come. After an error the
    /// stream has no meaning any more and must be given up.
    pub fn next_frame(&mut self) -> Result<Option<Bytes>, CodecError> {
        let Some(header) = self.buffer.first_chunk::<FRAME_HEADER_BYTES>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes(*header) as usize;
        if length == 0 {
            return Err(CodecError::Empty);
        }
        if length > self.limit {
            return Err(CodecError::TooLarge {
                bytes: length,
                limit: self.limit,
            });
        }
        if self.buffer.len() < FRAME_HEADER_BYTES + length {
            return Ok(None);
        }
        self.buffer.advance(FRAME_HEADER_BYTES);
        Ok(Some(self.buffer.split_to(length).freeze()))
    }

    /// Bytes that came after the last whole frame; the reader is empty afterwards.
    pub fn take_rest(&mut self) -> Bytes {
        self.buffer.split().freeze()
    }

    /// Whether no bytes of a started frame are waiting.
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }
}

/// Declares one direction's messages: an enum with a variant per kind and one for unknown kinds.
macro_rules! messages {
    (
        $(#[$doc:meta])*
        pub enum $name:ident (limit $limit:expr) {
            $($(#[$variant_doc:meta])* $variant:ident($body:ty) = $kind:literal,)*
        }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq)]
        pub enum $name {
            $($(#[$variant_doc])* $variant($body),)*
            /// A kind that this version does not know: to be skipped and counted.
            Unknown(String),
        }

        impl $name {
            /// Largest frame of these messages in bytes.
            pub const LIMIT: usize = $limit;

            /// One whole frame, header included.
            pub fn encode(&self) -> Result<bytes::Bytes, $crate::link::codec::CodecError> {
                match self {
                    $(Self::$variant(body) => $crate::link::codec::encode($kind, body, Self::LIMIT),)*
                    Self::Unknown(kind) => $crate::link::codec::encode(kind, &(), Self::LIMIT),
                }
            }

            /// Reads a frame that came without its header.
            pub fn decode(frame: &[u8]) -> Result<Self, $crate::link::codec::CodecError> {
                let (kind, body) = $crate::link::codec::open(frame)?;
                match kind {
                    $($kind => $crate::link::codec::body($kind, body).map(Self::$variant),)*
                    other => Ok(Self::Unknown(other.to_owned())),
                }
            }
        }
    };
}
pub(crate) use messages;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_out_whatever_the_cuts() {
        let mut bytes = encode("a", &1u8, 100).unwrap().to_vec();
        bytes.extend_from_slice(&encode("b", &"two", 100).unwrap());
        for step in 1..bytes.len() {
            let mut reader = FrameReader::new(100);
            let mut kinds = Vec::new();
            for chunk in bytes.chunks(step) {
                reader.push(chunk);
                while let Some(frame) = reader.next_frame().unwrap() {
                    kinds.push(open(&frame).unwrap().0.to_owned());
                }
            }
            assert_eq!(kinds, ["a", "b"], "step {step}");
            assert!(reader.is_empty());
        }
    }

    #[test]
    fn lengths_over_the_limit_are_refused_before_the_bytes_come() {
        let mut reader = FrameReader::new(1_000);
        reader.push(&u32::MAX.to_be_bytes());
        assert!(matches!(
            reader.next_frame(),
            Err(CodecError::TooLarge { limit: 1_000, .. })
        ));
        let mut reader = FrameReader::new(1_000);
        reader.push(&[0; 4]);
        assert!(matches!(reader.next_frame(), Err(CodecError::Empty)));
        assert!(matches!(
            encode("a", &vec![0u8; 200], 100),
            Err(CodecError::TooLarge { .. })
        ));
    }

    #[test]
    fn kinds_of_absurd_length_are_refused() {
        let frame = encode(&"k".repeat(65), &(), 1_000).unwrap();
        assert!(matches!(open(&frame[4..]), Err(CodecError::Envelope(_))));
        let frame = encode("", &(), 1_000).unwrap();
        assert!(matches!(open(&frame[4..]), Err(CodecError::Envelope(_))));
    }
}
