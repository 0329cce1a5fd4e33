//! Age and gender out of class probabilities.

use goshawk_proto::{
    detection::{BasicAttributes, Gender},
    score::Score,
};

/// Age and gender. `ages` are probabilities of one-year classes, the first of which is one year;
/// `male` is the probability of looking male. `None` when a number is not finite or the ages add
/// up to nothing.
///
/// The age is the expectation over all classes: the network spreads its certainty over
/// neighbouring years, and its single most likely class jumps between a few favourites.
pub fn attributes(ages: &[f32], male: f32) -> Option<BasicAttributes> {
    let total: f32 = ages.iter().sum();
    let weighted: f32 = ages
        .iter()
        .zip(1u16..)
        .map(|(p, years)| p * f32::from(years))
        .sum();
    if !male.is_finite() || !weighted.is_finite() || total <= f32::EPSILON {
        return None;
    }
    let (gender, certainty) = if male > 0.5 {
        (Gender::Male, male)
    } else {
        (Gender::Female, 1.0 - male)
    };
    Some(BasicAttributes {
        age: (weighted / total).clamp(0.0, 100.0),
        gender,
        gender_score: Score::saturating(certainty),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_sure_network_is_believed() {
        let mut ages = [0.0; 100];
        ages[29] = 1.0;
        let found = attributes(&ages, 0.9).unwrap();
        assert_eq!((found.age, found.gender), (30.0, Gender::Male));
        assert!((attributes(&ages, 0.2).unwrap().gender_score.get() - 0.8).abs() < 1e-6);
    }

    #[test]
    fn nonsense_has_no_age() {
        assert_eq!(attributes(&[0.0; 100], 0.5), None);
        assert_eq!(attributes(&[0.01; 100], f32::NAN), None);
        assert_eq!(attributes(&[f32::NAN; 100], 0.5), None);
    }

    proptest! {
        #[test]
        fn always_in_range(ages in prop::collection::vec(0.0f32..1.0, 100), male in 0.0f32..1.0) {
            if let Some(found) = attributes(&ages, male) {
                prop_assert!((0.0..=100.0).contains(&found.age));
                prop_assert!(found.gender_score.get() >= 0.5);
            }
        }
    }
}
