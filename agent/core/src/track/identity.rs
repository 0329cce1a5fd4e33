//! Who tracks are: recognising those who come back.

use goshawk_proto::descriptor::Descriptor;

use super::{TrackNumber, Tracker, memory::Passage};

impl Tracker {
    /// Learns from a better picture than the detections, such as a best shot, what the object of
    /// a track looks like. The track may be open or ended lately. Gives its identity as it is
    /// now, which differs from before where this look is that of somebody remembered; `None`
    /// where the track is neither open nor remembered.
    pub fn handle_appearance(
        &mut self,
        number: TrackNumber,
        look: &Descriptor,
    ) -> Option<TrackNumber> {
        match self.tracks.get_mut(&number) {
            Some(track) => track.remember(look),
            None => {
                self.memory.learn(number, look);
            }
        }
        self.recognise(number);
        self.identity(number)
    }

    /// The identity of a track that is open or remembered.
    pub fn identity(&self, number: TrackNumber) -> Option<TrackNumber> {
        let open = self.tracks.get(&number).map(|track| track.identity);
        open.or_else(|| Some(self.memory.get(number)?.identity))
    }

    /// Fixes a track's identity, because it was told: from now on it stays what it is.
    pub fn settle(&mut self, number: TrackNumber) {
        if let Some(track) = self.tracks.get_mut(&number) {
            track.settled = true;
        } else if let Some(passage) = self.memory.get_mut(number) {
            passage.settled = true;
        }
    }

    /// Looks whether a track's object was there before.
    pub(super) fn recognise(&mut self, number: TrackNumber) {
        let passage = match self.tracks.get(&number) {
            Some(track) => Some(Passage::of(track)),
            None => self.memory.get(number).cloned(),
        };
        let Some(passage) = passage.filter(|p| !p.settled) else {
            return;
        };
        let Some(identity) = self.memory.recognise(&passage, &self.settings) else {
            return;
        };
        self.counters.returned += 1;
        if let Some(track) = self.tracks.get_mut(&number) {
            (track.identity, track.settled) = (identity, true);
        } else if let Some(passage) = self.memory.get_mut(number) {
            (passage.identity, passage.settled) = (identity, true);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, time::Duration};

    use goshawk_proto::{descriptor::DescriptorVersion, geometry::BBox, score::Score};
    use proptest::prelude::*;

    use super::*;
    use crate::track::{EndedTrack, Observation, TrackerSettings, Update};

    /// The look of person `who`, a little different every time.
    fn look(who: usize, time: u64) -> Descriptor {
        let mut values = [0.05; 8];
        values[who % 8] = 1.0;
        values[(who + 1 + time as usize % 7) % 8] += 0.2;
        Descriptor::from_values(DescriptorVersion(1), &values).unwrap()
    }

    /// A tracker with a clock that shows it one person at a time.
    struct Scene {
        tracker: Tracker,
        now: u64,
    }

    impl Scene {
        fn new(settings: TrackerSettings) -> Self {
            Self {
                tracker: Tracker::new(settings),
                now: 0,
            }
        }

        fn at(&self) -> Duration {
            Duration::from_millis(self.now)
        }

        fn run(&mut self, boxes: &[(f32, Option<&Descriptor>)]) -> Update {
            let seen: Vec<Observation<'_>> = boxes
                .iter()
                .map(|(x, appearance)| Observation {
                    bbox: BBox::new(*x, 100.0, 50.0, 60.0),
                    score: Score::saturating(0.9),
                    appearance: *appearance,
                })
                .collect();
            self.now += 100;
            self.tracker.handle_detections(self.at(), &seen)
        }

        /// Somebody stands at `x` for a second; the number of the track.
        fn visit(&mut self, x: f32) -> TrackNumber {
            let numbers: BTreeSet<_> = (0..10)
                .filter_map(|_| self.run(&[(x, None)]).assigned[0])
                .collect();
            assert_eq!(numbers.len(), 1);
            numbers.into_iter().next().unwrap()
        }

        /// Nobody is there for so many milliseconds.
        fn pause(&mut self, milliseconds: u64) -> Vec<EndedTrack> {
            self.now += milliseconds;
            self.tracker.handle_timeout(self.at())
        }
    }

    fn scene() -> Scene {
        Scene::new(TrackerSettings::default())
    }

    #[test]
    fn who_comes_back_is_the_same() {
        let mut scene = scene();
        let first = scene.visit(100.0);
        assert_eq!(scene.pause(4_000).len(), 1);
        // The look of the first passage is known only after its end, from its best shot.
        assert_eq!(
            scene.tracker.handle_appearance(first, &look(1, 0)),
            Some(first)
        );
        let second = scene.visit(300.0);
        assert_ne!(first, second, "numbers are never reused");
        let identity = scene.tracker.handle_appearance(second, &look(1, 1));
        assert_eq!(identity, Some(first));
        assert_eq!(scene.tracker.track(second).unwrap().identity(), first);
        assert_eq!(scene.tracker.counters().returned, 1);
        // And once more, known by the detections' own looks.
        scene.pause(4_000);
        let look = look(1, 2);
        for _ in 0..3 {
            scene.run(&[(120.0, Some(&look))]);
        }
        let third = scene.tracker.tracks().next().unwrap();
        assert_eq!(
            (third.identity(), scene.tracker.counters().returned),
            (first, 2)
        );
    }

    #[test]
    fn strangers_and_those_who_cannot_have_got_there_are_new() {
        let cases: [(&str, u64, f32, usize); 4] = [
            ("another person", 4_000, 100.0, 2),
            ("too far away for the time", 2_000, 9_000.0, 1),
            ("after too long", 40_000, 100.0, 1),
            ("the very same", 4_000, 100.0, 1),
        ];
        for (case, gap, place, who) in cases {
            let mut scene = scene();
            let first = scene.visit(100.0);
            scene.tracker.handle_appearance(first, &look(1, 0));
            scene.pause(gap);
            let second = scene.visit(place);
            let identity = scene.tracker.handle_appearance(second, &look(who, 1));
            let same = case == "the very same";
            assert_eq!(identity == Some(first), same, "{case}");
        }
    }

    #[test]
    fn of_twins_neither_is_taken() {
        let mut scene = scene();
        for n in 0..2 {
            let number = scene.visit(100.0);
            scene.tracker.settle(number);
            scene.tracker.handle_appearance(number, &look(1, n));
            scene.pause(3_000);
        }
        let third = scene.visit(100.0);
        assert_eq!(
            scene.tracker.handle_appearance(third, &look(1, 2)),
            Some(third)
        );
    }

    #[test]
    fn what_was_told_stays() {
        let mut scene = scene();
        let first = scene.visit(100.0);
        scene.tracker.handle_appearance(first, &look(1, 0));
        scene.pause(4_000);
        let second = scene.visit(100.0);
        scene.tracker.settle(second);
        let identity = scene.tracker.handle_appearance(second, &look(1, 1));
        assert_eq!(identity, Some(second));
    }

    #[test]
    fn the_memory_is_bounded() {
        let settings = TrackerSettings {
            max_remembered: 2,
            ..TrackerSettings::default()
        };
        let mut scene = Scene::new(settings);
        let numbers: Vec<TrackNumber> = (0..4)
            .map(|_| {
                let number = scene.visit(100.0);
                scene.pause(3_000);
                number
            })
            .collect();
        assert_eq!(scene.tracker.counters().forgotten, 2);
        assert_eq!(scene.tracker.identity(numbers[1]), None);
        assert_eq!(scene.tracker.identity(numbers[2]), Some(numbers[2]));
        assert_eq!(
            scene.tracker.handle_appearance(numbers[0], &look(1, 0)),
            None
        );
        let unrelated = TrackerSettings::stills();
        let mut scene = Scene::new(unrelated);
        let number = scene.visit(100.0);
        scene.pause(3_000);
        assert_eq!(
            scene.tracker.identity(number),
            None,
            "stills remember nobody"
        );
    }

    proptest! {
        #[test]
        fn an_identity_has_one_holder(
            steps in prop::collection::vec((0usize..4, 0f32..400.0, 0u64..4, any::<bool>()), 1..40)
        ) {
            let mut scene = scene();
            for (who, place, pause, late) in steps {
                scene.pause(pause * 900);
                let looks = [look(who, pause), look(who + 1, pause)];
                let boxes = [(place, Some(&looks[0])), (place + 150.0, Some(&looks[1]))];
                for _ in 0..4 {
                    let update = scene.run(if late { &boxes[..1] } else { &boxes });
                    for number in update.assigned.into_iter().flatten().filter(|_| late) {
                        scene.tracker.handle_appearance(number, &looks[0]);
                    }
                    let open = scene.tracker.tracks().map(|t| t.identity());
                    let held: Vec<_> = open.chain(scene.tracker.memory.identities()).collect();
                    let once: BTreeSet<_> = held.iter().collect();
                    prop_assert_eq!(once.len(), held.len(), "{:?}", held);
                }
            }
            let counters = scene.tracker.counters();
            prop_assert!(counters.returned < counters.started);
        }
    }
}
