//! Plugins against real peers: Debian's MQTT broker with its own subscriber, and a receiver in
//! Python that checks signatures with Python's own code.
#![allow(
    missing_docs,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test that fails says so by panicking"
)]

mod broker;
mod crash;
mod house;
mod influx;
mod mqtt;
mod page;
mod receiver;
mod webhook;
