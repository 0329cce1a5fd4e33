//! The vocabulary that Goshawk agents and coordinators share, and the link between them.
//!
//! Everything here is a plain value or a pure function: no socket, disk, clock or HTTP. The
//! modules, in reading order:
//!
//! * [`id`], [`time`], [`geometry`], [`score`]: small types with their units and bounds;
//! * [`picture`]: pixels on their way from a decoder to a model;
//! * [`descriptor`], [`detection`]: what a model says about a picture;
//! * [`stream`]: what a camera is asked to do, and how it fares;
//! * [`event`]: the one record that travels from the edge to the store;
//! * [`link`]: the agent-coordinator protocol as a codec and two state machines;
//! * [`mod@settings`]: daemon settings out of TOML text, environment and flags, all mistakes at once.
#![forbid(unsafe_code)]

pub mod descriptor;
pub mod detection;
pub mod event;
pub mod geometry;
pub mod id;
pub mod link;
pub mod picture;
pub mod score;
pub mod settings;
pub mod stream;
pub mod time;
