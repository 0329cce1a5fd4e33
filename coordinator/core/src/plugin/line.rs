//! Events as lines of InfluxDB's line protocol.
//!
//! `goshawk_event,account=…,handler=…,kind=…,stream=…,source=… events=1i,faces=…i,… TIME`
//!
//! A line sent twice writes the same point: its time is the event's, with the digits below the
//! microsecond taken from the event id, so that two events of one moment do not become one.

use std::fmt::Write;

use super::message::{self, EventKind};
use crate::event::StoredEvent;

/// Name of the measurement.
pub const MEASUREMENT: &str = "goshawk_event";

/// The event's line, without a line feed. Who was recognised is told only with `identities`.
pub fn of(event: &StoredEvent, identities: bool) -> String {
    let mut line = MEASUREMENT.to_owned();
    tag(&mut line, "account", &event.account_id.to_string());
    tag(&mut line, "handler", &event.handler_id.to_string());
    tag(&mut line, "kind", EventKind::of(event).name());
    if let Some(source) = &event.source {
        tag(&mut line, "source", source);
    }
    if let Some(stream) = event.stream_id {
        tag(&mut line, "stream", &stream.to_string());
    }
    fields(&mut line, event, identities);
    let nanos = event.create_time.unix_micros().saturating_mul(1000);
    let below = event.event_id.0.as_u128() % 1000;
    let _ = write!(line, " {}", nanos.saturating_add(below as i64));
    line
}

fn fields(line: &mut String, event: &StoredEvent, identities: bool) {
    let duration = event.end_time.unix_micros() - event.create_time.unix_micros();
    let candidates: usize = event
        .matches
        .iter()
        .flatten()
        .map(|m| m.candidates.len())
        .sum();
    // Writing to a text does not fail.
    let _ = write!(
        line,
        " events=1i,faces={}i,bodies={}i,matches={candidates}i,duration_s={:.3}",
        message::faces(event),
        message::bodies(event),
        duration as f64 / 1e6,
    );
    if let Some(age) = event.age() {
        let _ = write!(line, ",age={age}i");
    }
    if let Some(gender) = event.gender() {
        text(line, "gender", message::gender(gender));
    }
    if let Some(liveness) = event.liveness_code() {
        text(line, "liveness", message::liveness(liveness));
    }
    if let Some(top) = &event.top_match {
        if top.similarity.is_finite() {
            let _ = write!(line, ",similarity={}", top.similarity);
        }
        text(line, "label", &top.label);
        if identities {
            text(line, "face", &top.face_id.to_string());
            text(line, "person", &message::name(event).unwrap_or_default());
        }
    }
}

/// Tag values escape commas, equals signs and spaces; an empty one is not allowed. A backslash
/// before any of these cannot be written so that every reader understands it: it becomes a slash.
fn tag(line: &mut String, name: &str, value: &str) {
    let value = plain(value).replace('\\', "/");
    let value = value.trim();
    if value.is_empty() {
        return;
    }
    let _ = write!(line, ",{name}=");
    for c in value.chars() {
        if matches!(c, ',' | '=' | ' ') {
            line.push('\\');
        }
        line.push(c);
    }
}

/// String fields are in quotes and escape quotes and backslashes.
fn text(line: &mut String, name: &str, value: &str) {
    let _ = write!(line, ",{name}=\"");
    for c in plain(value).chars() {
        if matches!(c, '"' | '\\') {
            line.push('\\');
        }
        line.push(c);
    }
    line.push('"');
}

/// Control characters, a line feed above all, become spaces.
fn plain(value: &str) -> String {
    value
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use proptest::prelude::*;

    #[test]
    fn a_line_is_as_documented() {
        let line = of(&testing::event(5), false);
        assert_eq!(
            line,
            "goshawk_event,account=00000000-0000-0000-0000-000000000acc,\
             handler=00000000-0000-0000-0000-000000000002,kind=recognized,source=gate,\
             stream=00000000-0000-0000-0000-000000000003 events=1i,faces=1i,bodies=0i,matches=1i,\
             duration_s=1.000,age=30i,gender=\"male\",liveness=\"real\",similarity=0.95,\
             label=\"staff\" 5000000005"
        );
        assert!(of(&testing::event(5), true).contains(",person=\"first floor\""));
    }

    /// Splits a line as a reader would: at the first two spaces that are neither escaped nor quoted.
    fn parts(line: &str) -> Vec<String> {
        let (mut parts, mut escaped, mut quoted) = (vec![String::new()], false, false);
        for c in line.chars() {
            if c == ' ' && !escaped && !quoted {
                parts.push(String::new());
                continue;
            }
            quoted ^= c == '"' && !escaped && parts.len() == 2;
            escaped = c == '\\' && !escaped;
            parts.last_mut().unwrap().push(c);
        }
        parts
    }

    proptest! {
        #[test]
        fn no_text_breaks_out_of_its_place(source in any::<String>(), label in any::<String>()) {
            let mut event = testing::event(5);
            event.source = Some(source);
            event.top_match.as_mut().unwrap().label = label;
            let line = of(&event, true);
            prop_assert!(!line.contains('\n') && !line.contains('\r'));
            let parts = parts(&line);
            prop_assert_eq!(parts.len(), 3, "{}", line);
            prop_assert_eq!(&parts[2], "5000000005");
        }
    }
}
