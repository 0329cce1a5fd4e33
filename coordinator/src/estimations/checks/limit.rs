//! Values of checks, and what of them is allowed.

use serde::{Serialize, Serializer, ser::SerializeStruct};

/// The value of a check.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Found {
    /// A measure.
    Number(f64),
    /// Pixels or bytes.
    Whole(u64),
    /// A word.
    Word(&'static str),
    /// Whether something is so.
    Is(#[serde(serialize_with = "as_number")] bool),
}

fn as_number<S: Serializer>(is: &bool, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u8(u8::from(*is))
}

/// Whether the ends of a range are allowed themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// Both are.
    In,
    /// Neither is.
    Out,
    /// The upper one is.
    UpperIn,
}

/// What is allowed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Limit {
    /// A share, 0 to 1, in a range. An end of the range that is also an end of the scale excludes
    /// nothing: a perfect picture passes.
    Share(f64, f64, Ends),
    /// A number in a range, without an upper end perhaps.
    Range(f64, Option<f64>, Ends),
    /// A whole number in a range with its ends, without an upper one perhaps.
    Whole(u64, Option<u64>),
    /// One of these words.
    Words(&'static [&'static str]),
    /// Those of these words whose bits are set.
    Chosen(&'static [&'static str], u16),
    /// Whether something has to be so.
    Is(bool),
}

/// The words whose bits are set.
fn chosen(words: &'static [&'static str], set: u16) -> impl Iterator<Item = &'static str> {
    let numbered = words.iter().enumerate();
    numbered
        .filter(move |(place, _)| set & (1 << place) != 0)
        .map(|(_, word)| *word)
}

impl Limit {
    /// Whether a value is allowed; one of another kind is not.
    pub fn admits(&self, value: &Found) -> bool {
        match (*self, *value) {
            (Self::Share(min, max, ends), Found::Number(value)) => {
                let lowest = min <= 0.0 && value <= 0.0;
                let highest = max >= 1.0 && value >= 1.0;
                lowest || highest || between(value, min, Some(max), ends)
            }
            (Self::Range(min, max, ends), Found::Number(value)) => between(value, min, max, ends),
            (Self::Whole(min, max), Found::Whole(value)) => {
                min <= value && max.is_none_or(|max| value <= max)
            }
            (Self::Words(words), Found::Word(word)) => words.contains(&word),
            (Self::Chosen(words, set), Found::Word(word)) => {
                chosen(words, set).any(|known| known == word)
            }
            (Self::Is(wanted), Found::Is(is)) => wanted == is,
            _ => false,
        }
    }
}

fn between(value: f64, min: f64, max: Option<f64>, ends: Ends) -> bool {
    let above = match ends {
        Ends::In => value >= min,
        Ends::Out | Ends::UpperIn => value > min,
    };
    let below = max.is_none_or(|max| match ends {
        Ends::Out => value < max,
        Ends::In | Ends::UpperIn => value <= max,
    });
    above && below
}

impl Serialize for Limit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        fn range<S: Serializer, T: Serialize>(
            serializer: S,
            min: T,
            max: Option<T>,
        ) -> Result<S::Ok, S::Error> {
            let mut range = serializer.serialize_struct("Range", 2)?;
            range.serialize_field("min", &min)?;
            range.serialize_field("max", &max)?;
            range.end()
        }
        match self {
            Self::Share(min, max, _) => range(serializer, min, Some(max)),
            Self::Range(min, max, _) => range(serializer, min, max.as_ref()),
            Self::Whole(min, max) => range(serializer, min, max.as_ref()),
            Self::Words(words) => words.serialize(serializer),
            Self::Chosen(words, set) => serializer.collect_seq(chosen(words, *set)),
            Self::Is(is) => serializer.serialize_u8(u8::from(*is)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn admits(limit: Limit, value: f64) -> bool {
        limit.admits(&Found::Number(value))
    }

    #[test]
    fn ends_count_as_the_contract_says() {
        let inclusive = Limit::Range(-5.0, Some(5.0), Ends::In);
        let exclusive = Limit::Range(-5.0, Some(5.0), Ends::Out);
        assert!(admits(inclusive, -5.0) && admits(inclusive, 5.0) && !admits(inclusive, 5.1));
        assert!(!admits(exclusive, -5.0) && !admits(exclusive, 5.0) && admits(exclusive, 4.9));
        let mouth = Limit::Share(0.0, 0.5, Ends::UpperIn);
        assert!(admits(mouth, 0.5) && admits(mouth, 0.0) && !admits(mouth, 0.51));
        let sharp = Limit::Share(0.61, 1.0, Ends::Out);
        assert!(admits(sharp, 1.0) && !admits(sharp, 0.61) && admits(sharp, 0.62));
        let far = Limit::Range(90.0, None, Ends::In);
        assert!(admits(far, 1e9) && admits(far, 90.0) && !admits(far, 89.9));
        assert!(!admits(far, f64::NAN) && !admits(sharp, f64::NAN));
    }

    #[test]
    fn limits_are_written_as_the_contract_does() {
        for (limit, written) in [
            (
                Limit::Share(0.3, 1.0, Ends::Out),
                json!({"min": 0.3, "max": 1.0}),
            ),
            (
                Limit::Range(90.0, None, Ends::In),
                json!({"min": 90.0, "max": null}),
            ),
            (
                Limit::Whole(180, Some(1920)),
                json!({"min": 180, "max": 1920}),
            ),
            (Limit::Words(&["open"]), json!(["open"])),
            (Limit::Is(true), json!(1)),
        ] {
            assert_eq!(serde_json::to_value(limit).unwrap(), written);
        }
        assert_eq!(serde_json::to_value(Found::Is(false)).unwrap(), json!(0));
    }

    #[test]
    fn values_of_another_kind_are_not_allowed() {
        assert!(!Limit::Is(true).admits(&Found::Number(1.0)));
        assert!(!Limit::Words(&["open"]).admits(&Found::Word("closed")));
        assert!(!Limit::Whole(1, None).admits(&Found::Whole(0)));
    }
}
