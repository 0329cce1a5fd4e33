//! Is there a person round this face, or nothing? One picture's view of "flying faces".
//!
//! Two things speak against a person:
//!
//! * **no body**: what is under the chin looks like what is beside the head. Both regions' colours
//!   are taken as normal distributions, and `body = 1 - exp(-D)` with the Bhattacharyya distance
//!   `D = Σ (μ₁-μ₂)² / (4(σ₁²+σ₂²)) + ½ ln((σ₁²+σ₂²) / (2σ₁σ₂))` over the three colours
//!   (Bhattacharyya, "On a measure of divergence between two statistical populations", 1943),
//!   averaged over both sides;
//! * **a frame**: straight lines on both sides of the face and over or under it, as the border of
//!   a print or a screen makes them. A line is as strong as the share of its length on which the
//!   brightness steps in the same direction; lines up to 15 degrees aslant count, because hands
//!   tremble. Heads and shoulders are round and score low, and so does a single straight line
//!   (a door, a shelf).
//!
//! The score of a live person's surroundings is `body · (1 - framed)`. It is weak evidence from
//! one picture: a portrait with shoulders printed large has a body and no border in view, and a
//! cut-out head before a crowd has something under it. Where the part under the chin lies outside
//! the frame nothing is said.

use goshawk_proto::{geometry::BBox, picture::Rgb};

use super::look::Patch;

/// Deviation added to each colour's, in levels: what a lamp's light differs by across a wall.
const NOISE: f32 = 12.0;
/// Share of a line on which brightness must step the same way before it is one at all.
const LEAST_LINE: f32 = 0.75;
/// Smallest step in brightness, in levels between neighbouring pixels.
const STEP: f32 = 3.0;
/// Largest slant of a line as a share of its length: 15 degrees.
const SLANT: f32 = 0.27;

/// What was found round a face.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Surroundings {
    /// How different the part under the chin is from what is beside the head, 0 to 1; `None` where
    /// it is not in the frame.
    pub body: Option<f32>,
    /// How much the face is framed by straight lines, 0 to 1.
    pub framed: f32,
}

impl Surroundings {
    /// That a person belongs to this face, 0 to 1; `None` where that cannot be seen.
    pub fn score(&self) -> Option<f32> {
        self.body.map(|body| {
            let framed = self.framed.clamp(0.0, 1.0);
            body.clamp(0.0, 1.0) * (1.0 - framed)
        })
    }
}

/// Measures the surroundings in a patch; `colours` is the same square in colour.
pub fn measure(colours: &Rgb, patch: &Patch) -> Surroundings {
    Surroundings {
        body: body(colours, patch),
        framed: framed(patch),
    }
}

/// A box of a patch by its edges in face widths and heights, from the face's middle and top.
fn zone(face: &BBox, left: f32, top: f32, right: f32, bottom: f32) -> BBox {
    let middle = face.center().x;
    BBox::from_edges(
        middle + left * face.width,
        face.y + top * face.height,
        middle + right * face.width,
        face.y + bottom * face.height,
    )
}

fn body(colours: &Rgb, patch: &Patch) -> Option<f32> {
    let under = zone(&patch.face, -0.5, 1.15, 0.5, 1.7);
    if !patch.shows(&under) {
        return None;
    }
    let under = Colours::of(colours, &under)?;
    let sides = [
        zone(&patch.face, -1.5, 0.1, -0.95, 0.8),
        zone(&patch.face, 0.95, 0.1, 1.5, 0.8),
    ];
    let distances: Vec<f32> = sides
        .iter()
        .filter(|side| patch.shows(side))
        .filter_map(|side| Colours::of(colours, side))
        .map(|side| 1.0 - (-under.distance(&side)).exp())
        .collect();
    let count = distances.len();
    (count > 0).then(|| distances.iter().sum::<f32>() / count as f32)
}

/// Mean and variance of each colour.
struct Colours([(f32, f32); 3]);

impl Colours {
    fn of(picture: &Rgb, area: &BBox) -> Option<Self> {
        let rect = area.to_rect(picture.size());
        let count = rect.width * rect.height;
        if count < 16 {
            return None;
        }
        let mut sums = [(0.0f64, 0.0f64); 3];
        for y in rect.y..rect.y + rect.height {
            for x in rect.x..rect.x + rect.width {
                let pixel = picture.pixel(i64::from(x), i64::from(y));
                for ((sum, squares), value) in sums.iter_mut().zip(pixel) {
                    let value = f64::from(value);
                    *sum += value;
                    *squares += value * value;
                }
            }
        }
        let count = f64::from(count);
        Some(Self(sums.map(|(sum, squares)| {
            let mean = sum / count;
            let variance = (squares / count - mean * mean).max(0.0) as f32;
            (mean as f32, variance + NOISE * NOISE)
        })))
    }

    fn distance(&self, other: &Self) -> f32 {
        let channels = self.0.iter().zip(&other.0);
        let sum: f32 = channels
            .map(|(&(m1, v1), &(m2, v2))| {
                let both = v1 + v2;
                (m1 - m2).powi(2) / (4.0 * both) + 0.5 * (both / (2.0 * (v1 * v2).sqrt())).ln()
            })
            .sum();
        sum.max(0.0)
    }
}

/// The weakest of: left, right, and the better one of top and bottom.
fn framed(patch: &Patch) -> f32 {
    let face = &patch.face;
    let upright = Side {
        along: (
            face.y - 0.1 * face.height,
            face.bottom() + 0.1 * face.height,
        ),
        upright: true,
    };
    let level = Side {
        along: (
            face.center().x - 0.6 * face.width,
            face.center().x + 0.6 * face.width,
        ),
        upright: false,
    };
    let middle = face.center().x;
    let left = upright.strongest(
        patch,
        (middle - 1.6 * face.width, middle - 0.6 * face.width),
    );
    if left <= 0.0 {
        return 0.0;
    }
    let right = upright.strongest(
        patch,
        (middle + 0.6 * face.width, middle + 1.6 * face.width),
    );
    if right <= 0.0 {
        return 0.0;
    }
    let top = level.strongest(
        patch,
        (face.y - 0.8 * face.height, face.y - 0.15 * face.height),
    );
    let bottom = level.strongest(
        patch,
        (
            face.bottom() + 0.1 * face.height,
            face.bottom() + 1.1 * face.height,
        ),
    );
    left.min(right).min(top.max(bottom))
}

/// A family of lines: upright or level, over a stretch of the patch.
struct Side {
    along: (f32, f32),
    upright: bool,
}

impl Side {
    /// The strongest line whose middle lies `within`, 0 to 1.
    fn strongest(&self, patch: &Patch, within: (f32, f32)) -> f32 {
        let length = self.along.1 - self.along.0;
        let reach = (length * SLANT) as i32;
        let (from, to) = (within.0.ceil() as i32, within.1.floor() as i32);
        let mut best = 0.0f32;
        for place in from..=to {
            for slant in (-reach..=reach).step_by(2) {
                best = best.max(self.line(patch, place as f32, slant as f32 / length));
            }
        }
        ((best - LEAST_LINE) / (1.0 - LEAST_LINE)).clamp(0.0, 1.0)
    }

    /// Share of a line on which brightness steps the same way across it. Pixels outside the frame
    /// are no step.
    fn line(&self, patch: &Patch, place: f32, slant: f32) -> f32 {
        let middle = (self.along.0 + self.along.1) / 2.0;
        let (mut up, mut down, mut count) = (0u32, 0u32, 0u32);
        for along in self.along.0.ceil() as i32..=self.along.1.floor() as i32 {
            let across = (place + slant * (along as f32 - middle)).round() as i32;
            let (x, y) = if self.upright {
                (across, along)
            } else {
                (along, across)
            };
            count += 1;
            let inside = BBox::new(x as f32 - 1.0, y as f32 - 1.0, 3.0, 3.0);
            if !patch.shows(&inside) {
                continue;
            }
            let step = if self.upright {
                patch.at(x + 1, y) - patch.at(x - 1, y)
            } else {
                patch.at(x, y + 1) - patch.at(x, y - 1)
            };
            up += u32::from(step >= 2.0 * STEP);
            down += u32::from(step <= -2.0 * STEP);
        }
        up.max(down) as f32 / count.max(1) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::liveness::look::{Look, tests::Drawn};
    use goshawk_proto::geometry::Size;
    use proptest::prelude::*;

    const FACE: BBox = BBox::new(280.0, 160.0, 80.0, 100.0);

    /// A wall with a soft pattern.
    fn wall(x: f32, y: f32) -> f32 {
        120.0 + 7.0 * (x * 0.021).sin() + 5.0 * (y * 0.017).cos()
    }

    fn head(x: f32, y: f32) -> bool {
        ((x - 320.0) / 48.0).hypot((y - 205.0) / 66.0) < 1.0
    }

    fn look(draw: impl Fn(f32, f32) -> [u8; 3] + Send + Sync) -> Surroundings {
        Look::cut(&Drawn::new(Size::new(640, 480), draw), &FACE, None)
            .unwrap()
            .surroundings
    }

    #[test]
    fn a_person_has_a_body_and_no_frame() {
        let shoulders =
            |x: f32, y: f32| y > 265.0 && (x - 320.0).abs() < 30.0 + 1.4 * (y - 265.0).min(90.0);
        let found = look(|x, y| match (head(x, y), shoulders(x, y)) {
            (true, _) => [190, 150, 130],
            (_, true) => [40, 50, 90],
            _ => [wall(x, y) as u8; 3],
        });
        assert!(found.body.unwrap() > 0.8, "{found:?}");
        assert!(found.framed < 0.2, "{found:?}");
        assert!(found.score().unwrap() > 0.7);
    }

    #[test]
    fn a_face_alone_in_the_air_has_no_body() {
        let found = look(|x, y| {
            if head(x, y) {
                [190, 150, 130]
            } else {
                [wall(x, y) as u8; 3]
            }
        });
        assert!(found.body.unwrap() < 0.5, "{found:?}");
    }

    #[test]
    fn a_print_held_up_is_framed() {
        let found = look(|x, y| {
            // Tilted by a few degrees.
            let (u, v) = (
                x - 320.0 + 0.08 * (y - 205.0),
                y - 205.0 - 0.08 * (x - 320.0),
            );
            if head(x, y) {
                [190, 150, 130]
            } else if u.abs() < 85.0 && v.abs() < 105.0 {
                [235, 235, 230]
            } else {
                [wall(x, y) as u8; 3]
            }
        });
        assert!(found.framed > 0.6, "{found:?}");
        assert!(found.score().unwrap() < 0.4);
    }

    #[test]
    fn under_the_frames_edge_nothing_is_said() {
        let frame = Drawn::new(Size::new(640, 480), |_, _| [90; 3]);
        let low = BBox::new(280.0, 370.0, 80.0, 100.0);
        let found = Look::cut(&frame, &low, None).unwrap().surroundings;
        assert_eq!((found.body, found.score()), (None, None));
    }

    proptest! {
        #[test]
        fn measures_stay_in_their_ranges(seed in any::<u32>(), x in -50.0f32..600.0, y in -50.0f32..450.0) {
            let frame = Drawn::new(Size::new(640, 480), move |x, y| {
                let n = (x * 12.9898 + y * 78.233 + seed as f32 * 1e-3).sin() * 43758.547;
                [(n.fract().abs() * 255.0) as u8; 3]
            });
            if let Some(look) = Look::cut(&frame, &BBox::new(x, y, 60.0, 80.0), None) {
                let found = look.surroundings;
                prop_assert!((0.0..=1.0).contains(&found.framed));
                prop_assert!(found.body.is_none_or(|body| (0.0..=1.0).contains(&body)));
                prop_assert!(found.score().is_none_or(|score| (0.0..=1.0).contains(&score)));
            }
        }

        #[test]
        fn more_body_and_less_frame_never_score_less(
            a in 0.0f32..=1.0, b in 0.0f32..=1.0, c in 0.0f32..=1.0, d in 0.0f32..=1.0,
        ) {
            let score = |body, framed| Surroundings { body: Some(body), framed }.score();
            prop_assert!(score(a.max(b), c.min(d)) >= score(a.min(b), c.max(d)));
        }
    }
}
