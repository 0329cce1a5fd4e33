//! Who is who: which track of a face and which track of a body are one person.
//!
//! In one picture a face is paired with the body whose top it is at; the driver tells. That may be
//! wrong where people cross, so a pair of tracks becomes one person only when it was paired in at
//! least [`ENOUGH`] pictures and in more than half of all pictures in which either of the two was
//! paired, when both tracks are objects, and when neither has a counterpart. From then on they are
//! one person until both are over. A person whose face turns away stays the same by the body, and a
//! new track of a face that is paired with that body joins them; likewise a body that was lost
//! behind something, by the face.
//!
//! A person is named by the track that began it, the face's or the body's, so the name does not
//! change while any of the person's tracks is open. Where two people turn out to be one, the one
//! that was there first goes on. To events a person is known by the identity of that track, so that
//! somebody whom the tracker recognises after a gap has the old name.
//!
//! Memory is bounded by the trackers': one person a track at most, and counts of pairs of open
//! tracks only.

use std::collections::BTreeMap;

use goshawk_proto::geometry::BBox;

use super::person::Person;
use crate::{
    bestshot::{Mark, SendRules},
    event::FrameInfo,
    liveness::LivenessPolicy,
    track::TrackNumber,
};

/// Pictures in which a face and a body were paired before they are one person.
pub(super) const ENOUGH: u32 = 2;

/// One of a person's two parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Face,
    Body,
}

/// Names a person within one run; never used again, unless a tracker uses a number again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PersonNumber(pub u64);

impl PersonNumber {
    /// The person that begins with a track.
    pub fn of(part: Part, track: TrackNumber) -> Self {
        Self((track.0 << 1) | u64::from(part == Part::Body))
    }

    /// The track that the person began with.
    pub fn founder(self) -> (Part, TrackNumber) {
        let part = if self.0 & 1 == 1 {
            Part::Body
        } else {
            Part::Face
        };
        (part, TrackNumber(self.0 >> 1))
    }
}

/// Somebody who is seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival<'a> {
    pub frame: FrameInfo,
    pub mark: Mark,
    pub rules: &'a SendRules,
    /// What the stream asks of a face's liveness.
    pub policy: Option<LivenessPolicy>,
}

/// What became of a pair that was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pairing {
    /// They are one person, since now or for longer.
    One,
    /// They became one person just now.
    Joined,
    /// Nothing is decided.
    Open,
    /// At least one of them has another counterpart: the picture shows a crossing, or one of the
    /// tracks has changed its owner.
    Contradicted,
}

/// Everybody who is there.
#[derive(Debug)]
pub(super) struct People<P> {
    persons: BTreeMap<PersonNumber, Person<P>>,
    by_face: BTreeMap<TrackNumber, PersonNumber>,
    by_body: BTreeMap<TrackNumber, PersonNumber>,
    /// In how many pictures a face's and a body's track were paired.
    votes: BTreeMap<(TrackNumber, TrackNumber), u32>,
}

impl<P> Default for People<P> {
    fn default() -> Self {
        Self {
            persons: BTreeMap::new(),
            by_face: BTreeMap::new(),
            by_body: BTreeMap::new(),
            votes: BTreeMap::new(),
        }
    }
}

impl<P> People<P> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.persons.len()
    }

    /// The person of a track that was seen, who is there from now on.
    pub fn meet(&mut self, part: Part, track: TrackNumber, arrival: Arrival<'_>) -> &mut Person<P> {
        let number = *self
            .tracks(part)
            .entry(track)
            .or_insert_with(|| PersonNumber::of(part, track));
        let person = self
            .persons
            .entry(number)
            .or_insert_with(|| Person::new(arrival));
        match part {
            Part::Face => {
                person.face = Some(track);
                person.last_face = Some(track);
            }
            Part::Body => person.body = Some(track),
        }
        person
    }

    fn tracks(&mut self, part: Part) -> &mut BTreeMap<TrackNumber, PersonNumber> {
        match part {
            Part::Face => &mut self.by_face,
            Part::Body => &mut self.by_body,
        }
    }

    /// The person of a track.
    pub fn of(&self, part: Part, track: TrackNumber) -> Option<PersonNumber> {
        let tracks = match part {
            Part::Face => &self.by_face,
            Part::Body => &self.by_body,
        };
        tracks.get(&track).copied()
    }

    pub fn get(&self, number: PersonNumber) -> Option<&Person<P>> {
        self.persons.get(&number)
    }

    pub fn get_mut(&mut self, number: PersonNumber) -> Option<&mut Person<P>> {
        self.persons.get_mut(&number)
    }

    /// Where the faces are that are followed.
    pub fn places(&self) -> impl Iterator<Item = BBox> {
        let faces = self.persons.values().filter(|person| person.face.is_some());
        faces.map(|person| person.place)
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = (PersonNumber, &mut Person<P>)> {
        self.persons.iter_mut().map(|(n, person)| (*n, person))
    }

    /// A track is over. Gives the person back when that was the last one, and the person is gone.
    pub fn leave(&mut self, part: Part, track: TrackNumber) -> Option<(PersonNumber, Person<P>)> {
        let number = self.tracks(part).remove(&track)?;
        self.votes.retain(|(face, body), _| match part {
            Part::Face => *face != track,
            Part::Body => *body != track,
        });
        let person = self.persons.get_mut(&number)?;
        match part {
            Part::Face => person.face = None,
            Part::Body => person.body = None,
        }
        if person.face.is_some() || person.body.is_some() {
            return None;
        }
        self.persons.remove(&number).map(|person| (number, person))
    }

    /// Takes in that a picture pairs a face's track with a body's. `enough` is the number of such
    /// pictures that decides; `sure` says that both tracks are objects.
    pub fn pair(
        &mut self,
        face: TrackNumber,
        body: TrackNumber,
        enough: u32,
        sure: bool,
    ) -> Pairing {
        let owners = (self.of(Part::Face, face), self.of(Part::Body, body));
        let (Some(one), Some(other)) = owners else {
            return Pairing::Open;
        };
        let votes = self.votes.entry((face, body)).or_insert(0);
        *votes = votes.saturating_add(1);
        let votes = *votes;
        if one == other {
            return Pairing::One;
        }
        let taken = self.persons.get(&one).is_some_and(|p| p.body.is_some())
            || self.persons.get(&other).is_some_and(|p| p.face.is_some());
        if taken {
            return Pairing::Contradicted;
        }
        if votes < enough || !sure || !self.is_majority(face, body, votes) {
            return Pairing::Open;
        }
        self.join(one, other);
        Pairing::Joined
    }

    fn is_majority(&self, face: TrackNumber, body: TrackNumber, votes: u32) -> bool {
        let sum = |of: &dyn Fn(&(TrackNumber, TrackNumber)) -> bool| -> u64 {
            let pairs = self.votes.iter().filter(|(pair, _)| of(pair));
            pairs.map(|(_, n)| u64::from(*n)).sum()
        };
        let twice = 2 * u64::from(votes);
        twice > sum(&|pair| pair.0 == face) && twice > sum(&|pair| pair.1 == body)
    }

    fn join(&mut self, one: PersonNumber, other: PersonNumber) {
        let born = |number| self.persons.get(&number).map(|p| (p.born, number));
        let (stays, goes) = if born(one) <= born(other) {
            (one, other)
        } else {
            (other, one)
        };
        let Some(gone) = self.persons.remove(&goes) else {
            return;
        };
        for tracks in [&mut self.by_face, &mut self.by_body] {
            let moved = tracks.values_mut().filter(|number| **number == goes);
            moved.for_each(|number| *number = stays);
        }
        if let Some(person) = self.persons.get_mut(&stays) {
            person.absorb(gone);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use goshawk_proto::{
        geometry::Size,
        stream::{Analytics, PeriodUnit},
        time::Timestamp,
    };
    use proptest::prelude::*;

    use super::*;
    use crate::bestshot::Span;

    fn rules() -> SendRules {
        let analytics: Analytics = serde_json::from_value(serde_json::json!({
            "event_handler": {"handler_id": "0b61258c-434f-45d6-964f-2131e58cd58c"},
        }))
        .unwrap();
        let rules = SendRules::from_analytics(&analytics, false);
        assert_eq!(rules.search, Span::new(-1, PeriodUnit::Sec));
        rules
    }

    fn at(number: u64) -> (FrameInfo, Mark) {
        let frame = FrameInfo {
            number,
            media_time: Duration::from_millis(number * 100),
            captured_at: Timestamp::from_unix_micros(number as i64 * 100_000),
            source_time: None,
            size: Size::new(640, 480),
        };
        let mark = Mark {
            time: frame.media_time,
            frame: number,
        };
        (frame, mark)
    }

    fn meet(people: &mut People<()>, part: Part, track: u64, now: u64) -> PersonNumber {
        let track = TrackNumber(track);
        let (frame, mark) = at(now);
        let arrival = Arrival {
            frame,
            mark,
            rules: &rules(),
            policy: None,
        };
        people.meet(part, track, arrival);
        people.of(part, track).unwrap()
    }

    fn pair(people: &mut People<()>, face: u64, body: u64) -> Pairing {
        people.pair(TrackNumber(face), TrackNumber(body), ENOUGH, true)
    }

    #[test]
    fn two_pictures_make_a_face_and_a_body_one_and_the_first_names_them() {
        let mut people = People::default();
        let body = meet(&mut people, Part::Body, 0, 1);
        let face = meet(&mut people, Part::Face, 7, 4);
        assert_ne!(body, face);
        assert_eq!(pair(&mut people, 7, 0), Pairing::Open);
        assert_eq!(people.len(), 2);
        assert_eq!(pair(&mut people, 7, 0), Pairing::Joined);
        assert_eq!(pair(&mut people, 7, 0), Pairing::One);
        assert_eq!(people.of(Part::Face, TrackNumber(7)), Some(body));
        assert_eq!(people.len(), 1);
        // The face turns away and comes back as another track.
        assert!(people.leave(Part::Face, TrackNumber(7)).is_none());
        let back = meet(&mut people, Part::Face, 9, 30);
        assert_ne!(back, body);
        pair(&mut people, 9, 0);
        assert_eq!(pair(&mut people, 9, 0), Pairing::Joined);
        assert_eq!(people.of(Part::Face, TrackNumber(9)), Some(body));
        assert!(people.leave(Part::Body, TrackNumber(0)).is_none());
        let (number, person) = people.leave(Part::Face, TrackNumber(9)).unwrap();
        assert_eq!((number, person.start), (body, at(1).0.captured_at));
        assert_eq!((people.len(), people.votes.len()), (0, 0));
    }

    #[test]
    fn who_has_a_counterpart_gets_no_other() {
        let mut people = People::default();
        for track in 0..2 {
            meet(&mut people, Part::Face, track, 0);
            meet(&mut people, Part::Body, track, 0);
        }
        for track in 0..2 {
            pair(&mut people, track, track);
            assert_eq!(pair(&mut people, track, track), Pairing::Joined);
        }
        for _ in 0..10 {
            assert_eq!(pair(&mut people, 0, 1), Pairing::Contradicted);
        }
        assert_eq!(people.len(), 2);
    }

    #[test]
    fn noise_and_ties_join_nobody() {
        let mut people = People::default();
        meet(&mut people, Part::Face, 0, 0);
        meet(&mut people, Part::Body, 0, 0);
        meet(&mut people, Part::Body, 1, 0);
        for _ in 0..4 {
            let unsure = people.pair(TrackNumber(0), TrackNumber(0), ENOUGH, false);
            assert_eq!(unsure, Pairing::Open);
        }
        for _ in 0..4 {
            assert_eq!(pair(&mut people, 0, 1), Pairing::Open, "no majority");
        }
        assert_eq!(pair(&mut people, 0, 1), Pairing::Joined, "five of nine");
    }

    proptest! {
        #[test]
        fn every_open_track_has_one_person_with_one_of_each(
            steps in prop::collection::vec((0u8..4, 0u64..6, 0u64..6), 0..120),
        ) {
            let mut people: People<()> = People::default();
            let mut gone = [Vec::new(), Vec::new()];
            for (now, (what, face, body)) in steps.into_iter().enumerate() {
                // A tracker never uses a number again.
                let over = |gone: &[Vec<u64>; 2], part: usize, n| gone[part].contains(&n);
                match what {
                    0 if !over(&gone, 0, face) => { meet(&mut people, Part::Face, face, now as u64); }
                    1 if !over(&gone, 1, body) => { meet(&mut people, Part::Body, body, now as u64); }
                    2 => { pair(&mut people, face, body); }
                    3 => {
                        people.leave(Part::Face, TrackNumber(face));
                        gone[0].push(face);
                    }
                    _ => {}
                }
                for (part, tracks) in [(Part::Face, &people.by_face), (Part::Body, &people.by_body)] {
                    for (track, number) in tracks {
                        let person = &people.persons[number];
                        let own = if part == Part::Face { person.face } else { person.body };
                        prop_assert_eq!(own, Some(*track));
                    }
                }
                let open = people.by_face.len() + people.by_body.len();
                prop_assert!(people.len() <= open);
            }
        }
    }
}
