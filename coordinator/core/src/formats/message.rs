//! What serde says about a value, in the contract's words and without the value.

/// Beginnings of the messages that the formats themselves give. They never repeat a value.
const OURS: &[&str] = &[
    "ensure this value",
    "string does not match regex",
    "value is not",
    "value could not",
    "invalid datetime format",
    "none is not an allowed value",
    "unexpected value; permitted:",
    "the list has duplicated items",
    "at least 1 field must be specified",
    "str type expected",
    "field required",
];

/// The message for a client, made of the text of a serde error. Values, which may be addresses
/// with passwords, stay out; field names of ours are told.
pub fn message(serde: &str) -> String {
    let text = match serde.rsplit_once(" at line ") {
        Some((text, position)) if position.contains(" column ") => text,
        _ => serde,
    };
    if OURS.iter().any(|ours| text.starts_with(ours)) {
        return text.to_owned();
    }
    if text.starts_with("missing field `") {
        return "field required".into();
    }
    if text.starts_with("unknown field `") {
        return "extra fields not permitted".into();
    }
    if text.starts_with("duplicate field `") {
        return "field given twice".into();
    }
    let Some((given, expected)) = text.rsplit_once(", expected ") else {
        return "unexpected value".into();
    };
    if given == "invalid type: null" {
        return "none is not an allowed value".into();
    }
    of(expected)
}

fn of(expected: &str) -> String {
    let fixed = match expected {
        "a string" | "a borrowed string" | "string" | "a character" => "str type expected",
        "a UUID" | "a UUID string" => "value is not a valid uuid",
        "a sequence" | "a tuple" => "value is not a valid list",
        "a map" => "value is not a valid dict",
        "a boolean" => "value could not be parsed to a boolean",
        "a whole number" | "i8" | "i16" | "i32" | "i64" | "u8" | "u16" | "u32" | "u64"
        | "usize" | "isize" => "value is not a valid integer",
        "a number" | "f32" | "f64" => "value is not a valid float",
        _ if expected.starts_with("struct ") => "value is not a valid dict",
        _ if expected.starts_with('`') || expected.starts_with("one of `") => {
            return format!("unexpected value; permitted: {}", words(expected));
        }
        _ => return format!("unexpected value; expected {expected}"),
    };
    fixed.into()
}

/// The words of "one of `a`, `b`" and "`a` or `b`".
fn words(expected: &str) -> String {
    let words: Vec<String> = expected
        .split('`')
        .skip(1)
        .step_by(2)
        .map(|word| format!("'{word}'"))
        .collect();
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::message;

    #[test]
    fn values_stay_out() {
        for (serde, want) in [
            (
                r#"invalid type: string "rtsp://a:secret@b, expected x", expected i64 at line 1 column 9"#,
                "value is not a valid integer",
            ),
            (
                "unknown variant `se, expected cret`, expected one of `a`, `b`",
                "unexpected value; permitted: 'a', 'b'",
            ),
            (
                "unknown variant `secret`, expected `a` or `b`",
                "unexpected value; permitted: 'a', 'b'",
            ),
            (
                "invalid type: null, expected a string",
                "none is not an allowed value",
            ),
            (
                "invalid type: integer `5`, expected struct Point",
                "value is not a valid dict",
            ),
            ("secret is odd", "unexpected value"),
            (
                "ensure this value has at most 3 items",
                "ensure this value has at most 3 items",
            ),
            (
                "unknown field `x`, expected `y`",
                "extra fields not permitted",
            ),
        ] {
            let found = message(serde);
            assert_eq!(found, want);
            assert!(!found.contains("secret"));
        }
    }
}
