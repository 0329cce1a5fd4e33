//! The real coordinator against its own published documents, by schemathesis: no server error, no
//! undocumented answer, nothing that does not fit.
//!
//! `make test` runs a short form; `make contract` sets `GOSHAWK_CONTRACT=full` for the long one.
//! What may differ stands with its reason in `tests/contract/hooks.py`.
#![allow(
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, and its summary is for people"
)]

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use goshawk_e2e::{
    api::text,
    stack::{Coordinator, LOGIN, PASSWORD, home},
};
use serde_json::json;

/// Of the fuzzer's choices; a failure names what to send, so one seed is enough to replay it.
const SEED: &str = "20";
/// The operation that changes the credentials which the fuzzer shows.
const OWN_PASSWORD: &str = "patchAccount";

/// One look at one service.
struct Look<'a> {
    /// Name of the service and of its document.
    service: &'a str,
    url: &'a str,
    /// Who looks, for the report.
    who: &'a str,
    /// `Authorization`, or `Luna-Account-Id` where a service takes that.
    header: Option<(&'a str, String)>,
    /// Share of the time in percent.
    share: u64,
    only: Option<&'a str>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn is_full() -> bool {
    std::env::var("GOSHAWK_CONTRACT").is_ok_and(|form| form == "full")
}

/// Seconds for all looks together.
fn budget_s() -> u64 {
    let given = std::env::var("GOSHAWK_CONTRACT_SECONDS")
        .ok()
        .and_then(|text| text.parse().ok());
    given.unwrap_or(if is_full() { 1200 } else { 45 })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_services_keep_to_their_documents() {
    let Some(home) = home() else { return };
    let fuzzer = home.join("contract/venv/bin/schemathesis");
    if !fuzzer.is_file() {
        eprintln!(
            "SKIPPED: {} is missing, the services were not held against their documents; run `./setup.sh debug`",
            fuzzer.display()
        );
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut coordinator = Coordinator::start(dir.path(), &home).unwrap();
    let api = coordinator.api.clone();
    let account = api.account().await.unwrap();
    let admin = format!("Basic {}", STANDARD.encode(format!("{LOGIN}:{PASSWORD}")));
    let limited = api
        .post(
            "/6/tokens",
            &json!({
                "expiration_time": null,
                "visibility_area": "account",
                "permissions": {"face": ["view"], "list": ["view", "creation"], "account": ["view"]},
            }),
        )
        .await
        .unwrap();
    let limited = format!("Bearer {}", text(&limited, "token").unwrap());
    let ends = api.endpoints.clone();
    let look = |service, url, who, header, share, only| Look {
        service,
        url,
        who,
        header,
        share,
        only,
    };
    let mine = || Some(("Luna-Account-Id", account.clone()));
    let looks = [
        look(
            "api",
            &ends.api,
            "admin",
            Some(("Authorization", admin.clone())),
            45,
            None,
        ),
        look(
            "api",
            &ends.api,
            "token",
            Some(("Authorization", limited)),
            20,
            None,
        ),
        look("handlers", &ends.handlers, "account", mine(), 15, None),
        look("streams", &ends.streams, "account", mine(), 15, None),
        look("sender", &ends.sender, "account", mine(), 5, None),
        // Last: afterwards the password may be another.
        look(
            "api",
            &ends.api,
            "own-password",
            Some(("Authorization", admin)),
            3,
            Some(OWN_PASSWORD),
        ),
    ];
    let mut wrong = Vec::new();
    for look in &looks {
        if let Err(report) = run(&fuzzer, look) {
            wrong.push(format!("{} as {}:\n{report}", look.service, look.who));
        }
    }
    assert!(coordinator.daemon().is_running(), "{}", coordinator.log());
    let log = coordinator.log();
    let errors: Vec<&str> = log
        .lines()
        .filter(|line| line.contains(" ERROR ") || line.contains("panicked"))
        .take(20)
        .collect();
    assert!(
        errors.is_empty(),
        "errors in the log:\n{}",
        errors.join("\n")
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// Runs the fuzzer once; its report when it found something.
fn run(fuzzer: &Path, look: &Look<'_>) -> Result<(), String> {
    let tools = root().join("tests/contract");
    let document = root().join(format!("coordinator/openapi/{}.yaml", look.service));
    let seconds = (budget_s() * look.share / 100).max(2);
    let mut command = Command::new(fuzzer);
    command
        .current_dir(&tools)
        .env("SCHEMATHESIS_HOOKS", "hooks")
        .env("PYTHONPATH", &tools)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .args(["--config-file", "schemathesis.toml", "run"])
        .arg(document)
        .args(["--url", look.url, "--seed", SEED])
        .args(["--max-time", &seconds.to_string()]);
    if !is_full() {
        command.args([
            "--phases",
            "examples,fuzzing",
            "--max-examples",
            "6",
            "--no-shrink",
        ]);
    }
    if let Some((name, value)) = &look.header {
        command.arg("--header").arg(format!("{name}: {value}"));
    }
    match look.only {
        Some(id) => command.args(["--include-operation-id", id]),
        None => command.args(["--exclude-operation-id", OWN_PASSWORD]),
    };
    let began = Instant::now();
    let output = command.output().unwrap();
    let report = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    keep(look, &report);
    eprintln!(
        "{} as {}: {}",
        look.service,
        look.who,
        summary(&report, began.elapsed())
    );
    if output.status.success() {
        Ok(())
    } else {
        Err(report)
    }
}

/// The report stays beside the other results, for reading at leisure.
fn keep(look: &Look<'_>, report: &str) {
    let folder = root().join("target/contract");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(
        folder.join(format!("{}-{}.txt", look.service, look.who)),
        report,
    )
    .unwrap();
}

fn summary(report: &str, took: Duration) -> String {
    let lines: Vec<&str> = report.lines().map(str::trim).collect();
    let after = |title: &str| {
        let at = lines.iter().position(|line| *line == title);
        at.and_then(|at| lines.get(at + 1)).copied().unwrap_or("-")
    };
    format!(
        "{}; {} ({:.0} s)",
        after("API Operations:"),
        after("Test cases:"),
        took.as_secs_f64()
    )
}
