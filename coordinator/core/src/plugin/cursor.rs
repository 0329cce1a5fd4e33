//! How far a plugin has come in the journal of events.
//!
//! Entries are offered in the journal's order and settled (delivered or given up) in any order.
//! The position follows the settled entries only as far as there is no gap: after a crash
//! everything behind it is offered again. So an entry is handed on at least once, and entries after
//! an unsettled one may be handed on twice.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// A place in the journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// Rises from entry to entry, with gaps; no two entries ever have the same.
    pub seq: u64,
    /// How many entries there were up to this one, for counting.
    pub ordinal: u64,
}

/// The entries under way, in the journal's order.
#[derive(Clone, Debug)]
pub struct Window {
    position: Place,
    open: VecDeque<(Place, bool)>,
    most: usize,
}

impl Window {
    /// Begins after `position`, with at most `most` entries under way.
    pub fn new(position: Place, most: usize) -> Self {
        Self {
            position,
            open: VecDeque::new(),
            most: most.max(1),
        }
    }

    /// Everything up to here is settled.
    pub fn position(&self) -> Place {
        self.position
    }

    /// Whether one more entry may be offered.
    pub fn has_room(&self) -> bool {
        self.open.len() < self.most
    }

    /// Entries under way or settled behind one that is.
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// Whether nothing is under way.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// The last entry offered, or the position.
    pub fn offered(&self) -> Place {
        self.open.back().map_or(self.position, |(place, _)| *place)
    }

    /// Offers an entry. False, and nothing changes, where it does not come after the last one or
    /// there is no room.
    pub fn offer(&mut self, place: Place) -> bool {
        if place.seq <= self.offered().seq || !self.has_room() {
            return false;
        }
        self.open.push_back((place, false));
        true
    }

    /// Settles an entry; one that is not under way is left alone. True where the position moved.
    pub fn settle(&mut self, seq: u64) -> bool {
        let Ok(at) = self.open.binary_search_by_key(&seq, |(place, _)| place.seq) else {
            return false;
        };
        if let Some(entry) = self.open.get_mut(at) {
            entry.1 = true;
        }
        let before = self.position;
        while let Some((place, true)) = self.open.front() {
            self.position = *place;
            self.open.pop_front();
        }
        self.position != before
    }

    /// Forgets what is under way: it is to be offered again, from [`Self::position`] on.
    pub fn rewind(&mut self) {
        self.open.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn place(n: u64) -> Place {
        Place {
            seq: n * 3,
            ordinal: n,
        }
    }

    #[test]
    fn a_gap_holds_the_position() {
        let mut window = Window::new(place(0), 8);
        for n in 1..=3 {
            assert!(window.offer(place(n)));
        }
        assert!(!window.settle(place(2).seq));
        assert_eq!(window.position(), place(0));
        assert!(window.settle(place(1).seq));
        assert_eq!(window.position(), place(2));
        window.rewind();
        assert_eq!(window.offered(), place(2));
        assert!(window.offer(place(3)));
    }

    #[test]
    fn the_window_is_bounded_and_goes_forward_only() {
        let mut window = Window::new(place(5), 2);
        assert!(!window.offer(place(5)));
        assert!(window.offer(place(6)) && window.offer(place(7)));
        assert!(!window.offer(place(8)));
        assert!(!window.settle(place(9).seq));
    }

    proptest! {
        /// Whatever is settled in whatever order: the position never passes an entry that is not
        /// settled, and reaches the end once all are.
        #[test]
        fn nothing_unsettled_is_passed(order in Just((1..=20u64).collect::<Vec<_>>()).prop_shuffle(), stop in 0usize..=20) {
            let mut window = Window::new(place(0), 20);
            for n in 1..=20 {
                prop_assert!(window.offer(place(n)));
            }
            let settled = &order[..stop];
            for n in settled {
                window.settle(place(*n).seq);
            }
            let first_open = (1..=20).find(|n| !settled.contains(n));
            prop_assert_eq!(window.position().ordinal, first_open.map_or(20, |n| n - 1));
            prop_assert_eq!(window.is_empty(), stop == 20);
        }
    }
}
