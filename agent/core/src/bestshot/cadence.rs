//! When a track's shots are sent.
//!
//! The contract names a period of searching and a period of silence after it, in seconds or in
//! frames. Its special values mean, as we read them:
//!
//! * search -1: until the track ends; 0: the first acceptable shot is sent at once;
//! * silence 0: the next search begins at once; -1: nothing more is sent of the track.
//!
//! A search that ends without a shot begins anew. Frames are frames of the stream that reached
//! the analysis, whether the detector ran on them or not.
//!
//! With the primary track policy the shots are also sent, once, as soon as the face is near
//! enough (`best_shot_proper_size`), whatever the search period; the silence follows. Where the
//! search runs until the track's end, nothing more is sent of the track after that.

use std::time::Duration;

use goshawk_proto::stream::PeriodUnit;

use super::SendRules;

/// A moment on both scales that periods are measured in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// Media time.
    pub time: Duration,
    /// Frames so far.
    pub frame: u64,
}

/// A period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// In media time.
    Time(Duration),
    /// In frames.
    Frames(u64),
    /// Without end.
    Forever,
}

impl Span {
    /// From a contract's number, where a negative one means without end.
    pub fn new(length: i64, unit: PeriodUnit) -> Self {
        match (u64::try_from(length), unit) {
            (Err(_), _) => Self::Forever,
            (Ok(length), PeriodUnit::Sec) => Self::Time(Duration::from_secs(length)),
            (Ok(length), PeriodUnit::Frames) => Self::Frames(length),
        }
    }

    fn is_over(self, since: Mark, now: Mark) -> bool {
        match self {
            Self::Time(length) => now.time.saturating_sub(since.time) >= length,
            Self::Frames(count) => now.frame.saturating_sub(since.frame) >= count,
            Self::Forever => false,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Searching(Mark),
    Silent(Mark),
    Finished,
}

/// Where one track stands. A machine on [`Mark`]s.
#[derive(Clone, Debug)]
pub struct Cadence {
    phase: Phase,
    near_sent: bool,
}

impl Cadence {
    /// A track that begins at `now`.
    pub fn new(now: Mark) -> Self {
        Self {
            phase: Phase::Searching(now),
            near_sent: false,
        }
    }

    /// Whether shots are being collected.
    pub fn is_searching(&self) -> bool {
        matches!(self.phase, Phase::Searching(_))
    }

    /// Of the cadences of two tracks that turn out to be one person, what goes on: this one, or the
    /// other where that one still searches for something that was not sent yet (`news`).
    pub fn join(&mut self, other: &Self, news: bool) {
        self.near_sent |= other.near_sent;
        if !self.is_searching() && other.is_searching() && news {
            self.phase = other.phase;
        }
    }

    /// Ends the silence once it is over; called before shots are collected.
    pub fn handle_time(&mut self, rules: &SendRules, now: Mark) {
        if let Phase::Silent(since) = self.phase
            && rules.silence.is_over(since, now)
        {
            self.phase = Phase::Searching(now);
        }
    }

    /// Whether the collected shots are to be sent now; called after shots were collected. `near`
    /// says that a collected face is near enough for the primary track policy.
    pub fn is_due(&mut self, rules: &SendRules, now: Mark, has_shots: bool, near: bool) -> bool {
        let Phase::Searching(since) = self.phase else {
            return false;
        };
        let at_once = rules.primary.is_some() && near && !self.near_sent && has_shots;
        if at_once {
            self.near_sent = true;
            let once_only = rules.search == Span::Forever;
            self.phase = if once_only {
                Phase::Finished
            } else {
                self.rest(rules, now)
            };
            return true;
        }
        if !rules.search.is_over(since, now) {
            return false;
        }
        self.phase = if has_shots {
            self.rest(rules, now)
        } else {
            Phase::Searching(now)
        };
        has_shots
    }

    fn rest(&self, rules: &SendRules, now: Mark) -> Phase {
        match rules.silence {
            Span::Forever => Phase::Finished,
            Span::Time(Duration::ZERO) | Span::Frames(0) => Phase::Searching(now),
            Span::Time(_) | Span::Frames(_) => Phase::Silent(now),
        }
    }
}

#[cfg(test)]
mod tests {
    use goshawk_proto::stream::PrimaryTrackPolicy;

    use super::*;
    use crate::bestshot::FrameRules;

    /// Frames at 10 a second in which a track with a shot in each frame is sent.
    fn sent(search: i64, silence: i64, unit: PeriodUnit) -> Vec<u64> {
        let rules = rules(search, silence, unit, None);
        let mut cadence = Cadence::new(mark(0));
        let mut has_shots = false;
        (0..40)
            .filter(|frame| {
                let now = mark(*frame);
                cadence.handle_time(&rules, now);
                has_shots |= cadence.is_searching();
                let due = cadence.is_due(&rules, now, has_shots, false);
                has_shots &= !due;
                due
            })
            .collect()
    }

    fn rules(
        search: i64,
        silence: i64,
        unit: PeriodUnit,
        primary: Option<PrimaryTrackPolicy>,
    ) -> SendRules {
        let (search, silence) = (Span::new(search, unit), Span::new(silence, unit));
        SendRules {
            search,
            silence,
            faces: 1,
            bodies: 0,
            separate: false,
            full_set: true,
            keep_bodies: true,
            primary,
            frames: FrameRules::default(),
        }
    }

    fn mark(frame: u64) -> Mark {
        Mark {
            time: Duration::from_millis(frame * 100),
            frame,
        }
    }

    #[test]
    fn periods_follow_the_contract() {
        use PeriodUnit::{Frames, Sec};
        assert_eq!(
            sent(-1, 0, Sec),
            [] as [u64; 0],
            "only the track's end sends"
        );
        assert_eq!(sent(1, 0, Sec), [10, 20, 30]);
        assert_eq!(sent(1, 1, Sec), [10, 30]);
        assert_eq!(sent(1, -1, Sec), [10]);
        assert_eq!(sent(0, 1, Sec), [0, 10, 20, 30]);
        assert_eq!(sent(0, -1, Sec), [0]);
        assert_eq!(sent(5, 10, Frames), [5, 20, 35]);
    }

    #[test]
    fn a_search_without_a_shot_begins_anew() {
        let rules = rules(1, 0, PeriodUnit::Sec, None);
        let mut cadence = Cadence::new(mark(0));
        assert!(!cadence.is_due(&rules, mark(10), false, false));
        assert!(!cadence.is_due(&rules, mark(15), true, false));
        assert!(cadence.is_due(&rules, mark(20), true, false));
    }

    #[test]
    fn joined_tracks_search_for_what_was_not_sent() {
        let rules = rules(0, -1, PeriodUnit::Sec, None);
        let mut done = Cadence::new(mark(0));
        assert!(done.is_due(&rules, mark(1), true, false));
        let fresh = Cadence::new(mark(5));
        let mut same = done.clone();
        same.join(&fresh, false);
        assert!(!same.is_searching(), "sent once only");
        done.join(&fresh, true);
        assert!(done.is_searching());
    }

    #[test]
    fn a_face_near_enough_is_sent_at_once_and_only_once() {
        let policy = PrimaryTrackPolicy {
            use_primary_track_policy: true,
            ..Default::default()
        };
        let rules = rules(-1, 0, PeriodUnit::Sec, Some(policy));
        let mut cadence = Cadence::new(mark(0));
        assert!(!cadence.is_due(&rules, mark(1), true, false));
        assert!(cadence.is_due(&rules, mark(2), true, true));
        assert!(!cadence.is_searching());
        assert!(!cadence.is_due(&rules, mark(3), true, true));
    }
}
