//! The contract's liveness policy for one track: which frames are checked, how the checks are
//! weighed, and what that means for the shots.
//!
//! As we read its seven settings (they are all off by default):
//!
//! * `use_mask_liveness_filtration` and `use_flying_faces_liveness_filtration` switch the two kinds
//!   of checks on: [`super::backdrop`], which remembers `mask_backgrounds_count` pictures, and
//!   [`super::surroundings`]. With neither, or without backgrounds for the first alone, there is no
//!   policy.
//! * A check of one frame is the mean of the kinds that could be seen in it, weighted by
//!   `livenesses_weights` (mask, flying faces). The weights are shares: only their ratio counts, so
//!   one kind alone may still reach 1. Where all kinds in use weigh nothing they count alike.
//! * `liveness_mode` says which frames of a track are checked: 0 the first
//!   `number_of_liveness_checks`, whose mean decides for the rest of the track; 1 the last so many
//!   before a sending; 2 all of them, and then the number is the least of them. A number of 0
//!   leaves the modes 0 and 1 nothing to check, so there is no policy; in mode 2 one check is
//!   enough.
//! * a track is live when the mean of its checks is above `liveness_threshold`.
//!
//! Shots of a track wait until it has its checks. Those of one that is not live are thrown away.
//! The vote of the witnesses over the track is heard as well: what it holds for a spoof is not sent
//! whatever the two checks say.

use std::collections::VecDeque;

use goshawk_proto::{detection::LivenessVerdict, stream::LivenessSettings};

use super::running::Running;

/// Most checks averaged over in the modes 0 and 1, whatever is asked for; bounds the memory.
pub const MAX_CHECKS: u32 = 1024;

/// What the two kinds of checks say of one frame, 0 to 1; `None` where they cannot see.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Checks {
    /// The shape before the remembered background.
    pub mask: Option<f32>,
    /// What is under and round the face.
    pub flying_faces: Option<f32>,
}

/// What may happen with the shots of a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// They may be sent.
    Open,
    /// They must wait for more checks.
    Waiting,
    /// They must not be sent.
    Closed,
}

/// Which frames are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Frames {
    First(u32),
    Last(u32),
    All(u32),
}

/// The policy of one analysis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LivenessPolicy {
    frames: Frames,
    threshold: f32,
    /// Weight of the mask check, where it is in use, and of the other.
    mask: Option<f32>,
    flying_faces: Option<f32>,
    backgrounds: u32,
}

impl LivenessPolicy {
    /// The policy that the settings ask for; `None` where they ask for none.
    pub fn new(settings: &LivenessSettings) -> Option<Self> {
        let number = settings.number_of_liveness_checks.min(MAX_CHECKS);
        let frames = match (settings.liveness_mode, number) {
            (2, number) => Frames::All(number.max(1)),
            (_, 0) => return None,
            (0, number) => Frames::First(number),
            (_, number) => Frames::Last(number),
        };
        let backgrounds = settings.mask_backgrounds_count;
        let [mask, flying] = settings.livenesses_weights.map(|weight| {
            if weight.is_finite() {
                weight.max(0.0)
            } else {
                0.0
            }
        });
        let uses_mask = settings.use_mask_liveness_filtration && backgrounds > 0;
        let mut mask = uses_mask.then_some(mask);
        let mut flying = settings
            .use_flying_faces_liveness_filtration
            .then_some(flying);
        if mask.is_none() && flying.is_none() {
            return None;
        }
        if mask.unwrap_or(0.0) + flying.unwrap_or(0.0) <= 0.0 {
            (mask, flying) = (mask.map(|_| 1.0), flying.map(|_| 1.0));
        }
        Some(Self {
            frames,
            threshold: settings.liveness_threshold,
            mask,
            flying_faces: flying,
            backgrounds,
        })
    }

    /// Pictures that the background is to be remembered from; `None` where it is not wanted.
    pub fn backgrounds(&self) -> Option<u32> {
        self.mask.map(|_| self.backgrounds)
    }

    /// The check of one frame, 0 to 1; `None` where no kind in use could see.
    fn weigh(&self, checks: Checks) -> Option<f32> {
        let parts = [
            (self.mask, checks.mask),
            (self.flying_faces, checks.flying_faces),
        ];
        let (mut sum, mut weights) = (0.0, 0.0);
        for (weight, score) in parts {
            if let (Some(weight), Some(score)) = (weight, score)
                && score.is_finite()
            {
                sum += weight * score.clamp(0.0, 1.0);
                weights += weight;
            }
        }
        (weights > 0.0).then(|| sum / weights)
    }
}

/// The policy's machine for one track: checks in, standing out.
#[derive(Clone, Debug, Default)]
pub struct LivenessFilter {
    policy: Option<LivenessPolicy>,
    mean: Running,
    checks: u32,
    /// The last scores, where only these count.
    last: VecDeque<f32>,
}

impl LivenessFilter {
    /// A track under `policy`; without one everything may be sent.
    pub fn new(policy: Option<LivenessPolicy>) -> Self {
        Self {
            policy,
            ..Self::default()
        }
    }

    /// Takes the checks of one frame in.
    pub fn check(&mut self, checks: Checks) {
        let Some(policy) = self.policy else { return };
        let Some(score) = policy.weigh(checks) else {
            return;
        };
        if let Frames::First(number) = policy.frames
            && self.checks >= number
        {
            return;
        }
        self.checks = self.checks.saturating_add(1);
        self.mean.add(score);
        if let Frames::Last(number) = policy.frames {
            self.last.push_back(score);
            while self.last.len() > number as usize {
                self.last.pop_front();
            }
        }
    }

    /// Checks taken in.
    pub fn checks(&self) -> u32 {
        self.checks
    }

    /// The mean of the checks that count, 0 to 1; `None` before there are enough.
    pub fn score(&self) -> Option<f32> {
        match self.policy?.frames {
            Frames::First(number) | Frames::All(number) => self.mean.mean(number),
            Frames::Last(number) => {
                let enough = self.last.len() >= number as usize;
                enough.then(|| self.last.iter().sum::<f32>() / number as f32)
            }
        }
    }

    /// What may happen with the shots. The vote of the witnesses costs something, so it is asked
    /// for only where the checks alone would let them go.
    pub fn standing(&self, vote: impl FnOnce() -> LivenessVerdict) -> Standing {
        let Some(policy) = self.policy else {
            return Standing::Open;
        };
        match self.score() {
            None => Standing::Waiting,
            Some(score) if score > policy.threshold => match vote() {
                LivenessVerdict::Spoof => Standing::Closed,
                LivenessVerdict::Real | LivenessVerdict::Unknown => Standing::Open,
            },
            Some(_) => Standing::Closed,
        }
    }

    /// Whether nothing that is still to come can open a closed track.
    pub fn is_final(&self) -> bool {
        let first = |policy: LivenessPolicy| matches!(policy.frames, Frames::First(_));
        self.policy.is_some_and(first)
            && self.standing(|| LivenessVerdict::Unknown) == Standing::Closed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn settings(mode: u8, number: u32) -> LivenessSettings {
        LivenessSettings {
            use_mask_liveness_filtration: true,
            use_flying_faces_liveness_filtration: true,
            liveness_mode: mode,
            number_of_liveness_checks: number,
            liveness_threshold: 0.6,
            livenesses_weights: [0.45, 0.5],
            mask_backgrounds_count: 300,
        }
    }

    fn filter(settings: &LivenessSettings, scores: &[f32]) -> LivenessFilter {
        let mut filter = LivenessFilter::new(LivenessPolicy::new(settings));
        for score in scores {
            filter.check(Checks {
                mask: Some(*score),
                flying_faces: Some(*score),
            });
        }
        filter
    }

    fn standing(settings: &LivenessSettings, scores: &[f32]) -> Standing {
        filter(settings, scores).standing(|| LivenessVerdict::Unknown)
    }

    #[test]
    fn the_contracts_defaults_ask_for_nothing() {
        assert_eq!(LivenessPolicy::new(&LivenessSettings::default()), None);
        assert_eq!(standing(&LivenessSettings::default(), &[]), Standing::Open);
    }

    #[test]
    fn each_switch_and_number_has_its_effect() {
        let none = |change: fn(&mut LivenessSettings)| {
            let mut settings = settings(1, 3);
            change(&mut settings);
            LivenessPolicy::new(&settings)
        };
        assert!(none(|_| {}).is_some());
        assert_eq!(none(|s| s.number_of_liveness_checks = 0), None);
        let neither = none(|s| {
            s.use_mask_liveness_filtration = false;
            s.use_flying_faces_liveness_filtration = false;
        });
        assert_eq!(neither, None);
        let no_memory = none(|s| {
            s.mask_backgrounds_count = 0;
            s.use_flying_faces_liveness_filtration = false;
        });
        assert_eq!(no_memory, None, "a mask without backgrounds checks nothing");
        assert_eq!(none(|_| {}).unwrap().backgrounds(), Some(300));
        let flying = none(|s| s.use_mask_liveness_filtration = false).unwrap();
        assert_eq!(flying.backgrounds(), None);
    }

    #[test]
    fn weights_share_a_check_between_the_kinds() {
        let weigh = |weights: [f32; 2], mask: Option<f32>, flying_faces: Option<f32>| {
            let settings = LivenessSettings {
                livenesses_weights: weights,
                ..settings(1, 1)
            };
            let policy = LivenessPolicy::new(&settings).unwrap();
            policy.weigh(Checks { mask, flying_faces })
        };
        let near = |a: Option<f32>, b: f32| a.is_some_and(|a| (a - b).abs() < 1e-6);
        assert!(near(weigh([0.3, 0.1], Some(1.0), Some(0.2)), 0.8));
        assert!(near(weigh([0.0, 0.0], Some(1.0), Some(0.2)), 0.6));
        assert!(near(weigh([0.0, 0.5], Some(1.0), Some(0.2)), 0.2));
        assert!(near(weigh([0.45, 0.5], None, Some(0.2)), 0.2));
        assert_eq!(weigh([0.0, 0.5], Some(1.0), None), None);
        assert_eq!(weigh([0.45, 0.5], None, None), None);
    }

    #[test]
    fn the_mode_says_which_frames_count() {
        use Standing::{Closed, Open, Waiting};
        let [first, last, all] = [0, 1, 2].map(|mode| settings(mode, 3));
        for settings in [&first, &last, &all] {
            assert_eq!(standing(settings, &[0.9, 0.9]), Waiting);
        }
        // Bad at first, good later on.
        let better = [0.1, 0.1, 0.1, 0.9, 0.9, 0.9, 0.9];
        assert_eq!(standing(&first, &better), Closed);
        assert_eq!(standing(&last, &better), Open);
        assert_eq!(standing(&all, &better), Closed);
        // Good at first, bad later on.
        let worse = [0.9, 0.9, 0.9, 0.9, 0.9, 0.1, 0.1, 0.1];
        assert_eq!(standing(&first, &worse), Open);
        assert_eq!(standing(&last, &worse), Closed);
        assert_eq!(standing(&all, &worse[..6]), Open);
        assert!(filter(&first, &better).is_final());
        assert!(!filter(&last, &worse).is_final());
        assert_eq!(standing(&settings(2, 0), &[0.9]), Open);
    }

    #[test]
    fn live_means_above_the_threshold_and_no_spoof_by_the_vote() {
        let settings = LivenessSettings {
            liveness_threshold: 0.5,
            ..settings(1, 2)
        };
        assert_eq!(standing(&settings, &[0.5, 0.5]), Standing::Closed);
        let live = filter(&settings, &[0.6, 0.6]);
        assert_eq!(live.standing(|| LivenessVerdict::Real), Standing::Open);
        assert_eq!(live.standing(|| LivenessVerdict::Spoof), Standing::Closed);
    }

    proptest! {
        #[test]
        fn better_checks_never_close_a_track(
            mode in 0u8..3, number in 1u32..8, threshold in 0.0f32..1.0,
            scores in proptest::collection::vec((0.0f32..1.0, 0.0f32..0.5), 0..20),
        ) {
            let settings = LivenessSettings { liveness_threshold: threshold, ..settings(mode, number) };
            let low: Vec<f32> = scores.iter().map(|(score, _)| *score).collect();
            let high: Vec<f32> = scores.iter().map(|(score, more)| score + more).collect();
            let (low, high) = (standing(&settings, &low), standing(&settings, &high));
            prop_assert!(low != Standing::Open || high == Standing::Open);
            prop_assert_eq!(low == Standing::Waiting, high == Standing::Waiting);
        }

        #[test]
        fn the_score_is_bounded_and_the_memory_too(
            mode in 0u8..3, number in any::<u32>(),
            scores in proptest::collection::vec(any::<f32>(), 0..60),
        ) {
            let filter = filter(&settings(mode, number), &scores);
            prop_assert!(filter.score().is_none_or(|score| (0.0..=1.0 + 1e-5).contains(&score)));
            prop_assert!(filter.last.len() <= MAX_CHECKS as usize);
        }

        #[test]
        fn too_few_checks_never_open(mode in 0u8..3, number in 2u32..50, given in 0u32..50) {
            let scores = vec![1.0; given.min(number - 1) as usize];
            prop_assert_eq!(standing(&settings(mode, number), &scores), Standing::Waiting);
        }
    }
}
