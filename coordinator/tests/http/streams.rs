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
            body(&account, &handler),
        )
        .await
        .expect(201);
    let one = format!("/2/streams/{}", made.id("stream_id"));
    let seen = c
        .stream_call("getStreamV2", Method::GET, &one, Value::Null)
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
        .stream_call("putStreamV2", Method::PUT, &one, again)
        .await
        .expect(200);
    assert_eq!(put.body["version"], 2);

    let steer = async |status: &str| {
        c.stream_call(
            "patchStreamV2",
            Method::PATCH,
            &one,
            json!({"status": status}),
        )
        .await
    };
    steer("pause").await.expect(204);
    let paused = c
        .stream_call(
            "getStreamsV2",
            Method::GET,
            "/2/streams?statuses=pause",
            Value::Null,
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
            Value::Null,
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
    c.stream_call("removeStreamV2", Method::DELETE, &one, Value::Null)
        .await
        .expect(204);
    c.stream_call("getStreamV2", Method::GET, &one, Value::Null)
        .await
        .refused(404, 39001);
    c.stop().await;
}

#[tokio::test]
async fn groups_gather_streams() {
    let c = Coordinator::start().await;
    let account = c.account_id().await;
    let handler = handler(&c).await;
    let group = |name: &str| json!({"account_id": account, "group_name": name});
    let made = c
        .stream_call("createGroupV2", Method::POST, "/2/groups", group("north"))
        .await;
    let north = made.expect(201).id("group_id");
    c.stream_call("createGroupV2", Method::POST, "/2/groups", group("north"))
        .await
        .refused(409, 39006);
    c.stream_call(
        "createGroupV2",
        Method::POST,
        "/2/groups",
        group("no/slash"),
    )
    .await
    .refused(400, 12022);
    let made = c
        .stream_call("createGroup", Method::POST, "/1/groups", group("south"))
        .await;
    let south = made.expect(201).id("group_id");

    let stream = |extra: Value| {
        let mut stream = body(&account, &handler);
        stream
            .as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        stream
    };
    let make = async |extra| {
        c.stream_call("createStreamV2", Method::POST, "/2/streams", stream(extra))
            .await
    };
    let by_name = make(json!({"group_name": "north"}))
        .await
        .expect(201)
        .id("stream_id");
    let by_id = make(json!({"group_id": north}))
        .await
        .expect(201)
        .id("stream_id");
    make(json!({"group_name": "east"}))
        .await
        .refused(400, 12022);
    make(json!({"group_id": NOBODY})).await.refused(400, 12022);
    make(json!({"group_id": north, "group_name": "north"}))
        .await
        .refused(400, 12022);

    let members = async |name: &str| {
        let path = format!("/2/streams?group_name={name}");
        let found = c
            .stream_call("getStreamsV2", Method::GET, &path, Value::Null)
            .await
            .expect(200);
        found.body["streams"].as_array().unwrap().len()
    };
    assert_eq!(
        (
            members("north").await,
            members("south").await,
            members("west").await
        ),
        (2, 0, 0)
    );
    let link = async |action: &str, group: &str, streams: Value| {
        let body = json!({"action": action, "group_id": group, "stream_ids": streams});
        c.stream_call("linkerV2", Method::PATCH, "/2/linker", body)
            .await
    };
    link("attach", &south, json!([by_id])).await.expect(204);
    let path = format!("/2/streams/{by_id}");
    let seen = c
        .stream_call("getStreamV2", Method::GET, &path, Value::Null)
        .await
        .expect(200);
    let mut names: Vec<_> = seen.body["groups"].as_array().unwrap().iter().collect();
    names.sort_by_key(|name| name.to_string());
    assert_eq!(names, ["north", "south"]);
    link("attach", &south, json!([by_name, NOBODY]))
        .await
        .refused(400, 12022);
    assert_eq!(members("south").await, 1, "all or none");
    link("attach", NOBODY, json!([by_name]))
        .await
        .refused(400, 12022);
    link("detach", &north, json!([by_id])).await.expect(204);
    assert_eq!(members("north").await, 1);

    // A stream that is replaced stays where it was, unless another group is named.
    let path = format!("/2/streams/{by_name}");
    c.stream_call("putStreamV2", Method::PUT, &path, stream(json!({})))
        .await
        .expect(200);
    assert_eq!(members("north").await, 1);
    c.stream_call(
        "putStreamV2",
        Method::PUT,
        &path,
        stream(json!({"group_id": south})),
    )
    .await
    .expect(200);
    assert_eq!((members("north").await, members("south").await), (0, 2));

    let one = format!("/1/groups/{south}");
    c.stream_call(
        "patchGroup",
        Method::PATCH,
        &one,
        json!({"description": "warm"}),
    )
    .await
    .expect(204);
    let seen = c
        .stream_call("getGroup", Method::GET, &one, Value::Null)
        .await
        .expect(200);
    assert_eq!(seen.body["description"], "warm");
    let path = "/2/groups/count?group_names=south,west";
    let count = c
        .stream_call("countGroupsV2", Method::GET, path, Value::Null)
        .await
        .expect(200);
    assert_eq!(count.body["groups_count"], 1);
    let path = format!("/2/groups?account_id={NOBODY}");
    let none = c
        .stream_call("getGroupsV2", Method::GET, &path, Value::Null)
        .await
        .expect(200);
    assert_eq!(none.body["groups"], json!([]));
    c.stream_call("deleteGroup", Method::DELETE, &one, Value::Null)
        .await
        .expect(204);
    c.stream_call("getGroup", Method::GET, &one, Value::Null)
        .await
        .refused(404, 39008);
    assert_eq!(members("south").await, 0);
    let left = c
        .stream_call(
            "countStreamsV2",
            Method::GET,
            "/2/streams/count",
            Value::Null,
        )
        .await
        .expect(200);
    assert_eq!(left.body["streams_count"], 2, "its streams stay");
    c.stop().await;
}

#[tokio::test]
async fn both_versions_show_the_same_streams() {
    let c = Coordinator::start().await;
    let account = c.account_id().await;
    let handler = handler(&c).await;
    let first = |reference: &str, handler: &str| {
        json!({
            "account_id": account,
            "name": "old",
            "data": {"type": "tcp", "reference": reference, "droi": [10, 20, 300, 400]},
            "event_handler": {
                "origin": "http://10.0.0.9:5000",
                "api_version": 6,
                "bestshot_handler": {"handler_id": handler},
                "detection_handler": null,
                "frame_store": null,
                "authorization": {"token": "header.payload.sig"},
            },
            "policies": {"filtering": {"min_score": 0.75}, "sending": {"silent_period": 3}},
            "autorestart": {"restart": 1, "attempt_count": 2, "delay": 3},
        })
    };
    let given = first("rtsp://root:hush@10.0.0.1/live", &handler);
    let made = c
        .stream_call("createStream", Method::POST, "/1/streams", given)
        .await
        .expect(201);
    let id = made.id("stream_id");
    let (one, two) = (format!("/1/streams/{id}"), format!("/2/streams/{id}"));
    let seen = c
        .stream_call("getStream", Method::GET, &one, Value::Null)
        .await
        .expect(200);
    assert_eq!(seen.body["event_handler"]["origin"], "http://10.0.0.9:5000");
    assert_eq!(seen.body["policies"]["filtering"]["min_score"], 0.75);
    assert_eq!(seen.body["data"]["droi"]["width"], 300);
    let text = seen.body.to_string();
    assert!(
        !text.contains("hush") && !text.contains("payload"),
        "{text}"
    );
    let second = c
        .stream_call("getStreamV2", Method::GET, &two, Value::Null)
        .await
        .expect(200);
    let analysis = &second.body["data"]["analytics"][0];
    assert_eq!(analysis["event_handler"]["handler_id"], handler.as_str());
    assert_eq!(analysis["mode"], 1);
    assert_eq!(analysis["sending"]["silent_period"], 3);
    assert_eq!(analysis["droi"]["height"], 400);

    // What was read can be sent back; what the second version changes, the first one shows.
    let mut again = first(seen.body["data"]["reference"].as_str().unwrap(), &handler);
    again["policies"] = seen.body["policies"].clone();
    let put = c
        .stream_call("putStream", Method::PUT, &one, again)
        .await
        .expect(200);
    assert_eq!(put.body["version"], 2);
    let mut changed = body(&account, &handler);
    changed["data"]["analytics"][0]["filtering"] = json!({"min_score_face": 0.25});
    c.stream_call("putStreamV2", Method::PUT, &two, changed)
        .await
        .expect(200);
    let seen = c
        .stream_call("getStream", Method::GET, &one, Value::Null)
        .await
        .expect(200);
    assert_eq!(seen.body["policies"]["filtering"]["min_score"], 0.25);

    let wrong = first("rtsp://cam/1", NOBODY);
    let refused = c
        .stream_call("createStream", Method::POST, "/1/streams", wrong)
        .await;
    refused.refused(400, 12022);
    let other = first("rtsp://cam/2", &handler);
    let newer = c
        .stream_call("createStream", Method::POST, "/1/streams", other)
        .await
        .expect(201);
    let newer = newer.id("stream_id");
    let ids = async |query: &str| {
        let path = format!("/1/streams{query}");
        let list = c
            .stream_call("getStreams", Method::GET, &path, Value::Null)
            .await
            .expect(200);
        let streams = list.body["streams"].as_array().unwrap().iter();
        streams
            .map(|s| s["stream_id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids("?order=desc").await, [newer.clone(), id.clone()]);
    assert_eq!(
        ids("?order=asc&page=2&page_size=1").await,
        std::slice::from_ref(&newer)
    );
    let (low, high) = (id.clone().min(newer.clone()), id.clone().max(newer.clone()));
    assert_eq!(
        ids(&format!("?stream_id__gte={high}")).await,
        std::slice::from_ref(&high)
    );
    assert_eq!(
        ids(&format!("?stream_id__lt={high}&order=desc")).await,
        [low]
    );
    let count = c
        .stream_call("countStreams", Method::GET, "/1/streams/count", Value::Null)
        .await;
    assert_eq!(count.expect(200).body["streams_count"], 2);
    let pause = json!({"status": "pause"});
    c.stream_call("patchStream", Method::PATCH, &one, pause)
        .await
        .expect(204);
    c.stream_call("removeStream", Method::DELETE, &one, Value::Null)
        .await
        .expect(204);
    c.stream_call("getStreamV2", Method::GET, &two, Value::Null)
        .await
        .refused(404, 39001);
    let rest = json!({"stream_ids": [newer]});
    c.stream_call("deleteStreams", Method::DELETE, "/1/streams", rest)
        .await
        .expect(204);
    assert!(ids("").await.is_empty());
    c.stop().await;
}

#[tokio::test]
async fn the_log_tells_what_became_of_streams() {
    let c = Coordinator::start().await;
    let account = c.account_id().await;
    let handler = handler(&c).await;
    let new = body(&account, &handler);
    let made = c
        .stream_call("createStreamV2", Method::POST, "/2/streams", new)
        .await
        .expect(201);
    let id = made.id("stream_id");
    let one = format!("/2/streams/{id}");
    let pause = json!({"status": "pause"});
    c.stream_call("patchStreamV2", Method::PATCH, &one, pause)
        .await
        .expect(204);
    c.stream_call("removeStreamV2", Method::DELETE, &one, Value::Null)
        .await
        .expect(204);

    let logs = async |query: &str| {
        let path = format!("/2/streams/logs{query}");
        let page = c
            .stream_call("getStreamsLogsV2", Method::GET, &path, Value::Null)
            .await
            .expect(200);
        page.body["logs"].as_array().unwrap().clone()
    };
    let told = logs(&format!("?stream_ids={id}&account_id={account}")).await;
    let statuses: Vec<_> = told
        .iter()
        .map(|entry| entry["status"].as_str().unwrap())
        .collect();
    assert_eq!(statuses, ["deleted", "pause", "pending"]);
    assert_eq!(told[0]["version"], 1);
    assert_eq!(told[0]["stream_id"], id.as_str());
    assert_eq!(logs("?targets=status").await[1], json!({"status": "pause"}));
    assert_eq!(logs("?statuses=pause,done").await.len(), 1);
    assert_eq!(logs("?page=2&page_size=2").await.len(), 1);
    assert!(logs(&format!("?account_id={NOBODY}")).await.is_empty());
    assert!(
        logs("?log_time__lt=2021-09-21T19:11:41.674Z")
            .await
            .is_empty()
    );
    c.stream_call(
        "getStreamsLogs",
        Method::GET,
        "/1/streams/logs?targets=age",
        Value::Null,
    )
    .await
    .refused(400, 12012);
    let gone = c
        .stream_call(
            "deleteStreamsLogs",
            Method::DELETE,
            "/1/streams/logs",
            Value::Null,
        )
        .await;
    assert_eq!(gone.expect(200).body["deleted_count"], 2);
    assert_eq!(logs("").await.len(), 1, "the last one stays");
    c.stop().await;
}

#[tokio::test]
async fn a_stream_that_nobody_works_on_shows_nothing() {
    let c = Coordinator::start().await;
    let account = c.account_id().await;
    let handler = handler(&c).await;
    let body = body(&account, &handler);
    let made = c
        .stream_call("createStreamV2", Method::POST, "/2/streams", body)
        .await
        .expect(201);
    let stream = made.id("stream_id");
    for (operation, version, kind) in [
        ("previewFrameProxyV2", 2, "frame"),
        ("previewLiveProxyV2", 2, "live"),
        ("previewFrameProxy", 1, "frame"),
    ] {
        let at = |stream: &str| format!("/{version}/streams/{stream}/preview/handler/{kind}");
        c.stream_call(operation, Method::GET, &at(&stream), Value::Null)
            .await
            .refused(404, 39009);
        c.stream_call(operation, Method::GET, &at(NOBODY), Value::Null)
            .await
            .refused(404, 39001);
    }
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
            .stream_call("createStreamV2", Method::POST, "/2/streams", body)
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
    c.stream_call("createStreamV2", Method::POST, "/2/streams", extra)
        .await
        .refused(400, 12022);
    let gone = format!("/2/streams/{NOBODY}");
    c.stream_call(
        "patchStreamV2",
        Method::PATCH,
        &gone,
        json!({"status": "pause"}),
    )
    .await
    .refused(404, 39001);
    c.stream_call("patchStreamV2", Method::PATCH, &gone, json!({}))
        .await
        .refused(400, 12022);
    c.stream_call(
        "getStreamsV2",
        Method::GET,
        "/2/streams?page_size=x",
        Value::Null,
    )
    .await
    .refused(400, 12012);
    c.stop().await;
}
