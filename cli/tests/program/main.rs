//! The `goshawk` program as scripts see it: exit codes, output, credentials, and what it makes of
//! a coordinator that is not there, not ours or not well. The other side is made of canned answers.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod answers;
mod credentials;
mod dead_letters;
mod printing;
mod profiles;
mod rig;
mod tls;
