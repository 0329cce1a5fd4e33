//! The TFJS converter: operator by operator on tiny graphs, whose results are checked by running
//! them; and the whole default pack against its pins, an independent converter and TensorFlow.js.
//!
//! Running needs the ONNX Runtime library of an installed home (`$GOSHAWK_HOME`, by default
//! `.goshawk` at the root of the repository). Without it those checks say `SKIPPED`.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail by panicking")]

mod arrays;
mod pack;
mod recorded;
mod refusals;
mod runtime;
mod sliding;
mod structure;
mod tiny;
