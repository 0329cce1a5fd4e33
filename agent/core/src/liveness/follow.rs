//! Does what is round the face move with it? A print or a handheld screen brings its border and
//! its background along; a head moves before what stands behind it.
//!
//! Two looks at the same face, at most `MAX_GAP` apart, are compared block by block (block
//! matching as in video coding; Jain and Jain, "Displacement measurement and its application in
//! interframe image coding", 1981). The idea of setting the face's motion against its
//! surroundings' is Anjos, Chakka and Marcel's ("Motion-based counter-measures to photo attacks
//! in face recognition", IET Biometrics 3(3), 2014). Blocks lie beside and over the head, where
//! neither hair nor shoulders are. Since the patch moves with the face, only two displacements
//! have to be tried for each block: none (it follows the face) and that of the frame (it stays
//! behind). A block votes when one of both fits clearly better and it has some pattern; plain
//! walls do not vote. The face must have moved by `MIN_WAY` pixels of the patch, a twentieth of
//! its height, or there is nothing to tell.
//!
//! `following` is the share of votes that follow. A large one is a picture that is moved; a small
//! one is a person, but also a person on a screen that stands still, and a cut-out without border.

use std::{sync::Arc, time::Duration};

use goshawk_proto::{
    detection::{LivenessVerdict, LivenessWitness},
    geometry::{BBox, Point},
};

use super::{
    look::{Look, Patch},
    ramp, witness,
};

/// Longest time between two looks that are compared.
const MAX_GAP: Duration = Duration::from_millis(700);
/// Shortest way of the face between them, in pixels of the patch.
const MIN_WAY: f32 = 5.0;
/// Longest way.
const MAX_WAY: f32 = 40.0;
/// Largest change of the face's size between them.
const MAX_GROWTH: f32 = 1.12;
/// Sides of a block in pixels of the patch.
const BLOCK: i32 = 10;
/// Pixels around either displacement that are tried as well.
const PLAY: i32 = 1;
/// Standard deviation, in levels, from which a block has a pattern.
const MIN_PATTERN: f32 = 7.0;
/// A displacement fits clearly better with a mean difference below this share of the other's.
const CLEARLY: f32 = 0.6;
/// Votes needed before anything is said.
const MIN_VOTES: u32 = 12;
/// Frames with votes needed as well: one jump of a box makes many votes.
const MIN_FRAMES: u32 = 3;
/// Shares between which a moved picture goes from possible to certain.
pub const FOLLOWS: (f32, f32) = (0.45, 0.8);
/// Shares between which a head before a background goes from certain to possible.
pub const STAYS: (f32, f32) = (0.12, 0.3);
/// Middles of the blocks in face widths and heights from the face's middle.
const PLACES: [(f32, f32); 14] = [
    (-1.0, -0.5),
    (-1.0, -0.2),
    (-1.0, 0.1),
    (-1.3, -0.5),
    (-1.3, -0.2),
    (-1.3, 0.1),
    (1.0, -0.5),
    (1.0, -0.2),
    (1.0, 0.1),
    (1.3, -0.5),
    (1.3, -0.2),
    (1.3, 0.1),
    (-0.6, -0.85),
    (0.6, -0.85),
];

/// The votes of one track. Keeps one look.
#[derive(Clone, Debug, Default)]
pub struct Follow {
    last: Option<(Duration, Arc<Look>)>,
    following: u32,
    staying: u32,
    frames: u32,
}

impl Follow {
    /// Takes the look of a frame in; times must not fall.
    pub fn observe(&mut self, at: Duration, look: &Arc<Look>) {
        let Some((before_at, before)) = &self.last else {
            self.last = Some((at, Arc::clone(look)));
            return;
        };
        if at.saturating_sub(*before_at) > MAX_GAP {
            self.last = Some((at, Arc::clone(look)));
            return;
        }
        let Some(way) = way(&before.patch, &look.patch) else {
            // Too short a way yet: the older look stays, until it is too old.
            return;
        };
        let (following, staying) = votes(&before.patch, &look.patch, way);
        self.following = self.following.saturating_add(following);
        self.staying = self.staying.saturating_add(staying);
        self.frames = self
            .frames
            .saturating_add(u32::from(following + staying > 0));
        self.last = Some((at, Arc::clone(look)));
    }

    /// Share of votes that follow the face; `None` before there are enough.
    pub fn following(&self) -> Option<f32> {
        let votes = self.following.saturating_add(self.staying);
        let enough = votes >= MIN_VOTES && self.frames >= MIN_FRAMES;
        enough.then(|| self.following as f32 / votes as f32)
    }
}

/// What the votes say.
pub fn testify(follow: &Follow) -> LivenessWitness {
    let (verdict, strength) = match follow.following() {
        Some(share) if share > FOLLOWS.0 => (LivenessVerdict::Spoof, ramp(share, FOLLOWS)),
        Some(share) if share < STAYS.1 => (LivenessVerdict::Real, 1.0 - ramp(share, STAYS)),
        _ => (LivenessVerdict::Unknown, 0.0),
    };
    witness("follow", verdict, strength)
}

/// How far the face went, in pixels of the patch; `None` where it did not move or changed.
fn way(before: &Patch, now: &Patch) -> Option<Point> {
    let growth = (now.scale / before.scale).max(before.scale / now.scale);
    let way = Point::new(
        (now.origin.x - before.origin.x) / now.scale,
        (now.origin.y - before.origin.y) / now.scale,
    );
    let length = way.x.hypot(way.y);
    let usable = (MIN_WAY..=MAX_WAY).contains(&length) && growth <= MAX_GROWTH;
    usable.then_some(way)
}

/// Blocks that follow the face, and blocks that stay behind.
fn votes(before: &Patch, now: &Patch, way: Point) -> (u32, u32) {
    let (mut following, mut staying) = (0, 0);
    let center = now.face.center();
    for (across, down) in PLACES {
        let x = (center.x + across * now.face.width) as i32 - BLOCK / 2;
        let y = (center.y + down * now.face.height) as i32 - BLOCK / 2;
        match vote(before, now, (x, y), way) {
            Some(true) => following += 1,
            Some(false) => staying += 1,
            None => {}
        }
    }
    (following, staying)
}

/// Whether the block of `now` at a place follows the face; `None` where it cannot be told.
fn vote(before: &Patch, now: &Patch, (x, y): (i32, i32), way: Point) -> Option<bool> {
    if !now.shows(&block_at(x, y, 0)) || pattern(now, (x, y)) < MIN_PATTERN {
        return None;
    }
    // What stayed in the frame was further along in the patch before the face moved.
    let behind = (x + way.x.round() as i32, y + way.y.round() as i32);
    if !before.shows(&block_at(x, y, PLAY)) || !before.shows(&block_at(behind.0, behind.1, PLAY)) {
        return None;
    }
    let follows = difference(before, now, (x, y), (x, y));
    let stays = difference(before, now, (x, y), behind);
    if follows < CLEARLY * stays {
        Some(true)
    } else if stays < CLEARLY * follows {
        Some(false)
    } else {
        None
    }
}

fn block_at(x: i32, y: i32, play: i32) -> BBox {
    let side = (BLOCK + 2 * play) as f32;
    BBox::new((x - play) as f32, (y - play) as f32, side, side)
}

/// Standard deviation of a block's brightness.
fn pattern(patch: &Patch, (x, y): (i32, i32)) -> f32 {
    let (mut sum, mut squares) = (0.0, 0.0);
    for row in y..y + BLOCK {
        for column in x..x + BLOCK {
            let value = patch.at(column, row);
            sum += value;
            squares += value * value;
        }
    }
    let count = (BLOCK * BLOCK) as f32;
    (squares / count - (sum / count).powi(2)).max(0.0).sqrt()
}

/// Least mean difference between the block of `now` and those of `before` about a place. A common
/// change of brightness does not count.
fn difference(before: &Patch, now: &Patch, (x, y): (i32, i32), at: (i32, i32)) -> f32 {
    let mut least = f32::INFINITY;
    for dy in -PLAY..=PLAY {
        for dx in -PLAY..=PLAY {
            let (mut offset, count) = (0.0, (BLOCK * BLOCK) as f32);
            let pairs = || {
                (0..BLOCK).flat_map(move |row| {
                    (0..BLOCK).map(move |column| {
                        let old = before.at(at.0 + dx + column, at.1 + dy + row);
                        now.at(x + column, y + row) - old
                    })
                })
            };
            for value in pairs() {
                offset += value / count;
            }
            let sum: f32 = pairs().map(|value| (value - offset).abs()).sum();
            least = least.min(sum / count);
        }
    }
    least + 0.5
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::liveness::look::tests::Drawn;
    use goshawk_proto::geometry::Size;
    use proptest::prelude::*;

    /// A pattern without repetition.
    fn pattern_at(x: f32, y: f32) -> f32 {
        let cell = |x: f32, y: f32| {
            ((x.floor() * 12.9898 + y.floor() * 78.233).sin() * 43758.547)
                .fract()
                .abs()
        };
        60.0 + 140.0 * cell(x / 9.0, y / 9.0)
    }

    /// A face that goes to and fro; what is round it goes along by `share`.
    fn watch(share: f32, plain: bool) -> Follow {
        let mut follow = Follow::default();
        for n in 0..24u32 {
            let shift = 60.0 * (n as f32 * 0.35).sin();
            let frame = Drawn::new(Size::new(800, 480), move |x, y| {
                let inside = ((x - 400.0 - shift) / 42.0).hypot((y - 200.0) / 60.0) < 1.0;
                let value = match (inside, plain) {
                    (true, _) => 180.0,
                    (false, true) => 120.0,
                    (false, false) => pattern_at(x - share * shift, y),
                };
                [value as u8; 3]
            });
            let bbox = BBox::new(360.0 + shift, 150.0, 80.0, 100.0);
            let look = Arc::new(Look::cut(&frame, &bbox, None).unwrap());
            follow.observe(Duration::from_millis(u64::from(n) * 120), &look);
        }
        follow
    }

    #[test]
    fn a_head_leaves_its_background_and_a_print_takes_it_along() {
        let head = watch(0.0, false);
        assert!(
            head.following().unwrap() < STAYS.0,
            "{:?}",
            head.following()
        );
        assert_eq!(testify(&head).verdict, LivenessVerdict::Real);
        let print = watch(1.0, false);
        assert!(
            print.following().unwrap() > FOLLOWS.1,
            "{:?}",
            print.following()
        );
        assert_eq!(testify(&print).verdict, LivenessVerdict::Spoof);
    }

    #[test]
    fn a_plain_wall_or_a_still_face_says_nothing() {
        assert_eq!(watch(0.0, true).following(), None);
        let mut follow = Follow::default();
        let frame = Drawn::new(Size::new(640, 480), |x, y| [pattern_at(x, y) as u8; 3]);
        let bbox = BBox::new(280.0, 150.0, 80.0, 100.0);
        let look = Arc::new(Look::cut(&frame, &bbox, None).unwrap());
        for n in 0..40 {
            follow.observe(Duration::from_millis(n * 120), &look);
        }
        assert_eq!(follow.following(), None);
        assert_eq!(testify(&follow).verdict, LivenessVerdict::Unknown);
    }

    proptest! {
        #[test]
        fn more_that_follows_is_never_more_real(a in 0u32..200, b in 0u32..200, votes in 12u32..200) {
            let signed = |following: u32| {
                let following = following.min(votes);
                let follow = Follow { last: None, following, staying: votes - following, frames: 9 };
                let said = testify(&follow);
                let sign = match said.verdict {
                    LivenessVerdict::Real => 1.0,
                    LivenessVerdict::Spoof => -1.0,
                    LivenessVerdict::Unknown => 0.0,
                };
                sign * said.strength.get()
            };
            prop_assert!(signed(a.max(b)) <= signed(a.min(b)));
        }
    }
}
