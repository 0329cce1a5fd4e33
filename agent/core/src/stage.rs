//! One stream's way from detections to events, in one machine: filter, track, best shot,
//! liveness, event.
//!
//! A driver makes one call per frame and cuts out what it is asked for while the frame is at
//! hand:
//!
//! ```text
//! for request in analysis.handle_frame(observations) {
//!     let (warp, fitness) = cut_and_measure(&frame, &request.subject);
//!     analysis.handle_shot(request.ticket, Shot { fitness, payload: warp });
//! }
//! while let Some(output) = analysis.poll_output() { .. }
//! ```
//!
//! Faces and bodies are followed by a tracker each, at the pace of their own detector; which tracks
//! are one person is decided from picture to picture. All that is sent is sent of persons. An
//! analysis of faces never looks at bodies, and the other way round.
//!
//! A cheap score from the detection alone decides what is worth cutting out; the final one, with
//! the sample's quality, decides what is kept. Requests left unanswered by the next call of
//! `poll_output` or `handle_frame` are given up and counted. Frames on which the detector did not
//! run are told as well: periods and tracks go by them.
//!
//! Memory: open tracks (bounded by the trackers) times shots per track (bounded), each with
//! bounded evidence for liveness, plus the outputs of one frame.

mod look;
mod people;
mod person;
mod send;
mod settings;
#[cfg(test)]
mod tests;
mod visible;

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use goshawk_proto::{
    event::SendReason,
    geometry::{BBox, Size},
    picture::Rgb,
    score::Score,
    stream::{Analytics, AnalyticsMode, SourceKind, StreamSpec},
};

pub use settings::{
    AnalysisCounters, AnalysisSettings, BodyObservation, FaceObservation, Fitness,
    FrameObservations, Output, Shot, ShotRequest, ShotTicket, StreamEnd, Subject, TrackReport,
};
pub use visible::{Visible, VisibleKind};

use self::{
    people::{Part, People, PersonNumber},
    person::{BodyItem, FaceItem},
};
use crate::{
    bestshot::{DropReason, Mark, SendRules, ShotDecision},
    event::{FrameInfo, StreamFacts},
    filter::{Filter, FilterCounters, Use},
    liveness::{Backdrop, LivenessPolicy},
    track::{TrackCounters, Tracker, TrackerSettings},
};

/// The analysis of one stream under one of its specification's analytics. `P` is what the driver
/// gives along with a shot.
#[derive(Debug)]
pub struct StreamAnalysis<P> {
    facts: StreamFacts,
    analysis: u16,
    session: u64,
    rules: SendRules,
    stills: bool,
    filter: Filter,
    policy: Option<LivenessPolicy>,
    backdrop: Option<Backdrop>,
    /// The tracker of faces, where they are looked for.
    faces: Option<Tracker>,
    /// The tracker of bodies; likewise.
    bodies: Option<Tracker>,
    people: People<P>,
    frames: u64,
    now: Option<FrameInfo>,
    /// Requests of the current frame that are not yet answered.
    pending: BTreeMap<ShotTicket, Candidate>,
    next_ticket: u64,
    /// Whether the frame's end has still to be worked through.
    frame_open: bool,
    outputs: VecDeque<Output<P>>,
    /// Whose draft was handed over last.
    told: Option<PersonNumber>,
    counters: AnalysisCounters,
}

/// A face or body that was asked for, until its sample comes.
#[derive(Clone, Debug)]
struct Candidate {
    person: PersonNumber,
    frame: FrameInfo,
    subject: Subject,
    head_pose: Option<goshawk_proto::detection::HeadPose>,
    pre_score: Score,
}

impl<P: Clone> StreamAnalysis<P> {
    /// An analysis that has seen nothing yet. `analysis` is its place in the specification, which
    /// its events name; `session` must be random per run, since track ids are made from it.
    pub fn new(
        spec: &StreamSpec,
        (analysis, analytics): (u16, &Analytics),
        session: u64,
        settings: AnalysisSettings,
    ) -> Self {
        let stills = spec.data.kind == SourceKind::Images;
        let thresholds = analytics.filtering;
        let tracker = |settings, sure| Tracker::new(tracker_settings(settings, sure, stills));
        let policy = LivenessPolicy::new(&analytics.liveness)
            .filter(|_| analytics.mode != AnalyticsMode::Bodies);
        let looks_for = |mode| analytics.mode == AnalyticsMode::Humans || analytics.mode == mode;
        Self {
            facts: StreamFacts::from(spec),
            analysis,
            session,
            rules: SendRules::from_analytics(analytics, stills),
            stills,
            filter: Filter::new(
                thresholds,
                settings.min_face_side,
                spec.data.roi,
                analytics.droi,
            ),
            policy,
            backdrop: policy
                .and_then(|policy| policy.backgrounds())
                .map(Backdrop::new),
            faces: looks_for(AnalyticsMode::Faces)
                .then(|| tracker(settings.faces, thresholds.min_score_face)),
            bodies: looks_for(AnalyticsMode::Bodies)
                .then(|| tracker(settings.bodies, thresholds.min_score_body)),
            people: People::default(),
            frames: 0,
            now: None,
            pending: BTreeMap::new(),
            next_ticket: 0,
            frame_open: false,
            outputs: VecDeque::new(),
            told: None,
            counters: AnalysisCounters::default(),
        }
    }

    /// What it sends, and when.
    pub fn rules(&self) -> &SendRules {
        &self.rules
    }

    /// Whether the stream asks for checks of liveness that need each detected face's
    /// [`crate::liveness::Look`].
    pub fn wants_looks(&self) -> bool {
        self.policy.is_some()
    }

    /// Whether [`Self::handle_scene`] is to be called for each frame that the detector of faces
    /// sees.
    pub fn wants_scenes(&self) -> bool {
        self.backdrop.is_some()
    }

    /// Takes the [`crate::liveness::backdrop::grid`] of a picture of `size` in, before the faces
    /// found in it.
    pub fn handle_scene(&mut self, scene: &Rgb, size: Size) {
        if let Some(backdrop) = &mut self.backdrop {
            let people: Vec<BBox> = self.people.places().collect();
            backdrop.handle_scene(scene, &people, size);
        }
    }

    /// Takes one frame in and says what to cut out of it, the most promising first.
    pub fn handle_frame(&mut self, observations: FrameObservations) -> Vec<ShotRequest> {
        self.close_frame();
        let frame = observations.frame;
        self.now = Some(frame);
        self.frames += 1;
        self.frame_open = true;
        self.counters.frames += 1;
        self.look(&observations)
    }

    /// Takes the answer to a request in.
    pub fn handle_shot(&mut self, ticket: ShotTicket, shot: Shot<P>) -> ShotDecision {
        let Some(candidate) = self.pending.remove(&ticket) else {
            return ShotDecision::Dropped(DropReason::Stale);
        };
        self.counters.shots_taken += 1;
        let decision = self.offer(candidate, shot);
        self.counters.shots_kept += u64::from(matches!(decision, ShotDecision::Kept(_)));
        decision
    }

    fn offer(&mut self, candidate: Candidate, shot: Shot<P>) -> ShotDecision {
        let Some(person) = self.people.get_mut(candidate.person) else {
            return ShotDecision::Dropped(DropReason::Stale);
        };
        let (frame, payload) = (candidate.frame, shot.payload);
        match (candidate.subject, shot.fitness) {
            (
                Subject::Face(detection),
                Fitness::Face {
                    quality,
                    mouth_covered,
                    real,
                },
            ) => {
                if let Some(real) = real {
                    person.evidence.observe_texture(real);
                }
                if self.filter.judge_mouth(mouth_covered) != Use::Shot {
                    return ShotDecision::Dropped(DropReason::Mouth);
                }
                let item = FaceItem {
                    frame,
                    detection,
                    head_pose: candidate.head_pose,
                    quality,
                    payload,
                };
                person.offer_face(candidate.pre_score, item, &self.rules)
            }
            (Subject::Body(detection), Fitness::Body { sharpness }) => {
                let item = BodyItem {
                    frame,
                    detection,
                    payload,
                };
                person.offer_body(candidate.pre_score, sharpness, item)
            }
            // An answer to another question.
            _ => ShotDecision::Dropped(DropReason::Stale),
        }
    }

    /// What the driver is to do next. The first call after a frame ends the frame.
    pub fn poll_output(&mut self) -> Option<Output<P>> {
        self.close_frame();
        self.hand_over()
    }

    /// Lets media time pass without a frame: tracks unseen for too long end.
    pub fn handle_timeout(&mut self, media_time: Duration) {
        self.close_frame();
        for part in [Part::Face, Part::Body] {
            let tracker = self.tracker(part);
            let ended = tracker.map_or_else(Vec::new, |t| t.handle_timeout(media_time));
            self.end_tracks(part, ended, SendReason::TrackEnd);
        }
    }

    /// Media time after which an open track may end by itself.
    pub fn poll_timeout(&self) -> Option<Duration> {
        let trackers = self.faces.iter().chain(&self.bodies);
        trackers.filter_map(Tracker::poll_timeout).min()
    }

    /// Ends the run: every open track ends and is sent.
    pub fn handle_end(&mut self, end: StreamEnd) {
        self.close_frame();
        self.end_everything(match end {
            StreamEnd::SourceEnded => SendReason::TrackEnd,
            StreamEnd::Stopped => SendReason::StreamEnd,
        });
    }

    /// People who are there, each by a track of the face, of the body, or of both.
    pub fn open_tracks(&self) -> usize {
        self.people.len()
    }

    /// What happened so far.
    pub fn counters(&self) -> AnalysisCounters {
        self.counters
    }

    /// What the filters turned away.
    pub fn filter_counters(&self) -> FilterCounters {
        self.filter.counters()
    }

    /// What happened to tracks of faces.
    pub fn track_counters(&self) -> TrackCounters {
        self.faces
            .as_ref()
            .map(Tracker::counters)
            .unwrap_or_default()
    }

    /// What happened to tracks of bodies.
    pub fn body_track_counters(&self) -> TrackCounters {
        self.bodies
            .as_ref()
            .map(Tracker::counters)
            .unwrap_or_default()
    }

    fn tracker(&mut self, part: Part) -> Option<&mut Tracker> {
        match part {
            Part::Face => self.faces.as_mut(),
            Part::Body => self.bodies.as_mut(),
        }
    }

    fn mark(&self, frame: FrameInfo) -> Mark {
        Mark {
            time: frame.media_time,
            frame: self.frames,
        }
    }
}

/// The score from which a detection counts is also the one from which it may begin a track. Of
/// unrelated pictures nothing is remembered.
fn tracker_settings(settings: TrackerSettings, sure: f32, stills: bool) -> TrackerSettings {
    TrackerSettings {
        sure_score: sure,
        unsure_score: settings.unsure_score.min(sure),
        confirm_hits: if stills { 1 } else { settings.confirm_hits },
        remember: if stills {
            Duration::ZERO
        } else {
            settings.remember
        },
        ..settings
    }
}
