//! A client of the agents' port that is no agent: it speaks their wire protocol from outside.
//!
//! So a test can say what an agent would not, and a benchmark can push events as fast as they are
//! committed. It enrols as an agent does: with a key of its own and a join token, and it says the
//! token's secret only to the coordinator that the token names.
//!
//! * [`Identity`]: who the client is, by its certificate;
//! * [`Link`]: a welcomed connection, and pushes over it;
//! * [`Recipe`]: makes events out of a real face picture;
//! * [`flood()`]: many pushes at once, counted.

mod event;
mod flood;
mod identity;
mod link;
mod wire;

pub use event::{Parcel, Recipe};
pub use flood::{Flood, Lane, flood};
pub use identity::Identity;
pub use link::Link;
pub use wire::{dial, read_frame};
