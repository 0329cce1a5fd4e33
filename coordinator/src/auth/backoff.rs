//! Guessing passwords gets slower with every miss: a pure ledger of failures.

use std::{
    collections::HashMap,
    hash::Hash,
    time::{Duration, Instant},
};

/// Misses without consequences.
const FREE_MISSES: u32 = 5;
/// Wait after the first miss that has one; it doubles with each further miss.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// Longest wait.
const LONGEST_WAIT: Duration = Duration::from_secs(300);
/// A ledger entry is forgotten so long after its last miss.
const MEMORY: Duration = Duration::from_secs(3600);
/// Most entries; the oldest make room.
const MAX_ENTRIES: usize = 10_000;

#[derive(Debug, Clone, Copy)]
struct Misses {
    count: u32,
    last: Instant,
}

/// Failures by key, for instance login and address.
#[derive(Debug)]
pub struct Backoff<K> {
    entries: HashMap<K, Misses>,
    free: u32,
}

impl<K> Default for Backoff<K> {
    fn default() -> Self {
        Self::allowing(FREE_MISSES)
    }
}

impl<K> Backoff<K> {
    /// A ledger in which `free` misses have no consequences.
    pub fn allowing(free: u32) -> Self {
        Self {
            entries: HashMap::new(),
            free,
        }
    }
}

impl<K: Hash + Eq + Clone> Backoff<K> {
    /// How long `key` must still wait; `None`: it may try.
    pub fn wait(&self, key: &K, now: Instant) -> Option<Duration> {
        let misses = self.entries.get(key)?;
        let over = misses.count.checked_sub(self.free)?;
        let wait = FIRST_WAIT
            .saturating_mul(2u32.saturating_pow(over.min(16)))
            .min(LONGEST_WAIT);
        let passed = now.saturating_duration_since(misses.last);
        wait.checked_sub(passed).filter(|left| !left.is_zero())
    }

    /// Notes a miss.
    pub fn missed(&mut self, key: K, now: Instant) {
        if self.entries.len() >= MAX_ENTRIES && !self.entries.contains_key(&key) {
            self.make_room(now);
        }
        let misses = self.entries.entry(key).or_insert(Misses {
            count: 0,
            last: now,
        });
        if now.saturating_duration_since(misses.last) > MEMORY {
            misses.count = 0;
        }
        misses.count = misses.count.saturating_add(1);
        misses.last = now;
    }

    /// Forgets `key` after a success.
    pub fn succeeded(&mut self, key: &K) {
        self.entries.remove(key);
    }

    fn make_room(&mut self, now: Instant) {
        self.entries
            .retain(|_, misses| now.saturating_duration_since(misses.last) < MEMORY);
        if self.entries.len() >= MAX_ENTRIES {
            let oldest = self
                .entries
                .iter()
                .min_by_key(|(_, misses)| misses.last)
                .map(|(key, _)| key.clone());
            if let Some(oldest) = oldest {
                self.entries.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_and_end_with_a_success() {
        let (mut ledger, start) = (Backoff::default(), Instant::now());
        for _ in 0..FREE_MISSES - 1 {
            ledger.missed("mia", start);
        }
        assert_eq!(ledger.wait(&"mia", start), None);
        ledger.missed("mia", start);
        assert_eq!(ledger.wait(&"mia", start), Some(FIRST_WAIT));
        ledger.missed("mia", start);
        assert_eq!(ledger.wait(&"mia", start), Some(2 * FIRST_WAIT));
        assert_eq!(ledger.wait(&"mia", start + 2 * FIRST_WAIT), None);
        assert_eq!(ledger.wait(&"tom", start), None);
        for _ in 0..100 {
            ledger.missed("mia", start);
        }
        assert_eq!(ledger.wait(&"mia", start), Some(LONGEST_WAIT));
        ledger.succeeded(&"mia");
        assert_eq!(ledger.wait(&"mia", start), None);
    }

    #[test]
    fn the_ledger_stays_bounded() {
        let (mut ledger, start) = (Backoff::default(), Instant::now());
        for key in 0..MAX_ENTRIES as u64 + 100 {
            ledger.missed(key, start + Duration::from_millis(key));
        }
        assert_eq!(ledger.entries.len(), MAX_ENTRIES);
        assert!(!ledger.entries.contains_key(&0));
    }
}
