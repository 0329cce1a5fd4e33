//! Wall-clock time. Inside it is UTC microseconds; at the edges it is RFC 3339 text.
//!
//! Media time (a position in a stream) is a [`std::time::Duration`] and leaves
//! `goshawk-pipelines` only beside the [`Timestamp`] that it maps to.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use time::{OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339};

/// A moment: microseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
///
/// In MessagePack it is an integer; in JSON and other text formats RFC 3339 with a `Z`.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// Text that is no RFC 3339 moment between the years 1 and 9999.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an RFC 3339 date and time such as 2026-11-20T12:00:00Z")]
pub struct ParseTimestampError(String);

/// Latest moment that can be written as RFC 3339: 9999-12-31T23:59:59.999999Z.
const MAX_MICROS: i64 = 253_402_300_799_999_999;
/// Earliest such moment: 0001-01-01T00:00:00Z.
const MIN_MICROS: i64 = -62_135_596_800_000_000;

impl Timestamp {
    /// From microseconds since the epoch, clamped to the years 1 to 9999.
    pub fn from_unix_micros(micros: i64) -> Self {
        Self(micros.clamp(MIN_MICROS, MAX_MICROS))
    }

    /// Microseconds since the epoch.
    pub fn unix_micros(self) -> i64 {
        self.0
    }

    /// The system's wall clock, read by the caller and handed in.
    pub fn from_system(time: std::time::SystemTime) -> Self {
        let micros = match time.duration_since(std::time::UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_micros()).unwrap_or(i64::MAX),
            Err(before) => -i64::try_from(before.duration().as_micros()).unwrap_or(i64::MAX),
        };
        Self::from_unix_micros(micros)
    }

    /// This moment plus `duration`, clamped.
    pub fn after(self, duration: Duration) -> Self {
        let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        Self::from_unix_micros(self.0.saturating_add(micros))
    }

    /// This moment minus `duration`, clamped.
    pub fn before(self, duration: Duration) -> Self {
        let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        Self::from_unix_micros(self.0.saturating_sub(micros))
    }

    /// Time since `earlier`; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000)
            .map_err(|_| fmt::Error)?;
        f.write_str(&moment.format(&Rfc3339).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Timestamp({self})")
    }
}

impl FromStr for Timestamp {
    type Err = ParseTimestampError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || ParseTimestampError(text.chars().take(64).collect());
        let moment = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| bad())?;
        let micros = moment.to_offset(UtcOffset::UTC).unix_timestamp_nanos() / 1_000;
        let micros = i64::try_from(micros).map_err(|_| bad())?;
        if !(MIN_MICROS..=MAX_MICROS).contains(&micros) {
            return Err(bad());
        }
        Ok(Self(micros))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            serializer.serialize_i64(self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            text.parse()
                .map_err(|_| de::Error::custom("invalid datetime format"))
        } else {
            i64::deserialize(deserializer).map(Self::from_unix_micros)
        }
    }
}

#[cfg(feature = "schema")]
impl utoipa::__dev::ComposeSchema for Timestamp {
    fn compose(
        _: Vec<utoipa::openapi::RefOr<utoipa::openapi::Schema>>,
    ) -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        use utoipa::openapi::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
        let moment = SchemaFormat::KnownFormat(KnownFormat::DateTime);
        let text = ObjectBuilder::new().schema_type(Type::String);
        text.format(Some(moment)).into()
    }
}

#[cfg(feature = "schema")]
impl utoipa::ToSchema for Timestamp {
    fn name() -> std::borrow::Cow<'static, str> {
        "format.Timestamp".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn offsets_are_turned_into_utc() {
        let moment: Timestamp = "2026-11-20T15:00:00.25+03:00".parse().unwrap();
        assert_eq!(moment.to_string(), "2026-11-20T12:00:00.25Z");
    }

    #[test]
    fn text_that_is_no_moment_is_refused() {
        for bad in [
            "",
            "now",
            "2026-11-20",
            "2026-13-01T00:00:00Z",
            "2026-11-20T12:00:00",
        ] {
            assert!(bad.parse::<Timestamp>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn text_and_value_agree(micros in MIN_MICROS..=MAX_MICROS) {
            let moment = Timestamp::from_unix_micros(micros);
            prop_assert_eq!(moment.to_string().parse::<Timestamp>().unwrap(), moment);
            let packed = rmp_serde::to_vec_named(&moment).unwrap();
            prop_assert_eq!(rmp_serde::from_slice::<Timestamp>(&packed).unwrap(), moment);
            let json = serde_json::to_string(&moment).unwrap();
            prop_assert_eq!(serde_json::from_str::<Timestamp>(&json).unwrap(), moment);
        }
    }
}
