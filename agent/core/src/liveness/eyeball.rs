//! Gaze that shifts: eyes jump in a head that holds still, those of a photograph do not.
//!
//! Where the iris is comes from the strip between the corners of each eye, as the centre of its
//! darkness (a weighted centroid, after the intensity cue in Timm and Barth, "Accurate eye centre
//! localisation by means of gradients", VISAPP 2011), as a share of the strip's length. A shift is
//! what saccades look like at eight looks a second: both irises move the same way by at least
//! [`SHIFT`] of the eye's width, then stay for at least two looks, while yaw and pitch hold to a
//! few degrees. Faces with eyes of less than `MIN_EYE` pixels are left out. A replayed recording
//! has shifts too, and someone who looks into the camera has none: found they are weak evidence
//! for a person, missing they are none.

use std::{collections::VecDeque, time::Duration};

use goshawk_proto::{
    detection::{HeadPose, LivenessVerdict, LivenessWitness},
    geometry::{Point, Rect, Size},
    picture::{Pixels, Rgb},
};

use super::{look, mesh, witness};

/// Shortest eye, corner to corner, in pixels of the frame.
const MIN_EYE: f32 = 16.0;
/// Pixels of the strip that is cut out of each eye.
const STRIP: (u32, u32) = (32, 12);
/// Least way of both irises, in widths of the eye.
pub const SHIFT: f32 = 0.09;
/// Most that the irises scatter before and after a shift.
const STEADY: f32 = 0.03;
/// Largest change of yaw or pitch over a shift, in degrees.
const STILL: f32 = 4.0;
/// Looks that make a shift: two before, two after.
const LOOKS: usize = 4;
/// Longest time over these.
const MAX_TIME: Duration = Duration::from_millis(900);
/// Shifts that leave no doubt.
const SURE: u32 = 3;

/// Where the irises are, as shares of the eyes' widths from the image's left corner: left eye in
/// x, right eye in y. `None` where the eyes are too small or no darkness stands out.
pub(super) fn irises(frame: &dyn Pixels, points: &[Point]) -> Option<Point> {
    if points.len() != mesh::POINTS {
        return None;
    }
    let left = iris(frame, points[mesh::LEFT_EYE[0]], points[mesh::LEFT_EYE[3]])?;
    let right = iris(
        frame,
        points[mesh::RIGHT_EYE[3]],
        points[mesh::RIGHT_EYE[0]],
    )?;
    Some(Point::new(left, right))
}

/// The iris between two corners, `a` the left one.
fn iris(frame: &dyn Pixels, a: Point, b: Point) -> Option<f32> {
    let width = b.x - a.x;
    // Strips are level: a head tilted by more than 20 degrees is left out.
    if !width.is_finite() || width < MIN_EYE || (b.y - a.y).abs() > 0.36 * width {
        return None;
    }
    let height = width * 0.375;
    let (x, y) = (a.x, (a.y + b.y) / 2.0 - height / 2.0);
    let size = frame.size();
    let inside =
        x >= 0.0 && y >= 0.0 && x + width <= size.width as f32 && y + height <= size.height as f32;
    if !inside {
        return None;
    }
    let region = Rect {
        x: x as u32,
        y: y as u32,
        width: width.round() as u32,
        height: height.round().max(1.0) as u32,
    };
    let mut strip = Rgb::default();
    frame.region(region, Size::new(STRIP.0, STRIP.1), &mut strip);
    darkness(&strip)
}

/// The centre of the darkest part of a strip, as a share of its length.
fn darkness(strip: &Rgb) -> Option<f32> {
    let grey: Vec<u8> = strip
        .data()
        .as_chunks::<3>()
        .0
        .iter()
        .map(look::luma)
        .collect();
    let mut sorted = grey.clone();
    sorted.sort_unstable();
    let at = |share: usize| {
        sorted
            .get(sorted.len() * share / 100)
            .copied()
            .map(f32::from)
    };
    let (dark, bright) = (at(3)?, at(80)?);
    if bright - dark < 24.0 {
        return None;
    }
    let limit = dark + 0.45 * (bright - dark);
    let (mut sum, mut weights) = (0.0f32, 0.0f32);
    for (i, value) in grey.iter().enumerate() {
        let weight = (limit - f32::from(*value)).max(0.0).powi(2);
        // Corners are dark too: lashes and shadow.
        let x = (i as u32 % STRIP.0) as f32 / STRIP.0 as f32;
        if (0.12..0.88).contains(&x) {
            sum += weight * x;
            weights += weight;
        }
    }
    (weights > 0.0).then(|| sum / weights)
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    at: Duration,
    iris: Point,
    pose: HeadPose,
}

/// The shifts of one track.
#[derive(Clone, Debug, Default)]
pub struct Gaze {
    recent: VecDeque<Sample>,
    shifts: u32,
}

impl Gaze {
    /// Takes the irises of one frame in; times must not fall.
    pub fn observe(&mut self, at: Duration, iris: Point, pose: HeadPose) {
        if !iris.x.is_finite() || !iris.y.is_finite() {
            return;
        }
        self.recent.push_back(Sample { at, iris, pose });
        if self.recent.len() > LOOKS {
            self.recent.pop_front();
        }
        if self.is_shift() {
            self.shifts = self.shifts.saturating_add(1);
            // What came after the shift may be what comes before the next.
            self.recent.drain(..LOOKS / 2);
        }
    }

    /// Shifts so far.
    pub fn shifts(&self) -> u32 {
        self.shifts
    }

    fn is_shift(&self) -> bool {
        let Some([a, b, c, d]) = self.last_four() else {
            return false;
        };
        let steady = |one: &Sample, other: &Sample| {
            (one.iris.x - other.iris.x).abs() <= STEADY
                && (one.iris.y - other.iris.y).abs() <= STEADY
        };
        let still = |one: &Sample, other: &Sample| {
            (one.pose.yaw - other.pose.yaw).abs() <= STILL
                && (one.pose.pitch - other.pose.pitch).abs() <= STILL
        };
        let (x, y) = (c.iris.x - b.iris.x, c.iris.y - b.iris.y);
        let jumps = x.abs() >= SHIFT && y.abs() >= SHIFT && x.signum() == y.signum();
        let soon = d.at.saturating_sub(a.at) <= MAX_TIME;
        jumps && soon && steady(&a, &b) && steady(&c, &d) && still(&a, &d) && still(&b, &c)
    }

    fn last_four(&self) -> Option<[Sample; LOOKS]> {
        let last: Vec<Sample> = self.recent.iter().copied().collect();
        last.try_into().ok()
    }
}

/// What the shifts say: from two on they are evidence.
pub fn testify(gaze: &Gaze) -> LivenessWitness {
    let shifts = gaze.shifts();
    if shifts < 2 {
        return witness("gaze", LivenessVerdict::Unknown, 0.0);
    }
    let strength = 0.5 + 0.5 * (shifts.min(SURE) - 2) as f32 / (SURE - 2) as f32;
    witness("gaze", LivenessVerdict::Real, strength)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::liveness::look::tests::Drawn;

    /// A face whose irises are at a share of the eyes.
    fn eyes(at: f32) -> Option<Point> {
        let mut points = vec![Point::new(320.0, 240.0); mesh::POINTS];
        let corners = [(33, 260.0), (133, 300.0), (362, 340.0), (263, 380.0)];
        for (index, x) in corners {
            points[index] = Point::new(x, 200.0);
        }
        let frame = Drawn::new(Size::new(640, 480), move |x, y| {
            let iris = |left: f32| (x - left - 40.0 * at).hypot(y - 200.0) < 7.0;
            if iris(260.0) || iris(340.0) {
                [30; 3]
            } else {
                [200; 3]
            }
        });
        irises(&frame, &points)
    }

    fn watch(at: impl Fn(u32) -> f32, yaw: impl Fn(u32) -> f32) -> Gaze {
        let mut gaze = Gaze::default();
        for n in 0..40 {
            let iris = Point::new(at(n), at(n));
            let pose = HeadPose {
                yaw: yaw(n),
                ..HeadPose::default()
            };
            gaze.observe(Duration::from_millis(u64::from(n) * 125), iris, pose);
        }
        gaze
    }

    #[test]
    fn irises_are_where_the_eyes_are_dark() {
        for at in [0.35, 0.5, 0.65] {
            let found = eyes(at).unwrap();
            assert!(
                (found.x - at).abs() < 0.04 && (found.y - at).abs() < 0.04,
                "{at}: {found:?}"
            );
        }
    }

    #[test]
    fn jumps_are_shifts_and_drift_noise_and_turning_heads_are_not() {
        let jumps = |n: u32| {
            if (n / 8).is_multiple_of(2) {
                0.42
            } else {
                0.56
            }
        };
        let shifts = watch(jumps, |_| 0.0);
        assert_eq!(shifts.shifts(), 4);
        assert_eq!(testify(&shifts).verdict, LivenessVerdict::Real);
        assert_eq!(watch(|n| 0.4 + 0.005 * n as f32, |_| 0.0).shifts(), 0);
        let noise = |n: u32| 0.5 + 0.06 * ((n as f32 * 12.9898).sin() * 43758.547).fract();
        let said = testify(&watch(noise, |_| 0.0));
        assert_eq!(
            said.verdict,
            LivenessVerdict::Unknown,
            "one by chance is none"
        );
        assert_eq!(watch(jumps, |n| jumps(n) * 100.0).shifts(), 0);
        assert_eq!(
            testify(&watch(|_| 0.5, |_| 0.0)).verdict,
            LivenessVerdict::Unknown
        );
    }

    #[test]
    fn plain_or_small_eyes_say_nothing() {
        let plain = Drawn::new(Size::new(640, 480), |_, _| [120; 3]);
        let points = vec![Point::new(320.0, 240.0); mesh::POINTS];
        assert_eq!(irises(&plain, &points), None);
        assert_eq!(irises(&plain, &[]), None);
    }
}
