//! JSON bodies as the domain's types, with mistakes reported by path.

use goshawk_coordinator_core::{bounds::Invalid, formats};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, IgnoredAny},
};

use crate::errors::{ApiError, Code};

/// Levels of a MessagePack body.
const MSGPACK_DEPTH: usize = 64;

/// A JSON object as a `T`: every mistake is named by its path, unknown fields are refused, and no
/// tree of values is built in between. At most 128 levels deep.
pub fn from_json<T: DeserializeOwned>(bytes: &[u8], code: Code) -> Result<T, ApiError> {
    if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
        // What is not even JSON should be told so.
        serde_json::from_slice::<IgnoredAny>(bytes)
            .map_err(|error| mismatch(code, bytes, "", &error))?;
        return Err(code.at("", "value is not a valid dict"));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let read = tracked(&mut reader);
    let value = read
        .and_then(|found| {
            reader
                .end()
                .map(|()| found)
                .map_err(|error| (String::new(), error))
        })
        .map_err(|(path, error)| mismatch(code, bytes, &path, &error))?;
    value.known(code)
}

/// As [`from_json`], from MessagePack at most 64 levels deep.
pub fn from_msgpack<T: DeserializeOwned>(bytes: &[u8], code: Code) -> Result<T, ApiError> {
    // A fixmap, map 16 or map 32: a list would pass for an object of defaults.
    if !matches!(bytes.first(), Some(0x80..=0x8f | 0xde | 0xdf)) {
        return Err(code.at("", "value is not a valid dict"));
    }
    let mut reader =
        rmp_serde::Deserializer::new(std::io::Cursor::new(bytes)).with_human_readable();
    reader.set_max_depth(MSGPACK_DEPTH);
    let read = tracked(&mut reader);
    let found = read.map_err(|(path, error): (String, rmp_serde::decode::Error)| {
        use rmp_serde::decode::Error;
        match error {
            Error::Syntax(text) | Error::Uncategorized(text) => misfit(code, &path, &text),
            Error::DepthLimitExceeded => code.at("", "too many levels"),
            Error::TypeMismatch(_) | Error::OutOfRange | Error::Utf8Error(_) => {
                misfit(code, &path, "unexpected value")
            }
            _ => code.at("", "invalid msgpack"),
        }
    })?;
    if reader.get_ref().position() != bytes.len() as u64 {
        return Err(code.at("", "invalid msgpack: bytes after the body"));
    }
    found.known(code)
}

/// What was read, and the path of the first field that it does not know.
struct Found<T> {
    value: T,
    extra: Option<String>,
}

impl<T> Found<T> {
    /// The value, if it knows every field.
    fn known(self, code: Code) -> Result<T, ApiError> {
        let value = self.value;
        self.extra
            .map_or(Ok(value), |path| Err(unexpected(code, &path)))
    }
}

/// Reads a `T`; what is wrong comes with its path.
fn tracked<'de, T, D>(reader: D) -> Result<Found<T>, (String, D::Error)>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    let (mut extra, mut track) = (None, serde_path_to_error::Track::new());
    let tracked = serde_path_to_error::Deserializer::new(reader, &mut track);
    let read = serde_ignored::deserialize(tracked, |path| {
        extra.get_or_insert_with(|| path.to_string());
    });
    match read {
        Ok(value) => Ok(Found { value, extra }),
        Err(error) => Err((track.path().to_string(), error)),
    }
}

fn unexpected(code: Code, path: &str) -> ApiError {
    // Paths through options carry a `?` segment.
    let path: Vec<&str> = path.split('.').filter(|segment| *segment != "?").collect();
    let path: String = path.join(".").chars().take(256).collect();
    code.at(&path, "extra fields not permitted")
}

/// A body as a `T` without the tree of values in between, which takes many times the room of its
/// text: for bodies as large as images. `T` itself refuses unknown fields.
pub fn from_slice<'a, T: Deserialize<'a>>(bytes: &'a [u8], code: Code) -> Result<T, ApiError> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let mut track = serde_path_to_error::Track::new();
    let typed = T::deserialize(serde_path_to_error::Deserializer::new(
        &mut reader,
        &mut track,
    ));
    let ended = typed.and_then(|typed| reader.end().map(|()| typed));
    ended.map_err(|error| mismatch(code, bytes, &track.path().to_string(), &error))
}

/// The error of a value out of the contract's bounds.
pub fn invalid(code: Code, wrong: &Invalid) -> ApiError {
    code.at(&wrong.path, &wrong.message)
}

/// serde's message names the value at fault, which may be an address with a password; only what
/// was expected goes out.
fn mismatch(code: Code, bytes: &[u8], path: &str, error: &serde_json::Error) -> ApiError {
    let text = error.to_string();
    if text.starts_with("recursion limit exceeded") {
        return code.at("", "too many levels");
    }
    if error.is_syntax() || error.is_eof() {
        // To the reader of a word, what begins no text is broken as well.
        if serde_json::from_slice::<IgnoredAny>(bytes).is_ok() {
            return misfit(code, path, "unexpected value");
        }
        let (line, column) = (error.line(), error.column());
        return code.at("", format!("invalid json at line {line} column {column}"));
    }
    // Only serde_json adds the place; it comes last.
    let text = text
        .rsplit_once(" at line ")
        .map_or(text.as_str(), |(text, _)| text);
    misfit(code, path, text)
}

/// The error of a value at `path` that does not fit, from serde's message about it.
fn misfit(code: Code, path: &str, text: &str) -> ApiError {
    let path = path.replace(['[', ']'], ".").replace("..", ".");
    let path = path.trim_matches('.').replace(".?", "");
    if let Some(field) = text
        .strip_prefix("unknown field `")
        .and_then(|rest| rest.split('`').next())
    {
        let field: String = field.chars().take(64).collect();
        // The reader of a struct has gone on to the field, that of a tagged object has not.
        let path = match path.rsplit('.').next() {
            Some(last) if last == field => path,
            Some("" | "?") | None => field,
            Some(_) => format!("{path}.{field}"),
        };
        return code.at(&path, "extra fields not permitted");
    }
    if let Some(field) = text
        .strip_prefix("missing field `")
        .and_then(|rest| rest.split('`').next())
    {
        let path = if path.is_empty() || path == "?" {
            field.to_owned()
        } else {
            format!("{path}.{field}")
        };
        return code.at(&path, "field required");
    }
    let message = formats::message(text);
    code.at(&path, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use goshawk_coordinator_core::bounds::Check;
    use goshawk_coordinator_core::{
        candidates::FaceFilters, handler::NewHandler, stream::NewStream,
    };
    use serde_json::{Value, json};

    fn detail<T: DeserializeOwned + Check>(body: Value) -> String {
        let read = from_json::<T>(body.to_string().as_bytes(), Code::BadJson);
        let checked = read.and_then(|read| {
            let fits = read.check();
            fits.map_err(|wrong| invalid(Code::BadJson, &wrong))
        });
        let error = checked.expect_err("refused");
        error.body()["detail"].as_str().unwrap().to_owned()
    }

    #[test]
    fn mistakes_are_named_by_path() {
        let found = detail::<FaceFilters>(json!({"userdata": "x"}));
        assert_eq!(
            found,
            "Failed to validate input json. Path: 'userdata', message: 'extra fields not permitted'"
        );
        let found = detail::<NewHandler>(json!({"policies": {"match_policy": [{"label": "x"}]}}));
        assert!(
            found.contains("Path: 'policies.match_policy.0.candidates', message: 'field required'"),
            "{found}"
        );
        let found =
            detail::<NewHandler>(json!({"policies": {"detect_policy": {"detect_face": 7}}}));
        assert!(
            found.contains("Path: 'policies.detect_policy.detect_face'"),
            "{found}"
        );
        let callback = json!({"type": "luna-ws-notification", "filters": {"gender": 1, "x": 1}});
        let storage = json!({"callbacks": [callback]});
        let found = detail::<NewHandler>(json!({"policies": {"storage_policy": storage}}));
        assert!(
            found
                .contains("Path: 'policies.storage_policy.callbacks.0.filters.x', message: 'extra"),
            "{found}"
        );
        let long = json!({"user_data": "x".repeat(129)});
        assert!(detail::<FaceFilters>(long).contains(
            "Path: 'user_data', message: 'ensure this value has at most 128 characters'"
        ));
    }

    #[test]
    fn what_is_no_word_is_no_broken_json() {
        let found = detail::<NewStream>(json!({"status": -77}));
        assert!(
            found.contains("Path: 'status', message: 'unexpected"),
            "{found}"
        );
        let refused = |text: &str| {
            let read = from_json::<NewStream>(text.as_bytes(), Code::BadJson);
            read.expect_err("refused").to_string()
        };
        let broken = refused(r#"{"status": }"#);
        assert!(
            broken.contains("invalid json at line 1 column 12"),
            "{broken}"
        );
        let deep = refused(&format!("{{\"x\":{}", "[".repeat(5000)));
        assert!(deep.contains("Path: ''"), "{deep}");
    }

    #[test]
    fn values_are_not_repeated() {
        let body = json!({"account_id": "rtsp://user:secret@cam", "data": {}});
        let found = detail::<NewStream>(body);
        assert!(
            found.contains("'account_id'") && !found.contains("secret"),
            "{found}"
        );
    }
}
