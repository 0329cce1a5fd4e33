//! Numbers within bounds.

use std::{fmt, ops::Deref, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::openapi::{KnownFormat, ObjectBuilder, SchemaFormat, Type};

use super::{Wrong, document};
use crate::published;

/// Up to here every whole number is a floating point number of its own.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A whole number from `MIN` to `MAX`. The ends of `i64` stand for no bound.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Whole<const MIN: i64, const MAX: i64>(i64);

impl<const MIN: i64, const MAX: i64> Whole<MIN, MAX> {
    /// `value`, if it is within the bounds.
    pub fn new(value: i64) -> Result<Self, Wrong> {
        bounded(&value, &MIN, &MAX)?;
        Ok(Self(value))
    }

    /// The constant `VALUE`; one out of bounds does not compile.
    pub const fn of<const VALUE: i64>() -> Self {
        const { assert!(MIN <= VALUE && VALUE <= MAX, "out of bounds") };
        Self(VALUE)
    }

    /// The number.
    pub fn get(self) -> i64 {
        self.0
    }

    /// The number as a `usize`; zero where it is negative.
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0.max(0)).unwrap_or(usize::MAX)
    }
}

impl<const MIN: i64, const MAX: i64> Deref for Whole<MIN, MAX> {
    type Target = i64;

    fn deref(&self) -> &i64 {
        &self.0
    }
}

impl<const MIN: i64, const MAX: i64> From<Whole<MIN, MAX>> for i64 {
    fn from(whole: Whole<MIN, MAX>) -> Self {
        whole.0
    }
}

impl<const MIN: i64, const MAX: i64> TryFrom<i64> for Whole<MIN, MAX> {
    type Error = Wrong;

    fn try_from(value: i64) -> Result<Self, Wrong> {
        Self::new(value)
    }
}

impl<const MIN: i64, const MAX: i64> FromStr for Whole<MIN, MAX> {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Self, Wrong> {
        let value = text.parse();
        Self::new(value.map_err(|_| Wrong::new("value is not a valid integer"))?)
    }
}

impl<const MIN: i64, const MAX: i64> Serialize for Whole<MIN, MAX> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(self.0)
    }
}

impl<'de, const MIN: i64, const MAX: i64> Deserialize<'de> for Whole<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(read_whole(deserializer)?).map_err(de::Error::custom)
    }
}

impl<const MIN: i64, const MAX: i64> fmt::Debug for Whole<MIN, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<const MIN: i64, const MAX: i64> fmt::Display for Whole<MIN, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

published!(
    @[const MIN: i64, const MAX: i64] Whole<MIN, MAX>,
    format!("Whole.{}.{}", named(MIN), named(MAX)),
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum((MIN > i64::MIN).then_some(MIN))
        .maximum((MAX < i64::MAX).then_some(MAX))
);

/// A whole number as JSON has it: `2.0` is one as well.
pub fn read_whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    struct Reader;

    impl de::Visitor<'_> for Reader {
        type Value = i64;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a whole number")
        }

        fn visit_i64<E: de::Error>(self, value: i64) -> Result<i64, E> {
            Ok(value)
        }

        fn visit_u64<E: de::Error>(self, value: u64) -> Result<i64, E> {
            i64::try_from(value).map_err(|_| E::custom("value is not a valid integer"))
        }

        fn visit_f64<E: de::Error>(self, value: f64) -> Result<i64, E> {
            if value.fract() == 0.0 && value.abs() <= EXACT {
                return Ok(value as i64);
            }
            Err(E::custom("value is not a valid integer"))
        }
    }

    deserializer.deserialize_any(Reader)
}

/// A number from `MIN` to `MAX`; the ends of `i64` stand for no bound. `BITS` says which format
/// the contract publishes: 64 `double`, 32 `float`, 0 none.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
pub struct Real<const MIN: i64, const MAX: i64, const BITS: u8 = 0>(f64);

impl<const MIN: i64, const MAX: i64, const BITS: u8> Real<MIN, MAX, BITS> {
    const LEAST: f64 = if MIN == i64::MIN {
        f64::MIN
    } else {
        MIN as f64
    };
    const MOST: f64 = if MAX == i64::MAX {
        f64::MAX
    } else {
        MAX as f64
    };

    /// `value`, if it is within the bounds.
    pub fn new(value: f64) -> Result<Self, Wrong> {
        if !value.is_finite() {
            return Err(Wrong::new("value is not a valid float"));
        }
        bounded(&value, &Self::LEAST, &Self::MOST)?;
        Ok(Self(value))
    }

    /// The bound nearest to `value`, or `value` itself within them: for defaults and for what a
    /// model gave.
    pub const fn clamped(value: f64) -> Self {
        Self(value.clamp(Self::LEAST, Self::MOST))
    }

    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }

    /// The number in the precision of models.
    pub fn as_f32(self) -> f32 {
        self.0 as f32
    }
}

impl<const MIN: i64, const MAX: i64, const BITS: u8> Deref for Real<MIN, MAX, BITS> {
    type Target = f64;

    fn deref(&self) -> &f64 {
        &self.0
    }
}

impl<const MIN: i64, const MAX: i64, const BITS: u8> From<Real<MIN, MAX, BITS>> for f64 {
    fn from(real: Real<MIN, MAX, BITS>) -> Self {
        real.0
    }
}

impl<const MIN: i64, const MAX: i64, const BITS: u8> TryFrom<f64> for Real<MIN, MAX, BITS> {
    type Error = Wrong;

    fn try_from(value: f64) -> Result<Self, Wrong> {
        Self::new(value)
    }
}

impl<const MIN: i64, const MAX: i64, const BITS: u8> FromStr for Real<MIN, MAX, BITS> {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Self, Wrong> {
        let value = text.parse();
        Self::new(value.map_err(|_| Wrong::new("value is not a valid float"))?)
    }
}

impl<const MIN: i64, const MAX: i64, const BITS: u8> Serialize for Real<MIN, MAX, BITS> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.0)
    }
}

impl<'de, const MIN: i64, const MAX: i64, const BITS: u8> Deserialize<'de>
    for Real<MIN, MAX, BITS>
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(f64::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

impl<const MIN: i64, const MAX: i64, const BITS: u8> fmt::Debug for Real<MIN, MAX, BITS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

published!(
    @[const MIN: i64, const MAX: i64, const BITS: u8] Real<MIN, MAX, BITS>,
    format!("Real.{}.{}.{BITS}", named(MIN), named(MAX)),
    ObjectBuilder::new()
        .schema_type(Type::Number)
        .format(match BITS {
            64 => Some(document::stated(KnownFormat::Double)),
            32 => Some(document::stated(KnownFormat::Float)),
            _ => None::<SchemaFormat>,
        })
        .minimum((MIN > i64::MIN).then_some(MIN))
        .maximum((MAX < i64::MAX).then_some(MAX))
);

fn bounded<T: PartialOrd + fmt::Display>(value: &T, least: &T, most: &T) -> Result<(), Wrong> {
    if value < least {
        return Err(Wrong::new(format!(
            "ensure this value is greater than or equal to {least}"
        )));
    }
    if value > most {
        return Err(Wrong::new(format!(
            "ensure this value is less than or equal to {most}"
        )));
    }
    Ok(())
}

/// A bound in the name of a schema, which has no minus sign to spare.
fn named(bound: i64) -> String {
    match bound {
        i64::MIN | i64::MAX => "any".into(),
        bound if bound < 0 => format!("minus{}", bound.unsigned_abs()),
        bound => bound.to_string(),
    }
}
