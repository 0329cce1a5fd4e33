//! Group commit: one thread that calls `fsync` for everybody who waits.
//!
//! sled's own `flush` is not enough: on Linux it ends in `sync_file_range(2)`, which writes
//! neither the file's length nor the drive's cache out. So it is followed by `fdatasync` of the
//! database file, opened once more for that.
//!
//! Who waits is answered by a flush that began after it asked, so its change is covered. A failed
//! flush leaves it unknown what is on the disk; from then on every write is refused until the
//! process starts again and recovers from the log. A method that failed here was not acknowledged:
//! after that start its change is there as a whole or not at all.
//!
//! **A flush that does not come back.** When sled's background write fails, it may forget to wake
//! who waits for it. A second `flush` from another thread finds the failure and wakes them, so
//! one is sent after [`POKE_AFTER`]. Nobody waits longer than [`GIVE_UP_AFTER`]. That second flush
//! shares a lock with the first one, and would stand behind a batch that waits for that lock alone:
//! so batches wait for a flush at a gate of ours, where they are in nobody's way.
//!
//! **Batches that are not written yet.** sled writes with a fixed number of threads, and a thread
//! that wrote waits for a lock which a batch that grows the file holds until one of those threads
//! has truncated it: with all of them waiting, nothing moves any more. So few batches at a time are
//! left unwritten, see [`Unwritten`].
//!
//! **A batch or a flush that never comes back** (sled 0.34 has an open report of such a deadlock,
//! <https://github.com/spacejam/sled/issues/1412>) would keep every writer waiting for good. After
//! [`HUNG_AFTER`] it counts as a failed write: the process starts anew, and what was acknowledged
//! is on the disk.

use std::{
    fs::File,
    path::Path,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use ::sled::{Batch, Tree};

use super::super::{StoreError, Stored};

/// How long a flush may take before another one looks what is the matter.
const POKE_AFTER: Duration = Duration::from_secs(2);
/// How long a method waits for the disk.
const GIVE_UP_AFTER: Duration = Duration::from_secs(30);
/// How long a batch or a flush may be under way before it counts as failed.
const HUNG_AFTER: Duration = Duration::from_secs(120);

/// How many batches are applied between two flushes of sled: each becomes two or three writes, and
/// seven that wait at once are one too many.
const MOST_UNWRITTEN: u32 = 2;

/// Batches applied since sled was last flushed; held while sled flushes and while a batch is applied.
#[derive(Default)]
pub(super) struct Unwritten(Mutex<u32>);

impl Unwritten {
    fn lock(&self) -> MutexGuard<'_, u32> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn flush(&self, db: &::sled::Db) -> Result<(), ::sled::Error> {
        let mut unwritten = self.lock();
        db.flush()?;
        *unwritten = 0;
        Ok(())
    }
}

#[derive(Default)]
struct State {
    asked: u64,
    done: u64,
    /// Whether somebody who asked wants to have it on the drive.
    durable: bool,
    broken: Option<String>,
    stop: bool,
    /// Since when a batch is being applied.
    applying: Option<Instant>,
    /// Since when the thread's flush is under way.
    flushing: Option<Instant>,
    /// When somebody last looked after a flush that takes long.
    poked: Option<Instant>,
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
    poke: Arc<dyn Fn() + Send + Sync>,
    unwritten: Arc<Unwritten>,
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
        let second = db.clone();
        let poke = move || {
            if let Err(error) = second.flush() {
                tracing::warn!(%error, "a flush that took long has failed");
            }
        };
        let unwritten = Arc::<Unwritten>::default();
        let theirs = Arc::clone(&unwritten);
        let flush = move |durable| {
            theirs.flush(&db).map_err(|e| e.to_string())?;
            match durable {
                true => log.sync_data().map_err(|e| e.to_string()),
                false => Ok(()),
            }
        };
        let mut flusher = Self::with(flush, Arc::new(poke))?;
        flusher.unwritten = unwritten;
        Ok(flusher)
    }

    fn with(
        flush: impl FnMut(bool) -> Result<(), String> + Send + 'static,
        poke: Arc<dyn Fn() + Send + Sync>,
    ) -> Stored<Self> {
        let shared = Arc::new(Shared::default());
        let theirs = shared.clone();
        let thread = std::thread::Builder::new()
            .name("store-flusher".into())
            .spawn(move || run(&theirs, flush))
            .map_err(|e| StoreError::unavailable(format!("cannot start the flusher: {e}")))?;
        Ok(Self {
            shared,
            thread: Some(thread),
            poke,
            unwritten: Arc::default(),
        })
    }

    /// Whether writing still makes sense.
    pub(super) fn check(&self) -> Stored<()> {
        refuse(&self.shared.lock())
    }

    /// Why writing makes no sense any more.
    pub(super) fn broken(&self) -> Option<String> {
        self.shared.lock().fault(Instant::now())
    }

    /// Applies a batch when sled has written those before it.
    pub(super) fn apply(&self, rows: &Tree, batch: Batch) -> Stored<()> {
        if *self.unwritten.lock() >= MOST_UNWRITTEN {
            self.wait(false)?;
        }
        let mut unwritten = self.unwritten.lock();
        self.watching(|| rows.apply_batch(batch)).map_err(|error| {
            // A part of the batch may be applied in memory.
            self.fail(&error.to_string());
            super::fault(error)
        })?;
        *unwritten += 1;
        Ok(())
    }

    fn watching<T>(&self, apply: impl FnOnce() -> T) -> T {
        self.shared.lock().applying = Some(Instant::now());
        let out = apply();
        self.shared.lock().applying = None;
        out
    }

    /// Notes that a write failed: nothing is acknowledged from now on.
    pub(super) fn fail(&self, message: &str) {
        self.shared.lock().fail(message);
        self.shared.answer.notify_all();
    }

    /// Waits until everything applied before this call is durable.
    pub(super) fn flush(&self) -> Stored<()> {
        self.wait(true)
    }

    fn wait(&self, durable: bool) -> Stored<()> {
        let began = Instant::now();
        let mut state = self.shared.lock();
        state.asked += 1;
        state.durable |= durable;
        let ticket = state.asked;
        self.shared.work.notify_one();
        while state.done < ticket && state.broken.is_none() {
            let (again, waited) = self
                .shared
                .answer
                .wait_timeout(state, POKE_AFTER)
                .unwrap_or_else(PoisonError::into_inner);
            state = again;
            if waited.timed_out() {
                if began.elapsed() > GIVE_UP_AFTER {
                    return Err(StoreError::unavailable("the disk does not answer"));
                }
                self.look_after(&mut state);
            }
        }
        refuse(&state)
    }

    /// Sends a second flush, one at a time.
    fn look_after(&self, state: &mut State) {
        if state.poked.is_some_and(|at| at.elapsed() < POKE_AFTER) {
            return;
        }
        // It may wait as long as the first one; its thread ends with it.
        state.poked = Some(Instant::now() + GIVE_UP_AFTER);
        let (poke, shared) = (Arc::clone(&self.poke), Arc::clone(&self.shared));
        let sent = std::thread::Builder::new()
            .name("store-second-flush".into())
            .spawn(move || {
                poke();
                shared.lock().poked = Some(Instant::now());
            });
        if let Err(error) = sent {
            tracing::warn!(%error, "no thread to look after a slow flush");
            state.poked = Some(Instant::now());
        }
    }
}

impl State {
    fn fail(&mut self, message: &str) {
        if self.broken.is_none() {
            tracing::error!(message, "the store cannot write; refusing further changes");
            self.broken = Some(message.to_owned());
        }
    }

    fn hung(&self, now: Instant) -> bool {
        let since = self.applying.into_iter().chain(self.flushing).min();
        since.is_some_and(|since| now.saturating_duration_since(since) > HUNG_AFTER)
    }

    fn fault(&self, now: Instant) -> Option<String> {
        let hung = || {
            self.hung(now)
                .then(|| "the database does not come back from a write".to_owned())
        };
        self.broken.clone().or_else(hung)
    }
}

fn refuse(state: &State) -> Stored<()> {
    match state.fault(Instant::now()) {
        Some(message) => Err(StoreError::unavailable(format!(
            "writing failed: {message}"
        ))),
        None => Ok(()),
    }
}

fn run(shared: &Shared, mut flush: impl FnMut(bool) -> Result<(), String>) {
    loop {
        let mut state = shared.lock();
        while state.asked == state.done && !state.stop && state.broken.is_none() {
            state = shared
                .work
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        let (target, stop) = (state.asked, state.stop);
        let durable = std::mem::take(&mut state.durable) || stop;
        state.flushing = Some(Instant::now());
        drop(state);
        let outcome = flush(durable);
        let mut state = shared.lock();
        state.flushing = None;
        match outcome {
            Ok(()) => state.done = target,
            Err(message) => state.fail(&message),
        }
        shared.answer.notify_all();
        if stop || state.broken.is_some() {
            return;
        }
    }
}

impl Drop for Flusher {
    fn drop(&mut self) {
        let hung = {
            let mut state = self.shared.lock();
            state.stop = true;
            state.hung(Instant::now())
        };
        self.shared.work.notify_one();
        if hung {
            // Its thread ends with the process.
            return;
        }
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

    fn nothing() -> Arc<dyn Fn() + Send + Sync> {
        Arc::new(|| {})
    }

    #[test]
    fn many_who_wait_share_few_flushes() {
        let flushes = Arc::new(AtomicU32::new(0));
        let counted = flushes.clone();
        let flush = move |_| {
            std::thread::sleep(std::time::Duration::from_millis(20));
            counted.fetch_add(1, Ordering::SeqCst);
            Ok(())
        };
        let flusher = Flusher::with(flush, nothing()).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..64 {
                scope.spawn(|| flusher.flush().unwrap());
            }
        });
        assert!(
            flushes.load(Ordering::SeqCst) < 64,
            "{flushes:?} flushes for 64 waiters"
        );
    }

    #[test]
    fn after_a_failed_flush_nothing_is_acknowledged() {
        let flusher = Flusher::with(|_| Err("disk full".into()), nothing()).unwrap();
        assert!(flusher.flush().is_err());
        assert!(flusher.flush().is_err());
        assert!(flusher.check().is_err());
    }

    #[test]
    fn after_a_failed_write_nothing_is_acknowledged() {
        let flusher = Flusher::with(|_| Ok(()), nothing()).unwrap();
        assert_eq!(flusher.flush(), Ok(()));
        flusher.fail("bad sector");
        flusher.fail("another");
        assert_eq!(flusher.broken().as_deref(), Some("bad sector"));
        assert!(flusher.flush().is_err());
    }

    #[test]
    fn a_write_that_never_comes_back_counts_as_failed() {
        let flusher = Flusher::with(|_| Ok(()), nothing()).unwrap();
        let later = Instant::now() + HUNG_AFTER + Duration::from_secs(10);
        let fault = |at| flusher.shared.lock().fault(at);
        flusher.watching(|| {
            assert_eq!(fault(Instant::now()), None);
            assert!(fault(later).is_some());
        });
        assert_eq!(fault(later), None);
        flusher.shared.lock().flushing = Some(Instant::now());
        assert!(fault(later).is_some());
        flusher.fail("disk full");
        assert_eq!(fault(later).as_deref(), Some("disk full"));
    }

    /// As sled does when its background write fails: the first flush sleeps on until a second one
    /// wakes it.
    #[test]
    fn a_flush_that_sleeps_is_woken() {
        let (wake, woken) = std::sync::mpsc::channel();
        let wake = Mutex::new(wake);
        let poke = Arc::new(move || wake.lock().unwrap().send(()).unwrap());
        let flush = move |_| {
            woken.recv().unwrap();
            Err("disk full".to_owned())
        };
        let flusher = Flusher::with(flush, poke).unwrap();
        assert!(flusher.flush().is_err());
    }
}
