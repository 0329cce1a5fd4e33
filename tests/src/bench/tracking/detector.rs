//! What a detector makes of the truth: boxes a little off, some missed, some made up, and unsure
//! where little of an object is visible.

use goshawk_proto::{geometry::BBox, score::Score};

use super::random::Random;

/// An object that is really there.
#[derive(Clone, Copy, Debug)]
pub struct Object {
    /// Who it is, from 1.
    pub id: u32,
    /// Its whole box, also what is hidden of it.
    pub bbox: BBox,
    /// How much of it is to be seen, 0 to 1.
    pub visible: f64,
}

/// One box of the detector.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// The box.
    pub bbox: BBox,
    /// How sure it is.
    pub score: Score,
    /// Whose box it is; `None`: nobody's.
    pub id: Option<u32>,
}

/// A detector's faults.
#[derive(Clone, Copy, Debug)]
pub struct Detector {
    /// Spread of each edge, in sides of the box.
    pub jitter: f64,
    /// Probability of missing an object that is fully visible.
    pub miss: f64,
    /// Boxes of nothing in a frame, on average.
    pub false_boxes: f64,
    /// Score of an object fully visible; its spread is 0.07.
    pub score: f64,
}

impl Default for Detector {
    fn default() -> Self {
        Self {
            jitter: 0.025,
            miss: 0.02,
            false_boxes: 0.05,
            score: 0.85,
        }
    }
}

/// Of what is less visible than this nothing is seen.
const LEAST_VISIBLE: f64 = 0.2;
/// Boxes below this score are not told.
const LEAST_SCORE: f64 = 0.1;

impl Detector {
    /// What it sees in a frame of `width` by `height` pixels.
    pub fn look(
        &self,
        objects: &[Object],
        (width, height): (f64, f64),
        random: &mut Random,
    ) -> Vec<Seen> {
        let mut seen: Vec<Seen> = objects
            .iter()
            .filter_map(|object| self.find(object, random))
            .collect();
        // At most one box of nothing in each of twenty tries: near enough to Poisson.
        for _ in 0..20 {
            if random.chance(self.false_boxes / 20.0) {
                let side = random.between(30.0, 150.0);
                let (x, y) = (random.between(0.0, width), random.between(0.0, height));
                seen.push(Seen {
                    bbox: BBox::new(x as f32, y as f32, side as f32, 2.0 * side as f32),
                    score: Score::saturating(random.between(0.1, 0.75) as f32),
                    id: None,
                });
            }
        }
        seen
    }

    fn find(&self, object: &Object, random: &mut Random) -> Option<Seen> {
        let noise = [
            random.normal(),
            random.normal(),
            random.normal(),
            random.normal(),
        ];
        let score = self.score - 0.55 * (1.0 - object.visible) + 0.07 * random.normal();
        let missed = random.chance(self.miss);
        if missed || object.visible < LEAST_VISIBLE || score < LEAST_SCORE {
            return None;
        }
        // What is half hidden is also measured worse.
        let jitter = self.jitter * (2.0 - object.visible);
        let (w, h) = (f64::from(object.bbox.width), f64::from(object.bbox.height));
        let (dx, dy) = (jitter * w * noise[0], jitter * h * noise[1]);
        let (dw, dh) = (jitter * w * noise[2], jitter * h * noise[3]);
        Some(Seen {
            bbox: BBox::new(
                object.bbox.x + (dx - dw / 2.0) as f32,
                object.bbox.y + (dy - dh / 2.0) as f32,
                (w + dw).max(2.0) as f32,
                (h + dh).max(2.0) as f32,
            ),
            score: Score::saturating(score.min(0.99) as f32),
            id: Some(object.id),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hidden_are_not_seen_and_the_half_hidden_are_unsure() {
        let object = |visible| Object {
            id: 1,
            bbox: BBox::new(100.0, 100.0, 50.0, 100.0),
            visible,
        };
        let detector = Detector {
            miss: 0.0,
            false_boxes: 0.0,
            ..Detector::default()
        };
        let mut random = Random::new(3);
        let mut look = |visible| detector.look(&[object(visible)], (640.0, 480.0), &mut random);
        assert!(look(0.1).is_empty());
        let half: f32 = (0..50).flat_map(|_| look(0.5)).map(|s| s.score.get()).sum();
        let full: f32 = (0..50).flat_map(|_| look(1.0)).map(|s| s.score.get()).sum();
        assert!(half < full - 8.0, "{half} {full}");
    }
}
