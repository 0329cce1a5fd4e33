//! Bodies and queries that are meant to do harm to what looks at pictures.

use base64::{Engine, engine::general_purpose::STANDARD};
use image::ImageFormat;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    harness::Coordinator,
    vision::{MULTIPART, encoded, part, send, start},
};

const OPERATIONS: [(&str, &str); 4] = [
    ("detectFaces", "/6/detector"),
    ("sdk", "/6/sdk?detect_face=1"),
    ("checkISO", "/6/iso"),
    ("predictLiveness", "/6/liveness"),
];

async fn refused(c: &Coordinator, operation: (&str, &str), body: &Value, code: u64) {
    let reply = send(c, operation, "application/json", body.to_string()).await;
    assert_eq!(
        (reply.status.as_u16(), reply.code()),
        (400, code),
        "{} {body}: {}",
        operation.1,
        reply.body
    );
}

#[tokio::test]
async fn bodies_that_do_not_fit_are_refused_by_name() {
    let Some((c, _)) = start().await else { return };
    let rect = json!({"x": 1, "y": 1, "width": 9, "height": 9});
    for operation in OPERATIONS {
        for body in [
            json!({}),
            json!([]),
            json!({"urls": []}),
            json!({"urls": vec![json!("/x"); 9]}),
            json!({"urls": 7}),
            json!({"urls": [["/x"]]}),
            json!({"urls": [null]}),
            json!({"samples": [1]}),
            json!({"image": 7, "mimetype": "image/x-jpeg-base64"}),
            json!({"image": "aGk="}),
            json!({"image": "aGk=", "mimetype": "image/jpeg"}),
            json!({"image": "aGk=", "mimetype": "image/x-jpeg-base64", "face_bounding_boxes": [{"x": 1}]}),
            json!({"image": "aGk=", "mimetype": "image/x-jpeg-base64", "face_bounding_boxes": vec![&rect; 33]}),
            json!({"image": "aGk=", "mimetype": "image/x-jpeg-base64", "face_bounding_boxes": "1"}),
            json!({"image": "aGk=", "mimetype": "image/x-jpeg-base64", "trusted_detections": 2}),
            json!({"surprise": 1}),
        ] {
            refused(&c, operation, &body, 12022).await;
        }
        for url in [
            "http://169.254.169.254/latest",
            "file:///etc/passwd",
            "/6/../6/images/7acc35cf-a3b2-4f87-8d8b-5496a2782d37",
            "",
        ] {
            let body = match operation.1 {
                "/6/liveness" => json!({"urls": [url]}),
                _ => json!({"urls": [{"url": url}]}),
            };
            refused(&c, operation, &body, 11027).await;
        }
    }
    c.stop().await;
}

#[tokio::test]
async fn parts_that_do_not_fit_are_refused() {
    let Some((c, photo)) = start().await else {
        return;
    };
    let jpeg = encoded(&photo.thumbnail(64, 64), ImageFormat::Jpeg);
    let image = || part("image", Some("a.jpg"), "image/jpeg", &jpeg);
    let boxes = |text: &str| {
        part(
            "face_bounding_boxes",
            None,
            "application/json",
            text.as_bytes(),
        )
    };
    let of = "\"face_bounding_boxes\": [{\"x\": 1, \"y\": 1, \"width\": 9, \"height\": 9}]";
    for (parts, code) in [
        (Vec::new(), 11049),
        (part("image", Some("a"), "text/html", b"x"), 11029),
        (part("surprise", None, "text/plain", b"x"), 11049),
        (
            [image(), boxes("[{\"filename\": \"a.jpg\"}]")].concat(),
            12022,
        ),
        ([image(), boxes("{")].concat(), 12022),
        (
            [
                image(),
                boxes(&format!("[{{\"filename\": \"b.jpg\", {of}}}]")),
            ]
            .concat(),
            11049,
        ),
        (
            [
                image(),
                image(),
                boxes(&format!("[{{\"filename\": \"a.jpg\", {of}}}]")),
            ]
            .concat(),
            11049,
        ),
    ] {
        let body = [parts, b"--xx--\r\n".to_vec()].concat();
        for operation in &OPERATIONS[..3] {
            let reply = send(&c, *operation, MULTIPART, body.clone()).await;
            assert_eq!(
                (reply.status.as_u16(), reply.code()),
                (400, code),
                "{}",
                reply.body
            );
        }
    }
    let broken = [
        image(),
        part("meta", None, "application/json", b"["),
        b"--xx--\r\n".to_vec(),
    ];
    let reply = send(&c, OPERATIONS[3], MULTIPART, broken.concat()).await;
    reply.refused(400, 11049);
    c.stop().await;
}

#[tokio::test]
async fn boxes_of_any_size_and_place_do_no_harm() {
    let Some((c, photo)) = start().await else {
        return;
    };
    let jpeg = STANDARD.encode(encoded(&photo.thumbnail(200, 200), ImageFormat::Jpeg));
    for (x, y, width, height) in [
        (0, 0, 0, 0),
        (-1, 0, 10, 10),
        (0, 0, i32::MAX, i32::MAX),
        (i32::MIN, i32::MIN, i32::MAX, i32::MAX),
        (199, 199, 2, 2),
        (5, 5, -3, -3),
    ] {
        let body = json!({
            "image": jpeg,
            "mimetype": "image/x-jpeg-base64",
            "face_bounding_boxes": [{"x": x, "y": y, "width": width, "height": height}],
        });
        let told = c
            .post("sdk", "/6/sdk?detect_face=1&estimate_gaze=1", body)
            .await
            .expect(200);
        let error = &told.body["images_estimations"][0]["error"]["error_code"];
        assert_eq!(error, 100_016, "{x} {y} {width} {height}");
    }
    // A pixel, and the whole picture.
    for side in [1, 150] {
        let body = json!({
            "image": jpeg,
            "mimetype": "image/x-jpeg-base64",
            "face_bounding_boxes": [{"x": 0, "y": 0, "width": side, "height": side}],
        });
        let asked = "/6/sdk?detect_face=1&estimate_gaze=1&estimate_face_warp=1&estimate_landmarks68=1\
            &estimate_face_descriptor=1&estimate_basic_attributes=1&estimate_quality=1";
        c.post("sdk", asked, body).await.expect(200);
    }
    c.stop().await;
}

#[tokio::test]
async fn queries_out_of_bounds_are_refused() {
    let Some((c, _)) = start().await else { return };
    for (operation, path) in [
        ("sdk", "/6/sdk?image_type=3"),
        ("sdk", "/6/sdk?mask_states=4"),
        ("sdk", "/6/sdk?mask_states="),
        ("sdk", "/6/sdk?liveness_states=1,3"),
        ("sdk", "/6/sdk?deepfake_states=2"),
        ("sdk", "/6/sdk?score_threshold=1.01"),
        ("sdk", "/6/sdk?score_threshold=nan"),
        ("sdk", "/6/sdk?yaw_threshold=181"),
        ("sdk", "/6/sdk?estimate_gaze=2"),
        ("checkISO", "/6/iso?image_type=2"),
        ("checkISO", "/6/iso?multiface_policy=3"),
        ("predictLiveness", "/6/liveness?aggregate=yes"),
        ("detectFaces", "/6/detector?estimate_face_quality=x"),
    ] {
        send(&c, (operation, path), "image/jpeg", "x")
            .await
            .refused(400, 12012);
    }
    for (operation, path) in OPERATIONS {
        send(&c, (operation, path), "text/plain", "x")
            .await
            .refused(400, 12017);
        let bare = c
            .bare(Method::POST, path)
            .header("Content-Type", "image/jpeg")
            .body("x");
        let told = c.send(operation, bare).await;
        assert!([401, 403].contains(&told.status.as_u16()), "{path}");
    }
    c.stop().await;
}

/// A sample cannot be made of a box in which no face is seen, and that is said.
#[tokio::test]
async fn a_box_without_a_face_is_told_to_be_wrong() {
    let Some((c, photo)) = start().await else {
        return;
    };
    let jpeg = STANDARD.encode(encoded(&photo, ImageFormat::Jpeg));
    let detect = async |rect: Value, trusted: u8| {
        let body = json!({
            "image": jpeg, "mimetype": "image/x-jpeg-base64",
            "face_bounding_boxes": [rect], "trusted_detections": trusted,
        });
        let told = c.post("detectFaces", "/6/detector", body).await;
        told.expect(201).body["images"][0].clone()
    };
    // The corner of the astronaut's picture shows a flag's stripes.
    let corner = json!({"x": 0, "y": 0, "width": 60, "height": 60});
    let face = json!({"x": 170, "y": 60, "width": 110, "height": 140});
    for trusted in [0, 1] {
        let wrong = detect(corner.clone(), trusted).await;
        assert_eq!(wrong["status"], 0, "{wrong}");
        assert_eq!(wrong["error"]["error_code"], 100_016);
        let right = detect(face.clone(), trusted).await;
        let samples = right["detections"]["samples"].as_array().unwrap();
        assert_eq!(samples[0]["face"]["detection"]["rect"], face);
    }
    let mut image = part("image", Some("a.jpg"), "image/jpeg", b"x");
    let at = image
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap();
    image.splice(at..at, *b"\r\nX-Luna-Trusted-Detections: yes");
    let body = [image, b"--xx--\r\n".to_vec()].concat();
    let refused = send(&c, ("detectFaces", "/6/detector"), MULTIPART, body).await;
    refused.refused(400, 11049);
    c.stop().await;
}
