//! The Goshawk edge daemon as a library: drivers around [`goshawk_agent_core`].
#![deny(unsafe_code)]

pub mod board;
pub mod config;
pub mod cpu;
mod files;
pub mod health;
pub mod metrics;
pub mod notify;
