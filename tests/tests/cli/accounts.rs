//! Accounts and tokens: rights given, used, taken away.

use serde_json::json;

use crate::rig::Desk;

#[test]
fn an_account_is_made_and_changes_its_password() {
    let desk = Desk::with_login();
    let create = [
        "accounts",
        "create",
        "ann@goshawk.local",
        "--new-password-file",
        "-",
    ];
    let ran = desk.run_with("first secret\n", &create).exits(0);
    let id = ran.out.trim_end();
    desk.run_with("first secret\n", &create).refused(41001);
    let listed = desk.json(&["accounts", "list", "--filter", "login=ann@goshawk.local"]);
    assert_eq!(listed[0]["account_id"], id);
    assert_eq!(listed[0]["account_type"], "user");

    let as_ann = [
        "login",
        "ann",
        "--login",
        "ann@goshawk.local",
        "--password-file",
        "-",
    ];
    let url = desk.coordinator.api.endpoints.api.clone();
    let as_ann = [&as_ann[..], &["--url", &url]].concat();
    desk.run_with("wrong\n", &as_ann).exits(4);
    desk.run_with("first secret\n", &as_ann).exits(0);
    let ann = ["--profile", "ann"];
    let change = [
        &ann[..],
        &["accounts", "password", "--new-password-file", "-"],
    ]
    .concat();
    desk.run_with("second secret\n", &change).exits(0);
    desk.run(&["--profile", "ann", "whoami"]).exits(4);
    desk.run_with("second secret\n", &as_ann).exits(0);
    desk.run(&[
        "--profile",
        "ann",
        "accounts",
        "update",
        "--description",
        "hers",
    ])
    .exits(0);
    let own = desk.json(&["--profile", "ann", "accounts", "show"]);
    assert_eq!(
        (&own["description"], &own["account_id"]),
        (&json!("hers"), &json!(id))
    );
    // The first profile is still the one in use.
    assert_eq!(desk.json(&["whoami"])["account_type"], "admin");
}

#[test]
fn a_token_may_what_it_was_granted_until_it_is_revoked() {
    let desk = Desk::with_login();
    let line = [
        "tokens",
        "create",
        "--expires",
        "1h",
        "--grant",
        "list=creation,view,modification",
    ];
    let line = [&line[..], &["--description", "for the door"]].concat();
    let made = desk.json(&line);
    let (token, id) = (
        made["token"].as_str().unwrap(),
        made["token_id"].as_str().unwrap(),
    );
    desk.run_as(token, &["lists", "create", "door"]).exits(0);
    // Without the right to see the account: lists are found all the same, streams are not.
    desk.run_as(token, &["lists", "rename", "door", "gate"])
        .exits(0);
    desk.run_as(token, &["streams", "list"]).exits(1);
    desk.run_as(token, &["faces", "list"]).refused(11059);
    let shown = desk.json(&["tokens", "show", id]);
    assert_eq!(shown["description"], "for the door");
    assert_eq!(
        shown["permissions"]["list"],
        json!(["creation", "view", "modification"])
    );
    let listed = desk.run(&["tokens", "list"]).exits(0);
    assert!(
        listed.out.contains(id) && listed.out.contains("for the door"),
        "{listed:?}"
    );

    let replace = [
        "tokens",
        "replace",
        id,
        "--expires",
        "never",
        "--grant",
        "face=view",
    ];
    let replaced = desk.json(&replace);
    let token = replaced["token"].as_str().unwrap();
    desk.run_as(token, &["faces", "list"]).exits(0);
    desk.run_as(token, &["lists", "list"]).refused(11059);
    desk.run(&["tokens", "revoke", id]).exits(0);
    desk.run_as(token, &["faces", "list"]).exits(4);
    desk.run(&["tokens", "show", id]).refused(41003);
}

#[test]
fn a_token_with_all_rights_stands_in_for_the_password() {
    let desk = Desk::with_login();
    let url = desk.coordinator.api.endpoints.api.clone();
    let login = [
        "login",
        "robot",
        "--url",
        &url,
        "--login",
        "e2e@goshawk.local",
    ];
    let login = [&login[..], &["--password-file", "-", "--token-for", "1d"]].concat();
    desk.run_with(goshawk_e2e::stack::PASSWORD, &login).exits(0);
    let robot = ["--profile", "robot"];
    let verified = desk.json(&[&robot[..], &["verify"]].concat());
    assert_eq!(verified["account_type"], "admin");
    assert!(verified["permissions"]["face"].is_array(), "{verified}");
    desk.run(&[&robot[..], &["lists", "create", "staff"]].concat())
        .exits(0);
    // And once more with the password in the body.
    assert_eq!(desk.json(&["verify"])["account_type"], "admin");
    let bad = desk.run_as("not.a.token", &["verify"]).exits(4);
    assert!(bad.err.contains("credentials_verifier"), "{bad:?}");
    desk.run_as("not.a.token", &["whoami"]).exits(4);
}
