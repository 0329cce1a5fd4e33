//! Everything at once on this machine: a camera, a coordinator, an agent and a subscriber.
//!
//! Nothing here is a short cut: the camera is a real RTSP server, the agent enrols with a join
//! token and ships over QUIC, the person is enrolled over HTTP, and events come over the public
//! WebSocket. Ports are chosen by the system; state lives in `HOME/demo` and is new every time.

mod process;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, bail};
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout_at};

use crate::{
    args,
    client::{Client, text},
    commands::{
        agents,
        events::tail::{self, Subscription},
        faces::import::{self, Import},
        streams,
    },
    output::{Format, Output},
    secret::Secret,
    settings::{Credentials, Layer, Settings},
};
use process::{Log, Process};

const LIST: &str = "Demo: enrolled people";
const LOGIN: &str = "demo@goshawk.local";
/// How long any one part may take to come up.
const START: Duration = Duration::from_secs(60);

/// Runs the demo until interrupted, or until the wanted number of events has come.
pub async fn run(options: args::Demo) -> anyhow::Result<()> {
    let home = Home::open(&options.home)?;
    let deadline = options
        .events
        .map(|_| Instant::now() + Duration::from_secs(options.timeout));
    let mut stage = Stage::start(home).await?;
    let outcome = tokio::select! {
        outcome = stage.watch(options.events, deadline) => outcome,
        _ = interrupted() => match options.events {
            Some(wanted) => Err(anyhow::anyhow!("interrupted before {wanted} events had come")),
            None => Ok(()),
        },
    };
    if outcome.is_err() {
        stage.show_logs();
    }
    stage.stop().await;
    outcome
}

async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let heard = [SignalKind::terminate(), SignalKind::hangup()].map(signal);
    let [Ok(mut terminate), Ok(mut hangup)] = heard else {
        return tokio::signal::ctrl_c().await.unwrap_or_default();
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
        // The terminal is gone. The daemons take this signal for something else and would stay.
        _ = hangup.recv() => {}
    }
}

/// The installed files that the demo needs.
struct Home {
    root: PathBuf,
}

impl Home {
    fn open(root: &Path) -> anyhow::Result<Self> {
        for part in [
            "models",
            "onnxruntime/libonnxruntime.so",
            "clip/demo.mp4",
            "clip/enrol",
        ] {
            if !root.join(part).exists() {
                bail!(
                    "{} is missing: run `make setup` first",
                    root.join(part).display()
                );
            }
        }
        Ok(Self {
            root: root.canonicalize()?,
        })
    }

    fn path(&self, part: &str) -> PathBuf {
        self.root.join(part)
    }
}

/// All running parts.
struct Stage {
    home: Home,
    camera: Process,
    coordinator: Process,
    agent: Process,
    client: Client,
    account: String,
    stream: String,
    subscription: Subscription,
    api: String,
}

impl Stage {
    async fn start(home: Home) -> anyhow::Result<Self> {
        let state = home.path("demo");
        if state.exists() {
            std::fs::remove_dir_all(&state)?;
        }
        std::fs::create_dir_all(&state)?;
        let password = uuid::Uuid::new_v4().to_string();

        step("camera", "a real RTSP server plays the generated clip");
        let (camera, camera_url) = start_camera(&home).await?;
        println!("           {camera_url}");

        step("coordinator", "API, streams, matching, storage, WebSocket");
        let (coordinator, endpoints) = start_coordinator(&home, &password).await?;
        let api = text(&endpoints, "api")?;
        let client = client(&endpoints, password)?;
        println!("           {api}");

        step(
            "enrolment",
            "one of the two people goes onto a list, from another picture",
        );
        let command = Import {
            dir: home.path("clip/enrol"),
            list: LIST.to_owned(),
        };
        let mut output = Output::new(Format::Table, false);
        import::run(&client, command, &mut output).await?;

        step(
            "agent",
            "enrols with a one-time token, then ships over QUIC with mutual TLS",
        );
        let token = agents::join_token(&client, 600).await?;
        let agent = start_agent(&home, &text(&endpoints, "agents")?, &token)?;

        let account = client.account_id().await?;
        let subscription = Subscription::open(&client).await?;
        let handler = streams::handler_for_list(&client, LIST, 0.6).await?;
        let made = streams::add(&client, &account, &camera_url, "tcp", "demo", &handler).await?;
        let stream = text(&made, "stream_id")?;
        step(
            "stream",
            &format!("{stream} is assigned to the agent; events follow as tracks end"),
        );
        println!();
        Ok(Self {
            home,
            camera,
            coordinator,
            agent,
            client,
            account,
            stream,
            subscription,
            api,
        })
    }

    /// Prints events until the wanted number has come or something ends.
    async fn watch(
        &mut self,
        wanted: Option<u64>,
        deadline: Option<Instant>,
    ) -> anyhow::Result<()> {
        let far = Instant::now() + Duration::from_secs(365 * 24 * 3600);
        let mut seen = 0;
        while wanted.is_none_or(|wanted| seen < wanted) {
            let event = tokio::select! {
                event = timeout_at(deadline.unwrap_or(far), self.subscription.next()) => event,
                ended = self.camera.wait() => bail!("the camera ended early: {ended}"),
                ended = self.coordinator.wait() => bail!("the coordinator ended early: {ended}"),
                ended = self.agent.wait() => bail!("the agent ended early: {ended}"),
            };
            match event {
                Ok(event) => {
                    let event = event?.context("the coordinator closed the subscription")?;
                    println!("{}", tail::line(&event));
                    seen += 1;
                }
                Err(_) => {
                    let status = self.stream_status().await;
                    bail!(
                        "only {seen} of {} events came within the time limit; the stream's status is {status}",
                        wanted.unwrap_or_default(),
                    );
                }
            }
        }
        self.show_where_to_look();
        Ok(())
    }

    async fn stream_status(&self) -> String {
        match streams::show(&self.client, &self.account, &self.stream).await {
            Ok(stream) => stream
                .get("status")
                .and_then(Value::as_str)
                .unwrap_or("unknown")
                .to_owned(),
            Err(error) => format!("not to be had ({error:#})"),
        }
    }

    fn show_where_to_look(&self) {
        println!("\nWhere to look further:");
        println!(
            "  events, faces, lists   {}/6/events (login {LOGIN})",
            self.api
        );
        println!(
            "  logs                   {}",
            self.home.path("demo").join("*.log").display()
        );
        println!("  your own camera        see README.md, \"Your own camera\"");
    }

    fn show_logs(&self) {
        for process in [&self.camera, &self.coordinator, &self.agent] {
            eprintln!(
                "--- end of {} ---\n{}",
                process.log().path().display(),
                process.log().tail(15)
            );
        }
    }

    /// Ends everything in the order of the flow, so that the last events still get through.
    async fn stop(self) {
        self.agent.stop().await;
        self.camera.stop().await;
        self.coordinator.stop().await;
    }
}

fn step(name: &str, what: &str) {
    println!("{name:<10} {what}");
}

/// A client of the coordinator that listens at `endpoints`.
fn client(endpoints: &Value, password: String) -> anyhow::Result<Client> {
    let layer = Layer {
        url: Some(text(endpoints, "api")?),
        streams_url: Some(text(endpoints, "streams")?),
        ..Layer::default()
    };
    let limit = Duration::from_secs(60);
    let settings = Settings::resolve(layer, Layer::default(), None, false, limit)?;
    let credentials = Credentials::Basic {
        login: LOGIN.to_owned(),
        password: Secret::new(password),
    };
    Ok(Client::with(&settings, Some(credentials))?)
}

async fn start_camera(home: &Home) -> anyhow::Result<(Process, String)> {
    let clip = home.path("clip/demo.mp4");
    let mut process = Process::spawn(
        "goshawk-camera",
        Log::new(home.path("demo/camera.log")),
        |command| {
            command
                .arg("serve")
                .arg(clip)
                .args(["--port", "0", "--mount", "/live", "--loop"]);
        },
    )?;
    let line = process
        .first_line(START)
        .await
        .context("the camera did not start")?;
    Ok((process, line))
}

async fn start_coordinator(home: &Home, password: &str) -> anyhow::Result<(Process, Value)> {
    let data = home.path("demo/coordinator");
    let settings = [
        ("data_dir", data.display().to_string()),
        ("api.listen", "127.0.0.1:0".into()),
        ("sender.listen", "127.0.0.1:0".into()),
        ("handlers.listen", "127.0.0.1:0".into()),
        ("streams.listen", "127.0.0.1:0".into()),
        ("agents.listen", "127.0.0.1:0".into()),
        ("models.home", home.root.display().to_string()),
    ];
    let log = Log::new(home.path("demo/coordinator.log"));
    let process = Process::spawn("goshawk-coordinator", log, |command| {
        command.arg("run");
        for (key, value) in settings {
            command.arg(format!("--{key}")).arg(value);
        }
        command
            .env("GOSHAWK_COORDINATOR_BOOTSTRAP_LOGIN", LOGIN)
            .env("GOSHAWK_COORDINATOR_BOOTSTRAP_PASSWORD", password);
    })?;
    let endpoints = endpoints(&process, &data.join("endpoints.json")).await?;
    Ok((process, endpoints))
}

fn start_agent(home: &Home, coordinator: &str, token: &str) -> anyhow::Result<Process> {
    let settings = [
        ("state_dir", home.path("demo/agent").display().to_string()),
        ("coordinator.address", coordinator.to_owned()),
        ("local.listen", "127.0.0.1:0".to_owned()),
        ("models.home", home.root.display().to_string()),
    ];
    Process::spawn(
        "goshawk-agent",
        Log::new(home.path("demo/agent.log")),
        |command| {
            command.arg("run");
            for (key, value) in settings {
                command.arg(format!("--{key}")).arg(value);
            }
            // By environment: a command line can be read by every user of the machine.
            command.env("GOSHAWK_AGENT_COORDINATOR_JOIN_TOKEN", token);
        },
    )
}

/// Waits for a daemon to say where it listens.
async fn endpoints(process: &Process, path: &Path) -> anyhow::Result<Value> {
    let deadline = Instant::now() + START;
    while Instant::now() < deadline {
        if let Ok(text) = std::fs::read_to_string(path) {
            return serde_json::from_str(&text).context("endpoints.json is not JSON");
        }
        sleep(Duration::from_millis(100)).await;
    }
    bail!(
        "{} did not start within {START:?}:\n{}",
        process.name(),
        process.log().tail(15)
    )
}
