//! What an analysis follows right now, for people who look through the camera.

use goshawk_proto::{geometry::BBox, id::TrackId};

use super::StreamAnalysis;
use crate::track::State;

/// What kind of thing is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VisibleKind {
    /// A face.
    Face,
    /// A body.
    Body,
}

/// One open track in the frame handled last.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Visible {
    /// The track, as events name it.
    pub track_id: TrackId,
    /// What is followed.
    pub kind: VisibleKind,
    /// Where it is, in source pixels; of a track that was not seen, where it is expected.
    pub bbox: BBox,
    /// How sure the tracker is that it is there.
    pub state: State,
}

impl<P> StreamAnalysis<P> {
    /// Adds every open track to `to`. To be called before the frame's outputs are taken: among
    /// unrelated pictures a track ends with its frame.
    pub fn visible(&self, to: &mut Vec<Visible>) {
        to.extend(self.tracker.tracks().map(|track| Visible {
            track_id: self.track_id(track.number()),
            kind: VisibleKind::Face,
            bbox: track.predicted(),
            state: track.state(),
        }));
    }
}
