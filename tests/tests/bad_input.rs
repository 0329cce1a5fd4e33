//! What must not work: bad cameras, bad files, bad tokens, bad requests. Each gets a clear error,
//! shows no credential, and leaves the processes healthy.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    path::Path,
    time::{Duration, Instant},
};

use goshawk_e2e::{
    api::{Api, refusal},
    process::Daemon,
    stack::{Agent, Camera, Coordinator, Scene, home},
};
use reqwest::{Body, Method};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn bad_sources_fail_with_a_reason_and_disturb_nobody() {
    let Some(scene) = Scene::start().await.unwrap() else {
        return;
    };
    let clip = scene.clip();
    // The folder comes first, so that it is removed last.
    let Scene {
        dir,
        mut coordinator,
        mut agent,
        api,
        account,
        handler,
        ..
    } = scene;
    let locked = Camera::start(
        dir.path(),
        &clip,
        &["--user", "viewer", "--password", "s3cr3t-right"],
    )
    .unwrap();
    let stalling = Camera::start(dir.path(), &clip, &["--stall-after", "2"]).unwrap();
    let healthy = Camera::start(dir.path(), &clip, &[]).unwrap();
    let text_file = dir.path().join("letter.mp4");
    std::fs::write(
        &text_file,
        "Dear Sir or Madam, this is not a video.\n".repeat(500),
    )
    .unwrap();
    let cut_file = dir.path().join("cut.mp4");
    let whole = std::fs::read(&clip).unwrap();
    std::fs::write(&cut_file, &whole[..whole.len() / 2]).unwrap();

    let wrong_password = locked
        .url
        .replacen("rtsp://", "rtsp://viewer:s3cr3t-wrong@", 1);
    let unreachable = "rtsp://admin:s3cr3t-far@127.0.0.1:9/live".to_owned();
    let cases: Vec<(&str, &str, String)> = vec![
        ("unreachable camera", "tcp", unreachable),
        ("wrong password", "tcp", wrong_password),
        ("stalling camera", "tcp", stalling.url.clone()),
        ("not a video", "videofile", text_file.display().to_string()),
        ("cut file", "videofile", cut_file.display().to_string()),
        (
            "missing file",
            "videofile",
            dir.path().join("nowhere.mp4").display().to_string(),
        ),
    ];
    let good = api
        .stream(&account, "tcp", &healthy.url, &handler, json!({}))
        .await
        .unwrap();
    let mut streams = Vec::new();
    for (name, kind, reference) in &cases {
        let id = api
            .stream(&account, kind, reference, &handler, json!({}))
            .await
            .unwrap();
        streams.push((*name, id));
    }
    for (name, id) in &streams {
        let state = failed_state(&api, &account, id).await;
        let error = state["last_error"].as_str().unwrap_or_default();
        assert!(!error.is_empty(), "{name}: {state}");
        eprintln!("{name}: {} - {error}", state["status"]);
    }
    let state = api.stream_state(&account, &good).await.unwrap();
    assert_eq!(state["status"], "in_progress", "{state}");
    let listed = api
        .streams(Method::GET, "/2/streams?page_size=100", &account, None)
        .await
        .unwrap();
    for text in [agent.log(), coordinator.log(), listed.to_string()] {
        assert!(
            !text.contains("s3cr3t"),
            "a camera's password is shown:\n{text}"
        );
    }
    assert!(agent.daemon().is_running() && coordinator.daemon().is_running());
    let local = agent.local().unwrap();
    assert_eq!(
        reqwest::get(format!("{local}/healthz"))
            .await
            .unwrap()
            .status(),
        200
    );
}

/// The stream's state once it names an error.
async fn failed_state(api: &Api, account: &str, id: &str) -> Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let state = api.stream_state(account, id).await.unwrap();
        if state["last_error"]
            .as_str()
            .is_some_and(|error| !error.is_empty())
            || Instant::now() > deadline
        {
            return state;
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_requests_get_the_contracts_errors() {
    let Some(home) = home() else { return };
    let dir = tempfile::tempdir().unwrap();
    let mut coordinator = Coordinator::start(dir.path(), &home).unwrap();
    let api = coordinator.api.clone();
    let send = |path: &'static str, kind: &'static str, body: Body| {
        let request = api.request(Method::POST, path);
        let request = request.header("Content-Type", kind).body(body);
        async { api.send(request).await.unwrap() }
    };

    let broken = send("/6/lists", "application/json", "{\"user_data\":".into()).await;
    let broken = refusal(&broken).unwrap();
    assert_eq!(broken.0, 400);
    let nobody = api.anonymous(Method::GET, "/6/lists");
    let nobody = api.send(nobody).await.unwrap();
    assert_eq!(refusal(&nobody).unwrap(), (403, 12010));
    let bomb = send("/6/detector", "image/jpeg", jpeg_bomb().into()).await;
    let bomb = bomb.json();
    assert_eq!(
        bomb.pointer("/images/0/error/error_code"),
        Some(&json!(18002)),
        "{bomb}"
    );
    assert_eq!(
        bomb.pointer("/images/0/detections/samples"),
        Some(&json!([])),
        "{bomb}"
    );

    // A gigabyte is refused by its announced length, and cut off when it comes unannounced.
    let announced = api
        .request(Method::POST, "/6/detector")
        .header("Content-Type", "image/jpeg")
        .body(Body::wrap_stream(gigabyte()));
    match api.send(announced).await {
        Ok(answer) => assert_eq!(refusal(&answer).unwrap(), (413, 37003)),
        // The coordinator may close the connection while we still send.
        Err(error) => {
            let error = error.downcast::<reqwest::Error>().unwrap();
            assert!(error.is_request() || error.is_body(), "{error}");
        }
    }
    let resident = resident_mib(coordinator.daemon());
    assert!(resident < 700, "{resident} MiB after a 1 GB body");
    assert!(api.get("/6/lists").await.is_ok(), "still healthy");
    assert!(
        !coordinator.log().contains("panicked"),
        "{}",
        coordinator.log()
    );
}

fn gigabyte() -> impl futures_util::Stream<Item = Result<Vec<u8>, std::io::Error>> {
    futures_util::stream::iter((0..1024).map(|_| Ok(vec![0x41; 1 << 20])))
}

fn resident_mib(daemon: &Daemon) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS"))
        .unwrap();
    line.split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<u64>()
        .unwrap()
        / 1024
}

/// A JPEG whose header announces 30,000 by 30,000 pixels.
fn jpeg_bomb() -> Vec<u8> {
    let mut bytes = vec![0xff, 0xd8, 0xff, 0xdb, 0x00, 0x43, 0x00];
    bytes.extend([1; 64]);
    let side = 30_000u16.to_be_bytes();
    bytes.extend([
        0xff, 0xc0, 0x00, 0x11, 8, side[0], side[1], side[0], side[1], 3,
    ]);
    bytes.extend([1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0]);
    bytes.extend([
        0xff, 0xda, 0x00, 0x0c, 3, 1, 0, 2, 0, 3, 0, 0, 63, 0, 0, 0, 0, 0xff, 0xd9,
    ]);
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_works_once_and_only_in_its_time() {
    let Some(home) = home() else { return };
    let dir = tempfile::tempdir().unwrap();
    let coordinator = Coordinator::start(dir.path(), &home).unwrap();
    let api = coordinator.api.clone();
    let address = api.endpoints.agents.clone();

    let token = api.join_token(60).await.unwrap();
    let mut first = Agent::start(dir.path(), &home, "first", &address, &token).unwrap();
    wait_for_agents(&api, 1).await;
    let mut second = Agent::start(dir.path(), &home, "second", &address, &token).unwrap();
    refused(&mut second, &token, "used");

    let short = api.join_token(1).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let mut late = Agent::start(dir.path(), &home, "late", &address, &short).unwrap();
    refused(&mut late, &short, "expired");

    let mut mangled = token.clone();
    mangled.truncate(token.len() - 4);
    let mut odd = Agent::start(dir.path(), &home, "odd", &address, &mangled).unwrap();
    refused(&mut odd, &mangled, "token");

    // A token of another coordinator names another authority.
    let other_dir = tempfile::tempdir().unwrap();
    let other = Coordinator::start(other_dir.path(), &home).unwrap();
    let foreign = other.api.join_token(60).await.unwrap();
    let mut lost = Agent::start(dir.path(), &home, "lost", &address, &foreign).unwrap();
    refused(&mut lost, &foreign, "coordinator");

    assert!(first.daemon().is_running());
    assert_eq!(agents(&api).await, 1);
}

/// The agent ends with an error that names the cause and does not show the token's secret.
fn refused(agent: &mut Agent, token: &str, cause: &str) {
    let status = agent.daemon().wait(PATIENCE).unwrap();
    let log = agent.log();
    assert!(!status.success(), "{log}");
    assert!(
        log.to_lowercase().contains(cause),
        "`{cause}` is not in:\n{log}"
    );
    let secret = token.rsplit('.').next().unwrap();
    assert!(!log.contains(secret), "the secret is shown:\n{log}");
}

async fn agents(api: &Api) -> usize {
    let answer = api.get("/goshawk/1/agents").await.unwrap();
    answer["agents"].as_array().unwrap().len()
}

async fn wait_for_agents(api: &Api, count: usize) {
    let deadline = Instant::now() + PATIENCE;
    while agents(api).await < count {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_with_a_wrong_checksum_is_not_run() {
    let Some(home) = home() else { return };
    let dir = tempfile::tempdir().unwrap();
    let spoiled = dir.path().join("home");
    copy_folder(&home.join("models"), &spoiled.join("models"));
    copy_folder(&home.join("onnxruntime"), &spoiled.join("onnxruntime"));
    let victim = spoiled.join("models/facemesh.onnx");
    let mut bytes = std::fs::read(&victim).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&victim, bytes).unwrap();
    let log = dir.path().join("analyze.log");
    let mut daemon = Daemon::spawn("goshawk-agent", &log, |command| {
        command
            .arg("analyze")
            .arg(home.join("clip/demo.mp4"))
            .arg("--models.home")
            .arg(&spoiled);
    })
    .unwrap();
    let status = daemon.wait(PATIENCE).unwrap();
    assert!(!status.success());
    let log = daemon.log_text();
    assert!(
        log.contains("facemesh.onnx has the wrong checksum"),
        "{log}"
    );
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}
