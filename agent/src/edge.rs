//! What may leave the site, stream by stream.
//!
//! The policy is carried out on the finished event, at the one door through which events leave the
//! analysis for the outbox: whatever a stream asks for, what may not leave never reaches the disk.

use std::{collections::BTreeMap, sync::Arc};

use goshawk_proto::{event::Event, id::StreamId, settings::Value};

use crate::stage::EventSink;

/// What may leave the site.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EdgeMode {
    /// Everything: aligned faces, cut-out bodies, whole frames, previews.
    #[default]
    Full,
    /// Aligned faces and cut-out bodies, but nothing around them.
    Warps,
    /// No picture at all: descriptors, boxes, points and estimates.
    Descriptors,
}

impl EdgeMode {
    const ALL: [(Self, &'static str); 3] = [
        (Self::Full, "full"),
        (Self::Warps, "warps"),
        (Self::Descriptors, "descriptors"),
    ];

    /// Whether whole frames may leave: with events, and as previews.
    pub fn sends_frames(self) -> bool {
        self == Self::Full
    }

    /// Whether aligned faces and cut-out bodies may leave.
    pub fn sends_warps(self) -> bool {
        self != Self::Descriptors
    }

    /// Takes out of an event what may not leave.
    pub fn redact(self, event: &mut Event) {
        if !self.sends_frames() {
            event.full_frame = None;
            event.body_frame = None;
        }
        if !self.sends_warps() {
            event.faces.iter_mut().for_each(|face| face.warp = None);
            event.bodies.iter_mut().for_each(|body| body.warp = None);
        }
    }
}

impl Value for EdgeMode {
    fn parse(text: &str) -> Result<Self, String> {
        let known = Self::ALL.iter().find(|(_, name)| *name == text);
        known
            .map(|(mode, _)| *mode)
            .ok_or_else(|| format!("`{text}` is none of `full`, `warps` and `descriptors`"))
    }
}

/// The mode of one stream: `STREAM_ID=MODE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EdgeException {
    /// The stream.
    pub stream: StreamId,
    /// What of it may leave.
    pub mode: EdgeMode,
}

impl Value for EdgeException {
    fn parse(text: &str) -> Result<Self, String> {
        let (stream, mode) = text
            .split_once('=')
            .ok_or_else(|| format!("`{text}` is not of the form STREAM_ID=MODE"))?;
        Ok(Self {
            stream: stream
                .trim()
                .parse()
                .map_err(|_| format!("`{stream}` is no stream id"))?,
            mode: EdgeMode::parse(mode.trim())?,
        })
    }
}

/// The modes of all streams.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EdgeModes {
    usual: EdgeMode,
    exceptions: BTreeMap<StreamId, EdgeMode>,
}

impl EdgeModes {
    /// `usual`, but for the streams of `exceptions`; of two for one stream the later counts.
    pub fn new(usual: EdgeMode, exceptions: &[EdgeException]) -> Self {
        Self {
            usual,
            exceptions: exceptions
                .iter()
                .map(|one| (one.stream, one.mode))
                .collect(),
        }
    }

    /// Every mode that some stream may have.
    pub fn all(&self) -> impl Iterator<Item = EdgeMode> {
        let exceptions = self.exceptions.values().copied();
        std::iter::once(self.usual).chain(exceptions)
    }

    /// The mode of a stream.
    pub fn of(&self, stream: StreamId) -> EdgeMode {
        *self.exceptions.get(&stream).unwrap_or(&self.usual)
    }
}

/// The door: hands events on without what may not leave.
pub struct EdgeDoor {
    modes: EdgeModes,
    next: Arc<dyn EventSink>,
}

impl EdgeDoor {
    /// Before `next`.
    pub fn new(modes: EdgeModes, next: Arc<dyn EventSink>) -> Self {
        Self { modes, next }
    }
}

impl EventSink for EdgeDoor {
    fn accept(&self, mut event: Event) {
        self.modes.of(event.stream_id).redact(&mut event);
        self.next.accept(event);
    }
}

#[cfg(test)]
mod tests;
