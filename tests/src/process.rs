//! A child process with its log.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};

/// A running program; killed when dropped.
pub struct Daemon {
    name: String,
    child: Child,
    stdout: Option<BufReader<ChildStdout>>,
    log: PathBuf,
}

impl Daemon {
    /// Starts `name` from the folder of our binaries. What it logs is appended to `log`, so that
    /// the log of a process that is killed and started again stays one file.
    pub fn spawn(
        name: &str,
        log: &Path,
        configure: impl FnOnce(&mut Command),
    ) -> anyhow::Result<Self> {
        let program = binary(name)?;
        let file = File::options().create(true).append(true).open(log)?;
        let mut command = Command::new(program);
        configure(&mut command);
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(file)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let stdout = child.stdout.take().map(BufReader::new);
        Ok(Self {
            name: name.to_owned(),
            child,
            stdout,
            log: log.to_owned(),
        })
    }

    /// The next line on standard output; waits for it.
    pub fn line(&mut self) -> anyhow::Result<String> {
        let stdout = self.stdout.as_mut().context("standard output is closed")?;
        let mut line = String::new();
        if stdout.read_line(&mut line)? == 0 {
            bail!("{} ended without a word:\n{}", self.name, self.log_text());
        }
        Ok(line.trim_end().to_owned())
    }

    /// Process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything logged so far.
    pub fn log_text(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Ends the process without warning, as a power cut would.
    pub fn kill9(&mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks the process to end and waits for it.
    pub fn terminate(&mut self, limit: Duration) -> anyhow::Result<ExitStatus> {
        let pid = Pid::from_raw(i32::try_from(self.child.id())?).context("no process id")?;
        kill_process(pid, Signal::TERM)?;
        self.wait(limit)
            .with_context(|| format!("{} did not end on SIGTERM", self.name))
    }

    /// Waits for the process to end by itself.
    pub fn wait(&mut self, limit: Duration) -> anyhow::Result<ExitStatus> {
        let deadline = Instant::now() + limit;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        bail!(
            "{} still runs after {limit:?}:\n{}",
            self.name,
            self.log_text()
        )
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The path of one of our binaries, which `cargo build --workspace --bins` made beside the tests.
pub fn binary(name: &str) -> anyhow::Result<PathBuf> {
    let here = std::env::current_exe()?;
    let folder = here
        .ancestors()
        .find(|folder| folder.join("deps").is_dir() || folder.join(name).is_file());
    let program = folder
        .context("the build folder is not above the test")?
        .join(name);
    if !program.is_file() {
        bail!(
            "{} is missing: run `cargo build --workspace --bins` first",
            program.display()
        );
    }
    Ok(program)
}
