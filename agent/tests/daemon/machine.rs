//! A machine that an agent runs on: a state folder, the agent's process, its local endpoints.

use std::{
    io::{Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use goshawk_agent::{
    metrics::Metrics,
    outbox::{Outbox, OutboxSettings, SledStore},
};
use goshawk_proto::{
    event::Event,
    id::{AgentId, StreamId},
    link::agent_uri,
};
use rcgen::{CertificateParams, KeyPair, SanType};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Past the capture of output, so that it is seen.
fn skipped(why: &str) {
    let line = format!("SKIPPED: {why}\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}

/// Where models are installed; `None`, loudly, where they are not.
pub fn home() -> Option<String> {
    let home = std::env::var_os("GOSHAWK_HOME")
        .map_or_else(|| workspace().join(".goshawk"), PathBuf::from);
    if home.join("models").is_dir() && home.join("onnxruntime").is_dir() {
        return Some(home.to_str().unwrap().to_owned());
    }
    skipped(&format!(
        "no models in {}; run `make setup`",
        home.display()
    ));
    None
}

/// The demo clip; `None`, loudly, where it has not been made.
pub fn clip() -> Option<String> {
    let clip = Path::new(&home()?).join("clip/demo.mp4");
    if clip.is_file() {
        return Some(clip.canonicalize().unwrap().to_str().unwrap().to_owned());
    }
    skipped(&format!("no {}; run `make setup`", clip.display()));
    None
}

pub struct Machine {
    dir: tempfile::TempDir,
}

impl Machine {
    pub fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn state(&self) -> PathBuf {
        self.path("state")
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_goshawk-agent"));
        command.args(args).current_dir(self.dir.path());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("GOSHAWK_") {
                command.env_remove(name);
            }
        }
        command.env("GOSHAWK_AGENT_STATE_DIR", self.state());
        command.env("GOSHAWK_AGENT_LOCAL_LISTEN", "127.0.0.1:0");
        // Nobody listens there.
        command.env("GOSHAWK_AGENT_COORDINATOR_ADDRESS", "127.0.0.1:9");
        command
    }

    /// Runs to the end; exit code and all output.
    pub fn output(&self, args: &[&str]) -> (Option<i32>, String) {
        let output = self.command(args).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (
            output.status.code(),
            String::from_utf8_lossy(&text).into_owned(),
        )
    }

    pub fn start(&self, args: &[&str]) -> Agent {
        self.start_with(args, &[])
    }

    pub fn start_with(&self, args: &[&str], environment: &[(&str, &str)]) -> Agent {
        let log = std::fs::File::create(self.path("log")).unwrap();
        let child = self
            .command(args)
            .envs(environment.iter().copied())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Agent {
            child,
            log: self.path("log"),
            endpoints: self.state().join("endpoints.json"),
        }
    }

    /// Gives the agent a certificate, as an enrolment would have.
    pub fn enrol(&self) {
        let dir = self.state().join("identity");
        std::fs::create_dir_all(&dir).unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![SanType::URI(
            agent_uri(AgentId::random()).as_str().try_into().unwrap(),
        )];
        let certificate = params.self_signed(&key).unwrap().pem();
        std::fs::write(dir.join("agent.key.pem"), key.serialize_pem()).unwrap();
        std::fs::write(dir.join("agent.crt.pem"), &certificate).unwrap();
        std::fs::write(dir.join("ca.crt.pem"), &certificate).unwrap();
    }

    /// Leaves an assignment of one clip, played at its own pace, as a coordinator would have.
    pub fn assign(&self, clip: &str) {
        let assignments = serde_json::json!({
            "revision": 1,
            "streams": [{
                "stream_id": StreamId::random(),
                "version": 1,
                "name": "gate",
                "data": {
                    "type": "videofile",
                    "reference": clip,
                    "real_time_mode_fps": 25,
                    "analytics": [{"event_handler": {"handler_id": "0b61258c-434f-45d6-964f-2131e58cd58c"}}],
                },
            }],
        });
        std::fs::write(
            self.state().join("assignments.json"),
            assignments.to_string(),
        )
        .unwrap();
    }

    /// What the outbox holds after the agent has ended.
    pub fn events(&self) -> Vec<Event> {
        let store = SledStore::open(&self.state().join("outbox"), 0).unwrap();
        let settings = OutboxSettings {
            max_bytes: 1 << 30,
            max_age: PATIENCE * 60,
            max_deferred_bytes: 1 << 20,
            rejects: self.path("rejected"),
        };
        let outbox = Outbox::open(Box::new(store), settings, Metrics::new().0).unwrap();
        let heads = outbox.heads(None, usize::MAX);
        let read = |seq| Event::decode(&outbox.event(seq).unwrap().unwrap()).unwrap();
        let events = heads.iter().map(|head| read(head.seq)).collect();
        outbox.close();
        events
    }
}

/// A running agent; killed when dropped.
pub struct Agent {
    child: Child,
    log: PathBuf,
    endpoints: PathBuf,
}

impl Agent {
    /// Waits until `path` says `text`.
    pub fn wait_for(&mut self, path: &str, text: &str) {
        self.wait_until(path, |body| body.contains(text));
    }

    pub fn wait_until(&mut self, path: &str, right: impl Fn(&str) -> bool) {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if self.get(path).is_some_and(|body| right(&body)) {
                return;
            }
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "{ended:?}: {}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!(
            "{path} is not as wanted: {:?}\n{}",
            self.get(path),
            self.log()
        );
    }

    fn get(&self, path: &str) -> Option<String> {
        let endpoints: serde_json::Value =
            serde_json::from_slice(&std::fs::read(&self.endpoints).ok()?).ok()?;
        let address = endpoints["local"]
            .as_str()?
            .strip_prefix("http://")?
            .to_owned();
        let mut stream = TcpStream::connect(address).ok()?;
        stream
            .write_all(
                format!("GET {path} HTTP/1.1\r\nhost: agent\r\nconnection: close\r\n\r\n")
                    .as_bytes(),
            )
            .ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        Some(text)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    pub fn terminate(&self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    }

    /// Waits for the end; exit code and log.
    pub fn finish(mut self, patience: Duration) -> (Option<i32>, String) {
        let until = Instant::now() + patience;
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (status.code(), self.log());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("the agent does not end: {}", self.log());
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // It has ended in every test that passes.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
