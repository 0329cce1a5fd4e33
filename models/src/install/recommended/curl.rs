//! Fetches one file of a known length with `curl`.
//!
//! `curl` writes to a pipe and the file is written here, so that what comes can never be longer
//! than what is meant, whatever the other side says.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
};

use super::remove;
use crate::{install::fetch::tail, manifest::Checksum};

/// Seconds to wait for a connection.
const CONNECT_SECONDS: &str = "20";
/// A transfer of less than this many bytes a second …
const SLOWEST: &str = "1024";
/// … over this many seconds is given up.
const STALL_SECONDS: &str = "60";
/// Longest time that one file may take, in seconds.
const LONGEST_SECONDS: &str = "3600";
/// What `curl` ends with when the server cannot go on in the middle of a file.
const CANNOT_RESUME: [i32; 2] = [33, 36];
/// … and when it answers with an error status, such as 416 for a place beyond the end.
const HTTP_ERROR: i32 = 22;

/// Why a file was not fetched.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// There is no `curl`.
    #[error("curl is needed but not installed; on Debian or Ubuntu: sudo apt-get install curl")]
    NoTool,
    /// `curl` could not do it.
    #[error("{0}")]
    Failed(String),
    /// It ended before the file did. What came is kept, to go on from.
    #[error("cut off after {found} of {want} bytes; run the command again to go on from there")]
    Short {
        /// What is meant.
        want: u64,
        /// What is there.
        found: u64,
    },
    /// There is more than the file should have. What came was removed.
    #[error(
        "more than the {0} bytes that the file should have; it is another file, and nothing of it was used"
    )]
    TooLong(u64),
    /// It is another file. It was removed.
    #[error(
        "the checksum is {found} where {want} is wanted; it is another file, and nothing of it was used"
    )]
    Checksum {
        /// What is meant.
        want: Checksum,
        /// What came.
        found: Checksum,
    },
    /// The file cannot be written or read here.
    #[error("cannot write: {0}")]
    Write(io::Error),
}

/// Fetches `url` into `partial` until it has `bytes` bytes, going on where an earlier call ended.
pub(super) fn fetch(
    url: &str,
    partial: &Path,
    bytes: u64,
    tick: &mut dyn FnMut(),
) -> Result<(), DownloadError> {
    let there = fs::metadata(partial).map_or(0, |m| m.len());
    if there > 0 && there < bytes {
        match attempt(url, partial, there, bytes, tick) {
            Err(Attempt::CannotResume(_)) => {}
            done => return done.map_err(Attempt::error),
        }
    }
    if there == bytes {
        // All of it came before; the checksum decides.
        return Ok(());
    }
    attempt(url, partial, 0, bytes, tick).map_err(Attempt::error)
}

/// Why one attempt failed.
enum Attempt {
    /// Another one from the beginning may do.
    CannotResume(String),
    /// It makes no sense to try again now.
    Final(DownloadError),
}

impl Attempt {
    fn error(self) -> DownloadError {
        match self {
            Self::CannotResume(complaint) => DownloadError::Failed(complaint),
            Self::Final(error) => error,
        }
    }
}

fn attempt(
    url: &str,
    partial: &Path,
    from: u64,
    bytes: u64,
    tick: &mut dyn FnMut(),
) -> Result<(), Attempt> {
    let write = |error| Attempt::Final(DownloadError::Write(error));
    let mut file = if from == 0 {
        File::create(partial)
    } else {
        File::options().append(true).open(partial)
    }
    .map_err(write)?;
    let mut child = start(url, from).map_err(Attempt::Final)?;
    let complaints = child.stderr.take().map(|e| thread::spawn(move || tail(e)));
    let copied = match child.stdout.take() {
        Some(from_curl) => copy(from_curl, &mut file, bytes - from, tick),
        None => Ok(false),
    };
    let too_long = copied.as_ref().is_ok_and(|more| *more);
    if too_long || copied.is_err() {
        // It may have ended by itself in the meantime.
        let _ = child.kill();
    }
    let status = child.wait().map_err(write)?;
    let complaint = complaints.and_then(|c| c.join().ok()).unwrap_or_default();
    copied.map_err(write)?;
    if too_long {
        drop(file);
        remove(partial).map_err(write)?;
        return Err(Attempt::Final(DownloadError::TooLong(bytes)));
    }
    file.sync_all().map_err(write)?;
    let found = fs::metadata(partial).map_err(write)?.len();
    if found == bytes {
        return Ok(());
    }
    let code = status.code();
    let refused = code.is_some_and(|c| CANNOT_RESUME.contains(&c) || c == HTTP_ERROR);
    if from > 0 && refused {
        return Err(Attempt::CannotResume(complaint));
    }
    if found > from {
        return Err(Attempt::Final(DownloadError::Short { want: bytes, found }));
    }
    if found == 0 {
        remove(partial).map_err(write)?;
    }
    Err(Attempt::Final(DownloadError::Failed(
        if complaint.is_empty() {
            format!("nothing came ({status})")
        } else {
            complaint
        },
    )))
}

fn start(url: &str, from: u64) -> Result<Child, DownloadError> {
    let mut command = Command::new("curl");
    // Not what somebody has put into a configuration file: it may print to the pipe.
    command.args([
        "--disable",
        "--fail",
        "--location",
        "--silent",
        "--show-error",
    ]);
    // A redirection must not lead to plain HTTP or to a file.
    let schemes = if url.starts_with("https:") {
        "=https"
    } else {
        "=http,https"
    };
    command.args(["--proto", schemes, "--proto-redir", schemes]);
    command.args(["--max-redirs", "5", "--connect-timeout", CONNECT_SECONDS]);
    command.args(["--speed-limit", SLOWEST, "--speed-time", STALL_SECONDS]);
    command.args(["--max-time", LONGEST_SECONDS]);
    if from > 0 {
        command.args(["--continue-at", &from.to_string()]);
    }
    command.args(["--output", "-", "--url", url]);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.spawn().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => DownloadError::NoTool,
        _ => DownloadError::Failed(format!("cannot run curl: {error}")),
    })
}

/// Copies no more than `most` bytes; whether there was more.
fn copy(mut from: impl Read, to: &mut File, most: u64, tick: &mut dyn FnMut()) -> io::Result<bool> {
    let mut buffer = vec![0; 64 * 1024];
    let mut left = most;
    loop {
        let n = match from.read(&mut buffer) {
            Ok(0) => return Ok(false),
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if n as u64 > left {
            return Ok(true);
        }
        to.write_all(&buffer[..n])?;
        left -= n as u64;
        tick();
    }
}
