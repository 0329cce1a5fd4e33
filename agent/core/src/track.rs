//! Multi-object tracking: detections in, track numbers out.
//!
//! The method is OC-SORT (Cao et al. 2022, arXiv 2203.14360) on the motion model of SORT (Bewley
//! et al. 2016, arXiv 1602.00763), with the second association for unsure detections of ByteTrack
//! (Zhang et al. 2021, arXiv 2110.06864) and, as a last resort for fast objects at low frame
//! rates, the buffered overlap of C-BIoU (Yang et al. 2022, arXiv 2211.14317). Times are media
//! times, so the detector may run at any, also changing, interval.
//!
//! One update associates in four stages, each on what the earlier ones left:
//!
//! 1. sure detections with all tracks, by overlap with the predicted box, plus consistency of
//!    direction (observation-centric momentum), plus appearance where it is known;
//! 2. unsure detections with confirmed tracks seen lately, by overlap with the predicted box;
//! 3. sure detections with tracks seen a moment ago by overlap with the box last observed (recovery);
//! 4. sure detections with tracks seen in the last run by overlap of enlarged boxes.
//!
//! What is left of the sure detections begins tentative tracks. Each stage is an optimal
//! assignment. Detections are put into a canonical order first, so their order does not matter.
//! Movement of the camera is told from the detections (`shake`) and taken out before.
//!
//! A track that ended is remembered by its looks for a while, and who looks like it and begins
//! where it can have gone is the same object (`memory`): another track of the same identity.
//!
//! Memory is bounded by `max_tracks`, `max_detections` and `max_remembered`; each limit counts what
//! it turns away.

mod assign;
mod associate;
mod identity;
mod item;
mod look;
mod memory;
mod motion;
mod settings;
mod shake;
#[cfg(test)]
mod tests;

use std::{cmp::Ordering, collections::BTreeMap, time::Duration};

use goshawk_proto::geometry::BBox;

use self::{associate::Association, memory::Memory};

pub use item::{State, Track};
pub use settings::{
    EndCause, EndedTrack, Observation, TrackCounters, TrackNumber, TrackerSettings, Update,
};

/// The tracker of one kind of object in one stream.
#[derive(Clone, Debug)]
pub struct Tracker {
    settings: TrackerSettings,
    tracks: BTreeMap<TrackNumber, Track>,
    next: u64,
    now: Duration,
    last_run: Option<Duration>,
    /// Running average of the time between detector runs, in seconds.
    interval: Option<f64>,
    /// How far the camera has moved since the beginning, in pixels.
    camera: (f32, f32),
    memory: Memory,
    counters: TrackCounters,
}

impl Tracker {
    /// A tracker without tracks.
    pub fn new(settings: TrackerSettings) -> Self {
        Self {
            settings,
            tracks: BTreeMap::new(),
            next: 0,
            now: Duration::ZERO,
            last_run: None,
            interval: None,
            camera: (0.0, 0.0),
            memory: Memory::default(),
            counters: TrackCounters::default(),
        }
    }

    /// Open tracks by number.
    pub fn tracks(&self) -> impl ExactSizeIterator<Item = &Track> {
        self.tracks.values()
    }

    /// An open track.
    pub fn track(&self, number: TrackNumber) -> Option<&Track> {
        self.tracks.get(&number)
    }

    /// The counters so far.
    pub fn counters(&self) -> TrackCounters {
        self.counters
    }

    /// Takes the detections of the frame at `now`; an empty slice means that the detector saw
    /// nothing. Where it did not run, call [`Tracker::handle_timeout`].
    pub fn handle_detections(&mut self, now: Duration, detections: &[Observation<'_>]) -> Update {
        let mut ended = self.advance(now);
        self.learn_interval(now);
        ended.append(&mut self.expire());
        let order = self.canonical_order(detections);
        let sorted = order.iter().map(|i| detections[*i]);
        let mut sorted: Vec<Observation<'_>> =
            sorted.map(|seen| moved(seen, self.camera)).collect();
        let mut assigned = vec![None; detections.len()];

        for track in self.tracks.values_mut() {
            track.move_to(now);
        }
        let mut owner = self.pair(now, &mut sorted);
        for track in self.tracks.values_mut() {
            track.missed = track.missed.saturating_add(1);
        }
        for (detection, number) in sorted.iter().zip(&owner) {
            if let Some(number) = number {
                self.continue_track(*number, now, detection);
            }
        }
        self.mark_missing();
        self.begin_tracks(now, &sorted, &mut owner, &mut ended);
        for (position, number) in order.iter().zip(owner) {
            assigned[*position] = number;
        }
        ended.sort_by_key(|e| e.track.number());
        Update { assigned, ended }
    }

    /// The track of each detection. Where the camera turns out to have moved, the detections are
    /// brought to where it stood before.
    fn pair(&mut self, now: Duration, sorted: &mut [Observation<'_>]) -> Vec<Option<TrackNumber>> {
        let tracks: Vec<&Track> = self.tracks.values().collect();
        let first = Association::new(&self.settings, now, &tracks, sorted);
        let pairs = match shake::camera_move(&first.ways()) {
            None => first.finish(),
            Some((x, y)) => {
                self.camera = (self.camera.0 + x, self.camera.1 + y);
                self.counters.camera_moves += 1;
                for seen in &mut *sorted {
                    *seen = moved(*seen, (x, y));
                }
                Association::new(&self.settings, now, &tracks, sorted).finish()
            }
        };
        let mut owner = vec![None; sorted.len()];
        for (track, detection) in pairs {
            owner[detection] = Some(tracks[track].number());
        }
        for track in self.tracks.values_mut() {
            track.hold_camera(self.camera);
        }
        owner
    }

    /// Lets time pass without a run of the detector: tracks coast, and those unseen for too long
    /// end.
    pub fn handle_timeout(&mut self, now: Duration) -> Vec<EndedTrack> {
        let mut ended = self.advance(now);
        ended.append(&mut self.expire());
        for track in self.tracks.values_mut() {
            track.move_to(now);
        }
        ended
    }

    /// Media time after which the next track ends, if it is not seen until then.
    pub fn poll_timeout(&self) -> Option<Duration> {
        self.tracks
            .values()
            .map(|t| t.last_seen().saturating_add(self.patience(t)))
            .min()
    }

    /// Ends every track.
    pub fn finish(&mut self) -> Vec<EndedTrack> {
        self.end_all(EndCause::Finished)
    }

    fn end_all(&mut self, cause: EndCause) -> Vec<EndedTrack> {
        let all = std::mem::take(&mut self.tracks);
        all.into_values()
            .map(|track| self.ended(track, cause))
            .collect()
    }

    fn ended(&mut self, track: Track, cause: EndCause) -> EndedTrack {
        if !track.is_confirmed() {
            self.counters.never_confirmed += 1;
        } else if cause != EndCause::Discontinuity {
            self.counters.forgotten += self.memory.keep(&track, &self.settings);
        }
        EndedTrack { track, cause }
    }

    /// Moves the clock. Time running backwards means another recording or a restarted camera, of
    /// which the open tracks are no part.
    fn advance(&mut self, now: Duration) -> Vec<EndedTrack> {
        let mut ended = Vec::new();
        if now < self.now {
            self.counters.discontinuities += 1;
            self.last_run = None;
            self.memory.clear();
            ended = self.end_all(EndCause::Discontinuity);
        }
        self.now = now;
        ended
    }

    /// A single long gap is a stall rather than the detector's new pace, so it counts no more
    /// than twice the average.
    fn learn_interval(&mut self, now: Duration) {
        if let Some(last) = self.last_run.replace(now) {
            let passed = now.saturating_sub(last).as_secs_f64();
            self.interval = Some(match self.interval {
                Some(average) => average + 0.2 * (passed.min(2.0 * average) - average),
                None => passed,
            });
        }
    }

    fn patience(&self, track: &Track) -> Duration {
        let by_time = if track.is_confirmed() {
            self.settings.lost_patience
        } else {
            self.settings.tentative_patience
        };
        let runs = self.interval.unwrap_or(0.0) * f64::from(self.settings.patience_intervals);
        by_time.max(Duration::try_from_secs_f64(runs).unwrap_or(by_time))
    }

    fn expire(&mut self) -> Vec<EndedTrack> {
        self.memory.expire(self.now, &self.settings);
        let over: Vec<TrackNumber> = self
            .tracks
            .values()
            .filter(|t| self.now.saturating_sub(t.last_seen()) > self.patience(t))
            .map(Track::number)
            .collect();
        let removed: Vec<Track> = over.iter().filter_map(|n| self.tracks.remove(n)).collect();
        removed
            .into_iter()
            .map(|track| {
                let confirmed = track.is_confirmed();
                let cause = if confirmed {
                    EndCause::Lost
                } else {
                    EndCause::NeverConfirmed
                };
                self.ended(track, cause)
            })
            .collect()
    }

    /// Positions of the usable detections in an order that does not depend on the order given.
    fn canonical_order(&mut self, detections: &[Observation<'_>]) -> Vec<usize> {
        let usable = |d: &Observation<'_>| {
            let b = d.bbox;
            [b.x, b.y, b.width, b.height].iter().all(|v| v.abs() < 1e6)
                && b.width > 0.0
                && b.height > 0.0
        };
        let mut order: Vec<usize> = (0..detections.len())
            .filter(|i| usable(&detections[*i]))
            .collect();
        let by_place = |a: &usize, b: &usize| place_order(&detections[*a], &detections[*b]);
        if order.len() > self.settings.max_detections {
            let score = |i: usize| detections[i].score.get();
            order.sort_by(|a, b| score(*b).total_cmp(&score(*a)).then_with(|| by_place(a, b)));
            order.truncate(self.settings.max_detections);
        }
        order.sort_by(by_place);
        self.counters.ignored += (detections.len() - order.len()) as u64;
        order
    }

    fn continue_track(&mut self, number: TrackNumber, now: Duration, seen: &Observation<'_>) {
        let Some(track) = self.tracks.get_mut(&number) else {
            return;
        };
        // `missed` counts this run too, which has turned out not to be missed.
        track.missed = track.missed.saturating_sub(1);
        self.counters.recovered += u64::from(track.state() == State::Lost);
        track.observe(now, &seen.bbox);
        if let Some(appearance) = seen.appearance {
            track.remember(appearance);
        }
        if !track.confirmed && track.hits() >= self.settings.confirm_hits {
            track.confirmed = true;
            self.counters.confirmed += 1;
        }
        if track.confirmed {
            track.state = State::Confirmed;
            if seen.appearance.is_some() {
                self.recognise(number);
            }
        }
    }

    fn mark_missing(&mut self) {
        let missing = self
            .tracks
            .values_mut()
            .filter(|t| t.confirmed && t.missed > 0);
        missing.for_each(|t| t.state = State::Lost);
    }

    /// Surest first, so that those get the last free places.
    fn begin_tracks(
        &mut self,
        now: Duration,
        sorted: &[Observation<'_>],
        owner: &mut [Option<TrackNumber>],
        ended: &mut Vec<EndedTrack>,
    ) {
        let mut born: Vec<usize> = (0..sorted.len())
            .filter(|i| owner[*i].is_none() && sorted[*i].score.get() >= self.settings.sure_score)
            .collect();
        born.sort_by(|a, b| sorted[*b].score.get().total_cmp(&sorted[*a].score.get()));
        for position in born {
            if self.tracks.len() >= self.settings.max_tracks {
                match self.evict() {
                    Some(track) => ended.push(track),
                    None => {
                        self.counters.refused += 1;
                        continue;
                    }
                }
            }
            owner[position] = Some(self.begin(now, &sorted[position]));
        }
    }

    fn begin(&mut self, now: Duration, seen: &Observation<'_>) -> TrackNumber {
        let number = TrackNumber(self.next);
        self.next += 1;
        let mut track = Track::new(number, now, &seen.bbox, self.settings.agility);
        track.hold_camera(self.camera);
        if let Some(appearance) = seen.appearance {
            track.remember(appearance);
        }
        if self.settings.confirm_hits <= 1 {
            track.confirmed = true;
            track.state = State::Confirmed;
            self.counters.confirmed += 1;
        }
        self.counters.started += 1;
        self.tracks.insert(number, track);
        number
    }

    /// The track unseen for longest gives way; one seen in this frame never does.
    fn evict(&mut self) -> Option<EndedTrack> {
        let unseen = self.tracks.values().filter(|t| t.missed > 0);
        let number = unseen.min_by_key(|t| (t.last_seen(), t.number()))?.number();
        let track = self.tracks.remove(&number)?;
        self.counters.evicted += 1;
        Some(self.ended(track, EndCause::Evicted))
    }
}

/// A detection as it would be without `way` of the camera.
fn moved<'a>(seen: Observation<'a>, way: (f32, f32)) -> Observation<'a> {
    let b = seen.bbox;
    Observation {
        bbox: BBox::new(b.x - way.0, b.y - way.1, b.width, b.height),
        ..seen
    }
}

fn place_order(a: &Observation<'_>, b: &Observation<'_>) -> Ordering {
    let key = |d: &Observation<'_>| {
        [
            d.bbox.x,
            d.bbox.y,
            d.bbox.width,
            d.bbox.height,
            d.score.get(),
        ]
    };
    let (a, b) = (key(a), key(b));
    a.iter()
        .zip(&b)
        .map(|(x, y)| x.total_cmp(y))
        .find(|o| o.is_ne())
        .unwrap_or(Ordering::Equal)
}
