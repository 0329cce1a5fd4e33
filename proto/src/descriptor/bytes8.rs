//! Descriptors of one byte a value, a quarter of the size.
//!
//! A byte `b` stands for `b - 128`. The scale is not kept: descriptors have unit length, so that
//! what is read is made of unit length again, and each vector is written with the scale at which
//! its largest value just fits.
//!
//! How much is lost: with `m` the largest of a descriptor's `n` values, each value is off by at
//! most half a step of `m / 127`, all together by at most `e = m * sqrt(n) / 254` (Euclidean).
//! The cosine between a descriptor and what is read back is therefore at least `sqrt(1 - e²)`:
//! for 1024 values of which the largest is 0.15, 0.9998.

use super::{Descriptor, DescriptorError, DescriptorVersion};

/// What stands for zero.
const ZERO: f32 = 128.0;
/// The largest distance from it that is written.
const FULL: f32 = 127.0;

impl Descriptor {
    /// One byte a value.
    pub fn to_bytes8(&self) -> Vec<u8> {
        let largest = self.values().map(f32::abs).fold(0.0, f32::max);
        // A unit vector has a value that is not zero.
        let scale = FULL / largest.max(f32::MIN_POSITIVE);
        self.values()
            .map(|value| ((value * scale).round() + ZERO) as u8)
            .collect()
    }

    /// Reads what [`Self::to_bytes8`] wrote; of any scale.
    pub fn from_bytes8(version: DescriptorVersion, bytes: &[u8]) -> Result<Self, DescriptorError> {
        let values: Vec<f32> = bytes.iter().map(|byte| f32::from(*byte) - ZERO).collect();
        Self::from_values(version, &values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const V: DescriptorVersion = DescriptorVersion(1);

    proptest! {
        #[test]
        fn no_more_is_lost_than_is_said(values in prop::collection::vec(-1.0f32..1.0, 1..1100)) {
            prop_assume!(values.iter().any(|value| value.abs() > 1e-3));
            let one = Descriptor::from_values(V, &values).unwrap();
            let bytes = one.to_bytes8();
            prop_assert_eq!(bytes.len(), one.length());
            let read = Descriptor::from_bytes8(V, &bytes).unwrap();
            let largest = one.values().map(f32::abs).fold(0.0, f32::max);
            let off = largest * (one.length() as f32).sqrt() / 254.0;
            let least = (1.0 - off * off).max(0.0).sqrt();
            let cosine = one.cosine(&read).unwrap();
            prop_assert!(cosine >= least - 1e-5, "{} below {}", cosine, least);
            // A second time nothing is lost.
            prop_assert_eq!(read.to_bytes8(), bytes);
        }
    }

    #[test]
    fn bytes_that_are_no_vector_are_refused() {
        let refused = |bytes: &[u8]| Descriptor::from_bytes8(V, bytes).unwrap_err();
        assert_eq!(refused(&[]), DescriptorError::Length(0));
        assert_eq!(refused(&[128, 128]), DescriptorError::Degenerate);
        let one = Descriptor::from_bytes8(V, &[128, 1]).unwrap();
        assert_eq!(one.values().collect::<Vec<_>>(), [0.0, -1.0]);
    }
}
