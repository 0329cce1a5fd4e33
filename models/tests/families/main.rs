//! Every family end to end: a tiny network written here, a manifest, a picture, and what comes
//! out in the picture's pixels. The manifests are the examples that are shipped, so that those
//! are known to open a file of the shape they speak of. Where a real file of a family is at hand
//! it is tried as well. Skips loudly where the runtime library, models or pictures are missing.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

#[path = "../home/pack.rs"]
mod home;

mod adding;
mod crops;
mod detectors;
mod folder;
mod hostile;
mod net;
mod providers;
mod real;
mod recommended;
mod refusals;
