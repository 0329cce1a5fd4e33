//! The Goshawk coordinator: takes events in over QUIC, keeps them, matches them, sends them on,
//! and serves the published HTTP contracts.
//!
//! `app` builds every driver and hands each its successor; drivers do not know each other.
#![deny(unsafe_code)]

pub mod api;
pub mod auth;
pub mod config;
pub mod errors;
pub mod metrics;
