//! Where pictures for estimations come from, how they lie, and who may ask without credentials.

use image::{DynamicImage, ImageFormat};
use reqwest::Method;
use serde_json::json;

use crate::vision::{encoded, sdk, send, start};

#[tokio::test]
async fn pictures_that_are_kept_here_are_named() {
    let Some((c, photo)) = start().await else {
        return;
    };
    let jpeg = encoded(&photo, ImageFormat::Jpeg);
    let found = send(
        &c,
        ("detectFaces", "/6/detector"),
        "image/jpeg",
        jpeg.clone(),
    )
    .await;
    let found = found.expect(201);
    let sample = &found.body["images"][0]["detections"]["samples"][0]["face"]["sample_id"];
    let image = send(&c, ("createImages", "/6/images"), "image/jpeg", jpeg).await;
    let image = image.expect(201);
    let path = "/6/sdk?image_type=1&estimate_basic_attributes=1&estimate_gaze=1";
    let told = c
        .post("sdk", path, json!({"samples": [sample]}))
        .await
        .expect(200);
    let face = &told.body["images_estimations"][0]["estimations"][0]["face"]["detection"];
    assert!(face["attributes"]["basic_attributes"]["age"].is_number());
    // Where the eyes look is not told of samples, nor where the face is.
    assert!(face["attributes"]["gaze"].is_null() && face["rect"].is_null());
    for url in [&image.body["url"], &image.body["external_url"]] {
        let body = json!({"urls": [{"url": url}]});
        let told = c
            .post("sdk", "/6/sdk?detect_face=1", body)
            .await
            .expect(200);
        let people = &told.body["images_estimations"][0]["estimations"];
        assert_eq!(people.as_array().unwrap().len(), 1, "{url}");
        let live = c
            .post("predictLiveness", "/6/liveness", json!({"urls": [url]}))
            .await;
        assert_eq!(live.expect(200).body["images"][0]["filename"], *url);
    }
    let nowhere = json!({"urls": [{"url": "/6/images/7acc35cf-a3b2-4f87-8d8b-5496a2782d37"}]});
    c.post("checkISO", "/6/iso", nowhere)
        .await
        .refused(400, 11027);
    let missing = json!({"samples": ["7acc35cf-a3b2-4f87-8d8b-5496a2782d37"]});
    c.post("checkISO", "/6/iso", missing.clone())
        .await
        .refused(404, 13003);
    c.post("sdk", "/6/sdk", missing).await.refused(400, 13003);
    let large = encoded(&photo, ImageFormat::Png);
    let wrong = send(&c, ("sdk", "/6/sdk?image_type=1"), "image/png", large)
        .await
        .expect(200);
    assert_eq!(
        wrong.body["images_estimations"][0]["error"]["error_code"],
        11043
    );
    c.stop().await;
}

/// A JPEG with the note that it lies on its side, made by a camera called "Goshawk".
fn lying(photo: &DynamicImage) -> Vec<u8> {
    let jpeg = encoded(&photo.rotate270(), ImageFormat::Jpeg);
    let mut tiff = b"MM\0\x2a\0\0\0\x08\0\x02".to_vec();
    tiff.extend(b"\x01\x0f\0\x02\0\0\0\x08\0\0\0\x26");
    tiff.extend(b"\x01\x12\0\x03\0\0\0\x01\0\x06\0\0");
    tiff.extend(b"\0\0\0\0Goshawk\0");
    let length = (tiff.len() as u16 + 8).to_be_bytes();
    [
        &jpeg[..2],
        b"\xff\xe1",
        &length,
        b"Exif\0\0",
        &tiff,
        &jpeg[2..],
    ]
    .concat()
}

#[tokio::test]
async fn cameras_are_told_and_their_orientation_is_followed() {
    let Some((c, photo)) = start().await else {
        return;
    };
    let lying = lying(&photo);
    let told = sdk(
        &c,
        "detect_face=1&estimate_head_pose=1&extract_exif=1",
        &lying,
    )
    .await;
    let told = told.expect(200);
    let picture = &told.body["images_estimations"][0];
    assert_eq!(
        picture["exif"],
        json!({"make": "Goshawk", "orientation": 6})
    );
    let roll = &picture["estimations"][0]["face"]["detection"]["attributes"]["head_pose"]["roll"];
    assert!(roll.as_f64().unwrap().abs() < 30.0, "upright");
    let as_it_is = sdk(
        &c,
        "detect_face=1&estimate_head_pose=1&use_exif_info=0",
        &lying,
    )
    .await;
    let people = &as_it_is.expect(200).body["images_estimations"][0]["estimations"];
    let roll = people[0]["face"]["detection"]["attributes"]["head_pose"]["roll"].as_f64();
    assert!(roll.is_none_or(|roll| roll.abs() > 45.0), "{roll:?}");
    let path = "/6/detector?extract_exif=1";
    let detected = send(&c, ("detectFaces", path), "image/jpeg", lying.clone())
        .await
        .expect(201);
    assert_eq!(detected.body["images"][0]["exif"]["make"], "Goshawk");
    let checked = send(
        &c,
        ("checkISO", "/6/iso?extract_exif=1"),
        "image/jpeg",
        lying,
    )
    .await;
    assert_eq!(
        checked.expect(200).body["images"][0]["exif"]["orientation"],
        6
    );
    c.stop().await;
}

#[tokio::test]
async fn services_behind_loopback_ask_without_credentials() {
    let Some((c, photo)) = start().await else {
        return;
    };
    let jpeg = encoded(&photo, ImageFormat::Jpeg);
    let account = c.account_id().await;
    let ask = |path: &str, account: Option<&str>, media: &str, body: Vec<u8>| {
        let request = c
            .http
            .request(Method::POST, format!("{}{path}", c.handlers))
            .header("Content-Type", media)
            .body(body);
        match account {
            Some(account) => request.header("Luna-Account-Id", account),
            None => request,
        }
    };
    let picture = |path, account| ask(path, account, "image/jpeg", jpeg.clone());
    c.send("", picture("/1/detector", None))
        .await
        .refused(400, 11066);
    let found = c
        .send("", picture("/1/detector", Some(&account)))
        .await
        .expect(201);
    let sample = found.body["images"][0]["detections"]["samples"][0]["face"]["sample_id"].clone();
    let samples = json!([sample]).to_string().into_bytes();
    let extract = ask("/1/extractor", Some(&account), "application/json", samples);
    c.send("", extract).await.expect(201);
    let told = c
        .send("", picture("/1/sdk?detect_face=1", None))
        .await
        .expect(200);
    let face = &told.body["images_estimations"][0]["estimations"][0]["face"]["detection"];
    assert!(face["attributes"]["descriptor"]["sdk_descriptor"].is_string());
    c.send("", picture("/1/iso", None)).await.expect(200);
    let named = json!({"samples": [sample]}).to_string().into_bytes();
    for path in ["/1/sdk?image_type=1", "/1/iso?image_type=1"] {
        let of = |account| ask(path, account, "application/json", named.clone());
        c.send("", of(Some(&account))).await.expect(200);
        // Samples are somebody's.
        c.send("", of(None)).await.refused(400, 11066);
        let nobody = "7acc35cf-a3b2-4f87-8d8b-5496a2782d37";
        let other = c.send("", of(Some(nobody))).await;
        assert_eq!(other.code(), 13003);
    }
    c.stop().await;
}
