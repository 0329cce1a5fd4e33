//! Fetches packages through their registries' own clients, so that mirrors, proxies and
//! credentials are those the machine is already set up with.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::pins::{Download, Source, WHEEL_ABI, WHEEL_PYTHON};

/// Longest time one package may take; its client's own retries happen within it.
const TIME_LIMIT: Duration = Duration::from_secs(20 * 60);
/// How often a running client is looked at.
const POLL: Duration = Duration::from_millis(100);
/// How much of a client's complaints is kept for the error.
const MAX_COMPLAINT_BYTES: u64 = 64 * 1024;
/// How many of its last lines are shown.
const COMPLAINT_LINES: usize = 12;

/// Gets packages from somewhere.
pub trait Fetch {
    /// Puts the package's file into the empty folder `into` and returns its path. Calls `tick`
    /// now and then while it waits.
    fn fetch(
        &self,
        download: &Download,
        into: &Path,
        tick: &mut dyn FnMut(),
    ) -> Result<PathBuf, FetchError>;
}

/// Why a package could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The client is not installed.
    #[error(
        "{tool} is needed but not installed; on Debian or Ubuntu: sudo apt-get install {package}"
    )]
    NoTool {
        /// What was called.
        tool: &'static str,
        /// Debian package that has it.
        package: &'static str,
    },
    /// The client failed.
    #[error(
        "{command} failed ({status}). Check the network, the proxy settings and that the registry carries this version, then run the command again; what is done so far is kept. It said:\n{complaint}"
    )]
    Failed {
        /// What was called, with its arguments.
        command: String,
        /// How it ended.
        status: String,
        /// The last lines it wrote.
        complaint: String,
    },
    /// The client did not end in time.
    #[error(
        "{command} was stopped after {minutes} minutes without an end; check the network and run the command again"
    )]
    Timeout {
        /// What was called, with its arguments.
        command: String,
        /// How long was waited.
        minutes: u64,
    },
    /// The client succeeded but made another file than the pinned one.
    #[error("{command} did not make the file {file}; the registry may no longer carry it")]
    NoFile {
        /// What was called, with its arguments.
        command: String,
        /// What was expected.
        file: &'static str,
    },
    /// The client cannot be run.
    #[error("cannot run {tool}: {source}")]
    Run {
        /// What was called.
        tool: &'static str,
        /// Why it failed.
        source: io::Error,
    },
}

/// Fetches with `npm` and `python3 -m pip`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clients;

impl Fetch for Clients {
    fn fetch(
        &self,
        download: &Download,
        into: &Path,
        tick: &mut dyn FnMut(),
    ) -> Result<PathBuf, FetchError> {
        let (tool, arguments) = command_line(&download.source);
        let shown = format!("{tool} {}", arguments.join(" "));
        run(tool, &arguments, &shown, into, tick)?;
        let path = into.join(download.file);
        if !path.is_file() {
            return Err(FetchError::NoFile {
                command: shown,
                file: download.file,
            });
        }
        Ok(path)
    }
}

/// What to call for a package. The working folder is where the file shall be made.
fn command_line(source: &Source) -> (&'static str, Vec<&'static str>) {
    match source {
        Source::Npm(spec) => ("npm", vec!["pack", spec, "--ignore-scripts", "--silent"]),
        Source::Pip {
            requirement,
            platforms,
        } => {
            let mut arguments = vec!["-m", "pip", "download", "--no-deps", "--only-binary=:all:"];
            arguments.extend([
                "--no-input",
                "--disable-pip-version-check",
                "--progress-bar",
                "off",
                "--dest",
                ".",
            ]);
            arguments.extend([
                "--python-version",
                WHEEL_PYTHON,
                "--implementation",
                "cp",
                "--abi",
                WHEEL_ABI,
            ]);
            arguments.extend(
                platforms
                    .iter()
                    .flat_map(|platform| ["--platform", platform]),
            );
            arguments.push(requirement);
            ("python3", arguments)
        }
    }
}

fn run(
    tool: &'static str,
    arguments: &[&str],
    shown: &str,
    into: &Path,
    tick: &mut dyn FnMut(),
) -> Result<(), FetchError> {
    let mut command = Command::new(tool);
    command.args(arguments).current_dir(into);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let package = if tool == "npm" { "npm" } else { "python3-pip" };
            return Err(FetchError::NoTool { tool, package });
        }
        Err(source) => return Err(FetchError::Run { tool, source }),
    };
    let complaints = child
        .stderr
        .take()
        .map(|stderr| thread::spawn(move || tail(stderr)));
    let status = wait(&mut child, tool, shown, tick);
    let complaint = complaints
        .and_then(|reader| reader.join().ok())
        .unwrap_or_default();
    let status = status?;
    if status.success() {
        return Ok(());
    }
    if complaint.contains("No module named pip") {
        return Err(FetchError::NoTool {
            tool: "pip",
            package: "python3-pip",
        });
    }
    Err(FetchError::Failed {
        command: shown.to_owned(),
        status: status.to_string(),
        complaint,
    })
}

fn wait(
    child: &mut Child,
    tool: &'static str,
    shown: &str,
    tick: &mut dyn FnMut(),
) -> Result<std::process::ExitStatus, FetchError> {
    let start = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status),
            Ok(None) if start.elapsed() < TIME_LIMIT => {
                tick();
                thread::sleep(POLL);
            }
            Ok(None) => {
                stop(child);
                let minutes = TIME_LIMIT.as_secs() / 60;
                return Err(FetchError::Timeout {
                    command: shown.to_owned(),
                    minutes,
                });
            }
            Err(source) => {
                stop(child);
                return Err(FetchError::Run { tool, source });
            }
        }
    }
}

fn stop(child: &mut Child) {
    // The child may have ended by itself in the meantime; either way it is gone afterwards.
    let _ = child.kill();
    let _ = child.wait();
}

/// Reads to the end, keeping the last lines of the first part; the rest is only drained, so that
/// the writer does not block.
pub fn tail(mut stream: impl Read) -> String {
    let mut kept = Vec::new();
    let _ = stream
        .by_ref()
        .take(MAX_COMPLAINT_BYTES)
        .read_to_end(&mut kept);
    let _ = io::copy(&mut stream, &mut io::sink());
    let text = String::from_utf8_lossy(&kept);
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    lines[lines.len().saturating_sub(COMPLAINT_LINES)..].join("\n")
}

/// An empty folder for one fetch, next to where its result goes.
pub fn fresh_folder(downloads: &Path, file: &str) -> io::Result<PathBuf> {
    let folder = downloads.join(format!("{}{file}", super::place::PARTIAL));
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => fs::create_dir_all(&folder)?,
    }
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_asked_for_one_exact_file() {
        let plan = super::super::pins::Plan::for_architecture("x86_64").unwrap();
        let (tool, arguments) = command_line(&plan.downloads[0].source);
        assert_eq!(
            (tool, arguments.join(" ").as_str()),
            (
                "npm",
                "pack @vladmandic/human@3.3.6 --ignore-scripts --silent"
            )
        );
        let (tool, arguments) = command_line(&plan.downloads[1].source);
        let line = arguments.join(" ");
        assert_eq!(tool, "python3");
        assert!(
            line.contains("--only-binary=:all:")
                && line.contains("--platform manylinux_2_28_x86_64"),
            "{line}"
        );
        assert!(line.ends_with(" onnxruntime==1.31.1"), "{line}");
    }

    #[test]
    fn a_missing_tool_says_what_to_install() {
        let error = run(
            "goshawk-no-such-tool",
            &[],
            "shown",
            Path::new("."),
            &mut || {},
        )
        .unwrap_err();
        assert!(error.to_string().contains("apt-get install"), "{error}");
    }

    #[test]
    fn a_failing_tool_is_quoted() {
        let arguments = ["-c", "echo first >&2; echo the reason >&2; exit 3"];
        let error = run("sh", &arguments, "sh -c …", Path::new("."), &mut || {}).unwrap_err();
        let FetchError::Failed {
            complaint, status, ..
        } = error
        else {
            panic!("{error}")
        };
        assert_eq!(complaint, "first\nthe reason");
        assert!(status.contains('3'), "{status}");
        let arguments = [
            "-c",
            "echo /usr/bin/python3: No module named pip >&2; exit 1",
        ];
        let error = run("sh", &arguments, "", Path::new("."), &mut || {}).unwrap_err();
        assert!(matches!(error, FetchError::NoTool { tool: "pip", .. }));
    }

    #[test]
    fn long_complaints_are_cut_without_blocking_the_tool() {
        let arguments = [
            "-c",
            "i=0; while [ $i -lt 20000 ]; do echo line $i >&2; i=$((i+1)); done; exit 1",
        ];
        let error = run("sh", &arguments, "", Path::new("."), &mut || {}).unwrap_err();
        let FetchError::Failed { complaint, .. } = error else {
            panic!("{error}")
        };
        assert_eq!(complaint.lines().count(), COMPLAINT_LINES);
    }
}
