//! Sources to frames: cameras, video files and folders of pictures behind one blocking trait.
//!
//! [`open`] gives a [`Source`]; [`Source::next_frame`] gives [`Frame`]s, whose pixels stay in the
//! decoder's own format until somebody asks for a region of them. Failures come sorted by
//! [`goshawk_proto::stream::FailureKind`] and never quote credentials. A source that failed is
//! dropped, which takes its pipeline down completely, and opened anew.
//!
//! In reading order: [`request`](SourceRequest), [`source`](Source), who decodes it and who is
//! tried next (attempts), the kinds of source (live, file, folder), the two engines behind the
//! first two (GStreamer: session, RTSP, HLS, hardware; and FFmpeg), what these share (mailbox,
//! gauge, gate, clock, classification), and the frame with its planes. [`probe()`] reads a file's
//! headers. With the feature `camera` there is an RTSP
//! camera to test against, and the maker of the demo clip.

mod attempts;
mod automatic;
#[cfg(feature = "camera")]
pub mod camera;
mod classify;
mod clock;
mod decode;
mod engine;
mod error;
mod ffmpeg;
mod file;
mod folder;
mod frame;
mod gate;
mod gauge;
mod hardware;
mod hls;
mod live;
mod mailbox;
mod plugins;
mod probe;
mod redacted;
mod request;
mod rtsp;
mod session;
mod source;

pub use decode::{DecodeSettings, Decoding, Engine, Hardware};
pub use error::SourceError;
pub use frame::Frame;
pub use plugins::check_plugins;
pub use probe::{VideoInfo, probe};
pub use redacted::Redacted;
pub use request::{DEFAULT_TIMEOUT, Rotation, SourceRequest};
pub use source::{Source, SourceStats, Stopper, open};
