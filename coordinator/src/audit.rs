//! Who changed what, and who was kept from it: one line of JSON for every operation that changes
//! something, in `DATA_DIR/audit/audit.jsonl`, and one for every request that was refused to whoever
//! made it (wrong or missing credentials, no permission, locked out), in `…/refused.jsonl`.
//!
//! A line names the moment, the request, the account and token, the client's address, the
//! operation and its route, the object and the outcome. Where it is not known who asked, it names
//! whom the request claimed to come from (see [`Claim`]). It never holds what was sent: no
//! passwords, no tokens, no people's data.
//!
//! **Bounds.** Entries wait for the writer's thread in a queue of [`QUEUE`]; where that is full an
//! entry is lost and counted, as the request must not wait for a slow disk. A file that reaches its
//! size becomes `audit.1.jsonl`, that one `audit.2.jsonl` and so on; the one after the last is
//! removed. Where the disk is full or fails, entries are lost and counted, a warning is logged at
//! most every [`WARN_EVERY`], and the coordinator goes on. Lines are on the disk at most
//! [`SYNC_EVERY`] after they were written, and at shutdown.
//!
//! Refusals cost those who make them nothing, so they have bounds of their own ([`flood`]): at most
//! [`flood::MOST_OF_ONE`] a minute of one client and [`flood::MOST`] of all are written. The others
//! are counted; a line `{"time": …, "left_out": …}` tells how many they were, once a minute. They
//! have files of their own, so that no flood of them pushes the changes out.

mod file;
pub mod flood;

use std::{
    io,
    net::IpAddr,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::{Duration, Instant, SystemTime},
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};
use goshawk_proto::{
    id::{AccountId, TokenId},
    time::Timestamp,
};
use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue},
    metrics::{counter::Counter, family::Family},
};
use serde::Serialize;

use crate::{
    auth::{Claim, guard::Network},
    metrics::Metrics,
};
use file::AuditFile;
use flood::Flood;

/// Entries that may wait for the disk.
pub const QUEUE: usize = 4096;
/// Longest time from writing a line to its being on the disk.
pub const SYNC_EVERY: Duration = Duration::from_secs(1);
/// How often at most a failing disk is warned about.
pub const WARN_EVERY: Duration = Duration::from_secs(60);
/// Name of the folder in the data folder.
pub const FOLDER: &str = "audit";

/// How much is kept of changes, and as much again of refusals.
#[derive(Clone, Copy, Debug)]
pub struct AuditLimits {
    /// Size in bytes at which a file is put aside.
    pub file_bytes: u64,
    /// Files kept, the one being written included; at least 1.
    pub files: usize,
}

/// One change, an attempt at one, or a request that was refused to whoever made it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditEntry {
    /// When it was answered.
    pub time: Timestamp,
    /// The request's id.
    pub request_id: String,
    /// Who asked; `None`: nobody who could be told.
    pub account_id: Option<AccountId>,
    /// By which token; `None`: by password or as a trusted service.
    pub token_id: Option<TokenId>,
    /// Whom the request named, where nobody could be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claimed: Option<Claim>,
    /// The client's address.
    pub peer: IpAddr,
    /// The operation's id in the API document.
    pub operation: &'static str,
    /// The template of its path.
    pub route: &'static str,
    /// The object: out of the path, or what was made.
    pub object: Option<String>,
    /// The answer's HTTP status.
    pub status: u16,
    /// The answer's error code.
    pub error_code: Option<u32>,
    /// Seconds that the client was told to wait: it has guessed too often.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<u64>,
}

impl AuditEntry {
    /// Whether it is about somebody who may not do this, or of whom nothing is known.
    pub fn is_refusal(&self) -> bool {
        let failed = self.status >= 400;
        matches!(self.status, 401 | 403) || (self.account_id.is_none() && failed)
    }
}

/// Refusals that were not written.
#[derive(Serialize)]
struct LeftOut {
    time: Timestamp,
    left_out: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
enum Loss {
    Queue,
    Disk,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LossLabels {
    reason: Loss,
}

#[derive(Clone, Default)]
struct AuditMetrics {
    written: Counter,
    lost: Family<LossLabels, Counter>,
    left_out: Counter,
}

impl AuditMetrics {
    fn new(metrics: &Metrics) -> Self {
        let this = Self::default();
        metrics.register(|registry| {
            let text = "Lines written to the audit log";
            registry.register("audit_entries", text, this.written.clone());
            let text = "Audit entries lost, by reason";
            registry.register("audit_lost", text, this.lost.clone());
            let text = "Refusals left out of the audit log because there were too many";
            registry.register("audit_left_out", text, this.left_out.clone());
        });
        this
    }

    fn lose(&self, reason: Loss, count: u64) {
        self.lost
            .get_or_create(&LossLabels { reason })
            .inc_by(count);
    }
}

/// The log. Cheap to clone.
#[derive(Clone)]
pub struct Audit {
    queue: Sender<Message>,
    flood: Arc<Mutex<Flood>>,
    metrics: AuditMetrics,
    writer: Arc<Mutex<Option<JoinHandle<()>>>>,
}

enum Message {
    Entry(Box<AuditEntry>),
    /// Nothing counts that comes after it.
    End,
}

impl Audit {
    /// Opens the log in the data folder `dir` and starts its writer. Blocks.
    pub fn start(dir: &Path, limits: AuditLimits, metrics: &Metrics) -> io::Result<Self> {
        let folder = dir.join(FOLDER);
        let flood = Arc::new(Mutex::new(Flood::default()));
        let metrics = AuditMetrics::new(metrics);
        let (queue, messages) = bounded(QUEUE);
        let writer = Writer {
            changes: AuditFile::open(&folder, "audit", limits)?,
            refusals: AuditFile::open(&folder, "refused", limits)?,
            flood: Arc::clone(&flood),
            metrics: metrics.clone(),
            warned: None,
        };
        let thread = std::thread::Builder::new().name("audit".to_owned());
        let thread = thread.spawn(move || writer.run(&messages))?;
        Ok(Self {
            queue,
            flood,
            metrics,
            writer: Arc::new(Mutex::new(Some(thread))),
        })
    }

    /// Notes a change or refusal. Never waits.
    pub fn record(&self, entry: AuditEntry) {
        if entry.is_refusal() {
            let client = Network::of(entry.peer);
            if !lock(&self.flood).admits(client, Instant::now()) {
                self.metrics.left_out.inc();
                return;
            }
        }
        match self.queue.try_send(Message::Entry(Box::new(entry))) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.metrics.lose(Loss::Queue, 1);
            }
        }
    }

    /// Writes what waits and ends the writer; later entries are lost. Blocks.
    pub fn close(&self) {
        let Some(writer) = lock(&self.writer).take() else {
            return;
        };
        // Fails only when the writer has ended already.
        let _ = self.queue.send(Message::End);
        if writer.join().is_err() {
            tracing::error!("the audit log's writer broke off");
        }
    }
}

fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    // Both hold plain values, whole at every moment.
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Writer {
    changes: AuditFile,
    refusals: AuditFile,
    flood: Arc<Mutex<Flood>>,
    metrics: AuditMetrics,
    warned: Option<Instant>,
}

impl Writer {
    fn run(mut self, messages: &Receiver<Message>) {
        let mut synced = Instant::now();
        loop {
            match messages.recv_timeout(SYNC_EVERY) {
                Ok(Message::Entry(entry)) => self.write(&entry),
                Err(RecvTimeoutError::Timeout) => {}
                Ok(Message::End) | Err(RecvTimeoutError::Disconnected) => break,
            }
            if synced.elapsed() >= SYNC_EVERY {
                let left_out = lock(&self.flood).left_out(Instant::now());
                self.tell(left_out);
                self.sync();
                synced = Instant::now();
            }
        }
        let left_out = lock(&self.flood).rest();
        self.tell(left_out);
        self.sync();
    }

    fn tell(&mut self, left_out: Option<u64>) {
        let Some(left_out) = left_out else {
            return;
        };
        let time = Timestamp::from_system(SystemTime::now());
        let written = append(&mut self.refusals, &LeftOut { time, left_out });
        if let Err(error) = written {
            self.lost(0, &error);
        }
    }

    fn write(&mut self, entry: &AuditEntry) {
        let file = match entry.is_refusal() {
            true => &mut self.refusals,
            false => &mut self.changes,
        };
        match append(file, entry) {
            Ok(()) => {
                self.metrics.written.inc();
            }
            Err(error) => self.lost(1, &error),
        }
    }

    fn sync(&mut self) {
        for synced in [self.changes.sync(), self.refusals.sync()] {
            if let Err(error) = synced {
                self.lost(0, &error);
            }
        }
    }

    fn lost(&mut self, count: u64, error: &io::Error) {
        self.metrics.lose(Loss::Disk, count);
        let due = self.warned.is_none_or(|at| at.elapsed() >= WARN_EVERY);
        if due {
            self.warned = Some(Instant::now());
            tracing::warn!("the audit log cannot be written, its entries are lost: {error}");
        }
    }
}

fn append(file: &mut AuditFile, line: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(line)?;
    line.push(b'\n');
    file.append(&line)
}

#[cfg(test)]
mod tests;
