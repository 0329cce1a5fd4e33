//! Lists and faces.

use reqwest::Method;
use serde_json::json;

use crate::harness::Coordinator;

const NOBODY: &str = "7acc35cf-a3b2-4f87-8d8b-5496a2782d37";

#[tokio::test]
async fn lists_are_made_found_changed_and_removed() {
    let c = Coordinator::start().await;
    let made = c
        .post("createList", "/6/lists", json!({"user_data": "staff"}))
        .await
        .expect(201);
    let id = made.id("list_id");
    assert_eq!(made.headers["location"], format!("/6/lists/{id}"));
    assert_eq!(made.body["external_url"], format!("{}/6/lists/{id}", c.api));
    c.post("createList", "/6/lists", json!({"user_data": "guests"}))
        .await
        .expect(201);
    let found = c
        .get("getLists", "/6/lists?user_data=sta")
        .await
        .expect(200);
    assert_eq!(found.body["lists"].as_array().unwrap().len(), 1);
    assert_eq!(
        c.get("getListsCount", "/6/lists/count")
            .await
            .expect(200)
            .body["lists_count"],
        2
    );
    let page = c
        .get("getLists", "/6/lists?page=2&page_size=1")
        .await
        .expect(200);
    assert_eq!(page.body["lists"].as_array().unwrap().len(), 1);
    c.with_body(
        "patchList",
        Method::PATCH,
        &format!("/6/lists/{id}"),
        json!({"user_data": "crew"}),
    )
    .await
    .expect(204);
    assert_eq!(
        c.get("getList", &format!("/6/lists/{id}"))
            .await
            .expect(200)
            .body["user_data"],
        "crew"
    );
    c.send(
        "checkList",
        c.request(Method::HEAD, &format!("/6/lists/{id}")),
    )
    .await
    .expect(200);
    c.delete("deleteList", &format!("/6/lists/{id}"))
        .await
        .expect(204);
    c.get("getList", &format!("/6/lists/{id}"))
        .await
        .refused(404, 22003);
    c.send(
        "checkList",
        c.request(Method::HEAD, &format!("/6/lists/{NOBODY}")),
    )
    .await
    .expect(404);
    c.with_body(
        "deleteLists",
        Method::DELETE,
        "/6/lists",
        json!({"list_ids": [NOBODY]}),
    )
    .await
    .expect(204);
    c.stop().await;
}

#[tokio::test]
async fn mistakes_in_lists_and_faces_are_named() {
    let c = Coordinator::start().await;
    let wrong = c
        .post("createList", "/6/lists", json!({"userData": "x"}))
        .await
        .refused(400, 12022);
    assert!(wrong.detail().contains("userData"), "{}", wrong.detail());
    let long = c
        .post(
            "createList",
            "/6/lists",
            json!({"user_data": "x".repeat(129)}),
        )
        .await
        .refused(400, 12022);
    assert!(
        long.detail().contains("Path: 'user_data'"),
        "{}",
        long.detail()
    );
    c.post("createList", "/6/lists", json!({"user_data": 7}))
        .await
        .refused(400, 12022);
    let page = c
        .get("getLists", "/6/lists?page_size=0")
        .await
        .refused(400, 12012);
    assert_eq!(page.detail(), "Bad query parameters 'page_size'");
    c.get("getFaces", "/6/faces?targets=nothing")
        .await
        .refused(400, 22016);
    c.get("getFaces", "/6/faces?list_id=x")
        .await
        .refused(400, 12012);
    c.post("createFace", "/6/faces", json!({"userdata": "x"}))
        .await
        .refused(400, 12022);
    c.post("createFace", "/6/faces", json!({"lists": [NOBODY]}))
        .await
        .refused(400, 22003);
    c.post(
        "createFace",
        "/6/faces",
        json!({"attribute": {"attribute_id": NOBODY}}),
    )
    .await
    .refused(400, 22011);
    c.post("createFace", "/6/faces", json!({"attribute": {}}))
        .await
        .refused(400, 12022);
    c.get("getFace", &format!("/6/faces/{NOBODY}"))
        .await
        .refused(404, 22002);
    c.get("getAttribute", &format!("/6/attributes/{NOBODY}"))
        .await
        .refused(404, 22011);
    c.get("getSample", &format!("/6/samples/faces/{NOBODY}"))
        .await
        .refused(404, 13003);
    c.get("getImage", &format!("/6/images/{NOBODY}"))
        .await
        .refused(404, 13003);
    c.stop().await;
}

#[tokio::test]
async fn faces_belong_to_lists() {
    let c = Coordinator::start().await;
    let list = c
        .post("createList", "/6/lists", json!({}))
        .await
        .expect(201)
        .id("list_id");
    let body = json!({"external_id": "e1", "user_data": "ada", "lists": [list]});
    let one = c
        .post("createFace", "/6/faces", body)
        .await
        .expect(201)
        .id("face_id");
    let two = c
        .post("createFace", "/6/faces", json!({"user_data": "bob"}))
        .await
        .expect(201)
        .id("face_id");
    let link = format!("/6/lists/{list}/faces");
    c.with_body(
        "linkFaces",
        Method::PATCH,
        &link,
        json!({"action": "attach", "face_ids": [two]}),
    )
    .await
    .expect(204);
    let inside = c
        .get("getFaces", &format!("/6/faces?list_id={list}"))
        .await
        .expect(200);
    assert_eq!(inside.body["faces"].as_array().unwrap().len(), 2);
    c.with_body(
        "linkFaces",
        Method::PATCH,
        &link,
        json!({"action": "detach", "face_ids": [one]}),
    )
    .await
    .expect(204);
    assert_eq!(
        c.get("getFacesCount", &format!("/6/faces/count?list_id={list}"))
            .await
            .expect(200)
            .body["faces_count"],
        1
    );
    c.with_body(
        "linkFaces",
        Method::PATCH,
        &link,
        json!({"action": "attach", "face_ids": [NOBODY]}),
    )
    .await
    .refused(400, 22004);
    c.with_body(
        "linkFaces",
        Method::PATCH,
        &link,
        json!({"action": "push", "face_ids": [one]}),
    )
    .await
    .refused(400, 12022);
    let face = format!("/6/faces/{one}");
    c.with_body(
        "patchFace",
        Method::PATCH,
        &face,
        json!({"user_data": "ada l."}),
    )
    .await
    .expect(204);
    let seen = c
        .get("getFace", &format!("{face}?targets=user_data,external_id"))
        .await
        .expect(200);
    assert_eq!(
        seen.body,
        json!({"user_data": "ada l.", "external_id": "e1"})
    );
    c.get("getFace", &face).await.expect(200);
    c.with_body(
        "deleteFaces",
        Method::DELETE,
        "/6/faces",
        json!({"face_ids": [one, NOBODY]}),
    )
    .await
    .refused(404, 22002);
    c.with_body(
        "patchFace",
        Method::PATCH,
        &face,
        json!({"event_id": NOBODY}),
    )
    .await
    .expect(204);
    c.with_body("patchFace", Method::PATCH, &face, json!({"event_id": null}))
        .await
        .expect(204);
    let seen = c.get("getFace", &format!("{face}?targets=event_id")).await;
    assert_eq!(seen.expect(200).body, json!({"event_id": null}));
    c.delete("deleteFace", &face).await.expect(204);
    let with_faces = format!("/6/lists/{list}?with_faces=1");
    c.delete("deleteList", &with_faces).await.expect(202);
    c.get("getFace", &format!("/6/faces/{two}"))
        .await
        .refused(404, 22002);
    c.send("checkFace", c.request(Method::HEAD, &face))
        .await
        .expect(404);
    c.stop().await;
}
