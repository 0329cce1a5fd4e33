//! What a handler's detect policy asks of pictures, in the events made of them.

use base64::{Engine, engine::general_purpose::STANDARD};
use image::ImageFormat;
use serde_json::{Value, json};

use crate::{
    harness::{Coordinator, Reply, models_home},
    vision::{encoded, send, start, two_people},
};

async fn handler(c: &Coordinator, policies: Value) -> String {
    let body = json!({"policies": policies});
    let made = c.post("createHandler", "/6/handlers", body).await;
    made.expect(201).id("handler_id")
}

async fn generate(c: &Coordinator, handler: &str, query: &str, jpeg: Vec<u8>) -> Reply {
    let path = format!("/6/handlers/{handler}/events?{query}");
    let made = send(c, ("generateEvents", &path), "image/jpeg", jpeg).await;
    made.expect(201)
}

async fn row(c: &Coordinator, event: &Value) -> Value {
    let id = event["event_id"].as_str().unwrap();
    let row = c.get("getEvent", &format!("/6/events/{id}")).await;
    row.expect(200).body
}

async fn count(c: &Coordinator, query: &str) -> usize {
    let found = c.get("getEvents", &format!("/6/events?{query}")).await;
    found.expect(200).body["events"].as_array().unwrap().len()
}

#[tokio::test]
async fn what_a_policy_asks_of_a_face_is_in_its_event() {
    let Some((c, photo)) = start().await else {
        return;
    };
    let all = json!({"detect_policy": {
        "estimate_head_pose": 1, "estimate_quality": 1, "estimate_gaze": 1,
        "estimate_eyes_attributes": 1, "estimate_mouth_attributes": 1, "detect_landmarks68": 1,
        "extract_exif": 1, "estimate_liveness": {"estimate": 1},
        "estimate_people_count": {"estimate": 1},
        "face_quality": {"estimate": 1, "checks": {
            "head_yaw": {"threshold": {"min": -90, "max": 90}}, "red_eyes": {"estimate": 0},
        }},
    }});
    let id = handler(&c, all).await;
    let shown = c.get("getHandler", &format!("/6/handlers/{id}")).await;
    let checks = &shown.expect(200).body["policies"]["detect_policy"]["face_quality"]["checks"];
    assert_eq!(checks["head_yaw"]["threshold"]["max"], 90);
    assert_eq!(checks["red_eyes"]["estimate"], 0);
    assert_eq!(checks["head_roll"]["threshold"]["max"], 8.0);

    let made = generate(&c, &id, "", encoded(&photo, ImageFormat::Jpeg)).await;
    let image = &made.body["images"][0];
    assert_eq!(image["image_estimations"]["people"]["count"], 1);
    assert!(image["exif"].is_object());
    let event = &made.body["events"][0];
    let face = &event["detections"][0]["samples"]["face"]["detection"];
    assert_eq!(face["landmarks68"].as_array().unwrap().len(), 68);
    let attributes = &face["attributes"];
    assert!(attributes["mouth_attributes"]["smile"].as_f64().unwrap() > 0.5);
    assert_eq!(attributes["eyes_attributes"]["left_eye"]["state"], "open");
    assert!(attributes["gaze"]["yaw"].is_number() && attributes["head_pose"]["yaw"].is_number());
    // The default pack has no model for liveness.
    assert_eq!(attributes["liveness"]["prediction"], "unknown");
    let told = face["face_quality"]["checks"].as_array().unwrap();
    let check = |name: &str| told.iter().find(|check| check["name"] == name);
    let yaw = check("head_yaw").unwrap();
    assert_eq!(
        (&yaw["threshold_value"]["max"], &yaw["result"]),
        (&json!(90.0), &json!(1))
    );
    assert_eq!(check("red_eyes"), None);
    assert!(face["quality"]["blurriness"].is_number());
    c.stop().await;
}

#[tokio::test]
async fn a_face_that_fails_a_check_is_filtered_with_the_check() {
    let Some((c, photo)) = start().await else {
        return;
    };
    let wide = json!({"detect_policy": {"face_quality": {
        "estimate": 1, "filter": 1,
        "checks": {"eye_distance": {"threshold": {"min": 5000}}},
    }}});
    let id = handler(&c, wide).await;
    let made = generate(&c, &id, "", encoded(&photo, ImageFormat::Jpeg)).await;
    assert_eq!(made.body["events"], json!([]));
    let filtered = &made.body["filtered_detections"]["face_detections"][0];
    let reasons = filtered["filter_reasons"].as_array().unwrap();
    let distance = reasons
        .iter()
        .find(|reason| reason["filter_name"] == "eye_distance");
    let distance = distance.unwrap_or_else(|| panic!("{reasons:?}"));
    assert!(distance["object_value"].as_f64().unwrap() < 200.0);
    assert_eq!(
        distance["threshold_value"],
        json!({"min": 5000.0, "max": null})
    );
    let detection = &filtered["detection"]["sample"]["detection"];
    assert!(detection["rect"]["x"].is_number() && detection["face_quality"]["status"] == 0);

    // Without `filter` the same checks only tell.
    let told = json!({"detect_policy": {"face_quality": {
        "estimate": 1, "checks": {"eye_distance": {"threshold": {"min": 5000}}},
    }}});
    let id = handler(&c, told).await;
    let made = generate(&c, &id, "", encoded(&photo, ImageFormat::Jpeg)).await;
    assert_eq!(made.body["events"].as_array().unwrap().len(), 1);
    c.stop().await;
}

#[tokio::test]
async fn bodies_are_told_kept_and_found_again() {
    let (Some(home), Some(photo)) = (models_home(), two_people()) else {
        return;
    };
    let c = Coordinator::start_with(&[("models.home", home.to_str().unwrap())]).await;
    let bodies = json!({
        "detect_policy": {
            "detect_body": 1, "estimate_people_count": {"estimate": 1, "people_coordinates": 0},
            "body_attributes": {
                "estimate_basic_attributes": 1, "estimate_upper_body": 1,
                "estimate_lower_body": 1, "estimate_accessories": 1,
            },
        },
        "extract_policy": {"extract_face_descriptor": 0},
        "storage_policy": {"body_sample_policy": {"store_sample": 1},
                           "image_origin_policy": {"store_image": 1}},
    });
    let id = handler(&c, bodies).await;
    let made = generate(&c, &id, "", photo.clone()).await;
    let people = &made.body["images"][0]["image_estimations"]["people"];
    assert!(people["count"].as_i64().unwrap() >= 2, "{people}");
    assert_eq!(people["coordinates"], json!(null));
    let events = made.body["events"].as_array().unwrap();
    let with = |event: &&Value, part: &str| !event["detections"][0]["samples"][part].is_null();
    let whole: Vec<&Value> = events
        .iter()
        .filter(|event| with(event, "face") && with(event, "body"))
        .collect();
    assert!(
        !whole.is_empty(),
        "face and body in one event: {}",
        made.body
    );
    let body = &whole[0]["detections"][0]["samples"]["body"];
    let attributes = &body["detection"]["attributes"];
    assert!(attributes["upper_body"]["upper_clothing"]["colors"].is_array());
    assert!(attributes["accessories"]["backpack"]["state"].is_number());
    assert_eq!(
        &whole[0]["aggregate_estimations"]["body"]["attributes"]["upper_body"],
        &attributes["upper_body"]
    );
    let sample = c.get("", body["url"].as_str().unwrap()).await.expect(200);
    assert_eq!(sample.headers["content-type"], "image/jpeg");

    let kept = row(&c, whole[0]).await;
    assert_eq!(kept["upper_body"], attributes["upper_body"]);
    assert_eq!(kept["body_detections"].as_array().unwrap().len(), 1);
    let length = attributes["upper_body"]["sleeve"]["length"]
        .as_str()
        .unwrap();
    assert!(count(&c, &format!("sleeve_lengths={length}")).await >= 1);
    let all = events.len();
    assert_eq!(count(&c, "emotions=null").await, all);

    // A body by itself makes an event too, but no face.
    let alone = json!({"detect_policy": {"detect_face": 0, "detect_body": 1},
                       "storage_policy": {"face_policy": {"store_face": 1}}});
    let id = handler(&c, alone).await;
    let made = generate(&c, &id, "", photo).await;
    let event = &made.body["events"][0];
    assert_eq!(event["face"], json!(null));
    assert_eq!(event["detections"][0]["samples"]["face"], json!(null));
    let sample = event["detections"][0]["samples"]["body"]["url"].as_str();
    // The sample of a body is an event's picture as well.
    let jpeg = c.get("", sample.unwrap()).await.expect(200).bytes;
    let made = generate(&c, &id, "image_type=2", jpeg.to_vec()).await;
    let body = &made.body["events"][0]["detections"][0]["samples"]["body"];
    assert!(body["detection"].get("rect").is_none(), "{body}");
    c.stop().await;
}

#[tokio::test]
async fn what_no_model_tells_is_refused_by_name() {
    let Some(home) = models_home() else { return };
    let c = Coordinator::start_with(&[("models.home", home.to_str().unwrap())]).await;
    for (detect, name) in [
        (json!({"estimate_emotions": 1}), "estimate_emotions"),
        (json!({"estimate_mask": 1}), "estimate_mask"),
        (json!({"mask_states": [1]}), "mask_states"),
        (json!({"estimate_glasses": 1}), "estimate_glasses"),
        (
            json!({"estimate_deepfake": {"estimate": 1}}),
            "estimate_deepfake",
        ),
        (
            json!({"estimate_face_occlusion": {"estimate": 1}}),
            "estimate_face_occlusion",
        ),
    ] {
        let body = json!({"policies": {"detect_policy": detect}});
        let refused = c.post("createHandler", "/6/handlers", body).await;
        let refused = refused.refused(403, 11055);
        assert!(refused.detail().contains(name), "{}", refused.detail());
    }
    for (quality, path) in [
        (json!({"checks": {"charm": {}}}), "checks.charm"),
        (
            json!({"checks": {"head_yaw": {"threshold": {"min": "x"}}}}),
            "checks.head_yaw.threshold.min",
        ),
    ] {
        let body = json!({"policies": {"detect_policy": {"face_quality": quality}}});
        let refused = c.post("createHandler", "/6/handlers", body).await;
        assert!(refused.detail().contains(path), "{}", refused.detail());
    }
    c.stop().await;
}

#[tokio::test]
async fn an_sdk_descriptor_is_an_event_of_the_face_that_it_is_of() {
    let Some((c, photo)) = start().await else {
        return;
    };
    let jpeg = encoded(&photo, ImageFormat::Jpeg);
    let made_of = json!({"storage_policy": {"face_policy": {"store_face": 1}}});
    let id = handler(&c, made_of).await;
    let made = generate(&c, &id, "", jpeg.clone()).await;
    let face_id = &made.body["events"][0]["face"]["face_id"];

    let path = "/6/sdk?detect_face=1&estimate_face_descriptor=1";
    let told = send(&c, ("sdk", path), "image/jpeg", jpeg).await;
    let face = &told.expect(200).body["images_estimations"][0]["estimations"][0]["face"];
    let text = &face["detection"]["attributes"]["descriptor"]["sdk_descriptor"];
    let bytes = STANDARD.decode(text.as_str().unwrap()).unwrap();
    assert!(bytes.starts_with(b"dp\0\0"));

    let matching = json!({"match_policy": [{"label": "known", "candidates": {"origin": "faces"}}]});
    let id = handler(&c, matching).await;
    let path = format!("/6/handlers/{id}/events");
    let events = ("generateEvents", path.as_str());
    for (media, body) in [
        ("application/x-sdk-descriptor", bytes.clone()),
        (
            "application/x-sdk-descriptor-base64",
            text.as_str().unwrap().as_bytes().to_vec(),
        ),
    ] {
        let made = send(&c, events, media, body).await.expect(201);
        assert_eq!(made.body["images"][0]["status"], 1);
        let event = &made.body["events"][0];
        assert_eq!(event["detections"], json!([]));
        let best = &event["matches"][0]["candidates"][0];
        assert_eq!(&best["face"]["face_id"], face_id);
        // What one byte a value loses does not show.
        assert!(best["similarity"].as_f64().unwrap() > 0.99, "{best}");
    }
    let mut foreign = bytes.clone();
    foreign[4..8].copy_from_slice(&62u32.to_le_bytes());
    for (query, media, body, code) in [
        ("", "application/x-sdk-descriptor", b"x".to_vec(), 12_038),
        (
            "",
            "application/x-sdk-descriptor",
            bytes[..40].to_vec(),
            12_038,
        ),
        ("", "application/x-sdk-descriptor", foreign, 34_001),
        (
            "?aggregate_attributes=1",
            "application/x-sdk-descriptor",
            bytes,
            34_003,
        ),
        ("", "application/x-vl-xpk", b"x".to_vec(), 12_035),
    ] {
        let path = format!("{path}{query}");
        let refused = send(&c, ("generateEvents", &path), media, body).await;
        refused.refused(400, code);
    }
    c.stop().await;
}
