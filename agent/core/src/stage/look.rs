//! From a frame's detections to the samples that are worth cutting out.

use goshawk_proto::event::SendReason;

use super::{
    BodyObservation, Candidate, FaceObservation, FrameObservations, ShotRequest, ShotTicket,
    StreamAnalysis, Subject,
    people::{Arrival, ENOUGH, Pairing, Part, PersonNumber},
    person,
};
use crate::{
    bestshot::{body, score},
    event::FrameInfo,
    filter::{FaceFacts, Use},
    track::{Observation, TrackNumber, Tracker},
};

/// A detection of the frame, by its position, with its track.
type Owned = (usize, TrackNumber);

impl<P: Clone> StreamAnalysis<P> {
    /// Follows what was seen and says what to cut out.
    pub(super) fn look(&mut self, seen: &FrameObservations) -> Vec<ShotRequest> {
        let frame = seen.frame;
        let faces = seen.faces.as_deref().filter(|_| self.faces.is_some());
        let bodies = seen.bodies.as_deref().filter(|_| self.bodies.is_some());
        if faces.is_some() || bodies.is_some() {
            self.counters.detected_frames += 1;
        }
        let owned_faces = self.follow_faces(frame, faces);
        let owned_bodies = self.follow_bodies(frame, bodies);
        let (faces, bodies) = (faces.unwrap_or_default(), bodies.unwrap_or_default());
        self.meet(frame, (faces, &owned_faces), &owned_bodies);
        let doubtful = self.pair(faces, &owned_faces, &owned_bodies);
        let mut requests = self.consider_faces(frame, faces, &owned_faces);
        for (index, track) in owned_bodies {
            if !doubtful.contains(&track) {
                requests.extend(self.consider_body(frame, &bodies[index], (index, track)));
            }
        }
        requests.sort_by(|a, b| b.pre_score.get().total_cmp(&a.pre_score.get()));
        requests
    }

    fn follow_faces(&mut self, frame: FrameInfo, faces: Option<&[FaceObservation]>) -> Vec<Owned> {
        let Some(faces) = faces else {
            self.coast(Part::Face, frame);
            return Vec::new();
        };
        self.counters.detections += faces.len() as u64;
        let admitted: Vec<usize> = (0..faces.len())
            .filter(|i| self.filter.admits(&faces[*i].detection.bbox, frame.size))
            .collect();
        let seen: Vec<Observation<'_>> = admitted.iter().map(|i| faces[*i].observation()).collect();
        self.follow(Part::Face, frame, &admitted, &seen)
    }

    fn follow_bodies(
        &mut self,
        frame: FrameInfo,
        bodies: Option<&[BodyObservation]>,
    ) -> Vec<Owned> {
        let Some(bodies) = bodies else {
            self.coast(Part::Body, frame);
            return Vec::new();
        };
        self.counters.bodies += bodies.len() as u64;
        let admitted: Vec<usize> = (0..bodies.len())
            .filter(|i| self.filter.admits_body(&bodies[*i].detection.bbox))
            .collect();
        let seen: Vec<Observation<'_>> =
            admitted.iter().map(|i| bodies[*i].observation()).collect();
        self.follow(Part::Body, frame, &admitted, &seen)
    }

    fn follow(
        &mut self,
        part: Part,
        frame: FrameInfo,
        admitted: &[usize],
        seen: &[Observation<'_>],
    ) -> Vec<Owned> {
        let Some(tracker) = self.tracker(part) else {
            return Vec::new();
        };
        let update = tracker.handle_detections(frame.media_time, seen);
        self.end_tracks(part, update.ended, SendReason::TrackEnd);
        let owned = admitted.iter().zip(update.assigned);
        owned
            .filter_map(|(index, track)| Some((*index, track?)))
            .collect()
    }

    /// The detector did not run: tracks go on without it.
    fn coast(&mut self, part: Part, frame: FrameInfo) {
        let tracker = self.tracker(part);
        let ended = tracker.map_or_else(Vec::new, |t| t.handle_timeout(frame.media_time));
        self.end_tracks(part, ended, SendReason::TrackEnd);
    }

    fn meet(
        &mut self,
        frame: FrameInfo,
        (faces, owned): (&[FaceObservation], &[Owned]),
        bodies: &[Owned],
    ) {
        let arrival = Arrival {
            frame,
            mark: self.mark(frame),
            rules: &self.rules,
            policy: self.policy,
        };
        for (index, track) in owned {
            let person = self.people.meet(Part::Face, *track, arrival);
            let face = &faces[*index];
            person.see_face(frame, face, person::is_alone(faces, *index));
            if self.policy.is_some() {
                person.check(frame, face, self.backdrop.as_ref());
            }
        }
        for (_, track) in bodies {
            let person = self.people.meet(Part::Body, *track, arrival);
            person.see_body(frame);
        }
    }

    /// Tells who belongs together. Gives the bodies whose owner is in doubt.
    fn pair(
        &mut self,
        faces: &[FaceObservation],
        owned: &[Owned],
        bodies: &[Owned],
    ) -> Vec<TrackNumber> {
        // Pictures that have nothing to do with each other decide at once.
        let enough = if self.stills { 1 } else { ENOUGH };
        let mut doubtful = Vec::new();
        for (index, face) in owned {
            let of_body = faces[*index].body;
            let body = bodies.iter().find(|(at, _)| Some(*at) == of_body);
            let Some((_, body)) = body else { continue };
            let sure =
                is_object(self.faces.as_ref(), *face) && is_object(self.bodies.as_ref(), *body);
            match self.people.pair(*face, *body, enough, sure) {
                Pairing::Joined => self.counters.joined += 1,
                Pairing::Contradicted => doubtful.push(*body),
                Pairing::One | Pairing::Open => {}
            }
        }
        doubtful
    }

    fn consider_faces(
        &mut self,
        frame: FrameInfo,
        faces: &[FaceObservation],
        owned: &[Owned],
    ) -> Vec<ShotRequest> {
        let primary = self.primary(faces, owned);
        let mut requests = Vec::new();
        for (index, track) in owned {
            let wanted = primary.is_none_or(|only| only == Some(*track));
            requests.extend(self.consider_face(frame, &faces[*index], (*index, *track), wanted));
        }
        requests
    }

    /// With the primary track policy on, the one track whose face is largest and large enough;
    /// `Some(None)` when there is none such.
    fn primary(&self, faces: &[FaceObservation], owned: &[Owned]) -> Option<Option<TrackNumber>> {
        let policy = self.rules.primary?;
        let height = |index: usize| faces[index].detection.bbox.height;
        let near = owned
            .iter()
            .filter(|(i, _)| height(*i) >= policy.best_shot_min_size as f32);
        let largest = near.max_by(|a, b| height(a.0).total_cmp(&height(b.0)).then(b.1.cmp(&a.1)));
        Some(largest.map(|(_, number)| *number))
    }

    /// Whether a face is worth cutting out.
    fn consider_face(
        &mut self,
        frame: FrameInfo,
        face: &FaceObservation,
        (index, track): Owned,
        wanted: bool,
    ) -> Option<ShotRequest> {
        let mark = self.mark(frame);
        let number = self.people.of(Part::Face, track)?;
        let person = self.people.get_mut(number)?;
        let facts = FaceFacts {
            bbox: face.detection.bbox,
            score: face.detection.score,
            head_pose: face.head_pose,
        };
        let usable = self.filter.judge_face(&facts, frame.size, &mut person.yaws) == Use::Shot;
        person.cadence.handle_time(&self.rules, mark);
        let hopeless = self.rules.faces == 0 || person.gate.is_final();
        if !usable || !wanted || hopeless || !person.cadence.is_searching() {
            return None;
        }
        let pre = score::pre_score(&face.detection.bbox, face.detection.score, face.head_pose);
        if !person.faces.worth_cropping(pre, frame.media_time) {
            self.counters.shots_hopeless += 1;
            return None;
        }
        let candidate = Candidate {
            person: number,
            frame,
            subject: Subject::Face(face.detection.clone()),
            head_pose: face.head_pose,
            pre_score: pre,
        };
        Some(self.request(index, candidate))
    }

    /// Whether a body is worth cutting out.
    fn consider_body(
        &mut self,
        frame: FrameInfo,
        seen: &BodyObservation,
        (index, track): Owned,
    ) -> Option<ShotRequest> {
        let mark = self.mark(frame);
        let number: PersonNumber = self.people.of(Part::Body, track)?;
        let person = self.people.get_mut(number)?;
        let detection = seen.detection;
        let usable = self.filter.judge_body(&detection.bbox, detection.score) == Use::Shot;
        person.cadence.handle_time(&self.rules, mark);
        if !usable || self.rules.bodies == 0 || !person.cadence.is_searching() {
            return None;
        }
        let pre = body::pre_score(&detection.bbox, detection.score, frame.size);
        if !person.bodies.worth_cropping(pre, frame.media_time) {
            self.counters.shots_hopeless += 1;
            return None;
        }
        let candidate = Candidate {
            person: number,
            frame,
            subject: Subject::Body(detection),
            head_pose: None,
            pre_score: pre,
        };
        Some(self.request(index, candidate))
    }

    fn request(&mut self, index: usize, candidate: Candidate) -> ShotRequest {
        let ticket = ShotTicket(self.next_ticket);
        self.next_ticket += 1;
        self.counters.shots_wanted += 1;
        let request = ShotRequest {
            ticket,
            index,
            subject: candidate.subject.clone(),
            pre_score: candidate.pre_score,
        };
        self.pending.insert(ticket, candidate);
        request
    }
}

/// Whether a track was seen often enough to be believed.
pub(super) fn is_object(tracker: Option<&Tracker>, track: TrackNumber) -> bool {
    let track = tracker.and_then(|t| t.track(track));
    track.is_some_and(|t| t.is_confirmed())
}
