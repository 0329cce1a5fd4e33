//! The socket on which a running coordinator takes orders of this machine's administrator: a
//! backup, a check.
//!
//! A client writes one line, `{"do": "backup"}` or `{"do": "verify"}`. The answer begins with a
//! line of JSON: `{"error": …}`, or `{"report": …}` for a check, or `{"ok": true}`, after which
//! the backup follows until the end of the stream. One order at a time; another is refused.

use std::{
    fs,
    io::{self, BufWriter, Write},
    os::unix::{fs::PermissionsExt, net::UnixStream as Blocking},
    path::Path,
    sync::Arc,
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    net::{UnixListener, UnixStream},
    runtime::Handle,
    sync::Semaphore,
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use super::{BackupError, Report, Source, take, verify_live};

/// Name of the socket in the data folder.
pub const SOCKET: &str = "control.sock";
/// Longest order in bytes.
const MOST_ORDER: u64 = 1024;
/// How long a client may take to say what it wants.
const ORDER_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a client may leave what is written for it unread.
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// An order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub(super) enum Order {
    /// Stream a backup.
    Backup,
    /// Check everything.
    Verify,
}

/// The first line of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer {
    /// A backup follows.
    Ok(bool),
    /// What a check found.
    Report(Report),
    /// Why not.
    Error(String),
}

/// Listens in the data folder until `stop`.
pub fn serve(source: Source, stop: CancellationToken) -> io::Result<JoinHandle<()>> {
    let path = source.data_dir.join(SOCKET);
    // The database is locked by this process, so a socket that is there is of a dead one.
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&path)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
    let turn = Arc::new(Semaphore::new(1));
    Ok(tokio::spawn(async move {
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) => {
                    tokio::spawn(attend(stream, source.clone(), Arc::clone(&turn)));
                }
                Err(error) => {
                    tracing::warn!(%error, "{SOCKET}: no connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
        let _ = fs::remove_file(&path);
    }))
}

async fn attend(stream: UnixStream, source: Source, turn: Arc<Semaphore>) {
    let mut reader = BufReader::new(stream).take(MOST_ORDER);
    let mut line = String::new();
    let read = tokio::time::timeout(ORDER_TIMEOUT, reader.read_line(&mut line)).await;
    // Nothing was said by who only looks whether somebody listens.
    if !matches!(read, Ok(Ok(1..))) {
        return;
    }
    let stream = reader.into_inner().into_inner();
    let (order, permit) = (serde_json::from_str(&line), turn.try_acquire_owned());
    let done = tokio::task::spawn_blocking(move || -> Result<(), BackupError> {
        let mut stream = blocking(stream).map_err(BackupError::Write)?;
        match (order, permit) {
            (Err(error), _) => say(&mut stream, &Answer::Error(error.to_string())),
            (_, Err(_)) => say(&mut stream, &Answer::Error(BUSY.to_owned())),
            (Ok(order), Ok(_turn)) => obey(order, &source, stream),
        }
    });
    match done.await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(%error, "{SOCKET}: an order was not carried out"),
        Err(error) => tracing::error!(%error, "{SOCKET}: an order broke off"),
    }
}

const BUSY: &str = "another backup or check is under way";

fn blocking(stream: UnixStream) -> io::Result<Blocking> {
    let stream = stream.into_std()?;
    stream.set_nonblocking(false)?;
    stream.set_write_timeout(Some(READ_TIMEOUT))?;
    Ok(stream)
}

fn say(stream: &mut impl Write, answer: &Answer) -> Result<(), BackupError> {
    let mut line = serde_json::to_vec(answer).map_err(|e| BackupError::Write(e.into()))?;
    line.push(b'\n');
    stream.write_all(&line).map_err(BackupError::Write)
}

fn obey(order: Order, source: &Source, mut stream: Blocking) -> Result<(), BackupError> {
    let runtime = Handle::current();
    match order {
        Order::Backup => {
            tracing::info!("a backup begins");
            say(&mut stream, &Answer::Ok(true))?;
            let manifest = take(source, BufWriter::with_capacity(1 << 20, stream), &runtime)?;
            tracing::info!(
                rows = manifest.rows,
                blobs = manifest.blobs,
                bytes = manifest.bytes(),
                damaged = manifest.damaged,
                "a backup was taken"
            );
            Ok(())
        }
        Order::Verify => match verify_live(&source.store, &source.blobs, &runtime) {
            Ok(report) => {
                tracing::info!(faults = report.faults, "everything was checked");
                say(&mut stream, &Answer::Report(report))
            }
            Err(error) => say(&mut stream, &Answer::Error(error.to_string())),
        },
    }
}

/// Gives an order to the coordinator that runs on a data folder; `None`: none runs. The stream is
/// at what follows the first line.
pub(super) fn order(
    data_dir: &Path,
    order: Order,
) -> Result<Option<(Answer, Blocking)>, BackupError> {
    let path = data_dir.join(SOCKET);
    let mut stream = match Blocking::connect(&path) {
        Ok(stream) => stream,
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
            ) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(BackupError::file(path)(error)),
    };
    let mut line = serde_json::to_vec(&order).map_err(|e| BackupError::Write(e.into()))?;
    line.push(b'\n');
    stream.write_all(&line).map_err(BackupError::file(&path))?;
    let line = first_line(&mut stream).map_err(BackupError::file(&path))?;
    let answer = serde_json::from_slice(&line)
        .map_err(|error| BackupError::Refused(format!("its answer is not understood: {error}")))?;
    Ok(Some((answer, stream)))
}

/// Reads up to the end of the line and not a byte further.
fn first_line(stream: &mut impl io::Read) -> io::Result<Vec<u8>> {
    const MOST: usize = 1 << 20;
    let mut line = Vec::new();
    let mut byte = [0];
    while line.len() < MOST {
        stream.read_exact(&mut byte)?;
        if byte[0] == b'\n' {
            return Ok(line);
        }
        line.push(byte[0]);
    }
    Err(io::Error::from(io::ErrorKind::InvalidData))
}
