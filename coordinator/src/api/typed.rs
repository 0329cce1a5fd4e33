//! JSON bodies as the domain's types, with mistakes reported by path.

use goshawk_coordinator_core::bounds::{Check, Invalid};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use crate::errors::{ApiError, Code};

/// `value` as a `T` within its bounds. Unknown fields are refused; `known` names further paths
/// that the contract allows and that mean nothing here.
pub fn typed<T: DeserializeOwned + Check>(value: Value, code: Code) -> Result<T, ApiError> {
    let typed: T = unchecked(value, code)?;
    typed.check().map_err(|wrong| invalid(code, &wrong))?;
    Ok(typed)
}

/// As [`typed`] without the bounds.
pub fn unchecked<T: DeserializeOwned>(value: Value, code: Code) -> Result<T, ApiError> {
    // A list would pass for an object of defaults.
    if !value.is_object() {
        return Err(code.at("", "value is not a valid dict"));
    }
    let mut extra = None;
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(value, &mut track);
    let result = serde_ignored::deserialize(tracked, |path| {
        extra.get_or_insert_with(|| path.to_string());
    });
    match (result, extra) {
        (Ok(_), Some(extra)) => {
            // Paths through options carry a `?` segment.
            let path: Vec<&str> = extra.split('.').filter(|segment| *segment != "?").collect();
            let path: String = path.join(".").chars().take(256).collect();
            Err(code.at(&path, "extra fields not permitted"))
        }
        (Ok(typed), None) => Ok(typed),
        (Err(error), _) => Err(mismatch(code, &track.path().to_string(), &error)),
    }
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
    ended.map_err(|error| mismatch(code, &track.path().to_string(), &error))
}

/// The error of a value out of the contract's bounds.
pub fn invalid(code: Code, wrong: &Invalid) -> ApiError {
    code.at(&wrong.path, &wrong.message)
}

/// serde's message names the value at fault, which may be an address with a password; only what
/// was expected goes out.
fn mismatch(code: Code, path: &str, error: &serde_json::Error) -> ApiError {
    let path = path.replace(['[', ']'], ".").replace("..", ".");
    let path = path.trim_matches('.').replace(".?", "");
    if error.is_syntax() || error.is_eof() {
        let (line, column) = (error.line(), error.column());
        return code.at("", format!("invalid json at line {line} column {column}"));
    }
    let text = error.to_string();
    let text = match text.split_once(" at line ") {
        Some((text, _)) => text.to_owned(),
        None => text,
    };
    if let Some(field) = text
        .strip_prefix("unknown field `")
        .and_then(|rest| rest.split('`').next())
    {
        let field: String = field.chars().take(64).collect();
        return code.at(&field, "extra fields not permitted");
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
    let message = match text.split_once("expected ") {
        Some((_, expected)) => format!("unexpected value; expected {expected}"),
        None if text.contains("is none of") || text.contains("neither") => text,
        None => "unexpected value".to_owned(),
    };
    code.at(&path, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use goshawk_coordinator_core::{face::NewFace, handler::NewHandler, stream::NewStream};
    use serde_json::json;

    fn detail<T: DeserializeOwned + Check>(body: Value) -> String {
        let error = typed::<T>(body, Code::BadJson).err().expect("refused");
        error.body()["detail"].as_str().unwrap().to_owned()
    }

    #[test]
    fn mistakes_are_named_by_path() {
        let found = detail::<NewFace>(json!({"userdata": "x"}));
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
        let long = json!({"user_data": "x".repeat(129)});
        assert!(
            detail::<NewFace>(long)
                .contains("Path: 'user_data', message: 'longer than 128 characters'")
        );
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
