//! Async access to the blocking store, with a bound on how many calls run at once.

use std::{sync::Arc, time::Duration};

use tokio::sync::Semaphore;

use super::{Store, StoreError, Stored};
use crate::blocking;

/// How long a call may wait for its turn before it fails with a retry hint.
const TURN_TIMEOUT: Duration = Duration::from_secs(5);

/// A store shared by async code. Cheap to clone.
#[derive(Clone)]
pub struct StoreHandle {
    store: Arc<dyn Store>,
    turns: Arc<Semaphore>,
}

impl StoreHandle {
    /// At most `most` calls run at once; further ones wait up to 5 seconds for their turn.
    pub fn new(store: Arc<dyn Store>, most: usize) -> Self {
        Self {
            store,
            turns: Arc::new(Semaphore::new(most.max(1))),
        }
    }

    /// The blocking store itself, for threads of one's own.
    pub fn blocking(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Looks at a few rows by their keys, on the caller's own thread: the embedded store answers
    /// from its cache or with the read of a page, and a hop to another thread and back costs
    /// several times as much. Nothing that scans or writes belongs here; a store behind a network
    /// would send this through [`Self::run`] as well.
    pub fn look<T>(&self, call: impl FnOnce(&dyn Store) -> Stored<T>) -> Stored<T> {
        call(self.store.as_ref())
    }

    /// Runs `call` on the blocking pool.
    pub async fn run<T: Send + 'static>(
        &self,
        call: impl FnOnce(&dyn Store) -> Stored<T> + Send + 'static,
    ) -> Stored<T> {
        let turn = tokio::time::timeout(TURN_TIMEOUT, self.turns.clone().acquire_owned())
            .await
            .map_err(|_| StoreError::unavailable("too many calls at once"))?
            .map_err(|_| StoreError::unavailable("shutting down"))?;
        let store = self.store.clone();
        let task = blocking::spawn(move || {
            let _turn = turn;
            call(store.as_ref())
        });
        task.await
            .map_err(|e| StoreError::unavailable(format!("the call broke off: {e}")))?
    }
}
