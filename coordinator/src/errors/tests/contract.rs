//! Every code of the contracts' index has its row, with the index's texts.

use std::{collections::BTreeSet, path::PathBuf};

use super::Code;

/// Rows of the index that are at odds with the others of their number, and why ours differ.
const SLIPS: &[(u32, &str, &str)] = &[
    (
        0,
        "One or more faces not found",
        "an error of a task inside a task's result, with no number",
    ),
    (
        1,
        "Internal server error",
        "in capitals inside a task's result only",
    ),
    (
        11055,
        "License limit exceeded",
        "nothing here is counted by a licence",
    ),
    (
        11055,
        "License problem: Cannot get license",
        "there is no licence to get",
    ),
    (
        11055,
        "License problem: License expired",
        "there is no licence to expire",
    ),
    (
        11055,
        "License problem: Streams license limit",
        "nothing here is counted by a licence",
    ),
    (
        11055,
        "License problem: ISO license feature",
        "written as the other features are",
    ),
    (
        11033,
        "Handler not found",
        "all other operations name the handler",
    ),
    (
        11037,
        "Luna-Account-Id header is not UUID, format: xxxxxxxx-xxxx-4xxx",
        "five others accept any version",
    ),
    (11057, "No one event found with track id", "11058 elsewhere"),
    (11071, "Luna Image Store", "11070 elsewhere"),
    (
        12012,
        "Bad/incomplete input data",
        "description and detail changed places",
    ),
    (
        12017,
        "Bad/incomplete input data",
        "description and detail changed places",
    ),
    (
        12027,
        "Failed to validate input json. Message:",
        "all other operations name the path",
    ),
    (13003, "List with id", "22003 elsewhere"),
    (
        22016,
        "invalid is not valid target to get events",
        "another description elsewhere",
    ),
];

/// One row of the index's table of codes.
struct Row {
    number: u32,
    desc: String,
    detail: String,
}

/// The text of the contracts' index, where there is one.
pub(super) fn index() -> Option<String> {
    let shared = std::env::var_os("GOSHAWK_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared")),
        PathBuf::from,
    );
    let path = shared.join("spec/INDEX.md");
    let text = std::fs::read_to_string(&path).ok();
    if text.is_none() {
        println!("SKIPPED: no contracts at {}", path.display());
    }
    text
}

fn rows() -> Option<(Vec<Row>, BTreeSet<u32>)> {
    let text = index()?;
    let mut rows = Vec::new();
    let mut operations = BTreeSet::new();
    for line in text.lines() {
        let cells: Vec<&str> = line
            .split(" | ")
            .map(|cell| cell.trim_matches(['|', ' ']))
            .collect();
        if let [number, desc, detail, _] = cells[..]
            && let Ok(number) = number.parse()
        {
            let (desc, detail) = (plain(desc), plain(detail));
            rows.push(Row {
                number,
                desc,
                detail,
            });
        } else if cells.first().is_some_and(|cell| cell.starts_with("luna-")) && cells.len() >= 8 {
            operations.extend(
                cells[7]
                    .split(' ')
                    .filter_map(|code| code.parse::<u32>().ok()),
            );
        }
    }
    Some((rows, operations))
}

/// Text without what the contracts do one way here and another there: quotes, blanks, full stops.
fn plain(text: &str) -> String {
    let text: Vec<&str> = text.split_whitespace().collect();
    let text = text.join(" ").replace(['\'', '`'], "");
    text.trim_end_matches('.').to_owned()
}

/// Whether `text` is `template` with something in each hole.
fn fits(template: &str, text: &str) -> bool {
    let template = plain(template);
    let parts: Vec<&str> = template.split("{}").collect();
    let [first, middle @ .., last] = &parts[..] else {
        return template == text;
    };
    let Some(rest) = text.strip_prefix(first) else {
        return false;
    };
    let Some(mut rest) = rest.strip_suffix(last) else {
        return false;
    };
    for part in middle {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    true
}

#[test]
fn every_code_of_the_contracts_has_its_row() {
    let Some((rows, operations)) = rows() else {
        return;
    };
    assert!(
        rows.len() > 150 && operations.len() > 60,
        "the index was not understood"
    );
    let known: BTreeSet<u32> = Code::ALL.iter().map(|code| code.number()).collect();
    let named: BTreeSet<u32> = rows
        .iter()
        .map(|row| row.number)
        .chain(operations)
        .collect();
    let missing: Vec<&u32> = named.difference(&known).collect();
    assert!(missing.is_empty(), "no rows for {missing:?}");
}

#[test]
fn texts_are_the_contracts() {
    let Some((rows, _)) = rows() else { return };
    let mut wrong = Vec::new();
    let mut slips: BTreeSet<_> = SLIPS.iter().collect();
    for row in rows {
        if row.detail == "(mentioned in text)" {
            continue;
        }
        let ours = |code: &&Code| code.number() == row.number;
        let slip = |(number, detail, _): &(u32, &str, &str)| {
            *number == row.number && row.detail.starts_with(detail)
        };
        let same = |code: &Code| {
            // Errors inside a task's result come without a description.
            let desc = plain(code.desc()).eq_ignore_ascii_case(&row.desc) || row.desc.is_empty();
            // Code 9 repeats the address of the request in its description.
            let desc = desc || row.number == 9;
            desc && fits(code.detail(), &row.detail)
        };
        if SLIPS.iter().any(slip) {
            slips.retain(|known| !slip(known));
            continue;
        }
        if !Code::ALL.iter().filter(ours).any(same) {
            wrong.push(format!("{} | {} | {}", row.number, row.desc, row.detail));
        }
    }
    assert!(wrong.is_empty(), "texts differ:\n{}", wrong.join("\n"));
    assert!(slips.is_empty(), "no longer in the contracts: {slips:?}");
}

#[test]
fn templates_fit_only_their_texts() {
    assert!(fits(
        "Task '{}' with status {} can not",
        "Task 7 with status 5 can not"
    ));
    assert!(!fits("Task '{}' with status {} can not", "Task 7 can not"));
    assert!(fits("Page not found", "Page not found"));
    assert!(!fits("Page not found", "Page not found here"));
}
