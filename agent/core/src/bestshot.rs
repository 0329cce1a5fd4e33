//! Best shots: which pictures of a track are kept, and when they are sent.
//!
//! [`score`] says how good a shot of a face is and [`body`] how good one of a body; [`Shots`] keeps
//! the best few, [`SendRules`] say how many of what are sent, and [`Cadence`] when they are due: at
//! the track's end, per period, or at once when a face is near enough. What a shot carries besides its score is the caller's affair (`P`). Memory is bounded
//! by open tracks times shots per track.

pub mod body;
mod cadence;
mod rules;
pub mod score;
mod shots;

pub use cadence::{Cadence, Mark, Span};
pub use rules::{FrameRules, SendRules};
pub use shots::{DropReason, Kept, ShotDecision, Shots};
