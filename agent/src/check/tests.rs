//! What the check finds on machines that are as the test says.

use std::{os::unix::fs::PermissionsExt, path::Path};

use super::*;
use crate::config;

fn machine(dir: &Path, more: &[(&str, &str)]) -> Config {
    let state = dir.join("state").display().to_string();
    let home = dir.join("home").display().to_string();
    let mut flags = vec![
        ("state_dir".to_owned(), state),
        ("models.home".to_owned(), home),
        ("local.listen".to_owned(), "127.0.0.1:0".to_owned()),
    ];
    flags.extend(
        more.iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned())),
    );
    let (config, problems) = config::examine(None, flags);
    assert_eq!(problems, []);
    config.unwrap()
}

fn of<'a>(report: &'a Report, about: &str) -> Vec<(&'a Verdict, &'a str)> {
    let about = report.findings().iter().filter(|one| one.about == about);
    about.map(|one| (&one.verdict, one.text.as_str())).collect()
}

#[test]
fn everything_that_is_missing_is_told_at_once_and_nothing_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let report = look(&machine(dir.path(), &[]));
    assert!(!report.is_right());
    assert!(
        matches!(of(&report, "state_dir")[..], [(Verdict::Right, text)] if text.contains("will be made"))
    );
    assert!(
        matches!(of(&report, "identity")[..], [(Verdict::Wrong, text)] if text.contains("join-token"))
    );
    assert!(matches!(of(&report, "models")[..], [(Verdict::Wrong, _)]));
    assert!(matches!(of(&report, "streams")[..], [(Verdict::Right, _)]));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    let text = report.to_string();
    assert!(text.contains("WRONG  identity: "), "{text}");
    assert!(
        text.ends_with("2 wrong, 0 in doubt\n") || text.contains("2 wrong,"),
        "{text}"
    );
}

#[test]
fn folders_and_files_that_are_not_as_they_should_be_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    std::fs::create_dir(&state).unwrap();
    std::fs::set_permissions(&state, PermissionsExt::from_mode(0o755)).unwrap();
    std::fs::write(state.join("assignments.json"), "{\"revision\": hunter2").unwrap();
    let token = dir.path().join("token");
    std::fs::write(&token, "0123456789abcdef").unwrap();
    std::fs::set_permissions(&token, PermissionsExt::from_mode(0o644)).unwrap();
    let more = [
        ("local.token_file", token.to_str().unwrap()),
        ("outbox.min_free", "1000TiB"),
        ("coordinator.join_token", "hunter2"),
    ];
    let report = look(&machine(dir.path(), &more));
    let doubtful = |about| matches!(of(&report, about)[..], [(Verdict::Doubtful, _)]);
    assert!(doubtful("state_dir") && doubtful("streams") && doubtful("local.token_file"));
    assert!(matches!(of(&report, "outbox")[..], [(Verdict::Wrong, _)]));
    assert!(matches!(of(&report, "identity")[..], [(Verdict::Wrong, _)]));
    assert!(!report.to_string().contains("hunter2"), "{report}");
}

#[test]
fn a_file_in_the_place_of_the_folder_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("state"), "").unwrap();
    let report = look(&machine(dir.path(), &[]));
    assert!(
        matches!(of(&report, "state_dir")[..], [(Verdict::Wrong, text)] if text.contains("no folder"))
    );
}
