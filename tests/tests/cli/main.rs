//! The operator's program against a real coordinator: what a person or a script does with it from
//! the first login to taking rights away.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod accounts;
mod people;
mod rig;
mod service;
mod sight;
mod tls;
