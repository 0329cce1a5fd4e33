//! The coordinator's HTTP services, driven over real sockets.
//!
//! Answers are checked against the published contracts where those are at hand: `GOSHAWK_SHARED`
//! names the folder that holds `spec/`, `../shared` beside the workspace by default.
#![allow(
    missing_docs,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test that fails says so by panicking"
)]

mod accounts;
mod attributes;
mod audit;
mod bad_input;
mod bad_values;
mod crossing;
mod dead_letters;
mod events;
mod events_vision;
mod faces;
mod front;
mod guessing;
mod handlers;
mod harness;
mod hostile;
mod hostile_many;
mod login;
mod matcher;
mod pictures;
mod recorded;
mod services;
mod sockets;
mod streams;
mod tls;
mod tokens;
mod tokens_forged;
mod vision;
mod vision_hostile;
mod vision_pictures;
mod vision_sources;
