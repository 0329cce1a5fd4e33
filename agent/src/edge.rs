//! What may leave the site, stream by stream.
//!
//! The policy is carried out on the finished event, at the one door through which events leave the
//! analysis for the outbox: whatever a stream asks for, what may not leave never reaches the disk.

mod blur;

use std::{collections::BTreeMap, sync::Arc};

use goshawk_proto::{
    event::{Event, Jpeg},
    geometry::{Rect, Size},
    id::StreamId,
    settings::Value,
};

use crate::stage::EventSink;

/// What may leave the site.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EdgeMode {
    /// Everything: aligned faces, cut-out bodies, whole frames, previews.
    #[default]
    Full,
    /// The same, but of whole frames only the person of the event can be recognised.
    Blurred,
    /// Aligned faces and cut-out bodies, but nothing around them.
    Warps,
    /// No picture at all: descriptors, boxes, points and estimates.
    Descriptors,
}

impl EdgeMode {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Full, "full"),
        (Self::Blurred, "blurred"),
        (Self::Warps, "warps"),
        (Self::Descriptors, "descriptors"),
    ];

    /// Whether whole frames may leave as the camera sees them: with events, and as previews.
    pub fn sends_frames(self) -> bool {
        self == Self::Full
    }

    /// Whether aligned faces and cut-out bodies may leave.
    pub fn sends_warps(self) -> bool {
        self != Self::Descriptors
    }

    /// Takes out of an event what may not leave; frames that are written anew have `quality`, 1 to
    /// 100.
    pub fn redact(self, event: &mut Event, quality: u8) {
        match self {
            Self::Full => {}
            Self::Blurred => blur(event, quality),
            Self::Warps | Self::Descriptors => {
                event.full_frame = None;
                event.body_frame = None;
            }
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
        known.map(|(mode, _)| *mode).ok_or_else(|| {
            format!("`{text}` is none of `full`, `blurred`, `warps` and `descriptors`")
        })
    }
}

/// Leaves of the event's frames only its person. A frame of which that fails is left out.
fn blur(event: &mut Event, quality: u8) {
    let face = event.faces.first().map(|face| face.frame_number);
    let body = event.bodies.first().map(|body| body.frame_number);
    let there = |number: Option<u64>| -> Vec<Rect> {
        let faces = event
            .faces
            .iter()
            .map(|face| (face.frame_number, face.rect));
        let bodies = event
            .bodies
            .iter()
            .map(|body| (body.frame_number, body.rect));
        let shots = faces.chain(bodies);
        shots
            .filter(|(frame, _)| Some(*frame) == number)
            .map(|(_, rect)| rect)
            .collect()
    };
    let (of_full, of_body) = (there(face.or(body)), there(body));
    let size = event.source_size;
    event.full_frame = blurred(event.full_frame.take(), size, &of_full, quality);
    event.body_frame = blurred(event.body_frame.take(), size, &of_body, quality);
}

fn blurred(frame: Option<Jpeg>, source: Size, keep: &[Rect], quality: u8) -> Option<Jpeg> {
    blur::all_but(&frame?, source, keep, quality)
        .inspect_err(|error| tracing::warn!(%error, "an event goes without its frame, which cannot be blurred"))
        .ok()
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
    quality: u8,
    next: Arc<dyn EventSink>,
}

impl EdgeDoor {
    /// Before `next`; frames that are written anew have the JPEG `quality`, 1 to 100.
    pub fn new(modes: EdgeModes, quality: u8, next: Arc<dyn EventSink>) -> Self {
        Self {
            modes,
            quality,
            next,
        }
    }
}

impl EventSink for EdgeDoor {
    fn accept(&self, mut event: Event) {
        self.modes
            .of(event.stream_id)
            .redact(&mut event, self.quality);
        self.next.accept(event);
    }
}

#[cfg(test)]
mod tests;
