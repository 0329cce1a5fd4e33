//! From a finished draft to an event in the sink: descriptors, pictures, frames.

use std::{sync::Arc, time::SystemTime};

use goshawk_agent_core::{
    bestshot::FrameRules,
    event::{EventDraft, EventFrames, FrameInfo, ShotParts},
};
use goshawk_models::{WARP_JPEG_QUALITY, encode_jpeg};
use goshawk_proto::{
    descriptor::Descriptor,
    detection::BasicAttributes,
    event::{Event, Jpeg},
    picture::Rgb,
    time::Timestamp,
};

use super::Stage;
use crate::{
    crop::{Crop, HeldFrame},
    metrics::EventLoss,
};

/// What the networks say of one shot.
#[derive(Default)]
struct Traits {
    descriptor: Option<Descriptor>,
    attributes: Option<BasicAttributes>,
}

impl Stage {
    pub(super) fn send(&mut self, index: usize, mut draft: EventDraft<Crop>) {
        let traits = self.describe(&draft);
        let analysis = &mut self.analyses[index];
        let best = traits.first().filter(|_| !draft.faces.is_empty());
        if let Some(look) = best.and_then(|best| best.descriptor.as_ref()) {
            analysis.machine.handle_look(&mut draft, look);
        }
        let frames = analysis.frames;
        let times = Arc::clone(&self.tools.times);
        let event = times
            .encode
            .measure(|| self.assemble(draft, traits, frames));
        let Some(event) = event else {
            self.tools.metrics.count_loss(EventLoss::Encoding);
            return;
        };
        self.counters.events += 1;
        self.metrics.count_event(event.reason);
        tracing::debug!(stream = %self.spec.stream_id, event = %event.event_id, track = %event.track_id, reason = ?event.reason, faces = event.faces.len(), bodies = event.bodies.len(), "event");
        times.encode.measure(|| self.tools.sink.accept(event));
    }

    /// What is known of the draft's shots, faces first; nothing where that is left to the
    /// coordinator or fails.
    fn describe(&self, draft: &EventDraft<Crop>) -> Vec<Traits> {
        let (faces, bodies) = (draft.faces.len(), draft.bodies.len());
        if !self.tools.settings.describe {
            return none(faces + bodies);
        }
        let mut traits = self.describe_faces(draft);
        traits.resize_with(faces, Traits::default);
        if self.tools.pool.abilities().body_descriptors {
            traits.extend(self.describe_bodies(draft));
        }
        traits.resize_with(faces + bodies, Traits::default);
        traits
    }

    fn describe_faces(&self, draft: &EventDraft<Crop>) -> Vec<Traits> {
        let shots = draft.faces.iter();
        let warps: Vec<Rgb> = shots.map(|shot| shot.payload.warp.clone()).collect();
        let answer = self.tools.pool.describe(warps);
        let told = answer.unwrap_or_else(|error| {
            tracing::warn!(stream = %self.spec.stream_id, %error, "an event goes without descriptors");
            Vec::new()
        });
        let traits = told.into_iter().map(|face| Traits {
            descriptor: Some(face.descriptor),
            attributes: face.attributes,
        });
        traits.collect()
    }

    fn describe_bodies(&self, draft: &EventDraft<Crop>) -> Vec<Traits> {
        let shots = draft.bodies.iter();
        let warps: Vec<Rgb> = shots.map(|shot| shot.payload.warp.clone()).collect();
        let answer = self.tools.pool.describe_bodies(warps);
        let told = answer.unwrap_or_else(|error| {
            tracing::warn!(stream = %self.spec.stream_id, %error, "an event goes without descriptors of its bodies");
            Vec::new()
        });
        let traits = told.into_iter().map(|descriptor| Traits {
            descriptor,
            attributes: None,
        });
        traits.collect()
    }

    fn assemble(
        &self,
        draft: EventDraft<Crop>,
        traits: Vec<Traits>,
        frames: FrameRules,
    ) -> Option<Event> {
        let stream = self.spec.stream_id;
        let faces = draft.faces.iter().map(|shot| &shot.payload);
        let bodies = draft.bodies.iter().map(|shot| &shot.payload);
        let encoded: Result<Vec<Jpeg>, _> = faces
            .chain(bodies)
            .map(|crop| encode_jpeg(&crop.warp, WARP_JPEG_QUALITY))
            .collect();
        let warps = encoded.inspect_err(|error| tracing::error!(%stream, %error, "an event is lost: a sample cannot be encoded")).ok()?;
        let frames = self.frames(&draft, frames);
        let mut parts = warps.into_iter().zip(traits);
        let decided_at = Timestamp::from_system(SystemTime::now());
        let event = draft.into_event(decided_at, rand::random(), frames, |_| {
            let (warp, traits) = parts
                .next()
                .expect("one sample was encoded for each shot of the draft");
            ShotParts {
                warp: Some(warp),
                descriptor: traits.descriptor,
                attributes: traits.attributes,
            }
        });
        Some(event)
    }

    /// The whole frames that go along; see [`FrameRules`].
    fn frames(&self, draft: &EventDraft<Crop>, wanted: FrameRules) -> EventFrames {
        let face = draft.faces.first().map(|s| (s.frame, &s.payload));
        let body = draft.bodies.first().map(|s| (s.frame, &s.payload));
        let of_face = face.filter(|_| wanted.faces).and_then(held);
        let of_body = body.filter(|_| wanted.bodies).and_then(held);
        if face.is_none() {
            return EventFrames {
                full: of_body.and_then(|(_, frame)| self.encode(frame)),
                body: None,
            };
        }
        let same = |frame: &FrameInfo| of_face.is_some_and(|(face, _)| face.number == frame.number);
        let of_body = of_body
            .filter(|(frame, _)| !same(frame))
            .filter(|_| !wanted.one || of_face.is_none());
        EventFrames {
            full: of_face.and_then(|(_, frame)| self.encode(frame)),
            body: of_body.and_then(|(_, frame)| self.encode(frame)),
        }
    }

    fn encode(&self, held: &HeldFrame) -> Option<Jpeg> {
        let side = self.tools.settings.full_frame_side?;
        held.jpeg(side, self.tools.settings.full_frame_quality)
            .inspect_err(|error| tracing::warn!(stream = %self.spec.stream_id, %error, "an event goes without its frame"))
            .ok()
    }
}

fn held((frame, crop): (FrameInfo, &Crop)) -> Option<(FrameInfo, &HeldFrame)> {
    Some((frame, crop.frame.as_ref()?))
}

fn none(count: usize) -> Vec<Traits> {
    std::iter::repeat_with(Traits::default)
        .take(count)
        .collect()
}
