//! Plugins: hooks that hand stored events to other programs. Here is what they decide and say;
//! sockets, files and clocks are the coordinator's.
//!
//! * [`choice`]: which events a plugin may hand on at all;
//! * [`cursor`]: how far it has come, so that nothing is lost over a restart;
//! * [`retry`], [`delivery`]: when to try again, and when to give an event up;
//! * [`reach`]: which addresses it may talk to;
//! * [`message`], [`topic`], [`discovery`]: what goes to an MQTT broker and Home Assistant;
//! * [`signature`]: how a webhook is signed;
//! * [`mod@line`]: events as InfluxDB lines.

pub mod choice;
pub mod cursor;
pub mod delivery;
pub mod discovery;
pub mod line;
pub mod message;
pub mod reach;
pub mod retry;
pub mod signature;
pub mod topic;
