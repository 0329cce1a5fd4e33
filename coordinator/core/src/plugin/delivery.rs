//! The plan of a plugin that delivers events one by one: what to send now, when to try again, when
//! to give an event up.
//!
//! Two kinds of failure are told apart. A receiver that is **unavailable** (no connection, time
//! out, overloaded) fails for every event alike: one probe after another is sent with growing
//! pauses, and only the first failure of an outage counts against its event, lest an event that the
//! receiver chokes on look like an outage for ever. An event that is
//! **refused** by a receiver that answers is tried again a number of times and then given up, so
//! that one event cannot hold up all others for ever.
//!
//! Time is the time since some start of the caller's choosing.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::retry::Retry;

/// How deliveries are planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Deliveries at once.
    pub slots: usize,
    /// How often an event may be refused before it is given up.
    pub attempts: u32,
    /// Pauses.
    pub retry: Retry,
}

/// What became of a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The receiver has it.
    Delivered,
    /// The receiver answers, and does not take this one.
    Refused,
    /// The receiver cannot take anything now; it may have said for how long.
    Unavailable(Option<Duration>),
}

/// What a verdict means for the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Done.
    Delivered,
    /// It will be tried again.
    Again,
    /// Given up.
    Dead,
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Try this one.
    Start(u64),
    /// Nothing before this time.
    Wait(Duration),
    /// Nothing before something is added or ends.
    Idle,
}

/// The plan. See the module's text.
#[derive(Clone, Debug)]
pub struct Plan {
    rules: Rules,
    /// By the time of the next try, then place.
    waiting: BTreeSet<(Duration, u64)>,
    /// Refusals so far, of everything in the plan.
    refusals: BTreeMap<u64, u32>,
    active: usize,
    /// Failures of the receiver in a row, and until when it is left alone.
    outage: u32,
    closed_until: Duration,
}

impl Plan {
    /// An empty plan.
    pub fn new(rules: Rules) -> Self {
        Self {
            rules,
            waiting: BTreeSet::new(),
            refusals: BTreeMap::new(),
            active: 0,
            outage: 0,
            closed_until: Duration::ZERO,
        }
    }

    /// Events in the plan.
    pub fn len(&self) -> usize {
        self.refusals.len()
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.refusals.is_empty()
    }

    /// Whether the receiver is taken to be unavailable.
    pub fn in_outage(&self) -> bool {
        self.outage > 0
    }

    /// Adds an event, to be tried at once.
    pub fn add(&mut self, now: Duration, seq: u64) {
        if self.refusals.insert(seq, 0).is_none() {
            self.waiting.insert((now, seq));
        }
    }

    /// What to do now. [`Next::Start`] takes a slot until [`Self::finished`].
    pub fn next(&mut self, now: Duration) -> Next {
        // While the receiver is down one event at a time finds out whether it is back.
        let slots = if self.in_outage() {
            1
        } else {
            self.rules.slots.max(1)
        };
        if self.active >= slots {
            return Next::Idle;
        }
        let Some(&(due, seq)) = self.waiting.first() else {
            return Next::Idle;
        };
        let due = due.max(self.closed_until);
        if due > now {
            return Next::Wait(due);
        }
        self.waiting.pop_first();
        self.active += 1;
        Next::Start(seq)
    }

    /// Takes in how a try ended. `draw` is a random number from 0 to 1.
    pub fn finished(&mut self, now: Duration, seq: u64, verdict: Verdict, draw: f64) -> Fate {
        if !self.refusals.contains_key(&seq) {
            return Fate::Again;
        }
        self.active = self.active.saturating_sub(1);
        match verdict {
            Verdict::Delivered => {
                self.outage = 0;
                self.refusals.remove(&seq);
                Fate::Delivered
            }
            Verdict::Refused => {
                self.outage = 0;
                self.refused(now, seq, draw)
            }
            Verdict::Unavailable(asked) => {
                let first_sign = self.outage == 0;
                self.outage = self.outage.saturating_add(1);
                let pause = self.rules.retry.pause(self.outage, draw);
                let until = now.saturating_add(asked.map_or(pause, |asked| asked.max(pause)));
                self.closed_until = self.closed_until.max(until);
                if !first_sign {
                    self.waiting.insert((now, seq));
                    return Fate::Again;
                }
                // It may be this event that the receiver breaks off at: others are the probes now,
                // and if they get through while this one fails again and again, it is given up.
                self.refused(now, seq, draw)
            }
        }
    }

    fn refused(&mut self, now: Duration, seq: u64, draw: f64) -> Fate {
        let refusals = self.refusals.entry(seq).or_default();
        *refusals = refusals.saturating_add(1);
        if *refusals >= self.rules.attempts.max(1) {
            self.refusals.remove(&seq);
            return Fate::Dead;
        }
        let pause = self.rules.retry.pause(*refusals, draw);
        self.waiting.insert((now.saturating_add(pause), seq));
        Fate::Again
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RULES: Rules = Rules {
        slots: 2,
        attempts: 3,
        retry: Retry {
            first: Duration::from_secs(4),
            longest: Duration::from_secs(60),
        },
    };

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_refused_event_dies_alone() {
        let mut plan = Plan::new(RULES);
        plan.add(at(0), 1);
        plan.add(at(0), 2);
        assert_eq!(plan.next(at(0)), Next::Start(1));
        assert_eq!(plan.finished(at(0), 1, Verdict::Refused, 1.0), Fate::Again);
        assert_eq!(
            plan.next(at(0)),
            Next::Start(2),
            "the other one is not held up"
        );
        assert_eq!(
            plan.finished(at(0), 2, Verdict::Delivered, 1.0),
            Fate::Delivered
        );
        assert_eq!(plan.next(at(3)), Next::Wait(at(4)));
        assert_eq!(plan.next(at(4)), Next::Start(1));
        assert_eq!(plan.finished(at(4), 1, Verdict::Refused, 1.0), Fate::Again);
        assert_eq!(plan.next(at(12)), Next::Start(1));
        assert_eq!(plan.finished(at(12), 1, Verdict::Refused, 1.0), Fate::Dead);
        assert!(plan.is_empty());
    }

    #[test]
    fn an_outage_costs_nothing_and_is_probed_by_one() {
        let mut plan = Plan::new(RULES);
        plan.add(at(0), 1);
        plan.add(at(0), 2);
        plan.add(at(0), 3);
        let mut now = at(0);
        let Next::Start(mut seq) = plan.next(now) else {
            panic!("the first one");
        };
        for _ in 0..50 {
            let fate = plan.finished(now, seq, Verdict::Unavailable(None), 1.0);
            assert_eq!(fate, Fate::Again);
            let Next::Wait(until) = plan.next(now) else {
                panic!("a pause after a failure");
            };
            assert!(until - now <= RULES.retry.longest);
            now = until;
            let Next::Start(probe) = plan.next(now) else {
                panic!("a probe");
            };
            seq = probe;
            assert_eq!(plan.next(now), Next::Idle, "one probe at a time");
        }
        assert_eq!(
            plan.finished(now, seq, Verdict::Delivered, 1.0),
            Fate::Delivered
        );
        assert!(matches!(plan.next(now), Next::Start(_)));
        assert!(matches!(plan.next(now), Next::Start(_)), "all slots again");
    }

    #[test]
    fn an_event_that_the_receiver_chokes_on_is_given_up() {
        let mut plan = Plan::new(RULES);
        plan.add(at(0), 1);
        let (mut now, mut fate) = (at(0), Fate::Again);
        for other in 2..100 {
            now += at(60);
            plan.add(now, other);
            for _ in 0..1000 {
                match plan.next(now) {
                    Next::Start(1) => fate = plan.finished(now, 1, Verdict::Unavailable(None), 1.0),
                    Next::Start(seq) => {
                        plan.finished(now, seq, Verdict::Delivered, 1.0);
                        break;
                    }
                    Next::Wait(until) => now = until,
                    Next::Idle => panic!("event {other} is waiting"),
                }
            }
        }
        assert_eq!(fate, Fate::Dead);
        assert!(plan.is_empty());
    }

    #[test]
    fn a_receiver_may_ask_for_more_time_but_not_for_less() {
        let mut plan = Plan::new(RULES);
        plan.add(at(0), 1);
        plan.next(at(0));
        plan.finished(at(0), 1, Verdict::Unavailable(Some(at(30))), 1.0);
        assert_eq!(plan.next(at(0)), Next::Wait(at(30)));
        assert_eq!(plan.next(at(30)), Next::Start(1));
        plan.finished(at(30), 1, Verdict::Unavailable(Some(at(0))), 1.0);
        assert_eq!(plan.next(at(30)), Next::Wait(at(38)));
    }

    proptest! {
        /// Whatever answers come: every event is delivered or given up exactly once, the slots are
        /// kept, and the plan comes to an end once the receiver is back.
        #[test]
        fn every_event_meets_one_fate(answers in proptest::collection::vec(0u8..3, 0..200)) {
            let mut plan = Plan::new(RULES);
            let mut fates = BTreeMap::new();
            let mut active = Vec::new();
            let mut now = at(0);
            for seq in 1..=10 {
                plan.add(now, seq);
            }
            let mut answers = answers.into_iter();
            for _ in 0..5000 {
                match plan.next(now) {
                    Next::Start(seq) => active.push(seq),
                    Next::Wait(until) if active.is_empty() => { prop_assert!(until > now); now = until; }
                    Next::Wait(_) | Next::Idle => {
                        let Some(seq) = active.pop() else { break };
                        let verdict = match answers.next() {
                            Some(1) => Verdict::Refused,
                            Some(2) => Verdict::Unavailable(None),
                            _ => Verdict::Delivered,
                        };
                        match plan.finished(now, seq, verdict, 0.5) {
                            Fate::Again => {}
                            fate => prop_assert!(fates.insert(seq, fate).is_none()),
                        }
                    }
                }
                prop_assert!(active.len() <= RULES.slots);
            }
            prop_assert_eq!(fates.len(), 10);
            prop_assert!(plan.is_empty());
        }
    }
}
