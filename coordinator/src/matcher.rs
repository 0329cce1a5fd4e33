//! Exact matching in memory.
//!
//! All descriptors of stored faces live here, per account and model version, and are kept in
//! commit order by the store's [`FaceObserver`] calls; at the start they are rebuilt from the
//! store. A search takes a snapshot (see [`index`]) and scans it on one thread of a bounded pool;
//! one that takes too long is broken off and says so.

pub mod index;
pub mod pool;
pub mod service;

use std::{
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use goshawk_coordinator_core::matching::{MatchRequest, Top, decide};
use goshawk_proto::{
    descriptor::SimilarityCurve,
    id::{AccountId, FaceId},
    time::Timestamp,
};

use crate::store::{FaceChange, FaceObserver, Store, Stored};
use index::{Index, Snapshot};
use pool::{Pool, PoolError};
pub use service::{Matching, MatchingError};

/// How the matcher works.
#[derive(Clone, Debug)]
pub struct MatcherOptions {
    /// Threads that search.
    pub threads: usize,
    /// Searches that may wait for a thread; further ones are refused.
    pub queue: usize,
    /// How long a search may take, waiting included.
    pub timeout: Duration,
    /// How cosines become similarities.
    pub curve: SimilarityCurve,
}

impl Default for MatcherOptions {
    fn default() -> Self {
        Self {
            threads: 2,
            queue: 256,
            timeout: Duration::from_secs(5),
            curve: SimilarityCurve::default(),
        }
    }
}

/// Why a search has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MatchError {
    /// It took longer than allowed.
    #[error("matching took longer than {0:?}")]
    Timeout(Duration),
    /// Too many searches wait.
    #[error("too many searches at once")]
    Busy,
    /// The matcher is shutting down or a search broke off.
    #[error("the matcher has stopped")]
    Stopped,
}

/// Counters since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MatcherStats {
    /// Descriptors held.
    pub descriptors: u64,
    /// Searches begun.
    pub searches: u64,
    /// Searches that timed out.
    pub timeouts: u64,
    /// Searches that were refused.
    pub refused: u64,
}

#[derive(Default)]
struct Counters {
    searches: AtomicU64,
    timeouts: AtomicU64,
    refused: AtomicU64,
}

/// The matcher.
pub struct Matcher {
    index: RwLock<Index>,
    pool: Pool,
    options: MatcherOptions,
    counters: Counters,
}

impl Matcher {
    /// Starts its threads; it is empty until [`Self::rebuild`].
    pub fn start(options: MatcherOptions) -> Arc<Self> {
        Arc::new(Self {
            index: RwLock::default(),
            pool: Pool::start("matcher", options.threads, options.queue),
            options,
            counters: Counters::default(),
        })
    }

    /// Loads every stored descriptor. Blocks; to be called after this became the store's observer
    /// and before anybody changes faces. Returns how many faces were read.
    pub fn rebuild(&self, store: &dyn Store) -> Stored<usize> {
        let mut count = 0;
        store.each_face(&mut |face| {
            count += 1;
            self.index_mut().put(&face);
        })?;
        Ok(count)
    }

    fn index_mut(&self) -> std::sync::RwLockWriteGuard<'_, Index> {
        self.index.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn snapshot(&self, account: AccountId, request: &MatchRequest) -> Option<Snapshot> {
        let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
        index.snapshot(account, &request.descriptor, &request.filters)
    }

    /// The faces of an account that are most like the descriptor asked about.
    pub async fn find(
        self: &Arc<Self>,
        account: AccountId,
        request: MatchRequest,
    ) -> Result<Vec<(FaceId, f32)>, MatchError> {
        self.counters.searches.fetch_add(1, Ordering::Relaxed);
        let timeout = self.options.timeout;
        let deadline = Instant::now() + timeout;
        let matcher = self.clone();
        let search = self
            .pool
            .run(move |job| matcher.search(account, &request, deadline, job));
        match tokio::time::timeout(timeout, search).await {
            Ok(Ok(Some(found))) => Ok(found),
            Ok(Err(PoolError::Full)) => {
                self.counters.refused.fetch_add(1, Ordering::Relaxed);
                Err(MatchError::Busy)
            }
            Ok(Err(PoolError::Broken)) => Err(MatchError::Stopped),
            Ok(Ok(None)) | Err(_) => {
                self.counters.timeouts.fetch_add(1, Ordering::Relaxed);
                Err(MatchError::Timeout(timeout))
            }
        }
    }

    /// `None` when the deadline passed or nobody waits any more.
    fn search(
        &self,
        account: AccountId,
        request: &MatchRequest,
        deadline: Instant,
        job: &pool::Job,
    ) -> Option<Vec<(FaceId, f32)>> {
        let now = Timestamp::from_system(SystemTime::now());
        let mut top = Top::new(request.limit);
        if let Some(snapshot) = self.snapshot(account, request) {
            for block in snapshot.blocks() {
                if job.abandoned() || Instant::now() >= deadline {
                    return None;
                }
                snapshot.scan(block, &request.filters, now, &mut top);
            }
        }
        Some(decide(
            top.into_ranked(),
            &self.options.curve,
            request.threshold,
            request.order,
        ))
    }

    /// Counters since the start.
    pub fn stats(&self) -> MatcherStats {
        let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
        MatcherStats {
            descriptors: index.len() as u64,
            searches: self.counters.searches.load(Ordering::Relaxed),
            timeouts: self.counters.timeouts.load(Ordering::Relaxed),
            refused: self.counters.refused.load(Ordering::Relaxed),
        }
    }
}

impl FaceObserver for Matcher {
    fn changed(&self, changes: &[FaceChange]) {
        let mut index = self.index_mut();
        for change in changes {
            match change {
                FaceChange::Put(face) => index.put(face),
                FaceChange::Removed(account, face) => index.remove(*account, *face),
            }
        }
    }
}

#[cfg(test)]
mod tests;
