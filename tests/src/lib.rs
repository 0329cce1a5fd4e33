//! The real binaries, started the way an operator starts them, on ports that the system chooses.
//!
//! * [`process`]: a child process with its log, killed or asked to end;
//! * [`stack`]: coordinator, agent and camera, alone or together;
//! * [`bench`]: benchmarks, for `make bench`;
//! * [`api`]: the public HTTP and WebSocket API as a client sees it.
#![forbid(unsafe_code)]
#![allow(clippy::print_stderr, reason = "tests say what they skip")]

pub mod api;
pub mod bench;
pub mod process;
pub mod stack;
