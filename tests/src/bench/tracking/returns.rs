//! People who leave and come back: how many the tracker takes for themselves again, and how many
//! for somebody else.
//!
//! Looks are descriptors drawn so that two of one person have a cosine of about 0.79 and two of
//! different people one of about 0.40, as the default face model's have.

use std::{collections::BTreeMap, time::Duration};

use goshawk_agent_core::track::{Observation, TrackNumber, Tracker};
use goshawk_proto::descriptor::{Descriptor, DescriptorVersion};

use super::{
    play,
    random::Random,
    scenes::{self, Scene},
};
use crate::bench::{Better, Row};

const LENGTH: usize = 128;
/// Shares of what all faces have in common, of the person, and of the picture.
const SHARES: [f64; 3] = [0.40, 0.39, 0.21];

#[derive(Default)]
struct Tally {
    /// Tracks of people who had been there before, long enough ago for a track to end.
    returns: usize,
    /// Of them, taken for who they are.
    right: usize,
    /// Tracks taken for somebody whom they are not.
    wrong: usize,
}

/// One row over all times.
pub(super) fn rows(times: std::ops::Range<u64>) -> Vec<Row> {
    let mut sum = Tally::default();
    for time in times {
        let tally = watch(&scenes::returns().again(time).play(), time);
        sum.returns += tally.returns;
        sum.right += tally.right;
        sum.wrong += tally.wrong;
    }
    let share = sum.right as f64 / sum.returns as f64;
    let note = format!(
        "{} of {} returns after a gap recognised, {} taken for somebody else",
        sum.right, sum.returns, sum.wrong
    );
    vec![
        Row::alone(
            "track.returned",
            "share of returns",
            Better::Higher,
            &[share],
        )
        .noted(note),
    ]
}

fn watch(scene: &Scene, seed: u64) -> Tally {
    let mut looks = Looks::new(seed);
    let mut tracker = Tracker::new(play::settings(scene.kind));
    // Whose each track is, told by its first box, and in which order tracks came to be.
    let mut person: BTreeMap<TrackNumber, u32> = BTreeMap::new();
    let mut identity: BTreeMap<TrackNumber, TrackNumber> = BTreeMap::new();
    for (number, frame) in scene.frames.iter().enumerate() {
        let now = Duration::from_secs_f64(number as f64 / scene.fps);
        let drawn: Vec<Option<Descriptor>> = frame
            .seen
            .iter()
            .map(|seen| seen.id.and_then(|id| looks.draw(id)))
            .collect();
        let mut seen = play::observations(frame);
        for (seen, look) in seen.iter_mut().zip(&drawn) {
            *seen = Observation {
                appearance: look.as_ref(),
                ..*seen
            };
        }
        let update = tracker.handle_detections(now, &seen);
        for (seen, track) in frame.seen.iter().zip(update.assigned) {
            if let (Some(id), Some(track)) = (seen.id, track) {
                person.entry(track).or_insert(id);
            }
        }
        for track in tracker.tracks().filter(|track| track.is_confirmed()) {
            identity.insert(track.number(), track.identity());
        }
    }
    let mut tally = Tally::default();
    let mut known: Vec<u32> = Vec::new();
    for (number, identity) in &identity {
        let Some(who) = person.get(number) else {
            continue;
        };
        let returned = identity != number;
        let right = returned && person.get(identity) == Some(who);
        tally.returns += usize::from(known.contains(who));
        tally.right += usize::from(right);
        tally.wrong += usize::from(returned && !right);
        known.push(*who);
    }
    tally
}

/// Draws looks.
struct Looks {
    random: Random,
    common: Vec<f64>,
    own: BTreeMap<u32, Vec<f64>>,
}

impl Looks {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(900 + seed);
        let common = direction(&mut random);
        Self {
            random,
            common,
            own: BTreeMap::new(),
        }
    }

    fn draw(&mut self, person: u32) -> Option<Descriptor> {
        let random = &mut self.random;
        let own = self.own.entry(person).or_insert_with(|| direction(random));
        let picture = direction(&mut self.random);
        let values: Vec<f32> = (0..LENGTH)
            .map(|n| {
                let parts = [self.common[n], own[n], picture[n]];
                let sum: f64 = SHARES.iter().zip(parts).map(|(s, p)| s.sqrt() * p).sum();
                sum as f32
            })
            .collect();
        Descriptor::from_values(DescriptorVersion(1), &values).ok()
    }
}

/// A random direction, of length 1.
fn direction(random: &mut Random) -> Vec<f64> {
    let values: Vec<f64> = (0..LENGTH).map(|_| random.normal()).collect();
    let length = values.iter().map(|v| v * v).sum::<f64>().sqrt();
    values.into_iter().map(|v| v / length).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_are_as_far_apart_as_those_of_the_model() {
        let mut looks = Looks::new(1);
        let mut mean = |a, b| {
            let all: f32 = (0..200)
                .map(|_| {
                    let (a, b) = (looks.draw(a).unwrap(), looks.draw(b).unwrap());
                    a.cosine(&b).unwrap()
                })
                .sum();
            all / 200.0
        };
        assert!((mean(1, 1) - 0.79).abs() < 0.05);
        assert!((mean(1, 2) - 0.40).abs() < 0.10);
    }

    #[test]
    fn most_who_come_back_are_known_and_hardly_anybody_is_mistaken() {
        let tally = watch(&scenes::returns().again(3).play(), 3);
        assert!(tally.returns >= 5, "{} returns", tally.returns);
        assert!(2 * tally.right > tally.returns, "{}", tally.right);
        assert!(tally.wrong * 10 <= tally.returns, "{}", tally.wrong);
    }
}
