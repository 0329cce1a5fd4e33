//! The Goshawk coordinator: takes events in over QUIC, keeps them, matches them, sends them on,
//! and serves the published HTTP contracts.
//!
//! `app` builds every driver and hands each its successor; drivers do not know each other.
#![deny(unsafe_code)]

pub mod api;
pub mod app;
pub mod audit;
pub mod auth;
pub mod backup;
pub mod blobs;
pub mod blocking;
pub mod bus;
pub mod config;
pub mod errors;
pub mod estimations;
pub mod files;
pub mod ingest;
pub mod matcher;
pub mod metrics;
pub mod pki;
pub mod plugins;
pub mod process;
pub mod room;
pub mod sender;
pub mod store;
pub mod tls;
