//! Lists and faces: made, found, changed, exported, matched, deleted.

use goshawk_e2e::stack::enrolled_picture;
use serde_json::{Value, json};

use crate::rig::Desk;

const NOBODY: &str = "7acc35cf-a3b2-4f87-8d8b-5496a2782d37";

#[test]
fn lists_are_made_renamed_and_deleted_by_name_or_id() {
    let desk = Desk::with_login();
    let id = desk.line(&["lists", "create", "staff"]);
    assert_eq!(desk.json(&["lists", "show", "staff"])["list_id"], *id);
    assert_eq!(desk.json(&["lists", "show", &id])["faces_count"], 0);
    desk.run(&["lists", "rename", "staff", "people"]).exits(0);
    desk.run(&["lists", "show", "staff"]).exits(1);
    // Two of one name are told apart by their ids only.
    let second = desk.line(&["lists", "create", "people"]);
    let ran = desk.run(&["lists", "delete", "people"]).exits(1);
    assert!(
        ran.err.contains(&id) && ran.err.contains(&second),
        "{ran:?}"
    );
    desk.run(&["lists", "delete", &second]).exits(0);
    let left = desk.json(&["lists", "list"]);
    assert_eq!(left.as_array().unwrap().len(), 1);
    desk.run(&["lists", "delete", NOBODY]).exits(1);
}

#[test]
fn collections_of_several_pages_are_listed_whole() {
    let desk = Desk::with_login();
    for name in 0..105 {
        let body = json!({"user_data": format!("list {name}")});
        let api = desk.coordinator.api.clone();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(api.post("/6/lists", &body)).unwrap();
    }
    let names = desk
        .run(&["lists", "list", "--limit", "0", "-o", "jsonl"])
        .exits(0);
    let mut ids: Vec<String> = names
        .out
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["list_id"].to_string())
        .collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 105);
    let first = desk.run(&["lists", "list"]).exits(0);
    assert_eq!(first.out.lines().count(), 101, "titles and a hundred");
    assert!(first.err.contains("--limit"), "{first:?}");
    desk.run(&["lists", "show", "list 104"]).exits(0);
}

#[test]
fn a_folder_of_pictures_becomes_people() {
    let desk = Desk::with_login();
    let Ok(picture) = enrolled_picture(&desk.models) else {
        return;
    };
    std::fs::create_dir(desk.folder().join("people")).unwrap();
    desk.file("people/Eileen_Collins.jpg", &picture);
    desk.file("people/torn.jpg", b"no picture");
    let import = ["faces", "import", "people", "--list", "staff"];
    let ran = desk.run(&import).exits(1);
    assert!(
        ran.out.starts_with("1 imported, 0 already there, 1 failed"),
        "{ran:?}"
    );
    assert!(ran.err.contains("torn.jpg"), "{ran:?}");
    std::fs::remove_file(desk.folder().join("people/torn.jpg")).unwrap();
    let again = desk.json(&import);
    assert_eq!(
        (&again["imported"], &again["skipped"]),
        (&json!(0), &json!(1))
    );

    let faces = desk.json(&["faces", "list", "--list", "staff"]);
    let id = faces[0]["face_id"].as_str().unwrap();
    assert_eq!(faces[0]["user_data"], "Eileen Collins");
    desk.run(&[
        "faces",
        "update",
        id,
        "--name",
        "E. Collins",
        "--external-id",
        "7",
    ])
    .exits(0);
    let face = desk.json(&["faces", "show", id]);
    assert_eq!(
        (&face["user_data"], &face["external_id"]),
        (&json!("E. Collins"), &json!("7"))
    );
    assert_eq!(desk.line(&["faces", "count", "--external-id", "7"]), "1");

    let found = desk.json(&[
        "match",
        "--picture",
        "people/Eileen_Collins.jpg",
        "--list",
        "staff",
    ]);
    let best = &found[0]["matches"][0]["result"][0];
    assert_eq!(best["face"]["face_id"], id);
    let table = desk.run(&["match", "--face", id, "--all-faces"]).exits(0);
    assert!(table.out.contains("E. Collins"), "{table:?}");

    desk.run(&["faces", "export", "faces.jsonl"]).exits(0);
    let exported = std::fs::read_to_string(desk.folder().join("faces.jsonl")).unwrap();
    let exported: Value = serde_json::from_str(&exported).unwrap();
    assert_eq!(exported["face_id"], id);

    desk.run(&["lists", "detach", "staff", id]).exits(0);
    assert_eq!(desk.line(&["faces", "count", "--list", "staff"]), "0");
    desk.run(&["lists", "attach", "staff", id]).exits(0);
    assert_eq!(desk.line(&["faces", "count", "--list", "staff"]), "1");
    desk.run(&["faces", "delete", id]).exits(0);
    desk.run(&["faces", "show", id]).refused(22002);
}
