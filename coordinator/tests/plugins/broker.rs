//! Debian's `mosquitto`, unprivileged, on a port of its own, and its subscriber.

use std::{
    collections::{BTreeSet, VecDeque},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    sync::mpsc,
};

use crate::house::PATIENCE;

pub struct Broker {
    program: PathBuf,
    dir: PathBuf,
    pub port: u16,
    process: Option<Child>,
}

fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/bin".into()]);
    folders
        .map(|folder| folder.join(name))
        .find(|p| p.is_file())
}

/// A port below those that the system hands out by itself, so that nobody is given it between
/// this look and the broker's start.
pub fn free_port() -> u16 {
    let free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    let mut tried = std::iter::repeat_with(|| rand::random_range(20_000..32_000));
    tried.find(free).unwrap()
}

impl Broker {
    /// Prepared, not started; `None` where there is no broker on this machine.
    pub fn prepare(dir: &Path, extra: &str) -> Option<Self> {
        let (Some(program), Some(_)) = (program("mosquitto"), program("mosquitto_sub")) else {
            println!(
                "SKIPPED: mosquitto and mosquitto-clients are not installed (./setup.sh debug)"
            );
            return None;
        };
        let dir = dir.join("broker");
        std::fs::create_dir_all(&dir).unwrap();
        let port = free_port();
        let place = dir.display();
        let config = format!(
            "listener {port} 127.0.0.1\nuser root\npersistence true\npersistence_location {place}/\n\
             max_queued_messages 0\n{extra}\n"
        );
        std::fs::write(dir.join("conf"), config).unwrap();
        Some(Self {
            program,
            dir,
            port,
            process: None,
        })
    }

    pub async fn start(&mut self) {
        let process = Command::new(&self.program)
            .arg("-c")
            .arg(self.dir.join("conf"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.process = Some(process);
        let begun = Instant::now();
        while tokio::net::TcpStream::connect(("127.0.0.1", self.port))
            .await
            .is_err()
        {
            assert!(begun.elapsed() < PATIENCE, "the broker does not listen");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Stops it; what it has for subscribers that are away stays.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let id = process.id().to_string();
            Command::new("kill").arg(id).status().unwrap();
            process.wait().unwrap();
        }
    }

    pub fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }

    /// A subscriber to everything, with a session that outlives the broker's restarts. It is heard
    /// of before this returns, so that it misses nothing that comes later.
    pub async fn subscribe(&self, name: &str) -> Subscriber {
        let mut subscriber = self.listener(name);
        let topic = format!("ready/{name}");
        for _ in 0..600 {
            let mut publish = tokio::process::Command::new(program("mosquitto_pub").unwrap());
            publish.args(["-h", "127.0.0.1", "-p", &self.port.to_string()]);
            publish
                .args(["-t", &topic, "-m", "x"])
                .status()
                .await
                .unwrap();
            let pause = tokio::time::sleep(Duration::from_millis(100));
            tokio::pin!(pause);
            loop {
                tokio::select! {
                    line = subscriber.lines.recv() => {
                        // It ends when its first connection fails.
                        let Some(line) = line else {
                            subscriber = self.listener(name);
                            break;
                        };
                        let heard = parse(&line);
                        if heard.topic == topic {
                            return subscriber;
                        }
                        subscriber.early.push_back(heard);
                    }
                    () = &mut pause => break,
                }
            }
        }
        panic!("the subscriber is not there");
    }

    fn listener(&self, name: &str) -> Subscriber {
        let mut process = tokio::process::Command::new(program("mosquitto_sub").unwrap())
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string()])
            .args(["-t", "#", "-q", "1", "-c", "-i", name, "-F", "%r\t%t\t%p"])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap()).split(b'\n');
        let (told, lines) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok(Some(line)) = output.next_segment().await {
                let _ = told.send(String::from_utf8_lossy(&line).into_owned());
            }
        });
        Subscriber {
            _process: process,
            early: VecDeque::new(),
            lines,
        }
    }
}

fn parse(line: &str) -> Heard {
    let mut parts = line.splitn(3, '\t').map(str::to_owned);
    let mut part = || parts.next().unwrap_or_default();
    Heard {
        retained: part() == "1",
        topic: part(),
        payload: part(),
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.stop();
    }
}

pub struct Subscriber {
    _process: tokio::process::Child,
    /// Heard before it was known to be there.
    early: VecDeque<Heard>,
    lines: mpsc::UnboundedReceiver<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Heard {
    pub retained: bool,
    pub topic: String,
    pub payload: String,
}

impl Heard {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.payload).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }
}

impl Subscriber {
    pub async fn next(&mut self) -> Heard {
        if let Some(early) = self.early.pop_front() {
            return early;
        }
        let line = tokio::time::timeout(PATIENCE, self.lines.recv()).await;
        parse(&line.expect("a message in time").unwrap())
    }

    /// The next message whose topic ends so.
    pub async fn next_of(&mut self, end: &str) -> Heard {
        loop {
            let heard = self.next().await;
            if heard.topic.ends_with(end) {
                return heard;
            }
        }
    }

    /// Reads until every one of these events has been heard of on a topic that ends so; says how
    /// many messages that took.
    pub async fn all_of(&mut self, end: &str, ids: &[String]) -> usize {
        let mut missing: BTreeSet<&str> = ids.iter().map(String::as_str).collect();
        let mut heard = 0;
        while !missing.is_empty() {
            let message = self.next_of(end).await;
            heard += 1;
            let id = message.json()["event_id"].as_str().unwrap().to_owned();
            missing.remove(id.as_str());
        }
        heard
    }
}
