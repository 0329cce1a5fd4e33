//! The blink witness: both eyes close and open again.
//!
//! The eye aspect ratio (see [`super::mesh`]) is compared with a running baseline of the same
//! track, because open eyes differ from person to person. A blink is a dip of both eyes below
//! 0.70 of the baseline that comes from above 0.85 and returns there within 60 to 500 ms (blinks
//! take 100 to 400 ms), is deeper than five times the ratio's usual scatter, and happens while
//! the head is still: nodding foreshortens the eye and looks like a blink. It must span at least
//! two samples where samples come densely, since a single one may be a slip of the mesh. Below
//! about eight samples a second blinks fall between samples and the witness is silent. Silence is
//! no evidence of a photograph: people blink 15 to 20 times a minute, so short tracks have none.

use std::{collections::VecDeque, time::Duration};

use goshawk_proto::detection::{HeadPose, LivenessVerdict, LivenessWitness};

use super::{mesh::EyeOpenness, witness};

/// Samples from which the baseline is taken.
const BASELINE: usize = 31;
/// Samples from which the scatter is taken, dips included: choosing the open ones would hide it.
const SCATTER: usize = 61;
/// Samples needed before a blink is believed.
const MIN_BASELINE: usize = 8;
/// Longest time between two samples that still shows blinks.
const MAX_INTERVAL: Duration = Duration::from_millis(125);
/// Closer samples than this must show a blink at least twice.
const DENSE_INTERVAL: Duration = Duration::from_millis(60);
const CLOSED: f32 = 0.70;
const OPEN: f32 = 0.85;
const SCATTERS: f32 = 5.0;
const LENGTH: (Duration, Duration) = (Duration::from_millis(60), Duration::from_millis(500));
/// Largest change of yaw or pitch, in degrees, during a blink.
const STILL_DEGREES: f32 = 8.0;

#[derive(Clone, Copy, Debug)]
struct Sample {
    at: Duration,
    eyes: EyeOpenness,
    pose: Option<HeadPose>,
}

/// A dip in progress.
#[derive(Clone, Copy, Debug)]
struct Dip {
    start: Sample,
    samples: u32,
    deepest: f32,
    still: bool,
}

/// The eyes of one track, sample by sample. Keeps the samples of baseline and scatter only.
#[derive(Clone, Debug, Default)]
pub struct Eyes {
    open: VecDeque<EyeOpenness>,
    recent: VecDeque<f32>,
    last: Option<Sample>,
    /// Running average of the time between samples, in seconds.
    interval: Option<f64>,
    dip: Option<Dip>,
    blinks: u32,
    samples: u32,
}

impl Eyes {
    /// Takes one measurement in; times must not fall.
    pub fn observe(&mut self, at: Duration, eyes: EyeOpenness, pose: Option<HeadPose>) {
        let sample = Sample { at, eyes, pose };
        let gap = self.last.map(|last| at.saturating_sub(last.at));
        if let Some(gap) = gap {
            let gap = gap.as_secs_f64().min(1.0);
            let average = self.interval.get_or_insert(gap);
            *average += 0.1 * (gap - *average);
        }
        if gap.is_some_and(|gap| gap > MAX_INTERVAL) {
            self.dip = None;
        }
        self.samples = self.samples.saturating_add(1);
        self.follow(sample);
        self.last = Some(sample);
    }

    /// Blinks so far.
    pub fn blinks(&self) -> u32 {
        self.blinks
    }

    /// Whether samples come often enough to see a blink.
    pub fn is_dense_enough(&self) -> bool {
        let enough = self.samples as usize >= MIN_BASELINE;
        enough
            && self
                .interval
                .is_some_and(|i| i <= MAX_INTERVAL.as_secs_f64())
    }

    fn follow(&mut self, sample: Sample) {
        push(
            &mut self.recent,
            (sample.eyes.left + sample.eyes.right) / 2.0,
            SCATTER,
        );
        let Some(baseline) = self.baseline() else {
            self.learn(sample.eyes);
            return;
        };
        // The eye that closes less decides: a wink, or one eye lost by the mesh, is no blink.
        let share = (sample.eyes.left / baseline.left).max(sample.eyes.right / baseline.right);
        if let Some(mut dip) = self.dip.take() {
            dip.still &= is_still(dip.start.pose, sample.pose);
            if share >= OPEN {
                self.finish(dip, sample);
                self.learn(sample.eyes);
            } else if sample.at.saturating_sub(dip.start.at) <= LENGTH.1 {
                dip.samples += 1;
                dip.deepest = dip.deepest.min(share);
                self.dip = Some(dip);
            } else {
                // Narrowed for longer than any blink: the new normal.
                self.open.clear();
                self.learn(sample.eyes);
            }
        } else if share < OPEN
            && let Some(start) = self.last
        {
            let still = is_still(start.pose, sample.pose);
            self.dip = Some(Dip {
                start,
                samples: 1,
                deepest: share,
                still,
            });
        } else {
            self.learn(sample.eyes);
        }
    }

    fn finish(&mut self, dip: Dip, end: Sample) {
        let length = end.at.saturating_sub(dip.start.at);
        let dense = self
            .interval
            .is_some_and(|i| i <= DENSE_INTERVAL.as_secs_f64());
        let seen_enough = dip.samples >= if dense { 2 } else { 1 };
        let deep = dip.deepest < CLOSED && 1.0 - dip.deepest > SCATTERS * self.scatter();
        if dip.still && seen_enough && deep && (LENGTH.0..=LENGTH.1).contains(&length) {
            self.blinks = self.blinks.saturating_add(1);
        }
    }

    fn learn(&mut self, eyes: EyeOpenness) {
        push(&mut self.open, eyes, BASELINE);
    }

    /// Median openness of each eye while open.
    fn baseline(&self) -> Option<EyeOpenness> {
        let side = |pick: fn(&EyeOpenness) -> f32| median(self.open.iter().map(pick)).max(0.02);
        (self.open.len() >= MIN_BASELINE).then(|| EyeOpenness {
            left: side(|e| e.left),
            right: side(|e| e.right),
        })
    }

    /// Median absolute deviation from the median, as a share of it.
    fn scatter(&self) -> f32 {
        let middle = median(self.recent.iter().copied()).max(0.02);
        median(self.recent.iter().map(|v| (v - middle).abs())) / middle
    }
}

/// What the eyes say: real from one blink on, stronger with more; else unknown.
pub fn testify(eyes: &Eyes) -> LivenessWitness {
    let strength = match eyes.blinks() {
        _ if !eyes.is_dense_enough() => 0.0,
        0 => 0.0,
        1 => 0.5,
        2 => 0.75,
        _ => 1.0,
    };
    let real = strength > 0.0;
    let verdict = if real {
        LivenessVerdict::Real
    } else {
        LivenessVerdict::Unknown
    };
    witness("blink", verdict, strength)
}

fn is_still(a: Option<HeadPose>, b: Option<HeadPose>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => {
            (a.yaw - b.yaw).abs() <= STILL_DEGREES && (a.pitch - b.pitch).abs() <= STILL_DEGREES
        }
        _ => true,
    }
}

/// Appends to a queue of at most `limit` values; the oldest goes.
fn push<T>(queue: &mut VecDeque<T>, value: T, limit: usize) {
    while queue.len() >= limit {
        queue.pop_front();
    }
    queue.push_back(value);
}

fn median(values: impl Iterator<Item = f32>) -> f32 {
    let mut values: Vec<f32> = values.collect();
    values.sort_by(f32::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten seconds with the given openness over time in seconds.
    fn watch(rate: f64, openness: impl Fn(f64) -> (f32, f32)) -> Eyes {
        let mut eyes = Eyes::default();
        for n in 0..(10.0 * rate) as u32 {
            let t = f64::from(n) / rate;
            // A little deterministic noise.
            let noise = 0.006 * ((f64::from(n) * 12.9898).sin() * 43758.5453).fract() as f32;
            let (left, right) = openness(t);
            let eyes_now = EyeOpenness {
                left: left + noise,
                right: right - noise,
            };
            eyes.observe(
                Duration::from_secs_f64(t),
                eyes_now,
                Some(HeadPose::default()),
            );
        }
        eyes
    }

    /// Closed to `depth` of open around 3 s and 7 s for 200 ms.
    fn blinking(t: f64, depth: f32) -> f32 {
        let near = [3.0, 7.0].iter().any(|at| (t - at).abs() < 0.1);
        if near { 0.3 * depth } else { 0.3 }
    }

    #[test]
    fn blinks_are_counted_at_camera_rates() {
        for rate in [10.0, 15.0, 25.0, 30.0] {
            let eyes = watch(rate, |t| (blinking(t, 0.4), blinking(t, 0.4)));
            assert_eq!(eyes.blinks(), 2, "{rate} a second");
            assert_eq!(testify(&eyes).verdict, LivenessVerdict::Real);
        }
    }

    #[test]
    fn what_is_no_blink_is_not_counted() {
        let none = |name: &str, eyes: Eyes| {
            assert_eq!(testify(&eyes).verdict, LivenessVerdict::Unknown, "{name}");
        };
        none("still", watch(25.0, |_| (0.3, 0.3)));
        none("wink", watch(25.0, |t| (blinking(t, 0.3), 0.3)));
        none(
            "slow narrowing",
            watch(25.0, |t| (0.3 - 0.02 * t as f32, 0.3 - 0.02 * t as f32)),
        );
        none(
            "shallow",
            watch(25.0, |t| (blinking(t, 0.8), blinking(t, 0.8))),
        );
        none(
            "too few samples",
            watch(4.0, |t| (blinking(t, 0.3), blinking(t, 0.3))),
        );
        let slip = |t: f64| if (t - 5.0).abs() < 0.019 { 0.1 } else { 0.3 };
        none("single sample", watch(25.0, |t| (slip(t), slip(t))));
        let closed = |t: f64| if t > 5.0 { 0.1 } else { 0.3 };
        none("closing for good", watch(25.0, |t| (closed(t), closed(t))));
        none(
            "scatter",
            watch(25.0, |t| {
                let wild = 0.3 + 0.15 * (t * 37.0).sin() as f32;
                (wild, wild)
            }),
        );
    }

    #[test]
    fn nodding_is_no_blink() {
        let mut eyes = Eyes::default();
        for n in 0..250u32 {
            let t = f64::from(n) / 25.0;
            let dip = blinking(t, 0.4);
            let pitch = if dip < 0.3 { 20.0 } else { 0.0 };
            let pose = HeadPose {
                pitch,
                ..Default::default()
            };
            let openness = EyeOpenness {
                left: dip,
                right: dip,
            };
            eyes.observe(Duration::from_secs_f64(t), openness, Some(pose));
        }
        assert_eq!(eyes.blinks(), 0);
    }
}
