//! Tokens: making, permissions, sight, end and revocation.

use std::time::Duration;

use goshawk_coordinator::{
    api::{routes::Access, service::Service, table},
    auth::keys,
};
use goshawk_coordinator_core::permission::{Action, Resource};
use goshawk_proto::time::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Coordinator, Reply};

const ID: &str = "7acc35cf-a3b2-4f87-8d8b-5496a2782d37";

/// A token of the administrator: its id and its text.
async fn token(c: &Coordinator, body: Value) -> (String, String) {
    let made = c.post("createToken", "/6/tokens", body).await.expect(201);
    (made.id("token_id"), made.id("token"))
}

fn permitting(permissions: Value) -> Value {
    json!({"expiration_time": null, "permissions": permissions})
}

async fn with(c: &Coordinator, text: &str, operation: &str, method: Method, path: &str) -> Reply {
    c.send(operation, c.bearing(text, method, path)).await
}

#[tokio::test]
async fn tokens_are_made_shown_replaced_and_removed() {
    let c = Coordinator::start().await;
    let body = json!({
        "description": "main",
        "expiration_time": "2050-11-11T11:11:11.111+03:00",
        "permissions": {"face": ["view", "creation"], "own_field": ["deletion"]},
    });
    let made = c.post("createToken", "/6/tokens", body).await.expect(201);
    let (id, text) = (made.id("token_id"), made.id("token"));
    let path = format!("/6/tokens/{id}");
    assert_eq!(made.headers["location"], path.as_str());
    assert_eq!(made.body["url"], path.as_str());

    let seen = c.get("getToken", &path).await.expect(200);
    assert_eq!(seen.body["account_id"], c.account_id().await);
    assert_eq!(seen.body["description"], "main");
    assert_eq!(seen.body["visibility_area"], "all");
    assert_eq!(seen.body["expiration_time"], "2050-11-11T08:11:11.111Z");
    let permissions = &seen.body["permissions"];
    assert_eq!(permissions["face"], json!(["creation", "view"]));
    assert_eq!(permissions["own_field"], json!(["deletion"]));
    assert_eq!(permissions["token"], json!(["view"]));
    assert_eq!(permissions["list"], json!([]));
    let free = json!({"allowed": 1, "white_list": null, "black_list": null});
    assert_eq!(
        (&permissions["verify"], &permissions["emit_events"]),
        (&free, &free)
    );

    // The text is shown once.
    let listed = c.get("getTokens", "/6/tokens").await.expect(200);
    assert_eq!(listed.body["tokens"][0], seen.body);
    let signature = text.rsplit('.').next().unwrap();
    assert!(!listed.body.to_string().contains(signature));
    assert!(!listed.body.to_string().contains("digest"));

    let new = permitting(json!({"list": ["view"]}));
    let replaced = c
        .with_body("putToken", Method::PUT, &path, new)
        .await
        .expect(201);
    assert_eq!(replaced.id("token_id"), id);
    let fresh = replaced.id("token");
    with(&c, &text, "getLists", Method::GET, "/6/lists")
        .await
        .refused(401, 11065);
    with(&c, &fresh, "getLists", Method::GET, "/6/lists")
        .await
        .expect(200);
    let seen = c.get("getToken", &path).await.expect(200);
    assert_eq!(seen.body["description"], "");
    assert_eq!(seen.body["permissions"]["face"], json!([]));

    c.delete("deleteToken", &path).await.expect(204);
    let gone = with(&c, &fresh, "getLists", Method::GET, "/6/lists").await;
    assert_eq!(
        gone.refused(401, 11065).headers["www-authenticate"],
        "Bearer"
    );
    c.delete("deleteToken", &path).await.refused(404, 41003);
    c.get("getToken", &path).await.refused(404, 41003);
    let new = permitting(json!({}));
    c.with_body("putToken", Method::PUT, &path, new)
        .await
        .refused(404, 41003);
    let listed = c.get("getTokens", "/6/tokens").await.expect(200);
    assert_eq!(listed.body["tokens"], json!([]));
    c.stop().await;
}

#[tokio::test]
async fn everything_can_be_granted_at_once() {
    let c = Coordinator::start().await;
    let path = "/6/tokens?grant_all_permissions=1";
    let body = json!({"expiration_time": null, "permissions": {"own_field": ["view"]}});
    let made = c.post("createToken", path, body).await.expect(201);
    let seen = c.get("getToken", &made.id("url")).await.expect(200).body;
    for kind in Resource::ALL {
        let all: Vec<_> = kind.actions().iter().map(Action::name).collect();
        assert_eq!(seen["permissions"][kind.name()], json!(all));
    }
    assert_eq!(
        seen["permissions"]["resources"],
        json!(["iso", "sdk", "liveness"])
    );
    assert_eq!(seen["permissions"]["own_field"], json!(["view"]));
    let body = json!({"expiration_time": null});
    c.post("createToken", path, body.clone()).await.expect(201);
    c.post("createToken", "/6/tokens", body)
        .await
        .refused(400, 12022);
    c.post(
        "createToken",
        "/6/tokens?grant_all_permissions=2",
        permitting(json!({})),
    )
    .await
    .refused(400, 12012);
    c.stop().await;
}

#[tokio::test]
async fn what_is_no_token_is_refused_by_its_path() {
    let c = Coordinator::start().await;
    for (body, path) in [
        (json!({"permissions": {}}), "expiration_time"),
        (
            json!({"expiration_time": "soon", "permissions": {}}),
            "expiration_time",
        ),
        (json!({"expiration_time": null}), "permissions"),
        (
            json!({"expiration_time": null, "permissions": []}),
            "permissions",
        ),
        (
            json!({"expiration_time": null, "permissions": {}, "extra": 1}),
            "extra",
        ),
        (
            json!({"expiration_time": null, "permissions": {}, "description": "x".repeat(129)}),
            "description",
        ),
        (
            json!({"expiration_time": null, "permissions": {}, "visibility_area": "none"}),
            "visibility_area",
        ),
        (
            permitting(json!({"face": ["looking"]})),
            "permissions.face.0",
        ),
        (
            permitting(json!({"event": ["view", "deletion"]})),
            "permissions.event.1",
        ),
        (
            permitting(json!({"emit_events": {"allowed": 2}})),
            "permissions.emit_events.allowed",
        ),
        (
            permitting(json!({"emit_events": {"white_list": []}})),
            "permissions.emit_events.white_list",
        ),
    ] {
        let request = c.request(Method::POST, "/6/tokens").json(&body);
        let reply = c.send("", request).await.refused(400, 12022);
        assert!(
            reply.detail().contains(&format!("Path: '{path}'")),
            "{body}: {}",
            reply.detail()
        );
    }
    c.stop().await;
}

/// Asks without holding the request against the contract: it names what is not there.
async fn code(c: &Coordinator, text: &str, method: &Method, path: &str) -> (u16, u64) {
    let request = c.bearing(text, method.clone(), path);
    // What fits any body that has a description: permissions are looked at after it was read.
    let body = json!({"description": "x"});
    let request = request.json(&body).timeout(Duration::from_secs(20));
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let body: Value = response.json().await.unwrap_or_default();
    (status, body["error_code"].as_u64().unwrap_or(0))
}

/// A path of that template, with ids of nothing.
fn path_of(template: &str) -> String {
    let parts: Vec<_> = template
        .split('/')
        .map(|part| match part {
            "{samples_type}" => "faces",
            part if part.starts_with('{') => ID,
            part => part,
        })
        .collect();
    parts.join("/")
}

/// Every operation of the table that names a permission is closed without it and open with it.
#[tokio::test]
async fn every_operation_keeps_to_its_permission() {
    let c = Coordinator::start().await;
    let nothing = json!({
        "token": [],
        "emit_events": {"allowed": 0},
        "verify": {"allowed": 0},
    });
    let (_, closed) = token(&c, permitting(nothing.clone())).await;
    let mut seen = 0;
    for resource in table::resources(Service::Api) {
        let path = path_of(resource.template());
        for operation in resource.every() {
            let mut permissions = nothing.clone();
            match operation.access {
                Access::May(kind, action) => {
                    assert!(kind.actions().contains(action), "{}", operation.id);
                    permissions[kind.name()] = json!([action.name()]);
                }
                Access::Use(tool) => permissions["resources"] = json!([tool.name()]),
                _ => continue,
            }
            let about = format!("{} {path}", operation.method);
            let (status, number) = code(&c, &closed, &operation.method, &path).await;
            assert_eq!(status, 403, "{about}");
            assert!(
                operation.method == Method::HEAD || number == 11059,
                "{about} {number}"
            );
            let (_, open) = token(&c, permitting(permissions)).await;
            let (status, number) = code(&c, &open, &operation.method, &path).await;
            assert!(
                status != 401 && number != 11059,
                "{about} {status} {number}"
            );
            seen += 1;
        }
    }
    assert!(seen >= 5, "{seen}");
    c.stop().await;
}

/// Operations that look at permissions themselves do so, too: nothing is open to a token only
/// because nobody thought of tokens.
#[tokio::test]
async fn what_names_no_permission_is_closed_to_tokens_without_any() {
    let c = Coordinator::start().await;
    let nothing = json!({
        "token": [],
        "emit_events": {"allowed": 0},
        "verify": {"allowed": 0},
    });
    let (_, closed) = token(&c, permitting(nothing)).await;
    let mut seen = 0;
    for resource in table::resources(Service::Api) {
        let path = path_of(resource.template());
        for operation in resource.every() {
            if matches!(operation.access, Access::Account | Access::Administrator) {
                let (status, number) = code(&c, &closed, &operation.method, &path).await;
                // Events are made from bodies of several kinds, which are told apart first.
                let unread = path.ends_with("/events") && status == 400;
                let about = format!("{} {path} {status} {number}", operation.method);
                assert!(status == 403 || unread, "{about}");
                seen += 1;
            }
        }
    }
    assert!(seen >= 5, "{seen}");
    c.stop().await;
}

#[tokio::test]
async fn accounts_are_open_to_tokens_that_may_look_at_them() {
    let c = Coordinator::start().await;
    let (_, closed) = token(&c, permitting(json!({}))).await;
    with(&c, &closed, "getAccount", Method::GET, "/6/account")
        .await
        .refused(403, 11064);
    with(&c, &closed, "getAccounts", Method::GET, "/6/accounts")
        .await
        .refused(403, 11064);
    let (_, open) = token(&c, permitting(json!({"account": ["view"]}))).await;
    with(&c, &open, "getAccount", Method::GET, "/6/account")
        .await
        .expect(200);
    with(&c, &open, "getAccounts", Method::GET, "/6/accounts")
        .await
        .expect(200);
    // Nothing is changed with a token, whatever it may do.
    let all = c.post(
        "createToken",
        "/6/tokens?grant_all_permissions=1",
        json!({"expiration_time": null}),
    );
    let all = all.await.expect(201).id("token");
    let patch = c
        .bearing(&all, Method::PATCH, "/6/account")
        .json(&json!({"password": "another"}));
    c.send("patchAccount", patch).await.refused(403, 11064);
    let new = json!({"login": "eve@example.com", "password": "evil", "account_type": "user"});
    let create = c.bearing(&all, Method::POST, "/6/accounts").json(&new);
    let refused = create.send().await.unwrap();
    assert_eq!(refused.status().as_u16(), 403);
    c.stop().await;
}

#[tokio::test]
async fn a_token_is_good_until_it_ends() {
    let c = Coordinator::start().await;
    let soon = Timestamp::from_system(std::time::SystemTime::now() + Duration::from_secs(2));
    let body = json!({"expiration_time": soon.to_string(), "permissions": {"list": ["view"]}});
    let (_, text) = token(&c, body).await;
    with(&c, &text, "getLists", Method::GET, "/6/lists")
        .await
        .expect(200);
    tokio::time::sleep(Duration::from_millis(2100)).await;
    with(&c, &text, "getLists", Method::GET, "/6/lists")
        .await
        .refused(401, 11065);
    let verify = c
        .bare(Method::POST, "/6/credentials_verifier")
        .json(&json!({"token": text}));
    c.send("verifyCredentials", verify)
        .await
        .refused(401, 41007);
    c.stop().await;
}

/// Many use a token while it is removed: once the removal is answered, nobody gets through.
#[tokio::test]
async fn a_removed_token_is_worth_nothing_at_once() {
    let c = Coordinator::start().await;
    let (id, text) = token(&c, permitting(json!({"list": ["view"]}))).await;
    let ask = || async {
        let request = c.bearing(&text, Method::GET, "/6/lists");
        request.send().await.unwrap().status().as_u16()
    };
    for _ in 0..20 {
        assert_eq!(ask().await, 200);
    }
    let busy = async {
        for _ in 0..50 {
            ask().await;
        }
    };
    let path = format!("/6/tokens/{id}");
    let remove = async {
        c.delete("deleteToken", &path).await.expect(204);
        for _ in 0..20 {
            assert_eq!(ask().await, 401);
        }
    };
    tokio::join!(busy, remove);
    c.stop().await;
}

#[tokio::test]
async fn a_token_shows_no_more_than_its_account_and_itself() {
    let c = Coordinator::start().await;
    let mia = c.account("mia@example.com", "mias secret", "user").await;
    let ann = c
        .account("ann@example.com", "anns secret", "advanced_user")
        .await;
    let made = |login: &str, password: &str, area: Value| {
        let mut body = permitting(json!({"token": ["view"]}));
        if area.is_string() {
            body["visibility_area"] = area;
        }
        let basic = Coordinator::basic(login, password);
        let request = c.bare(Method::POST, "/6/tokens");
        c.send(
            "createToken",
            request.header("Authorization", basic).json(&body),
        )
    };
    let mias = made("mia@example.com", "mias secret", json!("all"))
        .await
        .expect(201);
    let own = made("ann@example.com", "anns secret", json!("account"))
        .await
        .expect(201);
    let all = made("ann@example.com", "anns secret", json!(null))
        .await
        .expect(201);
    let owners = async |text: &str, query: &str| {
        let path = format!("/6/tokens{query}");
        let listed = with(&c, text, "getTokens", Method::GET, &path)
            .await
            .expect(200);
        let rows = listed.body["tokens"].as_array().unwrap().clone();
        let mut owners: Vec<_> = rows
            .iter()
            .map(|row| row["account_id"].as_str().unwrap().to_owned())
            .collect();
        owners.dedup();
        owners
    };
    let (mias_text, own_text, all_text) = (mias.id("token"), own.id("token"), all.id("token"));
    assert_eq!(owners(&mias_text, "").await, [mia.as_str()]);
    assert_eq!(
        owners(&mias_text, &format!("?account_id={ann}")).await,
        [mia.as_str()]
    );
    assert_eq!(owners(&own_text, "").await, [ann.as_str()]);
    assert_eq!(
        owners(&own_text, &format!("?account_id={mia}")).await,
        [ann.as_str()]
    );
    assert_eq!(owners(&all_text, "").await, [mia.as_str(), ann.as_str()]);
    assert_eq!(
        owners(&all_text, &format!("?account_id={mia}")).await,
        [mia.as_str()]
    );
    let path = mias.id("url");
    with(&c, &own_text, "getToken", Method::GET, &path)
        .await
        .refused(404, 41003);
    let seen = with(&c, &all_text, "getToken", Method::GET, &path)
        .await
        .expect(200);
    assert_eq!(seen.body["visibility_area"], "account");
    // Reading is not changing: others' tokens are neither replaced nor removed.
    c.delete("deleteToken", &path).await.refused(404, 41003);
    c.stop().await;
}

#[tokio::test]
async fn a_token_makes_none_that_is_more_than_itself() {
    let c = Coordinator::start().await;
    let permissions = json!({"token": ["creation", "modification"], "face": ["view"]});
    let mut body = permitting(permissions.clone());
    body["expiration_time"] = json!("2050-01-01T00:00:00Z");
    let (_, text) = token(&c, body.clone()).await;
    let ask = |path: &str, body: &Value| {
        let request = c.bearing(&text, Method::POST, path).json(body);
        c.send("createToken", request)
    };
    ask("/6/tokens", &body).await.expect(201);
    // What a token has unless it says otherwise counts as well.
    body["permissions"] = json!({"face": ["view"]});
    ask("/6/tokens", &body).await.refused(403, 11059);
    body["permissions"] = json!({"token": ["creation"]});
    ask("/6/tokens", &body).await.expect(201);
    let more = ask("/6/tokens?grant_all_permissions=1", &body).await;
    assert_eq!(
        more.refused(403, 11059).detail(),
        "Request denied due to token restrictions, required 'view' permission for 'account'"
    );
    body["expiration_time"] = json!(null);
    ask("/6/tokens", &body).await.refused(400, 12022);
    c.stop().await;
}

#[tokio::test]
async fn tokens_outlive_restarts_and_rotations_but_not_their_keys() {
    let c = Coordinator::start().await;
    let (_, old) = token(&c, permitting(json!({"list": ["view"]}))).await;
    let now = Timestamp::from_system(std::time::SystemTime::now());
    let dir = c.data_dir();
    keys::rotate(&dir, false, now).unwrap();
    let c = c.restart().await;
    with(&c, &old, "getLists", Method::GET, "/6/lists")
        .await
        .expect(200);
    let (_, new) = token(&c, permitting(json!({"list": ["view"]}))).await;
    with(&c, &new, "getLists", Method::GET, "/6/lists")
        .await
        .expect(200);
    // A running coordinator notices that the keys were dropped.
    keys::rotate(&dir, true, now).unwrap();
    tokio::time::sleep(keys::RECHECK + Duration::from_millis(200)).await;
    for text in [&old, &new] {
        with(&c, text, "getLists", Method::GET, "/6/lists")
            .await
            .refused(401, 11065);
    }
    let (_, text) = token(&c, permitting(json!({"list": ["view"]}))).await;
    with(&c, &text, "getLists", Method::GET, "/6/lists")
        .await
        .expect(200);
    c.stop().await;
}
