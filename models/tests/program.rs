//! `goshawk-models` as a program: what it lists, and readers that do not read to the end.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

#[expect(dead_code, reason = "not all of what tests share is needed here")]
#[path = "home/pack.rs"]
mod pack;

use std::{
    path::Path,
    process::{Command, Stdio},
};

use goshawk_models::{Estimation, manifest::Role};

fn program(home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_goshawk-models"));
    command.arg("--home").arg(home).args(arguments);
    command
}

fn printed(home: &Path, arguments: &[&str]) -> String {
    let output = program(home, arguments).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_reader_that_stops_is_no_failure() {
    let home = tempfile::tempdir().unwrap();
    for arguments in [&["list"][..], &["install", "recommended", "--list"]] {
        let mut child = program(home.path(), arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Long before the program has started.
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {errors}");
        assert_eq!(errors, "", "{arguments:?}");
    }
}

#[test]
fn an_empty_home_lists_what_would_be_and_what_is_missing() {
    let home = tempfile::tempdir().unwrap();
    let text = printed(home.path(), &["list"]);
    for role in Role::ALL {
        let begin = format!("{role}: ");
        assert!(
            text.lines().any(|l| l.starts_with(&begin)),
            "{role}: {text}"
        );
    }
    assert!(text.contains("blazeface.onnx is missing"), "{text}");
    assert!(text.contains("Nothing is installed"), "{text}");
    let missing = "body-descriptor: which person it is, by looks; MISSING: `goshawk-models install recommended youtureid`";
    assert!(text.contains(missing), "{text}");
}

#[test]
fn an_installed_home_tells_where_each_estimation_comes_from() {
    let Some(home) = pack::home() else { return };
    let text = printed(&home, &["list"]);
    for estimation in Estimation::ALL {
        let begin = format!("  {} ", estimation.name());
        assert!(
            text.lines().any(|l| l.starts_with(&begin)),
            "{begin}: {text}"
        );
    }
    for part in [
        "  head-pose         formula over facemesh: ",
        "  deepfake          MISSING: needs a model of deepfake",
        "    version  46 of 1024 values; sha256 ",
        "    licence  MIT; commercial use not checked",
        "    measured gender: ",
    ] {
        assert!(text.contains(part), "{part:?} is missing in {text}");
    }
}
