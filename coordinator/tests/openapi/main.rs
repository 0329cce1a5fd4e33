//! Our own OpenAPI documents beside the published contracts: the share of facts that agree never
//! falls, and on what is finished every difference stands with its reason.
//!
//! * `floors.rs`: the two published documents, by `spec_diff.py` of the folder that holds them;
//! * `text.rs`: the two services that are published as text only, read by `pages.rs`.
//!
//! Floors and reasons are in `coordinator/openapi/floors.toml`. `GOSHAWK_RAISE_FLOORS=1` rewrites it.
#![allow(
    missing_docs,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test that fails says so by panicking"
)]

mod floors;
mod pages;
mod text;
