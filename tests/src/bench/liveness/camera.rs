//! The camera: its noise, its lens and its compression; and the numbers that everything random is
//! made of.

use goshawk_models::{DecodeLimits, Exif, Picture, encode_jpeg};
use goshawk_proto::picture::Rgb;

/// Numbers that look random and are the same for the same seed (the finalizer of SplitMix64).
#[derive(Clone, Copy, Debug)]
pub struct Noise(u64);

impl Noise {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d)
    }

    /// Others of the same seed.
    pub fn fork(&self, which: u64) -> Self {
        Self::new(self.hash(which ^ 0xf0f0_f0f0))
    }

    fn hash(&self, place: u64) -> u64 {
        let mut z = (self.0 ^ place).wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 to 1 for a place.
    pub fn unit(&self, place: u64) -> f32 {
        (self.hash(place) >> 40) as f32 / (1u64 << 24) as f32
    }

    /// A smooth surface with one random number at each whole place.
    pub fn smooth(&self, x: f32, y: f32) -> f32 {
        let (left, top) = (x.floor(), y.floor());
        let ease = |t: f32| t * t * (3.0 - 2.0 * t);
        let (a, b) = (ease(x - left), ease(y - top));
        let at = |dx: i64, dy: i64| {
            let place =
                ((left as i64 + dx) as u64) << 32 | ((top as i64 + dy) as u64 & 0xffff_ffff);
            self.unit(place)
        };
        (at(0, 0) * (1.0 - a) + at(1, 0) * a) * (1.0 - b)
            + (at(0, 1) * (1.0 - a) + at(1, 1) * a) * b
    }
}

/// Bilinear sample of a picture.
pub fn sample(picture: &Rgb, x: f32, y: f32) -> [f32; 3] {
    let (x, y) = (x - 0.5, y - 0.5);
    let (left, top) = (x.floor(), y.floor());
    let (a, b) = (x - left, y - top);
    let at = |dx: i64, dy: i64| picture.pixel(left as i64 + dx, top as i64 + dy);
    let (p, q, r, s) = (at(0, 0), at(1, 0), at(0, 1), at(1, 1));
    [0, 1, 2].map(|c| {
        (f32::from(p[c]) * (1.0 - a) + f32::from(q[c]) * a) * (1.0 - b)
            + (f32::from(r[c]) * (1.0 - a) + f32::from(s[c]) * a) * b
    })
}

/// What a sensor makes of a picture: light, a slightly soft lens and noise.
pub fn film(picture: &Rgb, noise: &Noise, frame: u32, light: f32) -> Rgb {
    let size = picture.size();
    let mut out = Rgb::black(size);
    let width = size.width as usize;
    let grain = noise.fork(0x6_7261 ^ u64::from(frame) << 8);
    for (i, pixel) in out.data_mut().as_chunks_mut::<3>().0.iter_mut().enumerate() {
        let (x, y) = ((i % width) as i64, (i / width) as i64);
        let at = |dx: i64, dy: i64| picture.pixel(x + dx, y + dy);
        let (here, beside) = (at(0, 0), [at(-1, 0), at(1, 0), at(0, -1), at(0, 1)]);
        let random = grain.hash(i as u64);
        for (c, value) in pixel.iter_mut().enumerate() {
            let around: u32 = beside.iter().map(|p| u32::from(p[c])).sum();
            let soft = 0.6 * f32::from(here[c]) + 0.1 * around as f32;
            let shake = ((random >> (c * 16)) & 0xffff) as f32 / 32768.0 - 1.0;
            *value = (soft * light + 4.0 * shake).clamp(0.0, 255.0) as u8;
        }
    }
    out
}

/// A picture compressed and read again.
pub fn through_jpeg(picture: &Rgb, quality: u8) -> anyhow::Result<Rgb> {
    let jpeg = encode_jpeg(picture, quality)?;
    let again = Picture::decode(&jpeg.bytes, Exif::Ignore, &DecodeLimits::default())?;
    Ok(again.into_rgb())
}
