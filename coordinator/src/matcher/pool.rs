//! A bounded pool of threads for work that must not run on the async runtime.

use std::sync::{
    Arc, Mutex, PoisonError,
    mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
};

use tokio::sync::oneshot;

/// Why work has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    /// Too much work waits.
    #[error("too much work waits")]
    Full,
    /// The work panicked or the pool is gone.
    #[error("the work broke off")]
    Broken,
}

/// What running work knows of who waits for it.
pub struct Job {
    abandoned: Box<dyn Fn() -> bool + Send>,
}

impl Job {
    /// Whether nobody waits for the result any more.
    pub fn abandoned(&self) -> bool {
        (self.abandoned)()
    }
}

type Work = Box<dyn FnOnce() + Send>;

/// The pool. Its threads end when it is dropped and the work that waits is done.
pub struct Pool {
    sender: SyncSender<Work>,
}

impl Pool {
    /// `threads` threads, at least one; at most `queue` pieces of work wait.
    pub fn start(name: &str, threads: usize, queue: usize) -> Self {
        let (sender, receiver) = sync_channel::<Work>(queue);
        let receiver = Arc::new(Mutex::new(receiver));
        for number in 0..threads.max(1) {
            let receiver = receiver.clone();
            let started = std::thread::Builder::new()
                .name(format!("{name}-{number}"))
                .spawn(move || work(&receiver));
            if let Err(error) = started {
                tracing::error!(%error, pool = name, "a thread cannot be started");
            }
        }
        Self { sender }
    }

    /// Runs `work` on a thread of the pool. Dropping the future abandons it.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Job) -> T + Send + 'static,
    ) -> Result<T, PoolError> {
        let (answer, result) = oneshot::channel();
        // The sender is shared, so that running work can ask whether the receiver is still there.
        let answer = Arc::new(Mutex::new(Some(answer)));
        let asked = answer.clone();
        // What the work logs belongs to the request that asked for it.
        let span = tracing::Span::current();
        let boxed: Work = Box::new(move || {
            let is_closed = |slot: &Option<oneshot::Sender<T>>| {
                slot.as_ref().is_none_or(oneshot::Sender::is_closed)
            };
            let job = Job {
                abandoned: Box::new(move || {
                    is_closed(&asked.lock().unwrap_or_else(PoisonError::into_inner))
                }),
            };
            if job.abandoned() {
                return;
            }
            let out = span.in_scope(|| work(&job));
            if let Some(answer) = answer.lock().unwrap_or_else(PoisonError::into_inner).take() {
                // Nobody waits any more: the result is not wanted.
                let _ = answer.send(out);
            }
        });
        self.sender.try_send(boxed).map_err(|error| match error {
            TrySendError::Full(_) => PoolError::Full,
            TrySendError::Disconnected(_) => PoolError::Broken,
        })?;
        result.await.map_err(|_| PoolError::Broken)
    }
}

fn work(receiver: &Mutex<Receiver<Work>>) {
    loop {
        // The lock is held while waiting: the threads take turns, and work itself runs without it.
        let next = receiver
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .recv();
        let Ok(work) = next else { return };
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        if outcome.is_err() {
            tracing::error!("work on a pool thread panicked; the thread goes on");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_that_panics_does_not_take_the_thread_along() {
        let pool = Pool::start("test", 1, 4);
        let broken = pool.run(|_| -> u8 { panic!("on purpose") }).await;
        assert_eq!(broken, Err(PoolError::Broken));
        assert_eq!(pool.run(|_| 7).await, Ok(7));
    }

    #[tokio::test]
    async fn a_full_queue_refuses() {
        let pool = Pool::start("test", 1, 1);
        let (release, hold) = std::sync::mpsc::channel::<()>();
        let (started, running) = oneshot::channel();
        let first = pool.run(move |_| {
            let _ = started.send(());
            let _ = hold.recv();
        });
        let mut first = Box::pin(first);
        tokio::select! {
            _ = &mut first => panic!("it waits"),
            _ = running => {}
        }
        let mut second = Box::pin(pool.run(|_| 2));
        assert!(futures_util::poll!(&mut second).is_pending());
        assert_eq!(pool.run(|_| 3).await, Err(PoolError::Full));
        release.send(()).unwrap();
        assert_eq!(second.await, Ok(2));
    }
}
