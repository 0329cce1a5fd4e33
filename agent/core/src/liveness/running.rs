//! A running mean.

/// Mean of all values so far; those that are no number are left out.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Running {
    count: u32,
    mean: f64,
}

impl Running {
    /// Takes a value in.
    pub fn add(&mut self, value: f32) {
        if value.is_finite() {
            self.count = self.count.saturating_add(1);
            self.mean += (f64::from(value) - self.mean) / f64::from(self.count);
        }
    }

    /// The mean, where at least `least` values make it.
    pub fn mean(&self, least: u32) -> Option<f32> {
        (self.count > 0 && self.count >= least).then_some(self.mean as f32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_is_of_numbers_and_of_enough() {
        let mut running = Running::default();
        assert_eq!(running.mean(0), None);
        for value in [1.0, f32::NAN, 3.0] {
            running.add(value);
        }
        assert_eq!(running.mean(2), Some(2.0));
        assert_eq!(running.mean(3), None);
    }
}
