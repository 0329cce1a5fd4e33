//! The main job, end to end: an RTSP camera becomes recognised people at a WebSocket.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::{Duration, Instant};

use goshawk_e2e::{api::text, stack::Scene};
use serde_json::{Value, json};

/// How long two passages of the clip may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_becomes_recognised_people() {
    let Some(mut scene) = Scene::start().await.unwrap() else {
        return;
    };
    let api = scene.api.clone();
    let camera = scene.camera(&[]).unwrap();
    let mut subscriber = api.subscribe().await.unwrap();
    let stream = api
        .stream(
            &scene.account,
            "tcp",
            &camera.url,
            &scene.handler,
            json!({}),
        )
        .await
        .unwrap();

    // Until one passage of each of the two people has come.
    let (mut known, mut strangers, mut ids) = (0, 0, Vec::new());
    let deadline = Instant::now() + PATIENCE;
    while (known == 0 || strangers == 0) && Instant::now() < deadline {
        let message = subscriber
            .next(PATIENCE)
            .await
            .unwrap()
            .expect("the subscription stays open");
        let event = message.get("event").unwrap_or(&message).clone();
        ids.push(text(&event, "event_id").unwrap());
        match candidates(&event).as_slice() {
            [] => strangers += 1,
            [(candidate, similarity), ..] => {
                assert_eq!(candidate, &scene.face);
                assert!(*similarity > 0.6 && *similarity <= 1.0, "{similarity}");
                known += 1;
            }
        }
    }
    assert!(
        known > 0 && strangers > 0,
        "{known} known, {strangers} strangers\n{}",
        scene.agent.log()
    );

    // What was sent is stored, with the stream and the track that saw it.
    for id in &ids {
        let event = api.get(&format!("/6/events/{id}")).await.unwrap();
        assert_eq!(
            event["stream_id"].as_str(),
            Some(stream.as_str()),
            "{event}"
        );
        assert!(event["track_id"].is_string(), "{event}");
        let sample = event
            .pointer("/face_detections/0/sample_id")
            .and_then(Value::as_str)
            .unwrap_or_else(|| panic!("no sample in {event}"));
        let picture = api.request(reqwest::Method::GET, &format!("/6/samples/faces/{sample}"));
        let picture = api.send(picture).await.unwrap();
        assert_eq!(picture.status, 200);
        assert_eq!(&picture.body[..2], [0xff, 0xd8], "a JPEG");
    }
    let stored = api.event_ids().await.unwrap();
    assert!(ids.iter().all(|id| stored.contains(id)));

    let state = api.stream_state(&scene.account, &stream).await.unwrap();
    assert_eq!(state["status"], "in_progress", "{state}");

    // Health and metrics of the agent, and a clean end of both.
    let local = scene.agent.local().unwrap();
    assert_eq!(
        reqwest::get(format!("{local}/readyz"))
            .await
            .unwrap()
            .status(),
        200
    );
    let metrics = reqwest::get(format!("{local}/metrics"))
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(metrics.contains("goshawk_agent_"), "{metrics}");
    assert!(
        scene
            .agent
            .daemon()
            .terminate(Duration::from_secs(30))
            .unwrap()
            .success(),
        "{}",
        scene.agent.log()
    );
    assert!(
        scene
            .coordinator
            .daemon()
            .terminate(Duration::from_secs(30))
            .unwrap()
            .success()
    );
    for (name, log) in [
        ("agent", scene.agent.log()),
        ("coordinator", scene.coordinator.log()),
    ] {
        assert!(!log.contains("panicked"), "{name} panicked:\n{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_done_when_it_ends() {
    let Some(scene) = Scene::start().await.unwrap() else {
        return;
    };
    let (api, account) = (scene.api.clone(), scene.account.clone());
    let clip = scene.clip().display().to_string();
    let stream = api
        .stream(&account, "videofile", &clip, &scene.handler, json!({}))
        .await
        .unwrap();
    let deadline = Instant::now() + PATIENCE;
    loop {
        let state = api.stream_state(&account, &stream).await.unwrap();
        if state["status"] == "done" {
            break;
        }
        assert!(Instant::now() < deadline, "{state}\n{}", scene.agent.log());
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    // Both people pass several times; every passage is one event, give or take a broken track.
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut events = 0;
    while events < 4 && Instant::now() < deadline {
        events = api.event_ids().await.unwrap().len();
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    assert!((4..=40).contains(&events), "{events} events");
    api.streams(
        reqwest::Method::DELETE,
        &format!("/2/streams/{stream}"),
        &account,
        None,
    )
    .await
    .unwrap();
    assert!(api.stream_state(&account, &stream).await.is_err());
}

/// Face id and similarity of all candidates, best first.
fn candidates(event: &Value) -> Vec<(String, f64)> {
    let policies = event["matches"].as_array().into_iter().flatten();
    let mut found: Vec<(String, f64)> = policies
        .filter_map(|policy| policy["candidates"].as_array())
        .flatten()
        .filter_map(|one| {
            Some((
                one.pointer("/face/face_id")?.as_str()?.to_owned(),
                one["similarity"].as_f64()?,
            ))
        })
        .collect();
    found.sort_by(|a, b| b.1.total_cmp(&a.1));
    found
}
