//! Real pictures through every operation that looks at pictures, with everything switched on that
//! the default pack can tell, and in every form of body. What is checked is the agreement of each
//! answer with the contract: `Coordinator::send` holds every exchange against the documents.

use std::path::{Path, PathBuf};

use base64::{Engine, engine::general_purpose::STANDARD};
use image::{DynamicImage, ImageFormat};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    harness::{Coordinator, Reply, models_home},
    vision::{MULTIPART, encoded, part, send, start},
};

/// What `/6/sdk` and `/1/sdk` share.
const SDK: &str = "detect_face=1&detect_body=1&estimate_head_pose=1&estimate_liveness=1\
    &estimate_landmarks68=1&estimate_landmarks5=1&estimate_quality=1&estimate_gaze=1\
    &estimate_eyes_attributes=1&estimate_mouth_attributes=1&estimate_face_descriptor=1\
    &estimate_basic_attributes=1&estimate_body_descriptor=1&estimate_upper_body=1\
    &estimate_lower_body=1&estimate_accessories=1&estimate_body_basic_attributes=1\
    &estimate_body_warp=1&estimate_face_warp=1&aggregate_attributes=1&extract_exif=1";
const DETECTOR: &str = "estimate_head_pose=1&detect_landmarks68=1&extract_exif=1\
    &estimate_quality=1&estimate_gaze=1&estimate_eyes_attributes=1&estimate_mouth_attributes=1\
    &estimate_face_quality=1";

/// Pictures of one person, of several and of none, small and large.
const PICTURES: [&str; 3] = [
    "two_people.jpg",
    "labelled/dogs.jpg",
    "people/test/kit_with_rose.jpg",
];

fn faces() -> Option<PathBuf> {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let shared = std::env::var_os("GOSHAWK_SHARED").map_or(default, Into::into);
    let folder = shared.join("data/faces");
    let there = PICTURES.iter().all(|name| folder.join(name).is_file());
    if !there {
        println!("SKIPPED: not all pictures are in {}", folder.display());
    }
    there.then_some(folder)
}

/// Asks the Handlers service.
async fn ask(c: &Coordinator, path: &str, account: &str, media: &str, body: Vec<u8>) -> Reply {
    let request = c
        .http
        .request(Method::POST, format!("{}{path}", c.handlers))
        .header("Luna-Account-Id", account)
        .header("Content-Type", media)
        .body(body);
    c.send("", request).await
}

#[tokio::test]
async fn real_pictures_are_answered_as_the_contract_says() {
    let (Some(home), Some(folder)) = (models_home(), faces()) else {
        return;
    };
    let c = Coordinator::start_with(&[("models.home", home.to_str().unwrap())]).await;
    let account = c.account_id().await;
    let sdk = format!("/6/sdk?{SDK}&estimate_people_count=1");
    let detector = format!("/6/detector?{DETECTOR}");
    let (mut found, mut bodies) = (0, 0);
    for name in PICTURES {
        let picture = std::fs::read(folder.join(name)).unwrap();
        let media = match name.ends_with(".png") {
            true => "image/png",
            false => "image/jpeg",
        };
        let told = send(&c, ("sdk", &sdk), media, picture.clone()).await;
        let told = told.expect(200);
        for person in told.body["images_estimations"][0]["estimations"]
            .as_array()
            .unwrap()
        {
            found += usize::from(!person["face"].is_null());
            bodies += usize::from(!person["body"].is_null());
        }
        let detected = send(&c, ("detectFaces", &detector), media, picture.clone()).await;
        detected.expect(201);
        let iso = "/6/iso?multiface_policy=1&extract_exif=1";
        let checked = send(&c, ("checkISO", iso), media, picture.clone()).await;
        checked.expect(200);
        let alive = send(
            &c,
            ("predictLiveness", "/6/liveness"),
            media,
            picture.clone(),
        )
        .await;
        alive.expect(200);
        for (path, status) in [
            (format!("/1/sdk?{SDK}"), 200),
            (format!("/1/detector?{DETECTOR}"), 201),
            ("/1/iso?multiface_policy=1".to_owned(), 200),
        ] {
            let told = ask(&c, &path, &account, media, picture.clone()).await;
            told.expect(status);
        }
    }
    assert!(found >= 3 && bodies >= 2, "{found} faces, {bodies} bodies");
    c.stop().await;
}

/// Every form of a body in which the picture may come: media type and bytes.
fn forms(picture: &DynamicImage) -> Vec<(String, Vec<u8>)> {
    let mut forms = Vec::new();
    for (name, format) in [
        ("jpeg", ImageFormat::Jpeg),
        ("png", ImageFormat::Png),
        ("bmp", ImageFormat::Bmp),
        ("tiff", ImageFormat::Tiff),
        ("x-portable-pixmap", ImageFormat::Pnm),
    ] {
        let bytes = encoded(picture, format);
        let media = format!("image/x-{}-base64", name.trim_start_matches("x-"));
        let text = STANDARD.encode(&bytes);
        let json = json!({"image": text, "mimetype": media});
        forms.push((format!("image/{name}"), bytes));
        forms.push((media, text.into_bytes()));
        forms.push(("application/json".to_owned(), json.to_string().into_bytes()));
    }
    let jpeg = encoded(picture, ImageFormat::Jpeg);
    let text = STANDARD.encode(&jpeg).into_bytes();
    let parts = [
        part("image", Some("a.jpg"), "image/jpeg", &jpeg),
        part("image", Some("b.jpg"), "image/x-jpeg-base64", &text),
        b"--xx--\r\n".to_vec(),
    ];
    forms.push((MULTIPART.to_owned(), parts.concat()));
    forms
}

fn as_json(body: &Value) -> (String, Vec<u8>) {
    ("application/json".to_owned(), body.to_string().into_bytes())
}

#[tokio::test]
async fn every_operation_reads_every_form() {
    let Some((c, photo)) = start().await else {
        return;
    };
    let account = c.account_id().await;
    let small = photo.thumbnail(256, 256);
    let jpeg = encoded(&small, ImageFormat::Jpeg);
    let kept = send(
        &c,
        ("createImages", "/6/images"),
        "image/jpeg",
        jpeg.clone(),
    )
    .await;
    let url = kept.expect(201).body["url"].clone();
    let found = send(&c, ("detectFaces", "/6/detector"), "image/jpeg", jpeg).await;
    let found = found.expect(201);
    let sample = &found.body["images"][0]["detections"]["samples"][0]["face"]["sample_id"];
    let (by_url, by_sample) = (
        json!({"urls": [{"url": url}]}),
        json!({"samples": [sample]}),
    );
    // Whether faces were told, wherever the operation tells them.
    let told =
        |path: &str, body: &Value| match path {
            _ if path.contains("/sdk") => body["images_estimations"]
                .as_array()
                .unwrap()
                .iter()
                .all(|image| {
                    image["estimations"]
                        .as_array()
                        .is_some_and(|all| all.len() == 1)
                }),
            _ => body["images"]
                .as_array()
                .unwrap()
                .iter()
                .all(|image| image["status"] == 1),
        };
    for (operation, path, status) in [
        ("sdk", "/6/sdk?detect_face=1", 200),
        ("detectFaces", "/6/detector?", 201),
        ("checkISO", "/6/iso?", 200),
        ("predictLiveness", "/6/liveness?", 200),
        ("", "/1/sdk?detect_face=1", 200),
        ("", "/1/detector?", 201),
        ("", "/1/iso?", 200),
    ] {
        let mut all: Vec<(&str, (String, Vec<u8>))> = Vec::new();
        let is_liveness = path.contains("/liveness");
        for form in forms(&small) {
            // A picture in JSON is a form of the others only, and the contract wants boxes with it
            // where faces are kept.
            let in_json = form.0 == "application/json";
            if !in_json || !(is_liveness || path.contains("/detector")) {
                all.push(("", form));
            }
        }
        all.push(match is_liveness {
            true => ("", as_json(&json!({"urls": [url]}))),
            false => ("", as_json(&by_url)),
        });
        if !is_liveness {
            let kind = match path.contains("/detector") {
                true => "warped_image=1",
                false => "image_type=1",
            };
            all.push((kind, as_json(&by_sample)));
        }
        for (more, (media, body)) in all {
            let path = format!("{path}&{more}");
            let reply = match operation {
                "" => ask(&c, &path, &account, &media, body).await,
                _ => send(&c, (operation, &path), &media, body).await,
            };
            let reply = reply.expect(status);
            assert!(told(&path, &reply.body), "{path} {media}: {}", reply.body);
        }
    }
    for path in ["/6/sdk?detect_face=1", "/6/iso"] {
        let request = c
            .request(Method::POST, path)
            .header("Content-Type", "image/png")
            .header("Accept", "application/msgpack")
            .body(encoded(&small, ImageFormat::Png));
        let packed = c.send("", request).await.expect(200);
        assert_eq!(packed.headers["content-type"], "application/msgpack");
    }
    c.stop().await;
}
