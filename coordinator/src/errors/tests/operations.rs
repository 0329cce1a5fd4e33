//! Every operation documents the codes that its contract gives it, or there is a reason why not.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::contract::index;
use crate::api::{openapi, service::Service, table};

/// Codes that no operation gives, and why.
const NOWHERE: &[(u32, &str)] = &[
    (0, "no error"),
    (1, "in the document of the Streams service it is 11009"),
    (
        10017,
        "the store is in the process and is asked without a connection",
    ),
    (
        10020,
        "filters compare values of different types as different",
    ),
    (11040, "events are part of every installation"),
    (11055, "nothing here is counted or ended by a licence"),
    (11070, "the image store is part of every installation"),
    (11071, "handlers are part of every installation"),
];

/// Codes that an operation does not give, and why.
const HERE: &[(&str, &[u32], &str)] = &[
    (
        "POST /6/detector",
        &[11028],
        "nothing is fetched by its address",
    ),
    ("POST /6/sdk", &[11028], "nothing is fetched by its address"),
    ("POST /6/iso", &[11028], "nothing is fetched by its address"),
    (
        "POST /6/liveness",
        &[11028],
        "nothing is fetched by its address",
    ),
    (
        "POST /6/handlers/{}/events",
        &[11028, 12035, 12038, 34001, 34003],
        "events are made of pictures and samples only",
    ),
    (
        "POST /6/matcher/faces",
        &[22004],
        "each reference is looked up by itself: 22002",
    ),
    ("GET /5/samples/{}", &[11039], "no sample belongs to tasks"),
    (
        "POST /6/attributes",
        &[12035, 12037, 12039, 12040, 12041],
        "bodies are JSON or MessagePack: no parts, no descriptor files",
    ),
    (
        "GET /6/attributes/{}/samples",
        &[12012, 12017],
        "it takes no parameters and no body",
    ),
    (
        "GET /6/faces/{}/attributes/samples",
        &[12012, 12017],
        "it takes no parameters and no body",
    ),
    ("GET /6/faces/{}/attributes", &[12017], "it takes no body"),
    (
        "DELETE /6/faces/{}/attributes",
        &[12012],
        "it takes no parameters",
    ),
    ("POST /6/faces", &[22016], "it names no fields of answers"),
];

/// The codes of every operation of a service's document.
fn documented(service: Service) -> BTreeMap<String, BTreeSet<u32>> {
    let document = openapi::document(service, &table::resources(service));
    let document = serde_json::to_value(document).unwrap();
    let mut found = BTreeMap::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let answers = operation["responses"].as_object().into_iter().flatten();
            let codes = answers.flat_map(|(_, answer)| numbers(answer)).collect();
            found.insert(name(method, path), codes);
        }
    }
    found
}

/// The numbers in the list of errors that describes an answer.
fn numbers(answer: &Value) -> Vec<u32> {
    let text = answer["description"].as_str().unwrap_or_default();
    text.lines()
        .filter_map(|line| line.strip_prefix("- ")?.split(':').next()?.parse().ok())
        .collect()
}

/// `GET /6/faces/{}`.
fn name(method: &str, path: &str) -> String {
    let parts: Vec<&str> = path
        .split('/')
        .map(|part| if part.starts_with('{') { "{}" } else { part })
        .collect();
    format!("{} {}", method.to_uppercase(), parts.join("/"))
}

#[test]
fn operations_document_the_codes_of_their_contract() {
    let Some(text) = index() else { return };
    let mut wrong = Vec::new();
    let mut checked = 0;
    for (service, label) in [
        (Service::Api, "luna-api"),
        (Service::Streams, "luna-streams"),
    ] {
        let ours = documented(service);
        for line in text.lines() {
            let cells: Vec<&str> = line
                .split(" | ")
                .map(|cell| cell.trim_matches(['|', ' ', '`']))
                .collect();
            let [first, method, path, _, _, _, _, codes] = cells[..] else {
                continue;
            };
            let name = name(method, path);
            let (true, Some(known)) = (first == label, ours.get(&name)) else {
                continue;
            };
            checked += 1;
            let missing: Vec<u32> = codes
                .split(' ')
                .filter_map(|code| code.parse().ok())
                .filter(|code| !known.contains(code))
                .filter(|code| !NOWHERE.iter().any(|(number, _)| number == code))
                .filter(|code| {
                    let here =
                        |(at, codes, _): &(&str, &[u32], &str)| *at == name && codes.contains(code);
                    !HERE.iter().any(here)
                })
                .collect();
            if !missing.is_empty() {
                wrong.push(format!("{name}: {missing:?}"));
            }
        }
    }
    assert!(checked > 40, "only {checked} operations were compared");
    assert!(
        wrong.is_empty(),
        "codes of the contract that these do not document:\n{}",
        wrong.join("\n")
    );
}
