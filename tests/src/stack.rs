//! Coordinator, agent and camera, alone or together.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    api::{Api, Endpoints, text},
    process::Daemon,
};

/// Login of the bootstrap account.
pub const LOGIN: &str = "e2e@goshawk.local";
/// Its password.
pub const PASSWORD: &str = "correct horse battery staple";
/// How long a daemon may take to come up on a busy machine.
const START: Duration = Duration::from_secs(60);

/// The installed models and clip, or `None` with a loud word when set-up has not been run.
pub fn home() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let home =
        std::env::var_os("GOSHAWK_HOME").map_or_else(|| root.join(".goshawk"), PathBuf::from);
    let complete = [
        "models",
        "onnxruntime/libonnxruntime.so",
        "clip/demo.mp4",
        "clip/enrol",
    ];
    match complete.iter().find(|part| !home.join(part).exists()) {
        None => home.canonicalize().ok(),
        Some(part) => {
            eprintln!(
                "SKIPPED: {} is missing; run `make setup`",
                home.join(part).display()
            );
            None
        }
    }
}

/// The picture of the person whom the clip shows and the demo enrols.
pub fn enrolled_picture(home: &Path) -> anyhow::Result<Vec<u8>> {
    let first = std::fs::read_dir(home.join("clip/enrol"))?
        .next()
        .context("no enrolment picture")??;
    Ok(std::fs::read(first.path())?)
}

/// The coordinator's listeners, as its settings and its `endpoints.json` call them.
const SERVICES: [&str; 5] = ["api", "sender", "handlers", "streams", "agents"];

/// A coordinator with its data folder; it can be killed and started again on the same ports.
pub struct Coordinator {
    dir: PathBuf,
    home: PathBuf,
    settings: Vec<(String, String)>,
    daemon: Daemon,
    /// A client with the bootstrap account.
    pub api: Api,
}

impl Coordinator {
    /// Starts a fresh coordinator whose data lies in `dir/coordinator`.
    pub fn start(dir: &Path, home: &Path) -> anyhow::Result<Self> {
        Self::start_with(dir, home, &[])
    }

    /// The same with more settings.
    pub fn start_with(dir: &Path, home: &Path, more: &[(&str, &str)]) -> anyhow::Result<Self> {
        let mut settings: Vec<(String, String)> = Vec::new();
        for service in SERVICES {
            settings.push((format!("{service}.listen"), "127.0.0.1:0".to_owned()));
        }
        settings.extend(
            more.iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned())),
        );
        let (daemon, found) = launch(dir, home, &settings)?;
        // The next life listens where this one does: clients and agents know no other address.
        for (service, setting) in SERVICES.iter().zip(&mut settings) {
            let address = text(&found, service)?;
            setting.1 = address.trim_start_matches("http://").to_owned();
        }
        let api = Api::new(endpoints(&found)?, LOGIN, PASSWORD)?;
        Ok(Self {
            dir: dir.to_owned(),
            home: home.to_owned(),
            settings,
            daemon,
            api,
        })
    }

    /// Starts it again on the same data and ports; it must have ended.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        let (daemon, found) = launch(&self.dir, &self.home, &self.settings)?;
        self.daemon = daemon;
        self.api.endpoints = endpoints(&found)?;
        Ok(())
    }

    /// The process.
    pub fn daemon(&mut self) -> &mut Daemon {
        &mut self.daemon
    }

    /// Everything logged over all its lives.
    pub fn log(&self) -> String {
        self.daemon.log_text()
    }
}

fn launch(
    dir: &Path,
    home: &Path,
    settings: &[(String, String)],
) -> anyhow::Result<(Daemon, Value)> {
    let data = dir.join("coordinator");
    let endpoints = data.join("endpoints.json");
    if endpoints.exists() {
        std::fs::remove_file(&endpoints)?;
    }
    let mut daemon = Daemon::spawn(
        "goshawk-coordinator",
        &dir.join("coordinator.log"),
        |command| {
            command
                .arg("run")
                .arg("--data_dir")
                .arg(&data)
                .arg("--models.home")
                .arg(home);
            for (key, value) in settings {
                command.arg(format!("--{key}")).arg(value);
            }
            command
                .env("GOSHAWK_COORDINATOR_BOOTSTRAP_LOGIN", LOGIN)
                .env("GOSHAWK_COORDINATOR_BOOTSTRAP_PASSWORD", PASSWORD);
        },
    )?;
    let found = wait_for_json(&mut daemon, &endpoints)?;
    Ok((daemon, found))
}

fn endpoints(found: &Value) -> anyhow::Result<Endpoints> {
    Ok(Endpoints {
        api: text(found, "api")?,
        streams: text(found, "streams")?,
        handlers: text(found, "handlers")?,
        sender: text(found, "sender")?,
        agents: text(found, "agents")?,
    })
}

fn wait_for_json(daemon: &mut Daemon, path: &Path) -> anyhow::Result<Value> {
    let deadline = Instant::now() + START;
    while Instant::now() < deadline {
        if let Ok(text) = std::fs::read_to_string(path) {
            return serde_json::from_str(&text).with_context(|| format!("{}", path.display()));
        }
        if !daemon.is_running() {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    bail!("{} did not appear:\n{}", path.display(), daemon.log_text())
}

/// An agent with its state folder; it can be killed and started again.
pub struct Agent {
    dir: PathBuf,
    home: PathBuf,
    name: String,
    coordinator: String,
    settings: Vec<String>,
    daemon: Daemon,
}

impl Agent {
    /// Starts an agent whose state lies in `dir/NAME` and that enrols with `token`.
    pub fn start(
        dir: &Path,
        home: &Path,
        name: &str,
        coordinator: &str,
        token: &str,
    ) -> anyhow::Result<Self> {
        Self::start_with(dir, home, name, coordinator, token, &[])
    }

    /// The same with more settings, as arguments.
    pub fn start_with(
        dir: &Path,
        home: &Path,
        name: &str,
        coordinator: &str,
        token: &str,
        more: &[&str],
    ) -> anyhow::Result<Self> {
        let settings: Vec<String> = more.iter().map(|word| (*word).to_owned()).collect();
        let daemon = launch_agent(dir, home, name, coordinator, Some(token), &settings)?;
        Ok(Self {
            dir: dir.to_owned(),
            home: home.to_owned(),
            name: name.to_owned(),
            coordinator: coordinator.to_owned(),
            settings,
            daemon,
        })
    }

    /// Starts it again, with the certificate that it got.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        self.daemon = launch_agent(
            &self.dir,
            &self.home,
            &self.name,
            &self.coordinator,
            None,
            &self.settings,
        )?;
        Ok(())
    }

    /// The process.
    pub fn daemon(&mut self) -> &mut Daemon {
        &mut self.daemon
    }

    /// Everything logged over all its lives.
    pub fn log(&self) -> String {
        self.daemon.log_text()
    }

    /// Address of its health and metrics, once it listens.
    pub fn local(&mut self) -> anyhow::Result<String> {
        let path = self.dir.join(&self.name).join("endpoints.json");
        text(&wait_for_json(&mut self.daemon, &path)?, "local")
    }
}

fn launch_agent(
    dir: &Path,
    home: &Path,
    name: &str,
    coordinator: &str,
    token: Option<&str>,
    settings: &[String],
) -> anyhow::Result<Daemon> {
    let state = dir.join(name);
    // The last life's file would be read in place of the new one's.
    let _ = std::fs::remove_file(state.join("endpoints.json"));
    Daemon::spawn(
        "goshawk-agent",
        &dir.join(format!("{name}.log")),
        |command| {
            command
                .arg("run")
                .arg("--state_dir")
                .arg(&state)
                .arg("--models.home")
                .arg(home);
            command.args([
                "--coordinator.address",
                coordinator,
                "--local.listen",
                "127.0.0.1:0",
                "--name",
                name,
            ]);
            command.args(settings);
            if let Some(token) = token {
                command.env("GOSHAWK_AGENT_COORDINATOR_JOIN_TOKEN", token);
            }
        },
    )
}

/// A camera: a real RTSP server that plays a clip. It can be killed and started again on its port.
pub struct Camera {
    log: PathBuf,
    clip: PathBuf,
    more: Vec<String>,
    daemon: Daemon,
    /// `rtsp://…` without credentials.
    pub url: String,
}

impl Camera {
    /// Plays `clip` endlessly; `more` are further arguments of `goshawk-camera serve`.
    pub fn start(dir: &Path, clip: &Path, more: &[&str]) -> anyhow::Result<Self> {
        let log = dir.join("camera.log");
        let more: Vec<String> = more.iter().map(|word| (*word).to_owned()).collect();
        let (daemon, url) = launch_camera(&log, clip, "0", &more)?;
        Ok(Self {
            log,
            clip: clip.to_owned(),
            more,
            daemon,
            url,
        })
    }

    /// Starts it again where it was; it must have ended.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        let address = self.url.trim_start_matches("rtsp://");
        let host = address.split('/').next().unwrap_or_default();
        let (_, port) = host.rsplit_once(':').context("no port in the address")?;
        (self.daemon, _) = launch_camera(&self.log, &self.clip, port, &self.more)?;
        Ok(())
    }

    /// The process.
    pub fn daemon(&mut self) -> &mut Daemon {
        &mut self.daemon
    }
}

fn launch_camera(
    log: &Path,
    clip: &Path,
    port: &str,
    more: &[String],
) -> anyhow::Result<(Daemon, String)> {
    let mut daemon = Daemon::spawn("goshawk-camera", log, |command| {
        command
            .arg("serve")
            .arg(clip)
            .args(["--port", port, "--mount", "/live", "--loop"])
            .args(more);
    })?;
    let url = daemon.line()?;
    Ok((daemon, url))
}

/// What most tests begin with: a coordinator that knows the clip's first person, a handler that
/// matches against her, and an agent that has enrolled.
pub struct Scene {
    /// The installed models and clip.
    pub home: PathBuf,
    /// The coordinator.
    pub coordinator: Coordinator,
    /// The agent.
    pub agent: Agent,
    /// A client with the bootstrap account.
    pub api: Api,
    /// That account.
    pub account: String,
    /// The face of the enrolled person.
    pub face: String,
    /// The handler.
    pub handler: String,
    /// Data and logs of all; removed when dropped, after the processes.
    pub dir: tempfile::TempDir,
}

impl Scene {
    /// Starts everything but a camera; `None` when set-up has not been run.
    pub async fn start() -> anyhow::Result<Option<Self>> {
        Self::start_with(&[]).await
    }

    /// The same with more settings for the agent, as arguments.
    pub async fn start_with(agent: &[&str]) -> anyhow::Result<Option<Self>> {
        let Some(home) = home() else { return Ok(None) };
        let dir = tempfile::tempdir()?;
        let coordinator = Coordinator::start(dir.path(), &home)?;
        let api = coordinator.api.clone();
        let account = api.account().await?;
        let (list, face) = api
            .enrol("Eileen Collins", enrolled_picture(&home)?)
            .await?;
        let handler = api.handler(&list).await?;
        let token = api.join_token(60).await?;
        let address = &api.endpoints.agents;
        let agent = Agent::start_with(dir.path(), &home, "edge", address, &token, agent)?;
        Ok(Some(Self {
            home,
            coordinator,
            agent,
            api,
            account,
            face,
            handler,
            dir,
        }))
    }

    /// Where a stream sends its events: to this scene's handler.
    pub fn event_handler(&self) -> Value {
        json!({
            "type": "luna_handler",
            "handler_id": self.handler,
            "frame_store": null,
            "authorization": {"account_id": self.account},
        })
    }

    /// Makes a stream of the second version with `data`; its id.
    pub async fn stream(&self, name: &str, data: Value) -> anyhow::Result<String> {
        let body = json!({"account_id": self.account, "name": name, "data": data});
        let answer = self
            .api
            .streams(Method::POST, "/2/streams", &self.account, Some(&body))
            .await?;
        text(&answer, "stream_id")
    }

    /// A camera that plays the demo's clip endlessly.
    pub fn camera(&self, more: &[&str]) -> anyhow::Result<Camera> {
        Camera::start(self.dir.path(), &self.clip(), more)
    }

    /// The demo's clip.
    pub fn clip(&self) -> PathBuf {
        self.home.join("clip/demo.mp4")
    }
}
