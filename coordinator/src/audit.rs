//! Who changed what: one line of JSON for every operation that changes something, in
//! `DATA_DIR/audit/audit.jsonl`.
//!
//! A line names the moment, the request, the account and token, the client's address, the
//! operation, the object and the outcome. It never holds what was sent: no passwords, no tokens,
//! no people's data.
//!
//! **Bounds.** Entries wait for the writer's thread in a queue of [`QUEUE`]; where that is full an
//! entry is lost and counted, as the request must not wait for a slow disk. A file that reaches its
//! size becomes `audit.1.jsonl`, that one `audit.2.jsonl` and so on; the one after the last is
//! removed. Where the disk is full or fails, entries are lost and counted, a warning is logged at
//! most every [`WARN_EVERY`], and the coordinator goes on. Lines are on the disk at most
//! [`SYNC_EVERY`] after they were written, and at shutdown.

mod file;

use std::{
    io,
    net::IpAddr,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
    time::{Duration, Instant},
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

use crate::metrics::Metrics;
use file::AuditFile;

/// Entries that may wait for the disk.
pub const QUEUE: usize = 4096;
/// Longest time from writing a line to its being on the disk.
pub const SYNC_EVERY: Duration = Duration::from_secs(1);
/// How often at most a failing disk is warned about.
pub const WARN_EVERY: Duration = Duration::from_secs(60);
/// Name of the folder in the data folder.
pub const FOLDER: &str = "audit";

/// How much is kept.
#[derive(Clone, Copy, Debug)]
pub struct AuditLimits {
    /// Size in bytes at which a file is put aside.
    pub file_bytes: u64,
    /// Files kept, the one being written included; at least 1.
    pub files: usize,
}

/// One change, or an attempt at one.
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
    /// The client's address.
    pub peer: IpAddr,
    /// The operation's id in the API document.
    pub operation: &'static str,
    /// The object: out of the path, or what was made.
    pub object: Option<String>,
    /// The answer's HTTP status.
    pub status: u16,
    /// The answer's error code.
    pub error_code: Option<u32>,
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
}

impl AuditMetrics {
    fn new(metrics: &Metrics) -> Self {
        let this = Self::default();
        metrics.register(|registry| {
            let text = "Lines written to the audit log";
            registry.register("audit_entries", text, this.written.clone());
            let text = "Audit entries lost, by reason";
            registry.register("audit_lost", text, this.lost.clone());
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
    metrics: AuditMetrics,
    writer: Arc<Mutex<Option<JoinHandle<()>>>>,
}

enum Message {
    Entry(AuditEntry),
    /// Nothing counts that comes after it.
    End,
}

impl Audit {
    /// Opens the log in the data folder `dir` and starts its writer. Blocks.
    pub fn start(dir: &Path, limits: AuditLimits, metrics: &Metrics) -> io::Result<Self> {
        let file = AuditFile::open(&dir.join(FOLDER), limits)?;
        let metrics = AuditMetrics::new(metrics);
        let (queue, messages) = bounded(QUEUE);
        let writer = Writer {
            file,
            metrics: metrics.clone(),
            warned: None,
        };
        let thread = std::thread::Builder::new().name("audit".to_owned());
        let thread = thread.spawn(move || writer.run(&messages))?;
        Ok(Self {
            queue,
            metrics,
            writer: Arc::new(Mutex::new(Some(thread))),
        })
    }

    /// Notes a change. Never waits.
    pub fn record(&self, entry: AuditEntry) {
        match self.queue.try_send(Message::Entry(entry)) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.metrics.lose(Loss::Queue, 1);
            }
        }
    }

    /// Writes what waits and ends the writer; later entries are lost. Blocks.
    pub fn close(&self) {
        let writer = self
            .writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(writer) = writer else {
            return;
        };
        // Fails only when the writer has ended already.
        let _ = self.queue.send(Message::End);
        if writer.join().is_err() {
            tracing::error!("the audit log's writer broke off");
        }
    }
}

struct Writer {
    file: AuditFile,
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
                self.sync();
                synced = Instant::now();
            }
        }
        self.sync();
    }

    fn write(&mut self, entry: &AuditEntry) {
        let written = serde_json::to_vec(entry)
            .map_err(io::Error::other)
            .and_then(|mut line| {
                line.push(b'\n');
                self.file.append(&line)
            });
        match written {
            Ok(()) => {
                self.metrics.written.inc();
            }
            Err(error) => self.lost(1, &error),
        }
    }

    fn sync(&mut self) {
        if let Err(error) = self.file.sync() {
            self.lost(0, &error);
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

#[cfg(test)]
mod tests;
