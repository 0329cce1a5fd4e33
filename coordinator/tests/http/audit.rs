//! What the audit log says of changes and refusals, and what it never says.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    harness::{Coordinator, PASSWORD},
    hostile::talk,
};

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

/// The lines of a log, once the coordinator has been restarted: then all are written.
async fn restarted(c: Coordinator, name: &str) -> (Coordinator, Vec<Value>) {
    let path = c.data_dir().join("audit").join(name);
    let c = c.restart().await;
    let log = std::fs::read_to_string(path).unwrap();
    assert!(!log.contains(PASSWORD) && !log.contains("eyJ"));
    let lines = log.lines().map(|line| serde_json::from_str(line).unwrap());
    let lines = lines.collect();
    (c, lines)
}

#[tokio::test]
async fn who_was_turned_away_is_written_down() {
    let c = Coordinator::start().await;
    let account = c.account_id().await;
    let body = json!({"expiration_time": null, "permissions": {"face": ["view"]}});
    let made = c.post("createToken", "/6/tokens", body).await.expect(201);
    let (token_id, text) = (made.id("token_id"), made.id("token"));

    // No credentials, wrong ones, and what is none.
    c.send("getLists", c.bare(Method::GET, "/6/lists"))
        .await
        .expect(403);
    let wrong = c.bare(Method::GET, "/6/lists");
    let wrong = wrong.basic_auth("mia@example.com", Some("a guess"));
    c.send("getLists", wrong).await.expect(401);
    let slip = c.bare(Method::GET, "/6/lists");
    let slip = slip.basic_auth("a password in the wrong place", Some(""));
    c.send("getLists", slip).await.expect(401);
    let odd = c
        .bare(Method::GET, "/6/lists")
        .header("Authorization", "Basic %");
    c.send("getLists", odd).await.expect(401);
    // A token that may not, and one that is none any more.
    let list = "/6/lists/7acc35cf-a3b2-4f87-8d8b-5496a2782d37";
    c.send("", c.bearing(&text, Method::DELETE, list))
        .await
        .refused(403, 11059);
    c.send("", c.bearing(&text, Method::GET, "/goshawk/1/agents"))
        .await
        .expect(403);
    c.delete("deleteToken", &made.id("url")).await.expect(204);
    c.send("", c.bearing(&text, Method::GET, "/6/faces"))
        .await
        .expect(401);
    // In the operation itself.
    let login = c.bare(Method::POST, "/6/login");
    let login = login.basic_auth("tom@example.com", Some("a guess"));
    c.send("", login).await.expect(401);
    let page = c.bare(Method::GET, "/metrics").send().await.unwrap();
    let page = page.text().await.unwrap();
    for (shown, reason, count) in [
        ("Nothing", "Missing", 1),
        ("Password", "Wrong", 3),
        ("Password", "Malformed", 1),
        ("Token", "Forbidden", 2),
        ("Token", "Revoked", 1),
    ] {
        let line = format!("auth_refused_total{{shown=\"{shown}\",reason=\"{reason}\"}} {count}");
        assert!(page.contains(&line), "{line} in {page}");
    }

    let (c, lines) = restarted(c, "refused.jsonl").await;
    let told: Vec<_> = lines
        .iter()
        .map(|line| {
            (
                line["route"].as_str().unwrap(),
                line["status"].as_u64().unwrap(),
            )
        })
        .collect();
    let wanted = [
        ("/6/lists", 403),
        ("/6/lists", 401),
        ("/6/lists", 401),
        ("/6/lists", 401),
        ("/6/lists/{list_id}", 403),
        ("/goshawk/1/agents", 403),
        ("/6/faces", 401),
        ("/6/login", 401),
    ];
    assert_eq!(told, wanted);
    assert_eq!(lines[0].get("claimed"), None);
    assert_eq!(lines[1]["claimed"], json!({"login": "mia@example.com"}));
    assert_eq!(lines[1]["account_id"], Value::Null);
    assert_eq!(lines[1]["error_code"], 11065);
    assert_eq!(lines[1]["peer"], "127.0.0.1");
    assert_eq!(lines[1]["operation"], "getLists");
    assert_eq!(lines[2]["claimed"], "unreadable");
    assert_eq!(lines[3]["claimed"], "unreadable");
    // Who was known is named as such, and no claim.
    assert_eq!(
        (&lines[4]["account_id"], &lines[4]["token_id"]),
        (&json!(account), &json!(token_id))
    );
    assert_eq!(lines[4].get("claimed"), None);
    assert_eq!(lines[6]["claimed"]["token"]["token_id"], token_id);
    assert_eq!(lines[7]["claimed"], json!({"login": "tom@example.com"}));
    c.stop().await;
}

#[tokio::test]
async fn a_flood_of_guesses_stays_bounded_and_out_of_the_changes() {
    use goshawk_coordinator::audit::flood;
    const GUESSES: u64 = 200;
    let c = Coordinator::start().await;
    // Who was right from here before is not held up.
    c.account_id().await;
    for n in 0..GUESSES {
        let guess = c.bare(Method::GET, "/6/lists");
        let guess = guess.bearer_auth(format!("x.y.{n}"));
        assert_eq!(guess.send().await.unwrap().status(), 401);
    }
    let body = json!({"user_data": "after the flood"});
    c.post("createList", "/6/lists", body).await.expect(201);
    let page = c.bare(Method::GET, "/metrics").send().await.unwrap();
    let page = page.text().await.unwrap();
    let kept = u64::from(flood::MOST_OF_ONE);
    let left_out = GUESSES - kept;
    assert!(
        page.contains(&format!("audit_left_out_total {left_out}")),
        "{page}"
    );
    let (c, changes) = restarted(c, "audit.jsonl").await;
    assert_eq!(changes.len(), 1);
    let (c, refusals) = restarted(c, "refused.jsonl").await;
    let told: u64 = refusals
        .iter()
        .filter_map(|line| line["left_out"].as_u64())
        .sum();
    assert_eq!(told, left_out);
    let written = refusals.iter().filter(|line| line["status"] == 401);
    assert_eq!(written.count() as u64, kept);
    assert!(
        refusals.iter().any(|line| line["retry_after_s"].is_u64()),
        "it was locked out"
    );
    c.stop().await;
}

#[tokio::test]
async fn web_pages_that_were_turned_away_are_written_down() {
    let c = Coordinator::start().await;
    let head = "GET /version HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: http://evil.example\r\n";
    let request = format!("{head}Connection: close\r\n\r\n");
    let answer = talk(&c.handlers, request.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    let (c, lines) = restarted(c, "refused.jsonl").await;
    assert_eq!(lines.len(), 1, "{lines:?}");
    let line = &lines[0];
    assert_eq!(
        (&line["status"], &line["error_code"], &line["peer"]),
        (&json!(403), &json!(11064), &json!("127.0.0.1"))
    );
    assert_eq!(line["route"], "(unknown)");
    c.stop().await;
}
