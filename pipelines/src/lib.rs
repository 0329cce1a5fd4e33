//! Sources to frames: cameras, video files and folders of pictures behind one blocking trait.
//!
//! [`open`] gives a [`Source`]; [`Source::next_frame`] gives [`Frame`]s, whose pixels stay in the
//! decoder's own format until somebody asks for a region of them. Failures come sorted by
//! [`goshawk_proto::stream::FailureKind`] and never quote credentials. A source that failed is
//! dropped, which takes its pipeline down completely, and opened anew.
//!
//! In reading order: [`request`](SourceRequest), [`source`](Source), the kinds of source (live and
//! RTSP, file, folder), what they share (session, mailbox, clock, classification), and the frame
//! with its planes. [`probe()`] reads a file's headers. With the feature `camera` there is an RTSP
//! camera to test against, and the maker of the demo clip.

#[cfg(feature = "camera")]
pub mod camera;
mod classify;
mod clock;
mod error;
mod file;
mod folder;
mod frame;
mod live;
mod mailbox;
mod plugins;
mod probe;
mod redacted;
mod request;
mod rtsp;
mod session;
mod source;

pub use error::SourceError;
pub use frame::Frame;
pub use plugins::check_plugins;
pub use probe::{VideoInfo, probe};
pub use redacted::Redacted;
pub use request::{DEFAULT_TIMEOUT, Rotation, SourceRequest};
pub use source::{Source, SourceStats, Stopper, open};
