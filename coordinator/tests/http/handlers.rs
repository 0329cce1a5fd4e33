//! Handlers on the API and on the Handlers service.

use reqwest::Method;
use serde_json::json;

use crate::harness::Coordinator;

const NOBODY: &str = "7acc35cf-a3b2-4f87-8d8b-5496a2782d37";

#[tokio::test]
async fn handlers_are_made_found_replaced_and_removed() {
    let c = Coordinator::start().await;
    let list = c
        .post("createList", "/6/lists", json!({}))
        .await
        .expect(201)
        .id("list_id");
    let body = json!({"description": "door", "policies": {
        "match_policy": [{"label": "staff", "candidates": {"origin": "faces", "list_id": list}, "threshold": 0.5}],
        "storage_policy": {"face_policy": {"store_face": 1, "link_to_lists_policy": [{"list_id": list}]}},
        "conditional_tags_policy": [{"tag": "known", "filters": {"match": [{"label": "staff", "similarity__gte": 0.7}]}}],
    }});
    let id = c
        .post("createHandler", "/6/handlers", body.clone())
        .await
        .expect(201)
        .id("handler_id");
    let one = format!("/6/handlers/{id}");
    let seen = c.get("getHandler", &one).await.expect(200);
    assert_eq!(seen.body["policies"]["match_policy"][0]["label"], "staff");
    assert_eq!(
        c.get("getHandlers", "/6/handlers")
            .await
            .expect(200)
            .body
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(
        c.get("getHandlerCount", "/6/handlers/count?description=nope")
            .await
            .expect(200)
            .body["handlers_count"],
        0
    );
    c.send("checkHandler", c.request(Method::HEAD, &one))
        .await
        .expect(200);
    c.with_body(
        "putHandler",
        Method::PUT,
        &one,
        json!({"description": "gate", "policies": {}}),
    )
    .await
    .expect(204);
    assert_eq!(
        c.get("getHandler", &one).await.expect(200).body["description"],
        "gate"
    );
    c.post("validatePolicies", "/6/handlers/validator", body)
        .await
        .expect(204);
    c.delete("removeHandler", &one).await.expect(204);
    c.get("getHandler", &one).await.refused(404, 11033);
    c.with_body("putHandler", Method::PUT, &one, json!({"policies": {}}))
        .await
        .refused(404, 11033);
    c.stop().await;
}

#[tokio::test]
async fn mistakes_in_policies_are_named() {
    let c = Coordinator::start().await;
    let send = async |policies| {
        c.post(
            "createHandler",
            "/6/handlers",
            json!({"description": "", "policies": policies}),
        )
        .await
    };
    let wrong = send(
        json!({"match_policy": [{"label": "x".repeat(37), "candidates": {"origin": "faces"}}]}),
    )
    .await;
    let wrong = wrong.refused(400, 12027);
    assert!(
        wrong.detail().contains("policies.match_policy.0.label"),
        "{}",
        wrong.detail()
    );
    let wrong = send(json!({"detect_policy": {"detect_face": 3}}))
        .await
        .refused(400, 12027);
    assert!(
        wrong
            .detail()
            .contains("policies.detect_policy.detect_face"),
        "{}",
        wrong.detail()
    );
    send(json!({"detect_polices": {}}))
        .await
        .refused(400, 12027);
    let gone = json!({"match_policy": [{"label": "x", "candidates": {"origin": "faces", "list_id": NOBODY}}]});
    send(gone).await.refused(400, 22003);
    // What no model estimates is refused at once rather than silently left out.
    let off = send(json!({"detect_policy": {"estimate_mask": 1}}))
        .await
        .refused(403, 11055);
    assert!(off.detail().contains("estimate_mask"), "{}", off.detail());
    c.stop().await;
}

#[tokio::test]
async fn the_handlers_service_takes_the_account_from_a_header() {
    let c = Coordinator::start().await;
    let account = c.account_id().await;
    let url = format!("{}/1/handlers", c.handlers);
    c.send("", c.http.get(&url)).await.refused(400, 11066);
    c.send("", c.http.get(&url).header("Luna-Account-Id", "me"))
        .await
        .refused(400, 11037);
    let body = json!({"description": "inner", "policies": {}});
    c.send(
        "",
        c.http
            .post(&url)
            .header("Luna-Account-Id", &account)
            .json(&body),
    )
    .await
    .expect(201);
    assert_eq!(
        c.get("getHandlers", "/6/handlers").await.expect(200).body[0]["description"],
        "inner"
    );
    c.stop().await;
}

#[tokio::test]
async fn passwords_of_callbacks_are_not_shown() {
    let c = Coordinator::start().await;
    let mut callback = json!({"type": "http", "url": "http://u:hush@example.com/x", "authorization": {"type": "basic", "login": "u", "password": "hush"}});
    let body = |callback| json!({"description": "", "policies": {"storage_policy": {"callbacks": [callback]}}});
    // Nothing sends them yet, so one that is on is refused rather than forgotten.
    let off = c
        .post("createHandler", "/6/handlers", body(callback.clone()))
        .await
        .refused(403, 11055);
    assert!(
        off.detail().contains("callbacks") && !off.detail().contains("hush"),
        "{}",
        off.detail()
    );
    callback["enable"] = json!(0);
    let id = c
        .post("createHandler", "/6/handlers", body(callback))
        .await
        .expect(201)
        .id("handler_id");
    for path in ["/6/handlers".to_owned(), format!("/6/handlers/{id}")] {
        assert!(
            !c.get("", &path)
                .await
                .expect(200)
                .body
                .to_string()
                .contains("hush"),
            "{path}"
        );
    }
    c.stop().await;
}
