//! The demo's child processes: found beside this program, logged to files, ended politely.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, bail};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, ChildStdout, Command},
    time::timeout,
};

/// How long a process has to end after it was asked to.
const GRACE: Duration = Duration::from_secs(20);

/// Where a process writes what it has to say.
pub struct Log(PathBuf);

impl Log {
    /// A log at `path`; the file is made when the process starts.
    pub fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The last `lines` lines.
    pub fn tail(&self, lines: usize) -> String {
        let text = std::fs::read_to_string(&self.0).unwrap_or_default();
        let all: Vec<&str> = text.lines().collect();
        all[all.len().saturating_sub(lines)..].join("\n")
    }
}

/// A running part of the demo; killed when dropped.
pub struct Process {
    name: &'static str,
    child: Child,
    /// Kept open as long as the process lives: writing to a closed pipe would end it.
    stdout: Option<BufReader<ChildStdout>>,
    log: Log,
}

impl Process {
    /// Starts the program `name` that lies beside this one.
    pub fn spawn(
        name: &'static str,
        log: Log,
        configure: impl FnOnce(&mut Command),
    ) -> anyhow::Result<Self> {
        let program = beside_this_program(name)?;
        let file =
            File::create(&log.0).with_context(|| format!("cannot write {}", log.0.display()))?;
        let mut command = Command::new(program);
        configure(&mut command);
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(file)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let stdout = child.stdout.take().map(BufReader::new);
        Ok(Self {
            name,
            child,
            stdout,
            log,
        })
    }

    /// The program's name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Where it logs.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// The first line that it prints on standard output.
    pub async fn first_line(&mut self, limit: Duration) -> anyhow::Result<String> {
        let stdout = self
            .stdout
            .as_mut()
            .context("standard output is not there")?;
        let mut line = String::new();
        timeout(limit, stdout.read_line(&mut line))
            .await
            .context("it said nothing")??;
        if line.trim().is_empty() {
            bail!("it ended:\n{}", self.log.tail(15));
        }
        Ok(line.trim().to_owned())
    }

    /// Waits for the process to end by itself.
    pub async fn wait(&mut self) -> String {
        match self.child.wait().await {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        }
    }

    /// Asks the process to end, and kills it when it does not.
    pub async fn stop(mut self) {
        if let Some(pid) = self.child.id().and_then(|id| i32::try_from(id).ok()) {
            let pid = rustix::process::Pid::from_raw(pid);
            let asked =
                pid.map(|pid| rustix::process::kill_process(pid, rustix::process::Signal::TERM));
            if matches!(asked, Some(Ok(()))) && timeout(GRACE, self.child.wait()).await.is_ok() {
                return;
            }
        }
        eprintln!("{} did not end when asked to; killing it", self.name);
        // Already gone is as good as killed.
        let _ = self.child.kill().await;
    }
}

fn beside_this_program(name: &str) -> anyhow::Result<PathBuf> {
    let here = std::env::current_exe()?;
    let program = here.with_file_name(name);
    if !program.exists() {
        bail!(
            "{} is missing: build it, or install the whole package",
            program.display()
        );
    }
    Ok(program)
}
