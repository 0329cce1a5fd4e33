//! Points in time as people write them: `2026-11-21T08:00:00Z`, or `30d` for a span from now.

use std::time::Duration;

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// A point in time, or a span before or after now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moment {
    /// RFC 3339, as it was written.
    At(String),
    /// So far from now.
    Span(Duration),
}

impl Moment {
    /// The point in time, where a span lies before now.
    pub fn past(&self) -> String {
        self.written(|now, span| now - span)
    }

    /// The point in time, where a span lies after now.
    pub fn future(&self) -> String {
        self.written(|now, span| now + span)
    }

    fn written(&self, reach: impl Fn(OffsetDateTime, Duration) -> OffsetDateTime) -> String {
        match self {
            Self::At(text) => text.clone(),
            Self::Span(span) => {
                let moment = reach(OffsetDateTime::now_utc(), *span);
                let whole = moment.replace_nanosecond(0).unwrap_or(moment);
                whole.format(&Rfc3339).unwrap_or_default()
            }
        }
    }
}

/// Reads a moment.
pub fn moment(text: &str) -> Result<Moment, String> {
    if OffsetDateTime::parse(text, &Rfc3339).is_ok() {
        return Ok(Moment::At(text.to_owned()));
    }
    span(text).map(Moment::Span)
}

/// Reads a span such as `90s`, `15m`, `12h`, `30d` or `4w`; at most ten years.
pub fn span(text: &str) -> Result<Duration, String> {
    let wrong = || "want a time such as 2026-11-21T08:00:00Z, or a span such as 15m, 12h or 30d";
    let unit = text.chars().last().ok_or_else(wrong)?;
    let seconds: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        'w' => 7 * 86_400,
        _ => return Err(wrong().to_owned()),
    };
    let count: u64 = text
        .strip_suffix(unit)
        .and_then(|count| count.parse().ok())
        .ok_or_else(wrong)?;
    match count.checked_mul(seconds) {
        Some(seconds) if seconds <= 3650 * 86_400 => Ok(Duration::from_secs(seconds)),
        _ => Err("want at most ten years".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_times_are_read() {
        for (text, seconds) in [("90s", 90), ("15m", 900), ("12h", 43_200), ("1w", 604_800)] {
            assert_eq!(span(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        let at = "2026-11-21T08:00:00Z";
        assert_eq!(moment(at).unwrap().past(), at);
        for bad in [
            "",
            "d",
            "-1d",
            "1y",
            "1.5h",
            "99999999999d",
            "tomorrow",
            "é",
        ] {
            assert!(moment(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_span_lies_before_or_after_now() {
        let hour = moment("1h").unwrap();
        let now = OffsetDateTime::now_utc();
        let read = |text: String| OffsetDateTime::parse(&text, &Rfc3339).unwrap();
        assert!(read(hour.past()) < now && now < read(hour.future()));
    }
}
