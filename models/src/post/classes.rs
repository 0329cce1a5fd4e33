//! From a classifier's numbers to shares of classes.

use crate::manifest::{Activation, ClassSpec, Role};

/// Which class each number of a classifier belongs to.
#[derive(Clone, Debug, PartialEq)]
pub struct Columns {
    words: Vec<String>,
    /// For each number, its word.
    of: Vec<usize>,
    activation: Activation,
    /// Of two classes the one that has no number, and gets the rest.
    rest: Option<usize>,
}

impl Columns {
    /// The words of `role` that `spec` names, in the role's order. Where a role has two words and
    /// the model a number for one only, the other gets what is missing to 1. `None` for a role
    /// without words or a label that is none of them.
    pub fn new(role: Role, spec: &ClassSpec) -> Option<Self> {
        let known = role.classes()?;
        let named = |word: &str| spec.labels.iter().any(|l| l == word);
        let unnamed = known.iter().position(|w| !named(w));
        let rest = unnamed.filter(|_| known.len() == 2 && known.iter().any(|w| named(w)));
        let words: Vec<String> = known
            .iter()
            .filter(|w| rest.is_some() || named(w))
            .map(|w| (*w).to_owned())
            .collect();
        let of: Option<Vec<usize>> = spec
            .labels
            .iter()
            .map(|label| words.iter().position(|w| w == label))
            .collect();
        Some(Self {
            words,
            of: of?,
            activation: spec.activation,
            rest,
        })
    }

    /// The classes, in the order of the shares.
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// How many numbers the classifier gives.
    pub fn numbers(&self) -> usize {
        self.of.len()
    }

    /// The share of each class, 0 to 1. `None` for another number of values or some not finite.
    pub fn shares(&self, values: &[f32]) -> Option<Vec<f32>> {
        if values.len() != self.of.len() || !values.iter().all(|v| v.is_finite()) {
            return None;
        }
        let mut shares = vec![0.0; self.words.len()];
        let largest = values.iter().copied().fold(f32::MIN, f32::max);
        let exp = |v: f32| (v - largest).exp();
        let total: f32 = values.iter().map(|v| exp(*v)).sum();
        for (value, at) in values.iter().zip(&self.of) {
            shares[*at] += match self.activation {
                Activation::None => value.clamp(0.0, 1.0),
                Activation::Softmax => exp(*value) / total,
                Activation::Sigmoid => 1.0 / (1.0 + (-value).exp()),
            };
        }
        shares.iter_mut().for_each(|s| *s = s.min(1.0));
        if let Some(rest) = self.rest {
            shares[rest] = 1.0 - shares.iter().sum::<f32>().min(1.0);
        }
        Some(shares)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn columns(role: Role, labels: &[&str], activation: Activation) -> Option<Columns> {
        let labels = labels.iter().map(|l| (*l).to_owned()).collect();
        Columns::new(role, &ClassSpec { labels, activation })
    }

    #[test]
    fn words_come_in_the_roles_order() {
        let model = ["sunglasses", "no_glasses", "eyeglasses"];
        let glasses = columns(Role::Glasses, &model, Activation::None).unwrap();
        assert_eq!(glasses.words(), ["no_glasses", "eyeglasses", "sunglasses"]);
        assert_eq!(glasses.shares(&[0.7, 0.1, 0.2]), Some(vec![0.1, 0.2, 0.7]));
        assert!(columns(Role::Glasses, &["monocle"], Activation::None).is_none());
        assert!(columns(Role::FaceMesh, &[], Activation::None).is_none());
    }

    #[test]
    fn numbers_of_one_word_are_added_up() {
        let three = columns(
            Role::AntiSpoof,
            &["spoof", "real", "spoof"],
            Activation::None,
        );
        assert_eq!(
            three.unwrap().shares(&[0.25, 0.5, 0.25]),
            Some(vec![0.5, 0.5])
        );
    }

    #[test]
    fn one_number_for_two_words() {
        let fake = columns(Role::Deepfake, &["fake"], Activation::Sigmoid).unwrap();
        assert_eq!(fake.words(), ["fake", "real"]);
        assert_eq!(fake.shares(&[0.0]), Some(vec![0.5, 0.5]));
        let real = columns(Role::Deepfake, &["real"], Activation::None).unwrap();
        assert_eq!(real.words(), ["fake", "real"]);
        assert_eq!(real.shares(&[0.75]), Some(vec![0.25, 0.75]));
    }

    #[test]
    fn broken_numbers_are_no_answer() {
        let smile = columns(Role::Smile, &["smile", "no_smile"], Activation::Softmax).unwrap();
        assert_eq!(smile.shares(&[1.0]), None);
        assert_eq!(smile.shares(&[1.0, f32::NAN]), None);
        assert_eq!(smile.shares(&[1e30, -1e30]), Some(vec![1.0, 0.0]));
    }

    proptest! {
        #[test]
        fn softmax_adds_up_to_one(values in prop::collection::vec(-50.0f32..50.0, 7)) {
            let words = Role::Emotion.classes().unwrap();
            let shares = columns(Role::Emotion, words, Activation::Softmax).unwrap().shares(&values).unwrap();
            prop_assert!((shares.iter().sum::<f32>() - 1.0).abs() < 1e-4);
            prop_assert!(shares.iter().all(|s| (0.0..=1.0).contains(s)));
        }
    }
}
