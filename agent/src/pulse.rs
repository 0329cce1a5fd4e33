//! Whether the loops of this process make progress.
//!
//! Every loop that must not stand still has a [`Beat`] and says, turn by turn, within what time its
//! next turn comes. A loop that waits for something that may never come says so and is left
//! alone. The service manager is told that all is well only while nobody is overdue, so that a loop
//! that hangs, whatever the reason, ends in a restart and not in silence.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant},
};

/// All beats of a process. Cloning shares them.
#[derive(Clone, Debug, Default)]
pub struct Pulse {
    beats: Arc<Mutex<Vec<Weak<Shared>>>>,
}

#[derive(Debug)]
struct Shared {
    name: String,
    turn: Mutex<Option<Turn>>,
}

/// A turn under way.
#[derive(Clone, Copy, Debug)]
struct Turn {
    since: Instant,
    limit: Duration,
}

/// One loop's beat; forgotten when dropped.
#[derive(Debug)]
pub struct Beat {
    shared: Arc<Shared>,
}

/// A loop that is overdue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stuck {
    /// Which.
    pub name: String,
    /// Since when its turn lasts.
    pub lasts: Duration,
    /// How long it may last.
    pub limit: Duration,
}

impl fmt::Display for Stuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} has not moved for {} s; {} s are allowed",
            self.name,
            self.lasts.as_secs(),
            self.limit.as_secs()
        )
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pulse {
    /// A beat for a loop of this name, at rest.
    pub fn watch(&self, name: impl Into<String>) -> Beat {
        let shared = Arc::new(Shared {
            name: name.into(),
            turn: Mutex::new(None),
        });
        let mut beats = lock(&self.beats);
        beats.retain(|beat| beat.strong_count() > 0);
        beats.push(Arc::downgrade(&shared));
        Beat { shared }
    }

    /// The loops that are overdue at `now`, the longest first.
    pub fn stuck(&self, now: Instant) -> Vec<Stuck> {
        let beats: Vec<Arc<Shared>> = lock(&self.beats).iter().filter_map(Weak::upgrade).collect();
        let mut stuck: Vec<Stuck> = beats.iter().filter_map(|beat| beat.overdue(now)).collect();
        stuck.sort_by_key(|one| std::cmp::Reverse(one.lasts));
        stuck
    }
}

impl Shared {
    fn overdue(&self, now: Instant) -> Option<Stuck> {
        let turn = (*lock(&self.turn))?;
        let lasts = now.saturating_duration_since(turn.since);
        (lasts > turn.limit).then(|| Stuck {
            name: self.name.clone(),
            lasts,
            limit: turn.limit,
        })
    }
}

impl Beat {
    /// A turn begins at `now`; the next one, or a rest, comes within `limit`.
    pub fn turn(&self, now: Instant, limit: Duration) {
        *lock(&self.shared.turn) = Some(Turn { since: now, limit });
    }

    /// Nothing is expected of this loop until its next turn.
    pub fn rest(&self) {
        *lock(&self.shared.turn) = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn only_who_is_overdue_is_stuck() {
        let pulse = Pulse::default();
        let start = Instant::now();
        let (quick, slow, idle) = (pulse.watch("a"), pulse.watch("b"), pulse.watch("c"));
        quick.turn(start, 5 * SECOND);
        slow.turn(start, 10 * SECOND);
        assert_eq!(pulse.stuck(start + 5 * SECOND), []);
        let names = |at| -> Vec<String> {
            let stuck = pulse.stuck(start + at);
            stuck.into_iter().map(|one| one.name).collect()
        };
        assert_eq!(names(6 * SECOND), ["a"]);
        assert_eq!(names(11 * SECOND).len(), 2);
        quick.turn(start + 11 * SECOND, 5 * SECOND);
        assert_eq!(names(11 * SECOND), ["b"]);
        slow.rest();
        assert_eq!(names(12 * SECOND), [""; 0]);
        drop((quick, slow, idle));
        assert_eq!(pulse.stuck(start + 1000 * SECOND), []);
    }

    #[test]
    fn loops_that_come_and_go_leave_nothing_behind() {
        let pulse = Pulse::default();
        (0..1000).for_each(|_| drop(pulse.watch("stream")));
        assert!(lock(&pulse.beats).len() <= 1);
    }

    #[test]
    fn what_is_stuck_is_told_in_words() {
        let stuck = Stuck {
            name: "the link".to_owned(),
            lasts: Duration::from_millis(90_700),
            limit: 60 * SECOND,
        };
        assert_eq!(
            stuck.to_string(),
            "the link has not moved for 90 s; 60 s are allowed"
        );
    }
}
