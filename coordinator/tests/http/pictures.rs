//! Samples and images: every path, every kind.

use reqwest::Method;

use crate::harness::{Coordinator, Reply};

const NOBODY: &str = "7acc35cf-a3b2-4f87-8d8b-5496a2782d37";

fn jpeg(width: u16, height: u16) -> Vec<u8> {
    let mut picture = Vec::new();
    let pixels = vec![90; usize::from(width) * usize::from(height) * 3];
    jpeg_encoder::Encoder::new(&mut picture, 80)
        .encode(&pixels, width, height, jpeg_encoder::ColorType::Rgb)
        .unwrap();
    picture
}

async fn keep(c: &Coordinator, operation: &str, path: &str, picture: Vec<u8>) -> Reply {
    let request = c
        .request(Method::POST, path)
        .header("Content-Type", "image/jpeg")
        .body(picture);
    c.send(operation, request).await
}

#[tokio::test]
async fn samples_are_found_by_every_path() {
    let c = Coordinator::start().await;
    let face = keep(&c, "saveSample", "/6/samples/faces?ttl=-1", jpeg(250, 250)).await;
    let face = face.expect(201).id("sample_id");
    let body = keep(&c, "saveSample", "/6/samples/bodies", jpeg(100, 200)).await;
    let body = body.expect(201).id("sample_id");
    for (path, get, check) in [
        (
            format!("/6/samples/faces/{face}"),
            "getSample",
            "checkSample",
        ),
        (
            format!("/6/samples/bodies/{body}"),
            "getSample",
            "checkSample",
        ),
        (
            format!("/6/samples/{face}"),
            "getSampleLegacy",
            "checkSampleLegacy",
        ),
        (
            format!("/5/samples/{face}"),
            "getSamplePrevious",
            "checkSamplePrevious",
        ),
    ] {
        let found = c.get(get, &path).await.expect(200);
        assert_eq!(found.headers["content-type"], "image/jpeg", "{path}");
        assert!(found.bytes.starts_with(&[0xff, 0xd8]), "{path}");
        c.send(check, c.request(Method::HEAD, &path))
            .await
            .expect(200);
    }
    // A body is no face.
    c.get("getSample", &format!("/6/samples/faces/{body}"))
        .await
        .refused(404, 13003);
    c.get("getSampleLegacy", &format!("/6/samples/{body}"))
        .await
        .refused(404, 13003);
    c.delete("deleteSampleLegacy", &format!("/6/samples/{face}"))
        .await
        .expect(204);
    c.get("getSamplePrevious", &format!("/5/samples/{face}"))
        .await
        .refused(404, 13003);
    c.get("", &format!("/6/samples/hands/{face}"))
        .await
        .refused(404, 12013);
    c.stop().await;
}

#[tokio::test]
async fn mistakes_about_pictures_are_named() {
    let c = Coordinator::start().await;
    keep(&c, "createImages", "/6/images?ttl=8", jpeg(8, 8))
        .await
        .refused(400, 12012);
    keep(&c, "saveSample", "/6/samples/faces", jpeg(8, 8))
        .await
        .refused(400, 11030);
    keep(&c, "", "/6/samples/hands", jpeg(8, 8))
        .await
        .refused(404, 12013);
    let text = c
        .request(Method::POST, "/6/images")
        .header("Content-Type", "text/plain")
        .body("x");
    c.send("createImages", text).await.refused(400, 12017);
    let image = keep(&c, "createImages", "/6/images", jpeg(8, 8)).await;
    let image = format!("/6/images/{}", image.expect(201).id("image_id"));
    c.get("getImage", &format!("{image}?with_meta=1"))
        .await
        .expect(200);
    c.get("getImage", &format!("{image}?with_meta=2"))
        .await
        .refused(400, 12012);
    c.delete("deleteImage", &image).await.expect(204);
    c.send("checkImage", c.request(Method::HEAD, &image))
        .await
        .expect(404);
    c.delete("deleteImage", &format!("/6/images/{NOBODY}"))
        .await
        .refused(404, 13003);
    c.stop().await;
}
