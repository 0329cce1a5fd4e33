//! The room: a wall with clutter, seen by a camera that sways; things that move; light that
//! changes; a counter in front; and the sensor's noise.

use goshawk_proto::{geometry::Size, picture::Rgb};

use super::noise::{self, Dice};

/// Room to sway, in pixels on every side.
const MARGIN: u32 = 40;
/// Largest deviation of the sensor's noise, in grey levels.
const GRAIN: f32 = 7.0;
/// Entries of the noise table; a power of two.
const GRAINS: usize = 1 << 16;

/// Gains of red, green and blue.
pub(super) type Light = [f32; 3];

/// See the module.
pub(super) struct Scene {
    size: Size,
    /// Wall and clutter, larger than the picture by the margin.
    wall: Rgb,
    counter: Vec<[u8; 3]>,
    movers: Vec<Mover>,
    grain: Vec<i8>,
    seed: u64,
}

/// Something that moves behind the people.
struct Mover {
    colour: [f32; 3],
    radius: (f32, f32),
    /// Place at time 0, speed in pixels a second, swing up and down in pixels.
    x: f32,
    speed: f32,
    y: f32,
    swing: f32,
    round: bool,
}

impl Scene {
    pub fn new(size: Size, seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let wide = Size::new(size.width + 2 * MARGIN, size.height + 2 * MARGIN);
        let mut wall = plain_wall(wide, seed);
        furnish(&mut wall, &mut dice);
        let scale = size.width as f32 / 1280.0;
        let movers = (0..7).map(|_| Mover::new(&mut dice, size, scale)).collect();
        let counter = counter(size, seed);
        // The sum of four even numbers is close enough to a bell curve.
        let bell = |i: u64| {
            (0..4)
                .map(|k| noise::unit(seed ^ 77, i * 4 + k))
                .sum::<f32>()
                / 2.0
                - 1.0
        };
        let grain = (0..GRAINS as u64)
            .map(|i| (bell(i) * GRAIN * 1.7) as i8)
            .collect();
        Self {
            size,
            wall,
            counter,
            movers,
            grain,
            seed,
        }
    }

    /// The light at a time in seconds: slow waves, a darker spell and a brighter one.
    pub fn light(&self, time: f64) -> Light {
        let time = (time % super::script::ROUND) as f32;
        let wave = 1.0 + 0.07 * (time * 0.48).sin();
        let spell = |from: f32, to: f32| noise::ease(time - from) * (1.0 - noise::ease(time - to));
        let gain = wave * (1.0 - 0.32 * spell(21.0, 27.5)) * (1.0 + 0.16 * spell(35.0, 37.5));
        let warm = 0.035 * (time * 0.31).cos();
        [gain * (1.0 + warm), gain, gain * (1.0 - warm)]
    }

    /// Wall and moving things, before anybody comes.
    pub fn background(&self, time: f64) -> Rgb {
        let time = time as f32;
        let sway = MARGIN as f32 * 0.6;
        let (dx, dy) = (sway * (time * 0.37).sin(), sway * 0.5 * (time * 0.59).sin());
        let mut picture = shifted(
            &self.wall,
            self.size,
            MARGIN as f32 + dx,
            MARGIN as f32 + dy,
        );
        for mover in &self.movers {
            mover.paint(&mut picture, time, (dx, dy));
        }
        picture
    }

    /// Counter, light and noise, over everything.
    pub fn finish(&self, picture: &mut Rgb, frame: u32, light: Light) {
        let Size { width, height } = self.size;
        let width = width as usize;
        let from = (height as usize - self.counter.len() / width) * width * 3;
        let rest = picture.data_mut()[from..].as_chunks_mut::<3>().0;
        rest.copy_from_slice(&self.counter);
        let gains = light.map(|gain| (gain * 256.0) as i32);
        for (row, line) in picture.data_mut().chunks_exact_mut(width * 3).enumerate() {
            let place = (u64::from(frame) << 32) | row as u64;
            let mut at = noise::hash(self.seed ^ place) as usize;
            for pixel in line.as_chunks_mut::<3>().0 {
                at += 1;
                let grain = i32::from(self.grain[at % GRAINS]);
                for (byte, gain) in pixel.iter_mut().zip(gains) {
                    *byte = (((i32::from(*byte) * gain) >> 8) + grain).clamp(0, 255) as u8;
                }
            }
        }
    }
}

impl Mover {
    fn new(dice: &mut Dice, size: Size, scale: f32) -> Self {
        let (width, height) = (size.width as f32, size.height as f32);
        Self {
            colour: [
                dice.roll(40.0, 210.0),
                dice.roll(40.0, 200.0),
                dice.roll(40.0, 210.0),
            ],
            radius: (dice.roll(14.0, 60.0) * scale, dice.roll(14.0, 50.0) * scale),
            x: dice.roll(0.0, width * 1.5),
            speed: dice.roll(-110.0, 110.0) * scale,
            y: height * dice.roll(0.1, 0.85),
            swing: dice.roll(4.0, 40.0) * scale,
            round: dice.roll(0.0, 1.0) > 0.5,
        }
    }

    fn paint(&self, picture: &mut Rgb, time: f32, sway: (f32, f32)) {
        let Size { width, height } = picture.size();
        let span = width as f32 * 1.5;
        let x = (self.x + self.speed * time).rem_euclid(span) - span / 6.0 - sway.0;
        let y = self.y + self.swing * (time * 1.3 + self.x).sin() - sway.1;
        let (rx, ry) = self.radius;
        let clamp = |value: f32, most: u32| value.clamp(0.0, most as f32) as usize;
        for row in clamp(y - ry, height)..clamp(y + ry, height) {
            for column in clamp(x - rx, width)..clamp(x + rx, width) {
                let (u, v) = ((column as f32 - x) / rx, (row as f32 - y) / ry);
                let far = if self.round {
                    u.hypot(v)
                } else {
                    u.abs().max(v.abs())
                };
                let cover = noise::ease((1.0 - far) * 4.0) * 0.85;
                let shade = 1.0 - 0.3 * (u + v) / 2.0;
                let at = (row * width as usize + column) * 3;
                for (byte, colour) in picture.data_mut()[at..at + 3].iter_mut().zip(self.colour) {
                    let mixed = f32::from(*byte) * (1.0 - cover) + colour * shade * cover;
                    *byte = mixed.clamp(0.0, 255.0) as u8;
                }
            }
        }
    }
}

/// A wall in two colours over a tiled floor.
fn plain_wall(size: Size, seed: u64) -> Rgb {
    let mut wall = Rgb::black(size);
    let (width, height) = (size.width as usize, size.height as f32);
    let unit = size.width as f32 / 1360.0;
    for (i, pixel) in wall
        .data_mut()
        .as_chunks_mut::<3>()
        .0
        .iter_mut()
        .enumerate()
    {
        let (x, y) = ((i % width) as f32 / unit, (i / width) as f32 / unit);
        let down = (i / width) as f32 / height;
        let rough = noise::rough(seed, x / 90.0, y / 90.0) - 0.5;
        let fine = noise::smooth(seed ^ 9, x / 3.0, y / 3.0) - 0.5;
        let base = if down < 0.72 {
            let tone = 1.0 - 0.45 * (x / 1360.0 - 0.4).abs() - 0.25 * down;
            [188.0 * tone, 182.0 * tone, 166.0 * tone]
        } else {
            // Tiles that get larger towards the camera.
            let depth = 1.0 / (down - 0.62);
            let tile = ((x - 680.0) * depth / 260.0).floor() + (depth * 3.0).floor();
            let tone = if (tile as i64).rem_euclid(2) == 0 {
                104.0
            } else {
                84.0
            };
            [tone, tone * 0.93, tone * 0.85]
        };
        *pixel = base.map(|c| (c + rough * 46.0 + fine * 14.0).clamp(0.0, 255.0) as u8);
    }
    wall
}

/// A window with blinds, pictures, shelves with books, and plants.
fn furnish(wall: &mut Rgb, dice: &mut Dice) {
    let Size { width, height } = wall.size();
    let (w, h) = (width as f32, height as f32);
    let window = [w * dice.roll(0.05, 0.6), h * 0.08, w * 0.22, h * 0.42];
    for stripe in 0..12 {
        let y = window[1] + window[3] * stripe as f32 / 12.0;
        let bright = 196.0 + (stripe * 37 % 40) as f32;
        block(
            wall,
            [window[0], y, window[2], window[3] / 15.0],
            [bright, bright, bright * 1.05],
        );
    }
    for _ in 0..5 {
        let (x, y) = (w * dice.roll(0.0, 0.9), h * dice.roll(0.05, 0.45));
        let side = w * dice.roll(0.04, 0.09);
        block(wall, [x, y, side, side * 0.8], [60.0, 46.0, 34.0]);
        for _ in 0..9 {
            let (u, v) = (dice.roll(0.05, 0.75), dice.roll(0.05, 0.55));
            let colour = [
                dice.roll(30.0, 240.0),
                dice.roll(30.0, 240.0),
                dice.roll(30.0, 240.0),
            ];
            block(
                wall,
                [x + u * side, y + v * side, side * 0.18, side * 0.16],
                colour,
            );
        }
    }
    for shelf in 0..2 {
        let (x, y) = (w * dice.roll(0.05, 0.7), h * (0.5 + 0.12 * shelf as f32));
        block(wall, [x, y, w * 0.2, h * 0.012], [84.0, 60.0, 40.0]);
        let mut along = 0.0;
        while along < w * 0.19 {
            let (thick, tall) = (w * dice.roll(0.005, 0.014), h * dice.roll(0.05, 0.085));
            let colour = [
                dice.roll(30.0, 200.0),
                dice.roll(30.0, 170.0),
                dice.roll(30.0, 190.0),
            ];
            block(wall, [x + along, y - tall, thick * 0.92, tall], colour);
            along += thick;
        }
    }
    for _ in 0..2 {
        let (x, y) = (w * dice.roll(0.02, 0.95), h * 0.68);
        for _ in 0..60 {
            let (dx, dy) = (dice.roll(-0.045, 0.045) * w, dice.roll(-0.2, 0.02) * h);
            let colour = [
                dice.roll(20.0, 70.0),
                dice.roll(70.0, 140.0),
                dice.roll(20.0, 70.0),
            ];
            block(wall, [x + dx, y + dy, w * 0.012, h * 0.03], colour);
        }
        block(
            wall,
            [x - w * 0.02, y, w * 0.04, h * 0.07],
            [130.0, 80.0, 60.0],
        );
    }
}

/// A block of a colour, somewhat shaded: left, top, width, height in pixels.
fn block(wall: &mut Rgb, [left, top, across, down]: [f32; 4], colour: [f32; 3]) {
    let Size { width, height } = wall.size();
    let end = |value: f32, most: u32| value.clamp(0.0, most as f32) as usize;
    for y in end(top, height)..end(top + down, height) {
        for x in end(left, width)..end(left + across, width) {
            let shade = 1.06 - 0.16 * (y as f32 - top) / down.max(1.0);
            let at = (y * width as usize + x) * 3;
            for (byte, c) in wall.data_mut()[at..at + 3].iter_mut().zip(colour) {
                *byte = (c * shade).clamp(0.0, 255.0) as u8;
            }
        }
    }
}

/// A wooden counter across the lower edge.
fn counter(size: Size, seed: u64) -> Vec<[u8; 3]> {
    let (width, rows) = (size.width as usize, size.height as usize / 10);
    (0..width * rows)
        .map(|i| {
            let (x, y) = ((i % width) as f32, (i / width) as f32);
            let edge = if y < rows as f32 * 0.12 { 34.0 } else { 0.0 };
            let wood = 46.0 * noise::rough(seed ^ 5, x / 160.0, y / 6.0) + edge;
            [86.0 + wood, 58.0 + wood * 0.8, 38.0 + wood * 0.6].map(|c| c as u8)
        })
        .collect()
}

/// The part of a picture at a fractional place, bilinear.
fn shifted(from: &Rgb, size: Size, x: f32, y: f32) -> Rgb {
    let mut out = Rgb::black(size);
    let (stride, width) = (from.size().width as usize * 3, size.width as usize * 3);
    let (left, top) = (x.floor() as usize, y.floor() as usize);
    let (u, v) = ((x.fract() * 16.0) as u32, (y.fract() * 16.0) as u32);
    for (row, line) in out.data_mut().chunks_exact_mut(width).enumerate() {
        let at = (top + row) * stride + left * 3;
        let (above, below) = (&from.data()[at..], &from.data()[at + stride..]);
        for (i, byte) in line.iter_mut().enumerate() {
            let mix = |line: &[u8]| u32::from(line[i]) * (16 - u) + u32::from(line[i + 3]) * u;
            *byte = ((mix(above) * (16 - v) + mix(below) * v) >> 8) as u8;
        }
    }
    out
}
