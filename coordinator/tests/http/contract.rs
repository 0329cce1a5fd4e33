//! A small validator of answers against the published OpenAPI documents.
//!
//! It knows the part of JSON Schema that the documents use, read the way their authors meant it:
//! `nullable` counts wherever it stands beside or inside an `allOf`.

use std::{collections::HashMap, path::Path, sync::OnceLock};

use serde_json::Value as Json;
use serde_yaml_ng::Value as Yaml;

/// Facts of the contract that this installation knowingly does not meet, by the end of the path:
/// no model of the default pack estimates them, and they are not made up.
const NOT_ESTIMATED: &[&str] = &[
    "ethnicities",
    "ethnicity",
    "estimations.quality",
    "estimations.score",
];

pub struct Contract {
    documents: Vec<Yaml>,
    /// Where operations are: document, path, method.
    operations: HashMap<String, (usize, String, String)>,
}

impl Contract {
    pub fn load() -> Option<&'static Self> {
        static LOADED: OnceLock<Option<Contract>> = OnceLock::new();
        LOADED.get_or_init(Self::read).as_ref()
    }

    fn read() -> Option<Self> {
        let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
        let shared = std::env::var_os("GOSHAWK_SHARED").map_or(default, Into::into);
        let mut this = Self {
            documents: Vec::new(),
            operations: HashMap::new(),
        };
        for file in ["luna-api.openapi.yaml", "luna-streams.openapi.yaml"] {
            let path = shared.join("spec").join(file);
            let Ok(text) = std::fs::read_to_string(&path) else {
                println!(
                    "SKIPPED: answers are not checked against the contract, {} is not there",
                    path.display()
                );
                return None;
            };
            this.add(serde_yaml_ng::from_str(&text).unwrap());
        }
        Some(this)
    }

    fn add(&mut self, document: Yaml) {
        let number = self.documents.len();
        for (path, methods) in document["paths"].as_mapping().unwrap() {
            for (method, operation) in methods.as_mapping().unwrap() {
                if let Some(id) = operation["operationId"].as_str() {
                    let place = (
                        number,
                        path.as_str().unwrap().to_owned(),
                        method.as_str().unwrap().to_owned(),
                    );
                    self.operations.entry(id.to_owned()).or_insert(place);
                }
            }
        }
        self.documents.push(document);
    }

    /// Panics when `operation` documents no such status, or a body that does not fit.
    pub fn check(&self, operation: &str, status: u16, body: Option<&Json>) {
        let (number, path, method) = self
            .operations
            .get(operation)
            .unwrap_or_else(|| panic!("no operation {operation}"));
        let document = &self.documents[*number];
        let responses = document["paths"][path.as_str()][method.as_str()]["responses"]
            .as_mapping()
            .unwrap();
        let named = |key: &Yaml| {
            key.as_u64() == Some(u64::from(status)) || key.as_str() == Some(&status.to_string())
        };
        let Some((_, response)) = responses.iter().find(|(key, _)| named(key)) else {
            panic!("{operation} documents no status {status}: {body:?}");
        };
        let content = &resolve(document, response)["content"]["application/json"];
        let (Some(body), false) = (body, content.is_null()) else {
            return;
        };
        let mut faults = Vec::new();
        fits(document, &content["schema"], body, "", 0, &mut faults);
        faults.retain(|fault| !NOT_ESTIMATED.iter().any(|known| fault.at.ends_with(known)));
        assert!(
            faults.is_empty(),
            "{operation} {status}: {faults:#?}\nin {body:#}"
        );
    }

    /// Panics when `body` does not fit the schema of a 101 answer: the messages of a socket.
    pub fn check_message(&self, operation: &str, body: &Json) {
        self.check(operation, 101, Some(body));
    }
}

#[derive(Debug)]
#[allow(dead_code)]
struct Fault {
    at: String,
    what: String,
}

fn resolve<'a>(document: &'a Yaml, mut node: &'a Yaml) -> &'a Yaml {
    while let Some(reference) = node["$ref"].as_str() {
        node = reference
            .trim_start_matches("#/")
            .split('/')
            .fold(document, |at, key| &at[key]);
        assert!(!node.is_null(), "dangling {reference}");
    }
    node
}

fn allows_null(document: &Yaml, schema: &Yaml) -> bool {
    let schema = resolve(document, schema);
    schema["nullable"].as_bool() == Some(true)
        || schema["type"]
            .as_sequence()
            .is_some_and(|types| types.iter().any(|t| t.as_str() == Some("null")))
        || schema["enum"]
            .as_sequence()
            .is_some_and(|values| values.iter().any(Yaml::is_null))
        || ["allOf", "oneOf", "anyOf"].iter().any(|key| {
            schema[*key]
                .as_sequence()
                .is_some_and(|parts| parts.iter().any(|part| allows_null(document, part)))
        })
}

/// Names of all properties that a schema mentions, whatever their place in it.
fn properties<'a>(document: &'a Yaml, schema: &'a Yaml, names: &mut Vec<&'a str>, open: &mut bool) {
    let schema = resolve(document, schema);
    if let Some(map) = schema["properties"].as_mapping() {
        names.extend(map.keys().filter_map(Yaml::as_str));
    }
    *open |= !schema["additionalProperties"].is_null()
        && schema["additionalProperties"].as_bool() != Some(false);
    for key in ["allOf", "oneOf", "anyOf"] {
        for part in schema[key].as_sequence().into_iter().flatten() {
            properties(document, part, names, open);
        }
    }
}

fn fits(
    document: &Yaml,
    schema: &Yaml,
    value: &Json,
    at: &str,
    depth: usize,
    faults: &mut Vec<Fault>,
) {
    let schema = resolve(document, schema);
    let mut fault = |what: String| {
        faults.push(Fault {
            at: at.to_owned(),
            what,
        })
    };
    if depth > 60 || schema.is_null() {
        return;
    }
    if value.is_null() {
        let typed = !schema["type"].is_null();
        if typed && !allows_null(document, schema) {
            fault("null".to_owned());
        }
        if !typed && depth > 0 && !schema["allOf"].is_null() && !allows_null(document, schema) {
            fault("null".to_owned());
        }
        return;
    }
    simple(schema, value, &mut fault);
    for part in schema["allOf"].as_sequence().into_iter().flatten() {
        fits(document, part, value, at, depth + 1, faults);
    }
    for key in ["oneOf", "anyOf"] {
        let Some(parts) = schema[key].as_sequence() else {
            continue;
        };
        let tries: Vec<Vec<Fault>> = parts
            .iter()
            .map(|part| {
                let mut found = Vec::new();
                fits(document, part, value, at, depth + 1, &mut found);
                found
            })
            .collect();
        if let Some(best) = tries.into_iter().min_by_key(Vec::len) {
            faults.extend(best);
        }
    }
    if let Some(items) = value.as_array() {
        for (index, item) in items.iter().enumerate() {
            fits(
                document,
                &schema["items"],
                item,
                &format!("{at}[{index}]"),
                depth + 1,
                faults,
            );
        }
    }
    if let Some(map) = value.as_object() {
        for name in schema["required"]
            .as_sequence()
            .into_iter()
            .flatten()
            .filter_map(Yaml::as_str)
        {
            if !map.contains_key(name) {
                faults.push(Fault {
                    at: format!("{at}.{name}"),
                    what: "missing".to_owned(),
                });
            }
        }
        for (name, value) in map {
            fits(
                document,
                &schema["properties"][name.as_str()],
                value,
                &format!("{at}.{name}"),
                depth + 1,
                faults,
            );
        }
        if depth == 0 {
            unknown(document, schema, value, at, faults);
        }
    }
}

/// Fields that the schema knows nothing of. The documents allow them; ours should not need them.
fn unknown(document: &Yaml, schema: &Yaml, value: &Json, at: &str, faults: &mut Vec<Fault>) {
    let (mut names, mut open) = (Vec::new(), false);
    properties(document, schema, &mut names, &mut open);
    if open || names.is_empty() {
        return;
    }
    for name in value
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, _)| name)
    {
        if !names.contains(&name.as_str()) && name != "external_url" {
            faults.push(Fault {
                at: format!("{at}.{name}"),
                what: "not in the contract".to_owned(),
            });
        }
    }
}

fn simple(schema: &Yaml, value: &Json, fault: &mut impl FnMut(String)) {
    let fits = match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        Some("boolean") => value.is_boolean(),
        _ => true,
    };
    if !fits {
        fault(format!("{value} is no {:?}", schema["type"]));
    }
    if let Some(permitted) = schema["enum"].as_sequence()
        && !permitted
            .iter()
            .any(|one| serde_json::to_value(one).is_ok_and(|one| one == *value))
    {
        fault(format!("{value} is none of {permitted:?}"));
    }
    if let Some(number) = value.as_f64() {
        let bound = |key: &str| schema[key].as_f64();
        if bound("minimum").is_some_and(|least| number < least)
            || bound("maximum").is_some_and(|most| number > most)
        {
            fault(format!("{number} is out of bounds"));
        }
    }
    if let Some(text) = value.as_str() {
        let length = text.chars().count() as u64;
        if schema["maxLength"]
            .as_u64()
            .is_some_and(|most| length > most)
        {
            fault("too long".to_owned());
        }
        if schema["format"].as_str() == Some("uuid")
            && (text.len() != 36 || text.to_lowercase() != text)
        {
            fault(format!("{text} is no uuid"));
        }
        if schema["format"].as_str() == Some("date-time")
            && text.parse::<goshawk_proto::time::Timestamp>().is_err()
        {
            fault(format!("{text} is no time"));
        }
    }
    if let Some(items) = value.as_array() {
        let count = items.len() as u64;
        let bound = |key: &str| schema[key].as_u64();
        if bound("minItems").is_some_and(|least| count < least)
            || bound("maxItems").is_some_and(|most| count > most)
        {
            fault(format!("{count} items"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn faults(schema: &str, value: &Json) -> Vec<String> {
        let schema: Yaml = serde_yaml_ng::from_str(schema).unwrap();
        let mut found = Vec::new();
        fits(&Yaml::Null, &schema, value, "", 0, &mut found);
        found
            .into_iter()
            .map(|fault| format!("{} {}", fault.at, fault.what))
            .collect()
    }

    #[test]
    fn the_validator_finds_what_is_wrong() {
        let schema = "{type: object, required: [a], properties: {a: {type: integer, minimum: 1}, b: {allOf: [{type: string}, {nullable: true}]}}}";
        assert!(faults(schema, &json!({"a": 1, "b": null})).is_empty());
        assert_eq!(faults(schema, &json!({"a": 0})), [".a 0 is out of bounds"]);
        assert_eq!(faults(schema, &json!({})), [".a missing"]);
        assert_eq!(faults(schema, &json!({"a": null})), [".a null"]);
        assert_eq!(
            faults(schema, &json!({"a": 1, "c": 1})),
            [".c not in the contract"]
        );
        let either = "{oneOf: [{type: string}, {type: integer, enum: [1, 2]}]}";
        assert!(faults(either, &json!(2)).is_empty());
        assert_eq!(faults(either, &json!(true)).len(), 1);
    }
}
