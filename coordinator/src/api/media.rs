//! Media types: what a body is written in, and what a client wants to read.

use http::{HeaderMap, header};

/// JSON.
pub const JSON: &str = "application/json";
/// MessagePack.
pub const MSGPACK: &str = "application/msgpack";

/// How an answer that has several forms is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// [`JSON`].
    Json,
    /// [`MSGPACK`].
    Msgpack,
}

impl Form {
    /// What a client asks for; JSON unless it prefers MessagePack.
    pub fn wanted(headers: &HeaderMap) -> Self {
        match preferred(headers, &[JSON, MSGPACK]) {
            Some(MSGPACK) => Self::Msgpack,
            _ => Self::Json,
        }
    }
}

/// Which of `offered` a client likes best by its `Accept` headers, the first of equals; none when
/// it wants none of them. No `Accept` header is the same as `*/*` (RFC 9110, section 12.5.1).
pub fn preferred(headers: &HeaderMap, offered: &[&'static str]) -> Option<&'static str> {
    let mut ranges = Vec::new();
    for value in headers.get_all(header::ACCEPT) {
        let text = value.to_str().unwrap_or_default();
        ranges.extend(text.split(',').filter_map(range));
    }
    if ranges.is_empty() {
        return offered.first().copied();
    }
    let mut best: Option<(u16, &'static str)> = None;
    for media in offered {
        let weight = weight(&ranges, media);
        if weight > best.map_or(0, |(weight, _)| weight) {
            best = Some((weight, media));
        }
    }
    best.map(|(_, media)| media)
}

/// A media range and its weight in thousandths.
fn range(text: &str) -> Option<(String, u16)> {
    let mut parts = text.split(';').map(str::trim);
    let name = parts.next().filter(|name| name.contains('/'))?;
    let weight = parts
        .find_map(|part| part.strip_prefix("q=")?.parse::<f32>().ok())
        .filter(|weight| (0.0..=1.0).contains(weight))
        .unwrap_or(1.0);
    Some((name.to_ascii_lowercase(), (weight * 1000.0) as u16))
}

/// The weight of the most specific range that `media` falls in.
fn weight(ranges: &[(String, u16)], media: &str) -> u16 {
    let family = media.split('/').next().unwrap_or_default();
    let fits = |range: &str| match range {
        _ if range == media => Some(3),
        "*/*" => Some(1),
        _ if range.strip_suffix("/*") == Some(family) => Some(2),
        _ => None,
    };
    let fitting = ranges
        .iter()
        .filter_map(|(range, weight)| Some((fits(range)?, *weight)));
    fitting.max().map_or(0, |(_, weight)| weight)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn wants(accept: &str) -> Option<&'static str> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_str(accept).unwrap());
        preferred(&headers, &[JSON, MSGPACK])
    }

    #[test]
    fn the_best_liked_form_is_given() {
        for (accept, want) in [
            ("*/*", Some(JSON)),
            ("application/*", Some(JSON)),
            ("application/msgpack", Some(MSGPACK)),
            ("application/msgpack;q=0.5, application/json", Some(JSON)),
            ("application/json;q=0.5, application/msgpack", Some(MSGPACK)),
            ("application/json;q=0, */*", Some(MSGPACK)),
            ("text/html", None),
            ("Application/MsgPack ; q=1", Some(MSGPACK)),
            ("nonsense", Some(JSON)),
        ] {
            assert_eq!(wants(accept), want, "{accept}");
        }
        assert_eq!(preferred(&HeaderMap::new(), &[JSON, MSGPACK]), Some(JSON));
    }
}
