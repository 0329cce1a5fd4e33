//! What is before the camera: rooms, people who turn, and the seven attacks. Everything is a
//! function of the seed and of time.

use std::f32::consts::TAU;

use goshawk_proto::{geometry::Size, picture::Rgb};

use super::{
    camera::{self, Noise},
    person::{Mimic, Person, cover},
};

/// Size of the camera's pictures.
pub const SIZE: Size = Size::new(440, 376);
/// Where faces are, more or less.
const MIDDLE: (f32, f32) = (220.0, 150.0);
/// Distance of the camera's centre of projection, in pixels.
const FOCAL: f32 = 490.0;

/// What is shown to the camera.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Show {
    /// A head that turns, blinks and looks about, with a body.
    Lively,
    /// A head that hardly moves.
    Calm,
    /// A photograph, tilted and moved.
    Print,
    /// The same, bent like a sheet.
    Bent,
    /// The same, brought near and taken away.
    Zoomed,
    /// A photograph that hangs on the wall.
    Poster,
    /// A photograph of a head, cut out along its outline, and moved.
    CutOut,
    /// A recording on a screen in the hand.
    ReplayHeld,
    /// A recording on a screen that stands.
    ReplayStood,
    /// A recording on a screen that fills the view.
    ReplayFull,
}

impl Show {
    /// All of them, people first.
    pub const ALL: [Self; 10] = [
        Self::Lively,
        Self::Calm,
        Self::Print,
        Self::Bent,
        Self::Zoomed,
        Self::Poster,
        Self::CutOut,
        Self::ReplayHeld,
        Self::ReplayStood,
        Self::ReplayFull,
    ];

    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lively => "lively",
            Self::Calm => "calm",
            Self::Print => "print_moved",
            Self::Bent => "print_bent",
            Self::Zoomed => "print_zoomed",
            Self::Poster => "poster",
            Self::CutOut => "cut_out",
            Self::ReplayHeld => "replay_held",
            Self::ReplayStood => "replay_stood",
            Self::ReplayFull => "replay_full",
        }
    }

    /// Whether it is an attack.
    pub fn is_attack(self) -> bool {
        !matches!(self, Self::Lively | Self::Calm)
    }
}

/// One performance.
pub struct Performance<'a> {
    pub show: Show,
    pub person: &'a Person,
    noise: Noise,
    room: Room,
    /// Random numbers from 0 to 1 that make this performance its own.
    dice: [f32; 16],
}

impl<'a> Performance<'a> {
    pub fn new(show: Show, person: &'a Person, seed: u64) -> Self {
        let noise = Noise::new(seed ^ (show as u64) << 32);
        Self {
            show,
            person,
            room: Room::new(noise.fork(1)),
            dice: std::array::from_fn(|i| noise.unit(i as u64)),
            noise,
        }
    }

    /// The room as the camera sees it while nobody is there.
    pub fn empty(&self, frame: u32) -> Rgb {
        let hangs = self.show == Show::Poster;
        let picture = drawn(|x, y| {
            let wall = self.room.colour(x, y);
            if hangs {
                self.flat(x, y, 0.0, wall, false)
            } else {
                wall
            }
        });
        camera::film(&picture, &self.noise, frame, self.light(0.0))
    }

    /// What the camera sees at a time in seconds.
    pub fn frame(&self, frame: u32, time: f32) -> anyhow::Result<Rgb> {
        let picture = match self.show {
            Show::Lively | Show::Calm => self.people(time),
            Show::Print | Show::Bent | Show::Zoomed | Show::Poster | Show::CutOut => {
                drawn(|x, y| self.held(x, y, time))
            }
            Show::ReplayHeld | Show::ReplayStood | Show::ReplayFull => {
                let content = self.recording(time)?;
                drawn(|x, y| self.screen(&content, x, y, time))
            }
        };
        Ok(camera::film(&picture, &self.noise, frame, self.light(time)))
    }

    fn light(&self, time: f32) -> f32 {
        1.0 + 0.03 * (time * (0.2 + 0.3 * self.dice[0]) + self.dice[1] * TAU).sin()
    }

    /// A slow swing from -1 to 1 of its own pace and phase.
    fn swing(&self, time: f32, which: usize) -> f32 {
        let pace = 0.9 + 0.9 * self.dice[which % 16];
        let phase = TAU * self.dice[(which + 5) % 16];
        0.7 * (time * pace + phase).sin() + 0.3 * (time * pace * 2.3 + 2.0 * phase).sin()
    }

    /// A head before the room, with true parallax.
    fn people(&self, time: f32) -> Rgb {
        let lively = f32::from(u8::from(self.show != Show::Calm));
        let range = 0.15 + 0.85 * lively;
        let yaw = (26.0 * range * self.swing(time, 2)).to_radians();
        let pitch = (8.0 * range * self.swing(time, 3)).to_radians();
        let (height, width) = (self.face_height(), self.face_height() * 0.78);
        let x0 = MIDDLE.0 + 48.0 * range * self.swing(time, 4);
        let y0 = MIDDLE.1 + 12.0 * range * self.swing(time, 6);
        let mimic = self.mimic(time);
        drawn(|x, y| {
            let wall = self.room.colour(x, y);
            let (qu, qv) = ((x - x0) / width, (y - y0) / height);
            // The neck turns less and less, the shoulders not at all.
            let share = (1.0 - (qv - 0.4) / 0.45).clamp(0.0, 1.0);
            let (sy, cy) = (yaw * share).sin_cos();
            let (sp, cp) = (pitch * share).sin_cos();
            let (mut u, mut v) = (qu / cy, qv / cp);
            for _ in 0..4 {
                let z = self.person.depth(u, v);
                u = (qu - z * sy * height / width) / cy;
                v = (qv - z * sp) / cp;
            }
            mix(wall, self.person.colour(u, v, &mimic), cover(qu, qv, true))
        })
    }

    fn face_height(&self) -> f32 {
        100.0 + 26.0 * self.dice[7]
    }

    fn mimic(&self, time: f32) -> Mimic {
        let every = 2.2 + 2.0 * self.dice[8];
        let since = (time + every * self.dice[9]).rem_euclid(every);
        let closed = if since < 0.36 {
            (since / 0.36 * std::f32::consts::PI).sin()
        } else {
            0.0
        };
        // The eyes rest on one thing for a second or so.
        let look = ((time + 3.0 * self.dice[10]) / 1.3).floor();
        let gaze = [0.0, 0.13, -0.13, 0.0, -0.12][(look as i64).rem_euclid(5) as usize];
        let beat = 0.95 + 0.5 * self.dice[11];
        let depth = 0.003 + 0.006 * self.dice[12];
        Mimic {
            closed: (closed * 1.4).min(1.0),
            gaze,
            pulse: depth * (TAU * beat * time).sin(),
        }
    }

    /// What a recording shows: a person in a room of their own, compressed.
    fn recording(&self, time: f32) -> anyhow::Result<Rgb> {
        let other = Performance {
            show: Show::Lively,
            person: self.person,
            noise: self.noise.fork(2),
            room: Room::new(self.noise.fork(3)),
            dice: self.dice,
        };
        let quality = 45 + (self.dice[13] * 35.0) as u8;
        camera::through_jpeg(&other.people(time), quality)
    }

    /// Print, poster or cut-out in the room, perhaps with somebody behind.
    fn held(&self, x: f32, y: f32, time: f32) -> [f32; 3] {
        let mut under = self.room.colour(x, y);
        if self.show != Show::Poster {
            under = self.holder(x, y, time, under);
        }
        self.flat(x, y, time, under, self.show == Show::CutOut)
    }

    /// Whoever holds it: shoulders behind, or only an arm from below.
    fn holder(&self, x: f32, y: f32, time: f32, under: [f32; 3]) -> [f32; 3] {
        let (x0, y0) = self.place(time);
        let height = self.face_height();
        let cloth = [
            60.0 + 90.0 * self.dice[13],
            60.0 + 70.0 * self.dice[14],
            110.0,
        ];
        if self.dice[15] < 0.5 {
            let (u, v) = ((x - MIDDLE.0) / (height * 0.8), (y - MIDDLE.1) / height);
            let shoulders = if v > 0.3 {
                cover(u, v.max(0.72), true)
            } else {
                0.0
            };
            return mix(under, cloth, shoulders);
        }
        let arm = (x - x0 - 0.15 * (y - y0)).abs() < 0.2 * height && y > y0 + 0.7 * height;
        if arm { [196.0, 150.0, 128.0] } else { under }
    }

    fn place(&self, time: f32) -> (f32, f32) {
        let moves = if self.show == Show::Poster { 0.0 } else { 1.0 };
        (
            MIDDLE.0 + moves * 44.0 * self.swing(time, 4),
            MIDDLE.1 + 6.0 + moves * 13.0 * self.swing(time, 6),
        )
    }

    /// Place on the plane that is held up, in face widths and heights, that shows at a pixel.
    fn on_plane(&self, x: f32, y: f32, time: f32) -> (f32, f32) {
        let (x0, y0) = self.place(time);
        let still = matches!(
            self.show,
            Show::Poster | Show::ReplayStood | Show::ReplayFull
        );
        let moves = if still { 0.0 } else { 1.0 };
        let yaw = (34.0 * moves * self.swing(time, 2)).to_radians();
        let pitch = (14.0 * moves * self.swing(time, 3)).to_radians();
        let roll = (6.0 * moves * self.swing(time, 5)).to_radians();
        let near = match self.show {
            Show::Zoomed => 1.0 + 0.35 * self.swing(time, 9),
            _ => 1.0 + 0.06 * moves * self.swing(time, 9),
        };
        let height = self.face_height() * near;
        // Axes of the plane in the camera's space; its middle is FOCAL away.
        let (sy, cy) = yaw.sin_cos();
        let (sp, cp) = pitch.sin_cos();
        let (sr, cr) = roll.sin_cos();
        let right = [cy * cr, sr, sy * cr];
        let down = [-cy * sr - sy * sp * cr, cp * cr, cy * sp - sy * sr];
        let bend = if self.show == Show::Bent {
            0.9 + 0.8 * self.dice[14]
        } else {
            0.0
        };
        let ray = [x - x0, y - y0, FOCAL];
        let (mut a, mut b) = (ray[0], ray[1]);
        for _ in 0..4 {
            // The sheet's own depth at the place found so far.
            let bulge = bend * a * a / (2.0 * height);
            // x0 + t·ray = middle + a·right + b·down, solved for a and b at that depth.
            let depth = FOCAL + a * right[2] + b * down[2] + bulge;
            let (px, py) = (ray[0] * depth / FOCAL, ray[1] * depth / FOCAL);
            let det = right[0] * down[1] - down[0] * right[1];
            if det.abs() < 0.05 {
                break;
            }
            a = (px * down[1] - py * down[0]) / det;
            b = (py * right[0] - px * right[1]) / det;
        }
        (a / (height * 0.78), b / height)
    }

    /// A flat photograph over what is under it.
    fn flat(&self, x: f32, y: f32, time: f32, under: [f32; 3], cut: bool) -> [f32; 3] {
        let (u, v) = self.on_plane(x, y, time);
        let still = Mimic::default();
        let print = |c: [f32; 3]| c.map(|v| 18.0 + 0.86 * v);
        if cut {
            return mix(
                under,
                print(self.person.colour(u, v, &still)),
                cover(u, v, false),
            );
        }
        let (wide, high) = (1.0 + 0.5 * self.dice[10], 0.95 + 0.45 * self.dice[11]);
        let border = 0.12 * self.dice[12].round();
        if u.abs() < wide && v.abs() < high {
            // The photograph's own background goes along.
            print(self.person.colour(u, v, &still))
        } else if u.abs() < wide + border && v.abs() < high + border {
            [238.0, 238.0, 233.0]
        } else {
            under
        }
    }

    /// A screen that shows `content`.
    fn screen(&self, content: &Rgb, x: f32, y: f32, time: f32) -> [f32; 3] {
        let (u, v) = self.on_plane(x, y, time);
        let full = self.show == Show::ReplayFull;
        let (wide, high) = if full { (9.0, 9.0) } else { (1.35, 1.2) };
        if u.abs() > wide + 0.12 || v.abs() > high + 0.12 {
            let under = self.room.colour(x, y);
            return if self.show == Show::ReplayHeld {
                self.holder(x, y, time, under)
            } else {
                under
            };
        }
        if u.abs() > wide || v.abs() > high {
            return [22.0, 22.0, 24.0];
        }
        let height = self.face_height();
        let (cx, cy) = (MIDDLE.0 + u * height * 0.78, MIDDLE.1 + v * height);
        let colour = camera::sample(content, cx, cy);
        // The screen's pixels, three stripes each, as the camera's own pixels meet them.
        let pitch = 1.12 + 0.5 * self.dice[14];
        let depth = 0.05 + 0.12 * self.dice[15];
        let (sx, sy) = (u * height * 0.78 / pitch, v * height / pitch);
        let rows = 1.0 + 0.4 * depth * (TAU * sy).cos();
        let glare =
            (-((u - 0.5 + self.dice[1]) / 0.3).powi(2) - ((v + self.dice[3]) / 0.35).powi(2)).exp();
        [0, 1, 2].map(|c| {
            let stripe = 1.0 + depth * (TAU * (sx + c as f32 / 3.0)).cos();
            colour[c] * stripe * rows + 70.0 * self.dice[0] * glare
        })
    }
}

fn mix(under: [f32; 3], over: [f32; 3], share: f32) -> [f32; 3] {
    [0, 1, 2].map(|c| under[c] * (1.0 - share) + over[c] * share)
}

/// A wall with a texture, and things on it; every third is nearly plain.
struct Room(Rgb);

impl Room {
    fn new(noise: Noise) -> Self {
        let unit = |i: u64| noise.unit(100 + i);
        let plain = unit(0) < 0.33;
        let tone = [
            110.0 + 90.0 * unit(1),
            110.0 + 85.0 * unit(2),
            100.0 + 85.0 * unit(3),
        ];
        let rough = if plain { 5.0 } else { 30.0 };
        // Left, top, right, bottom and colour.
        let things: Vec<([f32; 4], [f32; 3])> = (0..if plain { 1 } else { 14 })
            .map(|n| {
                let at = |i: u64| unit(10 + n * 10 + i);
                let (x, y) = (at(0) * 420.0, at(1) * 260.0);
                let edges = [x, y, x + 16.0 + 56.0 * at(2), y + 12.0 + 56.0 * at(3)];
                let colour = [
                    30.0 + 200.0 * at(4),
                    30.0 + 190.0 * at(5),
                    30.0 + 190.0 * at(6),
                ];
                (edges, colour)
            })
            .collect();
        Self(drawn(|x, y| {
            let on = |edges: &[f32; 4]| {
                (edges[0]..edges[2]).contains(&x) && (edges[1]..edges[3]).contains(&y)
            };
            let thing = things.iter().rev().find(|(edges, _)| on(edges));
            let shade = rough * (noise.smooth(x / 14.0, y / 14.0) - 0.5)
                + 0.6 * rough * (noise.smooth(x / 5.0 + 99.0, y / 5.0) - 0.5);
            thing.map_or(tone, |(_, colour)| *colour).map(|v| v + shade)
        }))
    }

    fn colour(&self, x: f32, y: f32) -> [f32; 3] {
        self.0.pixel(x as i64, y as i64).map(f32::from)
    }
}

/// A picture of the camera's size from the colour of each place.
fn drawn(colour: impl Fn(f32, f32) -> [f32; 3]) -> Rgb {
    let mut picture = Rgb::black(SIZE);
    let width = SIZE.width as usize;
    let pixels = picture.data_mut().as_chunks_mut::<3>().0;
    for (i, pixel) in pixels.iter_mut().enumerate() {
        let (x, y) = ((i % width) as f32 + 0.5, (i / width) as f32 + 0.5);
        *pixel = colour(x, y).map(|v| v.clamp(0.0, 255.0) as u8);
    }
    picture
}
