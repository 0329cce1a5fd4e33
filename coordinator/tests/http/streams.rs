//! The Streams service.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::Coordinator;

const NOBODY: &str = "7acc35cf-a3b2-4f87-8d8b-5496a2782d37";

async fn handler(c: &Coordinator) -> String {
    c.post(
        "createHandler",
        "/6/handlers",
        json!({"description": "", "policies": {}}),
    )
    .await
    .expect(201)
    .id("handler_id")
}

fn body(account: &str, handler: &str) -> Value {
    json!({
        "account_id": account,
        "name": "yard",
        "data": {
            "type": "tcp",
            "reference": "rtsp://root:hush@10.0.0.1/live",
            "roi": [0, 0, 0, 0],
            "analytics": [{"event_handler": {"handler_id": handler, "frame_store": null, "authorization": {"token": "header.payload.sig"}}}],
        },
        "location": {"city": "Wien"},
    })
}

#[tokio::test]
async fn streams_are_made_found_steered_and_removed() {
    let c = Coordinator::start().await;
    let account = c.account_id().await;
    let handler = handler(&c).await;
    let made = c
        .stream_call(
            "createStreamV2",
            Method::POST,
            "/2/streams",
            Some(body(&account, &handler)),
        )
        .await
        .expect(201);
    let one = format!("/2/streams/{}", made.id("stream_id"));
    let seen = c
        .stream_call("getStreamV2", Method::GET, &one, None)
        .await
        .expect(200);
    assert_eq!(seen.body["status"], "pending");
    assert_eq!(
        seen.body["data"]["analytics"][0]["event_handler"]["authorization"],
        json!({"account_id": account})
    );
    let text = seen.body.to_string();
    assert!(
        !text.contains("hush") && !text.contains("payload"),
        "{text}"
    );

    // What was read can be sent back without losing the password that was not shown.
    let mut again = body(&account, &handler);
    again["data"]["reference"] = seen.body["data"]["reference"].clone();
    again["description"] = json!("changed");
    let put = c
        .stream_call("putStreamV2", Method::PUT, &one, Some(again))
        .await
        .expect(200);
    assert_eq!(put.body["version"], 2);

    let steer = async |status: &str| {
        c.stream_call(
            "patchStreamV2",
            Method::PATCH,
            &one,
            Some(json!({"status": status})),
        )
        .await
    };
    steer("pause").await.expect(204);
    let paused = c
        .stream_call(
            "getStreamsV2",
            Method::GET,
            "/2/streams?statuses=pause",
            None,
        )
        .await
        .expect(200);
    assert_eq!(paused.body["streams"].as_array().unwrap().len(), 1);
    steer("pending").await.expect(204);
    steer("cancel").await.expect(204);
    steer("done").await.refused(400, 12022);
    let count = |query: String| {
        c.stream_call(
            "countStreamsV2",
            Method::GET,
            Box::leak(format!("/2/streams/count{query}").into_boxed_str()),
            None,
        )
    };
    assert_eq!(
        count(format!("?account_id={account}"))
            .await
            .expect(200)
            .body["streams_count"],
        1
    );
    assert_eq!(
        count(format!("?account_id={NOBODY}"))
            .await
            .expect(200)
            .body["streams_count"],
        0
    );
    c.stream_call("removeStreamV2", Method::DELETE, &one, None)
        .await
        .expect(204);
    c.stream_call("getStreamV2", Method::GET, &one, None)
        .await
        .refused(404, 39001);
    c.stop().await;
}

#[tokio::test]
async fn mistakes_in_streams_are_named_and_leak_no_password() {
    let c = Coordinator::start().await;
    let account = c.account_id().await;
    let handler = handler(&c).await;
    let good = body(&account, &handler);
    let cases: [(&str, Value, &str); 7] = [
        ("/data/type", json!("ftp"), "data"),
        ("/data/analytics", json!([]), "data.analytics"),
        ("/data/roi", json!([1]), "data.roi"),
        (
            "/data/reference",
            json!({"url": "rtsp://u:hush@x"}),
            "data.reference",
        ),
        ("/location/city", json!("x".repeat(37)), "location.city"),
        ("/account_id", json!("me"), "account_id"),
        (
            "/data/analytics/0/event_handler/handler_id",
            json!(NOBODY),
            "data.analytics.0.event_handler.handler_id",
        ),
    ];
    for (pointer, value, path) in cases {
        let mut body = good.clone();
        *body.pointer_mut(pointer).unwrap() = value;
        let reply = c
            .stream_call("createStreamV2", Method::POST, "/2/streams", Some(body))
            .await
            .refused(400, 12022);
        assert!(
            reply.detail().contains(&format!("Path: '{path}")),
            "{path}: {}",
            reply.detail()
        );
        assert!(!reply.detail().contains("hush"), "{}", reply.detail());
    }
    let mut extra = good.clone();
    extra["user_data"] = json!("x");
    c.stream_call("createStreamV2", Method::POST, "/2/streams", Some(extra))
        .await
        .refused(400, 12022);
    let gone = format!("/2/streams/{NOBODY}");
    c.stream_call(
        "patchStreamV2",
        Method::PATCH,
        &gone,
        Some(json!({"status": "pause"})),
    )
    .await
    .refused(404, 39001);
    c.stream_call("patchStreamV2", Method::PATCH, &gone, Some(json!({})))
        .await
        .refused(400, 12022);
    c.stream_call("getStreamsV2", Method::GET, "/2/streams?page_size=x", None)
        .await
        .refused(400, 12012);
    c.stop().await;
}
