//! Who succeeded lately: a bounded ledger, the counterpart of [`super::backoff`].

use std::{
    collections::HashMap,
    hash::Hash,
    time::{Duration, Instant},
};

/// How long a success counts.
const MEMORY: Duration = Duration::from_secs(3600);
/// Most entries; the oldest make room.
const MAX_ENTRIES: usize = 10_000;

/// Successes by key.
#[derive(Debug)]
pub struct Known<K>(HashMap<K, Instant>);

impl<K> Default for Known<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Hash + Eq + Clone> Known<K> {
    /// Whether `key` succeeded within the last hour.
    pub fn is_known(&self, key: &K, now: Instant) -> bool {
        let last = self.0.get(key);
        last.is_some_and(|last| now.saturating_duration_since(*last) < MEMORY)
    }

    /// Notes a success.
    pub fn note(&mut self, key: K, now: Instant) {
        if self.0.len() >= MAX_ENTRIES && !self.0.contains_key(&key) {
            self.make_room(now);
        }
        self.0.insert(key, now);
    }

    fn make_room(&mut self, now: Instant) {
        self.0
            .retain(|_, last| now.saturating_duration_since(*last) < MEMORY);
        if self.0.len() < MAX_ENTRIES {
            return;
        }
        let oldest = self.0.iter().min_by_key(|(_, last)| **last);
        if let Some(key) = oldest.map(|(key, _)| key.clone()) {
            self.0.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn successes_are_forgotten_and_bounded() {
        let (mut known, start) = (Known::default(), Instant::now());
        known.note(0, start);
        assert!(known.is_known(&0, start + MEMORY / 2));
        assert!(!known.is_known(&0, start + MEMORY));
        assert!(!known.is_known(&1, start));
        for key in 1..=MAX_ENTRIES as u64 {
            known.note(key, start + Duration::from_millis(key));
        }
        assert_eq!(known.0.len(), MAX_ENTRIES);
        assert!(!known.is_known(&0, start));
    }
}
