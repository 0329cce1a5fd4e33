//! Group commit: one thread that calls `fsync` for everybody who waits.
//!
//! sled's own `flush` is not enough: on Linux it ends in `sync_file_range(2)`, which writes
//! neither the file's length nor the drive's cache out. So it is followed by `fdatasync` of the
//! database file, opened once more for that.
//!
//! Who waits is answered by a flush that began after it asked, so its change is covered. A failed
//! flush leaves it unknown what is on the disk; from then on every write is refused until the
//! process starts again and recovers from the log.

use std::{
    fs::File,
    path::Path,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
};

use super::super::{StoreError, Stored};

#[derive(Default)]
struct State {
    asked: u64,
    done: u64,
    broken: Option<String>,
    stop: bool,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    work: Condvar,
    answer: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The flusher thread. Dropping it flushes once more.
pub(super) struct Flusher {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Flusher {
    /// Starts the thread for the database in `dir`.
    pub(super) fn start(db: ::sled::Db, dir: &Path) -> Stored<Self> {
        let failed = |e: std::io::Error| StoreError::unavailable(format!("{}: {e}", dir.display()));
        let log = File::open(dir.join("db")).map_err(failed)?;
        log.sync_all().map_err(failed)?;
        File::open(dir)
            .and_then(|dir| dir.sync_all())
            .map_err(failed)?;
        Self::with(move || {
            db.flush().map_err(|e| e.to_string())?;
            log.sync_data().map_err(|e| e.to_string())
        })
    }

    fn with(flush: impl FnMut() -> Result<(), String> + Send + 'static) -> Stored<Self> {
        let shared = Arc::new(Shared::default());
        let theirs = shared.clone();
        let thread = std::thread::Builder::new()
            .name("store-flusher".into())
            .spawn(move || run(&theirs, flush))
            .map_err(|e| StoreError::unavailable(format!("cannot start the flusher: {e}")))?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// Whether writing still makes sense.
    pub(super) fn check(&self) -> Stored<()> {
        refuse(&self.shared.lock())
    }

    /// Waits until everything applied before this call is durable.
    pub(super) fn flush(&self) -> Stored<()> {
        let mut state = self.shared.lock();
        state.asked += 1;
        let ticket = state.asked;
        self.shared.work.notify_one();
        while state.done < ticket && state.broken.is_none() {
            state = self
                .shared
                .answer
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        refuse(&state)
    }
}

fn refuse(state: &State) -> Stored<()> {
    match &state.broken {
        Some(message) => Err(StoreError::unavailable(format!(
            "flushing failed: {message}"
        ))),
        None => Ok(()),
    }
}

fn run(shared: &Shared, mut flush: impl FnMut() -> Result<(), String>) {
    loop {
        let mut state = shared.lock();
        while state.asked == state.done && !state.stop {
            state = shared
                .work
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        let (target, stop) = (state.asked, state.stop);
        drop(state);
        let outcome = flush();
        let mut state = shared.lock();
        match outcome {
            Ok(()) => state.done = target,
            Err(message) => {
                tracing::error!(%message, "the store cannot be flushed; refusing further writes");
                state.broken = Some(message);
            }
        }
        shared.answer.notify_all();
        if stop || state.broken.is_some() {
            return;
        }
    }
}

impl Drop for Flusher {
    fn drop(&mut self) {
        self.shared.lock().stop = true;
        self.shared.work.notify_one();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the store's flusher thread panicked");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn many_who_wait_share_few_flushes() {
        let flushes = Arc::new(AtomicU32::new(0));
        let counted = flushes.clone();
        let flusher = Flusher::with(move || {
            std::thread::sleep(std::time::Duration::from_millis(5));
            counted.fetch_add(1, Ordering::SeqCst);
            Ok(())
        })
        .unwrap();
        std::thread::scope(|scope| {
            for _ in 0..64 {
                scope.spawn(|| flusher.flush().unwrap());
            }
        });
        assert!(
            flushes.load(Ordering::SeqCst) < 32,
            "{flushes:?} flushes for 64 waiters"
        );
    }

    #[test]
    fn after_a_failed_flush_nothing_is_acknowledged() {
        let flusher = Flusher::with(|| Err("disk full".into())).unwrap();
        assert!(flusher.flush().is_err());
        assert!(flusher.flush().is_err());
        assert!(flusher.check().is_err());
    }
}
