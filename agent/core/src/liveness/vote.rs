//! The vote: log-odds of the witnesses, added up.
//!
//! If witnesses were independent, the odds of a live person would be multiplied by each one's
//! likelihood ratio (Good, "Weight of evidence: a brief survey", Bayesian Statistics 2, 1985), so
//! their logarithms are added. A witness of full strength adds [`Weight::real`] or subtracts
//! [`Weight::spoof`], in nats, one of less strength its share. The weights are caps: they say how
//! much a witness may be believed at most, which is less than its likelihood ratio on the material
//! that it was calibrated on (see `agent/LIVENESS.md`).
//!
//! Several witnesses see what a good recording shows as well: eyes that blink and look about, a
//! pulse, a head before its background. What they say for a person together counts
//! [`REPLAYABLE`] at most, so these alone never make anybody real; what they and the others say
//! for a spoof counts fully. From [`REAL_FROM`] on the verdict is real, from [`SPOOF_FROM`] down
//! it is spoof, and the score of a decided vote is the probability `1 / (1 + e^-sum)`.
//!
//! The bounds are cautious on purpose: a bent or cut-out photograph and a replay that fills the
//! whole view are known to be hard for these witnesses.

use goshawk_proto::{
    detection::{Liveness, LivenessVerdict, LivenessWitness},
    score::Score,
};

/// How much a witness of full strength may say, in nats.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weight {
    /// For a person.
    pub real: f32,
    /// For a spoof.
    pub spoof: f32,
    /// Whether a good recording shows it as well.
    pub replayable: bool,
}

/// Most that replayable witnesses together say for a person.
pub const REPLAYABLE: f32 = 1.6;
/// Sum from which on the vote is real: seven to one.
pub const REAL_FROM: f32 = 2.0;
/// Sum down from which it is spoof: one to four and a half.
pub const SPOOF_FROM: f32 = -1.5;

/// Each witness' weight by its name.
pub const WEIGHTS: [(&str, Weight); 9] = [
    ("blink", weight(1.0, 0.0, true)),
    ("parallax", weight(3.0, 3.0, false)),
    ("follow", weight(0.8, 2.4, true)),
    ("grain", weight(0.0, 2.4, false)),
    ("pulse", weight(0.8, 0.0, true)),
    ("gaze", weight(0.6, 0.0, true)),
    ("surroundings", weight(0.4, 1.2, true)),
    ("backdrop", weight(0.4, 1.6, true)),
    ("texture", weight(2.0, 2.4, false)),
];

const fn weight(real: f32, spoof: f32, replayable: bool) -> Weight {
    Weight {
        real,
        spoof,
        replayable,
    }
}

/// The vote over what witnesses say; one whose name has no weight is carried along unheard.
pub fn combine(witnesses: Vec<LivenessWitness>) -> Liveness {
    let sum = sum(&witnesses);
    let verdict = if sum >= REAL_FROM {
        LivenessVerdict::Real
    } else if sum <= SPOOF_FROM {
        LivenessVerdict::Spoof
    } else {
        LivenessVerdict::Unknown
    };
    let decided = verdict != LivenessVerdict::Unknown;
    Liveness {
        verdict,
        score: decided.then(|| Score::saturating(1.0 / (1.0 + (-sum).exp()))),
        witnesses,
    }
}

/// The log-odds of a live person, in nats; 0 without evidence.
pub fn sum(witnesses: &[LivenessWitness]) -> f32 {
    let (mut sum, mut replayable) = (0.0, 0.0);
    for witness in witnesses {
        let Some((_, weight)) = WEIGHTS.iter().find(|(name, _)| *name == witness.name) else {
            continue;
        };
        let strength = witness.strength.get();
        match witness.verdict {
            LivenessVerdict::Real if weight.replayable => replayable += weight.real * strength,
            LivenessVerdict::Real => sum += weight.real * strength,
            LivenessVerdict::Spoof => sum -= weight.spoof * strength,
            LivenessVerdict::Unknown => {}
        }
    }
    sum + f32::min(replayable, REPLAYABLE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::liveness::witness;
    use LivenessVerdict::{Real, Spoof, Unknown};
    use proptest::prelude::*;

    /// Names, verdicts and strengths.
    type Said = &'static [(&'static str, LivenessVerdict, f32)];

    fn verdict(said: &[(&str, LivenessVerdict, f32)]) -> Liveness {
        let witnesses = said
            .iter()
            .map(|(name, verdict, strength)| witness(name, *verdict, *strength));
        combine(witnesses.collect())
    }

    #[test]
    fn the_vote_follows_its_table() {
        let table: [(Said, LivenessVerdict); 9] = [
            (&[], Unknown),
            // A replay blinks too.
            (&[("blink", Real, 1.0)], Unknown),
            (&[("parallax", Real, 0.8)], Real),
            (&[("blink", Real, 0.75), ("parallax", Real, 0.5)], Real),
            (&[("parallax", Real, 0.5)], Unknown),
            (&[("parallax", Spoof, 0.6)], Spoof),
            (&[("blink", Real, 1.0), ("parallax", Spoof, 1.0)], Spoof),
            (&[("blink", Real, 1.0), ("parallax", Spoof, 0.6)], Unknown),
            // A head that turns on a screen whose raster is seen.
            (&[("parallax", Real, 1.0), ("grain", Spoof, 1.0)], Unknown),
        ];
        for (said, wanted) in table {
            assert_eq!(verdict(said).verdict, wanted, "{said:?}");
        }
    }

    #[test]
    fn what_a_recording_shows_makes_nobody_real() {
        let all: Vec<_> = WEIGHTS
            .iter()
            .filter(|(_, weight)| weight.replayable)
            .map(|(name, _)| (*name, Real, 1.0))
            .collect();
        assert!(all.len() >= 4);
        assert_eq!(verdict(&all).verdict, Unknown);
    }

    #[test]
    fn only_a_decided_vote_has_a_score() {
        assert_eq!(verdict(&[]).score, None);
        let real = verdict(&[("parallax", Real, 1.0)]).score.unwrap();
        assert!(real > Score::saturating(0.9));
        let spoof = verdict(&[("parallax", Spoof, 1.0)]).score.unwrap();
        assert!(spoof < Score::saturating(0.1));
    }

    proptest! {
        #[test]
        fn more_evidence_for_a_person_never_lowers_the_sum(
            said in proptest::collection::vec((0usize..9, 0usize..3, 0.0f32..1.0), 0..12),
            which in 0usize..9, strength in 0.0f32..1.0,
        ) {
            let verdicts = [Real, Spoof, Unknown];
            let mut witnesses: Vec<_> = said
                .iter()
                .map(|(name, verdict, strength)| witness(WEIGHTS[*name].0, verdicts[*verdict], *strength))
                .collect();
            let before = sum(&witnesses);
            let again = sum(&witnesses);
            prop_assert_eq!(before, again);
            witnesses.push(witness(WEIGHTS[which].0, Real, strength));
            prop_assert!(sum(&witnesses) >= before - 1e-5);
            witnesses.push(witness(WEIGHTS[which].0, Spoof, strength));
            let liveness = combine(witnesses);
            prop_assert!(liveness.score.is_none_or(|score| (0.0..=1.0).contains(&score.get())));
        }
    }
}
