//! Tokens that are none: everything is answered alike, and nothing gets through.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::Coordinator;

async fn granted(c: &Coordinator) -> String {
    let path = "/6/tokens?grant_all_permissions=1";
    let made = c
        .post("createToken", path, json!({"expiration_time": null}))
        .await;
    made.expect(201).id("token")
}

fn decoded(part: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

fn encoded(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

/// Another coordinator's key under our key's name.
async fn of_others(ours: &str) -> String {
    let c = Coordinator::start().await;
    let text = granted(&c).await;
    c.stop().await;
    let (mine, theirs): (Vec<_>, Vec<_>) = (ours.split('.').collect(), text.split('.').collect());
    format!("{}.{}.{}", mine[0], mine[1], theirs[2])
}

#[tokio::test]
async fn forged_tokens_are_refused() {
    let c = Coordinator::start().await;
    let text = granted(&c).await;
    let parts: Vec<_> = text.split('.').collect();
    let [header, claims, signature] = parts[..] else {
        panic!("{text}");
    };
    let with_header = |change: Value| {
        let mut forged = decoded(header);
        for (name, value) in change.as_object().unwrap() {
            forged[name] = value.clone();
        }
        encoded(&forged)
    };
    let with_claim = |name: &str, value: Value| {
        let mut forged = decoded(claims);
        forged[name] = value;
        format!("{header}.{}.{signature}", encoded(&forged))
    };
    let none = with_header(json!({"alg": "none"}));
    let symmetric = with_header(json!({"alg": "HS256"}));
    let stranger = with_header(json!({"kid": "7acc35cf-a3b2-4f87-8d8b-5496a2782d37"}));
    let path = with_header(json!({"kid": "../../../dev/null"}));
    let foreign = of_others(&text).await;
    let forged = [
        format!("{none}.{claims}."),
        format!("{none}.{claims}.{signature}"),
        format!("{symmetric}.{claims}.{signature}"),
        format!("{stranger}.{claims}.{signature}"),
        format!("{path}.{claims}.{signature}"),
        foreign,
        with_claim("account_id", json!("7acc35cf-a3b2-4f87-8d8b-5496a2782d37")),
        with_claim("token_id", json!("7acc35cf-a3b2-4f87-8d8b-5496a2782d37")),
        with_claim("visibility_area", json!("all ")),
        with_claim("expiration_time", json!("2999-01-01T00:00:00Z")),
        format!("{header}.{claims}"),
        format!("{header}.{claims}."),
        text[..text.len() - 1].to_owned(),
        format!("{text}="),
        "x".repeat(60_000),
        String::new(),
    ];
    for (n, forged) in forged.iter().enumerate() {
        let request = c.bearing(forged, Method::GET, "/6/lists");
        let reply = c.send("getLists", request).await.refused(401, 11065);
        assert_eq!(reply.detail(), "Specified token corrupted", "{n}");
        assert_eq!(reply.headers["www-authenticate"], "Bearer", "{n}");
    }
    // None of this hurts the true one, which is known from this address.
    let request = c.bearing(&text, Method::GET, "/6/lists");
    c.send("getLists", request).await.expect(200);
    c.stop().await;
}

#[tokio::test]
async fn a_token_of_a_megabyte_is_refused_in_every_place() {
    let c = Coordinator::start().await;
    let huge = "a.b.".to_owned() + &"x".repeat(1 << 20);
    // The head of a request is bounded, so this one does not even get to us.
    let sent = c.bearing(&huge, Method::GET, "/6/lists").send().await;
    let refused = sent.map_or(true, |response| response.status().is_client_error());
    assert!(refused);
    let under_the_limit = "x".repeat(900_000);
    let verify = c.bare(Method::POST, "/6/credentials_verifier");
    let verify = verify.json(&json!({"token": under_the_limit}));
    c.send("verifyCredentials", verify)
        .await
        .refused(401, 41005);
    let verify = c.bare(Method::POST, "/6/credentials_verifier");
    let verify = verify.json(&json!({"token": huge}));
    c.send("verifyCredentials", verify)
        .await
        .refused(413, 37003);
    c.stop().await;
}

#[tokio::test]
async fn two_credentials_at_once_are_refused() {
    let c = Coordinator::start().await;
    let text = granted(&c).await;
    let request = c.request(Method::GET, "/6/lists").bearer_auth(&text);
    c.send("getLists", request).await.refused(401, 11065);
    c.stop().await;
}
