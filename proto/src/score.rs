//! A share of certainty between 0 and 1.

use serde::{Deserialize, Serialize};

/// A value between 0 and 1, higher is better. Never NaN.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Score(f32);

impl Score {
    /// Nothing speaks for it.
    pub const ZERO: Self = Self(0.0);
    /// Everything speaks for it.
    pub const ONE: Self = Self(1.0);

    /// `value` clamped to 0..=1; NaN becomes 0.
    pub fn saturating(value: f32) -> Self {
        if value.is_nan() {
            Self::ZERO
        } else {
            Self(value.clamp(0.0, 1.0))
        }
    }

    /// The number.
    pub fn get(self) -> f32 {
        self.0
    }
}

impl<'de> Deserialize<'de> for Score {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = f32::deserialize(deserializer)?;
        if (0.0..=1.0).contains(&value) {
            Ok(Self(value))
        } else {
            Err(serde::de::Error::custom(format!(
                "{value} is not between 0 and 1"
            )))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn out_of_range_is_clamped_by_us_and_refused_from_outside() {
        assert_eq!(Score::saturating(f32::NAN), Score::ZERO);
        assert_eq!(Score::saturating(7.0), Score::ONE);
        assert!(serde_json::from_str::<Score>("1.5").is_err());
        assert_eq!(serde_json::from_str::<Score>("0.5").unwrap().get(), 0.5);
    }
}
