//! `goshawk login`, and the file that it writes.

use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use crate::rig::{Answer, Goshawk, Server};

fn server() -> Server {
    Server::start(|asked| match asked.line.as_str() {
        "POST /6/tokens?grant_all_permissions=1" => {
            Answer::json(&json!({"token": "fresh.token.x", "token_id": "t"}))
        }
        "POST /6/credentials_verifier" if asked.body.contains("good.token") => {
            Answer::json(&json!({"account_type": "user"}))
        }
        // `ann@goshawk.local:secret`
        _ if asked.authorization.as_deref() == Some("Basic YW5uQGdvc2hhd2subG9jYWw6c2VjcmV0") => {
            Answer::json(&json!({"account_id": "a"}))
        }
        _ => Answer::refusal("401 Unauthorized", 11065, "Wrong"),
    })
}

const LOGIN: &[&str] = &[
    "login",
    "--login",
    "ann@goshawk.local",
    "--password-file",
    "-",
];

#[test]
fn login_writes_a_profile_that_its_owner_alone_can_read() {
    let server = server();
    let goshawk = Goshawk::new();
    let line = [LOGIN, &["--url", &server.url]].concat();
    goshawk.run_with("secret\n", &line).exits(0);
    let mode = |path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(goshawk.config()), 0o600);
    goshawk.run(&["whoami"]).exits(0);
    let listed = goshawk.run(&["profiles", "list", "--json"]).exits(0);
    let listed: serde_json::Value = serde_json::from_str(&listed.out).unwrap();
    assert_eq!(listed[0]["holds"], "password");
    assert_eq!(listed[0]["login"], "ann@goshawk.local");
}

#[test]
fn what_is_not_accepted_is_not_written() {
    let server = server();
    let goshawk = Goshawk::new();
    let line = [LOGIN, &["--url", &server.url]].concat();
    goshawk.run_with("wrong\n", &line).exits(4);
    assert!(!goshawk.config().exists());
    goshawk.run_with("secret\n", &line).exits(0);
    let before = std::fs::read_to_string(goshawk.config()).unwrap();
    goshawk.run_with("wrong\n", &line).exits(4);
    assert_eq!(std::fs::read_to_string(goshawk.config()).unwrap(), before);
}

#[test]
fn a_profile_can_hold_a_token_or_no_secret() {
    let server = server();
    let goshawk = Goshawk::new();
    let at = ["--url", &server.url];
    let holds = |name: &str, secret: &str| {
        let text = std::fs::read_to_string(goshawk.config()).unwrap();
        let part = text.split(&format!("[profiles.{name}]")).nth(1).unwrap();
        let part = part.split("[profiles.").next().unwrap();
        assert_eq!(part.contains("token ="), secret == "token", "{part}");
        assert_eq!(part.contains("password ="), secret == "password", "{part}");
    };
    let line = [LOGIN, &at, &["fresh", "--token-for", "30d"]].concat();
    goshawk.run_with("secret\n", &line).exits(0);
    holds("fresh", "token");
    let line = [LOGIN, &at, &["asked", "--forget-password"]].concat();
    goshawk.run_with("secret\n", &line).exits(0);
    holds("asked", "nothing");
    let line = [&["login", "given", "--token-file", "-"], &at[..]].concat();
    goshawk.run_with("good.token\n", &line).exits(0);
    holds("given", "token");
    goshawk.run_with("bad.token\n", &line).exits(4);
    let names = goshawk.run(&["profiles", "list", "-q"]).exits(0).out;
    assert_eq!(names.lines().count(), 3, "{names}");
}

#[test]
fn profiles_are_chosen_and_forgotten() {
    let server = server();
    let goshawk = Goshawk::new();
    for name in ["a", "b"] {
        let line = [LOGIN, &["--url", &server.url, name]].concat();
        goshawk.run_with("secret\n", &line).exits(0);
    }
    goshawk.run(&["profiles", "use", "b"]).exits(0);
    goshawk.run(&["profiles", "remove", "a"]).exits(0);
    goshawk
        .run(&["profiles", "remove", "a"])
        .exits(2)
        .says("there are: b");
    let text = std::fs::read_to_string(goshawk.config()).unwrap();
    assert!(
        text.contains("default = \"b\"") && !text.contains("profiles.a"),
        "{text}"
    );
    goshawk.run(&["whoami"]).exits(0);
}

#[test]
fn a_bad_file_is_refused_by_every_command_that_reads_it() {
    let goshawk = Goshawk::new();
    let path = goshawk.file(
        ".config/goshawk/config.toml",
        "[profiles.a]\nurl = 'http://127.0.0.1:1'",
    );
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).unwrap();
    for line in [&["whoami"][..], &["profiles", "list"], LOGIN] {
        goshawk.run(line).exits(2).says("chmod 600");
    }
    goshawk.file(".config/goshawk/config.toml", "password = hunter2");
    let ran = goshawk.run(&["whoami"]).exits(2).says("line 1");
    assert!(!ran.err.contains("hunter2"), "{ran:?}");
    goshawk.file(
        ".config/goshawk/config.toml",
        "[profiles.a]\nurl = 'x'\nurll = 'y'",
    );
    goshawk.run(&["whoami"]).exits(2).says("urll");
}
