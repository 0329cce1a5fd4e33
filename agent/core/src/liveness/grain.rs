//! The grain of what is filmed: screens and prints have a raster, skin has none.
//!
//! A camera's pixels over a screen's or a print's make moiré, one frequency (or a few) far
//! stronger than its neighbours. After Garcia and de Queiroz, "Face-spoofing 2D-detection based on
//! Moiré-pattern analysis" (IEEE TIFS 10(4), 2015), who look for peaks in the band-passed spectrum:
//! the middle of the face is taken at the frame's own resolution, its mean removed and a Hann
//! window laid over it; in the magnitude of its Fourier transform every frequency is compared with
//! the median of those about as high, and `peak` is the natural logarithm of the largest ratio.
//! Low frequencies are the face itself and left out; so are those on and beside the axes and at
//! multiples of 1/8, where the blocks of JPEG and H.264 leave their own peaks.
//!
//! A screen too fine or too far for the camera to alias, a blurred one and heavy compression hide
//! the raster: the absence of a peak says nothing for a person.

use goshawk_proto::{
    detection::{LivenessVerdict, LivenessWitness},
    geometry::{BBox, Rect, Size},
    picture::{Pixels, Rgb},
};
use rustfft::{Fft, FftDirection, algorithm::Radix4, num_complex::Complex32};

use super::{look, ramp, running::Running, witness};

/// Sides of the piece looked at, in pixels of the frame.
pub const SIDE: usize = 64;
/// Narrowest face out of whose middle the piece is taken.
const MIN_WIDTH: f32 = 72.0;
/// Frequencies up to this, in cycles a piece, are the face's own shapes.
const LOW: f32 = 7.0;
/// Standard deviation, in levels, below which a piece is too plain to tell.
const MIN_CONTRAST: f32 = 2.0;
/// Looks needed before anything is said.
const MIN_LOOKS: u32 = 6;
/// Means between which a raster goes from possible to certain. Faces and prints without one had
/// 1.28 to 1.40.
pub const RASTER: (f32, f32) = (1.6, 2.2);

/// The peaks of one track.
#[derive(Clone, Debug, Default)]
pub struct Grain {
    peaks: Running,
}

impl Grain {
    /// Takes the peak of one frame in.
    pub fn observe(&mut self, peak: f32) {
        self.peaks.add(peak);
    }

    /// Mean peak; `None` before there are enough.
    pub fn mean(&self) -> Option<f32> {
        self.peaks.mean(MIN_LOOKS)
    }
}

/// What the peaks say: a raster is a spoof's, and no raster is no evidence.
pub fn testify(grain: &Grain) -> LivenessWitness {
    let strength = grain.mean().map_or(0.0, |mean| ramp(mean, RASTER));
    let verdict = if strength > 0.0 {
        LivenessVerdict::Spoof
    } else {
        LivenessVerdict::Unknown
    };
    witness("grain", verdict, strength)
}

/// The peak in the middle of a face; `None` where the face is too small, too plain or not in the
/// frame.
pub(super) fn peak_of(frame: &dyn Pixels, bbox: &BBox) -> Option<f32> {
    if bbox.width < MIN_WIDTH {
        return None;
    }
    let (center, half) = (bbox.center(), SIDE as f32 / 2.0);
    let (x, y) = (center.x - half, center.y - half);
    let size = frame.size();
    let inside = x >= 0.0
        && y >= 0.0
        && x + SIDE as f32 <= size.width as f32
        && y + SIDE as f32 <= size.height as f32;
    if !inside {
        return None;
    }
    let region = Rect {
        x: x as u32,
        y: y as u32,
        width: SIDE as u32,
        height: SIDE as u32,
    };
    let mut piece = Rgb::default();
    frame.region(region, Size::new(SIDE as u32, SIDE as u32), &mut piece);
    let grey: Vec<f32> = piece
        .data()
        .as_chunks::<3>()
        .0
        .iter()
        .map(|pixel| f32::from(look::luma(pixel)))
        .collect();
    peak(&grey)
}

/// The peak of a square of `SIDE * SIDE` grey values; `None` for another number of them or a
/// plain one.
pub fn peak(grey: &[f32]) -> Option<f32> {
    let spectrum = spectrum(grey)?;
    let mut rings: Vec<Vec<f32>> = vec![Vec::new(); SIDE / 2 + 1];
    let mut candidates = Vec::new();
    // Real input: one half of the plane says it all.
    for ky in 0..SIDE {
        for kx in 0..=SIDE / 2 {
            let fy = if ky > SIDE / 2 { SIDE - ky } else { ky };
            let radius = (kx as f32).hypot(fy as f32);
            if radius <= LOW || radius > SIDE as f32 / 2.0 || is_blocky(kx, fy) {
                continue;
            }
            let magnitude = spectrum[ky * SIDE + kx];
            if let Some(ring) = rings.get_mut(radius as usize) {
                ring.push(magnitude);
                candidates.push((radius as usize, magnitude));
            }
        }
    }
    let medians: Vec<f32> = rings.iter_mut().map(|ring| median(ring)).collect();
    let ratio = |&(ring, magnitude): &(usize, f32)| {
        let usual = medians.get(ring).copied().unwrap_or(0.0).max(1e-3);
        magnitude / usual
    };
    let largest = candidates.iter().map(ratio).fold(0.0, f32::max);
    Some(largest.max(1.0).ln())
}

/// Whether a frequency is on or beside an axis, or where 8-pixel blocks put theirs.
fn is_blocky(kx: usize, ky: usize) -> bool {
    let block = SIDE / 8;
    let near = |k: usize| k % block <= 1 || k % block == block - 1;
    kx <= 1 || ky <= 1 || (near(kx) && near(ky))
}

fn median(values: &mut [f32]) -> f32 {
    values.sort_by(f32::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

/// Magnitudes of the windowed piece's transform.
fn spectrum(grey: &[f32]) -> Option<Vec<f32>> {
    if grey.len() != SIDE * SIDE {
        return None;
    }
    let mean = grey.iter().sum::<f32>() / grey.len() as f32;
    let variance = grey.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / grey.len() as f32;
    if !variance.is_finite() || variance < MIN_CONTRAST * MIN_CONTRAST {
        return None;
    }
    let window: Vec<f32> = (0..SIDE)
        .map(|i| {
            let turn = std::f32::consts::TAU * (i as f32 + 0.5) / SIDE as f32;
            0.5 - 0.5 * turn.cos()
        })
        .collect();
    let mut plane: Vec<Complex32> = grey
        .iter()
        .enumerate()
        .map(|(i, v)| Complex32::new((v - mean) * window[i % SIDE] * window[i / SIDE], 0.0))
        .collect();
    // Its tables are 64 numbers: made anew each time, they cost less than the transform.
    let fft = Radix4::new(SIDE, FftDirection::Forward);
    // Works on as many rows as the buffer holds.
    fft.process(&mut plane);
    transpose(&mut plane);
    fft.process(&mut plane);
    transpose(&mut plane);
    Some(plane.iter().map(|value| value.norm()).collect())
}

fn transpose(plane: &mut [Complex32]) {
    for y in 0..SIDE {
        for x in y + 1..SIDE {
            plane.swap(y * SIDE + x, x * SIDE + y);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A number from -1 to 1 for each place: the finalizer of SplitMix64.
    fn random(place: u64) -> f32 {
        let mut z = place.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }

    /// Soft shapes with noise, and a raster of the given frequency (cycles a pixel) and height.
    fn piece(seed: u32, raster: Option<(f32, f32, f32)>) -> Vec<f32> {
        (0..SIDE * SIDE)
            .map(|i| {
                let (x, y) = ((i % SIDE) as f32, (i / SIDE) as f32);
                let shape = 128.0 + 30.0 * (x * 0.07).sin() + 25.0 * (y * 0.05).cos();
                let n = random(u64::from(seed) << 32 | i as u64);
                let wave = raster.map_or(0.0, |(fx, fy, height)| {
                    height * (std::f32::consts::TAU * (fx * x + fy * y)).sin()
                });
                shape + 6.0 * n + wave
            })
            .collect()
    }

    #[test]
    fn a_raster_stands_out_and_noise_does_not() {
        for seed in 0..20 {
            let plain = peak(&piece(seed, None)).unwrap();
            let moire = peak(&piece(seed, Some((0.21, 0.17, 8.0)))).unwrap();
            assert!(plain < RASTER.0, "{seed}: {plain}");
            assert!(moire > RASTER.1, "{seed}: {moire}");
        }
    }

    #[test]
    fn blocks_of_compression_are_no_raster() {
        let mut blocks = piece(3, None);
        for (i, value) in blocks.iter_mut().enumerate() {
            let (x, y) = (i % SIDE / 8, i / SIDE / 8);
            *value += ((x * 7 + y * 13) % 5) as f32;
        }
        let peak = peak(&blocks).unwrap();
        assert!(peak < RASTER.1, "{peak}");
    }

    #[test]
    fn a_plain_or_wrong_piece_says_nothing() {
        assert_eq!(peak(&[100.0; SIDE * SIDE]), None);
        assert_eq!(peak(&[100.0; 10]), None);
        assert_eq!(peak(&[f32::NAN; SIDE * SIDE]), None);
    }

    #[test]
    fn only_a_raster_is_evidence() {
        let mut grain = Grain::default();
        for _ in 0..20 {
            grain.observe(1.5);
        }
        assert_eq!(testify(&grain).verdict, LivenessVerdict::Unknown);
        let mut grain = Grain::default();
        for _ in 0..20 {
            grain.observe(4.0);
        }
        assert_eq!(testify(&grain).verdict, LivenessVerdict::Spoof);
    }

    proptest! {
        #[test]
        fn the_peak_does_not_depend_on_brightness_or_contrast(seed in any::<u32>(), gain in 0.5f32..2.0, offset in -50.0f32..50.0) {
            let one = piece(seed % 1000, Some((0.3, 0.11, 4.0)));
            let other: Vec<f32> = one.iter().map(|v| v * gain + offset).collect();
            let (a, b) = (peak(&one).unwrap(), peak(&other).unwrap());
            prop_assert!((a - b).abs() < 0.02, "{} {}", a, b);
        }

        #[test]
        fn a_stronger_peak_is_never_less_of_a_spoof(a in 0.0f32..8.0, b in 0.0f32..8.0) {
            let strength = |peak: f32| {
                let mut grain = Grain::default();
                for _ in 0..10 {
                    grain.observe(peak);
                }
                testify(&grain).strength
            };
            prop_assert!(strength(a.max(b)) >= strength(a.min(b)));
        }
    }
}
