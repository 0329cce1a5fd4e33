//! What every service has, and what none has.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::Coordinator;

#[tokio::test]
async fn versions_health_and_metrics() {
    let c = Coordinator::start().await;
    c.get("getVersion", "/version").await.expect(200);
    // Without models the coordinator runs and says what is missing.
    let sick = c.get("", "/6/healthcheck").await.expect(502);
    assert_eq!(sick.body["errors"][0]["component"], "models");
    assert_eq!(sick.body["errors"][0]["error"]["error_code"], 38001);
    let page = c.get("", "/metrics").await.expect(200);
    let page = String::from_utf8(page.bytes).unwrap();
    assert!(
        page.contains(
            "request_count_total{service=\"api\",path=\"GET:/version\",status_code=\"200\"} 1"
        ),
        "{page}"
    );
    assert!(
        page.contains("goshawk_coordinator_ingest_agents 0"),
        "{page}"
    );
    let errors = c.get("", "/docs/errors").await.expect(200);
    assert!(
        String::from_utf8(errors.bytes)
            .unwrap()
            .contains("<tr id=22003>")
    );
    c.stop().await;
}

#[tokio::test]
async fn request_ids_come_back() {
    let c = Coordinator::start().await;
    let id = "1536751345,8b8b5937-2e9c-4e8b-a7a7-5caf86621b5a";
    let reply = c
        .send(
            "getVersion",
            c.request(Method::GET, "/version")
                .header("Luna-Request-Id", id),
        )
        .await;
    assert_eq!(reply.headers["luna-request-id"], id);
    assert_eq!(reply.headers["access-control-allow-origin"], "*");
    let reply = c
        .send(
            "getVersion",
            c.request(Method::GET, "/version")
                .header("Luna-Request-Id", "bad"),
        )
        .await;
    assert_eq!(
        reply.headers["luna-request-id"].to_str().unwrap().len(),
        10 + 1 + 36
    );
    c.stop().await;
}

#[tokio::test]
async fn unknown_paths_wrong_methods_and_parts_that_are_off() {
    let c = Coordinator::start().await;
    c.get("", "/6/nothing").await.refused(404, 12013);
    c.get("", "/").await.refused(404, 12013);
    c.get("", "/6/lists/no-uuid").await.refused(404, 12013);
    let reply = c.delete("", "/6/detector").await.refused(405, 12021);
    assert_eq!(reply.headers["allow"], "POST, OPTIONS");
    c.get("getTasks", "/6/tasks").await.refused(403, 11039);
    c.get("getLambdas", "/6/lambdas").await.refused(403, 11072);
    let options = c
        .send("getListsOptions", c.request(Method::OPTIONS, "/6/lists"))
        .await
        .expect(200);
    assert_eq!(options.headers["allow"], "POST, GET, DELETE, OPTIONS");
    assert_eq!(options.headers["access-control-max-age"], "86400");
    assert_eq!(options.headers["access-control-allow-methods"], "*");
    c.stop().await;
}

#[tokio::test]
async fn web_pages_reach_the_api_only() {
    let page = "http://evil.example";
    let c = Coordinator::start().await;
    for base in [&c.streams, &c.handlers, &c.sender] {
        let url = format!("{base}/version");
        let plain = c.send("", c.http.get(&url)).await.expect(200);
        assert!(!plain.headers.contains_key("access-control-allow-origin"));
        for method in [Method::GET, Method::OPTIONS, Method::POST] {
            let request = c.http.request(method, &url).header("Origin", page);
            let refused = c.send("", request).await.refused(403, 11064);
            assert!(!refused.headers.contains_key("access-control-allow-origin"));
        }
    }
    let api = c.request(Method::GET, "/version").header("Origin", page);
    c.send("getVersion", api).await.expect(200);
    c.stop().await;
    // Something before the services guards them then.
    let c = Coordinator::start_with(&[("internal.expose", "true")]).await;
    let url = format!("{}/version", c.streams);
    let request = c.http.get(&url).header("Origin", page);
    c.send("", request).await.expect(200);
    c.stop().await;
}

#[tokio::test]
async fn endpoints_are_written_while_it_runs() {
    let c = Coordinator::start().await;
    let file = c.data_dir().join("endpoints.json");
    let ends: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!(ends["api"], json!(c.api));
    assert!(ends["agents"].as_str().unwrap().starts_with("127.0.0.1:"));
    let held = tokio::net::TcpStream::connect(c.api.trim_start_matches("http://"))
        .await
        .unwrap();
    let began = std::time::Instant::now();
    c.app.stop().await;
    assert!(
        began.elapsed().as_secs() < 9,
        "an idle connection held up the stop"
    );
    drop(held);
    assert!(!file.exists());
}

#[tokio::test]
async fn operators_manage_agents() {
    let c = Coordinator::start().await;
    let made = c
        .post(
            "",
            "/goshawk/1/agents/join-tokens",
            json!({"valid_for": 60, "label": "yard"}),
        )
        .await
        .expect(201);
    let token = made.id("token");
    assert!(token.starts_with("goshawk1."), "{token}");
    let listed = c.get("", "/goshawk/1/agents/join-tokens").await.expect(200);
    assert_eq!(
        listed.body["join_tokens"][0]["join_token_id"],
        made.body["join_token_id"]
    );
    assert_eq!(listed.body["join_tokens"][0]["state"], "unused");
    let secret = token.rsplit('.').next().unwrap();
    assert!(
        !listed.body.to_string().contains(secret),
        "a token's secret is shown twice"
    );
    let agents = c.get("", "/goshawk/1/agents").await.expect(200);
    assert_eq!(agents.body["agents"], json!([]));
    c.delete("", "/goshawk/1/agents/7acc35cf-a3b2-4f87-8d8b-5496a2782d37")
        .await
        .expect(404);
    c.post("", "/goshawk/1/agents/join-tokens", json!({"valid_for": 0}))
        .await
        .refused(400, 12022);
    c.stop().await;
}

/// Earlier releases kept agents in a file.
#[tokio::test]
async fn agents_of_an_earlier_release_are_known() {
    const ID: &str = "22222222-2222-4222-8222-222222222222";
    let c = Coordinator::start_after(|data| {
        let agents = json!([{
            "agent_id": ID,
            "name": "yard",
            "enrolled_at": "2026-01-01T00:00:00Z",
            "certificate_expires_at": "2031-01-01T00:00:00Z",
            "join_token_id": "33333333-3333-4333-8333-333333333333",
            "revoked_at": null,
        }]);
        std::fs::write(data.join("agents.json"), agents.to_string()).unwrap();
    })
    .await;
    let agents = c.get("", "/goshawk/1/agents").await.expect(200);
    assert_eq!(agents.body["agents"][0]["name"], "yard");
    assert_eq!(agents.body["agents"][0]["status"], "offline");
    assert!(!c.data_dir().join("agents.json").exists());
    c.delete("", &format!("/goshawk/1/agents/{ID}"))
        .await
        .expect(204);
    let c = c.restart().await;
    let agents = c.get("", "/goshawk/1/agents").await.expect(200);
    assert_eq!(agents.body["agents"][0]["status"], "revoked");
    c.stop().await;
}
