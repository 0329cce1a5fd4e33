//! `backup`, `restore` and `verify` on the real program: while it runs and serves, after a kill,
//! into folders that are empty and not, and with damage.
#![allow(
    clippy::unwrap_used,
    reason = "tests may stop at the first thing that is not as it should be"
)]

use std::{
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use reqwest::{Client, Response};
use serde_json::{Value, json};

const PROGRAM: &str = env!("CARGO_BIN_EXE_goshawk-coordinator");
const LOGIN: &str = "admin@goshawk.local";
const PASSWORD: &str = "a good password";

/// The program on a data folder; killed when dropped.
struct Running {
    child: Child,
    api: String,
    http: Client,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn start(data: &Path, settings: &[&str]) -> Child {
    let ports = ["api", "sender", "handlers", "streams", "agents"]
        .map(|s| format!("--{s}.listen=127.0.0.1:0"));
    Command::new(PROGRAM)
        .arg("run")
        .arg(format!("--data_dir={}", data.display()))
        .args(ports)
        .args([
            "--models.home=/nowhere",
            "--log.level=warn",
            &format!("--bootstrap.password={PASSWORD}"),
        ])
        .args(settings)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

impl Running {
    async fn start(data: &Path) -> Self {
        Self::start_with(data, &[]).await
    }

    async fn start_with(data: &Path, settings: &[&str]) -> Self {
        let file = data.join("endpoints.json");
        let _ = std::fs::remove_file(&file);
        let mut child = start(data, settings);
        let began = Instant::now();
        let api = loop {
            assert!(child.try_wait().unwrap().is_none(), "it ended");
            assert!(
                began.elapsed() < Duration::from_secs(60),
                "it does not start"
            );
            let ends = std::fs::read(&file).ok();
            let ends = ends.and_then(|text| serde_json::from_slice::<Value>(&text).ok());
            if let Some(ends) = ends {
                break ends["api"].as_str().unwrap().to_owned();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        Self {
            child,
            api,
            http: Client::new(),
        }
    }

    async fn get(&self, path: &str) -> Response {
        let get = self.http.get(format!("{}{path}", self.api));
        get.basic_auth(LOGIN, Some(PASSWORD)).send().await.unwrap()
    }

    async fn new_list(&self, name: &str) -> Response {
        let post = self.http.post(format!("{}/6/lists", self.api));
        let post = post.basic_auth(LOGIN, Some(PASSWORD));
        post.json(&json!({"user_data": name})).send().await.unwrap()
    }

    async fn lists(&self) -> Vec<String> {
        let mut out = Vec::new();
        for page in 1.. {
            let answer = self
                .get(&format!("/6/lists?page={page}&page_size=100"))
                .await;
            let body: Value = answer.json().await.unwrap();
            let lists = body["lists"].as_array().unwrap();
            out.extend(
                lists
                    .iter()
                    .map(|list| list["user_data"].as_str().unwrap().to_owned()),
            );
            if lists.len() < 100 {
                break;
            }
        }
        out.sort();
        out
    }

    /// A join token for an agent; gives its id.
    async fn new_join_token(&self) -> String {
        let post = self
            .http
            .post(format!("{}/goshawk/1/agents/join-tokens", self.api));
        let answer = post.basic_auth(LOGIN, Some(PASSWORD)).send().await.unwrap();
        let body: Value = answer.json().await.unwrap();
        body["join_token_id"].as_str().unwrap().to_owned()
    }

    async fn keep_image(&self) -> String {
        let image =
            image::RgbImage::from_fn(64, 64, |x, y| image::Rgb([x as u8 * 4, y as u8 * 4, 90]));
        let mut jpeg = Vec::new();
        let encoder = jpeg_encoder::Encoder::new(&mut jpeg, 90);
        encoder
            .encode(image.as_raw(), 64, 64, jpeg_encoder::ColorType::Rgb)
            .unwrap();
        let post = self.http.post(format!("{}/6/images", self.api));
        let post = post
            .basic_auth(LOGIN, Some(PASSWORD))
            .header("content-type", "image/jpeg");
        let answer = post.body(jpeg).send().await.unwrap();
        let (status, body) = (answer.status(), answer.json::<Value>().await.unwrap());
        assert_eq!(status, 201, "{body}");
        body["image_id"].as_str().unwrap().to_owned()
    }
}

fn run(arguments: &[&str], data: &Path) -> Output {
    let data = format!("--data_dir={}", data.display());
    Command::new(PROGRAM)
        .args(arguments)
        .arg(data)
        .output()
        .unwrap()
}

/// Runs a command with `--json`; its exit code and what it printed.
fn ask(arguments: &[&str], data: &Path) -> (Option<i32>, Value) {
    let done = run(&[arguments, &["--json"]].concat(), data);
    let printed = serde_json::from_slice(&done.stdout)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&done.stderr).into_owned()));
    (done.status.code(), printed)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .map(Result::unwrap)
    {
        if entry.path().is_dir() {
            out.extend(files(&entry.path()));
        } else {
            out.push(entry.path());
        }
    }
    out
}

fn change_a_byte(path: &Path, at: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[at] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_comes_back_from_a_backup_taken_under_load() {
    let dir = tempfile::tempdir().unwrap();
    let (data, file) = (dir.path().join("data"), dir.path().join("one.backup"));
    let first = Running::start(&data).await;
    let image = first.keep_image().await;
    let join_token = first.new_join_token().await;
    for n in 0..20 {
        assert_eq!(
            first.new_list(&format!("before {n:03}")).await.status(),
            201
        );
    }

    // Lists are made all the while.
    let stop = AtomicBool::new(false);
    let load = async {
        let mut made = 0;
        while !stop.load(Ordering::SeqCst) {
            assert_eq!(
                first.new_list(&format!("during {made:05}")).await.status(),
                201
            );
            made += 1;
        }
        made
    };
    let backup = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let (arguments, data) = (["backup".to_owned(), text(&file).to_owned()], data.clone());
        let taken = tokio::task::spawn_blocking(move || {
            ask(&arguments.each_ref().map(String::as_str), &data)
        });
        let taken = taken.await.unwrap();
        stop.store(true, Ordering::SeqCst);
        taken
    };
    let (made, (code, taken)) = tokio::join!(load, backup);
    assert_eq!(code, Some(0), "{taken}");
    assert_eq!(
        (taken["running"].as_bool(), taken["blobs"].as_u64()),
        (Some(true), Some(1)),
        "{taken}"
    );
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(made > 0);

    let (code, report) = ask(&["verify", text(&file)], &data);
    assert_eq!(
        (code, report["sound"].as_bool()),
        (Some(0), Some(true)),
        "{report}"
    );
    let (code, live) = ask(&["verify"], &data);
    assert_eq!(
        (code, live["sound"].as_bool()),
        (Some(0), Some(true)),
        "{live}"
    );

    // Not over a running one, nor over what is there.
    let (code, why) = ask(&["restore", text(&file)], &data);
    assert!(
        code == Some(1) && why.as_str().unwrap().contains("runs on"),
        "{why}"
    );
    let lists = first.lists().await;
    drop(first);
    let (code, why) = ask(&["restore", text(&file)], &data);
    assert!(
        code == Some(1) && why.as_str().unwrap().contains("not empty"),
        "{why}"
    );

    let other = dir.path().join("other");
    let (code, restored) = ask(&["restore", text(&file)], &other);
    assert_eq!(code, Some(0), "{restored}");
    assert_eq!(
        std::fs::metadata(&other).unwrap().permissions().mode() & 0o777,
        0o700
    );
    for file in files(&data.join("pki")) {
        let copy = other.join(file.strip_prefix(&data).unwrap());
        assert_eq!(std::fs::read(&file).unwrap(), std::fs::read(copy).unwrap());
    }
    assert!(other.join("pki/ca.key.pem").exists());
    let second = Running::start(&other).await;
    let back = second.lists().await;
    assert!(back.len() >= 20 && back.iter().all(|list| lists.contains(list)));
    assert_eq!(back.iter().filter(|l| l.starts_with("before")).count(), 20);
    let tokens = second.get("/goshawk/1/agents/join-tokens").await;
    let tokens: Value = tokens.json().await.unwrap();
    assert_eq!(tokens["join_tokens"][0]["join_token_id"], join_token);
    // One moment: of those made meanwhile the first ones without a gap.
    let during: Vec<_> = back.iter().filter(|l| l.starts_with("during")).collect();
    for (n, list) in during.iter().enumerate() {
        assert_eq!(**list, format!("during {n:05}"));
    }
    let image = second.get(&format!("/6/images/{image}")).await;
    assert_eq!(image.status(), 200);
    assert_eq!(second.new_list("after").await.status(), 201);
    drop(second);

    // Put aside, not lost.
    let (code, restored) = ask(&["restore", text(&file), "--replace"], &data);
    assert_eq!(code, Some(0), "{restored}");
    let aside = PathBuf::from(restored["put_aside"].as_str().unwrap());
    assert!(aside.join("store/db").exists());
    let (code, report) = ask(&["verify"], &data);
    assert_eq!(
        (code, report["sound"].as_bool()),
        (Some(0), Some(true)),
        "{report}"
    );
    // And offline.
    let (code, taken) = ask(&["backup", text(dir.path())], &data);
    assert_eq!(
        (code, taken["running"].as_bool()),
        (Some(0), Some(false)),
        "{taken}"
    );
    assert_eq!(taken["rows"], restored["rows"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damage_is_told_and_never_served() {
    let dir = tempfile::tempdir().unwrap();
    let (data, file) = (dir.path().join("data"), dir.path().join("one.backup"));
    let running = Running::start(&data).await;
    let image = running.keep_image().await;
    assert_eq!(ask(&["backup", text(&file)], &data).0, Some(0));

    let kept = files(&data.join("blobs"));
    let kept = kept.iter().find(|path| path.ends_with(&image)).unwrap();
    change_a_byte(kept, 300);
    let answer = running.get(&format!("/6/images/{image}")).await;
    assert_eq!(answer.status(), 500);
    let metrics = running.get("/metrics").await;
    assert_eq!(metrics.status(), 200);
    let page = metrics.text().await.unwrap();
    assert!(page.contains("blobs_damaged_total 1"), "{page}");
    let (code, live) = ask(&["verify"], &data);
    assert_eq!(
        (code, live["faults"].as_u64()),
        (Some(3), Some(1)),
        "{live}"
    );
    // A backup takes it along as it is, and says so.
    let again = dir.path().join("two.backup");
    let (code, taken) = ask(&["backup", text(&again)], &data);
    assert_eq!(
        (code, taken["damaged"].as_u64()),
        (Some(3), Some(1)),
        "{taken}"
    );

    // Opening and its header take two blocks of 512 bytes, then comes the header of the first part.
    change_a_byte(&file, 3 * 512 + 60);
    let (code, why) = ask(&["verify", text(&file)], &data);
    assert_eq!(code, Some(1), "{why}");
    let other = dir.path().join("other");
    let (code, why) = ask(&["restore", text(&file)], &other);
    assert!(code == Some(1) && !other.exists(), "{why}");
    let (code, _) = ask(&["verify"], &dir.path().join("nothing"));
    assert_eq!(code, Some(1));
    assert_eq!(run(&["backup"], &data).status.code(), Some(2));
}

/// Less room than the reserve: what adds something is refused with a hint, the rest goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_a_503_with_a_hint() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let running = Running::start(&data).await;
    assert_eq!(running.new_list("one").await.status(), 201);
    drop(running);
    let running = Running::start_with(&data, &["--store.reserve=1000000GiB"]).await;
    let refused = running.new_list("two").await;
    assert_eq!(refused.status(), 503);
    assert_eq!(refused.headers()["retry-after"], "10");
    assert_eq!(running.lists().await, ["one"]);
}
