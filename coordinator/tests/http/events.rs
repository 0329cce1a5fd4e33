//! From a picture to an event, with the installed models.

use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Coordinator, models_home};

const NOBODY: &str = "7acc35cf-a3b2-4f87-8d8b-5496a2782d37";

/// A photograph of a person from the set-up's downloads.
pub fn portrait(home: &Path) -> Option<Vec<u8>> {
    let path = home.join("clip/portraits/astronaut.png");
    let photo = std::fs::read(&path).ok();
    if photo.is_none() {
        println!("SKIPPED: no photograph at {}", path.display());
    }
    photo
}

/// The media type of a picture by its first bytes.
pub fn tell_apart(picture: &[u8]) -> &'static str {
    if picture.starts_with(b"\x89PNG") {
        "image/png"
    } else {
        "image/jpeg"
    }
}

async fn detect(c: &Coordinator, query: &str, photo: Vec<u8>) -> crate::harness::Reply {
    let request = c
        .request(Method::POST, &format!("/6/detector{query}"))
        .header("Content-Type", tell_apart(&photo))
        .body(photo);
    c.send("detectFaces", request).await
}

#[tokio::test]
async fn a_photograph_becomes_a_face_and_is_recognised() {
    let Some(home) = models_home() else { return };
    let Some(photo) = portrait(&home) else { return };
    let c = Coordinator::start_with(&[("models.home", home.to_str().unwrap())]).await;
    c.get("healthcheck", "/6/healthcheck").await.expect(200);

    let found = detect(
        &c,
        "?estimate_head_pose=1&estimate_quality=1",
        photo.clone(),
    )
    .await
    .expect(201);
    let face = &found.body["images"][0]["detections"]["samples"][0]["face"];
    let sample = face["sample_id"].as_str().unwrap().to_owned();
    let stored = c
        .get("", &format!("/6/samples/faces/{sample}"))
        .await
        .expect(200);
    assert_eq!(stored.headers["content-type"], "image/jpeg");
    let turned = detect(&c, "?yaw_threshold=0", photo.clone())
        .await
        .expect(201);
    let filtered =
        &turned.body["images"][0]["detections"]["filtered_detections"]["face_detections"];
    assert_eq!(
        filtered[0]["filter_reasons"][0]["filter_name"],
        "yaw_threshold"
    );

    let extracted = c
        .post(
            "extractAttributes",
            "/6/extractor?extract_basic_attributes=1",
            json!([sample]),
        )
        .await
        .expect(201);
    let attribute = extracted.body[0]["attribute_id"]
        .as_str()
        .unwrap()
        .to_owned();
    c.get("getAttribute", &format!("/6/attributes/{attribute}"))
        .await
        .expect(200);
    let list = c
        .post("createList", "/6/lists", json!({"user_data": "staff"}))
        .await
        .id("list_id");
    let body = json!({"attribute": {"attribute_id": attribute}, "user_data": "astronaut", "lists": [list]});
    let face_id = c
        .post("createFace", "/6/faces", body)
        .await
        .expect(201)
        .id("face_id");

    let handler = json!({"description": "door", "policies": {
        "detect_policy": {"estimate_head_pose": 1},
        "extract_policy": {"extract_basic_attributes": 1},
        "match_policy": [{"label": "staff", "candidates": {"origin": "faces", "list_id": list}, "threshold": 0.5}],
        "storage_policy": {"image_origin_policy": {"store_image": 1}, "attribute_policy": {"store_attribute": 1}},
    }});
    let handler = c
        .post("createHandler", "/6/handlers", handler)
        .await
        .expect(201)
        .id("handler_id");
    let url = format!(
        "/6/handlers/{handler}/events?source=test&tags=a,b&city=Wien&longitude=16.4&latitude=48.2"
    );
    let request = c
        .request(Method::POST, &url)
        .header("Content-Type", tell_apart(&photo))
        .body(photo.clone());
    let made = c.send("generateEvents", request).await.expect(201);
    let event = &made.body["events"][0];
    let best = &event["matches"][0]["candidates"][0];
    assert_eq!(best["face"]["face_id"], face_id);
    assert!(best["similarity"].as_f64().unwrap() > 0.9, "{best}");

    let id = event["event_id"].as_str().unwrap();
    let row = c
        .get("getEvent", &format!("/6/events/{id}"))
        .await
        .expect(200);
    assert_eq!(row.body["top_match"]["face_id"], face_id);
    assert_eq!(row.body["tags"], json!(["a", "b"]));
    let count = async |query: &str| {
        c.get("getEvents", &format!("/6/events?{query}"))
            .await
            .expect(200)
            .body["events"]
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!(count("sources=test&tags=a&cities=Wien").await, 1);
    assert_eq!(count("sources=other").await, 0);
    assert_eq!(
        count(&format!(
            "handler_ids={handler}&top_similar_object_similarity__gte=0.9"
        ))
        .await,
        1
    );
    let again = json!({"references": [{"type": "event", "id": id}], "candidates": [{"filters": {"origin": "faces"}}]});
    let matched = c
        .post("matchFaces", "/6/matcher/faces", again)
        .await
        .expect(200);
    assert_eq!(
        matched.body[0]["matches"][0]["result"][0]["face"]["face_id"],
        face_id
    );
    c.stop().await;
}

#[tokio::test]
async fn pictures_come_in_several_ways() {
    let Some(home) = models_home() else { return };
    let Some(photo) = portrait(&home) else { return };
    let c = Coordinator::start_with(&[("models.home", home.to_str().unwrap())]).await;
    let mut form = b"--xx\r\nContent-Disposition: form-data; name=\"image\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n".to_vec();
    form.extend_from_slice(&photo);
    form.extend_from_slice(b"\r\n--xx\r\nContent-Disposition: form-data; name=\"image\"; filename=\"b.jpg\"\r\nContent-Type: image/jpeg\r\n\r\nno picture\r\n--xx--\r\n");
    let request = c
        .request(Method::POST, "/6/detector")
        .header("Content-Type", "multipart/form-data; boundary=xx")
        .body(form);
    let found = c.send("detectFaces", request).await.expect(201);
    let images = found.body["images"].as_array().unwrap();
    assert_eq!(
        (&images[0]["filename"], &images[0]["status"]),
        (&json!("a.png"), &json!(1))
    );
    assert_eq!(
        (&images[1]["filename"], &images[1]["status"]),
        (&json!("b.jpg"), &json!(0))
    );
    assert_ne!(images[1]["error"]["error_code"], 0);
    let boxes = "--xx\r\nContent-Disposition: form-data; name=\"face_bounding_boxes\"\r\n\r\n[{\"filename\": \"a.png\"}]\r\n--xx--\r\n";
    let request = c
        .request(Method::POST, "/6/detector")
        .header("Content-Type", "multipart/form-data; boundary=xx")
        .body(boxes);
    let reply = c.send("detectFaces", request).await.refused(400, 12022);
    assert!(
        reply.detail().contains("'face_bounding_boxes'"),
        "{}",
        reply.detail()
    );
    let urls = json!({"urls": [{"url": "http://169.254.169.254/latest"}]});
    c.post("detectFaces", "/6/detector", urls)
        .await
        .refused(400, 11027);
    let samples: Value = json!({"samples": [NOBODY]});
    c.post("", "/6/detector", samples).await.refused(400, 13003);
    c.stop().await;
}

#[tokio::test]
async fn without_models_pictures_are_refused_as_a_feature_that_is_off() {
    let c = Coordinator::start().await;
    let handler = c
        .post(
            "createHandler",
            "/6/handlers",
            json!({"description": "", "policies": {}}),
        )
        .await
        .id("handler_id");
    for (operation, path) in [
        ("detectFaces", "/6/detector".to_owned()),
        ("generateEvents", format!("/6/handlers/{handler}/events")),
    ] {
        let request = c
            .request(Method::POST, &path)
            .header("Content-Type", "image/jpeg")
            .body("x");
        c.send(operation, request).await.refused(403, 11055);
    }
    c.post("extractAttributes", "/6/extractor", json!([NOBODY]))
        .await
        .refused(403, 11055);
    let nobody = c
        .request(Method::POST, &format!("/6/handlers/{NOBODY}/events"))
        .header("Content-Type", "image/jpeg")
        .body("x");
    c.send("generateEvents", nobody).await.refused(404, 11033);
    c.get("getEvent", &format!("/6/events/{NOBODY}"))
        .await
        .refused(404, 23001);
    c.get("getEvents", "/6/events?gender=5")
        .await
        .refused(400, 12012);
    c.stop().await;
}
