//! Temporary attributes and attributes of faces, in JSON and MessagePack.

use base64::{Engine, engine::general_purpose::STANDARD};
use reqwest::Method;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    harness::{Coordinator, Reply, models_home},
    matcher::LENGTH,
};

const NOBODY: &str = "7acc35cf-a3b2-4f87-8d8b-5496a2782d37";
const SAMPLE: &str = "0d1cc36e-d719-4f54-8abe-4e5e0cb1f43c";

fn basic() -> Value {
    json!({"age": 33, "gender": 1, "ethnicity": 3})
}

/// Sends `body` as MessagePack.
async fn packed(
    c: &Coordinator,
    operation: &str,
    method: Method,
    path: &str,
    body: &impl Serialize,
) -> Reply {
    let request = c
        .request(method, path)
        .header("Content-Type", "application/msgpack")
        .body(rmp_serde::to_vec_named(body).unwrap());
    c.send(operation, request).await
}

#[tokio::test]
async fn attributes_are_kept_for_a_while() {
    let c = Coordinator::start().await;
    let body = json!({"basic_attributes": basic(), "basic_attributes_samples": [SAMPLE]});
    let made = c
        .post("createAttributes", "/6/attributes?ttl=1", body.clone())
        .await
        .expect(201);
    let short = made.id("attribute_id");
    assert_eq!(made.headers["location"], format!("/6/attributes/{short}"));
    let long = c
        .post("createAttributes", "/6/attributes", body)
        .await
        .expect(201)
        .id("attribute_id");
    let seen = c
        .get("getAttribute", &format!("/6/attributes/{long}"))
        .await
        .expect(200);
    assert_eq!(seen.body["basic_attributes"], basic());
    assert_eq!(seen.body["basic_attributes_samples"], json!([SAMPLE]));
    assert_eq!(seen.body["face_descriptor"], Value::Null);
    let some = c
        .get(
            "getAttribute",
            &format!("/6/attributes/{long}?targets=attribute_id"),
        )
        .await
        .expect(200);
    assert_eq!(some.body, json!({"attribute_id": long}));
    let samples = c
        .get(
            "getAttributeSamples",
            &format!("/6/attributes/{long}/samples"),
        )
        .await
        .expect(200);
    assert_eq!(samples.body, json!({"samples": [SAMPLE]}));
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    let both = format!("/6/attributes?attribute_ids={short},{long},{NOBODY}&targets=attribute_id");
    let found = c.get("getAttributes", &both).await.expect(200);
    assert_eq!(found.body, json!({"attributes": [{"attribute_id": long}]}));
    c.get("getAttribute", &format!("/6/attributes/{short}"))
        .await
        .refused(404, 22011);
    c.stop().await;
}

#[tokio::test]
async fn mistakes_in_attributes_are_named() {
    let c = Coordinator::start().await;
    let bad = async |body: Value, code: u64| {
        let reply = c.post("createAttributes", "/6/attributes", body).await;
        reply.refused(400, code).detail().to_owned()
    };
    bad(json!({}), 12022).await;
    let detail = bad(json!({"attribute_id": NOBODY}), 12022).await;
    assert!(detail.contains("'attribute_id'"), "{detail}");
    let young = json!({"basic_attributes": {"age": -1, "gender": 1, "ethnicity": 3}});
    let detail = bad(young, 12022).await;
    assert!(detail.contains("'basic_attributes.age'"), "{detail}");
    let strange = json!({"descriptor": "AAAA", "version": 47});
    bad(json!({"face_descriptors": [strange]}), 12022).await;
    let foreign = json!({"descriptor": "AACAPwAAAAA=", "version": 46});
    bad(json!({"face_descriptors": [foreign]}), 12036).await;
    let odd = json!({"descriptor": "AAA=", "version": 46});
    bad(json!({"face_descriptors": [odd]}), 12034).await;
    bad(json!({"face_descriptors": ["aGVsbG8="]}), 12038).await;
    bad(json!({"face_descriptors": ["%"]}), 12022).await;
    let wrong = [
        (String::new(), 12012),
        ("attribute_ids=x".to_owned(), 12012),
        (
            format!("attribute_ids={NOBODY}&descriptor_version=47"),
            12012,
        ),
        (format!("attribute_ids={NOBODY}&targets=age"), 22016),
    ];
    for (query, code) in wrong {
        c.get("getAttributes", &format!("/6/attributes?{query}"))
            .await
            .refused(400, code);
    }
    c.post(
        "createAttributes",
        "/6/attributes?ttl=86401",
        json!({"basic_attributes": basic()}),
    )
    .await
    .refused(400, 12012);
    let text = c
        .request(Method::POST, "/6/attributes")
        .header("Content-Type", "multipart/form-data; boundary=x")
        .body("--x--");
    c.send("createAttributes", text).await.refused(400, 12017);
    c.stop().await;
}

#[tokio::test]
async fn faces_take_attributes_and_lose_them() {
    let c = Coordinator::start().await;
    let attribute = c
        .post(
            "createAttributes",
            "/6/attributes",
            json!({"basic_attributes": basic()}),
        )
        .await
        .expect(201)
        .id("attribute_id");
    let body = json!({"user_data": "ada", "attribute": {"attribute_id": attribute}});
    let made = packed(&c, "createFace", Method::POST, "/6/faces", &body).await;
    let face = made.expect(201).id("face_id");
    c.post("createFace", "/6/faces", json!({}))
        .await
        .expect(201);
    let count = "/6/faces/attributes/count";
    let counted = c.get("getFaceAttributeCount", count).await.expect(200);
    assert_eq!(counted.body, json!({"faces_count": 1}));
    let path = format!("/6/faces/{face}/attributes");
    let seen = c
        .get(
            "getFaceAttributes",
            &format!("{path}?targets=basic_attributes"),
        )
        .await
        .expect(200);
    assert_eq!(
        seen.body["attributes"],
        json!({"basic_attributes": basic()})
    );
    let given = json!({"basic_attributes": basic(), "basic_attributes_samples": [SAMPLE]});
    packed(&c, "putFaceAttributes", Method::PUT, &path, &given)
        .await
        .expect(204);
    let samples = c
        .get("getFaceAttributeSamples", &format!("{path}/samples"))
        .await
        .expect(200);
    assert_eq!(samples.body, json!({"samples": [SAMPLE]}));
    let missing = json!({"attribute_id": NOBODY});
    c.with_body("putFaceAttributes", Method::PUT, &path, missing)
        .await
        .refused(400, 22011);
    c.delete("deleteFaceAttributes", &path).await.expect(204);
    let counted = c.get("getFaceAttributeCount", count).await.expect(200);
    assert_eq!(counted.body, json!({"faces_count": 0}));
    c.stop().await;
}

#[derive(Serialize)]
struct Descriptors {
    face_descriptors: Vec<serde_bytes::ByteBuf>,
}

/// Descriptors are text in JSON and bytes in MessagePack, both ways.
#[tokio::test]
async fn descriptors_suit_the_form() {
    let Some(home) = models_home() else { return };
    let c = Coordinator::start_with(&[("models.home", home.to_str().unwrap())]).await;
    let versions = [46u32, 52, 54, 56, 57, 58, 59, 60, 62, 64];
    let mut values = [0.0f32; LENGTH];
    values[0] = 1.0;
    let values: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    let mut made = None;
    for version in versions {
        let raw = json!({"descriptor": STANDARD.encode(&values), "version": version});
        let body = json!({"face_descriptors": [raw]});
        let reply = c.post("createAttributes", "/6/attributes", body).await;
        if reply.status == 201 {
            made = Some(reply.id("attribute_id"));
        }
    }
    let path = format!("/6/attributes/{}", made.expect("one version is ours"));
    let seen = c.get("getAttribute", &path).await.expect(200);
    let text = seen.body["face_descriptor"].as_str().unwrap();
    let bytes = STANDARD.decode(text).unwrap();
    let request = c
        .request(Method::GET, &path)
        .header("Accept", "application/msgpack");
    let view = c.send("getAttribute", request).await.expect(200);
    assert_eq!(view.headers["content-type"], "application/msgpack");
    let whole = |part: &[u8]| view.bytes.windows(part.len()).any(|at| at == part);
    assert!(whole(&bytes) && !whole(text.as_bytes()));
    let body = Descriptors {
        face_descriptors: vec![serde_bytes::ByteBuf::from(bytes)],
    };
    let copied = packed(&c, "createAttributes", Method::POST, "/6/attributes", &body).await;
    let copy = format!("/6/attributes/{}", copied.expect(201).id("attribute_id"));
    let copy = c.get("getAttribute", &copy).await.expect(200);
    assert_eq!(copy.body["face_descriptor"], seen.body["face_descriptor"]);
    c.stop().await;
}
