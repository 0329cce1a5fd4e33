//! Sources against real files and a real RTSP server. Clips are made at run time.
#![cfg(feature = "camera")]
#![allow(
    clippy::unwrap_used,
    reason = "a test's helpers fail as the test itself does"
)]

mod clips;
mod engines;
mod facts;
mod faults;
mod files;
mod folders;
mod leaks;
mod rtsp;
mod scripted;
mod web;

use std::time::Duration;

use goshawk_pipelines::{Frame, Redacted, Source, SourceError, SourceRequest, open};
use goshawk_proto::stream::SourceKind;

/// A source with a time-out that suits a test.
fn source(kind: SourceKind, reference: &str) -> Result<Box<dyn Source>, SourceError> {
    open(&request(kind, reference))
}

fn request(kind: SourceKind, reference: &str) -> SourceRequest {
    SourceRequest {
        timeout: Duration::from_secs(5),
        ..SourceRequest::new(kind, Redacted::new(reference))
    }
}

/// The error that a source ends with, and how many frames came before it.
fn failure(opened: Result<Box<dyn Source>, SourceError>) -> (SourceError, usize) {
    let mut source = match opened {
        Ok(source) => source,
        Err(error) => return (error, 0),
    };
    let mut frames = 0;
    loop {
        match source.next_frame() {
            Ok(Some(_)) => frames += 1,
            Ok(None) => panic!("a clean end after {frames} frames"),
            Err(error) => return (error, frames),
        }
    }
}

/// All frames up to a clean end.
fn all(mut source: Box<dyn Source>) -> Vec<Frame> {
    let mut frames = Vec::new();
    while let Some(frame) = source.next_frame().unwrap() {
        frames.push(frame);
    }
    frames
}
