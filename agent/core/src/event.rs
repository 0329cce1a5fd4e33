//! From kept shots to [`Event`]: everything but pictures, descriptors and the event's id, which
//! the driver adds.

use std::time::Duration;

use goshawk_proto::{
    descriptor::Descriptor,
    detection::{BasicAttributes, BodyDetection, FaceDetection, FaceQuality, HeadPose, Liveness},
    event::{BodyShot, ENVELOPE_VERSION, Event, FaceShot, Jpeg, SendReason, ShotReason},
    geometry::Size,
    id::{EventId, StreamId, TrackId},
    score::Score,
    stream::{Location, StreamSpec},
    time::Timestamp,
};

use crate::track::TrackNumber;

/// What every event of a stream says about the stream.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamFacts {
    /// The stream.
    pub stream_id: StreamId,
    /// Version of its specification.
    pub version: u64,
    /// Its name.
    pub source: String,
    /// Where its camera is.
    pub location: Option<Location>,
}

impl From<&StreamSpec> for StreamFacts {
    fn from(spec: &StreamSpec) -> Self {
        Self {
            stream_id: spec.stream_id,
            version: spec.version,
            source: spec.name.clone(),
            location: spec.location.clone(),
        }
    }
}

/// A frame, by its numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FrameInfo {
    /// Number in this run of the stream, from 0; frames may be missing.
    pub number: u64,
    /// Position in the stream; must not fall within a run.
    pub media_time: Duration,
    /// When it was captured.
    pub captured_at: Timestamp,
    /// When the camera says it captured it, where it tells.
    pub source_time: Option<Timestamp>,
    /// Size in pixels.
    pub size: Size,
}

/// A picked face shot.
#[derive(Clone, Debug)]
pub struct PickedShot<P> {
    /// The frame that it is from.
    pub frame: FrameInfo,
    /// Box, certainty and points.
    pub detection: FaceDetection,
    /// Where the head looks.
    pub head_pose: Option<HeadPose>,
    /// How fit the warp is.
    pub quality: FaceQuality,
    /// How good the shot is.
    pub shot_score: Score,
    /// Why it was picked.
    pub reason: ShotReason,
    /// What the driver gave along: its warp, most likely.
    pub payload: P,
}

/// A picked body shot.
#[derive(Clone, Debug)]
pub struct PickedBody<P> {
    /// The frame that it is from.
    pub frame: FrameInfo,
    /// Box and certainty.
    pub detection: BodyDetection,
    /// How good the shot is.
    pub shot_score: Score,
    /// Why it was picked.
    pub reason: ShotReason,
    /// What the driver gave along: its sample, most likely.
    pub payload: P,
}

/// What the driver makes of a shot's payload.
#[derive(Clone, Debug)]
pub struct ShotParts {
    /// The aligned face or the body's sample; `None` where no picture may leave the site.
    pub warp: Option<Jpeg>,
    /// Its descriptor, where it was extracted here.
    pub descriptor: Option<Descriptor>,
    /// Age and gender of a face, where they were estimated here.
    pub attributes: Option<BasicAttributes>,
}

/// Whole frames of an event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFrames {
    /// That of the best face or, in an event without faces, of the best body.
    pub full: Option<Jpeg>,
    /// That of the best body, where it is another frame.
    pub body: Option<Jpeg>,
}

/// Whose a draft is, in the numbers of the analysis that made it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    pub(crate) person: u64,
    /// What earlier events called the person, if there were any.
    pub(crate) name: Option<u64>,
    /// The newest track of the person's face.
    pub(crate) face: Option<TrackNumber>,
}

/// An event without its pictures.
#[derive(Clone, Debug)]
pub struct EventDraft<P> {
    /// What it says about the stream.
    pub stream: StreamFacts,
    /// Place of its analysis in the stream's specification, from 0.
    pub analysis: u16,
    /// The track.
    pub track_id: TrackId,
    /// Whose it is, for the analysis that made it.
    pub origin: Origin,
    /// Capture time of the track's first detection.
    pub track_start: Timestamp,
    /// Capture time of the track's last detection so far.
    pub track_end: Timestamp,
    /// Why it is sent now.
    pub reason: SendReason,
    /// Size of the best shot's frame.
    pub source_size: Size,
    /// Face shots, best first.
    pub faces: Vec<PickedShot<P>>,
    /// Body shots, best first. Faces and bodies are not both missing.
    pub bodies: Vec<PickedBody<P>>,
    /// The liveness vote so far.
    pub liveness: Liveness,
}

impl<P> EventDraft<P> {
    /// The event. `decided_at` and `random` make its id; `make` turns a shot's payload into
    /// pictures: faces first, then bodies, the best first.
    pub fn into_event(
        self,
        decided_at: Timestamp,
        random: [u8; 10],
        frames: EventFrames,
        mut make: impl FnMut(P) -> ShotParts,
    ) -> Event {
        let faces = self.faces.into_iter();
        let faces = faces.map(|shot| face_shot(shot, &mut make)).collect();
        let bodies = self.bodies.into_iter();
        let bodies = bodies.map(|shot| body_shot(shot, &mut make)).collect();
        Event {
            envelope: ENVELOPE_VERSION,
            event_id: EventId::at(decided_at, random),
            stream_id: self.stream.stream_id,
            stream_version: self.stream.version,
            analysis: self.analysis,
            track_id: self.track_id,
            track_start: self.track_start,
            track_end: self.track_end,
            decided_at,
            reason: self.reason,
            source_size: self.source_size,
            faces,
            bodies,
            liveness: self.liveness,
            full_frame: frames.full,
            body_frame: frames.body,
            source: self.stream.source,
            location: self.stream.location,
            tags: Vec::new(),
            user_data: None,
        }
    }
}

fn face_shot<P>(shot: PickedShot<P>, make: &mut impl FnMut(P) -> ShotParts) -> FaceShot {
    let parts = make(shot.payload);
    FaceShot {
        detect_time: shot.frame.captured_at,
        frame_number: shot.frame.number,
        rect: shot.detection.bbox.to_rect(shot.frame.size),
        landmarks: shot.detection.landmarks,
        score: shot.detection.score,
        head_pose: shot.head_pose.unwrap_or_default(),
        quality: shot.quality,
        shot_score: shot.shot_score,
        reason: shot.reason,
        warp: parts.warp,
        source_time: shot.frame.source_time,
        descriptor: parts.descriptor,
        attributes: parts.attributes,
    }
}

fn body_shot<P>(shot: PickedBody<P>, make: &mut impl FnMut(P) -> ShotParts) -> BodyShot {
    let parts = make(shot.payload);
    BodyShot {
        detect_time: shot.frame.captured_at,
        frame_number: shot.frame.number,
        rect: shot.detection.bbox.to_rect(shot.frame.size),
        score: shot.detection.score,
        shot_score: shot.shot_score,
        reason: shot.reason,
        warp: parts.warp,
        source_time: shot.frame.source_time,
        descriptor: parts.descriptor,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use goshawk_proto::geometry::{BBox, Rect};

    #[test]
    fn a_draft_becomes_an_event_that_survives_encoding() {
        let captured_at = Timestamp::from_unix_micros(1_700_000_000_000_000);
        let size = Size::new(100, 80);
        let source_time = Some(Timestamp::from_unix_micros(1_600_000_000_000_000));
        let frame = FrameInfo {
            number: 7,
            media_time: Duration::ZERO,
            captured_at,
            source_time,
            size,
        };
        let body = PickedBody {
            frame,
            detection: BodyDetection {
                bbox: BBox::new(-10.0, 5.0, 50.0, 100.0),
                score: Score::ONE,
            },
            shot_score: Score::saturating(0.4),
            reason: ShotReason::BetterQuality,
            payload: vec![4u8],
        };
        let shot = PickedShot {
            frame,
            detection: FaceDetection {
                bbox: BBox::new(-4.0, 10.0, 30.0, 40.0),
                score: Score::ONE,
                landmarks: Default::default(),
            },
            head_pose: None,
            quality: FaceQuality::default(),
            shot_score: Score::saturating(0.7),
            reason: ShotReason::First,
            payload: vec![1u8, 2, 3],
        };
        let draft = EventDraft {
            stream: StreamFacts {
                stream_id: StreamId::random(),
                version: 3,
                source: "gate".into(),
                location: None,
            },
            analysis: 2,
            track_id: TrackId::from_session(1, 2),
            origin: Origin::default(),
            track_start: captured_at,
            track_end: captured_at,
            reason: SendReason::TrackEnd,
            source_size: size,
            faces: vec![shot],
            bodies: vec![body],
            liveness: Liveness::default(),
        };
        let jpeg = |bytes| Jpeg {
            size: Size::new(1, 1),
            bytes,
        };
        let frames = EventFrames {
            full: None,
            body: Some(jpeg(vec![7])),
        };
        let event = draft.into_event(captured_at, [9; 10], frames, |bytes| ShotParts {
            warp: Some(jpeg(bytes)),
            descriptor: None,
            attributes: None,
        });
        assert_eq!(
            event.faces[0].rect,
            Rect {
                x: 0,
                y: 10,
                width: 26,
                height: 40
            }
        );
        assert_eq!(event.faces[0].warp.as_ref().unwrap().bytes, [1, 2, 3]);
        assert_eq!(event.faces[0].source_time, source_time);
        let body = &event.bodies[0];
        assert_eq!(body.warp.as_ref().unwrap().bytes, [4]);
        assert_eq!(
            (body.rect.x, body.rect.width, body.rect.height),
            (0, 40, 75)
        );
        assert_eq!(body.reason, ShotReason::BetterQuality);
        assert_eq!((event.analysis, event.full_frame.is_some()), (2, false));
        assert_eq!(event.body_frame.as_ref().unwrap().bytes, [7]);
        assert_eq!(event.event_id, EventId::at(captured_at, [9; 10]));
        assert_eq!(Event::decode(&event.encode().unwrap()).unwrap(), event);
    }
}
