//! What the audit log says of changes, and what it never says.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Coordinator, PASSWORD};

#[tokio::test]
async fn changes_are_written_down_without_secrets() {
    let c = Coordinator::start().await;
    let account = c.account_id().await;
    let body = json!({"expiration_time": null, "permissions": {"list": ["creation"]}});
    let made = c.post("createToken", "/6/tokens", body).await.expect(201);
    let (token_id, text) = (made.id("token_id"), made.id("token"));
    let request_id = "1536751345,8b8b5937-2e9c-4e8b-a7a7-5caf86621b5a";
    let request = c
        .bearing(&text, Method::POST, "/6/lists")
        .header("Luna-Request-Id", request_id)
        .json(&json!({"user_data": "whose face this is"}));
    let list = c
        .send("createList", request)
        .await
        .expect(201)
        .id("list_id");
    c.delete("deleteToken", &made.id("url")).await.expect(204);
    c.delete("deleteToken", &made.id("url"))
        .await
        .refused(404, 41003);
    c.get("getLists", "/6/lists").await.expect(200);
    let path = c.data_dir().join("audit/audit.jsonl");
    let c = c.restart().await;
    let log = std::fs::read_to_string(path).unwrap();
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let told: Vec<_> = lines
        .iter()
        .map(|line| {
            (
                line["operation"].as_str().unwrap(),
                line["status"].as_u64().unwrap(),
            )
        })
        .collect();
    let wanted = [
        ("createToken", 201),
        ("createList", 201),
        ("deleteToken", 204),
        ("deleteToken", 404),
    ];
    assert_eq!(told, wanted);
    assert!(lines.iter().all(|line| line["account_id"] == account));
    assert_eq!(
        (&lines[0]["object"], &lines[0]["token_id"]),
        (&json!(token_id), &Value::Null)
    );
    assert_eq!(lines[1]["object"], list);
    assert_eq!(lines[1]["token_id"], token_id);
    assert_eq!(lines[1]["request_id"], request_id);
    assert_eq!(lines[1]["peer"], "127.0.0.1");
    assert_eq!(
        (&lines[2]["object"], &lines[3]["error_code"]),
        (&json!(token_id), &json!(41003))
    );
    for secret in [PASSWORD, &text, "whose face", "eyJ"] {
        assert!(!log.contains(secret));
    }
    c.stop().await;
}
