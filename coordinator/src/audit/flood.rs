//! How many refusals are written down, so that whoever guesses cannot fill the log or hide in it.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use crate::auth::guard::Network;

/// The time that the bounds are for.
pub const PERIOD: Duration = Duration::from_secs(60);
/// Refusals written in one [`PERIOD`].
pub const MOST: u32 = 600;
/// Refusals of one client written in one [`PERIOD`].
pub const MOST_OF_ONE: u32 = 60;

/// What was written lately and what was left out. At most [`MOST`] clients are remembered.
#[derive(Debug, Default)]
pub(super) struct Flood {
    /// When the period under way began.
    began: Option<Instant>,
    written: u32,
    of: HashMap<Network, u32>,
    /// Left out since that was last told.
    left_out: u64,
    told: Option<Instant>,
}

impl Flood {
    /// Whether a refusal of this client is to be written; counts it either way.
    pub fn admits(&mut self, client: Network, now: Instant) -> bool {
        if self.began.is_none_or(|began| now >= began + PERIOD) {
            self.began = Some(now);
            self.written = 0;
            self.of.clear();
        }
        let before = self.of.get(&client).copied().unwrap_or(0);
        let fits = self.written < MOST && before < MOST_OF_ONE;
        if fits {
            self.written += 1;
            self.of.insert(client, before + 1);
        } else {
            self.left_out += 1;
        }
        fits
    }

    /// How many were left out since this last said so; once in a [`PERIOD`] and only if any were.
    pub fn left_out(&mut self, now: Instant) -> Option<u64> {
        if self.told.is_some_and(|told| now < told + PERIOD) {
            return None;
        }
        let left_out = self.rest()?;
        self.told = Some(now);
        Some(left_out)
    }

    /// How many were left out and not told yet, whenever that was last told.
    pub fn rest(&mut self) -> Option<u64> {
        Some(std::mem::take(&mut self.left_out)).filter(|count| *count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn client(n: u16) -> Network {
        let [a, b] = n.to_be_bytes();
        Network::of([10, 0, a, b].into())
    }

    #[test]
    fn one_client_cannot_hide_another() {
        let (mut flood, now) = (Flood::default(), Instant::now());
        let admitted = (0..10_000).filter(|_| flood.admits(client(1), now)).count();
        assert_eq!(admitted, MOST_OF_ONE as usize);
        assert!(flood.admits(client(2), now));
        assert_eq!(flood.left_out(now), Some(10_000 - u64::from(MOST_OF_ONE)));
        assert_eq!(flood.left_out(now + PERIOD), None, "nothing more");
        assert!(!flood.admits(client(1), now + PERIOD / 2));
        assert_eq!(flood.left_out(now + PERIOD / 2), None, "not so soon");
        assert_eq!(flood.left_out(now + PERIOD), Some(1));
        assert!(flood.admits(client(1), now + PERIOD));
    }

    proptest! {
        /// Whoever asks whenever: no period has more than its share, and nothing goes uncounted.
        #[test]
        fn no_flood_gets_past(tries in prop::collection::vec((0..1500u16, 0..50u64), 1..3000)) {
            let start = Instant::now();
            let (mut flood, mut at) = (Flood::default(), start);
            let (mut written, mut asked, mut told) = (0u64, 0u64, 0u64);
            for (from, later) in tries {
                at += Duration::from_millis(later);
                asked += 1;
                written += u64::from(flood.admits(client(from), at));
                told += flood.left_out(at).unwrap_or(0);
                prop_assert!(flood.of.len() <= MOST as usize);
            }
            told += flood.rest().unwrap_or(0);
            prop_assert_eq!(written + told, asked);
            let periods = at.duration_since(start).as_secs() / PERIOD.as_secs() + 1;
            prop_assert!(written <= periods * u64::from(MOST));
        }
    }
}
