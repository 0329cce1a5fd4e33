//! Whether anything moves in front of a camera, so that the detector can be spared where nothing
//! does.
//!
//! The picture is reduced to a grid of brightness and compared with a slow running average of
//! itself, cell by cell (background subtraction as in Piccardi, "Background subtraction
//! techniques: a review", 2004, with the simplest of its models). A cell is the mean of many
//! pixels, so noise hardly shows in it, while somebody who enters changes several cells. What all
//! cells have in common (clouds, a camera's exposure) is no motion unless it is large.
//!
//! A scene is looked at in any case while somebody is tracked in it, and now and then without any
//! reason: what moves too faintly to be noticed is found a moment later, not never.

use std::time::Duration;

use goshawk_proto::{geometry::Size, picture::Rgb};

/// Cells along the longer side of the picture.
const CELLS: u32 = 64;
/// Time in which the background takes over about two thirds of a change, in seconds.
const MEMORY: f32 = 5.0;
/// Red, green and blue in brightness: ITU-R BT.601.
const LUMA: [f32; 3] = [0.299, 0.587, 0.114];

/// When the detector is spared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MotionSettings {
    /// Change of a cell that is motion, in levels of brightness, 0 to 255.
    pub threshold: f32,
    /// Longest that a still scene is not looked at, in media time.
    pub longest: Duration,
    /// A scene that has been still for so long is looked at [`IDLE_LOOKS`] times less often; zero:
    /// never.
    pub idle_after: Duration,
}

/// How many times longer an idle scene is not looked at.
pub const IDLE_LOOKS: u32 = 10;

/// What became of the pictures so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MotionCounters {
    /// Pictures that something moved in.
    pub moved: u64,
    /// Pictures looked at although nothing moved.
    pub looked: u64,
    /// Pictures that were spared.
    pub spared: u64,
}

/// Decides picture by picture. A machine on media time.
#[derive(Clone, Debug)]
pub struct MotionGate {
    settings: MotionSettings,
    counters: MotionCounters,
    /// Brightness of each cell.
    background: Vec<f32>,
    size: Size,
    seen_at: Duration,
    looked_at: Duration,
    /// When something last moved or somebody was there.
    stirred_at: Option<Duration>,
}

/// The grid of a picture of `size`: what [`MotionGate::handle_picture`] is given, and never more
/// pixels than the picture has.
pub fn grid(size: Size) -> Size {
    grid_of(size, CELLS)
}

/// The grid of so many cells along the longer side of a picture of `size`, never of more than it
/// has pixels.
pub fn grid_of(size: Size, most: u32) -> Size {
    let longest = size.width.max(size.height).max(1);
    let cells = |side: u32| {
        let cells = u64::from(side) * u64::from(most) / u64::from(longest);
        u32::try_from(cells).unwrap_or(most).clamp(1, side.max(1))
    };
    Size::new(cells(size.width), cells(size.height))
}

impl MotionGate {
    /// A gate that lets the first picture through.
    pub fn new(settings: MotionSettings) -> Self {
        Self {
            settings,
            counters: MotionCounters::default(),
            background: Vec::new(),
            size: Size::default(),
            seen_at: Duration::ZERO,
            looked_at: Duration::ZERO,
            stirred_at: None,
        }
    }

    /// Whether the detector is to look at the picture of `media_time`, of which `cells` is the
    /// [`grid`]. `busy` says that somebody is there or may be. A picture of another size and time
    /// that runs backwards begin a new background.
    pub fn handle_picture(&mut self, media_time: Duration, cells: &Rgb, busy: bool) -> bool {
        let moved = self.take_in(media_time, cells);
        if moved || busy {
            self.stirred_at = Some(media_time);
        }
        let idle = media_time.saturating_sub(self.looked_at);
        let looks = moved || busy || idle >= self.longest();
        match (moved, looks) {
            (true, _) => self.counters.moved += 1,
            (false, true) => self.counters.looked += 1,
            (false, false) => self.counters.spared += 1,
        }
        if looks {
            self.looked_at = media_time;
        }
        looks
    }

    fn longest(&self) -> Duration {
        let MotionSettings {
            longest,
            idle_after,
            ..
        } = self.settings;
        match !idle_after.is_zero() && self.calm_for() >= idle_after {
            true => longest.saturating_mul(IDLE_LOOKS),
            false => longest,
        }
    }

    /// For how long, up to the last picture, nothing moved and nobody was there.
    pub fn calm_for(&self) -> Duration {
        let stirred = self.stirred_at.unwrap_or(self.seen_at);
        self.seen_at.saturating_sub(stirred)
    }

    /// The counters so far.
    pub fn counters(&self) -> MotionCounters {
        self.counters
    }

    /// Compares the picture with the background, then makes it a part of that.
    fn take_in(&mut self, media_time: Duration, cells: &Rgb) -> bool {
        let luma = cells.data().as_chunks::<3>().0.iter().map(brightness);
        if self.size != cells.size() || media_time < self.seen_at || self.background.is_empty() {
            self.size = cells.size();
            self.seen_at = media_time;
            self.background.clear();
            self.background.extend(luma);
            return true;
        }
        let count = self.background.len() as f32;
        let changes = luma
            .clone()
            .zip(&self.background)
            .map(|(now, was)| now - was);
        let common = changes.clone().sum::<f32>() / count;
        let threshold = self.settings.threshold;
        let moved =
            common.abs() > threshold || changes.clone().any(|c| (c - common).abs() > threshold);
        let passed = media_time.saturating_sub(self.seen_at).as_secs_f32();
        let share = 1.0 - (-passed / MEMORY).exp();
        for (was, now) in self.background.iter_mut().zip(luma) {
            *was += (now - *was) * share;
        }
        self.seen_at = media_time;
        moved
    }
}

fn brightness(pixel: &[u8; 3]) -> f32 {
    pixel
        .iter()
        .zip(LUMA)
        .map(|(v, by)| f32::from(*v) * by)
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HD: Size = Size::new(1280, 720);
    const SETTINGS: MotionSettings = MotionSettings {
        threshold: 6.0,
        longest: Duration::from_secs(1),
        idle_after: Duration::ZERO,
    };

    /// A grey wall with a darker block of cells whose left edge is at `at`, `level` brighter as a
    /// whole, with a little noise.
    fn scene(at: Option<u32>, level: u8, noise: u32) -> Rgb {
        let mut rgb = Rgb::black(grid(HD));
        let width = rgb.size().width;
        for (i, px) in rgb.data_mut().as_chunks_mut::<3>().0.iter_mut().enumerate() {
            let (x, y) = (i as u32 % width, i as u32 / width);
            let inside = at.is_some_and(|at| (at..at + 3).contains(&x) && (10..16).contains(&y));
            let grain = ((x * 7 + y * 13 + noise * 31) % 3) as u8;
            *px = [level + grain + if inside { 60 } else { 100 }; 3];
        }
        rgb
    }

    fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn calm_is_counted_from_the_last_stir() {
        let mut gate = MotionGate::new(SETTINGS);
        assert_eq!(gate.calm_for(), Duration::ZERO);
        for n in 0..40 {
            gate.handle_picture(at(n * 100), &scene(None, 0, 1), false);
        }
        assert_eq!(gate.calm_for(), at(3_900));
        gate.handle_picture(at(4_000), &scene(Some(20), 0, 1), false);
        assert_eq!(gate.calm_for(), Duration::ZERO);
        gate.handle_picture(at(5_000), &scene(Some(20), 0, 1), true);
        assert_eq!(gate.calm_for(), Duration::ZERO, "somebody is there");
    }

    #[test]
    fn the_grid_keeps_the_proportions_and_never_enlarges() {
        assert_eq!(grid(HD), Size::new(64, 36));
        assert_eq!(grid(Size::new(1080, 1920)), Size::new(36, 64));
        assert_eq!(grid(Size::new(20, 10)), Size::new(20, 10));
        assert_eq!(grid(Size::new(9000, 1)), Size::new(64, 1));
        assert_eq!(grid(Size::new(0, 0)), Size::new(1, 1));
    }

    #[test]
    fn a_still_scene_is_looked_at_once_a_second() {
        let mut gate = MotionGate::new(SETTINGS);
        let looked: Vec<u64> = (0..80)
            .map(|n| n * 125)
            .filter(|t| gate.handle_picture(at(*t), &scene(None, 0, *t as u32), false))
            .collect();
        assert_eq!(looked, (0..10).map(|s| s * 1000).collect::<Vec<_>>());
        assert_eq!(gate.counters().spared, 70);
        assert_eq!((gate.counters().moved, gate.counters().looked), (1, 9));
    }

    #[test]
    fn an_idle_scene_is_looked_at_less_often_until_something_moves() {
        let mut gate = MotionGate::new(MotionSettings {
            idle_after: Duration::from_secs(3),
            ..SETTINGS
        });
        let looked: Vec<u64> = (0..240)
            .map(|n| n * 125)
            .filter(|t| gate.handle_picture(at(*t), &scene(None, 0, *t as u32), false))
            .collect();
        assert_eq!(looked, [0, 1_000, 2_000, 12_000, 22_000]);
        assert!(gate.handle_picture(at(30_000), &scene(Some(20), 0, 0), false));
    }

    #[test]
    fn who_enters_is_seen_at_once_and_who_stays_becomes_background() {
        let mut gate = MotionGate::new(SETTINGS);
        for t in 0..5 {
            gate.handle_picture(at(t * 100), &scene(None, 0, 0), false);
        }
        assert!(gate.handle_picture(at(500), &scene(Some(0), 0, 0), false));
        // Still there, not taken for anybody: looked at until the background has it.
        let later = |gate: &mut MotionGate, from: u64| {
            (0..10)
                .filter(|n| gate.handle_picture(at(from + n * 100), &scene(Some(0), 0, 0), false))
                .count()
        };
        assert_eq!(later(&mut gate, 600), 10);
        later(&mut gate, 15_000);
        assert_eq!(later(&mut gate, 30_000), 1);
    }

    #[test]
    fn light_that_changes_slowly_is_no_motion_and_light_switched_on_is() {
        let mut gate = MotionGate::new(SETTINGS);
        let looked = |gate: &mut MotionGate, t: u64, level: u8| {
            gate.handle_picture(at(t), &scene(Some(20), level, 0), false)
        };
        assert!(looked(&mut gate, 0, 0));
        for n in 1..8 {
            assert!(!looked(&mut gate, n * 100, n as u8 / 2), "{n}");
        }
        assert!(looked(&mut gate, 850, 40));
    }

    #[test]
    fn a_busy_scene_another_size_and_a_jump_back_are_looked_at() {
        let mut gate = MotionGate::new(SETTINGS);
        let still = scene(None, 0, 0);
        assert!(gate.handle_picture(at(5000), &still, false));
        assert!(gate.handle_picture(at(5100), &still, true));
        assert!(!gate.handle_picture(at(5200), &still, false));
        assert!(gate.handle_picture(at(5300), &Rgb::black(Size::new(36, 64)), false));
        assert!(gate.handle_picture(at(100), &Rgb::black(Size::new(36, 64)), false));
        assert!(!gate.handle_picture(at(200), &Rgb::black(Size::new(36, 64)), false));
    }

    proptest! {
        #[test]
        fn no_gap_is_longer_than_allowed(
            steps in prop::collection::vec(1u64..400, 1..200),
        ) {
            let mut gate = MotionGate::new(SETTINGS);
            let still = Rgb::black(Size::new(8, 4));
            let (mut now, mut last) = (0, 0);
            for step in steps {
                now += step;
                if gate.handle_picture(at(now), &still, false) {
                    last = now;
                }
                prop_assert!(now - last < 1000);
            }
        }
    }
}
