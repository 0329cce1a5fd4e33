//! Holds `agent/FIELDS.md` to the source and to the Streams contract: every test that it names
//! exists, and every field that the contract has is in it.
#![allow(
    missing_docs,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that fails says so by panicking"
)]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn table() -> String {
    fs::read_to_string(root().join("agent/FIELDS.md")).expect("agent/FIELDS.md")
}

/// The cells of the table's rows.
fn rows(text: &str) -> Vec<Vec<&str>> {
    let lines = text.lines().filter(|line| line.starts_with("| `"));
    lines
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect()
}

/// What stands between backquotes.
fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

fn sources(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !name.starts_with('.') && name != "target" {
            sources(&path, text);
        } else if name.ends_with(".rs") {
            text.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn every_test_in_the_table_exists() {
    let mut code = String::new();
    for folder in [
        "agent",
        "pipelines",
        "models",
        "proto",
        "coordinator",
        "tests",
    ] {
        sources(&root().join(folder), &mut code);
    }
    let text = table();
    let rows = rows(&text);
    assert!(rows.len() > 50, "{} rows", rows.len());
    let mut missing = Vec::new();
    for row in &rows {
        let [field, _, test] = row[..] else {
            panic!("a row of {} cells: {row:?}", row.len());
        };
        let names: Vec<_> = quoted(test).collect();
        if names.is_empty() {
            missing.push(format!("{field}: no test"));
        }
        let absent = names
            .iter()
            .filter(|name| !code.contains(&format!("fn {name}(")));
        missing.extend(absent.map(|name| format!("{field}: there is no test `{name}`")));
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn every_field_of_the_contract_is_in_the_table() {
    let shared = std::env::var_os("GOSHAWK_SHARED").map_or(root().join("../shared"), PathBuf::from);
    let file = shared.join("spec/luna-streams.openapi.yaml");
    let Ok(text) = fs::read_to_string(&file) else {
        eprintln!("SKIPPED: no published contract at {}", file.display());
        return;
    };
    let contract: serde_json::Value = serde_yaml_ng::from_str(&text).expect("the contract");
    let mut fields = BTreeSet::new();
    for schema in [
        "stream_to_be_created_base_v2",
        "stream_with_group_name_v2",
        "stream_with_group_id_v2",
        "stream_response_v2",
    ] {
        let schema = &contract["components"]["schemas"][schema];
        assert!(schema.is_object(), "the contract is another");
        collect(&contract, schema, "", &mut fields);
    }
    let table = table();
    let known: BTreeSet<&str> = rows(&table)
        .iter()
        .flat_map(|row| quoted(row[0]))
        .map(|name| name.rsplit('.').next().unwrap_or(name))
        .collect();
    let absent: Vec<_> = fields
        .iter()
        .filter(|field| !known.contains(field.rsplit('.').next().unwrap_or(field)))
        .collect();
    assert!(fields.len() > 60, "{} fields", fields.len());
    assert!(absent.is_empty(), "no row for {absent:?}");
}

/// The paths of a schema's leaves.
fn collect(
    contract: &serde_json::Value,
    schema: &serde_json::Value,
    path: &str,
    found: &mut BTreeSet<String>,
) {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap();
        let target = &contract["components"]["schemas"][name];
        return collect(contract, target, path, found);
    }
    let mut is_leaf = true;
    for parts in ["allOf", "oneOf", "anyOf"] {
        for part in schema[parts].as_array().into_iter().flatten() {
            collect(contract, part, path, found);
        }
    }
    if schema["items"].is_object() && schema["items"]["properties"].is_null() {
        collect(contract, &schema["items"], path, found);
    }
    for (name, part) in schema["properties"].as_object().into_iter().flatten() {
        is_leaf = false;
        // The sides of a region, a token or a mode are no fields of their own.
        if ["roi", "droi", "authorization"].contains(&name.as_str()) {
            found.insert(format!("{path}{name}"));
            continue;
        }
        collect(contract, part, &format!("{path}{name}."), found);
    }
    let described = schema["type"].is_string() || schema["enum"].is_array();
    if is_leaf && described && schema["type"] != "object" && !path.is_empty() {
        found.insert(path.trim_end_matches('.').to_owned());
    }
}
