//! The real binaries, started the way an operator starts them, on ports that the system chooses.
//!
//! * [`process`]: a child process with its log, killed or asked to end;
//! * [`stack`]: coordinator, agent and camera, alone or together;
//! * [`mod@bench`]: benchmarks, for `make bench`;
//! * [`watch`]: what a process says of itself and what it costs;
//! * [`soak`]: an agent over a long time and many lost cameras, for `make soak`;
//! * [`load`]: the agents' wire protocol from outside, for pushing events without an agent;
//! * [`api`]: the public HTTP and WebSocket API as a client sees it;
//! * [`contract`]: every exchange held against the OpenAPI documents.
#![forbid(unsafe_code)]
#![allow(clippy::print_stderr, reason = "tests say what they skip")]

pub mod api;
pub mod bench;
pub mod contract;
pub mod load;
pub mod process;
pub mod soak;
pub mod stack;
pub mod watch;
