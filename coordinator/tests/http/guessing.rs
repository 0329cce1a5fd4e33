//! `/6/credentials_verifier`, and what happens to those who guess.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Coordinator, LOGIN, PASSWORD, Reply};

async fn verify(c: &Coordinator, body: Value) -> Reply {
    let request = c.bare(Method::POST, "/6/credentials_verifier").json(&body);
    c.send("verifyCredentials", request).await
}

/// As [`verify`], for bodies that the contract does not have.
async fn verify_bad(c: &Coordinator, body: Value) -> (u16, u64) {
    let request = c.bare(Method::POST, "/6/credentials_verifier").json(&body);
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let body: Value = response.json().await.unwrap();
    (status, body["error_code"].as_u64().unwrap_or(0))
}

#[tokio::test]
async fn credentials_are_verified_in_three_forms() {
    let c = Coordinator::start().await;
    let id = c.account_id().await;
    let right = verify(&c, json!({"login": LOGIN, "password": PASSWORD})).await;
    let right = right.expect(200).body;
    assert_eq!(right, json!({"account_type": "admin", "account_id": id}));
    let named = verify(&c, json!({"account_id": id})).await.expect(200).body;
    assert_eq!(named, json!({"account_type": "admin"}));
    let body = json!({"expiration_time": null, "permissions": {"face": ["view"]}});
    let made = c.post("createToken", "/6/tokens", body).await.expect(201);
    let text = made.id("token");
    let shown = verify(&c, json!({"token": text})).await.expect(200).body;
    assert_eq!(shown["account_type"], "admin");
    assert_eq!(shown["permissions"]["face"], json!(["view"]));
    assert!(shown.get("account_id").is_none());

    let wrong = json!({"login": LOGIN, "password": "another one"});
    verify(&c, wrong).await.refused(401, 41006);
    let nobody = json!({"login": "nobody@example.com", "password": "secret"});
    verify(&c, nobody).await.refused(401, 41006);
    verify(&c, json!({"token": "x.y.z"}))
        .await
        .refused(401, 41005);
    let nobody = "7acc35cf-a3b2-4f87-8d8b-5496a2782d37";
    let missing = verify(&c, json!({"account_id": nobody}))
        .await
        .refused(401, 28001);
    assert_eq!(
        missing.detail(),
        format!("Account with id '{nobody}' not found")
    );
    c.delete("deleteToken", &made.id("url")).await.expect(204);
    verify(&c, json!({"token": text})).await.refused(401, 41005);
    c.stop().await;
}

#[tokio::test]
async fn what_is_none_of_the_three_is_refused() {
    let c = Coordinator::start().await;
    for body in [
        json!({}),
        json!([]),
        json!({"login": LOGIN}),
        json!({"password": PASSWORD}),
        json!({"login": LOGIN, "password": PASSWORD, "token": "x"}),
        json!({"token": 5}),
        json!({"token": null}),
        json!({"account_id": "x"}),
        json!({"login": "no mail", "password": PASSWORD}),
        json!({"other": 1}),
    ] {
        assert_eq!(verify_bad(&c, body.clone()).await, (400, 12002), "{body}");
    }
    let text = c
        .bare(Method::POST, "/6/credentials_verifier")
        .body("login");
    let response = text.send().await.unwrap();
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["error_code"], 12002);
    assert_eq!(body["detail"], "Request does not contain json");
    c.stop().await;
}

/// A header, the verifier and the token form share their ledgers: changing the door does not help.
#[tokio::test]
async fn who_guesses_has_to_wait_at_every_door() {
    let c = Coordinator::start().await;
    for n in 0..5 {
        let body = json!({"login": LOGIN, "password": format!("guess {n}")});
        let reply = verify(&c, body).await.refused(401, 41006);
        assert!(!reply.headers.contains_key("retry-after"), "{n}");
    }
    let right = json!({"login": LOGIN, "password": PASSWORD});
    let waits = verify(&c, right).await.refused(401, 41006);
    assert!(waits.headers.contains_key("retry-after"));
    let header = c.send("getLists", c.request(Method::GET, "/6/lists")).await;
    assert!(
        header
            .refused(401, 11065)
            .headers
            .contains_key("retry-after")
    );
    c.stop().await;
}

#[tokio::test]
async fn made_up_tokens_and_ids_lock_their_address_out() {
    let c = Coordinator::start().await;
    let known = c.post(
        "createToken",
        "/6/tokens?grant_all_permissions=1",
        json!({"expiration_time": null}),
    );
    let known = known.await.expect(201).id("token");
    let works = c
        .send("getLists", c.bearing(&known, Method::GET, "/6/lists"))
        .await;
    works.expect(200);
    for n in 0..15 {
        let text = format!("x.y.{n}");
        let reply = c
            .send("getLists", c.bearing(&text, Method::GET, "/6/lists"))
            .await;
        reply.refused(401, 11065);
        let id = uuid::Uuid::from_u128(n).to_string();
        verify(&c, json!({"account_id": id}))
            .await
            .refused(401, 28001);
    }
    let locked = c
        .send("getLists", c.bearing("x.y.z", Method::GET, "/6/lists"))
        .await;
    assert!(
        locked
            .refused(401, 11065)
            .headers
            .contains_key("retry-after")
    );
    let locked = verify(&c, json!({"token": "x.y.z"}))
        .await
        .refused(401, 41005);
    assert!(locked.headers.contains_key("retry-after"));
    let locked = verify(&c, json!({"login": "tom@example.com", "password": "abc"})).await;
    assert!(
        locked
            .refused(401, 41006)
            .headers
            .contains_key("retry-after")
    );
    // Who was right before is not held up by it.
    let known = c
        .send("getLists", c.bearing(&known, Method::GET, "/6/lists"))
        .await;
    known.expect(200);
    c.get("getLists", "/6/lists").await.expect(200);
    let page = c.bare(Method::GET, "/metrics").send().await.unwrap();
    let page = page.text().await.unwrap();
    let line = r#"auth_refused_total{shown="Token",reason="Locked"} 2"#;
    assert!(page.contains(line), "{page}");
    c.stop().await;
}
