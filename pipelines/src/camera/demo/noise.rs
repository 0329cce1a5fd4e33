//! Repeatable randomness: hashes of integers, and smooth noise made of them.

/// A well-mixed 64-bit hash (the finaliser of SplitMix64, Steele et al. 2014).
pub(super) fn hash(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A number from 0 to 1 for a seed and a place.
pub(super) fn unit(seed: u64, place: u64) -> f32 {
    (hash(seed ^ hash(place)) >> 40) as f32 / (1u64 << 24) as f32
}

/// A sequence of such numbers.
pub(super) struct Dice {
    seed: u64,
    rolled: u64,
}

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self { seed, rolled: 0 }
    }

    /// The next number, from `low` to `high`.
    pub fn roll(&mut self, low: f32, high: f32) -> f32 {
        self.rolled += 1;
        low + (high - low) * unit(self.seed, self.rolled)
    }
}

/// Smooth noise from 0 to 1 that changes over about one unit of `x` and `y`.
pub(super) fn smooth(seed: u64, x: f32, y: f32) -> f32 {
    let (left, top) = (x.floor(), y.floor());
    let at = |dx: f32, dy: f32| {
        let (x, y) = ((left + dx) as i64 as u64, (top + dy) as i64 as u64);
        unit(seed, (x << 32) ^ (y & 0xffff_ffff))
    };
    let (u, v) = (ease(x - left), ease(y - top));
    let above = at(0.0, 0.0) * (1.0 - u) + at(1.0, 0.0) * u;
    let below = at(0.0, 1.0) * (1.0 - u) + at(1.0, 1.0) * u;
    above * (1.0 - v) + below * v
}

/// Three octaves of [`smooth`], 0 to 1.
pub(super) fn rough(seed: u64, x: f32, y: f32) -> f32 {
    (smooth(seed, x, y) * 4.0
        + smooth(seed ^ 1, x * 2.3, y * 2.3) * 2.0
        + smooth(seed ^ 2, x * 5.1, y * 5.1))
        / 7.0
}

/// From 0 to 1 without a corner at either end.
pub(super) fn ease(t: f32) -> f32 {
    let t = t.clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}
