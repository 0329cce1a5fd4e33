//! Decisions of the coordinator as pure functions and state machines: no sockets, disks, clocks
//! or databases. In the order of an event's way:
//!
//! * [`stream`], [`assignment`]: what is watched, how it fares, which agent watches it;
//! * [`handler`], [`policy`]: the rules that events go through, and their evaluation;
//! * [`candidates`], [`matching`]: whom a descriptor is compared with, and the ranking;
//! * [`event`], [`face`], [`account`]: what is stored, with its published faces;
//! * [`permission`], [`token`]: what programs may do for an account;
//! * [`event_filter`], [`query`]: what listings and subscriptions ask for;
//! * [`formats`], [`bounds`], [`code`]: the contract's formats as types, bounds across fields,
//!   numbered sets.
#![forbid(unsafe_code)]

pub mod account;
pub mod assignment;
pub mod bounds;
pub mod candidates;
pub mod code;
pub mod event;
pub mod event_filter;
pub mod face;
pub mod formats;
pub mod handler;
pub mod matching;
pub mod permission;
pub mod plugin;
pub mod policy;
pub mod query;
pub mod stream;
pub mod token;

#[cfg(test)]
mod testing;
