//! Agreement by path prefix, held against `floors.toml`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, PoisonError},
};

use goshawk_e2e::contract::shared;
use serde::Deserialize;

/// What is finished: each agrees at least this far, in percent, and names its differences.
const FINISHED_AT: f64 = 98.0;
const FINISHED: &[(&str, &[&str])] = &[
    (
        "api",
        &[
            "/version",
            "/6/accounts",
            "/6/account",
            "/6/tokens",
            "/6/credentials_verifier",
            "/6/login",
            "/6/docs",
            "/6/config",
            "/6/features",
            "/6/plugins",
            "/6/healthcheck",
            "/metrics",
            "/healthcheck",
        ],
    ),
    (
        "streams",
        &[
            "/version",
            "/1/docs",
            "/2/docs",
            "/1/config",
            "/2/config",
            "/1/plugins",
            "/2/plugins",
            "/metrics",
            "/healthcheck",
            "/1/healthcheck",
            "/2/healthcheck",
        ],
    ),
    (
        "handlers",
        &["/version", "/1/docs", "/1/config", "/healthcheck"],
    ),
    (
        "sender",
        &["/version", "/1/docs", "/1/config", "/1/plugins", "/metrics"],
    ),
];
/// How far a share may be above its floor, in percent, before the floor has to be raised.
const SLACK: f64 = 0.05;

/// How far a document agrees with its contract.
#[derive(Debug, Default, Deserialize)]
pub struct Agreement {
    /// Facts that agree and all facts, by the first two segments of the path.
    pub groups: BTreeMap<String, [u32; 2]>,
    /// One line for each difference: `GET /6/faces: parameter query:page: want …`.
    pub differences: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Floors {
    #[serde(default)]
    floor: BTreeMap<String, BTreeMap<String, f64>>,
    #[serde(default)]
    stays: Vec<Stays>,
}

/// Differences that stay, and why.
#[derive(Debug, Deserialize)]
struct Stays {
    service: String,
    reason: String,
    lines: Vec<String>,
}

#[test]
fn the_api_agrees_with_its_contract() {
    published("api", "luna-api.openapi.yaml");
}

#[test]
fn the_streams_service_agrees_with_its_contract() {
    published("streams", "luna-streams.openapi.yaml");
}

fn published(service: &str, reference: &str) {
    let Some(agreement) = compare(service, reference) else {
        return;
    };
    hold(service, &agreement);
}

pub fn document(service: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("openapi/{service}.yaml"))
}

fn compare(service: &str, reference: &str) -> Option<Agreement> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let home =
        std::env::var_os("GOSHAWK_HOME").map_or_else(|| root.join(".goshawk"), PathBuf::from);
    let python = home.join("contract/venv/bin/python");
    let tool = shared().join("tools/spec_diff.py");
    let reference = shared().join("spec").join(reference);
    for needed in [&python, &tool, &reference] {
        if !needed.is_file() {
            eprintln!(
                "SKIPPED: {service} was not compared with its contract, {} is not there",
                needed.display()
            );
            return None;
        }
    }
    let told = tempfile::NamedTempFile::new().unwrap();
    let output = Command::new(python)
        .arg("-B")
        .arg(tool)
        .arg(reference)
        .arg(document(service))
        .args(["--list", "0", "--json"])
        .arg(told.path())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    eprintln!("{service}:\n{}", String::from_utf8_lossy(&output.stdout));
    Some(serde_json::from_slice(&std::fs::read(told.path()).unwrap()).unwrap())
}

/// Fails when a share is under its floor, or so far over it that the floor has to rise, and when
/// what is finished differs in a way that has no reason.
pub fn hold(service: &str, agreement: &Agreement) {
    // Both tests may rewrite the one file.
    static FILE: Mutex<()> = Mutex::new(());
    let _one = FILE.lock().unwrap_or_else(PoisonError::into_inner);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi/floors.toml");
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let mut floors: Floors = toml::from_str(&text).unwrap();
    let wrong = judge(service, agreement, &floors);
    if std::env::var_os("GOSHAWK_RAISE_FLOORS").is_some() {
        raise(service, agreement, &mut floors);
        std::fs::write(&path, written(&floors)).unwrap();
        let still = judge(service, agreement, &floors);
        assert!(
            still.is_empty(),
            "floors were raised, but:\n{}",
            still.join("\n")
        );
    } else {
        assert!(
            wrong.is_empty(),
            "{}\n(GOSHAWK_RAISE_FLOORS=1 raises floors and lists new differences)",
            wrong.join("\n")
        );
    }
}

/// In percent, rounded down to what the file holds.
fn share([agreed, all]: [u32; 2]) -> f64 {
    (10_000.0 * f64::from(agreed) / f64::from(all.max(1))).floor() / 100.0
}

fn finished(service: &str) -> &'static [&'static str] {
    let found = FINISHED.iter().find(|(name, _)| *name == service);
    found.map_or(&[], |(_, prefixes)| prefixes)
}

/// The group of a difference's line: the first two segments of the path in `GET /6/faces/{id}: …`.
fn group(line: &str) -> String {
    let path = line.split(' ').nth(1).unwrap_or_default();
    let path = path.trim_end_matches(':');
    path.split('/').take(3).collect::<Vec<_>>().join("/")
}

fn judge(service: &str, agreement: &Agreement, floors: &Floors) -> Vec<String> {
    let mut wrong = Vec::new();
    let empty = BTreeMap::new();
    let known = floors.floor.get(service).unwrap_or(&empty);
    for (prefix, counts) in &agreement.groups {
        let share = share(*counts);
        match known.get(prefix) {
            None => wrong.push(format!(
                "no floor yet, add: [floor.{service}] \"{prefix}\" = {share:.2}"
            )),
            Some(floor) if share + 0.004 < *floor => {
                wrong.push(format!(
                    "{service} {prefix} fell to {share:.2} %, its floor is {floor:.2} %"
                ));
            }
            Some(floor) if share > floor + SLACK => {
                wrong.push(format!(
                    "better than its floor, write: [floor.{service}] \"{prefix}\" = {share:.2}"
                ));
            }
            Some(_) => {}
        }
        if finished(service).contains(&prefix.as_str()) && share < FINISHED_AT {
            wrong.push(format!(
                "{service} {prefix} agrees to {share:.2} %, less than {FINISHED_AT} %"
            ));
        }
    }
    for prefix in known
        .keys()
        .filter(|prefix| !agreement.groups.contains_key(*prefix))
    {
        wrong.push(format!(
            "{service} {prefix} has a floor and is not in the contract"
        ));
    }
    let lines = differences(service, agreement);
    let listed: BTreeSet<&str> = reasons(service, floors).map(|(line, _)| line).collect();
    for line in lines.difference(&listed) {
        wrong.push(format!("a difference without a reason: {line}"));
    }
    for line in listed.difference(&lines) {
        wrong.push(format!(
            "a reason without a difference, take it out: {line}"
        ));
    }
    for (line, _) in reasons(service, floors).filter(|(_, reason)| reason.trim().is_empty()) {
        wrong.push(format!("the reason is empty: {line}"));
    }
    wrong
}

/// Differences of what is finished.
fn differences<'a>(service: &str, agreement: &'a Agreement) -> BTreeSet<&'a str> {
    let lines = agreement.differences.iter().map(String::as_str);
    lines
        .filter(|line| finished(service).contains(&group(line).as_str()))
        .collect()
}

fn reasons<'a>(service: &str, floors: &'a Floors) -> impl Iterator<Item = (&'a str, &'a str)> {
    let ours = floors
        .stays
        .iter()
        .filter(move |stays| stays.service == service);
    ours.flat_map(|stays| {
        stays
            .lines
            .iter()
            .map(|line| (line.as_str(), stays.reason.as_str()))
    })
}

/// Raises what is better, adds what is new, forgets reasons whose difference is gone. Lowers nothing.
fn raise(service: &str, agreement: &Agreement, floors: &mut Floors) {
    let known = floors.floor.entry(service.to_owned()).or_default();
    for (prefix, counts) in &agreement.groups {
        let floor = known.entry(prefix.clone()).or_insert(0.0);
        *floor = floor.max(share(*counts));
    }
    let lines = differences(service, agreement);
    let listed: BTreeSet<String> = reasons(service, floors)
        .map(|(line, _)| line.to_owned())
        .collect();
    let new: Vec<String> = lines
        .iter()
        .filter(|line| !listed.contains(**line))
        .map(|line| (*line).to_owned())
        .collect();
    for stays in floors
        .stays
        .iter_mut()
        .filter(|stays| stays.service == service)
    {
        stays.lines.retain(|line| lines.contains(line.as_str()));
    }
    if !new.is_empty() {
        floors.stays.push(Stays {
            service: service.to_owned(),
            reason: String::new(),
            lines: new,
        });
    }
    floors.stays.retain(|stays| !stays.lines.is_empty());
}

fn written(floors: &Floors) -> String {
    let mut text = String::from(
        "# Percent of the published contract's facts that our documents agree with, by the first two\n\
         # segments of the path. Floors only rise; see coordinator/tests/openapi. Below them: differences\n\
         # that stay, each with its reason.\n",
    );
    for (service, prefixes) in &floors.floor {
        write!(text, "\n[floor.{service}]\n").unwrap();
        for (prefix, floor) in prefixes {
            writeln!(text, "\"{prefix}\" = {floor:.2}").unwrap();
        }
    }
    for stays in &floors.stays {
        let quoted = |line: &str| toml::Value::from(line).to_string();
        write!(text, "\n[[stays]]\nservice = \"{}\"\n", stays.service).unwrap();
        write!(text, "reason = {}\nlines = [\n", quoted(&stays.reason)).unwrap();
        for line in &stays.lines {
            writeln!(text, "    {},", quoted(line)).unwrap();
        }
        text.push_str("]\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agreement(counts: [u32; 2], differences: &[&str]) -> Agreement {
        Agreement {
            groups: [("/version".to_owned(), counts)].into(),
            differences: differences.iter().map(|line| (*line).to_owned()).collect(),
        }
    }

    fn floors(floor: f64, lines: &[&str]) -> Floors {
        Floors {
            floor: [("api".to_owned(), [("/version".to_owned(), floor)].into())].into(),
            stays: vec![Stays {
                service: "api".to_owned(),
                reason: "because".to_owned(),
                lines: lines.iter().map(|line| (*line).to_owned()).collect(),
            }],
        }
    }

    #[track_caller]
    fn check(agreement: &Agreement, floors: &Floors, expected: &str) {
        let wrong = judge("api", agreement, floors).join("; ");
        assert!(
            if expected.is_empty() {
                wrong.is_empty()
            } else {
                wrong.contains(expected)
            },
            "{wrong:?} lacks {expected:?}"
        );
    }

    #[test]
    fn floors_only_rise() {
        let at = agreement([99, 100], &[]);
        check(&at, &floors(99.0, &[]), "");
        check(&at, &floors(98.9, &[]), "better than its floor");
        check(&at, &floors(99.5, &[]), "fell to 99.00 %");
        check(
            &agreement([97, 100], &[]),
            &floors(97.0, &[]),
            "less than 98 %",
        );
        let mut lower = floors(99.5, &[]);
        raise("api", &at, &mut lower);
        assert_eq!(lower.floor["api"]["/version"], 99.5);
    }

    #[test]
    fn a_difference_has_a_reason_and_a_reason_a_difference() {
        let line = "GET /version: response 500: want present";
        check(&agreement([99, 100], &[line]), &floors(99.0, &[line]), "");
        check(
            &agreement([99, 100], &[line]),
            &floors(99.0, &[]),
            "without a reason",
        );
        check(
            &agreement([99, 100], &[]),
            &floors(99.0, &[line]),
            "take it out",
        );
        let mut new = floors(99.0, &["GET /version: gone"]);
        raise("api", &agreement([99, 100], &[line]), &mut new);
        check(&agreement([99, 100], &[line]), &new, "the reason is empty");
        let again: Floors = toml::from_str(&written(&new)).unwrap();
        assert_eq!(again.stays[0].lines, [line]);
    }
}
