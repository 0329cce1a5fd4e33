//! Values against schemas: the part of JSON Schema that the documents use, in the spelling of
//! OpenAPI 3.0 and 3.1.
//!
//! Published documents are read the way their authors meant them: `nullable` counts wherever it stands
//! beside or inside an `allOf`, and one fitting alternative is enough for `oneOf`.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use goshawk_proto::time::Timestamp;
use regex::Regex;
use serde_json::Value;

use super::{Fault, document::Document, known::is_not_estimated};

/// Recursion deeper than this is a schema that contains itself.
const DEPTH: usize = 80;

/// An address as the client reaches us; ours beside the contract's `url`.
const EXTERNAL_URL: &str = "external_url";

/// What in `value` does not fit `schema`; `at` is where the value stands.
pub fn faults(document: &Document, schema: &Value, value: &Value, at: &str) -> Vec<Fault> {
    let mut found = Vec::new();
    whole(document, schema, value, at, 0, &mut found);
    found
}

/// A value in its place: its facts, and nothing in it that the schema does not know.
fn whole(
    document: &Document,
    schema: &Value,
    value: &Value,
    at: &str,
    depth: usize,
    found: &mut Vec<Fault>,
) {
    fits(document, schema, value, at, depth, found);
    // Published documents are not complete below the top, and let requests say more than they know.
    if document.is_published() && (depth > 0 || at == "request") {
        return;
    }
    let Some(map) = value.as_object() else { return };
    let mut known = Known::default();
    known.learn(document, schema, 0);
    if known.is_open || known.names.is_empty() {
        return;
    }
    for name in map
        .keys()
        .filter(|name| !known.names.contains(&name.as_str()) && *name != EXTERNAL_URL)
    {
        found.push(Fault::new(format!("{at}.{name}"), "not in the contract"));
    }
}

/// Names of all properties that a schema mentions, whatever their place in it. The documents allow
/// others; ours should not need them.
#[derive(Default)]
struct Known<'a> {
    names: Vec<&'a str>,
    is_open: bool,
}

impl<'a> Known<'a> {
    fn learn(&mut self, document: &'a Document, schema: &'a Value, depth: usize) {
        if depth > DEPTH {
            return;
        }
        let schema = document.resolve(schema);
        if let Some(map) = schema["properties"].as_object() {
            self.names.extend(map.keys().map(String::as_str));
        }
        let more = &schema["additionalProperties"];
        self.is_open |= !more.is_null() && *more != Value::Bool(false);
        self.is_open |= !schema["patternProperties"].is_null();
        for part in alternatives(schema) {
            self.learn(document, part, depth + 1);
        }
    }
}

fn alternatives(schema: &Value) -> impl Iterator<Item = &Value> {
    ["allOf", "oneOf", "anyOf"]
        .into_iter()
        .filter_map(|key| schema[key].as_array())
        .flatten()
}

fn types(schema: &Value) -> Vec<&str> {
    match &schema["type"] {
        Value::String(one) => vec![one.as_str()],
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn allows_null(document: &Document, schema: &Value, depth: usize) -> bool {
    let schema = document.resolve(schema);
    schema["nullable"] == Value::Bool(true)
        || types(schema).contains(&"null")
        || schema["enum"]
            .as_array()
            .is_some_and(|all| all.contains(&Value::Null))
        || (depth < DEPTH
            && alternatives(schema).any(|part| allows_null(document, part, depth + 1)))
}

fn fits(
    document: &Document,
    schema: &Value,
    value: &Value,
    at: &str,
    depth: usize,
    found: &mut Vec<Fault>,
) {
    let schema = document.resolve(schema);
    if depth > DEPTH || !schema.is_object() {
        return;
    }
    if value.is_null() {
        let says_something = !types(schema).is_empty() || alternatives(schema).next().is_some();
        if says_something && !allows_null(document, schema, 0) {
            found.push(Fault::new(at, "null"));
        }
        return;
    }
    simple(schema, value, &mut |what| found.push(Fault::new(at, what)));
    for part in schema["allOf"].as_array().into_iter().flatten() {
        fits(document, part, value, at, depth + 1, found);
    }
    for key in ["oneOf", "anyOf"] {
        found.extend(best(document, &schema[key], value, at, depth));
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        let at = format!("{at}[{index}]");
        whole(document, &schema["items"], item, &at, depth + 1, found);
    }
    properties(document, schema, value, at, depth, found);
}

/// The faults of the alternative that fits best.
fn best(document: &Document, parts: &Value, value: &Value, at: &str, depth: usize) -> Vec<Fault> {
    let tries = parts.as_array().into_iter().flatten().map(|part| {
        let mut found = Vec::new();
        fits(document, part, value, at, depth + 1, &mut found);
        found
    });
    // What nothing here estimates does not make a value another one.
    let faults = |found: &Vec<Fault>| found.iter().filter(|one| !is_not_estimated(one)).count();
    tries.min_by_key(faults).unwrap_or_default()
}

fn properties(
    document: &Document,
    schema: &Value,
    value: &Value,
    at: &str,
    depth: usize,
    found: &mut Vec<Fault>,
) {
    let Some(map) = value.as_object() else { return };
    let required = schema["required"].as_array().into_iter().flatten();
    for name in required.filter_map(Value::as_str) {
        if !map.contains_key(name) {
            found.push(Fault::new(format!("{at}.{name}"), "missing"));
        }
    }
    for (name, value) in map {
        let at = format!("{at}.{name}");
        let named = &schema["properties"][name.as_str()];
        if named.is_null() {
            whole(
                document,
                &schema["additionalProperties"],
                value,
                &at,
                depth + 1,
                found,
            );
        } else {
            whole(document, named, value, &at, depth + 1, found);
        }
    }
}

/// What a schema says of a value without looking into it.
fn simple(schema: &Value, value: &Value, fault: &mut impl FnMut(String)) {
    let types = types(schema);
    if !types.is_empty() && !types.iter().any(|one| is_of(one, value)) {
        fault(format!("{value} is no {}", types.join(" or ")));
    }
    if let Some(permitted) = schema["enum"].as_array()
        && !permitted.iter().any(|one| same(one, value))
    {
        fault(format!("{value} is none of {permitted:?}"));
    }
    if !schema["const"].is_null() && !same(&schema["const"], value) {
        fault(format!("{value} is not {}", schema["const"]));
    }
    match value {
        Value::Number(number) => number_fits(schema, number.as_f64().unwrap_or(f64::NAN), fault),
        Value::String(text) => text_fits(schema, text, fault),
        Value::Array(items) => {
            count_fits(schema, items.len(), ["minItems", "maxItems"], fault);
            let twice = items
                .iter()
                .enumerate()
                .any(|(at, one)| items[..at].contains(one));
            if schema["uniqueItems"] == Value::Bool(true) && twice {
                fault("an item stands twice".to_owned());
            }
        }
        Value::Object(map) => {
            count_fits(schema, map.len(), ["minProperties", "maxProperties"], fault);
        }
        _ => {}
    }
}

fn same(one: &Value, other: &Value) -> bool {
    one == other || (one.is_number() && one.as_f64() == other.as_f64())
}

fn is_of(kind: &str, value: &Value) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        // A slip such as `float`; the value's own kind cannot be judged by it.
        _ => true,
    }
}

fn count_fits(schema: &Value, count: usize, keys: [&str; 2], fault: &mut impl FnMut(String)) {
    let count = count as u64;
    let [least, most] = keys.map(|key| schema[key].as_u64());
    if least.is_some_and(|least| count < least) || most.is_some_and(|most| count > most) {
        fault(format!("{count} of {least:?} to {most:?}"));
    }
}

fn number_fits(schema: &Value, number: f64, fault: &mut impl FnMut(String)) {
    let (least, most) = (schema["minimum"].as_f64(), schema["maximum"].as_f64());
    let is_strict = |key: &str| schema[key] == Value::Bool(true);
    let under = least
        .is_some_and(|least| number < least || (number <= least && is_strict("exclusiveMinimum")));
    let over =
        most.is_some_and(|most| number > most || (number >= most && is_strict("exclusiveMaximum")));
    let under_3_1 = schema["exclusiveMinimum"]
        .as_f64()
        .is_some_and(|least| number <= least);
    let over_3_1 = schema["exclusiveMaximum"]
        .as_f64()
        .is_some_and(|most| number >= most);
    if under || over || under_3_1 || over_3_1 {
        fault(format!("{number} is out of bounds"));
    }
    if let Some(step) = schema["multipleOf"].as_f64()
        && (number / step).fract() != 0.0
    {
        fault(format!("{number} is no multiple of {step}"));
    }
}

fn text_fits(schema: &Value, text: &str, fault: &mut impl FnMut(String)) {
    count_fits(
        schema,
        text.chars().count(),
        ["minLength", "maxLength"],
        fault,
    );
    let is_formatted = match schema["format"].as_str() {
        Some("uuid") => uuid::Uuid::try_parse(text).is_ok() && text.len() == 36,
        Some("date-time") => text.parse::<Timestamp>().is_ok(),
        _ => true,
    };
    if !is_formatted {
        fault(format!("{text:?} is no {}", schema["format"]));
    }
    if let Some(pattern) = schema["pattern"].as_str()
        && !matches(pattern, text)
    {
        fault(format!("{text:?} does not match {pattern}"));
    }
}

/// Whether `text` holds a match; a pattern that cannot be compiled, or whose braces were lost (as
/// `(1, 36)` in a published document), says nothing.
fn matches(pattern: &str, text: &str) -> bool {
    static COMPILED: Mutex<Option<HashMap<String, Option<Regex>>>> = Mutex::new(None);
    let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    let regex = compiled
        .get_or_insert_default()
        .entry(pattern.to_owned())
        .or_insert_with(|| {
            let is_broken = pattern.contains("(1, ");
            Regex::new(pattern).ok().filter(|_| !is_broken)
        });
    regex.as_ref().is_none_or(|regex| regex.is_match(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(schema: Value, value: Value, expected: &[&str]) {
        let document = Document::parse(
            "{paths: {}, components: {schemas: {name: {type: string, nullable: true}}}}",
            false,
        );
        let found = faults(&document, &schema, &value, "body");
        let found: Vec<String> = found.iter().map(Fault::to_string).collect();
        assert_eq!(found, expected, "{value} against {schema}");
    }

    #[test]
    fn objects_miss_nothing_and_hold_nothing_unknown() {
        let schema = json!({
            "type": "object", "required": ["a"],
            "properties": {
                "a": {"type": "integer", "minimum": 1},
                "b": {"allOf": [{"type": "string"}, {"nullable": true}]},
                "c": {"$ref": "#/components/schemas/name"},
                "d": {"items": {"properties": {"e": {}}}},
            },
        });
        check(schema.clone(), json!({"a": 1, "b": null, "c": null}), &[]);
        check(
            schema.clone(),
            json!({"a": 0}),
            &["body.a: 0 is out of bounds"],
        );
        check(schema.clone(), json!({}), &["body.a: missing"]);
        check(schema.clone(), json!({"a": null}), &["body.a: null"]);
        check(
            schema.clone(),
            json!({"a": 1, "x": 1}),
            &["body.x: not in the contract"],
        );
        check(
            schema,
            json!({"a": 1, "d": [{"f": 1}]}),
            &["body.d[0].f: not in the contract"],
        );
        let open = json!({"properties": {"a": {}}, "additionalProperties": {"type": "integer"}});
        check(open, json!({"x": "y"}), &["body.x: \"y\" is no integer"]);
    }

    #[test]
    fn alternatives_and_both_spellings_of_null() {
        let either = json!({"oneOf": [{"type": "string"}, {"type": "integer", "enum": [1, 2]}]});
        check(either.clone(), json!(2), &[]);
        check(either.clone(), json!(true), &["body: true is no string"]);
        check(either, Value::Null, &["body: null"]);
        check(json!({"type": ["string", "null"]}), Value::Null, &[]);
        check(
            json!({"oneOf": [{"type": "null"}, {"type": "string"}]}),
            Value::Null,
            &[],
        );
        check(json!({"type": "string"}), Value::Null, &["body: null"]);
    }

    #[test]
    fn bounds_formats_and_patterns() {
        check(
            json!({"minLength": 2}),
            json!("é"),
            &["body: 1 of Some(2) to None"],
        );
        check(json!({"pattern": "^[a-z]+$"}), json!("ab"), &[]);
        check(
            json!({"pattern": "^[a-z]+$"}),
            json!("aB"),
            &["body: \"aB\" does not match ^[a-z]+$"],
        );
        check(
            json!({"format": "uuid"}),
            json!("x"),
            &["body: \"x\" is no \"uuid\""],
        );
        check(
            json!({"format": "date-time"}),
            json!("2024-01-02"),
            &["body: \"2024-01-02\" is no \"date-time\""],
        );
        check(
            json!({"exclusiveMinimum": 0}),
            json!(0),
            &["body: 0 is out of bounds"],
        );
        check(
            json!({"minimum": 0, "exclusiveMinimum": true}),
            json!(0),
            &["body: 0 is out of bounds"],
        );
        check(
            json!({"maxItems": 1}),
            json!([1, 2]),
            &["body: 2 of None to Some(1)"],
        );
        check(
            json!({"uniqueItems": true}),
            json!([1, 1]),
            &["body: an item stands twice"],
        );
        check(json!({"const": 3}), json!(4), &["body: 4 is not 3"]);
    }
}
