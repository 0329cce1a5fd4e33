//! The receiver in Python (see `receiver.py`), as a process.

use std::{collections::BTreeMap, process::Stdio, time::Duration};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    sync::mpsc,
};

use crate::{broker::free_port, house::PATIENCE};

pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

pub struct Receiver {
    process: Child,
    /// Read all the time, so that the receiver never waits for us.
    lines: mpsc::UnboundedReceiver<String>,
}

pub fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}/hook")
}

impl Receiver {
    pub async fn on(port: u16, plan: &str) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/plugins/receiver.py");
        let mut process = Command::new("python3")
            .args([script, &port.to_string(), SECRET, plan])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap()).lines();
        let (told, lines) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok(Some(line)) = output.next_line().await {
                let _ = told.send(line);
            }
        });
        let begun = std::time::Instant::now();
        while tokio::net::TcpStream::connect(("127.0.0.1", port))
            .await
            .is_err()
        {
            assert!(begun.elapsed() < PATIENCE, "the receiver does not listen");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Self { process, lines }
    }

    pub async fn start(plan: &str) -> (Self, u16) {
        let port = free_port();
        (Self::on(port, plan).await, port)
    }

    /// The next request.
    pub async fn next(&mut self) -> Value {
        let line = tokio::time::timeout(PATIENCE, self.lines.recv()).await;
        let line = line.expect("a request in time").unwrap();
        serde_json::from_str(&line).unwrap()
    }

    /// Reads until each of these events was taken (answered 2xx); how often each was sent.
    pub async fn all(&mut self, ids: &[String]) -> BTreeMap<String, usize> {
        let mut sent = BTreeMap::new();
        let mut taken = std::collections::BTreeSet::new();
        while !ids.iter().all(|id| taken.contains(id)) {
            let request = self.next().await;
            assert_eq!(request["signed"], true, "{request}");
            let id = request["id"].as_str().unwrap().to_owned();
            *sent.entry(id.clone()).or_default() += 1;
            if request["code"] == 200 {
                taken.insert(id);
            }
        }
        sent
    }

    pub async fn stop(mut self) {
        self.process.kill().await.unwrap();
    }
}
