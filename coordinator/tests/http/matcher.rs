//! Matching, with descriptors given as numbers.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::harness::{Coordinator, models_home};

const NOBODY: &str = "7acc35cf-a3b2-4f87-8d8b-5496a2782d37";

/// How many values a descriptor of the default pack has.
pub const LENGTH: usize = 1024;

/// A descriptor in the contract's raw form.
fn raw(version: u64, values: &[f32]) -> Value {
    let mut values = values.to_vec();
    values.resize(LENGTH, 0.0);
    let bytes: Vec<u8> = values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    json!({"descriptor": STANDARD.encode(bytes), "version": version})
}

/// A face whose descriptor is of the version that is compared here; gives both.
async fn first(c: &Coordinator, face: impl Fn(u64) -> Value) -> (u64, String) {
    let mut known = None;
    for version in [46, 52, 54, 56, 57, 58, 59, 60, 62, 64] {
        let reply = c.post("createFace", "/6/faces", face(version)).await;
        if reply.status == 201 {
            known = Some((version, reply.id("face_id")));
        } else {
            reply.refused(400, 12036);
        }
    }
    known.expect("one version of the contract is ours")
}

#[tokio::test]
async fn descriptors_are_compared() {
    let Some(home) = models_home() else { return };
    let c = Coordinator::start_with(&[("models.home", home.to_str().unwrap())]).await;
    let list = c
        .post("createList", "/6/lists", json!({}))
        .await
        .expect(201)
        .id("list_id");
    let face = |version: u64, values: &[f32]| json!({"lists": [list], "attribute": {"face_descriptors": [raw(version, values)]}});
    let (version, near) = first(&c, |version| face(version, &[1.0, 0.0])).await;
    let far = c
        .post("createFace", "/6/faces", face(version, &[0.2, 1.0]))
        .await
        .expect(201)
        .id("face_id");
    let kept = c
        .get("getFaceAttributes", &format!("/6/faces/{near}/attributes"))
        .await
        .expect(200);
    assert_eq!(
        kept.body["attributes"]["face_descriptor"]["descriptor_version"],
        version
    );
    let body = json!({
        "references": [{"type": "raw_descriptor", "id": "probe", "data": raw(version, &[0.9, 0.1])}, {"type": "face", "id": far}],
        "candidates": [{"filters": {"origin": "faces", "list_id": list}, "limit": 2}],
    });
    let reply = c
        .post("matchFaces", "/6/matcher/faces", body)
        .await
        .expect(200);
    let result = |n: usize| reply.body[n]["matches"][0]["result"].clone();
    assert_eq!(result(0)[0]["face"]["face_id"], near);
    assert_eq!(result(1)[0]["face"]["face_id"], far);
    assert!(
        result(0)[0]["similarity"].as_f64() > result(0)[1]["similarity"].as_f64(),
        "{}",
        reply.body
    );
    // Every face of an external id is a reference, not only a page of them.
    for _ in 0..12 {
        let mut twin = face(version, &[0.5, 0.5]);
        twin["external_id"] = json!("twins");
        c.post("createFace", "/6/faces", twin).await.expect(201);
    }
    let body = json!({
        "references": [{"type": "face_external_id", "id": "twins"}],
        "candidates": [{"filters": {"origin": "faces", "list_id": list}}],
    });
    let reply = c
        .post("matchFaces", "/6/matcher/faces", body)
        .await
        .expect(200);
    assert_eq!(reply.body.as_array().unwrap().len(), 12);
    c.stop().await;
}

#[tokio::test]
async fn matching_names_its_mistakes() {
    let c = Coordinator::start().await;
    let body = |reference: Value, candidate: Value| json!({"references": [reference], "candidates": [candidate]});
    let faces = json!({"filters": {"origin": "faces"}});
    let face = json!({"type": "face", "id": NOBODY});
    let send = async |body: Value| c.post("matchFaces", "/6/matcher/faces", body).await;
    for (reference, code) in [
        (json!({"type": "xpk_file", "id": "x", "data": "aa"}), 12035),
        (
            json!({"type": "sdk_descriptor", "id": "x", "data": "aGVsbG8="}),
            12038,
        ),
        (
            json!({"type": "sdk_descriptor", "id": "x", "data": "%"}),
            18001,
        ),
    ] {
        send(body(reference, faces.clone()))
            .await
            .refused(400, code);
    }
    for (candidate, at) in [
        (
            json!({"filters": {"origin": "events"}}),
            "candidates.0.filters",
        ),
        (
            json!({"filters": {"origin": "bodies"}}),
            "candidates.0.filters",
        ),
        (json!({"filters": {}}), "candidates.0.filters.origin"),
        (
            json!({"filters": {"origin": "faces"}, "limit": 101}),
            "candidates.0.limit",
        ),
        (
            json!({"filters": {"origin": "faces"}, "limits": 1}),
            "candidates.0.limits",
        ),
        (
            json!({"filters": {"origin": "faces", "ages": 1}}),
            "candidates.0.filters.ages",
        ),
        (
            json!({"filters": {"ages": 1, "origin": "faces"}}),
            "candidates.0.filters.ages",
        ),
    ] {
        let refused = send(body(face.clone(), candidate.clone())).await;
        let refused = refused.refused(400, 12022);
        let path = format!("Path: '{at}'");
        assert!(
            refused.detail().contains(&path),
            "{candidate}: {}",
            refused.detail()
        );
    }
    let elsewhere = json!({"filters": {"origin": "faces", "list_id": NOBODY}});
    send(body(face, elsewhere)).await.refused(400, 22003);
    send(json!({})).await.refused(400, 12022);
    c.stop().await;
}

#[tokio::test]
async fn a_missing_reference_fails_alone() {
    let c = Coordinator::start().await;
    let missing = [
        (json!({"type": "face", "id": NOBODY}), 22002),
        (json!({"type": "event", "id": NOBODY}), 23001),
        (json!({"type": "attribute", "id": NOBODY}), 22011),
        (json!({"type": "face_external_id", "id": "x"}), 11041),
        (json!({"type": "event_external_id", "id": "x"}), 11057),
        (json!({"type": "event_track_id", "id": "x"}), 11058),
    ];
    let set = |external: &str| json!({"filters": {"origin": "faces", "external_ids": [external]}});
    let references: Vec<&Value> = missing.iter().map(|(reference, _)| reference).collect();
    let body = json!({"references": references, "candidates": [set("a"), set("b")]});
    let reply = c.post("matchFaces", "/6/matcher/faces", body).await;
    let answers = reply.expect(200).body;
    assert_eq!(answers.as_array().unwrap().len(), missing.len());
    for (answer, (reference, code)) in answers.as_array().unwrap().iter().zip(&missing) {
        assert_eq!(&answer["reference"], reference);
        for (at, external) in ["a", "b"].into_iter().enumerate() {
            let one = &answer["matches"][at];
            assert_eq!(one["error"]["error_code"], *code, "{one}");
            assert_eq!(one["filters"], set(external)["filters"]);
            assert!(one.get("result").is_none(), "{one}");
        }
    }
    c.stop().await;
    // Whoever may be compared is, beside one who is not there.
    let Some(home) = models_home() else { return };
    let c = Coordinator::start_with(&[("models.home", home.to_str().unwrap())]).await;
    let face = |version| json!({"attribute": {"face_descriptors": [raw(version, &[1.0, 0.0])]}});
    let (version, _) = first(&c, face).await;
    let probe = json!({"type": "raw_descriptor", "id": "probe", "data": raw(version, &[1.0, 0.0])});
    let body = json!({
        "references": [{"type": "face", "id": NOBODY}, probe],
        "candidates": [{"filters": {"origin": "faces"}}],
    });
    let reply = c.post("matchFaces", "/6/matcher/faces", body).await;
    let answers = reply.expect(200).body;
    assert_eq!(answers[0]["matches"][0]["error"]["error_code"], 22002);
    assert_eq!(
        answers[1]["matches"][0]["result"].as_array().unwrap().len(),
        1
    );
    c.stop().await;
}
