//! Who was there lately: ended tracks by their looks, so that somebody who comes back goes on as
//! the same object.
//!
//! The rule. A newcomer is somebody who was there before when
//!
//! * that track ended before the newcomer was first seen, at most `remember` ago;
//! * both looks are known and their cosine is at least `same_look`;
//! * no other remembered track looks as much like the newcomer, within [`MARGIN`]: of twins neither
//!   is taken;
//! * the newcomer began where the other can have gone meanwhile: within one box size, and `roam`
//!   more for each second between, of boxes whose areas differ by at most [`AREA_RANGE`].
//!
//! Who is recognised leaves the memory, so an identity has one holder at any time, open or
//! remembered. An identity changes at most once, and not after it was told.

use std::{collections::VecDeque, time::Duration};

use goshawk_proto::{descriptor::Descriptor, geometry::BBox};

use super::{Track, TrackNumber, TrackerSettings, look::Look};

/// How much more like the newcomer the best must look than the second.
const MARGIN: f64 = 0.05;
/// Areas of the last and the first box may differ by this factor at most: who comes nearer grows.
const AREA_RANGE: f32 = 6.0;

/// One object as far as it matters for recognising it.
#[derive(Clone, Debug)]
pub(super) struct Passage {
    pub number: TrackNumber,
    pub identity: TrackNumber,
    pub settled: bool,
    pub look: Option<Look>,
    pub first_seen: Duration,
    pub first: BBox,
    pub last_seen: Duration,
    pub last: BBox,
}

impl Passage {
    /// What is known of a track.
    pub fn of(track: &Track) -> Self {
        Self {
            number: track.number,
            identity: track.identity,
            settled: track.settled,
            look: track.appearance().cloned(),
            first_seen: track.first_seen,
            first: track.steady_first(),
            last_seen: track.last_seen,
            last: track.steady_observed(),
        }
    }

    /// How much `newcomer` looks like this one; `None` where it cannot be the same.
    fn returns_as(&self, newcomer: &Self, settings: &TrackerSettings) -> Option<f64> {
        let gap = newcomer.first_seen.checked_sub(self.last_seen)?;
        let in_time = !gap.is_zero() && gap <= settings.remember;
        let (from, to) = (&self.last, &newcomer.first);
        let size = f64::from(from.area().max(to.area())).sqrt();
        let way = f64::from(from.center().distance(to.center()));
        let near = way <= size * (1.0 + settings.roam * gap.as_secs_f64());
        let ratio = from.area() / to.area().max(1.0);
        let alike = (1.0 / AREA_RANGE..=AREA_RANGE).contains(&ratio);
        if !(in_time && near && alike) {
            return None;
        }
        self.look.as_ref()?.alike(newcomer.look.as_ref()?)
    }
}

/// The passages remembered, in the order in which they ended.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    kept: VecDeque<Passage>,
}

impl Memory {
    /// Remembers a track that ended. Returns how many others had to be forgotten for it.
    pub fn keep(&mut self, track: &Track, settings: &TrackerSettings) -> u64 {
        if settings.remember.is_zero() || settings.max_remembered == 0 {
            return 0;
        }
        self.kept.push_back(Passage::of(track));
        let over = self.kept.len().saturating_sub(settings.max_remembered);
        self.kept.drain(..over);
        over as u64
    }

    /// Forgets whom nobody can return as any more.
    pub fn expire(&mut self, now: Duration, settings: &TrackerSettings) {
        self.kept
            .retain(|p| now.saturating_sub(p.last_seen) <= settings.remember);
    }

    pub fn clear(&mut self) {
        self.kept.clear();
    }

    pub fn get(&self, number: TrackNumber) -> Option<&Passage> {
        self.kept.iter().find(|p| p.number == number)
    }

    pub fn get_mut(&mut self, number: TrackNumber) -> Option<&mut Passage> {
        self.kept.iter_mut().find(|p| p.number == number)
    }

    /// Learns what a remembered track looked like. False where it is not remembered.
    pub fn learn(&mut self, number: TrackNumber, seen: &Descriptor) -> bool {
        let Some(passage) = self.get_mut(number) else {
            return false;
        };
        match &mut passage.look {
            Some(look) => look.add(seen),
            none => *none = Some(Look::new(seen)),
        }
        true
    }

    /// Who the newcomer was before, taken out of the memory.
    pub fn recognise(
        &mut self,
        newcomer: &Passage,
        settings: &TrackerSettings,
    ) -> Option<TrackNumber> {
        let (mut best, mut second) = (None, f64::NEG_INFINITY);
        for (place, passage) in self.kept.iter().enumerate() {
            if passage.number == newcomer.number {
                continue;
            }
            let Some(cosine) = passage.returns_as(newcomer, settings) else {
                continue;
            };
            match best {
                Some((_, most)) if cosine <= most => second = second.max(cosine),
                _ => {
                    second = best.map_or(second, |(_, most)| most);
                    best = Some((place, cosine));
                }
            }
        }
        let (place, cosine) = best?;
        if cosine < settings.same_look || cosine - second < MARGIN {
            return None;
        }
        self.kept.remove(place).map(|passage| passage.identity)
    }

    #[cfg(test)]
    pub fn identities(&self) -> impl Iterator<Item = TrackNumber> + '_ {
        self.kept.iter().map(|p| p.identity)
    }
}
