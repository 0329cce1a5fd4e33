//! The pages of the services that are published as text: headings, and below each its parameters.

use std::collections::BTreeSet;

/// One fact of an operation: `query:page`, `maximum=1000`.
pub type Fact = (String, String);

/// The facts of each operation whose heading is in `headings`, in the page's order.
///
/// # Panics
/// When a heading is not in the page: the table that names them is wrong then.
pub fn facts<'a>(page: &str, headings: &[&'a str]) -> Vec<(&'a str, BTreeSet<Fact>)> {
    let lines: Vec<&str> = page
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let mut starts = Vec::new();
    let mut from = 0;
    for heading in headings {
        let at = lines[from..].iter().position(|line| line == heading);
        let at = from + at.unwrap_or_else(|| panic!("no heading {heading:?} after line {from}"));
        starts.push(at);
        from = at + 1;
    }
    let ends = starts.iter().skip(1).copied().chain([lines.len()]);
    let spans = starts.iter().zip(ends);
    headings
        .iter()
        .zip(spans)
        .map(|(heading, (start, end))| (*heading, operation(&lines[*start..end])))
        .collect()
}

/// Reads one operation: sections of parameters until its answers.
fn operation(lines: &[&str]) -> BTreeSet<Fact> {
    let mut found = BTreeSet::new();
    let mut place = None;
    let mut name: Option<String> = None;
    for (at, line) in lines.iter().enumerate() {
        match *line {
            "query Parameters" => place = Some("query"),
            "path Parameters" => place = Some("path"),
            "header Parameters" => place = Some("header"),
            "Responses" => break,
            text if text.starts_with("Request Body schema") => place = None,
            text => {
                let Some(place) = place else { continue };
                let next = lines.get(at + 1).copied().unwrap_or_default();
                let after = lines.get(at + 2).copied().unwrap_or_default();
                if text != "required"
                    && is_name(text)
                    && (is_type(next) || (next == "required" && is_type(after)))
                {
                    let key = key(place, text);
                    found.insert((key.clone(), "present".to_owned()));
                    if next == "required" {
                        found.insert((key.clone(), "required".to_owned()));
                    }
                    name = Some(key);
                } else if let Some(name) = &name {
                    found.extend(about(text).into_iter().map(|fact| (name.clone(), fact)));
                }
            }
        }
    }
    found
}

fn key(place: &str, name: &str) -> String {
    if place == "header" {
        format!("header:{}", name.to_ascii_lowercase())
    } else {
        format!("{place}:{name}")
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

fn is_type(text: &str) -> bool {
    let word = text.split([' ', '^']).next().unwrap_or_default();
    ["string", "integer", "number", "boolean"].contains(&word) || text.starts_with("Array of ")
}

/// The facts in one line below a parameter's name: its type with bounds, default or values.
fn about(line: &str) -> Vec<String> {
    if let Some(value) = line.strip_prefix("Default: ") {
        return vec![format!("default={value}")];
    }
    if let Some(values) = line
        .strip_prefix("Enum: ")
        .or_else(|| line.strip_prefix("Value: "))
    {
        let values = values
            .split(' ')
            .map(|value| format!("enum:{}", value.trim_matches('"')));
        return values.collect();
    }
    if !is_type(line) {
        return Vec::new();
    }
    let kind = if line.starts_with("Array of ") {
        "array"
    } else {
        line.split([' ', '^']).next().unwrap_or_default()
    };
    let mut found = vec![format!("type={kind}")];
    if kind == "integer" || kind == "number" {
        found.extend(bounds(line));
    }
    found
}

/// `[ 1 .. 1000 ]`, `>= 1`, `<= 9`.
fn bounds(line: &str) -> Vec<String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let at = |index: usize| words.get(index).copied().unwrap_or_default();
    for (index, word) in words.iter().enumerate() {
        match *word {
            ".." => {
                return vec![
                    format!("minimum={}", at(index.wrapping_sub(1))),
                    format!("maximum={}", at(index + 1)),
                ];
            }
            ">=" => return vec![format!("minimum={}", at(index + 1))],
            "<=" => return vec![format!("maximum={}", at(index + 1))],
            _ => {}
        }
    }
    Vec::new()
}

#[test]
fn a_page_is_read() {
    let page = "things\n\nget things\n\nGet them.\n\nquery Parameters\npage\ninteger >= 1\nDefault: 1\n\
                Page number.\nkind\nrequired\ninteger (kind)\nEnum: 0 1\nscore\nnumber [ 0 .. 1 ]\n\
                header Parameters\nLuna-Request-Id\nstring^[0-9]\nResponses\nGo\nstring\nmake thing\nResponses\n";
    let found = facts(page, &["get things", "make thing"]);
    let expected = [
        ("header:luna-request-id", "present"),
        ("header:luna-request-id", "type=string"),
        ("query:kind", "enum:0"),
        ("query:kind", "enum:1"),
        ("query:kind", "present"),
        ("query:kind", "required"),
        ("query:kind", "type=integer"),
        ("query:page", "default=1"),
        ("query:page", "minimum=1"),
        ("query:page", "present"),
        ("query:page", "type=integer"),
        ("query:score", "maximum=1"),
        ("query:score", "minimum=0"),
        ("query:score", "present"),
        ("query:score", "type=number"),
    ];
    let facts: Vec<(&str, &str)> = found[0]
        .1
        .iter()
        .map(|(key, fact)| (key.as_str(), fact.as_str()))
        .collect();
    assert_eq!(facts, expected);
    assert!(found[1].1.is_empty());
}
