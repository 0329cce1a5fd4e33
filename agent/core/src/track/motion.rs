//! How a box moves: the Kalman filter of SORT (Bewley et al. 2016, arXiv 1602.00763) on centre x,
//! centre y, area and aspect ratio, with constant velocity of the first three.
//!
//! Two things differ from the paper. Time is in seconds, so that frame intervals may vary: the
//! process noise is that of a white random acceleration over the interval. And noise is measured
//! in box sizes (square root of the area) instead of pixels, so that a near and a far person are
//! treated alike. With SORT's diagonal noise the seven-dimensional filter falls apart into four
//! independent ones, exactly; that is how it is computed here.

use goshawk_proto::geometry::BBox;

/// Measurement noise of a centre, in box sizes.
const CENTER_NOISE: f64 = 0.05;
/// Measurement noise of area and aspect ratio, relative.
const SHAPE_NOISE: f64 = 0.10;
/// Random change of area, relative, per square root of a second cubed.
const AREA_AGILITY: f64 = 0.6;
/// Drift of the aspect ratio, relative, per square root of a second.
const RATIO_DRIFT: f64 = 0.15;
/// A predicted area stays within this factor of the last one measured.
const AREA_RANGE: f64 = 4.0;

/// One coordinate with its velocity: a two-state Kalman filter.
#[derive(Clone, Copy, Debug)]
struct Axis {
    value: f64,
    velocity: f64,
    p_vv: f64,
    p_xv: f64,
    p_xx: f64,
}

impl Axis {
    fn new(value: f64, noise: f64, velocity_noise: f64) -> Self {
        Self {
            value,
            velocity: 0.0,
            p_xx: noise * noise,
            p_xv: 0.0,
            p_vv: velocity_noise * velocity_noise,
        }
    }

    fn predict(&mut self, dt: f64, agility: f64) {
        let q = agility * agility;
        self.value += self.velocity * dt;
        self.p_xx += dt * (2.0 * self.p_xv + dt * self.p_vv) + q * dt.powi(3) / 3.0;
        self.p_xv += dt * self.p_vv + q * dt * dt / 2.0;
        self.p_vv += q * dt;
    }

    fn correct(&mut self, measured: f64, noise: f64) {
        let total = self.p_xx + noise * noise;
        let (gain, velocity_gain) = (self.p_xx / total, self.p_xv / total);
        let innovation = measured - self.value;
        self.value += gain * innovation;
        self.velocity += velocity_gain * innovation;
        self.p_vv -= velocity_gain * self.p_xv;
        self.p_xv *= 1.0 - gain;
        self.p_xx *= 1.0 - gain;
    }
}

/// State of one box.
#[derive(Clone, Debug)]
pub(crate) struct Motion {
    cx: Axis,
    cy: Axis,
    area: Axis,
    ratio: f64,
    p_ratio: f64,
    /// Area last measured, square pixels.
    measured_area: f64,
    /// Random acceleration in box sizes per square root of a second cubed.
    agility: f64,
}

impl Motion {
    /// A box seen for the first time. Its velocity is unknown: its spread is that of a person who
    /// has accelerated for two seconds.
    pub fn new(bbox: &BBox, agility: f64) -> Self {
        let (cx, cy, area, ratio) = measure(bbox);
        let size = area.sqrt();
        let spread = agility * 2f64.sqrt() * size;
        Self {
            cx: Axis::new(cx, CENTER_NOISE * size, spread),
            cy: Axis::new(cy, CENTER_NOISE * size, spread),
            area: Axis::new(area, SHAPE_NOISE * area, AREA_AGILITY * area),
            ratio,
            p_ratio: (SHAPE_NOISE * ratio).powi(2),
            measured_area: area,
            agility,
        }
    }

    /// Moves the state `dt` seconds ahead.
    pub fn predict(&mut self, dt: f64) {
        let size = self.measured_area.sqrt();
        self.cx.predict(dt, self.agility * size);
        self.cy.predict(dt, self.agility * size);
        self.area.predict(dt, AREA_AGILITY * self.measured_area);
        let (least, most) = (
            self.measured_area / AREA_RANGE,
            self.measured_area * AREA_RANGE,
        );
        if !(least..=most).contains(&self.area.value) {
            self.area.value = self.area.value.clamp(least, most);
            self.area.velocity = 0.0;
        }
        self.p_ratio += (RATIO_DRIFT * self.ratio).powi(2) * dt;
    }

    /// Takes a measured box in.
    pub fn correct(&mut self, bbox: &BBox) {
        let (cx, cy, area, ratio) = measure(bbox);
        let size = area.sqrt();
        self.cx.correct(cx, CENTER_NOISE * size);
        self.cy.correct(cy, CENTER_NOISE * size);
        self.area.correct(area, SHAPE_NOISE * area);
        self.area.value = self.area.value.max(1.0);
        let noise = (SHAPE_NOISE * ratio).powi(2);
        let gain = self.p_ratio / (self.p_ratio + noise);
        self.ratio += gain * (ratio - self.ratio);
        self.p_ratio *= 1.0 - gain;
        self.measured_area = area;
    }

    /// The box of the state.
    pub fn bbox(&self) -> BBox {
        let width = (self.area.value * self.ratio).max(1.0).sqrt();
        let height = (self.area.value / width).max(1.0);
        let (left, top) = (self.cx.value - width / 2.0, self.cy.value - height / 2.0);
        BBox::new(left as f32, top as f32, width as f32, height as f32)
    }

    /// Velocity of the centre in pixels a second.
    pub fn velocity(&self) -> (f32, f32) {
        (self.cx.velocity as f32, self.cy.velocity as f32)
    }
}

/// Centre x, centre y, area and width over height.
fn measure(bbox: &BBox) -> (f64, f64, f64, f64) {
    let (width, height) = (
        f64::from(bbox.width).max(1.0),
        f64::from(bbox.height).max(1.0),
    );
    let (left, top) = (f64::from(bbox.x), f64::from(bbox.y));
    (
        left + width / 2.0,
        top + height / 2.0,
        width * height,
        width / height,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(t: f64) -> BBox {
        BBox::new(
            (50.0 + 120.0 * t) as f32,
            (80.0 - 30.0 * t) as f32,
            40.0,
            50.0,
        )
    }

    #[test]
    fn velocity_is_learnt_at_any_frame_interval() {
        for interval in [0.04, 0.1, 0.2] {
            let mut motion = Motion::new(&at(0.0), 3.0);
            let mut t = 0.0;
            for _ in 0..15 {
                t += interval;
                motion.predict(interval);
                motion.correct(&at(t));
            }
            motion.predict(0.4);
            let off = motion.bbox().center().distance(at(t + 0.4).center());
            assert!(off < 8.0, "interval {interval}: {off} px off after 0.4 s");
        }
    }

    #[test]
    fn two_short_steps_predict_like_a_long_one() {
        let mut one = Motion::new(&at(0.0), 3.0);
        one.predict(0.2);
        one.correct(&at(0.2));
        let mut two = one.clone();
        one.predict(0.3);
        two.predict(0.1);
        two.predict(0.2);
        assert!(one.bbox().iou(&two.bbox()) > 0.9999);
        assert!((one.cx.p_xx - two.cx.p_xx).abs() < 1e-6 * one.cx.p_xx);
        assert!((one.cx.p_xv - two.cx.p_xv).abs() < 1e-6 * one.cx.p_xv);
    }

    #[test]
    fn a_shrinking_box_never_vanishes_while_coasting() {
        let mut motion = Motion::new(&BBox::new(0.0, 0.0, 100.0, 100.0), 3.0);
        for side in [80.0, 60.0, 40.0] {
            motion.predict(0.1);
            motion.correct(&BBox::new(0.0, 0.0, side, side));
        }
        motion.predict(60.0);
        let bbox = motion.bbox();
        assert!(bbox.area() >= 1600.0 / 4.1 && bbox.area().is_finite());
    }
}
