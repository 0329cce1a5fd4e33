//! Handlers and Sender, whose contracts are pages of text: operations and parameters are compared;
//! bodies are folded there, and paths are not printed (they are the API's, with `/1` for `/6`).

use std::collections::{BTreeMap, BTreeSet};

use goshawk_e2e::contract::{document::Document, shared};
use serde_json::Value;

use crate::{
    floors::{Agreement, document, hold},
    pages::{Fact, facts},
};

/// Headings of the page in its order, and what they stand for.
const HANDLERS: &[(&str, &str, &str)] = &[
    ("get version", "GET", "/version"),
    ("detect faces", "POST", "/1/detector"),
    ("extract attributes", "POST", "/1/extractor"),
    ("iso resource", "POST", "/1/iso"),
    ("create handler", "POST", "/1/handlers"),
    ("get handlers", "GET", "/1/handlers"),
    ("get handler count", "GET", "/1/handlers/count"),
    ("validate handler policies", "POST", "/1/handlers/validator"),
    ("get handler", "GET", "/1/handlers/{handler_id}"),
    ("Replace handler", "PUT", "/1/handlers/{handler_id}"),
    (
        "check to exist a handler",
        "HEAD",
        "/1/handlers/{handler_id}",
    ),
    ("remove handler", "DELETE", "/1/handlers/{handler_id}"),
    ("generate events", "POST", "/1/handlers/{handler_id}/events"),
    ("save event", "POST", "/1/handlers/{handler_id}/events/raw"),
    ("sdk resource", "POST", "/1/sdk"),
    ("create verifier", "POST", "/1/verifiers"),
    ("get verifiers", "GET", "/1/verifiers"),
    ("count verifiers", "GET", "/1/verifiers/count"),
    ("get verifier", "GET", "/1/verifiers/{verifier_id}"),
    ("replace verifier", "PUT", "/1/verifiers/{verifier_id}"),
    ("check verifier", "HEAD", "/1/verifiers/{verifier_id}"),
    ("remove verifier", "DELETE", "/1/verifiers/{verifier_id}"),
    ("raw verification", "POST", "/1/verifiers/{verifier_id}/raw"),
    (
        "perform verification",
        "POST",
        "/1/verifiers/{verifier_id}/verifications",
    ),
    ("get openapi documentation", "GET", "/1/docs/spec"),
    ("get development manual", "GET", "/1/docs/dev"),
    ("get service configuration", "GET", "/1/config"),
    ("get health", "GET", "/healthcheck"),
];
const SENDER: &[(&str, &str, &str)] = &[
    ("get version", "GET", "/version"),
    ("ws handshake", "GET", "/1/ws"),
    ("ws handshake for general events", "GET", "/1/general/ws"),
    ("publish events", "POST", "/1/events"),
    ("publish general events", "POST", "/1/general/events"),
    ("get openapi documentation", "GET", "/1/docs/spec"),
    ("get development manual", "GET", "/1/docs/dev"),
    ("get service configuration", "GET", "/1/config"),
    ("get list of plugins", "GET", "/1/plugins"),
    ("get service requests statistics", "GET", "/metrics"),
    ("get health", "GET", "/healthcheck"),
];

#[test]
fn the_handlers_service_agrees_with_its_page() {
    compare("handlers", "luna-handlers.txt", HANDLERS);
}

#[test]
fn the_sender_agrees_with_its_page() {
    compare("sender", "luna-sender.txt", SENDER);
}

fn compare(service: &str, page: &str, table: &[(&str, &str, &str)]) {
    let page = shared().join("spec").join(page);
    let Ok(page) = std::fs::read_to_string(&page) else {
        eprintln!(
            "SKIPPED: {service} was not compared, {} is not there",
            page.display()
        );
        return;
    };
    let ours = Document::parse(&std::fs::read_to_string(document(service)).unwrap(), false);
    let headings: Vec<&str> = table.iter().map(|(heading, ..)| *heading).collect();
    let mut agreement = Agreement::default();
    for ((_, wanted), (_, method, path)) in facts(&page, &headings).into_iter().zip(table) {
        one(&ours, method, path, &wanted, &mut agreement);
    }
    hold(service, &agreement);
}

fn one(
    ours: &Document,
    method: &str,
    path: &str,
    wanted: &BTreeSet<Fact>,
    agreement: &mut Agreement,
) {
    let group: String = path.split('/').take(3).collect::<Vec<_>>().join("/");
    let counts = agreement.groups.entry(group).or_default();
    // The operation itself is one more fact.
    counts[1] += u32::try_from(wanted.len()).unwrap() + 1;
    let name = format!("{method} {path}");
    let found = ours
        .operations()
        .iter()
        .find(|operation| operation.method == method && operation.template == path);
    let Some(operation) = found else {
        agreement
            .differences
            .push(format!("{name}: operation missing"));
        return;
    };
    let have = described(ours, &operation.parameters);
    counts[0] += u32::try_from(wanted.intersection(&have).count()).unwrap() + 1;
    for (key, fact) in wanted.difference(&have) {
        agreement
            .differences
            .push(format!("{name}: parameter {key}: want {fact}"));
    }
    let known: BTreeSet<&str> = wanted.iter().map(|(key, _)| key.as_str()).collect();
    for (key, _) in have.iter().filter(|(_, fact)| fact == "present") {
        if !known.contains(key.as_str()) {
            agreement
                .differences
                .push(format!("{name}: parameter {key}: extra present"));
        }
    }
}

/// The facts of our parameters, in the words of `pages.rs`.
fn described(ours: &Document, parameters: &[Value]) -> BTreeSet<Fact> {
    let mut found = BTreeSet::new();
    for parameter in parameters {
        let (place, name) = (text(&parameter["in"]), text(&parameter["name"]));
        let key = if place == "header" {
            format!("header:{}", name.to_ascii_lowercase())
        } else {
            format!("{place}:{name}")
        };
        found.insert((key.clone(), "present".to_owned()));
        if parameter["required"] == Value::Bool(true) {
            found.insert((key.clone(), "required".to_owned()));
        }
        let mut facts = BTreeMap::new();
        about(ours, &parameter["schema"], 0, &mut facts);
        found.extend(facts.into_keys().map(|fact| (key.clone(), fact)));
    }
    found
}

fn about(ours: &Document, schema: &Value, depth: usize, into: &mut BTreeMap<String, ()>) {
    if depth > 12 {
        return;
    }
    let schema = ours.resolve(schema);
    let types = match &schema["type"] {
        Value::Array(all) => all.iter().map(text).collect(),
        Value::String(one) => vec![one.clone()],
        _ => Vec::new(),
    };
    for kind in types.iter().filter(|kind| *kind != "null") {
        into.insert(format!("type={kind}"), ());
    }
    for key in ["minimum", "maximum", "default"] {
        if !schema[key].is_null() {
            into.insert(format!("{key}={}", plain(&schema[key])), ());
        }
    }
    for value in schema["enum"].as_array().into_iter().flatten() {
        into.insert(format!("enum:{}", plain(value)), ());
    }
    for key in ["allOf", "oneOf", "anyOf"] {
        for part in schema[key].as_array().into_iter().flatten() {
            about(ours, part, depth + 1, into);
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// A value as the page prints it: text without quotes, whole numbers without a fraction.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => {
            let figure = number.as_f64().unwrap_or_default();
            if figure.fract() == 0.0 {
                format!("{figure:.0}")
            } else {
                figure.to_string()
            }
        }
        other => other.to_string(),
    }
}
