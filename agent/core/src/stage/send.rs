//! From what is kept of people to events: when a frame is over, and when people go.

use goshawk_proto::{descriptor::Descriptor, detection::Liveness, event::SendReason, id::TrackId};

use super::{
    Output, StreamAnalysis, TrackReport,
    look::is_object,
    people::{Part, PersonNumber},
    person::{Person, Sending},
};
use crate::{
    event::{EventDraft, Origin},
    liveness::Standing,
    track::{EndCause, EndedTrack},
};

impl<P: Clone> StreamAnalysis<P> {
    /// Ends a frame: gives up unanswered requests and sends what is due. In a folder of unrelated
    /// pictures every picture ends its tracks.
    pub(super) fn close_frame(&mut self) {
        let Some(frame) = self.now.filter(|_| self.frame_open) else {
            return;
        };
        self.frame_open = false;
        self.counters.shots_missed += self.pending.len() as u64;
        self.pending.clear();
        let mark = self.mark(frame);
        let mut due = Vec::new();
        for (number, person) in self.people.iter_mut() {
            let confirmed = person.confirmed
                || person
                    .face
                    .is_some_and(|t| is_object(self.faces.as_ref(), t))
                || person
                    .body
                    .is_some_and(|t| is_object(self.bodies.as_ref(), t));
            if !confirmed {
                continue;
            }
            let mut ready = person.ready(&self.rules);
            if ready.faces {
                ready.faces = match person.standing() {
                    Standing::Open => true,
                    Standing::Waiting => false,
                    Standing::Closed => {
                        person.faces.take();
                        self.counters.withheld_spoofs += 1;
                        false
                    }
                };
                // The search goes on where nothing but a waiting face could be sent.
                if !ready.any() && !person.faces.is_empty() {
                    continue;
                }
            }
            let near = person.near && ready.faces;
            if person.cadence.is_due(&self.rules, mark, ready.any(), near) {
                let sending = person.take(ready, &self.rules);
                person.events += events_of(&sending, self.rules.separate);
                due.push((number, sending));
            }
        }
        for (number, sending) in due {
            self.send(number, sending, SendReason::Period);
        }
        if self.stills {
            self.end_everything(SendReason::TrackEnd);
        }
    }

    /// Ends every open track.
    pub(super) fn end_everything(&mut self, reason: SendReason) {
        for part in [Part::Face, Part::Body] {
            let ended = self.tracker(part).map_or_else(Vec::new, |t| t.finish());
            self.end_tracks(part, ended, reason);
        }
    }

    /// Lets people go whose last track has ended.
    pub(super) fn end_tracks(&mut self, part: Part, ended: Vec<EndedTrack>, reason: SendReason) {
        for EndedTrack { track, cause } in ended {
            if let Some(number) = self.people.of(part, track.number())
                && let Some(person) = self.people.get_mut(number)
            {
                person.confirmed |= track.is_confirmed();
                person.detections = person.detections.saturating_add(track.hits());
            }
            if let Some((number, person)) = self.people.leave(part, track.number()) {
                self.end_person(number, person, (cause, reason));
            }
        }
    }

    fn end_person(
        &mut self,
        number: PersonNumber,
        mut person: Person<P>,
        (cause, reason): (EndCause, SendReason),
    ) {
        if person.confirmed {
            self.withhold(&mut person);
        }
        let kept = person.faces.kept().len() + person.bodies.kept().len();
        let ready = person.ready(&self.rules);
        let incomplete = person.incomplete(&self.rules) as u64;
        let sending = (person.confirmed && ready.any()).then(|| person.take(ready, &self.rules));
        if let Some(sending) = &sending {
            person.events += events_of(sending, self.rules.separate);
        }
        self.outputs.push_back(Output::TrackEnded(TrackReport {
            track_id: self.named(number, person.name),
            cause,
            confirmed: person.confirmed,
            start: person.start,
            end: person.end,
            detections: person.detections,
            events: person.events,
        }));
        if !person.confirmed {
            self.counters.shots_of_noise += kept as u64;
        } else {
            self.counters.shots_incomplete += incomplete;
        }
        if let Some(sending) = sending {
            self.send(number, sending, reason);
        }
    }

    /// Throws the face shots of somebody who is gone away where liveness is against them or was not
    /// checked enough. Bodies are not concerned.
    fn withhold(&mut self, person: &mut Person<P>) {
        if person.faces.is_empty() {
            return;
        }
        match person.standing() {
            Standing::Open => return,
            Standing::Waiting => self.counters.withheld_unchecked += 1,
            Standing::Closed => self.counters.withheld_spoofs += 1,
        }
        person.faces.take();
    }

    /// Makes one event, or one of the faces and one of the bodies.
    fn send(&mut self, number: PersonNumber, sending: Sending<P>, reason: SendReason) {
        if !self.rules.separate {
            self.make_event(number, sending, reason);
            return;
        }
        let bodies = Sending {
            faces: Vec::new(),
            bodies: sending.bodies,
            face: None,
            name: sending.name,
            start: sending.start,
            end: sending.end,
            liveness: Liveness::default(),
        };
        let faces = Sending {
            bodies: Vec::new(),
            ..sending
        };
        self.make_event(number, faces, reason);
        self.make_event(number, bodies, reason);
    }

    fn make_event(&mut self, number: PersonNumber, sending: Sending<P>, reason: SendReason) {
        let face = sending.faces.first().map(|shot| shot.frame.size);
        let body = sending.bodies.first().map(|shot| shot.frame.size);
        let Some(source_size) = face.or(body) else {
            return;
        };
        self.counters.events += 1;
        let draft = EventDraft {
            stream: self.facts.clone(),
            analysis: self.analysis,
            track_id: self.named(number, sending.name),
            origin: Origin {
                person: number.0,
                name: sending.name.map(|name| name.0),
                face: sending.face,
            },
            track_start: sending.start,
            track_end: sending.end,
            reason,
            source_size,
            faces: sending.faces,
            bodies: sending.bodies,
            liveness: sending.liveness,
        };
        self.outputs.push_back(Output::EventReady(Box::new(draft)));
    }

    /// The name of a person who is there.
    pub(super) fn track_id(&self, number: PersonNumber) -> TrackId {
        self.named(number, None)
    }

    /// The name of a person in events: that of the track that they began with, or of an earlier
    /// one of the same object where the tracker recognised it. It stays once it was told.
    fn named(&self, number: PersonNumber, told: Option<PersonNumber>) -> TrackId {
        let told = told.or_else(|| self.people.get(number)?.name);
        let name = told.unwrap_or_else(|| self.recognised(number));
        TrackId::from_session(self.session, name.0)
    }

    fn rename(&self, draft: &mut EventDraft<P>) {
        let Origin { person, name, .. } = draft.origin;
        draft.track_id = self.named(PersonNumber(person), name.map(PersonNumber));
    }

    fn recognised(&self, number: PersonNumber) -> PersonNumber {
        let (part, track) = number.founder();
        let tracker = match part {
            Part::Face => self.faces.as_ref(),
            Part::Body => self.bodies.as_ref(),
        };
        let identity = tracker.and_then(|tracker| tracker.identity(track));
        identity.map_or(number, |identity| PersonNumber::of(part, identity))
    }

    /// Takes in what a draft's best face looks like, which the driver learns by describing it, and
    /// gives the draft the name of whoever is recognised by it. To be called before the next output
    /// is taken: a name that was told stays.
    pub fn handle_look(&mut self, draft: &mut EventDraft<P>, look: &Descriptor) {
        if let (Some(track), Some(tracker)) = (draft.origin.face, self.faces.as_mut()) {
            tracker.handle_appearance(track, look);
        }
        self.rename(draft);
    }

    /// The next draft, under the name that its person has by now.
    pub(super) fn hand_over(&mut self) -> Option<Output<P>> {
        if let Some(number) = self.told.take() {
            self.settle(number);
        }
        let mut output = self.outputs.pop_front()?;
        if let Output::EventReady(draft) = &mut output {
            self.rename(draft);
            self.told = Some(PersonNumber(draft.origin.person));
        }
        Some(output)
    }

    /// From now on nothing changes the name of a person.
    fn settle(&mut self, number: PersonNumber) {
        let name = self.recognised(number);
        let (part, track) = number.founder();
        if let Some(tracker) = self.tracker(part) {
            tracker.settle(track);
        }
        if let Some(person) = self.people.get_mut(number) {
            person.name.get_or_insert(name);
        }
    }
}

/// How many events a sending makes.
fn events_of<P>(sending: &Sending<P>, separate: bool) -> u32 {
    let parts = u32::from(!sending.faces.is_empty()) + u32::from(!sending.bodies.is_empty());
    if separate { parts } else { parts.min(1) }
}
