//! What is told of pictures, by the installed models.

use std::{io::Cursor, path::Path};

use base64::{Engine, engine::general_purpose::STANDARD};
use image::{DynamicImage, ImageFormat};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    events::portrait,
    harness::{Coordinator, Reply, models_home},
};

/// A coordinator with models and a photograph of one person; `None` where they are not installed.
pub async fn start() -> Option<(Coordinator, DynamicImage)> {
    let home = models_home()?;
    let photo = portrait(&home)?;
    let c = Coordinator::start_with(&[("models.home", home.to_str().unwrap())]).await;
    Some((c, image::load_from_memory(&photo).unwrap()))
}

pub fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let rgb = DynamicImage::ImageRgb8(picture.to_rgb8());
    rgb.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// Sends bytes of a media type.
pub async fn send(
    c: &Coordinator,
    (operation, path): (&str, &str),
    media: &str,
    body: impl Into<reqwest::Body>,
) -> Reply {
    let request = c
        .request(Method::POST, path)
        .header("Content-Type", media)
        .body(body);
    c.send(operation, request).await
}

pub async fn sdk(c: &Coordinator, query: &str, jpeg: &[u8]) -> Reply {
    let path = format!("/6/sdk?{query}");
    send(c, ("sdk", &path), "image/jpeg", jpeg.to_vec()).await
}

/// A picture with several people from the shared data.
pub fn two_people() -> Option<Vec<u8>> {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let shared = std::env::var_os("GOSHAWK_SHARED").map_or(default, Into::into);
    let path = shared.join("data/faces/two_people.jpg");
    let photo = std::fs::read(&path).ok();
    if photo.is_none() {
        println!("SKIPPED: no picture of two people at {}", path.display());
    }
    photo
}

#[tokio::test]
async fn what_is_asked_of_a_face_is_told_in_json_and_in_msgpack() {
    let Some((c, photo)) = start().await else {
        return;
    };
    let jpeg = encoded(&photo, ImageFormat::Jpeg);
    let asked = "detect_face=1&estimate_head_pose=1&estimate_landmarks5=1\
        &estimate_landmarks68=1&estimate_quality=1&estimate_gaze=1&estimate_eyes_attributes=1\
        &estimate_mouth_attributes=1&estimate_face_descriptor=1&estimate_basic_attributes=1\
        &estimate_liveness=1&estimate_face_warp=1&aggregate_attributes=1";
    let told = sdk(&c, asked, &jpeg).await.expect(200);
    let picture = &told.body["images_estimations"][0];
    assert_eq!(picture["filename"], "Raw image");
    assert_eq!(picture["estimations"].as_array().unwrap().len(), 1);
    assert_eq!(picture["estimations"][0]["body"], json!(null));
    let face = &picture["estimations"][0]["face"]["detection"];
    let side = |name: &str| face["rect"][name].as_i64().unwrap();
    // The astronaut's face is in the upper middle of 512 × 512.
    assert!(
        (150..250).contains(&side("x")) && (40..120).contains(&side("y")),
        "{face}"
    );
    assert!((70..160).contains(&side("width")) && (80..200).contains(&side("height")));
    for (name, count) in [("landmarks5", 5), ("landmarks68", 68)] {
        let points = face[name].as_array().unwrap();
        assert_eq!(points.len(), count);
        let first = points[0][0].as_i64().unwrap();
        assert!(
            (-20..side("width") + 20).contains(&first),
            "{name} from the box's corner"
        );
    }
    let attributes = &face["attributes"];
    assert!(attributes["head_pose"]["yaw"].as_f64().unwrap().abs() < 30.0);
    assert_eq!(attributes["eyes_attributes"]["left_eye"]["state"], "open");
    assert!(attributes["mouth_attributes"]["smile"].as_f64().unwrap() > 0.5);
    assert_eq!(attributes["basic_attributes"]["gender"], 0);
    // The default pack has no model for liveness.
    let unknown = json!({"prediction": "unknown", "estimations": {"quality": null, "score": null}});
    assert_eq!(attributes["liveness"], unknown);
    let warp = STANDARD.decode(face["warp"].as_str().unwrap()).unwrap();
    let sample = image::load_from_memory(&warp).unwrap();
    assert_eq!((sample.width(), sample.height()), (250, 250));
    let together = &told.body["aggregate_estimations"];
    assert_eq!(together["body"], json!(null));
    assert_eq!(
        together["face"]["attributes"]["descriptor"],
        attributes["descriptor"]
    );
    let packed = c
        .request(
            Method::POST,
            "/6/sdk?detect_face=1&estimate_face_descriptor=1",
        )
        .header("Content-Type", "image/jpeg")
        .header("Accept", "application/msgpack")
        .body(jpeg);
    let packed = c.send("sdk", packed).await.expect(200);
    assert_eq!(packed.headers["content-type"], "application/msgpack");
    let text = STANDARD
        .decode(attributes["descriptor"]["sdk_descriptor"].as_str().unwrap())
        .unwrap();
    let within = packed.bytes.windows(text.len()).any(|part| part == text);
    assert!(within, "the descriptor as bytes");
    c.stop().await;
}

#[tokio::test]
async fn every_form_of_a_picture_is_read() {
    let Some((c, photo)) = start().await else {
        return;
    };
    let small = photo.thumbnail(320, 320);
    let formats = [
        ("jpeg", ImageFormat::Jpeg),
        ("png", ImageFormat::Png),
        ("bmp", ImageFormat::Bmp),
        ("tiff", ImageFormat::Tiff),
        ("portable-pixmap", ImageFormat::Pnm),
    ];
    let faces = |reply: Reply| {
        let reply = reply.expect(200);
        let found = &reply.body["images_estimations"][0]["estimations"];
        found.as_array().map_or(0, Vec::len)
    };
    let sdk = ("sdk", "/6/sdk?detect_face=1");
    for (name, format) in formats {
        let bytes = encoded(&small, format);
        let media = match format {
            ImageFormat::Pnm => format!("image/x-{name}"),
            _ => format!("image/{name}"),
        };
        assert_eq!(
            faces(send(&c, sdk, &media, bytes.clone()).await),
            1,
            "{media}"
        );
        let media = format!("image/x-{name}-base64");
        let text = STANDARD.encode(&bytes);
        assert_eq!(
            faces(send(&c, sdk, &media, text.clone()).await),
            1,
            "{media}"
        );
        let body = json!({"image": text, "mimetype": media}).to_string();
        let json = send(&c, sdk, "application/json", body).await;
        assert_eq!(faces(json), 1, "{media} in JSON");
    }
    c.stop().await;
}

/// A part of a multipart body.
pub fn part(name: &str, filename: Option<&str>, media: &str, body: &[u8]) -> Vec<u8> {
    let file = filename.map_or_else(String::new, |file| format!("; filename=\"{file}\""));
    let head = format!(
        "--xx\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\nContent-Type: {media}\r\n\r\n"
    );
    [head.as_bytes(), body, b"\r\n"].concat()
}

pub const MULTIPART: &str = "multipart/form-data; boundary=xx";

#[tokio::test]
async fn a_bad_picture_does_not_spoil_the_others() {
    let Some((c, photo)) = start().await else {
        return;
    };
    let jpeg = encoded(&photo, ImageFormat::Jpeg);
    let boxes = json!([{
        "filename": "a.jpg",
        "face_bounding_boxes": [{"x": 170, "y": 60, "width": 110, "height": 140}],
    }]);
    let outside = json!([{
        "filename": "c.jpg",
        "face_bounding_boxes": [{"x": 500, "y": 60, "width": 110, "height": 140}],
    }]);
    let body = [
        part("image", Some("a.jpg"), "image/jpeg", &jpeg),
        part("image", Some("b.jpg"), "image/jpeg", &jpeg[..300]),
        part("image", Some("c.jpg"), "image/jpeg", &jpeg),
        part("image", Some("d.jpg"), "image/jpeg", b"nothing"),
        part(
            "face_bounding_boxes",
            None,
            "application/json",
            boxes.to_string().as_bytes(),
        ),
        part(
            "face_bounding_boxes",
            None,
            "application/json",
            outside.to_string().as_bytes(),
        ),
        b"--xx--\r\n".to_vec(),
    ]
    .concat();
    let path = "/6/sdk?detect_face=1&estimate_head_pose=1";
    let told = send(&c, ("sdk", path), MULTIPART, body.clone())
        .await
        .expect(200);
    let all = told.body["images_estimations"].as_array().unwrap();
    let rect = &all[0]["estimations"][0]["face"]["detection"]["rect"];
    assert_eq!(
        rect,
        &json!({"x": 170, "y": 60, "width": 110, "height": 140})
    );
    let codes: Vec<u64> = all[1..]
        .iter()
        .map(|one| one["error"]["error_code"].as_u64().unwrap())
        .collect();
    assert!([18002, 100_016].contains(&codes[0]), "{codes:?}");
    assert_eq!(codes[1..], [100_016, 100_033]);
    assert_eq!(all[3]["filename"], "d.jpg");
    let iso = send(&c, ("checkISO", "/6/iso"), MULTIPART, body)
        .await
        .expect(200);
    let statuses: Vec<u64> = iso.body["images"]
        .as_array()
        .unwrap()
        .iter()
        .map(|image| image["status"].as_u64().unwrap())
        .collect();
    assert_eq!(statuses, [1, 0, 0, 0]);
    c.stop().await;
}

#[tokio::test]
async fn several_faces_are_taken_as_the_policy_says() {
    let Some(photo) = two_people() else { return };
    let Some((c, _)) = start().await else { return };
    let count = |reply: &Value| reply["estimations"].as_array().unwrap().len();
    for (policy, faces) in [("1", 2), ("2", 1)] {
        let query = format!("detect_face=1&multiface_policy={policy}");
        let told = sdk(&c, &query, &photo).await.expect(200);
        assert_eq!(
            count(&told.body["images_estimations"][0]),
            faces,
            "{policy}"
        );
    }
    let refused = sdk(&c, "detect_face=1&multiface_policy=0", &photo)
        .await
        .expect(200);
    assert_eq!(
        refused.body["images_estimations"][0]["error"]["error_code"],
        11012
    );
    let iso = send(&c, ("checkISO", "/6/iso"), "image/jpeg", photo.clone())
        .await
        .expect(200);
    assert_eq!(iso.body["images"][0]["error"]["error_code"], 11012);
    let all = send(
        &c,
        ("checkISO", "/6/iso?multiface_policy=1"),
        "image/jpeg",
        photo.clone(),
    );
    assert_eq!(count(&all.await.expect(200).body["images"][0]), 2);
    let live = send(
        &c,
        ("predictLiveness", "/6/liveness"),
        "image/jpeg",
        photo.clone(),
    )
    .await;
    assert_eq!(
        live.expect(200).body["images"][0]["error"]["error_code"],
        11012
    );
    let path = "/6/detector?multiface_policy=0";
    let detected = send(&c, ("detectFaces", path), "image/jpeg", photo)
        .await
        .expect(201);
    assert_eq!(detected.body["images"][0]["error"]["error_code"], 11012);
    c.stop().await;
}

#[tokio::test]
async fn people_are_told_with_their_bodies_and_counted() {
    let Some(photo) = two_people() else { return };
    let Some((c, _)) = start().await else { return };
    let asked = "detect_face=1&detect_body=1&estimate_upper_body=1&estimate_lower_body=1\
        &estimate_accessories=1&estimate_body_basic_attributes=1&estimate_body_descriptor=1\
        &estimate_body_warp=1&estimate_people_count=1&aggregate_attributes=1";
    let told = sdk(&c, asked, &photo).await.expect(200);
    let picture = &told.body["images_estimations"][0];
    let people = &picture["image_estimations"]["people"];
    // The detector of bodies finds more than the two who are looking.
    let count = people["count"].as_u64().unwrap();
    assert!((2..=5).contains(&count), "{count}");
    assert_eq!(
        people["coordinates"].as_array().unwrap().len() as u64,
        count
    );
    let bodies: Vec<&Value> = picture["estimations"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|person| !person["body"].is_null())
        .collect();
    assert!(bodies.iter().any(|person| !person["face"].is_null()));
    for person in bodies {
        let attributes = &person["body"]["detection"]["attributes"];
        assert_eq!(
            attributes["lower_body"]["lower_garment"]["type"],
            "undefined"
        );
        assert_eq!(attributes["upper_body"]["headwear"]["state"], 2);
        assert!(attributes["descriptor"]["sdk_descriptor"].is_string());
    }
    let bare = "estimate_people_count=1&people_count_coordinates=0";
    let counted = sdk(&c, bare, &photo).await.expect(200);
    let picture = &counted.body["images_estimations"][0];
    assert_eq!(picture["estimations"], json!([]));
    let people = &picture["image_estimations"]["people"];
    assert_eq!(
        (&people["count"], &people["coordinates"]),
        (&json!(count), &json!(null))
    );
    c.stop().await;
}

#[tokio::test]
async fn portraits_are_checked() {
    let Some((c, photo)) = start().await else {
        return;
    };
    let jpeg = encoded(&photo, ImageFormat::Jpeg);
    let iso = send(&c, ("checkISO", "/6/iso"), "image/jpeg", jpeg.clone())
        .await
        .expect(200);
    let iso = &iso.body["images"][0]["estimations"][0]["face"]["detection"]["iso"];
    let of = |checks: &Value, name: &str| {
        let found = checks
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["name"] == name);
        found.unwrap_or_else(|| panic!("no {name}")).clone()
    };
    let checks = &iso["checks"];
    // Of the 32 one is left out: no model tells glasses, and the contract has no null for them.
    assert_eq!(checks.as_array().unwrap().len(), 31);
    // No model of the pack tells headwear: the portrait cannot pass.
    assert_eq!(iso["status"], 0);
    assert_eq!(of(checks, "image_format")["result"], 1);
    assert_eq!(of(checks, "face_color_type")["object_value"], "color");
    assert_eq!(of(checks, "mouth_smiling")["result"], 0);
    assert_eq!(of(checks, "headwear_type")["object_value"], json!(null));
    let path = "/6/detector?estimate_face_quality=1&estimate_gaze=1";
    let detected = send(&c, ("detectFaces", path), "image/jpeg", jpeg.clone())
        .await
        .expect(201);
    let face = &detected.body["images"][0]["detections"]["samples"][0]["face"]["detection"];
    let quality = &face["face_quality"]["checks"];
    assert_eq!(quality.as_array().unwrap().len(), 43);
    assert_eq!(of(quality, "image_width")["object_value"], 512);
    assert_eq!(of(quality, "image_size")["object_value"], jpeg.len());
    assert!(face["attributes"]["gaze"]["yaw"].is_number());
    let boxes = json!([{"x": 1, "y": 1, "width": 9, "height": 9}, {"x": 1, "y": 1, "width": 9, "height": 9}]);
    let body = json!({
        "image": STANDARD.encode(&jpeg),
        "mimetype": "image/x-jpeg-base64",
        "face_bounding_boxes": boxes,
    });
    c.post("checkISO", "/6/iso", body).await.refused(403, 11045);
    c.stop().await;
}

#[tokio::test]
async fn liveness_is_unknown_without_a_model_for_it() {
    let Some((c, photo)) = start().await else {
        return;
    };
    let jpeg = encoded(&photo, ImageFormat::Jpeg);
    let nobody = encoded(&DynamicImage::new_rgb8(200, 200), ImageFormat::Png);
    let body = [
        part("image", Some("a.jpg"), "image/jpeg", &jpeg),
        part("image", Some("b.png"), "image/png", &nobody),
        part("image", Some("c.jpg"), "image/jpeg", b"broken"),
        part("meta", None, "application/json", b"{\"OS\": \"IOS\"}"),
        b"--xx--\r\n".to_vec(),
    ]
    .concat();
    let path = "/6/liveness?aggregate=1";
    let told = send(&c, ("predictLiveness", path), MULTIPART, body)
        .await
        .expect(200);
    let unknown = json!({"prediction": 2, "estimations": {"probability": null, "quality": null}});
    let images = told.body["images"].as_array().unwrap();
    assert_eq!(
        (&images[0]["status"], &images[0]["liveness"]),
        (&json!(1), &unknown)
    );
    assert_eq!(
        (&images[1]["status"], &images[1]["liveness"]),
        (&json!(1), &json!(null))
    );
    assert_eq!(images[2]["error"]["error_code"], 32010);
    assert_eq!(told.body["aggregate_estimations"]["liveness"], unknown);
    let features = c.get("getFeatures", "/6/features").await.expect(200);
    let estimations = &features.body["estimations"];
    assert_eq!(
        (
            &estimations["liveness"],
            &estimations["deepfake"],
            &estimations["face_quality"]
        ),
        (&json!(false), &json!(false), &json!(true))
    );
    c.stop().await;
}

#[tokio::test]
async fn what_no_model_tells_is_refused_before_the_body_is_read() {
    let Some((c, _)) = start().await else { return };
    for asked in [
        "estimate_emotions=1",
        "estimate_mask=1",
        "estimate_glasses=1",
        "estimate_deepfake=1",
        "deepfake_states=1",
        "mask_states=1,2",
    ] {
        let told = sdk(&c, asked, b"no picture").await.refused(403, 11055);
        assert!(
            told.detail().starts_with("License problem: "),
            "{}",
            told.detail()
        );
    }
    for asked in ["estimate_emotions=1", "estimate_mask=1"] {
        let path = format!("/6/detector?{asked}");
        let told = send(&c, ("detectFaces", &path), "image/jpeg", "no picture").await;
        told.refused(403, 11055);
    }
    c.stop().await;
}
