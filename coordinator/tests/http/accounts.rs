//! Accounts and credentials.

use reqwest::Method;
use serde_json::json;

use crate::harness::{Coordinator, LOGIN};

#[tokio::test]
async fn credentials_are_needed_and_checked() {
    let c = Coordinator::start().await;
    let bare = || c.http.get(format!("{}/6/lists", c.api));
    c.send("", bare()).await.refused(403, 12010);
    let wrong = c
        .send(
            "getLists",
            bare().header("Authorization", Coordinator::basic(LOGIN, "wrong")),
        )
        .await;
    let wrong = wrong.refused(401, 11065);
    assert_eq!(
        wrong.headers["www-authenticate"],
        "Basic realm='login:password'"
    );
    assert_eq!(wrong.detail(), "Account login or password are incorrect");
    c.send("getLists", bare().header("Authorization", "Basic !"))
        .await
        .refused(401, 11065);
    c.send("getLists", bare().header("Authorization", "Bearer x.y.z"))
        .await
        .refused(401, 11065);
    // The deprecated header is no credential unless the settings say so.
    let id = c.account_id().await;
    c.send("", bare().header("Luna-Account-Id", &id))
        .await
        .refused(403, 12010);
    c.stop().await;
}

#[tokio::test]
async fn a_login_that_keeps_failing_has_to_wait() {
    let c = Coordinator::start().await;
    let mut waits = 0;
    for guess in 0..8 {
        let request = c.http.get(format!("{}/6/lists", c.api));
        let wrong = Coordinator::basic(LOGIN, &format!("guess{guess}"));
        let reply = c
            .send("getLists", request.header("Authorization", wrong))
            .await
            .refused(401, 11065);
        waits += u32::from(reply.headers.contains_key("retry-after"));
    }
    assert!(waits >= 2, "{waits}");
    c.stop().await;
}

#[tokio::test]
async fn administrators_make_accounts_that_see_their_own_only() {
    let c = Coordinator::start().await;
    let body =
        json!({"login": "mia@example.com", "password": "mias secret", "account_type": "user"});
    let made = c
        .post("createAccount", "/6/accounts", body.clone())
        .await
        .expect(201);
    c.post("createAccount", "/6/accounts", body)
        .await
        .refused(409, 41001);
    let all = c.get("getAccounts", "/6/accounts").await.expect(200);
    assert_eq!(all.body["total_count"], 2);
    assert!(!all.body.to_string().contains("argon2"));

    let mia = Coordinator::basic("mia@example.com", "mias secret");
    let as_mia = |method: Method, path: &str| {
        c.http
            .request(method, format!("{}{path}", c.api))
            .header("Authorization", &mia)
    };
    let own = c
        .send("getAccount", as_mia(Method::GET, "/6/account"))
        .await
        .expect(200);
    assert_eq!(own.body["account_id"], made.body["account_id"]);
    let seen = c
        .send("getAccounts", as_mia(Method::GET, "/6/accounts"))
        .await
        .expect(200);
    assert_eq!(seen.body["total_count"], 1);

    let list = c
        .post("createList", "/6/lists", json!({"user_data": "mine"}))
        .await
        .expect(201)
        .id("list_id");
    c.send("getList", as_mia(Method::GET, &format!("/6/lists/{list}")))
        .await
        .refused(404, 22003);
    let admin = c.account_id().await;
    // Who sees only their own gets that, whatever they ask for.
    let named = format!("/6/lists?account_id={admin}");
    let lists = c.send("getLists", as_mia(Method::GET, &named)).await;
    assert_eq!(lists.expect(200).body, json!({"lists": []}));
    // Not an operation of the contract.
    let agents = as_mia(Method::GET, "/goshawk/1/agents").send().await;
    assert_eq!(agents.unwrap().status(), 403);
    let another =
        json!({"login": "tom@example.com", "password": "toms secret", "account_type": "user"});
    c.send("", as_mia(Method::POST, "/6/accounts").json(&another))
        .await
        .refused(403, 11064);

    c.send(
        "patchAccount",
        as_mia(Method::PATCH, "/6/account").json(&json!({"password": "new secret"})),
    )
    .await
    .expect(204);
    c.send("getAccount", as_mia(Method::GET, "/6/account"))
        .await
        .refused(401, 11065);
    c.stop().await;
}

#[tokio::test]
async fn accounts_are_checked() {
    let c = Coordinator::start().await;
    let good =
        json!({"login": "mia@example.com", "password": "mias secret", "account_type": "user"});
    for (field, value, path) in [
        ("login", json!("no mail"), "login"),
        ("password", json!("ab"), "password"),
        ("account_type", json!("admin"), "account_type"),
        ("description", json!(5), "description"),
        ("extra", json!(1), "extra"),
    ] {
        let mut body = good.clone();
        body[field] = value;
        let reply = c
            .post("createAccount", "/6/accounts", body)
            .await
            .refused(400, 12022);
        assert!(
            reply.detail().contains(&format!("Path: '{path}'")),
            "{}",
            reply.detail()
        );
    }
    c.stop().await;
}

#[tokio::test]
async fn registration_is_open_where_the_settings_say_so() {
    let c = Coordinator::start_with(&[
        ("api.open_registration", "true"),
        ("api.trust_account_header", "true"),
    ])
    .await;
    let body =
        json!({"login": "mia@example.com", "password": "mias secret", "account_type": "user"});
    let id = "7acc35cf-a3b2-4f87-8d8b-5496a2782d37";
    let request = c
        .http
        .post(format!("{}/6/accounts", c.api))
        .header("Luna-Account-Id", id)
        .json(&body);
    assert_eq!(
        c.send("createAccount", request)
            .await
            .expect(201)
            .id("account_id"),
        id
    );
    let named = c
        .http
        .get(format!("{}/6/account", c.api))
        .header("Luna-Account-Id", id);
    assert_eq!(
        c.send("getAccount", named).await.expect(200).body["login"],
        "mia@example.com"
    );
    // What sees everybody's objects is for administrators to give.
    let more = json!({"login": "tom@example.com", "password": "toms secret", "account_type": "advanced_user"});
    let anonymous = c
        .http
        .post(format!("{}/6/accounts", c.api))
        .header("Luna-Account-Id", "8acc35cf-a3b2-4f87-8d8b-5496a2782d37")
        .json(&more);
    c.send("", anonymous).await.refused(403, 11064);
    c.post("createAccount", "/6/accounts", more)
        .await
        .expect(201);
    // The contract writes a list of fields as one of their names.
    let fields = c.request(Method::GET, "/6/account?targets=login,account_type");
    let own: serde_json::Value = fields.send().await.unwrap().json().await.unwrap();
    assert_eq!(own, json!({"login": LOGIN, "account_type": "admin"}));
    let hidden = c.request(Method::GET, "/6/account?targets=password_hash");
    assert_eq!(hidden.send().await.unwrap().status(), 400);
    c.stop().await;
}
