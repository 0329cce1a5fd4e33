//! The best few shots of one track.

use std::time::Duration;

use goshawk_proto::{event::ShotReason, score::Score};

/// A shot must be better than the one that it replaces by this much: an equal one is not worth
/// another picture.
const MIN_GAIN: f32 = 0.01;
/// How much better than expected a warp's quality may turn out: twice the usual deviation, and at
/// least this. More would crop more in vain.
const LEAST_MARGIN: f32 = 0.03;
/// Deviation taken for granted at first.
const FIRST_DEVIATION: f32 = 0.10;
/// Weight of a new quality in the running averages.
const QUALITY_RATE: f32 = 0.3;
/// Of every stretch of media time this long at most one shot is kept, so that several of a track
/// differ. In microseconds.
const STRETCH_MICROS: u128 = 200_000;
/// Most shots kept per track, whatever is asked for.
pub const MAX_SHOTS: usize = 16;

/// What became of a shot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShotDecision {
    /// Kept at this place, 0 being the best.
    Kept(usize),
    /// Not kept.
    Dropped(DropReason),
}

/// Why a shot was not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropReason {
    /// Those kept are as good or better.
    NotBetter,
    /// Nothing is being collected for its track.
    NotWanted,
    /// More of the mouth is covered than the analysis allows.
    Mouth,
    /// Its track is over, or the request was answered before.
    Stale,
}

/// A kept shot.
#[derive(Clone, Debug)]
pub struct Kept<P> {
    /// How good it is.
    pub score: Score,
    /// Media time of its frame.
    pub at: Duration,
    /// Why it was kept.
    pub reason: ShotReason,
    /// What it carries.
    pub item: P,
}

/// The best shots of one track, best first.
#[derive(Clone, Debug)]
pub struct Shots<P> {
    limit: usize,
    kept: Vec<Kept<P>>,
    offered: u64,
    /// Running averages of the warps' quality and of its deviation.
    quality: Option<(f32, f32)>,
}

impl<P> Shots<P> {
    /// Room for `limit` shots, at most `MAX_SHOTS`.
    pub fn new(limit: usize) -> Self {
        Self {
            limit: limit.min(MAX_SHOTS),
            kept: Vec::new(),
            offered: 0,
            quality: None,
        }
    }

    /// Whether a detection of this pre-score may be worth cutting out: whether it would be kept
    /// if its quality were a little better than this track's usual one.
    pub fn worth_cropping(&self, pre: Score, at: Duration) -> bool {
        let hoped = self.quality.map_or(1.0, |(usual, deviation)| {
            (usual + LEAST_MARGIN.max(2.0 * deviation)).min(1.0)
        });
        self.place(Score::saturating(pre.get() * hoped), at)
            .is_some()
    }

    /// Takes a shot whose warp has the given quality score, if it is good enough.
    pub fn offer(&mut self, score: Score, quality: Score, at: Duration, item: P) -> ShotDecision {
        let (usual, deviation) = self.quality.get_or_insert((quality.get(), FIRST_DEVIATION));
        let off = quality.get() - *usual;
        *usual += QUALITY_RATE * off;
        *deviation += QUALITY_RATE * (off.abs() - *deviation);
        self.offered += 1;
        let Some(replaced) = self.place(score, at) else {
            return ShotDecision::Dropped(DropReason::NotBetter);
        };
        let first = self.offered == 1;
        let reason = if first {
            ShotReason::First
        } else {
            ShotReason::BetterQuality
        };
        let kept = Kept {
            score,
            at,
            reason,
            item,
        };
        ShotDecision::Kept(self.insert(replaced, kept))
    }

    /// Puts a shot in its place, which is returned, instead of the one at `replaced`.
    fn insert(&mut self, replaced: usize, kept: Kept<P>) -> usize {
        if replaced < self.kept.len() {
            self.kept.remove(replaced);
        }
        let place = self.kept.partition_point(|k| k.score >= kept.score);
        self.kept.insert(place, kept);
        place
    }

    /// Most shots that are kept.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// The shots, best first.
    pub fn kept(&self) -> &[Kept<P>] {
        &self.kept
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Takes over what was kept of a track that turned out to be the same person, as far as it is
    /// better.
    pub fn absorb(&mut self, other: Self) {
        for kept in other.kept {
            if let Some(replaced) = self.place(kept.score, kept.at) {
                self.insert(replaced, kept);
            }
        }
        self.offered += other.offered;
        self.quality = self.quality.or(other.quality);
    }

    /// Hands the shots over, best first, and begins anew. The usual quality is remembered.
    pub fn take(&mut self) -> Vec<Kept<P>> {
        self.offered = 0;
        std::mem::take(&mut self.kept)
    }

    /// Which kept shot a new one would replace; their number where there is free room; `None`
    /// where it would not be kept.
    fn place(&self, score: Score, at: Duration) -> Option<usize> {
        let stretch = |at: Duration| at.as_micros() / STRETCH_MICROS;
        let near = |k: &Kept<P>| stretch(k.at) == stretch(at);
        let rival = match self.kept.iter().position(near) {
            Some(neighbour) if self.limit > 1 => neighbour,
            _ if self.kept.len() < self.limit => return Some(self.kept.len()),
            _ => self.kept.len().checked_sub(1)?,
        };
        let better = score.get() > self.kept[rival].score.get() + MIN_GAIN;
        (self.limit > 0 && better).then_some(rival)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn offer(shots: &mut Shots<u32>, score: f32, millis: u64, item: u32) -> ShotDecision {
        let at = Duration::from_millis(millis);
        shots.offer(Score::saturating(score), Score::ONE, at, item)
    }

    #[test]
    fn the_better_shot_stays_with_its_reason() {
        let mut shots = Shots::new(1);
        assert_eq!(offer(&mut shots, 0.5, 0, 0), ShotDecision::Kept(0));
        assert_eq!(shots.kept()[0].reason, ShotReason::First);
        assert_eq!(
            offer(&mut shots, 0.505, 40, 1),
            ShotDecision::Dropped(DropReason::NotBetter)
        );
        assert_eq!(offer(&mut shots, 0.6, 80, 2), ShotDecision::Kept(0));
        assert_eq!(
            offer(&mut shots, 0.4, 120, 3),
            ShotDecision::Dropped(DropReason::NotBetter)
        );
        let taken = shots.take();
        assert_eq!(
            (taken[0].item, taken[0].reason),
            (2, ShotReason::BetterQuality)
        );
        assert_eq!(offer(&mut shots, 0.2, 160, 4), ShotDecision::Kept(0));
        assert_eq!(shots.kept()[0].reason, ShotReason::First);
    }

    #[test]
    fn several_shots_lie_apart() {
        let mut shots = Shots::new(3);
        for n in 0..25 {
            offer(&mut shots, 0.3 + 0.02 * n as f32, n * 40, n as u32);
        }
        let times: Vec<_> = shots.kept().iter().map(|k| k.at.as_millis()).collect();
        assert_eq!(times.len(), 3);
        assert!(
            times
                .iter()
                .all(|a| times.iter().all(|b| a == b || a / 200 != b / 200))
        );
        assert_eq!(shots.kept()[0].item, 24);
    }

    #[test]
    fn of_two_tracks_of_one_person_the_best_stays() {
        let (mut one, mut other) = (Shots::new(2), Shots::new(2));
        offer(&mut one, 0.5, 0, 0);
        offer(&mut one, 0.3, 400, 1);
        offer(&mut other, 0.6, 800, 2);
        offer(&mut other, 0.2, 1200, 3);
        one.absorb(other);
        let items: Vec<u32> = one.kept().iter().map(|k| k.item).collect();
        assert_eq!(items, [2, 0]);
    }

    #[test]
    fn hopeless_detections_are_not_cropped() {
        let mut shots = Shots::new(1);
        let quality = Score::saturating(0.5);
        shots.offer(Score::saturating(0.4), quality, Duration::ZERO, ());
        let at = Duration::from_secs(1);
        assert!(
            !shots.worth_cropping(Score::saturating(0.5), at),
            "0.5 x (0.5 + 2 x 0.07) < 0.4"
        );
        assert!(shots.worth_cropping(Score::saturating(0.8), at));
        assert!(!Shots::<()>::new(0).worth_cropping(Score::ONE, at));
    }

    proptest! {
        #[test]
        fn never_more_than_the_limit_and_always_the_best(
            limit in 0usize..6,
            scores in prop::collection::vec((0.0f32..1.0, 0u64..5_000), 0..60),
        ) {
            let mut shots = Shots::new(limit);
            for (n, (score, at)) in scores.iter().enumerate() {
                offer(&mut shots, *score, *at, n as u32);
            }
            prop_assert!(shots.kept().len() <= limit);
            prop_assert!(shots.kept().windows(2).all(|w| w[0].score >= w[1].score));
            if limit > 0 {
                let best = scores.iter().map(|s| s.0).fold(0.0, f32::max);
                let kept = shots.kept().first().map_or(0.0, |k| k.score.get());
                prop_assert!(best - kept <= MIN_GAIN * scores.len() as f32);
            }
        }
    }
}
