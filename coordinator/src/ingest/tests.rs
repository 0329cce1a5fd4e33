//! The agents' port over real QUIC on loopback.

mod abuse;
mod agent;
mod delivery;
mod preview;
mod renewal;
mod rig;
mod trust;
