//! Where credentials come from, and where they do not go.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;

use crate::rig::{Answer, Goshawk, Server};

fn account() -> Server {
    Server::start(|_| Answer::json(&json!({"account_id": "a", "login": "l"})))
}

fn basic(login: &str, password: &str) -> Option<String> {
    let pair = STANDARD.encode(format!("{login}:{password}"));
    Some(format!("Basic {pair}"))
}

fn sent(server: &Server) -> Option<String> {
    server.asked().pop().unwrap().authorization
}

fn profile(server: &Server) -> String {
    format!(
        "[profiles.home]\nurl = '{}'\nlogin = 'home@goshawk.local'\npassword = 'home-secret'\n",
        server.url
    )
}

#[test]
fn without_credentials_it_ends_with_4_and_asks_nobody() {
    let server = account();
    let goshawk = Goshawk::new().set("GOSHAWK_URL", &server.url);
    goshawk.run(&["whoami"]).exits(4).says("goshawk login");
    // A login alone needs a terminal to ask for the password on.
    let ran = goshawk.run(&["--login", "ann@goshawk.local", "whoami"]);
    ran.exits(4).says("no terminal");
    assert!(server.asked().is_empty());
    // What is open to everybody needs none.
    goshawk.run(&["service", "version"]).exits(0);
    assert_eq!(sent(&server), None);
}

#[test]
fn they_come_from_flags_environment_and_profile_in_this_order() {
    let server = account();
    let goshawk = Goshawk::at(&server);
    goshawk.file(".config/goshawk/config.toml", &profile(&server));
    goshawk.file("password", "flag-secret\nsecond line\n");
    goshawk.run(&["whoami"]).exits(0);
    assert_eq!(sent(&server), basic("env@goshawk.local", "env-secret"));
    let flags = [
        "--login",
        "flag@goshawk.local",
        "--password-file",
        "password",
    ];
    goshawk.run(&[&flags[..], &["whoami"]].concat()).exits(0);
    assert_eq!(sent(&server), basic("flag@goshawk.local", "flag-secret"));
    goshawk.run(&["--profile", "home", "whoami"]).exits(0);
    assert_eq!(sent(&server), basic("home@goshawk.local", "home-secret"));
}

#[test]
fn a_profile_alone_is_enough_when_it_is_the_default() {
    let server = account();
    let goshawk = Goshawk::new();
    let text = format!("default = 'home'\n{}", profile(&server));
    goshawk.file(".config/goshawk/config.toml", &text);
    goshawk.run(&["whoami"]).exits(0);
    assert_eq!(sent(&server), basic("home@goshawk.local", "home-secret"));
}

#[test]
fn a_profile_is_not_shown_to_another_address() {
    let (server, other) = (account(), account());
    let goshawk = Goshawk::new();
    let text = format!("default = 'home'\n{}", profile(&server));
    goshawk.file(".config/goshawk/config.toml", &text);
    let ran = goshawk.run(&["--url", &other.url, "whoami"]).exits(4);
    assert!(ran.err.contains("profile `home` is for"), "{ran:?}");
    assert!(other.asked().is_empty());
}

#[test]
fn tokens_and_passwords_come_from_files_and_standard_input() {
    let server = account();
    let goshawk = Goshawk::new().set("GOSHAWK_URL", &server.url);
    goshawk.file("token", "abc.def.ghi\n");
    goshawk.run(&["--token-file", "token", "whoami"]).exits(0);
    assert_eq!(sent(&server).as_deref(), Some("Bearer abc.def.ghi"));
    let line = [
        "--login",
        "ann@goshawk.local",
        "--password-file",
        "-",
        "whoami",
    ];
    goshawk.run_with("pass:word\n", &line).exits(0);
    assert_eq!(sent(&server), basic("ann@goshawk.local", "pass:word"));
    let goshawk = goshawk.set("GOSHAWK_TOKEN", "from.the.environment");
    goshawk.run(&["whoami"]).exits(0);
    assert_eq!(
        sent(&server).as_deref(),
        Some("Bearer from.the.environment")
    );
}

#[test]
fn plain_http_to_another_machine_is_refused_before_anything_is_asked() {
    // TEST-NET-1: nobody answers there.
    let goshawk = Goshawk::new()
        .set("GOSHAWK_URL", "http://192.0.2.1:5000")
        .set("GOSHAWK_TOKEN", "t");
    goshawk.run(&["whoami"]).exits(2).says("--insecure-http");
    let login = ["login", "--login", "ann@goshawk.local"];
    goshawk.run(&login).exits(2).says("--insecure-http");
}

#[test]
fn the_streams_service_is_shown_no_password() {
    let api = account();
    let streams = Server::start(|_| Answer::json(&json!({"streams": []})));
    let goshawk = Goshawk::at(&api).set("GOSHAWK_STREAMS_URL", &streams.url);
    goshawk.run(&["streams", "list"]).exits(0);
    let asked = streams.asked().pop().unwrap();
    assert_eq!(asked.authorization, None);
    assert!(asked.line.contains("account_id=a"), "{asked:?}");
}

#[test]
fn verifying_sends_the_credentials_in_the_body() {
    let server = Server::start(|_| Answer::json(&json!({"account_type": "user"})));
    Goshawk::at(&server).run(&["verify"]).exits(0);
    let asked = server.asked().pop().unwrap();
    assert_eq!(asked.line, "POST /6/credentials_verifier");
    let body: serde_json::Value = serde_json::from_str(&asked.body).unwrap();
    assert_eq!(
        body,
        json!({"login": "env@goshawk.local", "password": "env-secret"})
    );
}
