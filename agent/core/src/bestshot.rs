//! Best shots: which pictures of a track are kept, and when they are sent.
//!
//! [`score`] says how good a shot is, [`Shots`] keeps the best few of a track, and [`Cadence`]
//! says when a track's shots are due: at its end, per period, or at once when a face is near
//! enough. What a shot carries besides its score is the caller's affair (`P`). Memory is bounded
//! by open tracks times shots per track.

mod cadence;
pub mod score;
mod shots;

pub use cadence::{Cadence, Mark, SendRules, Span};
pub use shots::{DropReason, Kept, ShotDecision, Shots};
