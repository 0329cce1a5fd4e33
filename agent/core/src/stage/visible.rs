//! What an analysis follows right now, for people who look through the camera.

use goshawk_proto::{geometry::BBox, id::TrackId};

use super::{StreamAnalysis, people::Part};
use crate::track::{State, Tracker};

/// What kind of thing is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
    /// Where the detector found it in that very frame; `None` where it did not look or did not find
    /// it.
    pub detected: Option<BBox>,
    /// How sure the tracker is that it is there.
    pub state: State,
}

impl<P: Clone> StreamAnalysis<P> {
    /// Adds every open track to `to`, the face and the body of one person under one id. To be
    /// called before the frame's outputs are taken: among unrelated pictures a track ends with its
    /// frame.
    pub fn visible(&self, to: &mut Vec<Visible>) {
        let parts = [
            (Part::Body, VisibleKind::Body, &self.bodies),
            (Part::Face, VisibleKind::Face, &self.faces),
        ];
        let now = self.now.map(|frame| frame.media_time);
        for (part, kind, tracker) in parts {
            for track in tracker.iter().flat_map(Tracker::tracks) {
                to.extend(self.people.of(part, track.number()).map(|person| Visible {
                    track_id: self.track_id(person),
                    kind,
                    bbox: track.predicted(),
                    detected: (now == Some(track.last_seen())).then(|| track.observed()),
                    state: track.state(),
                }));
            }
        }
    }
}
