//! One stream's way from detections to events, in one machine: filter, track, best shot,
//! liveness, event.
//!
//! A driver makes one call per frame and cuts out what it is asked for while the frame is at
//! hand:
//!
//! ```text
//! for request in analysis.handle_frame(observations) {
//!     let warp = crop(&frame, &request.detection);
//!     analysis.handle_shot(request.ticket, Shot { quality: measure(&warp), payload: warp });
//! }
//! while let Some(output) = analysis.poll_output() { .. }
//! ```
//!
//! A cheap score from the detection alone decides what is worth cutting out; the final one, with
//! the warp's quality, decides what is kept. Requests left unanswered by the next call of
//! `poll_output` or `handle_frame` are given up and counted. Frames on which the detector did not
//! run are told as well: periods and tracks go by them.
//!
//! Memory: open tracks (bounded by the tracker) times shots per track (bounded), each with
//! bounded evidence for liveness, plus the outputs of one frame.

mod settings;
#[cfg(test)]
mod tests;
mod tracked;
mod visible;

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use goshawk_proto::{
    event::SendReason,
    id::TrackId,
    stream::{Analytics, AnalyticsMode, SourceKind, StreamSpec},
};

pub use settings::{
    AnalysisCounters, AnalysisSettings, FaceObservation, FrameObservations, Output, Shot,
    ShotRequest, ShotTicket, StreamEnd, TrackReport,
};
pub use visible::{Visible, VisibleKind};

use self::tracked::{Candidate, Tracked};
use crate::{
    bestshot::{DropReason, Mark, SendRules, ShotDecision, score},
    event::{EventDraft, FrameInfo, StreamFacts},
    filter::{FaceFacts, Filter, FilterCounters, Use},
    track::{EndedTrack, Observation, TrackCounters, TrackNumber, Tracker, TrackerSettings},
};

/// The analysis of one stream under one of its specification's analytics. `P` is what the driver
/// gives along with a shot.
#[derive(Debug)]
pub struct StreamAnalysis<P> {
    facts: StreamFacts,
    session: u64,
    rules: SendRules,
    looks_for_faces: bool,
    stills: bool,
    filter: Filter,
    tracker: Tracker,
    tracked: BTreeMap<TrackNumber, Tracked<P>>,
    frames: u64,
    now: Option<FrameInfo>,
    /// Requests of the current frame that are not yet answered.
    pending: BTreeMap<ShotTicket, Candidate>,
    next_ticket: u64,
    /// Whether the frame's end has still to be worked through.
    frame_open: bool,
    outputs: VecDeque<Output<P>>,
    counters: AnalysisCounters,
}

impl<P> StreamAnalysis<P> {
    /// An analysis that has seen nothing yet. `session` must be random per run, since track ids
    /// are made from it.
    pub fn new(
        spec: &StreamSpec,
        analytics: &Analytics,
        session: u64,
        settings: AnalysisSettings,
    ) -> Self {
        let stills = spec.data.kind == SourceKind::Images;
        // The score from which a face counts is also the one from which it may begin a track.
        let sure_score = analytics.filtering.min_score_face;
        let mut tracker = TrackerSettings {
            sure_score,
            ..settings.tracker
        };
        tracker.unsure_score = tracker.unsure_score.min(sure_score);
        if stills {
            tracker.confirm_hits = 1;
        }
        let thresholds = analytics.filtering;
        Self {
            facts: StreamFacts::from(spec),
            session,
            rules: SendRules::from_analytics(analytics),
            looks_for_faces: analytics.mode != AnalyticsMode::Bodies,
            stills,
            filter: Filter::new(
                thresholds,
                settings.min_face_side,
                spec.data.roi,
                analytics.droi,
            ),
            tracker: Tracker::new(tracker),
            tracked: BTreeMap::new(),
            frames: 0,
            now: None,
            pending: BTreeMap::new(),
            next_ticket: 0,
            frame_open: false,
            outputs: VecDeque::new(),
            counters: AnalysisCounters::default(),
        }
    }

    /// Takes one frame in and says which faces to cut out of it, the best first.
    pub fn handle_frame(&mut self, observations: FrameObservations) -> Vec<ShotRequest> {
        self.close_frame();
        let FrameObservations { frame, faces } = observations;
        self.now = Some(frame);
        self.frames += 1;
        self.frame_open = true;
        self.counters.frames += 1;
        match faces {
            Some(faces) if self.looks_for_faces => self.handle_faces(frame, faces),
            _ => {
                let ended = self.tracker.handle_timeout(frame.media_time);
                self.end_tracks(ended, SendReason::TrackEnd);
                Vec::new()
            }
        }
    }

    /// Takes the answer to a request in.
    pub fn handle_shot(&mut self, ticket: ShotTicket, shot: Shot<P>) -> ShotDecision {
        let Some(candidate) = self.pending.remove(&ticket) else {
            return ShotDecision::Dropped(DropReason::Stale);
        };
        self.counters.shots_taken += 1;
        let Some(tracked) = self.tracked.get_mut(&candidate.track) else {
            return ShotDecision::Dropped(DropReason::Stale);
        };
        let decision = tracked.offer(candidate, shot, &self.rules);
        self.counters.shots_kept += u64::from(matches!(decision, ShotDecision::Kept(_)));
        decision
    }

    /// What the driver is to do next. The first call after a frame ends the frame.
    pub fn poll_output(&mut self) -> Option<Output<P>> {
        self.close_frame();
        self.outputs.pop_front()
    }

    /// Lets media time pass without a frame: tracks unseen for too long end.
    pub fn handle_timeout(&mut self, media_time: Duration) {
        self.close_frame();
        let ended = self.tracker.handle_timeout(media_time);
        self.end_tracks(ended, SendReason::TrackEnd);
    }

    /// Media time after which an open track may end by itself.
    pub fn poll_timeout(&self) -> Option<Duration> {
        self.tracker.poll_timeout()
    }

    /// Ends the run: every open track ends and is sent.
    pub fn handle_end(&mut self, end: StreamEnd) {
        self.close_frame();
        let reason = match end {
            StreamEnd::SourceEnded => SendReason::TrackEnd,
            StreamEnd::Stopped => SendReason::StreamEnd,
        };
        let ended = self.tracker.finish();
        self.end_tracks(ended, reason);
    }

    /// Tracks that are open.
    pub fn open_tracks(&self) -> usize {
        self.tracked.len()
    }

    /// What happened so far.
    pub fn counters(&self) -> AnalysisCounters {
        self.counters
    }

    /// What the filters turned away.
    pub fn filter_counters(&self) -> FilterCounters {
        self.filter.counters()
    }

    /// What happened to tracks.
    pub fn track_counters(&self) -> TrackCounters {
        self.tracker.counters()
    }

    fn handle_faces(&mut self, frame: FrameInfo, faces: Vec<FaceObservation>) -> Vec<ShotRequest> {
        self.counters.detected_frames += 1;
        self.counters.detections += faces.len() as u64;
        let admitted: Vec<usize> = (0..faces.len())
            .filter(|i| self.filter.admits(&faces[*i].detection.bbox, frame.size))
            .collect();
        let seen: Vec<Observation<'_>> = admitted.iter().map(|i| faces[*i].observation()).collect();
        let update = self.tracker.handle_detections(frame.media_time, &seen);
        self.end_tracks(update.ended, SendReason::TrackEnd);
        let mark = self.mark(frame);
        let owned: Vec<(usize, TrackNumber)> = admitted
            .into_iter()
            .zip(update.assigned)
            .filter_map(|(index, track)| Some((index, track?)))
            .collect();
        let primary = self.primary(&faces, &owned);
        let mut requests = Vec::new();
        for (index, number) in owned {
            let limit = self.rules.faces;
            let tracked = self
                .tracked
                .entry(number)
                .or_insert_with(|| Tracked::new(frame.captured_at, mark, limit));
            tracked.see(frame, &faces[index], tracked::is_alone(&faces, index));
            let wanted = primary.is_none_or(|only| only == Some(number));
            if let Some(request) = self.consider(frame, &faces[index], (index, number), wanted) {
                requests.push(request);
            }
        }
        requests.sort_by(|a, b| b.pre_score.get().total_cmp(&a.pre_score.get()));
        requests
    }

    /// With the primary track policy on, the one track whose face is largest and large enough;
    /// `Some(None)` when there is none such.
    fn primary(
        &self,
        faces: &[FaceObservation],
        owned: &[(usize, TrackNumber)],
    ) -> Option<Option<TrackNumber>> {
        let policy = self.rules.primary?;
        let height = |index: usize| faces[index].detection.bbox.height;
        let near = owned
            .iter()
            .filter(|(i, _)| height(*i) >= policy.best_shot_min_size as f32);
        let largest = near.max_by(|a, b| height(a.0).total_cmp(&height(b.0)).then(b.1.cmp(&a.1)));
        Some(largest.map(|(_, number)| *number))
    }

    /// Whether a face is worth cutting out.
    fn consider(
        &mut self,
        frame: FrameInfo,
        face: &FaceObservation,
        (index, number): (usize, TrackNumber),
        wanted: bool,
    ) -> Option<ShotRequest> {
        let mark = self.mark(frame);
        let tracked = self.tracked.get_mut(&number)?;
        let facts = FaceFacts {
            bbox: face.detection.bbox,
            score: face.detection.score,
            head_pose: face.head_pose,
            mouth_visibility: face.mouth_visibility,
        };
        let usable = self
            .filter
            .judge_face(&facts, frame.size, &mut tracked.yaws)
            == Use::Shot;
        tracked.cadence.handle_time(&self.rules, mark);
        if !usable || !wanted || !tracked.cadence.is_searching() {
            return None;
        }
        let pre = score::pre_score(&face.detection.bbox, face.detection.score, face.head_pose);
        if !tracked.shots.worth_cropping(pre, frame.media_time) {
            self.counters.shots_hopeless += 1;
            return None;
        }
        let ticket = ShotTicket(self.next_ticket);
        self.next_ticket += 1;
        self.counters.shots_wanted += 1;
        let detection = face.detection.clone();
        let candidate = Candidate {
            track: number,
            frame,
            detection: detection.clone(),
            head_pose: face.head_pose,
            pre_score: pre,
        };
        self.pending.insert(ticket, candidate);
        Some(ShotRequest {
            ticket,
            index,
            detection,
            pre_score: pre,
        })
    }

    /// Ends a frame: gives up unanswered requests and sends what is due. In a folder of unrelated
    /// pictures every picture ends its tracks.
    fn close_frame(&mut self) {
        let Some(frame) = self.now.filter(|_| self.frame_open) else {
            return;
        };
        self.frame_open = false;
        self.counters.shots_missed += self.pending.len() as u64;
        self.pending.clear();
        let mark = self.mark(frame);
        let mut drafts = Vec::new();
        for (number, tracked) in &mut self.tracked {
            let confirmed = self
                .tracker
                .track(*number)
                .is_some_and(|t| t.is_confirmed());
            let (has_shots, near) = (!tracked.shots.is_empty(), tracked.near);
            if confirmed && tracked.cadence.is_due(&self.rules, mark, has_shots, near) {
                drafts.push((*number, tracked.take()));
            }
        }
        for (number, sending) in drafts {
            self.send(number, sending, SendReason::Period);
        }
        if self.stills {
            let ended = self.tracker.finish();
            self.end_tracks(ended, SendReason::TrackEnd);
        }
    }

    fn end_tracks(&mut self, ended: Vec<EndedTrack>, reason: SendReason) {
        for EndedTrack { track, cause } in ended {
            let Some(mut tracked) = self.tracked.remove(&track.number()) else {
                continue;
            };
            let track_id = self.track_id(track.number());
            self.outputs.push_back(Output::TrackEnded(TrackReport {
                track_id,
                cause,
                confirmed: track.is_confirmed(),
                start: tracked.start,
                end: tracked.end,
                detections: track.hits(),
                events: tracked.events
                    + u32::from(track.is_confirmed() && !tracked.shots.is_empty()),
            }));
            if !track.is_confirmed() {
                self.counters.shots_of_noise += tracked.shots.kept().len() as u64;
            } else if !tracked.shots.is_empty() {
                let sending = tracked.take();
                self.send(track.number(), sending, reason);
            }
        }
    }

    fn send(&mut self, number: TrackNumber, sending: tracked::Sending<P>, reason: SendReason) {
        let Some(best) = sending.shots.first() else {
            return;
        };
        self.counters.events += 1;
        let draft = EventDraft {
            stream: self.facts.clone(),
            track_id: self.track_id(number),
            track_start: sending.start,
            track_end: sending.end,
            reason,
            source_size: best.frame.size,
            shots: sending.shots,
            liveness: sending.liveness,
        };
        self.outputs.push_back(Output::EventReady(Box::new(draft)));
    }

    fn track_id(&self, number: TrackNumber) -> TrackId {
        TrackId::from_session(self.session, number.0)
    }

    fn mark(&self, frame: FrameInfo) -> Mark {
        Mark {
            time: frame.media_time,
            frame: self.frames,
        }
    }
}
