//! A coordinator of its own for each test, and an operator who has logged in.

use std::{
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

use goshawk_e2e::{
    process::binary,
    stack::{Coordinator, LOGIN, PASSWORD, home},
};
use serde_json::Value;

/// A coordinator and an operator with a configuration of their own.
pub struct Desk {
    /// The coordinator.
    pub coordinator: Coordinator,
    /// Installed models; the folder is empty where set-up was not run.
    pub models: PathBuf,
    dir: tempfile::TempDir,
}

impl Desk {
    /// Starts a coordinator. Without models it serves everything but pictures.
    pub fn open() -> Self {
        Self::open_with(&[])
    }

    /// The same with more settings.
    pub fn open_with(settings: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let models = home().unwrap_or_else(|| dir.path().join("no-models"));
        Self::open_in(dir, models, settings)
    }

    /// Starts a coordinator that has no models.
    pub fn without_models() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let models = dir.path().join("no-models");
        Self::open_in(dir, models, &[])
    }

    fn open_in(dir: tempfile::TempDir, models: PathBuf, settings: &[(&str, &str)]) -> Self {
        let coordinator = Coordinator::start_with(dir.path(), &models, settings).unwrap();
        Self {
            coordinator,
            models,
            dir,
        }
    }

    /// Starts a coordinator and logs the bootstrap account in.
    pub fn with_login() -> Self {
        let desk = Self::open();
        let login = ["login", "--login", LOGIN, "--password-file", "-"];
        let endpoints = desk.coordinator.api.endpoints.clone();
        let addresses = ["--url", &endpoints.api, "--streams-url", &endpoints.streams];
        let line = [&login[..], &addresses].concat();
        desk.run_with(PASSWORD, &line).exits(0);
        desk
    }

    /// A file in the operator's folder.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// The operator's folder.
    pub fn folder(&self) -> &std::path::Path {
        self.dir.path()
    }

    /// The program, not started yet.
    pub fn command(&self, line: &[&str]) -> Command {
        let mut command = Command::new(binary("goshawk").unwrap());
        command
            .args(line)
            .env_clear()
            .env("HOME", self.dir.path())
            .current_dir(self.dir.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs it to its end.
    pub fn run(&self, line: &[&str]) -> Ran {
        self.run_with("", line)
    }

    /// The same with something on standard input.
    pub fn run_with(&self, input: &str, line: &[&str]) -> Ran {
        finish(self.command(line), input)
    }

    /// The same with a token in place of the profile's credentials.
    pub fn run_as(&self, token: &str, line: &[&str]) -> Ran {
        let mut command = self.command(line);
        command.env("GOSHAWK_TOKEN", token);
        finish(command, "")
    }

    /// Runs it and reads the document that it prints.
    pub fn json(&self, line: &[&str]) -> Value {
        let line = [line, &["--json"]].concat();
        let ran = self.run(&line).exits(0);
        serde_json::from_str(&ran.out).unwrap()
    }

    /// Runs it and gives the one line that it prints.
    pub fn line(&self, line: &[&str]) -> String {
        let ran = self.run(line).exits(0);
        assert_eq!(ran.out.lines().count(), 1, "{ran:?}");
        ran.out.trim_end().to_owned()
    }
}

fn finish(mut command: Command, input: &str) -> Ran {
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A program that reads nothing may have ended already.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let ended = child.wait_with_output().unwrap();
    Ran {
        code: ended.status.code().unwrap(),
        out: String::from_utf8(ended.stdout).unwrap(),
        err: String::from_utf8(ended.stderr).unwrap(),
    }
}

/// What the program said in the end.
#[derive(Debug)]
pub struct Ran {
    /// Exit code.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Ran {
    /// Checks the exit code and shows everything where it is another.
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        self
    }

    /// Checks that it was refused with this code of the contract.
    pub fn refused(self, code: i64) -> Self {
        let ran = self.exits(1);
        assert!(ran.err.contains(&format!("code {code},")), "{ran:?}");
        ran
    }
}

/// A program that goes on; killed when dropped.
pub struct Running {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Running {
    /// Starts it and waits until it has said `ready` on standard error.
    pub fn start(mut command: Command, ready: &str) -> Self {
        let mut child = command.spawn().unwrap();
        let mut said = String::new();
        let mut errors = BufReader::new(child.stderr.take().unwrap());
        while !said.contains(ready) {
            let read = errors.read_line(&mut said).unwrap();
            assert_ne!(read, 0, "it ended: {said}");
        }
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    /// The next line, as JSON.
    pub fn json(&mut self) -> Value {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    /// Waits for its end, and gives the exit code.
    pub fn end(mut self) -> Option<i32> {
        for _ in 0..500 {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        None
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
