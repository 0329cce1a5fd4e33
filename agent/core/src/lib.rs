//! Decisions of the edge agent as pure functions and state machines: no clock, thread, disk or
//! network. Time comes in as an argument, randomness too, so every run can be replayed.
//!
//! In the order in which a frame meets them:
//!
//! * [`supervise`]: whether a stream is open, retried, paused or given up;
//! * [`schedule`]: which frames the detector sees;
//! * [`motion`]: which of them are spared because nothing moves;
//! * [`filter`]: which detections count;
//! * [`track`]: which detections are one person;
//! * [`bestshot`]: which pictures of a person are kept, and when they are sent;
//! * [`liveness`]: whether the person is a person;
//! * [`event`]: the record that is sent;
//! * [`outbox`]: the ledger of records that wait for the coordinator;
//! * [`stage`]: filter to event in one machine per stream, which is what a driver uses.
#![forbid(unsafe_code)]

pub mod bestshot;
pub mod event;
pub mod filter;
pub mod idle;
pub mod liveness;
pub mod motion;
pub mod outbox;
pub mod schedule;
pub mod stage;
pub mod supervise;
pub mod track;
