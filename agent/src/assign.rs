//! The streams that the coordinator has assigned: started, changed and stopped by version, kept
//! over restarts, and reported on.

mod hold;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use goshawk_proto::{
    id::StreamId,
    link::{Assignments, StreamFeedback},
    stream::{FailureKind, StreamSpec, StreamStatus},
};
use tokio::sync::watch;

use crate::{
    board::Board,
    files,
    metrics::Metrics,
    source::{SourceTools, StreamThread},
};

pub use hold::{Held, HoldFile};

/// File in the state folder with the last assignment. It may hold camera passwords.
pub(crate) const FILE: &str = "assignments.json";
/// How often a stopping stream is looked after.
const JOIN_POLL: Duration = Duration::from_millis(20);

/// The last assignment on disk.
#[derive(Clone, Debug)]
pub struct AssignmentFile(PathBuf);

impl AssignmentFile {
    /// In this state folder.
    pub fn new(state_dir: &Path) -> Self {
        Self(state_dir.join(FILE))
    }

    /// The last assignment; `None` when there is none or it cannot be read, which is logged.
    pub fn load(&self) -> Option<Assignments> {
        let bytes = match std::fs::read(&self.0) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::error!(%error, "the last assignment cannot be read");
                return None;
            }
        };
        // The parser's message may quote the file, which may hold passwords.
        let parsed = serde_json::from_slice(&bytes);
        parsed.map_err(|_| tracing::error!(file = %self.0.display(), "the last assignment is damaged and is ignored")).ok()
    }

    /// Keeps an assignment for the next start.
    pub fn save(&self, assignments: &Assignments) {
        let saved = serde_json::to_vec(assignments)
            .map_err(std::io::Error::from)
            .and_then(|bytes| files::write_whole(&self.0, &bytes));
        if let Err(error) = saved {
            tracing::error!(%error, "the assignment cannot be kept for the next start");
        }
    }
}

/// One assigned stream.
struct Assigned {
    spec: Arc<StreamSpec>,
    board: Arc<Board>,
    /// `None` when it could not be started or is held.
    thread: Option<StreamThread>,
}

/// All assigned streams and their threads.
pub struct Fleet {
    tools: SourceTools,
    metrics: Metrics,
    max_streams: usize,
    news: watch::Sender<u64>,
    revision: u64,
    streams: BTreeMap<StreamId, Assigned>,
    held: Held,
    /// Told to stop, and not yet ended.
    leaving: Vec<(StreamId, StreamThread)>,
}

impl Fleet {
    /// No stream yet.
    pub fn new(tools: SourceTools, metrics: Metrics, max_streams: usize) -> Self {
        Self {
            tools,
            metrics,
            max_streams,
            news: watch::Sender::new(0),
            revision: 0,
            streams: BTreeMap::new(),
            held: Held::default(),
            leaving: Vec::new(),
        }
    }

    /// Changes when a stream's status does.
    pub fn news(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }

    /// Revision of the assignment in force.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Makes the running streams those of `assignments`: the whole wanted state.
    pub fn apply(&mut self, assignments: &Assignments) {
        self.revision = assignments.revision;
        let wanted: BTreeSet<StreamId> = assignments
            .streams
            .iter()
            .map(|spec| spec.stream_id)
            .collect();
        let gone: Vec<StreamId> = self
            .streams
            .keys()
            .filter(|id| !wanted.contains(id))
            .copied()
            .collect();
        for id in gone {
            self.remove(id);
        }
        for spec in &assignments.streams {
            self.want(spec);
        }
        self.reap();
        self.metrics
            .streams
            .set(i64::try_from(self.streams.len()).unwrap_or(i64::MAX));
    }

    /// Stops those of the assigned streams that are `held` and sets the others going.
    pub fn hold(&mut self, held: &Held) {
        if self.held == *held {
            return;
        }
        self.held = held.clone();
        let specs: Vec<Arc<StreamSpec>> = self.streams.values().map(|s| s.spec.clone()).collect();
        for spec in specs {
            let id = spec.stream_id;
            let stands = self.streams.get(&id).is_some_and(|s| s.thread.is_none());
            if self.held.holds(id) || stands {
                self.want(&spec);
            }
        }
    }

    fn want(&mut self, spec: &StreamSpec) {
        if self.held.holds(spec.stream_id) {
            return self.keep_still(spec);
        }
        match self.streams.get_mut(&spec.stream_id) {
            Some(known) if spec.version <= known.spec.version && known.thread.is_some() => {}
            Some(Assigned {
                spec: known,
                thread: Some(thread),
                ..
            }) => {
                tracing::info!(stream = %spec.stream_id, version = spec.version, "the stream is changed");
                let spec = Arc::new(spec.clone());
                *known = Arc::clone(&spec);
                thread.update(spec);
            }
            _ => self.start(spec),
        }
    }

    /// Has a stream assigned and does nothing about it but say so.
    fn keep_still(&mut self, spec: &StreamSpec) {
        let id = spec.stream_id;
        let known = self.streams.get_mut(&id);
        if let Some(thread) = known.and_then(|stream| stream.thread.take()) {
            tracing::info!(stream = %id, "the stream is held at its site");
            thread.stop();
            self.leaving.push((id, thread));
        }
        // Another board: what the old thread still has to say is no news.
        let board = Arc::new(Board::new(id, spec.version, self.news.clone()));
        board.set_status(
            spec.version,
            StreamStatus::Pending,
            Some(FailureKind::Other),
            Some("held at its site".to_owned()),
        );
        let stream = Assigned {
            spec: Arc::new(spec.clone()),
            board,
            thread: None,
        };
        self.streams.insert(id, stream);
    }

    fn start(&mut self, spec: &StreamSpec) {
        let id = spec.stream_id;
        let spec = Arc::new(spec.clone());
        let board = Arc::new(Board::new(id, spec.version, self.news.clone()));
        // Known to viewers from now on, though the source may not open for long.
        self.tools.stage.viewfinder.lens(id);
        let running = self
            .streams
            .values()
            .filter(|stream| stream.thread.is_some())
            .count();
        let thread = if running >= self.max_streams {
            Err(format!(
                "this agent takes at most {} streams",
                self.max_streams
            ))
        } else {
            let metrics = self.metrics.stream(id);
            StreamThread::start(
                Arc::clone(&spec),
                self.tools.clone(),
                Arc::clone(&board),
                metrics,
            )
            .map_err(|error| format!("cannot start a thread: {error}"))
        };
        let thread = thread
            .inspect_err(|reason| {
                tracing::error!(stream = %id, reason, "the stream cannot be started");
                board.set_status(
                    spec.version,
                    StreamStatus::Failure,
                    Some(FailureKind::Other),
                    Some(reason.clone()),
                );
            })
            .ok();
        self.streams.insert(
            id,
            Assigned {
                spec,
                board,
                thread,
            },
        );
    }

    fn remove(&mut self, id: StreamId) {
        let Some(stream) = self.streams.remove(&id) else {
            return;
        };
        tracing::info!(stream = %id, "the stream is no longer assigned");
        self.tools.stage.viewfinder.forget(id);
        match stream.thread {
            Some(thread) => {
                thread.stop();
                self.leaving.push((id, thread));
            }
            None => self.metrics.forget(id),
        }
    }

    /// Lets go of threads that have ended.
    pub fn reap(&mut self) {
        for (id, thread) in std::mem::take(&mut self.leaving) {
            if !thread.is_finished() {
                self.leaving.push((id, thread));
                continue;
            }
            thread.join();
            // The stream may have come back meanwhile.
            if !self.streams.contains_key(&id) {
                self.metrics.forget(id);
            }
        }
    }

    /// How every stream fares.
    pub fn feedback(&self) -> Vec<StreamFeedback> {
        self.streams
            .values()
            .map(|stream| stream.board.feedback())
            .collect()
    }

    /// Stops all streams and waits until their tracks have become events, at most `patience`;
    /// returns how many have not ended by then.
    pub fn stop(mut self, patience: Duration) -> usize {
        let until = Instant::now() + patience;
        for (id, stream) in std::mem::take(&mut self.streams) {
            if let Some(thread) = stream.thread {
                thread.stop();
                self.leaving.push((id, thread));
            }
        }
        while !self.leaving.is_empty() && Instant::now() < until {
            self.reap();
            std::thread::sleep(JOIN_POLL);
        }
        self.reap();
        self.leaving.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assignment_is_kept_and_damage_is_survived() {
        let dir = tempfile::tempdir().unwrap();
        let file = AssignmentFile::new(dir.path());
        assert!(file.load().is_none());
        let kept = Assignments {
            revision: 7,
            streams: Vec::new(),
        };
        file.save(&kept);
        assert_eq!(file.load().map(|kept| kept.revision), Some(7));
        std::fs::write(dir.path().join(FILE), b"{\"revision\":").unwrap();
        assert!(file.load().is_none());
    }
}
