//! The pulse in the skin's colour: blood absorbs green light, and there is more of it with each
//! beat.
//!
//! Remote photoplethysmography by POS (Wang, den Brinker, Stuijk and de Haan, "Algorithmic
//! principles of remote PPG", IEEE TBME 64(7), 2017): in every window of 1.6 s the mean colours are
//! divided by their average, projected onto the plane across the skin tone
//! (`S₁ = G - B`, `S₂ = G + B - 2R`) and added up as `h = S₁ + S₂ · σ(S₁)/σ(S₂)`; the windows
//! overlap and are summed. The strength of a pulse is de Haan and Jeanne's signal-to-noise ratio
//! ("Robust pulse rate from chrominance-based rPPG", IEEE TBME 60(10), 2013): the power within
//! 0.15 Hz of the strongest frequency and of its double against the rest from 0.7 to 3 Hz.
//!
//! Looks come eight times a second at most, so they are brought onto an even raster of
//! `RATE` first. Ten seconds of a face are needed. Compression, motion and artificial light
//! drown the pulse more often than not, and a good recording replays it: a pulse found is some
//! evidence for a person, none found says nothing.

use std::{collections::VecDeque, time::Duration};

use goshawk_proto::detection::{LivenessVerdict, LivenessWitness};

use super::{ramp, witness};

/// Samples a second of the even raster.
const RATE: f32 = 10.0;
/// Length of what is looked at in seconds, and the samples of it.
const LENGTH: f32 = 12.0;
const MIN_LENGTH: f32 = 10.0;
/// Longest time between two looks; after a longer one the pulse begins anew.
const MAX_GAP: Duration = Duration::from_millis(260);
/// Samples of POS's window: 1.6 s.
const WINDOW: usize = 16;
/// Frequencies of a human heart, in Hz: 42 to 180 beats a minute.
const BAND: (f32, f32) = (0.7, 3.0);
const STEP: f32 = 0.05;
/// How far from the peak its power reaches, in Hz.
const WIDTH: f32 = 0.15;
/// Looks kept.
const MAX_LOOKS: usize = 160;
/// Signal-to-noise ratios, in dB, between which a pulse goes from possible to certain.
pub const FOUND: (f32, f32) = (2.0, 6.0);

/// The colours of one track's skin.
#[derive(Clone, Debug, Default)]
pub struct Pulse {
    looks: VecDeque<(Duration, [f32; 3])>,
}

impl Pulse {
    /// Takes the skin's mean colour in one frame in; times must not fall.
    pub fn observe(&mut self, at: Duration, skin: [f32; 3]) {
        if skin.iter().any(|v| !v.is_finite() || *v < 8.0) {
            return;
        }
        if let Some((last, _)) = self.looks.back()
            && at.saturating_sub(*last) > MAX_GAP
        {
            self.looks.clear();
        }
        self.looks.push_back((at, skin));
        let oldest = at.saturating_sub(Duration::from_secs_f32(LENGTH));
        while self.looks.front().is_some_and(|(at, _)| *at < oldest) || self.looks.len() > MAX_LOOKS
        {
            self.looks.pop_front();
        }
    }

    /// Signal-to-noise ratio in dB and beats a minute; `None` where the track is too short.
    pub fn measure(&self) -> Option<(f32, f32)> {
        let even = self.even()?;
        strongest(&pos(&even))
    }

    /// The colours on the even raster, by linear interpolation.
    fn even(&self) -> Option<Vec<[f32; 3]>> {
        let (first, last) = (self.looks.front()?.0, self.looks.back()?.0);
        let length = last.saturating_sub(first).as_secs_f32();
        if length < MIN_LENGTH {
            return None;
        }
        let count = (length * RATE) as usize;
        let mut pairs = self.looks.iter().zip(self.looks.iter().skip(1));
        let mut pair = pairs.next()?;
        let even = (0..count).map(|n| {
            let at = n as f32 / RATE;
            let since = |at: Duration| at.saturating_sub(first).as_secs_f32();
            while since(pair.1.0) < at {
                match pairs.next() {
                    Some(next) => pair = next,
                    None => break,
                }
            }
            let (a, b) = pair;
            let gap = (since(b.0) - since(a.0)).max(1e-3);
            let share = ((at - since(a.0)) / gap).clamp(0.0, 1.0);
            [0, 1, 2].map(|c| a.1[c] * (1.0 - share) + b.1[c] * share)
        });
        Some(even.collect())
    }
}

/// What the pulse says: found it is evidence, missing it is none.
pub fn testify(pulse: &Pulse) -> LivenessWitness {
    let strength = pulse.measure().map_or(0.0, |(snr, _)| ramp(snr, FOUND));
    let verdict = if strength > 0.0 {
        LivenessVerdict::Real
    } else {
        LivenessVerdict::Unknown
    };
    witness("pulse", verdict, strength)
}

/// POS over overlapping windows.
fn pos(colours: &[[f32; 3]]) -> Vec<f32> {
    let mut sum = vec![0.0; colours.len()];
    for (start, window) in colours.windows(WINDOW).enumerate() {
        let mean = |c: usize| window.iter().map(|v| v[c]).sum::<f32>() / WINDOW as f32;
        let means = [mean(0), mean(1), mean(2)];
        let normal = |v: &[f32; 3]| [0, 1, 2].map(|c| v[c] / means[c].max(1.0) - 1.0);
        let (mut first, mut second) = ([0.0; WINDOW], [0.0; WINDOW]);
        for (i, colour) in window.iter().enumerate() {
            let [r, g, b] = normal(colour);
            (first[i], second[i]) = (g - b, g + b - 2.0 * r);
        }
        let share = deviation(&first) / deviation(&second).max(1e-9);
        let mixed: Vec<f32> = first
            .iter()
            .zip(second)
            .map(|(a, b)| a + share * b)
            .collect();
        let middle = mixed.iter().sum::<f32>() / WINDOW as f32;
        for (i, value) in mixed.iter().enumerate() {
            sum[start + i] += value - middle;
        }
    }
    sum
}

fn deviation(values: &[f32]) -> f32 {
    let mean = values.iter().sum::<f32>() / values.len() as f32;
    let squares = values.iter().map(|v| (v - mean).powi(2)).sum::<f32>();
    (squares / values.len() as f32).sqrt()
}

/// The strongest frequency of the band: its signal-to-noise ratio in dB and its beats a minute.
fn strongest(signal: &[f32]) -> Option<(f32, f32)> {
    let count = ((BAND.1 - BAND.0) / STEP) as usize + 1;
    let bins: Vec<(f32, f32)> = (0..count)
        .map(|n| {
            let frequency = BAND.0 + n as f32 * STEP;
            (frequency, power(signal, frequency))
        })
        .collect();
    let peak = bins.iter().max_by(|a, b| a.1.total_cmp(&b.1))?.0;
    let belongs = |f: f32| (f - peak).abs() <= WIDTH || (f - 2.0 * peak).abs() <= WIDTH;
    let (mut own, mut rest) = (0.0f32, 0.0f32);
    for (frequency, power) in bins {
        if belongs(frequency) {
            own += power;
        } else {
            rest += power;
        }
    }
    let snr = 10.0 * (own.max(1e-20) / rest.max(1e-20)).log10();
    snr.is_finite().then_some((snr, peak * 60.0))
}

/// Power at a frequency, under a Hann window.
fn power(signal: &[f32], frequency: f32) -> f32 {
    let (mut real, mut imaginary) = (0.0f32, 0.0f32);
    let count = signal.len().max(1) as f32;
    for (i, value) in signal.iter().enumerate() {
        let hann = 0.5 - 0.5 * (std::f32::consts::TAU * (i as f32 + 0.5) / count).cos();
        let turn = std::f32::consts::TAU * frequency * i as f32 / RATE;
        real += value * hann * turn.cos();
        imaginary += value * hann * turn.sin();
    }
    real * real + imaginary * imaginary
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Twelve seconds of skin at eight looks a second; `beat` in Hz, `depth` as a share.
    fn skin(beat: f32, depth: f32, noise: f32, drift: f32) -> Pulse {
        let mut pulse = Pulse::default();
        for n in 0..97u32 {
            let at = n as f32 / 8.0;
            let wave = depth * (std::f32::consts::TAU * beat * at).sin();
            let random = |k: f32| ((n as f32 * 12.9898 + k * 78.233).sin() * 43758.547).fract();
            let light = 1.0 + drift * (at * 0.9).sin();
            let colour = [
                (170.0 * (1.0 + 0.33 * wave) + noise * random(1.0)) * light,
                (120.0 * (1.0 + 0.77 * wave) + noise * random(2.0)) * light,
                (100.0 * (1.0 + 0.53 * wave) + noise * random(3.0)) * light,
            ];
            pulse.observe(Duration::from_secs_f32(at), colour);
        }
        pulse
    }

    #[test]
    fn a_pulse_is_found_at_its_rate_under_changing_light() {
        for (beat, drift) in [(1.0, 0.0), (1.3, 0.02), (2.0, 0.02)] {
            let pulse = skin(beat, 0.006, 0.15, drift);
            let (snr, rate) = pulse.measure().unwrap();
            assert!((rate - 60.0 * beat).abs() < 6.5, "{beat}: {rate}");
            assert!(snr > FOUND.0, "{beat}: {snr}");
            assert_eq!(testify(&pulse).verdict, LivenessVerdict::Real);
        }
    }

    #[test]
    fn noise_and_light_are_no_pulse() {
        for drift in [0.0, 0.03] {
            let (snr, _) = skin(1.0, 0.0, 0.4, drift).measure().unwrap();
            assert!(snr < FOUND.0, "{drift}: {snr}");
        }
    }

    #[test]
    fn a_short_or_broken_track_says_nothing() {
        let mut pulse = Pulse::default();
        for n in 0..60 {
            pulse.observe(Duration::from_millis(n * 125), [150.0; 3]);
        }
        assert_eq!(pulse.measure(), None);
        pulse.observe(Duration::from_secs(60), [150.0; 3]);
        assert_eq!(pulse.looks.len(), 1);
        assert_eq!(testify(&pulse).verdict, LivenessVerdict::Unknown);
    }

    proptest! {
        #[test]
        fn what_it_keeps_is_bounded_and_what_it_says_finite(colours in proptest::collection::vec((0u64..200, 0.0f32..255.0), 0..400)) {
            let mut pulse = Pulse::default();
            let mut at = 0;
            for (gap, value) in colours {
                at += gap;
                pulse.observe(Duration::from_millis(at), [value, value * 0.8, value * 0.7]);
            }
            prop_assert!(pulse.looks.len() <= MAX_LOOKS + 1);
            prop_assert!((0.0..=1.0).contains(&testify(&pulse).strength.get()));
        }
    }
}
