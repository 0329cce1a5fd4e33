//! Tables, JSON, pages, and a reader who has had enough.

use std::process::Stdio;

use serde_json::{Value, json};

use crate::rig::{Answer, Asked, Goshawk, Server};

/// A coordinator with so many lists.
fn lists(count: usize) -> Server {
    Server::start(move |asked| Answer::json(&json!({"lists": page(asked, count)})))
}

fn page(asked: &Asked, count: usize) -> Vec<Value> {
    let number = |name: &str| -> usize {
        let from = asked.line.split(['?', '&']);
        let found = from.filter_map(|part| part.split_once('='));
        let value = found.clone().find(|(key, _)| *key == name).unwrap().1;
        value.parse().unwrap()
    };
    let (page, size) = (number("page"), number("page_size"));
    let rows = (0..count).skip((page - 1) * size).take(size);
    rows.map(|at| json!({"list_id": format!("id-{at}"), "user_data": "a\u{1b}[2Jb"}))
        .collect()
}

#[test]
fn pages_follow_one_another_up_to_the_limit() {
    let server = lists(250);
    let goshawk = Goshawk::at(&server);
    for (limit, shown, noted) in [
        (&["--limit", "0"][..], 250, false),
        (&["--limit", "250"], 250, false),
        (&["--limit", "7"], 7, true),
        (&[], 100, true),
    ] {
        let line = [&["lists", "list", "-o", "jsonl"], limit].concat();
        let ran = goshawk.run(&line).exits(0);
        assert_eq!(ran.out.lines().count(), shown, "{limit:?}");
        assert_eq!(ran.err.contains("--limit"), noted, "{limit:?} {}", ran.err);
    }
}

#[test]
fn what_moves_to_the_next_page_meanwhile_is_shown_once() {
    // Between two questions two lists are made, and the newest come first.
    let made = std::sync::atomic::AtomicUsize::new(0);
    let server = Server::start(move |asked| {
        let new = made.fetch_add(2, std::sync::atomic::Ordering::Relaxed);
        let all: Vec<usize> = (0..150 + new).rev().collect();
        let second = asked.line.contains("page=2");
        let rows = all.iter().skip(if second { 100 } else { 0 }).take(100);
        let rows: Vec<Value> = rows.map(|at| json!({"list_id": at})).collect();
        Answer::json(&json!({"lists": rows}))
    });
    let line = ["lists", "list", "--limit", "0", "-q"];
    let ran = Goshawk::at(&server).run(&line).exits(0);
    let mut ids: Vec<&str> = ran.out.lines().map(str::trim_end).collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((count, ids.len()), (150, 150));
}

#[test]
fn each_format_is_what_it_says() {
    let server = lists(3);
    let goshawk = Goshawk::at(&server);
    let json = goshawk.run(&["lists", "list", "--json"]).exits(0).out;
    let found: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(found.as_array().unwrap().len(), 3);
    assert_eq!(found[2]["list_id"], "id-2");
    let lines = goshawk.run(&["lists", "list", "-o", "jsonl"]).exits(0).out;
    for line in lines.lines() {
        serde_json::from_str::<Value>(line).unwrap();
    }
    let table = goshawk.run(&["lists", "list"]).exits(0).out;
    assert!(table.starts_with("LIST ID  NAME"), "{table}");
    assert!(!table.contains('\u{1b}'), "control characters stay out");
    let quiet = goshawk.run(&["lists", "list", "-q"]).exits(0);
    assert!(
        quiet.out.starts_with("id-0") && quiet.err.is_empty(),
        "{quiet:?}"
    );
}

#[test]
fn nothing_is_an_empty_array_or_a_word_to_people() {
    let server = lists(0);
    let goshawk = Goshawk::at(&server);
    assert_eq!(
        goshawk.run(&["lists", "list", "--json"]).exits(0).out,
        "[]\n"
    );
    assert_eq!(
        goshawk.run(&["lists", "list", "-o", "jsonl"]).exits(0).out,
        ""
    );
    let ran = goshawk
        .run(&["lists", "list"])
        .exits(0)
        .says("nothing found");
    assert_eq!(ran.out, "");
}

#[test]
fn what_is_made_is_its_id_on_a_line() {
    let server = Server::start(|_| Answer::json(&json!({"list_id": "new", "url": "/6/lists/new"})));
    let goshawk = Goshawk::at(&server);
    assert_eq!(
        goshawk.run(&["lists", "create", "staff"]).exits(0).out,
        "new\n"
    );
    assert_eq!(server.asked()[0].body, r#"{"user_data":"staff"}"#);
    let json = goshawk
        .run(&["lists", "create", "staff", "--json"])
        .exits(0)
        .out;
    assert_eq!(
        serde_json::from_str::<Value>(&json).unwrap()["url"],
        "/6/lists/new"
    );
}

#[test]
fn a_reader_who_has_had_enough_is_no_error() {
    let server = lists(100_000);
    let goshawk = Goshawk::at(&server);
    let mut command = goshawk.command(&["lists", "list", "--limit", "0"]);
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&ended.stderr), "");
    assert!(server.asked().len() < 100);
}

#[test]
fn completions_and_pages_name_every_command() {
    let goshawk = Goshawk::new();
    for shell in ["bash", "zsh", "fish"] {
        let text = goshawk.run(&["completions", shell]).exits(0).out;
        for command in ["tokens", "handlers", "login", "revoke"] {
            assert!(text.contains(command), "{command} in {shell}");
        }
    }
    goshawk.run(&["man", "pages"]).exits(0);
    let page = std::fs::read_to_string(goshawk.home.path().join("pages/goshawk-tokens-create.1"));
    assert!(page.unwrap().contains("expires"));
    let main = std::fs::read_to_string(goshawk.home.path().join("pages/goshawk.1")).unwrap();
    assert!(
        main.contains("GOSHAWK_TOKEN") && main.contains("Exit codes"),
        "{main}"
    );
}

#[test]
fn every_command_explains_itself() {
    let goshawk = Goshawk::new();
    for command in [
        "login",
        "profiles",
        "verify",
        "accounts",
        "tokens",
        "lists",
        "faces",
        "handlers",
        "streams",
        "agents",
        "events",
        "dead-letters",
        "match",
        "service",
        "spec",
        "man",
        "demo",
    ] {
        let ran = goshawk.run(&[command, "--help"]).exits(0);
        assert!(ran.out.contains("Usage:"), "{ran:?}");
    }
}
