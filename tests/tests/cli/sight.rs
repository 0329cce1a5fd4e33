//! Handlers, events, streams and agents.

use goshawk_e2e::stack::enrolled_picture;
use reqwest::Method;
use serde_json::{Value, json};

use crate::rig::{Desk, Running};

const HANDLER: &str = r#"
description = "door"

[policies.detect_policy]
detect_face = 1

[policies.extract_policy]
extract_face_descriptor = 1

[policies.storage_policy.event_policy]
store_event = 1
"#;

#[test]
fn handlers_are_written_in_files() {
    let desk = Desk::with_login();
    desk.file("door.toml", HANDLER);
    desk.run(&["handlers", "validate", "door.toml"]).exits(0);
    let id = desk.line(&["handlers", "create", "door.toml"]);
    let mut handler = desk.json(&["handlers", "show", &id]);
    assert_eq!(handler["description"], "door");
    assert_eq!(desk.line(&["handlers", "count"]), "1");

    let fields = handler.as_object_mut().unwrap();
    fields.retain(|name, _| ["description", "policies"].contains(&name.as_str()));
    fields.insert("description".to_owned(), json!("gate"));
    desk.file("gate.json", handler.to_string());
    desk.run(&["handlers", "replace", &id, "gate.json"])
        .exits(0);
    let listed = desk.run(&["handlers", "list", "-q"]).exits(0);
    assert!(
        listed.out.starts_with(&id) && listed.out.contains("gate"),
        "{listed:?}"
    );

    desk.file(
        "bad.toml",
        HANDLER.replace("detect_face = 1", "detect_face = 7"),
    );
    let ran = desk.run(&["handlers", "validate", "bad.toml"]).exits(1);
    assert!(ran.err.contains("detect_face"), "{ran:?}");
    desk.run(&["handlers", "delete", &id]).exits(0);
    desk.run(&["handlers", "show", &id]).exits(1);
}

/// Makes an event from a picture; what the answer has to look like is for other tests to say.
fn event(desk: &Desk, handler: &str, picture: Vec<u8>) -> Value {
    let path = format!("/6/handlers/{handler}/events");
    let request = desk.coordinator.api.request(Method::POST, &path);
    let request = request.header("Content-Type", "image/jpeg").body(picture);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let sent = async { request.send().await?.json().await };
    runtime.block_on(sent).unwrap()
}

#[test]
fn events_are_followed_listed_and_shown() {
    let desk = Desk::with_login();
    let Ok(picture) = enrolled_picture(&desk.models) else {
        return;
    };
    desk.file("door.toml", HANDLER);
    let handler = desk.line(&["handlers", "create", "door.toml"]);
    let tail = desk.command(&["events", "tail", "--count", "1", "-o", "jsonl"]);
    let mut tail = Running::start(tail, "waiting for events");
    let made = event(&desk, &handler, picture);
    let id = made["events"][0]["event_id"].as_str().unwrap();

    let seen = tail.json();
    let event = seen.get("event").unwrap_or(&seen);
    assert_eq!(event["event_id"], id);
    assert_eq!(tail.end(), Some(0));
    let listed = desk.json(&["events", "list", "--since", "1h", "--handler", &handler]);
    assert_eq!(listed[0]["event_id"], id);
    let none = desk.json(&["events", "list", "--until", "1h"]);
    assert_eq!(none, json!([]));
    assert_eq!(desk.json(&["events", "show", id])["event_id"], id);
}

#[test]
fn streams_are_added_paused_and_removed() {
    let desk = Desk::with_login();
    let address = "rtsp://ann:hunter2@192.0.2.1/live";
    let line = ["streams", "add", "-", "--name", "door", "--list", "staff"];
    let ran = desk.run_with(&format!("{address}\n"), &line).exits(0);
    let id = ran.out.trim_end();
    let listed = desk.run(&["streams", "list"]).exits(0);
    assert!(
        listed.out.contains(id) && !listed.out.contains("hunter2"),
        "{listed:?}"
    );
    for (command, status) in [
        ("pause", "pause"),
        ("resume", "pending"),
        ("cancel", "cancel"),
    ] {
        desk.run(&["streams", command, id]).exits(0);
        assert_eq!(desk.json(&["streams", "show", id])["status"], status);
    }
    desk.run(&["streams", "describe", id, "the front door"])
        .exits(0);
    let shown: Value = desk.json(&["streams", "show", id]);
    assert_eq!(shown["description"], "the front door");
    assert_eq!(desk.line(&["streams", "count"]), "1");
    desk.run(&["streams", "remove", id]).exits(0);
    desk.run(&["streams", "show", id]).exits(1);
}

#[test]
fn agents_are_invited() {
    let desk = Desk::with_login();
    let token = desk.line(&[
        "agents",
        "join-token",
        "--label",
        "gate",
        "--valid-for",
        "60",
    ]);
    assert!(token.starts_with("goshawk1."), "{token}");
    let tokens = desk.json(&["agents", "join-tokens"]);
    assert_eq!(tokens[0]["label"], "gate");
    assert_eq!(desk.json(&["agents", "list"]), json!([]));
    let nobody = "7acc35cf-a3b2-4f87-8d8b-5496a2782d37";
    desk.run(&["agents", "revoke", nobody]).exits(1);
    assert_eq!(desk.json(&["dead-letters", "list"]), json!([]));
    let retried = desk.json(&["dead-letters", "retry", "--all"]);
    assert_eq!(retried, json!({"retried": 0}));
    desk.run(&["dead-letters", "drop", "7"]).refused(12013);
}
