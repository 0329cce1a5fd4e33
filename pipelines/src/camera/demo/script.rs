//! Who walks where, and when.

use goshawk_proto::geometry::Size;

use super::noise::Dice;

/// The script goes round after so many seconds.
pub(super) const ROUND: f64 = 50.0;
/// How far people reach to the left and right of the middle of their face, in face widths.
const REACH: [(f32, f32); 2] = [(2.4, 3.2), (1.5, 1.5)];

/// A person in one frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pose {
    /// 0: the astronaut, 1: the admiral.
    pub person: usize,
    /// Number of the visit, from 1, per person.
    pub visit: u32,
    /// Middle of the face in pixels.
    pub x: f32,
    /// Middle of the face in pixels.
    pub y: f32,
    /// Width of the face in pixels, before turning.
    pub face_width: f32,
    /// Turn to the side in degrees.
    pub yaw: f32,
    /// Tilt in degrees.
    pub roll: f32,
    /// Blur in halvings of resolution.
    pub blur: f32,
}

/// A visit: from outside the picture to outside the picture.
struct Visit {
    person: usize,
    from: f64,
    to: f64,
    keys: &'static [Key],
}

/// Share of the visit's time; place across (0: just outside on the left, 1: on the right); height
/// of the face's middle as a share of the picture's; face width in pixels of a picture 1280 wide;
/// yaw in degrees.
struct Key(f32, f32, f32, f32, f32);

/// Both meet in every pair of visits. Between a person's visits lie at least 2.5 s.
const VISITS: [Visit; 10] = [
    Visit {
        person: 0,
        from: 1.0,
        to: 8.0,
        keys: &[
            Key(0.0, 0.0, 0.40, 95.0, 12.0),
            Key(0.35, 0.36, 0.38, 105.0, 8.0),
            Key(0.6, 0.58, 0.38, 112.0, -5.0),
            Key(1.0, 1.0, 0.40, 120.0, -14.0),
        ],
    },
    Visit {
        person: 1,
        from: 4.0,
        to: 10.0,
        keys: &[
            Key(0.0, 1.0, 0.38, 85.0, -12.0),
            Key(0.5, 0.5, 0.39, 90.0, 3.0),
            Key(1.0, 0.0, 0.40, 100.0, 14.0),
        ],
    },
    Visit {
        person: 0,
        from: 10.5,
        to: 19.5,
        keys: &[
            Key(0.0, 1.0, 0.36, 100.0, -14.0),
            Key(0.3, 0.62, 0.38, 150.0, -8.0),
            Key(0.55, 0.48, 0.42, 215.0, 2.0),
            Key(0.75, 0.35, 0.42, 190.0, 12.0),
            Key(1.0, 0.0, 0.40, 150.0, 17.0),
        ],
    },
    Visit {
        person: 1,
        from: 12.5,
        to: 20.5,
        keys: &[
            Key(0.0, 0.0, 0.36, 120.0, 13.0),
            Key(0.4, 0.38, 0.38, 140.0, 6.0),
            Key(0.7, 0.66, 0.40, 170.0, -8.0),
            Key(1.0, 1.0, 0.40, 130.0, -15.0),
        ],
    },
    Visit {
        person: 0,
        from: 22.5,
        to: 29.5,
        keys: &[
            Key(0.0, 0.0, 0.44, 72.0, 14.0),
            Key(0.5, 0.5, 0.43, 78.0, 0.0),
            Key(1.0, 1.0, 0.44, 84.0, -12.0),
        ],
    },
    Visit {
        person: 1,
        from: 25.0,
        to: 31.0,
        keys: &[
            Key(0.0, 1.0, 0.42, 95.0, -14.0),
            Key(0.5, 0.5, 0.43, 88.0, 0.0),
            Key(1.0, 0.0, 0.43, 80.0, 14.0),
        ],
    },
    Visit {
        person: 0,
        from: 32.0,
        to: 40.0,
        keys: &[
            Key(0.0, 0.0, 0.38, 130.0, 10.0),
            Key(0.4, 0.42, 0.40, 165.0, -10.0),
            Key(0.6, 0.56, 0.40, 160.0, 13.0),
            Key(1.0, 1.0, 0.38, 120.0, -8.0),
        ],
    },
    Visit {
        person: 1,
        from: 34.0,
        to: 41.5,
        keys: &[
            Key(0.0, 1.0, 0.38, 110.0, -12.0),
            Key(0.4, 0.58, 0.38, 120.0, -8.0),
            Key(0.65, 0.48, 0.38, 118.0, 12.0),
            Key(1.0, 0.0, 0.40, 150.0, 15.0),
        ],
    },
    Visit {
        person: 0,
        from: 43.0,
        to: 49.0,
        keys: &[
            Key(0.0, 1.0, 0.40, 110.0, -15.0),
            Key(0.5, 0.5, 0.38, 125.0, 0.0),
            Key(1.0, 0.0, 0.40, 140.0, 13.0),
        ],
    },
    Visit {
        person: 1,
        from: 44.0,
        to: 49.5,
        keys: &[
            Key(0.0, 0.0, 0.42, 140.0, 15.0),
            Key(0.5, 0.45, 0.40, 200.0, 4.0),
            Key(1.0, 1.0, 0.42, 215.0, -12.0),
        ],
    },
];

/// Times at which the picture is out of focus, and by how much.
const BLURS: [(f64, f64, f32); 3] = [(15.8, 16.8, 1.4), (24.0, 26.0, 1.0), (45.0, 46.2, 1.2)];

/// The script for one picture size.
pub(super) struct Script {
    size: Size,
    seed: u64,
}

impl Script {
    pub fn new(size: Size, seed: u64) -> Self {
        Self { size, seed }
    }

    /// Everybody who is there at `time` (in seconds).
    pub fn poses(&self, time: f64) -> Vec<Pose> {
        let round = (time / ROUND) as u32;
        let within = time - f64::from(round) * ROUND;
        VISITS
            .iter()
            .enumerate()
            .filter(|(_, visit)| (visit.from..visit.to).contains(&within))
            .map(|(index, visit)| self.pose(visit, index, round, within))
            .collect()
    }

    fn pose(&self, visit: &Visit, index: usize, round: u32, time: f64) -> Pose {
        let share = ((time - visit.from) / (visit.to - visit.from)) as f32;
        let value = |of: fn(&Key) -> f32| curve(visit.keys, share, of);
        let mut dice = Dice::new(self.seed ^ (u64::from(round) << 16) ^ index as u64);
        let scale = self.size.width as f32 / 1280.0;
        let face_width = value(|key| key.3) * scale * dice.roll(0.96, 1.04);
        // Two steps a second: the head goes up and down, and tilts with every other step.
        let (phase, pace) = (f64::from(dice.roll(0.0, 3.0)), 1.9);
        let steps = ((time + phase) * pace * std::f64::consts::PI) as f32;
        let bob = steps.sin().abs() * 0.035 * face_width;
        let (left, right) = REACH[visit.person];
        let (from, to) = (
            -right * face_width,
            self.size.width as f32 + left * face_width,
        );
        // Every other round runs the other way.
        let across = value(|key| key.1);
        let mirrored = round % 2 == 1;
        let across = if mirrored { 1.0 - across } else { across };
        let yaw = value(|key| key.4) + 2.0 * (time * 2.1 + phase).sin() as f32;
        let visits_before = VISITS[..index]
            .iter()
            .filter(|v| v.person == visit.person)
            .count();
        let each_round = VISITS.iter().filter(|v| v.person == visit.person).count();
        Pose {
            person: visit.person,
            visit: 1 + visits_before as u32 + round * each_round as u32,
            x: from + (to - from) * across,
            y: value(|key| key.2) * self.size.height as f32 * dice.roll(0.98, 1.02) - bob,
            face_width,
            yaw: if mirrored { -yaw } else { yaw },
            roll: 2.2 * (steps / 2.0).sin() + dice.roll(-1.5, 1.5),
            blur: blur(time),
        }
    }
}

/// Blur at a time: rises and falls within each spell.
fn blur(time: f64) -> f32 {
    let spell = |&(from, to, most): &(f64, f64, f32)| {
        let share = ((time - from) / (to - from)).clamp(0.0, 1.0) as f32;
        most * (share * std::f32::consts::PI).sin()
    };
    BLURS.iter().map(spell).sum()
}

/// A smooth curve through the keys: cubic Hermite with finite differences as slopes.
fn curve(keys: &[Key], share: f32, of: fn(&Key) -> f32) -> f32 {
    let last = keys.len() - 1;
    let i = keys
        .iter()
        .rposition(|key| key.0 <= share)
        .unwrap_or(0)
        .min(last - 1);
    let slope = |k: usize| {
        let (a, b) = (&keys[k.saturating_sub(1)], &keys[(k + 1).min(last)]);
        (of(b) - of(a)) / (b.0 - a.0)
    };
    let (a, b) = (&keys[i], &keys[i + 1]);
    let length = b.0 - a.0;
    let t = ((share - a.0) / length).clamp(0.0, 1.0);
    let (t2, t3) = (t * t, t * t * t);
    of(a) * (2.0 * t3 - 3.0 * t2 + 1.0)
        + slope(i) * length * (t3 - 2.0 * t2 + t)
        + of(b) * (3.0 * t2 - 2.0 * t3)
        + slope(i + 1) * length * (t3 - t2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visits_of_a_person_are_apart_and_nobody_is_there_when_the_script_goes_round() {
        for person in 0..2 {
            let visits: Vec<_> = VISITS.iter().filter(|v| v.person == person).collect();
            assert!(visits.len() >= 4);
            for pair in visits.windows(2) {
                assert!(pair[1].from - pair[0].to >= 1.5, "{}", pair[0].to);
            }
            let around = ROUND - visits[visits.len() - 1].to + visits[0].from;
            assert!(around >= 1.5, "{around}");
        }
    }

    #[test]
    fn people_enter_and_leave_outside_the_picture_and_their_faces_fit_the_sizes_asked_for() {
        let script = Script::new(Size::new(1280, 720), 3);
        for frame in 0..2500 {
            let time = f64::from(frame) / 25.0;
            for pose in script.poses(time) {
                assert!((65.0..235.0).contains(&pose.face_width), "{pose:?}");
                let again = script.poses(time - 0.04);
                let new = !again
                    .iter()
                    .any(|p| (p.person, p.visit) == (pose.person, pose.visit));
                let half = pose.face_width / 2.0;
                if new {
                    assert!(pose.x < -half || pose.x > 1280.0 + half, "{pose:?}");
                }
            }
        }
    }

    #[test]
    fn both_are_in_the_picture_together_and_pass_each_other() {
        let script = Script::new(Size::new(1280, 720), 1);
        let mut crossings = 0;
        let mut side = None;
        for frame in 0..1250 {
            let poses = script.poses(f64::from(frame) / 25.0);
            let now = match poses.as_slice() {
                [a, b] => Some((a.x < b.x) == (a.person == 0)),
                _ => None,
            };
            crossings += u32::from(side.is_some() && now.is_some() && side != now);
            side = now;
        }
        assert!(crossings >= 4, "{crossings}");
    }
}
