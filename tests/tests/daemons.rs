//! The daemons as processes: what they leave on the disk, and what signals mean to them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use goshawk_e2e::{
    api::Api,
    process::Daemon,
    stack::{Agent, Coordinator, home},
};
use reqwest::Method;
use rustix::{
    fs::Mode,
    process::{Pid, Signal, kill_process, umask},
};
use serde_json::json;

const PATIENCE: Duration = Duration::from_secs(20);

/// What below a folder others than its owner may do something with.
fn open_to_others(folder: &Path, found: &mut Vec<String>) -> usize {
    let mut count = 1;
    let mode = fs::metadata(folder).unwrap().permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        found.push(format!("{} {mode:o}", folder.display()));
    }
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            count += open_to_others(&entry.path(), found);
            continue;
        }
        count += 1;
        // A socket or file may go between the two looks.
        let Ok(meta) = fs::metadata(entry.path()) else {
            continue;
        };
        let mode = meta.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            found.push(format!("{} {mode:o}", entry.path().display()));
        }
    }
    count
}

/// A picture of noise, as small a file as there is with a face's worth of pixels.
fn picture() -> Vec<u8> {
    let pixels = (0..64 * 64 * 3).map(|n: u32| (n.wrapping_mul(2_654_435_761) >> 24) as u8);
    b"P6\n64 64\n255\n".iter().copied().chain(pixels).collect()
}

async fn use_everything(api: &Api) {
    let list = json!({"user_data": "staff"});
    api.post("/6/lists", &list).await.unwrap();
    let request = api
        .request(Method::POST, "/6/images")
        .header("Content-Type", "image/x-portable-pixmap")
        .body(picture());
    let kept = api.send(request).await.unwrap();
    assert_eq!(kept.status, 201, "{}", kept.json());
    api.join_token(60).await.unwrap();
    let token = json!({"expiration_time": null, "permissions": {"face": ["view"]}});
    api.post("/6/tokens", &token).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_the_coordinator_writes_is_its_owners_alone() {
    let dir = tempfile::tempdir().unwrap();
    // Daemons of this process inherit it: nothing is kept from anybody.
    umask(Mode::empty());
    let nowhere = dir.path().join("no-models");
    let settings = [("log.level", "debug")];
    let mut coordinator = Coordinator::start_with(dir.path(), &nowhere, &settings).unwrap();
    use_everything(&coordinator.api).await;
    coordinator.daemon().terminate(PATIENCE).unwrap();
    coordinator.restart().unwrap();
    use_everything(&coordinator.api).await;
    let data = dir.path().join("coordinator");
    let mut found = Vec::new();
    let count = open_to_others(&data, &mut found);
    assert!(count > 15, "{count} files and folders are too few");
    assert!(found.is_empty(), "{}", found.join("\n"));

    // A folder that is the operator's, and open, is told of; what earlier releases left open in it
    // is closed.
    coordinator.daemon().terminate(PATIENCE).unwrap();
    assert!(!coordinator.log().contains("is open to others"));
    for folder in [data.clone(), data.join("store"), data.join("blobs")] {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
    }
    coordinator.restart().unwrap();
    assert!(coordinator.log().contains("is open to others (mode 755)"));
    found.clear();
    open_to_others(&data, &mut found);
    assert_eq!(found, [format!("{} 755", data.display())]);
}

fn hang_up(daemon: &mut Daemon) {
    let pid = Pid::from_raw(i32::try_from(daemon.pid()).unwrap()).unwrap();
    kill_process(pid, Signal::HUP).unwrap();
}

/// Waits for a word in a log that was not there before.
fn wait_for(log: impl Fn() -> String, word: &str) {
    let began = Instant::now();
    while !log().contains(word) {
        assert!(began.elapsed() < PATIENCE, "no `{word}` in:\n{}", log());
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hangup_ends_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let nowhere = dir.path().join("no-models");
    // Without certificates there is nothing to read again.
    let mut coordinator = Coordinator::start(dir.path(), &nowhere).unwrap();
    for _ in 0..3 {
        hang_up(coordinator.daemon());
    }
    wait_for(|| coordinator.log(), "SIGHUP");
    coordinator.api.account().await.unwrap();
    assert!(coordinator.daemon().is_running());
    let ended = coordinator.daemon().terminate(PATIENCE).unwrap();
    assert!(ended.success(), "{ended}");

    let Some(home) = home() else { return };
    coordinator.restart().unwrap();
    let api = coordinator.api.clone();
    let token = api.join_token(60).await.unwrap();
    let agents = &api.endpoints.agents;
    let mut agent = Agent::start(dir.path(), &home, "edge", agents, &token).unwrap();
    wait_for(|| agent.log(), "health, metrics and previews");
    hang_up(agent.daemon());
    wait_for(|| agent.log(), "SIGHUP");
    assert!(agent.daemon().is_running());
}

/// Starts a daemon that must end by itself, and gives its exit code and what it said.
fn refused_start(dir: &Path, name: &str, arguments: &[(&str, &str)]) -> (Option<i32>, String) {
    let log = dir.join(format!("{name}.log"));
    let mut daemon = Daemon::spawn(name, &log, |command| {
        command.arg("run");
        for (key, value) in arguments {
            command.arg(format!("--{key}")).arg(value);
        }
    })
    .unwrap();
    let ended = daemon.wait(PATIENCE).unwrap();
    (ended.code(), daemon.log_text())
}

/// The runtime that set-up installs is the processor's: it has no code for any accelerator.
#[test]
fn an_accelerator_that_is_not_there_ends_the_start() {
    let Some(home) = home() else { return };
    let home = home.to_str().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let data = data.to_str().unwrap();
    let coordinator = |providers| {
        let arguments = [
            ("data_dir", data),
            ("models.home", home),
            ("models.execution_providers", providers),
            ("api.listen", "127.0.0.1:0"),
            ("sender.listen", "127.0.0.1:0"),
            ("handlers.listen", "127.0.0.1:0"),
            ("streams.listen", "127.0.0.1:0"),
            ("agents.listen", "127.0.0.1:0"),
        ];
        refused_start(dir.path(), "goshawk-coordinator", &arguments)
    };
    let (code, said) = coordinator("cuda:0");
    assert_eq!(code, Some(1), "{said}");
    for part in [
        "models.execution_providers: ",
        "cannot be opened on cuda:0: ",
    ] {
        assert!(said.contains(part), "no `{part}` in:\n{said}");
    }
    let (code, said) = coordinator("gpu");
    assert_eq!(code, Some(1), "{said}");
    let part = "models.execution_providers: unknown execution provider \"gpu\"; want cpu, cuda";
    assert!(said.contains(part), "{said}");

    // Of a coordinator that nobody gets to ask: models come first.
    let part = |bytes: usize| URL_SAFE_NO_PAD.encode(vec![7; bytes]);
    let token = format!("goshawk1.{}.{}.{}", part(32), part(16), part(32));
    let state = dir.path().join("state");
    let arguments = [
        ("state_dir", state.to_str().unwrap()),
        ("models.home", home),
        ("inference.execution_providers", "cuda:0"),
        ("local.listen", "127.0.0.1:0"),
        ("coordinator.join_token", &token),
    ];
    let (code, said) = refused_start(dir.path(), "goshawk-agent", &arguments);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("cannot be opened on cuda:0: "),
        "no reason in:\n{said}"
    );
}
