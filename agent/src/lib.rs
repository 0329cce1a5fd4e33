//! The Goshawk edge daemon as a library: drivers around [`goshawk_agent_core`].
#![deny(unsafe_code)]

pub mod analyze;
pub mod app;
pub mod assign;
pub mod board;
pub mod check;
pub mod config;
pub mod cpu;
pub mod crop;
pub mod edge;
pub mod engine;
pub mod enrol;
mod files;
pub mod health;
pub mod heap;
pub mod infer;
pub mod link;
pub mod local;
pub mod metrics;
pub mod notify;
pub mod outbox;
pub mod pulse;
pub mod source;
pub mod stage;
pub mod viewfinder;
