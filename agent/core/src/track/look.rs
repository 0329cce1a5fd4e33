//! What an object looks like: the running average of its descriptors.

use goshawk_proto::descriptor::Descriptor;

/// Weight of a new descriptor in the running average, as in Deep OC-SORT (arXiv 2302.11813)
/// without its confidence term.
const RATE: f32 = 0.1;

/// An average of descriptors of one length.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Look(Vec<f32>);

impl Look {
    pub fn new(seen: &Descriptor) -> Self {
        Self(seen.values().collect())
    }

    /// Takes another descriptor in. One of another length is of another model, and the average
    /// begins anew.
    pub fn add(&mut self, seen: &Descriptor) {
        if self.0.len() != seen.length() {
            *self = Self::new(seen);
            return;
        }
        for (kept, seen) in self.0.iter_mut().zip(seen.values()) {
            *kept += RATE * (seen - *kept);
        }
    }

    /// Cosine with a descriptor, -1 to 1; `None` where they cannot be compared.
    pub fn like(&self, other: &Descriptor) -> Option<f64> {
        (self.0.len() == other.length()).then_some(())?;
        self.cosine(other.values())
    }

    /// Cosine with another look.
    pub fn alike(&self, other: &Self) -> Option<f64> {
        (self.0.len() == other.0.len()).then_some(())?;
        self.cosine(other.0.iter().copied())
    }

    fn cosine(&self, other: impl Iterator<Item = f32>) -> Option<f64> {
        let (mut dot, mut own, mut theirs) = (0.0, 0.0, 0.0);
        for (a, b) in self.0.iter().zip(other) {
            dot += a * b;
            own += a * a;
            theirs += b * b;
        }
        let norm = (own * theirs).sqrt();
        (norm > 1e-6).then(|| f64::from(dot / norm))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use goshawk_proto::descriptor::DescriptorVersion;

    #[test]
    fn looks_follow_what_is_seen_and_compare_only_their_like() {
        let look = |values: &[f32]| Descriptor::from_values(DescriptorVersion(1), values).unwrap();
        let mut kept = Look::new(&look(&[1.0, 0.0]));
        assert!((kept.like(&look(&[1.0, 0.0])).unwrap() - 1.0).abs() < 1e-2);
        for _ in 0..60 {
            kept.add(&look(&[0.0, 1.0]));
        }
        assert!(kept.like(&look(&[0.0, 1.0])).unwrap() > 0.99);
        assert_eq!(kept.like(&look(&[1.0, 0.0, 0.0])), None);
        kept.add(&look(&[1.0, 0.0, 0.0]));
        assert!(kept.alike(&Look::new(&look(&[1.0, 0.0, 0.0]))).unwrap() > 0.99);
    }
}
