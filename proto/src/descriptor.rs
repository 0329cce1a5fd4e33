//! Face and body descriptors: unit vectors whose scalar product says how alike two people are.

mod bytes8;

use serde::{Deserialize, Serialize};

/// Which model made a descriptor. Only descriptors of one version can be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DescriptorVersion(pub u32);

impl std::fmt::Display for DescriptorVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// A unit-length vector from one model version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Descriptor {
    version: DescriptorVersion,
    /// Little-endian `f32` values, unit length.
    #[serde(with = "serde_bytes")]
    bytes: Vec<u8>,
}

/// Why numbers are no descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DescriptorError {
    /// No values, or bytes that are not whole values.
    #[error("a descriptor of {0} bytes is not a whole number of 4-byte values")]
    Length(usize),
    /// NaN, infinity or a zero vector.
    #[error("a descriptor must have finite values that are not all zero")]
    Degenerate,
}

impl Descriptor {
    /// Normalises `values` to unit length (Euclidean).
    pub fn from_values(
        version: DescriptorVersion,
        values: &[f32],
    ) -> Result<Self, DescriptorError> {
        if values.is_empty() {
            return Err(DescriptorError::Length(0));
        }
        let norm = values
            .iter()
            .map(|v| f64::from(*v).powi(2))
            .sum::<f64>()
            .sqrt();
        if !norm.is_finite() || norm < 1e-12 {
            return Err(DescriptorError::Degenerate);
        }
        let bytes = values
            .iter()
            .flat_map(|v| ((f64::from(*v) / norm) as f32).to_le_bytes())
            .collect();
        Ok(Self { version, bytes })
    }

    /// Reads little-endian `f32` values and normalises them.
    pub fn from_le_bytes(
        version: DescriptorVersion,
        bytes: &[u8],
    ) -> Result<Self, DescriptorError> {
        let (chunks, rest) = bytes.as_chunks::<4>();
        if chunks.is_empty() || !rest.is_empty() {
            return Err(DescriptorError::Length(bytes.len()));
        }
        let values: Vec<f32> = chunks.iter().map(|c| f32::from_le_bytes(*c)).collect();
        Self::from_values(version, &values)
    }

    /// The model version that made it.
    pub fn version(&self) -> DescriptorVersion {
        self.version
    }

    /// How many values it has.
    pub fn length(&self) -> usize {
        self.bytes.len() / 4
    }

    /// The values, unit length.
    pub fn values(&self) -> impl ExactSizeIterator<Item = f32> + '_ {
        self.bytes
            .as_chunks::<4>()
            .0
            .iter()
            .map(|c| f32::from_le_bytes(*c))
    }

    /// The values as little-endian bytes.
    pub fn as_le_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Cosine of the angle between two descriptors, -1 to 1, higher is more alike; `None` when
    /// version or length differ.
    pub fn cosine(&self, other: &Self) -> Option<f32> {
        if self.version != other.version || self.bytes.len() != other.bytes.len() {
            return None;
        }
        Some(self.values().zip(other.values()).map(|(a, b)| a * b).sum())
    }
}

/// How the cosine of a descriptor version maps to the contracts' similarity of 0 to 1: linear
/// between the given points, flat beyond them. Monotonic, so that ranking is that of the cosine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<(f32, f32)>", into = "Vec<(f32, f32)>")]
pub struct SimilarityCurve(Vec<(f32, f32)>);

impl Default for SimilarityCurve {
    /// The cosine itself, negative values cut to zero.
    fn default() -> Self {
        Self(vec![(0.0, 0.0), (1.0, 1.0)])
    }
}

impl TryFrom<Vec<(f32, f32)>> for SimilarityCurve {
    type Error = &'static str;

    fn try_from(points: Vec<(f32, f32)>) -> Result<Self, Self::Error> {
        let in_range = |p: &(f32, f32)| (-1.0..=1.0).contains(&p.0) && (0.0..=1.0).contains(&p.1);
        let rising = points
            .windows(2)
            .all(|w| w[0].0 < w[1].0 && w[0].1 <= w[1].1);
        if points.len() < 2 || !points.iter().all(in_range) || !rising {
            return Err(
                "want at least two (cosine, similarity) points, cosine rising from -1 to 1, similarity not falling from 0 to 1",
            );
        }
        Ok(Self(points))
    }
}

impl From<SimilarityCurve> for Vec<(f32, f32)> {
    fn from(curve: SimilarityCurve) -> Self {
        curve.0
    }
}

impl SimilarityCurve {
    /// Similarity of 0 to 1 for a cosine of -1 to 1.
    pub fn similarity(&self, cosine: f32) -> f32 {
        let first = self.0[0];
        if cosine.is_nan() || cosine <= first.0 {
            return first.1;
        }
        for pair in self.0.windows(2) {
            let ((x0, y0), (x1, y1)) = (pair[0], pair[1]);
            if cosine <= x1 {
                return y0 + (y1 - y0) * (cosine - x0) / (x1 - x0);
            }
        }
        self.0[self.0.len() - 1].1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const V: DescriptorVersion = DescriptorVersion(1);

    proptest! {
        #[test]
        fn a_descriptor_is_itself(values in prop::collection::vec(-10.0f32..10.0, 1..64)) {
            prop_assume!(values.iter().any(|v| v.abs() > 1e-3));
            let one = Descriptor::from_values(V, &values).unwrap();
            prop_assert!((one.cosine(&one).unwrap() - 1.0).abs() < 1e-4);
            let read = Descriptor::from_le_bytes(V, one.as_le_bytes()).unwrap();
            prop_assert!((read.cosine(&one).unwrap() - 1.0).abs() < 1e-4);
        }

        #[test]
        fn similarity_never_falls(a in -1.0f32..1.0, b in -1.0f32..1.0) {
            let curve = SimilarityCurve::try_from(vec![(-0.2, 0.0), (0.4, 0.1), (0.9, 1.0)]).unwrap();
            let (low, high) = if a < b { (a, b) } else { (b, a) };
            prop_assert!(curve.similarity(low) <= curve.similarity(high) + 1e-6);
        }
    }

    #[test]
    fn what_is_no_vector_is_refused() {
        assert_eq!(
            Descriptor::from_values(V, &[]),
            Err(DescriptorError::Length(0))
        );
        assert_eq!(
            Descriptor::from_values(V, &[0.0, 0.0]),
            Err(DescriptorError::Degenerate)
        );
        assert_eq!(
            Descriptor::from_values(V, &[f32::NAN]),
            Err(DescriptorError::Degenerate)
        );
        assert_eq!(
            Descriptor::from_le_bytes(V, &[1, 2, 3]),
            Err(DescriptorError::Length(3))
        );
    }

    #[test]
    fn versions_do_not_mix() {
        let one = Descriptor::from_values(V, &[1.0, 0.0]).unwrap();
        let two = Descriptor::from_values(DescriptorVersion(2), &[1.0, 0.0]).unwrap();
        assert_eq!(one.cosine(&two), None);
    }
}
